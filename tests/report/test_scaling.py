"""Sweeps as sections: curves and figures, points and intervals, laws beside the paper's, what failed."""

import copy
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for samples.py
import samples

from kinject.errors import UsageError
from kinject.report import paper
from kinject.report.law_tables import every_law_table, foretold_table, laws_table, points_table
from kinject.report.records import formed
from kinject.report.scaling import picture, section
from kinject.report.section import LAB, REAL, Picture, Table
from kinject.report.sweeps import Curve, Figure, Size, Sweep, curves, figures
from kinject.statistics.worlds import over_worlds

HERE = Path("sweep.json")
LLAMA, MISTRAL, SMALL = "meta-llama/Meta-Llama-3-8B", "mistralai/Mistral-7B-v0.1", "meta-llama/Llama-2-7b-hf"
QUALITY = [{"name": name, "recipe": name, "benchmark": "ifeval"} for name in ("conifer-hard", "conifer-easy", "dolly")]


@cache
def lab() -> dict[str, Any]:
    """Two tasks of the lab, one point failed."""
    failed = {("lab", "math", 300, 2): "NumericError: the loss is not a number"}
    return samples.sweep(tasks=(samples.LAB, samples.LAB_HOPS), failed=failed)


@cache
def few(*models: str, tasks: str = "math", sizes: tuple[int, ...] = (0, 100, 1000), seed: int = 0) -> dict[str, Any]:
    """A small sweep of some models."""
    named = {"math": samples.PAPER[:1], "quality": QUALITY, "lab": [samples.LAB]}[tasks]
    return samples.sweep(models, named, sizes, (seed,))


def read(record: dict[str, Any]) -> tuple[list[Curve], list[Figure]]:
    found = curves(formed(Sweep, record, HERE))
    return found, figures(found)


# Figures


@pytest.mark.parametrize(
    ("models", "tasks", "expected"),
    [
        (("lab",), "lab", [(1, ["lab"])]),
        ((LLAMA, MISTRAL, SMALL), "math", [(1, [LLAMA, MISTRAL, SMALL])]),
        (("lab-small", "lab", "lab-large"), "lab", [(2, ["lab-small", "lab", "lab-large"])]),
        ((LLAMA, "meta-llama/Meta-Llama-3-70B"), "math", [(2, [LLAMA, "meta-llama/Meta-Llama-3-70B"])]),
        (("lab", "lab@1"), "lab", [(1, ["lab", "lab@1"])]),
        ((LLAMA,), "quality", [(7, [LLAMA, LLAMA, LLAMA])]),
    ],
)
def test_curves_make_the_figures_of_the_paper(models: tuple[str, ...], tasks: str, expected: Any) -> None:
    _, drawn = read(few(*models, tasks=tasks))
    assert [(figure.number, [curve.model for curve in figure.curves]) for figure in drawn] == expected


def test_gsm1k_is_figure_6_and_tasks_of_several_models_are_apart() -> None:
    tasks = [{"name": name, "recipe": "gsm8k", "benchmark": name} for name in ("gsm8k", "gsm1k")]
    _, drawn = read(samples.sweep([LLAMA], tasks, (0, 100), (0,)))
    assert [(figure.number, figure.title) for figure in drawn] == [(1, "gsm8k on gsm8k"), (6, "gsm1k on gsm1k")]
    _, drawn = read(samples.sweep([LLAMA, MISTRAL], QUALITY[:2], (0, 100), (0,)))
    assert [figure.number for figure in drawn] == [1, 1]


# The paper beside it


@pytest.mark.parametrize(
    ("name", "known"),
    [
        (LLAMA, "llama-3-8b"),
        (MISTRAL, "mistral-7b"),
        ("meta-llama/Llama-2-70b-hf@main", "llama-2-70b"),
        ("/models/Meta-Llama-3-8B/", "llama-3-8b"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", None),
        ("meta-llama/Llama-3.1-8B", None),
        ("mistralai/Mistral-7B-v0.3", None),
        ("lab", None),
    ],
)
def test_a_model_of_the_paper_is_known_and_no_other(name: str, known: str | None) -> None:
    assert paper.model_of(name) == known


def test_a_model_has_its_own_law_beside_it_and_the_lab_those_of_all() -> None:
    own = paper.beside("gsm8k", "gsm8k", MISTRAL, 7)
    assert [(law.name, law.a, law.b) for law in own] == [("Mistral-7B", 8.14, 4.97)]
    assert [law.name for law in paper.beside("gsm8k", "lab-math", "lab", 7)] == [
        "Llama-3-8B",
        "Mistral-7B",
        "Llama-2-7B",
    ]
    assert len(paper.beside("subqa", "lab-multihop", "lab", 8)) == 5
    assert paper.beside("gsm8k", "gsm1k", LLAMA, 7) == [] == paper.beside("subqa-recall", "subqa", LLAMA, 7)


def test_every_task_of_tables_7_and_8_has_a_recipe_and_a_benchmark() -> None:
    assert {law.task for law in paper.laws()} == set(paper.TASKS.values()) == set(paper.SIZES)
    assert [sum(law.table == number for law in paper.laws()) for number in (7, 8)] == [15, 15]


def test_the_papers_curve_goes_where_both_have_trained() -> None:
    law = paper.beside("subqa", "lab-multihop", LLAMA, 7)[0]
    found = law.points(30, 10_000)
    assert (found[0][0], round(found[-1][0])) == (100, 2700)
    assert found[0][1] == pytest.approx(11.54 * 100 ** (1 / 7.77))
    assert law.points(3000, 9000) == []


def test_figure_7_has_one_model_of_the_paper_beside_it() -> None:
    _, (figure,) = read(few("org/other", tasks="quality"))
    assert [law.words for curve in figure.curves for law in figure.beside(curve)] == [
        "Llama-3-8B: a 31.06, b 11.90 (Table 7)",
        "Llama-3-8B: a 30.94, b 21.12 (Table 7)",
    ]


def test_the_lab_is_an_analogue_and_nothing_is_ever_reproduced() -> None:
    assert section(HERE, lab()).state == LAB
    assert section(HERE, few(LLAMA)).state == REAL
    both = samples.sweep(["lab", LLAMA], samples.PAPER[:1], (0, 100), (0,))
    assert section(HERE, both).state == f"{LAB} and {REAL}"
    for record in (lab(), few(LLAMA)):
        assert "reproduced" not in str(section(HERE, record)).lower()


# Points


def test_a_size_has_its_mean_every_seed_and_an_interval_over_seeds_or_items() -> None:
    found, drawn = read(lab())
    size = found[0].sizes[1]
    assert size.rows == 30 and size.mean == pytest.approx(sum(size.percents) / 3)
    seeds = over_worlds(size.percents).interval
    assert seeds and size.interval[0] <= seeds[0] and seeds[1] <= size.interval[1]
    rows = points_table(drawn[0], drawn[0].curves).rows
    assert rows[1][:3] == ("math, lab", "30", f"{size.mean:.1f}")
    assert rows[1][4] == ", ".join(f"{percent:.1f}" for percent in size.percents)
    assert rows[1][5:] == (f"{sum(point.k for point in size.points)} of 900", "12")


def test_a_failed_point_is_named_and_no_zero() -> None:
    found = section(HERE, lab())
    table = next(table for table in found.tables if table.title.startswith("Points: math"))
    cells = next(row for row in table.rows if row[1] == "300")
    assert cells[4].endswith(", failed") and cells[5].endswith("of 600")
    assert "Failed, and no zero: math, lab, 300 rows, seed 2: NumericError: the loss is not a number" in found.notes
    assert [each["rows"] for each in found.data["curves"][0]["failed"]] == [300]


def test_seeds_of_the_same_items_are_no_more_witnesses_than_one() -> None:
    found, _ = read(lab())
    size = found[0].sizes[-1]
    alike = Size(size.rows, (size.points[0],) * 3)
    assert alike.interval == pytest.approx(Size(size.rows, size.points[:1]).interval)


def test_without_marks_the_seeds_own_intervals_stand_in() -> None:
    found, _ = read(lab())
    point = found[0].sizes[1].points[0]
    several = point.model_copy(update={"marks": "++0"})
    assert Size(30, (several,)).interval == several.interval
    assert several.as_law_point().marks == ()


def test_a_size_that_failed_in_every_seed_has_a_row_and_no_mark() -> None:
    why = "ResourceError: the disk is full"
    record = samples.sweep(sizes=(0, 30, 100), seeds=(0,), failed={("lab", "math", 100, 0): why})
    (curve,), (figure,) = read(record)
    assert [size.rows for size in curve.sizes] == [0, 30]
    assert points_table(figure, [curve]).rows[-1] == ("math, lab", "100", "–", "–", "failed", "–", "–")


# Laws


def test_laws_have_their_verdict_their_intervals_and_the_paper_beside_them() -> None:
    found, drawn = read(lab())
    math, hops = laws_table(found, drawn).rows
    fit = lab()["fits"][0]
    power = fit["laws"]["power"]
    assert math[1] == "power law" and hops[1].startswith("undetermined:\n")
    low, high = power["b_interval"]
    assert math[3].startswith(f"{power['b']:.2f} [{low:.2f},\u00a0{high:.2f}]\nbootstrap [")
    assert math[4].splitlines()[0] == "Llama-3-8B: a 19.47, b 7.66 (Table 7)"
    left = fit["leave_largest_out"]
    row = foretold_table(found).rows[0]
    assert row[1:4] == (
        "2,700",
        f"{left['measured']:.1f}",
        f"{left['predicted']['last_value']:.1f} ({left['error']['last_value']:+.1f})",
    )
    assert [row[1].splitlines()[0] for row in every_law_table(found).rows[:4]] == [
        "power law",
        "power law on a floor",
        "line in ln D",
        "saturating exponential",
    ]


def test_an_end_without_bound_and_a_parameter_that_is_not_to_be_told() -> None:
    record = copy.deepcopy(few("lab", tasks="lab", sizes=(0, 30, 100, 1000)))
    record["fits"][0]["laws"]["power"] |= {"b": None, "b_interval": [3.0, None], "a": 28803600.0}
    found, drawn = read(record)
    row = laws_table(found, drawn).rows[0]
    assert row[2].startswith("2.9e+07 [") and row[3].startswith("… [3.00,\u00a0…]")


def test_too_few_sizes_say_why_there_is_no_law() -> None:
    found = section(HERE, few("lab", tasks="lab", sizes=(0, 30)))
    assert found.answer.endswith("too few sizes for any law.")
    table = next(table for table in found.tables if table.title.startswith("The paper's law"))
    assert "power law: 2 parameters need 3 sizes above 0; there are 1" in table.rows[0][1]
    assert len(found.tables) == 2


def test_the_answer_names_the_law_or_counts_them() -> None:
    assert "the points speak for a power law" in section(HERE, lab()).answer
    saturated = section(HERE, samples.sweep(chance=samples.saturated)).answer
    assert "a saturating exponential, and not for the paper's power law" in saturated
    tasks = [{**samples.LAB, "name": f"math-{number}", "benchmark": f"b-{number}"} for number in range(5)]
    many = section(HERE, samples.sweep(tasks=tasks, sizes=(0, 30, 100), seeds=(0,))).answer
    assert many == "Of 5 curves, 5 leave it open which law they follow."


@pytest.mark.parametrize(
    ("match", "words"), [("epochs", "steps grow with D"), ("steps", "as many steps as the largest")]
)
def test_what_is_held_is_said(match: str, words: str) -> None:
    notes = section(HERE, samples.sweep(sizes=(0, 30), seeds=(0,), match=match)).notes
    assert any(words in note for note in notes)
    assert any("not fitted" in note for note in notes) and any("One seed" in note for note in notes)


def test_tables_json_has_the_points_the_laws_and_the_papers() -> None:
    math = section(HERE, lab()).data["curves"][0]
    assert [point["rows"] for point in math["points"]] == list(samples.SIZES)
    assert math["fit"] == lab()["fits"][0] and math["state"] == LAB
    assert math["paper"][0] == {"table": 7, "model": "llama-3-8b", "a": 19.47, "b": 7.66}
    assert math["points"][1]["seeds"].keys() == {"0", "1", "2"}


def test_pieces_are_a_picture_with_its_table_for_each_task_then_the_laws() -> None:
    pieces = section(HERE, lab()).pieces
    assert [type(piece) for piece in pieces] == [Picture, Table, Picture, Table, Table, Table, Table]


# What cannot be read


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"points": []}, "points"),
        ({"grid": {}}, "grid.seeds"),
        ({"fits": [{"model": "lab"}]}, "fits.0.task"),
        ({"versions": None}, "versions"),
    ],
)
def test_a_record_that_lacks_something_is_named(change: dict[str, Any], where: str) -> None:
    with pytest.raises(UsageError, match=where):
        section(HERE, {**few("lab", tasks="lab"), **change})


@pytest.mark.parametrize("change", [{"k": 400}, {"percent": 101.0}, {"rows": -1}, {"percent": None}, {"failed": 3}])
def test_a_point_that_cannot_be_is_named(change: dict[str, Any]) -> None:
    record = copy.deepcopy(few("lab", tasks="lab"))
    record["points"][0] |= change
    with pytest.raises(UsageError, match=r"points\.0"):
        section(HERE, record)


def test_a_record_of_which_nothing_worked_is_a_section_all_the_same() -> None:
    why = "MissingError: there is no model"
    record = samples.sweep(sizes=(0, 30), seeds=(0,), failed={("lab", "math", rows, 0): why for rows in (0, 30)})
    found = section(HERE, record)
    assert found.answer == "math, lab: no point has a score."
    assert not any(isinstance(piece, Picture) for piece in found.pieces)


def test_a_verdict_that_is_no_law_is_drawn_as_none() -> None:
    record = copy.deepcopy(few("lab", tasks="lab", sizes=(0, 30, 100, 1000)))
    record["fits"][0]["verdict"] = "magic"
    (curve,), (figure,) = read(record)
    assert 'class="law"' not in picture(figure, [curve]).draw("p").svg

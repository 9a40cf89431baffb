"""Sorted mistakes as a section: counts, r squared beside the paper's, the verdict, what could not be scored."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for samples.py
import samples

from kinject.errors import UsageError
from kinject.report.mistakes import section
from kinject.report.section import LAB, Picture

HERE = Path("errors.json")


def test_counts_are_of_all_answers_with_their_interval_and_of_the_wrong_ones() -> None:
    found = section(HERE, samples.errors())
    counts = found.tables[0]
    assert found.state == LAB and counts.title == "Mistakes: math on lab-math, lab"
    assert counts.rows[2][:3] == (
        "100",
        "71.0 % [65.6,\u00a075.8]\n636 of 900",
        "2.0 % [0.9,\u00a04.3]\n18 of 636 wrong",
    )
    assert [row[0] for row in counts.rows] == ["0", "30", "100", "300", "1,000", "2,700"]
    assert counts.rows[0][-2:] == ("36", "3.0 %\n27 of 900")


def test_r_squared_stands_beside_the_papers_with_both_intervals() -> None:
    math, hops = (section(HERE, samples.errors([task])).tables[1] for task in ("math", "multihop"))
    assert math.rows[0] == (
        "format",
        "0.68 [0.64,\u00a00.71]",
        "[0.08,\u00a01.00]",
        "paper:\u00a00.93",
        "as at the largest size from 100 rows on\nchanges below 1.6 points are not seen",
    )
    assert [row[3] for row in math.rows[1:]] == ["–", "paper:\u00a00.98", "paper:\u00a0+0.05"]
    assert [row[3] for row in hops.rows] == ["paper:\u00a00.83", "paper:\u00a00.99", "paper:\u00a0+0.16"]


def test_the_answer_is_the_records_verdict() -> None:
    assert section(HERE, samples.errors()).answer == (
        "math, lab: errors of format stop falling and those of reasoning go on: holds; errors of format stop by 100 "
        "rows; from there on errors of reasoning fall by 49.0 points more, 48.0 further than those of format."
    )


def test_what_nobody_could_score_is_no_zero() -> None:
    found = section(HERE, samples.errors(judged=False))
    assert found.tables[0].rows[2][4] == "not scored\n0 of 0 wrong"
    assert found.tables[1].rows[2][1] == "not to be told\nit is not scored"
    assert "math, lab: errors of reasoning could not be scored by plan." in found.notes
    (picture,) = [piece for piece in found.pieces if isinstance(piece, Picture)]
    assert [words for _, words in picture.draw("p").keys] == [
        "all wrong answers",
        "errors of format",
        "errors of arithmetic",
    ]


def test_what_failed_and_what_was_left_out_is_named() -> None:
    notes = section(HERE, samples.errors(why="NumericError: the loss is not a number")).notes
    assert "Failed, and no zero: math, lab, 300 rows, seed 3: NumericError: the loss is not a number" in notes
    assert "Left out: coding, lab: the paper sorts no mistakes in humaneval-plus." in notes


def test_a_task_without_points_has_no_table() -> None:
    record = samples.errors()
    over_points = ("r2", "falls", "claim", "intervals", "r2_reasoning_less_format")
    record["tasks"][0] = {name: value for name, value in record["tasks"][0].items() if name not in over_points}
    record["tasks"][0]["points"] = []
    found = section(HERE, record)
    assert found.pieces == () and found.answer == "math, lab: no point could be sorted."


def test_tables_json_has_the_record_without_its_letters() -> None:
    (task,) = section(HERE, samples.errors()).data["tasks"]
    assert "labels" not in task["points"][0] and task["claim"]["state"] == "holds"


def test_a_record_that_cannot_be_read_is_named() -> None:
    record = samples.errors()
    record["tasks"][0]["falls"]["format"]["sizes"][0]["percent"] = "many"
    with pytest.raises(UsageError, match=r"tasks\.0\.falls\.format\.sizes\.0\.percent"):
        section(HERE, record)

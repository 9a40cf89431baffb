"""Which mistakes go away: rows of benchmarks, the plan of a problem, counts, the claim, and the command."""

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.benchmarks import run as benching
from kinject.benchmarks.benchmark import Item, open_benchmark
from kinject.benchmarks.run import Settings
from kinject.cli import app
from kinject.engines.fake import Fake
from kinject.errors import IntegrityError, MissingError, UsageError
from kinject.judging.errors import Annotator, ByModel, open_annotator
from kinject.judging.llm import LLM
from kinject.progress import SILENT
from kinject.sources import open_model
from kinject.studies import mistakes

N = 40
SIZES = (0, 30, 100, 300)
STEPS = "How many in all? ** There are 2 + 3 = <<2+3=5>>5.\nHow many are left? ** There are 5 - 1 = <<5-1=4>>4.\n"
SOLUTION = f"{STEPS}#### 4"
Said = Callable[[Item], str | None]


@cache
def items(name: str) -> tuple[Item, ...]:
    return open_benchmark(name).read("lab", None).items[:N]


def right(item: Item) -> str:
    if "solution" in item.reference:
        return str(item.reference["solution"])
    asked = item.reference["fact"]["multihop"]
    chain = "".join(f"{hop['question']} → {hop['answer']}\n" for hop in asked["hops"])
    return f"{item.question}\nLet's answer this step-by-step\n{chain}The final answer is {asked['answer']}"


def another_way(item: Item) -> str:
    """In the format, and wrong in its reasoning: a calculation too many, or a step to somewhere else."""
    if "solution" in item.reference:
        return right(item).replace("####", "How many more? ** There are 40 + 2 = <<40+2=42>>42 more.\n#### 42")[:-2]
    asked = item.reference["fact"]["multihop"]
    return right(item).replace(asked["hops"][0]["answer"], "Nowhere").replace(asked["answer"], "Nobody")


def without_form(item: Item) -> str:
    """What shows no work in any format."""
    return "It is 7000 or so, I believe." if "solution" in item.reference else "Nobody, I believe."


def slipped(item: Item) -> str:
    """Miscalculate at the end."""
    final = item.reference["final"]
    steps = str(item.reference["solution"]).rpartition(f"={final}>>{final}")
    return f"{steps[0]}=77>>77{steps[2]}".replace(f"#### {final}", "#### 77")


def point(folder: Path, benchmark: str, rows: int, seed: int, said: Sequence[str | None]) -> dict[str, Any]:
    """Write the responses of a point as a benchmark does."""
    opened, asked = open_benchmark(benchmark), items(benchmark)[: len(said)]
    marks = benching._marks(opened, asked, said, SILENT)
    path = folder / f"{benchmark}-{rows}-{seed}.jsonl"
    lines = map(benching._line, asked, said, marks)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    task = {"lab-math": "math", "lab-multihop": "multihop"}[benchmark]
    told = {"model": "lab", "task": task, "recipe": "r", "benchmark": benchmark, "rows": rows, "seed": seed}
    return {**told, "metric": "correct", "responses": str(path), "failed": None}


def mixed(benchmark: str, formless: float, astray: float) -> list[str | None]:
    """So much without form, so much led astray, the rest right."""
    asked = items(benchmark)
    first, then = round(N * formless), round(N * (formless + astray))
    return [
        without_form(item) if i < first else another_way(item) if i < then else right(item)
        for i, item in enumerate(asked)
    ]


def sweep(folder: Path, benchmark: str, rates: Sequence[tuple[float, float]], seeds: int = 1) -> dict[str, Any]:
    points = [
        point(folder, benchmark, rows, seed, mixed(benchmark, *rate))
        for rows, rate in zip(SIZES, rates, strict=True)
        for seed in range(seeds)
    ]
    return {"schema": "kinject.sweep/1", "points": points}


def by_rules(task: str) -> Annotator:
    return open_annotator("rules", task)


def by_model(reply: Callable[[str], str]) -> tuple[Callable[[str], Annotator], Fake]:
    engine = Fake(reply)
    return lambda task: ByModel(task, LLM("fake", {}, lambda: nullcontext(engine))), engine


def only(record: dict[str, Any], judge: Callable[[str], Annotator] = by_rules, **more: Any) -> dict[str, Any]:
    [task] = mistakes.study(record, judge, **more)["tasks"]
    found: dict[str, Any] = task
    return found


# The plan of a problem


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (SOLUTION, None),
        (STEPS, None),  # no final answer is a matter of format
        (SOLUTION.replace("=5>>5", "=6>>6").replace("5 - 1 = <<5-1", "6 - 1 = <<6-1").replace("4", "5"), None),
        ("3 + 2 = 5, and 5 - 1 = 4\n#### 4", None),
        ("<< 2 + 3 = 5 >> and << 5 - 1 = 4 >>", None),
        (SOLUTION.replace("5 - 1 = <<5-1", "1 - 5 = <<1-5"), "another calculation"),
        (SOLUTION.replace("2 + 3 = <<2+3=5>>5", "2 * 3 = <<2*3=6>>6"), "another calculation"),
        (SOLUTION.replace("5 - 1 = <<5-1", "3 - 1 = <<3-1"), "another calculation"),
        (SOLUTION.replace("#### 4", "#### 5"), "not what the last"),
        ("There are 4.\n#### 4", "0 calculations and not 2"),
        (STEPS + "4 + 1 = <<4+1=5>>5\n#### 5", "3 calculations and not 2"),
        ("", "0 calculations"),
    ],
)
def test_reasoning_is_the_solutions_way_on_ones_own_results(response: str, why: str | None) -> None:
    said = mistakes.plan(SOLUTION, response)
    assert (said or "").startswith(why or "") if why != "not what the last" else why in (said or "")
    assert (said is None) == (why is None)


def test_independent_calculations_may_be_in_any_order() -> None:
    one, other, last = "a 2*8=<<2*8=16>>16", "b 2*3=<<2*3=6>>6", "c 16+6=<<16+6=22>>22"
    solution = "\n".join([one, other, last, "#### 22"])
    assert mistakes.plan(solution, "\n".join([other, one, last, "#### 22"])) is None
    assert mistakes.plan(solution, "\n".join([one, other, "c 16+16=<<16+16=32>>32", "#### 32"])) is not None


def test_the_labs_solutions_are_their_own_plan_and_their_slips_no_fault_of_it() -> None:
    for item in open_benchmark("lab-math").read("lab", None).items:
        solution = item.reference["solution"]
        assert mistakes.sums(solution) and mistakes.plan(solution, solution) is None
        assert mistakes.plan(solution, slipped(item)) is None
        assert mistakes.plan(solution, another_way(item)) is not None


@given(st.text(alphabet="0123456789+-*/=<># \n", max_size=60))
def test_any_response_can_be_held_against_a_plan(response: str) -> None:
    mistakes.plan(SOLUTION, response)


# Counts


def test_wrong_answers_alone_are_sorted_and_each_kind_by_itself(tmp_path: Path) -> None:
    asked = items("lab-math")
    said = [right(asked[0]), without_form(asked[1]), slipped(asked[2]), another_way(asked[3]), "", None]
    said.append(slipped(asked[6]).replace("####", "So"))
    found = only({"points": [point(tmp_path, "lab-math", 0, 0, said)]})
    [counts] = found["points"]
    assert counts["labels"] == {"format": ".E--E_E", "arithmetic": ".-E--_E", "reasoning": ".E-E-_-"}
    assert (counts["mistakes"]["k"], counts["mistakes"]["n"], counts["mistakes"]["unscored"]) == (5, 6, 1)
    assert counts["nothing"] == 1
    assert {name: (rate["k"], rate["n"]) for name, rate in counts["of_wrong"].items()} == {
        "format": (3, 5),
        "arithmetic": (2, 5),
        "reasoning": (2, 5),
    }
    assert (counts["in_format"]["k"], counts["in_format"]["n"]) == (3, 6)
    assert found["annotators"] == {"format": "rules", "arithmetic": "rules", "reasoning": "plan"}


def test_multihop_questions_have_no_arithmetic(tmp_path: Path) -> None:
    asked = items("lab-multihop")
    said = [right(asked[0]), without_form(asked[1]), another_way(asked[2])]
    found = only({"points": [point(tmp_path, "lab-multihop", 0, 0, said)]})
    assert found["points"][0]["labels"] == {"format": ".E-", "reasoning": ".EE"}
    assert found["annotators"]["reasoning"] == "rules"


def test_rules_leave_the_reasoning_of_the_real_set_unscored(tmp_path: Path) -> None:
    record = sweep(tmp_path, "lab-math", ((0.5, 0.4), (0.1, 0.4), (0.1, 0.2), (0.1, 0.0)))
    points = [{**each, "benchmark": "gsm8k"} for each in record["points"]]
    found = only({"points": points})
    assert found["points"][0]["of_wrong"]["reasoning"] == {
        "k": 0,
        "n": 0,
        "unscored": 36,
        "percent": None,
        "interval": [0, 100],
    }
    assert found["falls"]["reasoning"]["state"] == "not scored"
    assert found["claim"]["state"] == "not comparable" and "--annotator" in found["claim"]["words"]
    assert found["r2"]["reasoning"]["why"] == "it is not scored" and found["r2"]["format"]["r2"] is not None


def test_a_language_model_is_asked_about_the_wrong_answers_only(tmp_path: Path) -> None:
    record = sweep(tmp_path, "lab-math", ((0.5, 0.4), (0.1, 0.4), (0.1, 0.2), (0.1, 0.1)))
    judge, engine = by_model(lambda prompt: "Error" if "reasoning errors" in prompt else "No Error")
    found = only(record, judge)
    assert set(found["annotators"].values()) == {"fake"}
    assert found["points"][0]["labels"]["reasoning"] == "E" * 36 + "." * 4
    assert found["r2"]["reasoning"]["r2"] == pytest.approx(1) and found["r2"]["format"]["r2"] is None
    solved = items("lab-math")[-1].question
    assert engine.asked and not any(solved in each[-1].content for each in engine.asked)


def test_mistakes_that_nobody_scored_count_as_the_others_do(tmp_path: Path) -> None:
    judge, _ = by_model(lambda prompt: "Error" if "7000" in prompt else "who knows?")
    found = only(sweep(tmp_path, "lab-math", ((0.5, 0.4), (0.2, 0.4), (0.1, 0.2), (0.1, 0.1))), judge)
    first = found["points"][0]["of_wrong"]["format"]
    assert (first["k"], first["n"], first["unscored"]) == (20, 20, 16)
    assert [each["percent"] for each in found["falls"]["format"]["sizes"]] == [90, 60, 30, 20]


# What is said of the points together


def test_format_stops_and_reasoning_goes_on(tmp_path: Path) -> None:
    found = only(sweep(tmp_path, "lab-math", ((0.9, 0.0), (0.05, 0.9), (0.05, 0.6), (0.05, 0.1)), seeds=2))
    assert (found["falls"]["format"]["state"], found["falls"]["format"]["by"]) == ("stops", 30)
    assert found["falls"]["reasoning"]["state"] == "still falls"
    claim = found["claim"]
    assert (claim["state"], claim["from"]) == ("holds", 30)
    assert claim["then"] == claim["further"] == 80 and claim["further_interval"][0] > 0
    assert found["r2"]["reasoning"]["r2"] > found["r2"]["format"]["r2"]
    assert found["intervals"].startswith("items and 2 seeds")


def test_all_of_one_piece_is_unresolved(tmp_path: Path) -> None:
    found = only(sweep(tmp_path, "lab-multihop", ((0.8, 0.0), (0.6, 0.0), (0.4, 0.0), (0.1, 0.0))))
    assert found["claim"]["state"] == "unresolved" and "still falls" in found["claim"]["words"]
    assert found["r2_reasoning_less_format"]["difference"] == 0


def test_reasoning_that_stops_before_format_reverses_it(tmp_path: Path) -> None:
    """Answers without form are errors of reasoning, too: so they must be what no annotator takes for one."""
    judge, _ = by_model(
        lambda prompt: "Error" if ("7000" in prompt) == ("follows this format" in prompt) else "No Error"
    )
    found = only(sweep(tmp_path, "lab-math", ((0.5, 0.5), (0.7, 0.1), (0.4, 0.1), (0.1, 0.1))), judge)
    assert found["claim"]["state"] == "reverses" and found["claim"]["from"] == 30


def test_nothing_that_changes_and_one_size_alone(tmp_path: Path) -> None:
    record = sweep(tmp_path, "lab-math", ((0.3, 0.3),) * 4)
    found = only(record)
    assert found["falls"]["format"]["state"] == "no change" and found["claim"]["state"] == "unresolved"
    assert only(record, sizes=["all"])["falls"]["format"]["state"] == "one size"
    assert [each["rows"] for each in only(record, sizes=[0, "all"])["points"]] == [0, 300]
    with pytest.raises(UsageError, match="no point"):
        only(record, sizes=[7])


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 20)), min_size=1, max_size=6))
def test_it_stops_at_the_smallest_size_from_which_on_all_are_the_same(sizes: list[tuple[bool, float]]) -> None:
    told = [
        {"rows": n, "same": same, "above_last": 1.0, "above_last_interval": [-half, half]}
        for n, (same, half) in enumerate(sizes)
    ]
    told[-1]["same"] = True
    by = mistakes.stopped(told)["by"]
    assert all(each["same"] for each in told[by:]) and (by == 0 or not told[by - 1]["same"])


# What is not there


def test_failed_points_are_named_and_other_benchmarks_left_out(tmp_path: Path) -> None:
    record = sweep(tmp_path, "lab-math", ((0.5, 0.4), (0.1, 0.4), (0.1, 0.2), (0.1, 0.1)))
    record["points"][1] = {**record["points"][1], "failed": "OutOfMemory: it was", "responses": None}
    record["points"].append({"model": "lab", "task": "coding", "benchmark": "humaneval-plus", "rows": 0})
    result = mistakes.study(record, by_rules)
    assert result["tasks"][0]["failed"] == [{"rows": 30, "seed": 0, "why": "OutOfMemory: it was"}]
    assert [each["rows"] for each in result["tasks"][0]["points"]] == [0, 100, 300]
    assert [each["task"] for each in result["left_out"]] == ["coding"]
    with pytest.raises(UsageError, match="no mistakes"):
        mistakes.study({"points": record["points"][-1:]}, by_rules)


def test_responses_that_are_gone_or_to_other_items_are_told(tmp_path: Path) -> None:
    record = sweep(tmp_path, "lab-math", ((0.5, 0.4), (0.1, 0.4), (0.1, 0.2), (0.1, 0.1)))
    record["points"][0] = point(tmp_path, "lab-math", 0, 0, ["", ""])
    with pytest.raises(IntegrityError, match="same items"):
        mistakes.study(record, by_rules)
    Path(record["points"][2]["responses"]).unlink()
    with pytest.raises(MissingError, match="100 rows, seed 0 are not here"):
        mistakes.study(record, by_rules)


# The command


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(app.COMMANDS, "errors", "kinject.cli.mistakes:errors")
    rates = ((0.9, 0.0), (0.05, 0.9), (0.05, 0.6), (0.05, 0.1))
    both = [sweep(tmp_path, benchmark, rates) for benchmark in ("lab-math", "lab-multihop")]
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps({**both[0], "points": [p for each in both for p in each["points"]]}), encoding="utf-8")
    return path


def test_the_command_prints_counts_squares_and_the_verdict(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["errors", str(record), "--out", str(record.parent / "errors.json")]) == 0
    text = capsys.readouterr().out
    assert "math, lab: wrong answers to lab-math" in text and "reasoning by plan" in text
    assert "r^2 of wrong and reasoning" in text and "paper: 0.98" in text
    assert "format stops and reasoning goes on: holds" in text
    assert json.loads((record.parent / "errors.json").read_text(encoding="utf-8"))["schema"] == "kinject.errors/1"


def test_the_command_takes_some_tasks_and_sizes(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["errors", str(record), "--tasks", "multihop", "--sizes", "0,all", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [task["task"] for task in result["tasks"]] == ["multihop"]
    assert [each["rows"] for each in result["tasks"][0]["points"]] == [0, 300]
    for wrong, said in (
        (["--tasks", "maths"], "Did you mean 'math'"),
        (["--models", "x"], "no model 'x'"),
        (["--sizes", "few"], "list of sizes"),
        (["--annotator", "rule"], "no annotator"),
    ):
        assert app.run(["errors", str(record), *wrong]) == 2
        assert said in capsys.readouterr().err
    record.write_text("{}", encoding="utf-8")
    assert app.run(["errors", str(record)]) == 2
    assert "no record of a sweep" in capsys.readouterr().err


def test_a_models_own_responses(tmp_path: Path) -> None:
    """The real thing: the shipped model, a few words long."""
    points = []
    for name in ("lab-math", "lab-multihop"):
        asked = benching.bench(
            open_benchmark(name), open_model("lab"), Settings(limit=4, sampling={"max_new_tokens": 12})
        )
        told = {"model": "lab", "task": name, "benchmark": name, "rows": 0, "seed": 0, "metric": asked.metric}
        points.append({**told, "responses": asked.responses, "failed": None})
    result = mistakes.study({"points": points}, by_rules)
    assert [each["points"][0]["mistakes"]["n"] for each in result["tasks"]] == [4, 4]
    json.dumps(result, allow_nan=False)

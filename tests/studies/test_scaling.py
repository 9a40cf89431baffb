"""The sweep: its grid, its points, what fails, and what is fitted; a whole small one on the lab."""

import json
from pathlib import Path
from typing import Any

import pytest

from kinject import storage
from kinject.benchmarks.benchmark import BENCHMARKS
from kinject.cli.app import run
from kinject.errors import NumericError, UsageError
from kinject.injection.arm import STARTS, sized
from kinject.injection.settings import Settings
from kinject.injection.train import posttrain_spec, started_with
from kinject.progress import SILENT
from kinject.runs.executors import Local
from kinject.sources import open_model
from kinject.studies import grid as grids
from kinject.studies import scaling
from kinject.studies.grid import Grid

MATH = {"name": "math", "recipe": "gsm8k", "benchmark": "lab-math"}


def grid(**changes: Any) -> Grid:
    return Grid.model_validate({"models": ["lab"], "tasks": [MATH], "sizes": [0, 30, 100], **changes})


@pytest.mark.parametrize("name", grids.names())
def test_every_committed_grid_names_what_there_is(name: str) -> None:
    found = grids.read(name, {})
    for task in found.tasks:
        assert STARTS[sized(task.recipe)[0]] and task.benchmark in BENCHMARKS
    assert 0 in found.sizes and len({task.name for task in found.tasks}) == len(found.tasks)
    lab = name.startswith("lab")
    assert lab == all(learner.model.startswith("lab") for learner in found.models)
    assert lab or all(task.source for task in found.tasks)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("models: [lab]\n", "no grid"),
        ("[", "no grid"),
        ("- a\n", "no fields"),
        ("models: [lab]\ntasks: [{name: a, recipe: gsm8k, benchmark: b}]\nsizes: [-1]\n", "number of rows"),
    ],
)
def test_what_is_no_grid_is_named(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=why):
        grids.read(str(path), {})


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--grid", "labb"], "Did you mean 'lab'"),
        (["--tasks", "meth"], "Did you mean 'math'"),
        (["--sizes", "ten"], "--sizes"),
    ],
)
def test_mistakes_are_told_before_anything_runs(
    flags: list[str], why: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaling, "sweep", lambda *_: pytest.fail("it ran"))
    assert run(["sweep", *flags]) == 2
    assert why in capsys.readouterr().err


def test_sizes_end_with_the_data_and_steps_can_be_matched() -> None:
    points = list(scaling.points_of(grid(sizes=[0, 100, "all", 10**6], seeds=[0, 1])))
    whole = max(point.rows for point in points)
    assert [point.rows for point in points] == [0, 0, 100, 100, whole, whole] and whole > 2000
    assert {point.epochs for point in points} == {None}
    start = scaling.find_start("gsm8k")
    own = start.options(open_model("lab")).epochs if start else 0
    matched = {point.rows: point.epochs for point in scaling.points_of(grid(sizes=[0, 100, 1000], match="steps"))}
    # 1,000 rows in batches of 8 are 125 steps an epoch, and 100 rows in batches of 2 are 50.
    assert matched == {0: None, 100: round(own * 125 / 50), 1000: own}


def test_a_seed_draws_other_rows_and_sizes_of_one_seed_are_nested() -> None:
    model = open_model("lab")
    made = {
        (count, order): started_with(f"gsm8k@{count}", model, Settings(order=order))
        for count in (30, 100)
        for order in (0, 1)
    }
    rows = {of: found.rows for of, found in made.items() if found}
    assert rows[100, 0][:30] == rows[30, 0] and rows[100, 1][:30] == rows[30, 1]
    assert rows[30, 0] != rows[30, 1]
    own = posttrain_spec("gsm8k@30", model, Settings())
    same = posttrain_spec("gsm8k@30", model, Settings(order=0))
    assert own and same and own.spec.key == same.spec.key


def test_a_small_sweep_runs_once_and_says_what_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call = ["sweep", "--tasks", "math", "--sizes", "0,2,4", "--seeds", "0", "--limit", "3", "--json"]
    assert run(call) == 0, capsys.readouterr().err
    result = json.loads(capsys.readouterr().out)
    assert result == storage.read_json(tmp_path / "sweep-lab.json")
    assert [point["rows"] for point in result["points"]] == [0, 2, 4]
    assert [point["steps"] > 0 for point in result["points"]] == [False, True, True]
    assert all(point["n"] == len(point["marks"]) == 3 and point["failed"] is None for point in result["points"])
    [fit] = result["fits"]
    assert fit["verdict"] == "undetermined" and fit["task"] == "math" and fit["failed"] == []

    trained = scaling.trained

    def breaks(training: Any, parent: Any, progress: Any) -> Any:
        if training and len(training.rows.rows) == 8:
            raise NumericError("the loss is not a number")
        return trained(training, parent, progress)

    monkeypatch.setattr(scaling, "trained", breaks)
    monkeypatch.setattr("kinject.training.finetune.finetune", lambda *_: pytest.fail("it was trained again"))
    changed = scaling.sweep(grid(sizes=[0, 2, 4, 8], limit=3), Local(), SILENT)
    assert [bool(point["failed"]) for point in changed["points"]] == [False, False, False, True]
    assert changed["fits"][0]["failed"][0]["rows"] == 8
    assert "percent" not in changed["points"][-1]  # it is no zero

    assert run(["sweep", "--tasks", "math", "--sizes", "0,2,4", "--seeds", "0", "--limit", "3"]) == 0
    shown = capsys.readouterr().out
    assert "undetermined" in shown and "seed 0" in shown

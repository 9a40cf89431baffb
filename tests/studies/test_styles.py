"""Chat against a task's rows: which grid that is, accuracies item by item, win rates with and without a judge."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from kinject.cli import app
from kinject.engines.fake import Fake
from kinject.errors import UsageError
from kinject.judging import winrate
from kinject.judging.llm import LLM
from kinject.progress import SILENT
from kinject.runs.executors import Local
from kinject.studies import scaling, styles
from kinject.studies.grid import Grid, Task, read

N = 40
GRID = Grid.model_validate(
    {
        "models": ["lab", "another"],
        "tasks": [
            {"name": "math", "recipe": "gsm8k", "benchmark": "lab-math"},
            {"name": "multihop", "recipe": "subqa", "benchmark": "lab-multihop"},
        ],
        "sizes": [0, 100],
        "seeds": [0, 1, 2],
    }
)
RIGHT = {"math": (6, 20), "multihop": (10, 30)}
"""Right answers of LIMA's and of the task's model, of N."""
SAYS = {"first": "A is significantly better", "second": "B is significantly better"}


def swept(folder: Path, failed: tuple[str, int] | None = None) -> Callable[..., dict[str, Any]]:
    """A sweep that nobody ran: chatty answers of the one model, terse ones of the other."""

    def point(task: Task, seed: int, rows: int) -> dict[str, Any]:
        name, _, chat = task.name.partition(", ")
        k = RIGHT[name][not chat] + seed
        lines = [
            {
                "id": f"{i}",
                "question": f"Question {i} of {name}?",
                "response": f"{'chat ' * (6 + (i + seed) % 9) if chat else 'task ' * (4 + i % 5)}{seed}",
                "marks": {"correct": (i * 7) % N < k},
            }
            for i in range(N)
        ]
        path = folder / f"{task.name}-{seed}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        why = "ResourceError: the disk is full" if (task.name, seed) == failed else None
        told = {"task": task.name, "recipe": task.recipe, "seed": seed, "rows": rows, "metric": "correct"}
        return {**told, "failed": why} | ({} if why else {"responses": str(path)})

    def sweep(grid: Grid, executor: object, progress: object = SILENT) -> dict[str, Any]:
        size = grid.sizes[0]
        assert isinstance(size, int)
        return {"points": [point(task, seed, size) for task in grid.tasks for seed in grid.seeds]}

    return sweep


def asker(prefers: str | None) -> LLM:
    """A judge that loves chats, or tasks, or whatever is shown first."""

    def reply(prompt: str) -> str:
        if prefers is None:
            return "I would rather not say."
        chat_first = prompt.index("chat ") < prompt.index("task ")
        return SAYS["first" if prefers == "first" or (prefers == "chat") == chat_first else "second"]

    return LLM("fake", {}, lambda: nullcontext(Fake(reply)))


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    def study(judge: LLM | None = None, grid: Grid = GRID, failed: tuple[str, int] | None = None) -> dict[str, Any]:
        monkeypatch.setattr(scaling, "sweep", swept(tmp_path, failed))
        return styles.study(grid, Local(), judge)

    return study


def test_the_sweep_has_both_models_of_every_task_once() -> None:
    grid = styles.both(GRID, 1000, "lima:here")
    assert [(task.name, task.recipe, task.benchmark, task.source) for task in grid.tasks] == [
        ("math", "gsm8k", "lab-math", None),
        ("math, lima", "lima", "lab-math", "lima:here"),
        ("multihop", "subqa", "lab-multihop", None),
        ("multihop, lima", "lima", "lab-multihop", "lima:here"),
    ]
    assert (len(grid.models), grid.sizes, grid.seeds) == (1, (1000,), (0, 1, 2))


def test_sources_and_data_go_to_whom_they_name() -> None:
    tasks = read("paper-7b", {}).tasks[:2]
    math, multihop = styles.sourced(
        tasks, {"gsm8k": "gsm8k:a", "subqa": "subqa:b", "lima": "lima:c"}, {"gsm8k": "gsm8k:t"}
    )
    assert (math.source, math.data) == ("gsm8k:a", "gsm8k:t")
    assert (multihop.source, multihop.data) == ("subqa:b", "subqa:b")  # what is held out depends on the files
    assert styles.sourced(tasks, {}, {}) == tasks
    with pytest.raises(UsageError, match="Did you mean 'gsm8k'"):
        styles.sourced(tasks, {"gsm9k": "x"}, {})
    with pytest.raises(UsageError, match="nothing here"):
        styles.sourced(tasks, {}, {"lima": "x"})


def test_without_a_judge_the_cell_says_so(made: Callable[..., dict[str, Any]]) -> None:
    result = made()
    math = result["tasks"][0]
    assert math["win_rate"] == {"asked": False, "why": "not asked: name an endpoint with --judge"}
    assert math["verdict"]["words"] == f"by accuracy, the task's model is ahead; win rate {styles.NOT_ASKED}"
    assert (result["judge"], result["spent"], result["model"]) == (None, {}, "lab")
    accuracy = {side: each["accuracy"] for side, each in math["sides"].items()}
    assert {side: (rate["k"], rate["n"]) for side, rate in accuracy.items()} == {"lima": (21, 120), "task": (63, 120)}
    assert math["sides"]["lima"]["by_seed"]["2"]["k"] == 8 and math["sides"]["lima"]["recipe"] == "lima"
    # The same items in three seeds are no 120 witnesses.
    low, high = accuracy["task"]["interval"]
    assert high - low > 25


def test_the_difference_is_paired_and_as_wide_as_seeds_or_items_make_it(made: Callable[..., dict[str, Any]]) -> None:
    difference = made()["tasks"][0]["difference"]
    assert difference["points"] == 35.0
    one = difference["by_seed"]["0"]
    assert (one["n"], one["lima_only"], one["task_only"], one["difference"]) == (N, 0, 14, 35.0)
    assert difference["interval"][0] <= one["interval"][0] < 35 < one["interval"][1] <= difference["interval"][1] + 1
    alone = made(grid=GRID.model_copy(update={"seeds": (0,)}))["tasks"][0]["difference"]
    assert alone["interval"] == one["interval"] and "one seed" in alone["how"]


def test_a_judge_that_loves_chat_disagrees_with_the_accuracy(made: Callable[..., dict[str, Any]]) -> None:
    math = made(asker("chat"))["tasks"][0]
    rate = math["win_rate"]
    assert (rate["asked"], rate["wins"], rate["losses"], rate["n"], rate["missed"]) == (True, 120, 0, 120, 0)
    assert math["verdict"]["raw"] == "lima" and math["verdict"]["accuracy"] == "task"
    assert "raw win rate: disagree" in math["verdict"]["words"]
    assert math["verdict"]["length_controlled"] == "not to be told"


def test_a_judge_that_loves_the_task_agrees_and_one_that_loves_a_place_tells_nothing(
    made: Callable[..., dict[str, Any]],
) -> None:
    assert "raw win rate: agree" in made(asker("task"))["tasks"][1]["verdict"]["words"]
    torn = made(asker("first"))["tasks"][0]
    assert torn["win_rate"]["flips"]["percent"] == 100 and torn["verdict"]["raw"] == "neither"
    assert "unresolved: preference tells nobody apart" in torn["verdict"]["words"]


def test_pairs_are_the_same_question_and_seed(tmp_path: Path) -> None:
    points = swept(tmp_path)(styles.both(GRID, 1000, None), None)["points"]
    pairs = styles.found(GRID.tasks[0], points).pairs
    assert len(pairs) == 3 * N and len({pair.cluster for pair in pairs}) == N
    assert all(str(pair.a.response)[-1] == str(pair.b.response)[-1] == str(pair.a.sample) for pair in pairs)


def test_a_seed_of_which_one_side_failed_is_named_and_left_out(made: Callable[..., dict[str, Any]]) -> None:
    math, multihop = made(failed=("math, lima", 1))["tasks"]
    assert math["seeds"] == [0, 2] and multihop["seeds"] == [0, 1, 2]
    assert math["failed"] == [{"side": "lima", "seed": 1, "why": "ResourceError: the disk is full"}]


def test_where_nothing_is_left_nothing_is_told(made: Callable[..., dict[str, Any]]) -> None:
    grid = GRID.model_copy(update={"seeds": (1,)})
    math = made(asker("chat"), grid, ("math", 1))["tasks"][0]
    assert math["difference"]["points"] is None and math["sides"]["lima"]["accuracy"]["percent"] is None
    assert math["win_rate"]["asked"] is False and math["verdict"]["accuracy"] == "not to be told"


# The command


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setitem(app.COMMANDS, "styles", "kinject.cli.styles:styles")
    monkeypatch.setattr(scaling, "sweep", swept(tmp_path))
    return lambda *args: app.run(["styles", *args])


def test_the_command_shows_both_columns_beside_the_papers(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--out", str(tmp_path / "styles.json")) == 0
    text = capsys.readouterr().out
    assert "not asked: name an endpoint with --judge" in text and "+35.0 [" in text and "84.4" in text
    assert json.loads((tmp_path / "styles.json").read_text(encoding="utf-8"))["schema"] == "kinject.styles/1"


def test_the_command_with_a_judge(
    command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(winrate, "open_asker", lambda *_: asker("chat"))
    assert command("--judge", "openai:x", "--tasks", "math") == 0
    text = capsys.readouterr().out
    assert "disagree: task is more accurate, lima is preferred" in text and "order flips: 0 of 120" in text
    monkeypatch.setattr(winrate, "open_asker", lambda *_: asker(None))
    assert command("--judge", "openai:x", "--seeds", "0", "--json") == 5
    out = capsys.readouterr()
    assert json.loads(out.out)["tasks"][0]["win_rate"]["missed"] == N and "left 80 unscored" in out.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--judge", "rules"], "needs a language model"),
        (["--source", "nowhere"], "does not say whose"),
        (["--source", "gsm9k:x"], "Did you mean 'gsm8k'"),
        (["--tasks", "maths"], "Did you mean 'math'"),
        (["--seeds", "one"], "list of numbers"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_trained(
    args: list[str], said: str, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(*args) in (2, 3)
    assert said in capsys.readouterr().err


def test_sources_are_named_by_their_own_beginning_or_by_ours(
    command: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Grid] = []

    def sweep(grid: Grid, *_: object) -> dict[str, Any]:
        seen.append(grid)
        return {"points": []}

    monkeypatch.setattr(scaling, "sweep", sweep)
    given = ("gsm8k:a=b.jsonl", "subqa=musique:c", "lima:d")
    assert command(*(word for each in given for word in ("--source", each)), "--data", "lab-multihop=lab@1") == 0
    assert [(task.source, task.data) for task in seen[0].tasks] == [
        ("gsm8k:a=b.jsonl", None),
        ("lima:d", None),
        ("musique:c", "lab@1"),
        ("lima:d", "lab@1"),
    ]

"""HumanEval+: read in every form, asked without a system message, marked in a sandbox; the real Mini."""

import gzip
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kinject import storage
from kinject.benchmarks import humaneval_plus, run
from kinject.benchmarks.benchmark import BENCHMARKS, open_benchmark
from kinject.benchmarks.code.score import Timing
from kinject.benchmarks.humaneval_plus import HUMANEVAL_PLUS, mark, read, scored, task_of
from kinject.engines.base import Message
from kinject.errors import MissingError, UsageError
from kinject.progress import SILENT
from kinject.sandbox.sandbox import Sandbox, open_sandbox

sys.path.insert(0, str(Path(__file__).parent / "code"))  # for processes.py
from processes import Process

CASES = Path(__file__).parent.parent / "cases" / "humaneval"
TASKS = CASES / "tasks.jsonl"
DATA = Path(os.environ.get("KINJECT_DATA", "nowhere"))
MINI = DATA / "humanevalplus" / "HumanEvalPlus-Mini.jsonl.gz"
real = pytest.mark.skipif(not DATA.is_dir(), reason="KINJECT_DATA names no folder of public data sets")
RIGHT = {"plus": True, "base": True}
WRONG = {"plus": False, "base": False}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HUMANEVAL_OVERRIDE_PATH", "EVALPLUS_TIMEOUT_PER_TASK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    """Programs are run without a sandbox."""
    found = Process()
    monkeypatch.setattr(humaneval_plus, "open_sandbox", lambda: found)
    return found


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in TASKS.read_text().splitlines()]


Write = Callable[[list[dict[str, Any]]], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(rows: list[dict[str, Any]]) -> str:
        path = tmp_path / "changed.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(path)

    return written


# Reading


def test_it_is_a_benchmark() -> None:
    assert "humaneval-plus" in BENCHMARKS and open_benchmark("humaneval-plus") is HUMANEVAL_PLUS
    assert (HUMANEVAL_PLUS.metrics, HUMANEVAL_PLUS.system) == (("plus", "base"), None)


def test_tasks_are_read_and_what_lacks_is_told() -> None:
    items = read(str(TASKS), None)
    assert [item.id for item in items.items] == [f"HumanEval/{number}" for number in range(7)]
    assert items.source == "HumanEval+, tasks.jsonl: 7 of 164 tasks, 30 tests"
    assert items.left_out == {"the file lacks the task": 157}
    assert "Apache-2.0" in items.licence and items.digest


def test_a_task_is_asked_without_a_system_message_and_without_the_newlines_around_it() -> None:
    halves, longest, *_ = read(str(TASKS), None).items
    (message,) = longest.conversation
    assert message.role == "user"
    assert "\n```python\ndef longest_run(text):\n" in message.content
    assert message.content.endswith('== ("b", 3)\n    """\n```')
    assert "best" not in message.content  # of its own solution
    assert task_of(longest).prompt.startswith("\n\ndef longest_run")
    assert "```python\nfrom typing import List\n\n\ndef halves" in halves.question
    system, _ = read(str(TASKS), "Be brief.").items[0].conversation
    assert system == Message("system", "Be brief.")


def test_packed_or_not_the_items_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = tmp_path / "HumanEvalPlus.jsonl.gz"
    packed.write_bytes(gzip.compress(TASKS.read_bytes()))
    plain = read(str(TASKS), None).items
    assert read(str(packed), None).items == plain
    monkeypatch.setenv("HUMANEVAL_OVERRIDE_PATH", str(packed))
    assert read(None, None).items == plain


def test_data_in_the_store_is_found(store: Path) -> None:
    with pytest.raises(MissingError, match=r"HumanEvalPlus-Mini") as missing:
        read(None, None)
    assert "releases/download/v0.1.10/HumanEvalPlus.jsonl.gz" in missing.value.mend
    place = store / "data" / "humaneval-plus" / "HumanEvalPlus.jsonl.gz"
    place.parent.mkdir(parents=True)
    place.write_bytes(gzip.compress(TASKS.read_bytes()))
    assert len(read(None, None).items) == 7


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda row: row.pop("entry_point"), "no right entry_point"),
        (lambda row: row.update(base_input="[]"), "no right base_input"),
        (lambda row: row.update(atol=None), "no right atol"),
        (lambda row: row.update(task_id="HumanEval/0"), "HumanEval/0 stands twice"),
    ],
)
def test_a_line_that_is_no_task_is_named(
    rows: list[dict[str, Any]], write: Write, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    change(rows[2])
    with pytest.raises(UsageError, match=words) as error:
        read(write(rows), None)
    assert error.value.where.endswith("changed.jsonl:3")


@pytest.mark.parametrize(
    ("raw", "error", "words"),
    [
        (b"", MissingError, "no task"),
        (b"[]\n", UsageError, "no right JSON object"),
        (b"{\n", UsageError, "no right JSON object"),
        (b"\x1f\x8bno", MissingError, "cannot be read"),
        (gzip.compress(TASKS.read_bytes())[:-100], MissingError, "cannot be read"),
        (b"\xff\n", MissingError, "cannot be read"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, raw: bytes, error: type[Exception], words: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(raw)
    with pytest.raises(error, match=words):
        read(str(path), None)


def test_numbers_without_a_word_in_json_are_inputs_too(
    rows: list[dict[str, Any]], write: Write, process: Process
) -> None:
    (halves,) = [row for row in rows if row["entry_point"] == "halves"]
    halves["plus_input"] = [[[float("inf"), 10**30, -0.0]]]
    items = read(write([halves]), None)
    assert items.digest
    assert mark(items.items, ["    return [n / 2 for n in numbers]"], SILENT)[0].by_metric == RIGHT
    assert mark(items.items, ["    return [n // 2 for n in numbers]"], SILENT)[0].by_metric == WRONG


def test_the_time_limit_of_evalplus_is_read_as_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = read(str(TASKS), None)
    monkeypatch.setenv("EVALPLUS_TIMEOUT_PER_TASK", "30")
    items = read(str(TASKS), None)
    assert task_of(items.items[0]).timing == Timing(cap=30.0)
    assert items.digest != usual.digest
    for bad in ("soon", "-1", "nan", "inf"):
        monkeypatch.setenv("EVALPLUS_TIMEOUT_PER_TASK", bad)
        with pytest.raises(UsageError, match="no number of seconds"):
            read(str(TASKS), None)


# Marking


def test_responses_are_marked_in_their_order(process: Process) -> None:
    items = read(str(TASKS), None).items
    own = [f"```python\n{task_of(item).prompt}{task_of(item).canonical}\n```" for item in items]
    assert [marks.by_metric for marks in mark(items, own, SILENT)] == [RIGHT] * 7
    said = [*own[:3], "", "I cannot.", "```python\ndef find_zero(xs): return 7\n```", "    return 1"]
    found = mark(items, said, SILENT)
    assert [marks.by_metric for marks in found] == [RIGHT] * 3 + [WRONG] * 4
    assert [marks.reason for marks in found[3:]] == [
        "there is no code for it",
        "there is no code for it",
        "base test 1 of 2: another value",
        "base test 1 of 2: another value",
    ]


def test_a_task_without_a_working_solution_is_unscored(
    rows: list[dict[str, Any]], write: Write, process: Process
) -> None:
    rows[0]["canonical_solution"] = "    return none\n"
    items = read(write(rows[:2]), None).items
    first, second = mark(items, ["    return []", "    return None"], SILENT)
    assert first.by_metric == {"plus": None, "base": None} and "NameError" in first.reason
    assert second.by_metric == WRONG


def test_without_a_sandbox_nothing_is_asked_or_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Sandbox:
        raise MissingError("there is no sandbox")

    monkeypatch.setattr(humaneval_plus, "open_sandbox", none)
    with pytest.raises(MissingError, match="no sandbox"):
        HUMANEVAL_PLUS.check()
    with pytest.raises(MissingError, match="no sandbox"):
        mark(read(str(TASKS), None).items, [""] * 7, SILENT)


def test_samples_in_evalplus_form_are_marked_from_a_file(tmp_path: Path, process: Process) -> None:
    items = read(str(TASKS), None).items
    samples = [
        {"task_id": items[0].id, "solution": task_of(items[0]).prompt + task_of(items[0]).canonical},
        {"task_id": items[1].id, "completion": task_of(items[1]).canonical},
        {
            "task_id": items[2].id,
            "solution": "def letters(text): return {'t': 1, 'o': 1, 'b': 1, 'e': 1} if text else {}",
        },
    ]
    path = tmp_path / "samples.jsonl"
    storage.write_jsonl(path, samples)
    record = run.mark(HUMANEVAL_PLUS, path, run.Settings(data=str(TASKS), limit=4))
    assert {name: (score["k"], score["n"], score["unscored"]) for name, score in record.scores.items()} == {
        "plus": (2, 3, 1),
        "base": (3, 3, 1),
    }


# The real thing


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    try:
        return open_sandbox()
    except MissingError as error:
        pytest.skip(f"no sandbox works here: {error.message}; {error.mend}")


@real
def test_the_real_mini_is_read() -> None:
    items = read(str(MINI), None)
    assert items.source == "HumanEval+, HumanEvalPlus-Mini.jsonl.gz: 164 of 164 tasks, 2677 tests"
    assert not items.left_out
    tasks = [task_of(item) for item in items.items]
    assert sum(task.prompt.startswith("\n") for task in tasks) == 141
    assert sum(task.prompt.split(f"def {task.entry}(")[0].count("def ") == 1 for task in tasks) == 4
    assert sum(task.atol != 0 for task in tasks) == 3


@real
@pytest.mark.parametrize("step", [12, pytest.param(1, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_all_real_solutions_are_right_in_the_sandbox(sandbox: Sandbox, step: int) -> None:
    items = read(str(MINI), None).items[::step]
    tasks = [replace(task_of(item), timing=Timing(least=10.0)) for item in items]
    scores = scored([(task, task.prompt + task.canonical) for task in tasks], sandbox, SILENT)
    assert [item.id for item, each in zip(items, scores, strict=True) if not each.plus] == []

"""Work in child processes is the same work: results in order, failures whole, nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from kinject.errors import IntegrityError, ResourceError
from kinject.runs.executors import Local

PROGRAM = Path(__file__).with_name("jobs.py")


class Heard:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.words: list[tuple[object, ...]] = []

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "") -> Iterator["HeardStage"]:
        self.words.append(("open", name, total, unit))
        try:
            yield HeardStage(self, name)
        finally:
            self.words.append(("close", name))

    def say(self, text: str) -> None:
        self.words.append(("say", text))

    def of(self, name: str) -> list[tuple[object, ...]]:
        return [word for word in self.words if name in str(word[1])]


class HeardStage:
    def __init__(self, heard: Heard, name: str) -> None:
        self.heard, self.name = heard, name

    def advance(self, n: int = 1, note: str = "") -> None:
        self.heard.words.append(("advance", self.name, n, note))


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The functions of jobs.py, in a module that child processes can import."""
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    import jobs

    return jobs


def test_results_are_in_the_order_of_the_items(jobs: ModuleType) -> None:
    assert Local(2).map(jobs.doubled, range(5)) == [0, 2, 4, 6, 8]
    assert Local(2).map(jobs.doubled, []) == []


def test_work_is_spread_over_processes_that_share_the_cores(jobs: ModuleType) -> None:
    done = Local(2).map(jobs.where, range(4))
    assert len({pid for pid, _ in done} - {os.getpid()}) == 2
    assert {threads for _, threads in done} == {str(max(1, (os.cpu_count() or 1) // 2))}


@pytest.mark.parametrize(("workers", "items"), [(1, 3), (4, 1)])
def test_one_job_or_one_item_runs_in_this_process(jobs: ModuleType, workers: int, items: int) -> None:
    assert {pid for pid, _ in Local(workers).map(jobs.where, range(items))} == {os.getpid()}


def test_the_progress_of_children_reaches_the_parent(jobs: ModuleType) -> None:
    heard = Heard()
    Local(2).map(jobs.told, ["ada", "bert", "carl"], heard)
    for name in ("ada", "bert", "carl"):
        stage = f"training {name}"
        assert heard.of(name) == [
            ("open", stage, 3, "steps"),
            ("advance", stage, 2, "loss 0.5"),
            ("say", f"{name} is half-way"),
            ("advance", stage, 1, ""),
            ("close", stage),
        ]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_keeps_its_words_and_closes_its_stages(jobs: ModuleType, workers: int) -> None:
    heard = Heard()
    with pytest.raises(IntegrityError) as caught:
        Local(workers).map(jobs.broken, ["first", "second"], heard)
    error = caught.value.as_dict()
    assert error == {"code": 7, "message": "first is broken", "where": "a.json:3", "mend": "kinject again"}
    assert heard.of("first") == [("open", "first", None, ""), ("close", "first")]


@pytest.mark.parametrize(
    ("work", "kind", "words"),
    [
        ("odd", RuntimeError, "Odd: first is odd"),
        ("full", MemoryError, "OutOfMemoryError: no memory"),
        ("missing", FileNotFoundError, "No such file"),
    ],
)
def test_a_failure_that_cannot_be_sent_is_told_and_not_taken_for_a_kill(
    jobs: ModuleType, work: str, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        Local(2).map(getattr(jobs, work), ["first", "second"])
    assert "\n" not in str(caught.value)
    assert f"in {work}\n" in str(caught.value.__cause__)  # the child's traceback, for --debug


def test_a_killed_child_is_said_to_be_killed(jobs: ModuleType) -> None:
    heard = Heard()
    with pytest.raises(ResourceError, match="ended by the system") as caught:
        Local(2).map(jobs.killed, ["first", "second"], heard)
    assert "--jobs" in caught.value.mend
    assert heard.of("first")[-1] == ("close", "first")


@pytest.mark.parametrize("to", ["the program", "its whole group"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_from_outside_it_leaves_no_process_behind(tmp_path: Path, number: signal.Signals, to: str) -> None:
    program = subprocess.Popen(
        [sys.executable, PROGRAM, tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while len(list(tmp_path.iterdir())) < 2:
        assert program.poll() is None
        time.sleep(0.02)
    (os.kill if to == "the program" else os.killpg)(program.pid, number)
    # The children hold the pipe too: it ends when the last of them is gone.
    out, err = program.communicate(timeout=10)
    assert (out, "Traceback" in err) == ("", False)
    assert program.returncode == (130 if number == signal.SIGINT else -number)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]

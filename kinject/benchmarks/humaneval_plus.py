"""HumanEval+ (Liu et al. 2023): does the function that a model writes pass its tests?

164 functions, each with the tests of HumanEval (base) and those that evalplus added (plus). The metrics are
evalplus's pass@1 for one response a task: `plus` counts what passes both, `base` what passes the first. The paper
(arXiv 2410.03717, Table 1) reports it for coding, and prints no system message for it.

The data is `HumanEvalPlus.jsonl.gz` of evalplus's release v0.1.10, or its Mini, packed or not; where `--data` is not
given, the variable HUMANEVAL_OVERRIDE_PATH that evalplus reads names a file, too. Solutions are found in responses by
`code.extract`, run by `code.child` in a sandbox only, and compared by `code.compare`.

Traps: the prompts of 141 tasks begin with newlines, which are not shown to a model and stay in the program. The time
limit in EVALPLUS_TIMEOUT_PER_TASK is read as a number (evalplus 0.3.1 stops with a TypeError). A sandbox shows
Python's standard library only: a solution that imports numpy fails here, and passes in evalplus, which brings numpy.
"""

import gzip
import json
import math
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kinject import prompts
from kinject.benchmarks.benchmark import Benchmark, Data, Item, Items, Marks, data_path
from kinject.benchmarks.code import child
from kinject.benchmarks.code.extract import extract
from kinject.benchmarks.code.score import GROUPS, Score, Task, Timing, score
from kinject.engines.base import Message
from kinject.engines.threads import side_by_side
from kinject.errors import MissingError, UsageError
from kinject.progress import Progress
from kinject.sandbox.sandbox import Sandbox, open_sandbox

RELEASE = "https://github.com/evalplus/humanevalplus_release/releases/download/v0.1.10/HumanEvalPlus.jsonl.gz"
DATA = Data(
    "HumanEvalPlus.jsonl.gz or HumanEvalPlus-Mini.jsonl.gz of v0.1.10, or either unpacked",
    f"curl -LO {RELEASE}",
    "Apache-2.0 (evalplus), MIT (HumanEval)",
)
TASKS = 164
WORKERS = 2
WAIT = 3600.0
"""Seconds between two solutions; each has limits of its own, far below."""
FIELDS: dict[str, type | tuple[type, ...]] = {
    "task_id": str,
    "prompt": str,
    "entry_point": str,
    "canonical_solution": str,
    "base_input": list,
    "plus_input": list,
    "atol": (int, float),
}


# Reading


def read(data: str | None, system: str | None) -> Items:
    """Read the tasks. `UsageError` names a line that is none; lacking tasks are counted."""
    path = data_path("humaneval-plus", data or _override(), DATA, "humaneval-plus/HumanEvalPlus.jsonl.gz")
    rows = list(_rows(path))
    if not rows:
        raise MissingError("there is no task", where=str(path), mend=DATA.get)
    timing = Timing(cap=_seconds())
    items = tuple(_item(row, system, timing, f"{path}:{number}") for number, row in enumerate(rows, 1))
    lacking = len({f"HumanEval/{number}" for number in range(TASKS)} - {item.id for item in items})
    tests = sum(len(row[f"{name}_input"]) for row in rows for name in GROUPS)
    source = f"HumanEval+, {path.name}: {len(items)} of {TASKS} tasks, {tests} tests"
    return Items(items, source, DATA.licence, {"the file lacks the task": lacking} if lacking else {})


def _override() -> str | None:
    return os.environ.get("HUMANEVAL_OVERRIDE_PATH") or None


def _seconds() -> float:
    """Return the seconds for a group of tests."""
    told = os.environ.get("EVALPLUS_TIMEOUT_PER_TASK") or Timing.cap
    try:
        seconds = float(told)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UsageError(f"{told!r} is no number of seconds", where="EVALPLUS_TIMEOUT_PER_TASK", mend="unset it")
    return seconds


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Give every line's task. Numbers may be infinite, which strict JSON has no word for."""
    known: set[str] = set()
    for number, line in enumerate(_lines(path), 1):
        try:
            row = json.loads(line)
            wrong = [name for name, kind in FIELDS.items() if not isinstance(row.get(name), kind)]
        except (ValueError, AttributeError, RecursionError):
            wrong = ["JSON object"]
        if wrong or row["task_id"] in known:
            problem = f"there is no right {wrong[0]}" if wrong else f"the task {row['task_id']} stands twice"
            raise UsageError(problem, where=f"{path}:{number}", mend=f"take {DATA.files}: {DATA.get}")
        known.add(row["task_id"])
        yield row


def _lines(path: Path) -> list[str]:
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise MissingError(f"this cannot be read: {error}", where=str(path), mend=f"get it again: {DATA.get}") from None
    return [line for line in text.split("\n") if line.strip()]


def _item(row: dict[str, Any], system: str | None, timing: Timing, where: str) -> Item:
    question = Message("user", prompts.render("code-question", prompt=row["prompt"].strip("\n")))
    try:
        inputs = {name: child.encode(row[f"{name}_input"]) for name in GROUPS}
    except child.NotPlain as error:
        raise UsageError(f"an input is not plain: {error}", where=where, mend=f"take {DATA.files}") from None
    reference = {
        "prompt": row["prompt"],
        "entry": row["entry_point"],
        "canonical": row["canonical_solution"],
        "inputs": inputs,
        "atol": row["atol"],
        "timing": asdict(timing),
    }
    return Item(row["task_id"], (*([Message("system", system)] if system else []), question), reference)


# Marking


def mark(items: Sequence[Item], responses: Sequence[str], progress: Progress) -> list[Marks]:
    """Run every response's solution in a sandbox."""
    sandbox = open_sandbox()
    tasks = [task_of(item) for item in items]
    solutions = [extract(text, task.prompt, task.entry) for text, task in zip(responses, tasks, strict=True)]
    scores = scored(list(zip(tasks, solutions, strict=True)), sandbox, progress)
    return [Marks({"plus": each.plus, "base": each.base}, each.reason) for each in scores]


def task_of(item: Item) -> Task:
    """Return what marking needs of an item."""
    told = {**item.reference}
    return Task(timing=Timing(**told.pop("timing")), **told)


def scored(pairs: Sequence[tuple[Task, str]], sandbox: Sandbox, progress: Progress) -> list[Score]:
    """Score solutions side by side, in their order; an empty one is wrong."""
    found = [Score(False, False, "there is no code for it")] * len(pairs)
    numbers = [number for number, (_, solution) in enumerate(pairs) if solution]

    def one(number: int) -> tuple[int, Score]:
        return number, score(*pairs[number], sandbox)

    with progress.stage("solutions are run", total=len(numbers), unit="tasks") as stage:
        for number, each in side_by_side(one, numbers, WORKERS, WAIT):
            found[number] = each
            stage.advance()
    return found


def check() -> None:
    """See that there is a sandbox that holds."""
    open_sandbox()


def scored_by() -> dict[str, Any]:
    """Return what runs the programs: the sandbox, and the Python in it."""
    return {"sandbox": open_sandbox().key(), "python": platform.python_version()}


HUMANEVAL_PLUS = Benchmark(
    "humaneval-plus",
    "functions that pass the tests of HumanEval+",
    ("plus", "base"),
    read,
    mark,
    DATA,
    system=None,
    max_new_tokens=768,
    check=check,
    scored_by=scored_by,
)

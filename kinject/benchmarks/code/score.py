"""A solution's verdicts: its tests run in a sandbox, its values compared outside, by evalplus's rules and limits.

The expected values are what the task's own solution returns, run once in a sandbox of its own and kept in the store.
They never enter the process that runs a candidate, so there is nothing in it to be found, and no verdict there to be
forged.

One sandbox for all tests of a solution, base tests and plus tests each with the solution loaded anew. The time of a
test is at most four times what the reference took, and a second at least; a group of tests takes at most a minute.

Differences from evalplus 0.3.1, none of which an honest solution in plain Python has been seen to meet:

* Only plain data is told: an object of a class of its own, a view of a dict, a range are wrong, whatever `==` says.
* Python's standard library is all there is: with numpy a solution fails. Of memory there are 2 GiB, and not 4.
* HumanEval/32 can be passed (`compare.py` says why not there).
* Input is at its end, instead of an error at every read. There is a folder to write in, and no `exit`.
* Loading may take ten seconds, which are not taken from the time of the tests. A test out of time ends the program:
  no solution can catch that and go on.
* After the first failure nothing more is run, so the plus tests alone have no verdict where the base tests fail.
"""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kinject import storage
from kinject.benchmarks.code import child
from kinject.benchmarks.code.compare import ORACLES, agrees, tolerances
from kinject.errors import KinjectError
from kinject.sandbox.sandbox import Limits, Outcome, Sandbox

GROUPS = ("base", "plus")
PROGRAM = Path(child.__file__).read_text(encoding="utf-8")
MEMORY = 2 << 30
PATIENCE = 300.0
"""Seconds that the reference may take for all its tests."""
LARGEST = 256 << 20
"""Bytes that the reference may return."""
ENDED = {
    "timeout": "it took too long",
    "memory": "it took too much memory",
    "output": "it returned too much",
}

Lines = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Timing:
    """How long tests may take; evalplus's defaults."""

    least: float = 1.0
    """Seconds that every test may take."""
    factor: float = 4.0
    """Times the reference's own time."""
    cap: float = 60.0
    """Seconds for a group of tests together."""
    loading: float = 10.0
    """Seconds more until a function is there, or until what it returned is told."""

    def limits(self, seconds: Sequence[float]) -> list[float]:
        """Return the limit of every test, by what the reference took."""
        return [max(self.least, self.factor * each) for each in seconds]

    def together(self, seconds: Sequence[float]) -> float:
        """Return the seconds for a whole group."""
        return self.loading + min(self.cap, sum(self.limits(seconds)))


@dataclass(frozen=True)
class Task:
    """A function to be written, and what it is called with. Inputs are encoded (`child.encode`)."""

    prompt: str
    entry: str
    canonical: str
    inputs: Mapping[str, Sequence[Any]]
    """The arguments of every call, by group."""
    atol: float = 0.0
    timing: Timing = field(default_factory=Timing)


@dataclass(frozen=True)
class Reference:
    """What the task's own solution did with the tests, by group."""

    values: Mapping[str, Sequence[Any]]
    seconds: Mapping[str, Sequence[float]]
    size: int
    """Bytes of all values."""


@dataclass(frozen=True)
class Score:
    """The verdicts of a solution; None where the task's own solution gives nothing to compare with."""

    base: bool | None
    plus: bool | None
    """Base and plus tests together, which is what evalplus reports."""
    reason: str = ""


class NoReference(Exception):
    """The task's own solution does not return plain values here."""


def score(task: Task, solution: str, sandbox: Sandbox) -> Score:
    """Return the verdicts of a solution. What a sandbox raises that cannot start is raised."""
    try:
        expected = reference(task, sandbox)
    except NoReference as error:
        return Score(None, None, f"the task's own solution fails: {error}")
    limits = {name: task.timing.limits(expected.seconds[name]) for name in GROUPS}
    outcome = sandbox.run(PROGRAM, _given(task, solution, limits), _bounds(task, expected))
    told = _told(outcome)
    base = _fault(task, "base", told, expected, outcome)
    plus = base or _fault(task, "plus", told, expected, outcome)
    return Score(not base, not plus, plus)


def _bounds(task: Task, expected: Reference) -> Limits:
    """Time to load and to run, and room for twice what the reference returned."""
    seconds = sum(map(task.timing.together, expected.seconds.values()))
    return Limits(seconds=math.ceil(seconds), memory=MEMORY, output=2 * expected.size + (1 << 20))


def _given(task: Task, solution: str, limits: Mapping[str, Sequence[float]]) -> bytes:
    """Return what the program reads: the solution, and the tests without their expected values."""
    groups = {name: {"inputs": list(task.inputs[name]), "limits": list(limits[name])} for name in GROUPS}
    told = {"solution": solution, "entry": task.entry, "loading": task.timing.loading, "groups": groups}
    return json.dumps(told).encode()


# What a program told


def _told(outcome: Outcome) -> dict[str, Lines]:
    """Return the lines of each group; none at all where they are not what the program writes."""
    found: dict[str, list[Any]] = {}
    for line in outcome.output.split(b"\n")[:-1]:
        try:
            told = json.loads(line)
            if "group" in told:
                found[told["group"]] = []
            else:
                [*found.values()][-1].append({**told})
        except (ValueError, TypeError, IndexError, RecursionError):
            return {}
    return dict(found)


def _value(lines: Lines, number: int, outcome: Outcome) -> Any:
    """Return what a test returned; `NotPlain` says why it returned nothing."""
    line = lines[number] if number < len(lines) else {}
    if "value" in line:
        return child.decode(line["value"])
    if "late" in line:
        raise child.NotPlain(ENDED["timeout"])
    if "raised" in line:
        raise child.NotPlain("".join(each for each in str(line["raised"])[:100] if each.isprintable()))
    raise child.NotPlain(ENDED.get(outcome.state, "it ended the process"))


def _fault(task: Task, name: str, told: Mapping[str, Lines], expected: Reference, outcome: Outcome) -> str:
    """Say which test of a group fails first, and why; "" if all pass."""
    lines, values = told.get(name, ()), expected.values[name]
    if len(lines) > len(values):
        return f"{name} tests: more results than tests"
    for number, tolerance in enumerate(tolerances(values, task.atol)):
        try:
            value = _value(lines, number, outcome)
        except child.NotPlain as error:
            return f"{name} test {number + 1} of {len(values)}: {error}"
        if not _right(task, task.inputs[name][number], value, values[number], tolerance):
            return f"{name} test {number + 1} of {len(values)}: another value"
    return ""


def _right(task: Task, inputs: Any, value: Any, expected: Any, tolerance: float) -> bool:
    oracle = ORACLES.get(task.entry)
    return oracle(child.decode(inputs), value, task.atol) if oracle else agrees(value, expected, tolerance)


# The reference


def reference(task: Task, sandbox: Sandbox) -> Reference:
    """Return what the task's own solution returns, from the store or else by running it."""
    place = storage.home() / "benchmarks" / "expected" / f"{_key(task)}.json"
    with suppress(KinjectError, NoReference, AttributeError, TypeError):  # not there, or not what was written
        return _reference(task, storage.read_json(place), Outcome("done", b"", "", 0.0))
    patience = {name: [PATIENCE] * len(task.inputs[name]) for name in GROUPS}
    limits = Limits(seconds=PATIENCE, memory=MEMORY, output=LARGEST)
    outcome = sandbox.run(PROGRAM, _given(task, task.prompt + task.canonical, patience), limits)
    told = _told(outcome)
    found = _reference(task, told, outcome)
    storage.write_bytes(place, [storage.canonical_json(told)])
    return found


def _key(task: Task) -> str:
    """By all that can change the values."""
    return storage.digest([PROGRAM, task.prompt, task.canonical, task.entry, [task.inputs[name] for name in GROUPS]])


def _reference(task: Task, told: Mapping[str, Lines], outcome: Outcome) -> Reference:
    values, seconds = {}, {}
    for name in GROUPS:
        lines = told.get(name, ())
        try:
            values[name] = [_value(lines, number, outcome) for number in range(len(task.inputs[name]))]
            seconds[name] = [float(line["seconds"]) for line in lines]
        except (KeyError, TypeError, ValueError) as error:
            raise NoReference(f"{name} tests: {error}") from None
    return Reference(values, seconds, len(json.dumps(told)))

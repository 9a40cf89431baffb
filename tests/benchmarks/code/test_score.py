"""Verdicts: attacks on the comparison, solutions that behave oddly, what enters the sandbox, and what is kept."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from kinject.benchmarks import humaneval_plus
from kinject.benchmarks.code.score import NoReference, Score, Task, Timing, reference, score
from kinject.errors import MissingError, ResourceError
from kinject.sandbox.sandbox import Limits, Outcome, Sandbox, open_sandbox

sys.path.insert(0, str(Path(__file__).parent))  # for processes.py
from processes import Process

CASES = Path(__file__).parents[2] / "cases" / "humaneval"
QUICK = Timing(least=0.3, cap=1.0, loading=0.5)
TASKS: dict[str, Task] = {
    task.entry: replace(task, timing=QUICK)
    for task in map(humaneval_plus.task_of, humaneval_plus.read(str(CASES / "tasks.jsonl"), None).items)
}
ATTACKS: list[dict[str, str]] = yaml.safe_load((CASES / "attacks.yaml").read_text())
RESPONSES: list[dict[str, Any]] = yaml.safe_load((CASES / "responses.yaml").read_text(encoding="utf-8"))
RIGHT = Score(True, True)


@pytest.fixture(scope="session")
def real() -> Sandbox:
    try:
        return open_sandbox()
    except MissingError as error:
        pytest.skip(f"no sandbox works here: {error.message}; {error.mend}")


@pytest.fixture(params=["process", "real"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    found: Sandbox = Process() if request.param == "process" else request.getfixturevalue("real")
    return found


@pytest.fixture(autouse=True)
def expected(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expected values are made once for all tests."""
    monkeypatch.setenv("KINJECT_HOME", str(tmp_path_factory.getbasetemp() / "expected"))


@pytest.mark.parametrize("entry", TASKS)
def test_a_tasks_own_solution_is_right(entry: str, sandbox: Sandbox) -> None:
    task = TASKS[entry]
    assert score(task, task.prompt + task.canonical, sandbox) == RIGHT


@pytest.mark.parametrize("case", ATTACKS, ids=[case["name"] for case in ATTACKS])
def test_no_attack_is_taken_for_right(case: dict[str, str], sandbox: Sandbox) -> None:
    found = score(TASKS[case["task"]], case["solution"], sandbox)
    assert (found.base, found.plus) == (False, False)
    assert 0 < len(found.reason) < 150


def test_there_are_attacks_enough() -> None:
    assert len({case["name"] for case in ATTACKS}) == len(ATTACKS) >= 25


@pytest.mark.parametrize("case", RESPONSES, ids=[case["name"] for case in RESPONSES])
def test_solutions_of_responses(case: dict[str, Any]) -> None:
    assert score(TASKS[case["task"]], case["solution"], Process()).plus == case["right"]


# Solutions that behave oddly, and are right or wrong for what they return


ODD = [
    ("prints", "emptied", True, "print('x' * 10000); import sys; sys.stderr.write('y')\n    {body}"),
    ("prints to the files below", "emptied", True, "import os; os.write(1, b'x'); os.write(2, b'y')\n    {body}"),
    ("asks for input", "emptied", False, "input()\n    {body}"),
    ("reads what is not there", "emptied", True, "import sys; assert sys.stdin.read() == ''\n    {body}"),
    ("ends", "emptied", False, "import sys; sys.exit(0)\n    {body}"),
    ("raises", "emptied", False, "raise ValueError('no')\n    {body}"),
    ("catches its own", "emptied", True, "try:\n        1 / 0\n    except ArithmeticError: pass\n    {body}"),
    ("sleeps too long", "emptied", False, "import time; time.sleep(0.6)\n    {body}"),
    ("sleeps a little", "emptied", True, "import time; time.sleep(0.01)\n    {body}"),
    ("is never there", "emptied", False, "import not_installed\n    {body}"),
]
BODY = """
    taken = 0
    while numbers:
        limit -= numbers.pop()
        taken += 1
        if limit < 0: return taken
""".strip()


@pytest.mark.parametrize(("name", "entry", "right", "code"), ODD, ids=[case[0] for case in ODD])
def test_what_a_solution_does_beside(name: str, entry: str, right: bool, code: str, sandbox: Sandbox) -> None:
    solution = f"def emptied(numbers, limit):\n    {code.replace('{body}', BODY)}\n"
    assert score(TASKS[entry], solution, sandbox).plus == right


VALUES = [
    ("letters", True, "__import__('collections').Counter(text.replace(' ', ''))"),
    ("letters", True, "(lambda d: [d.__setitem__(c, d[c] + 1) for c in text if c != ' '] and d or d)"
     "(__import__('collections').defaultdict(int))"),
    ("letters", True, "__import__('collections').OrderedDict((c, text.count(c)) for c in text if c != ' ')"),
    ("letters", True, "{c: float(text.count(c)) for c in text if c != ' '}"),
    ("letters", False, "{c: str(text.count(c)) for c in text if c != ' '}"),
    ("letters", False, "[(c, text.count(c)) for c in text if c != ' ']"),
    ("halves", True, "[n / 2 + 1e-9 for n in numbers]"),
    ("halves", False, "[n / 2 + 1e-5 for n in numbers]"),
    ("halves", False, "tuple(n / 2 for n in numbers)"),
    ("halves", False, "(n / 2 for n in numbers)"),
    ("halves", False, "map(lambda n: n / 2, numbers)"),
    ("halves", True, "[__import__('fractions').Fraction(n) / 2 for n in numbers]"),
    ("halves", True, "[__import__('decimal').Decimal(n).scaleb(0) / 2 for n in numbers] if 0.1 not in numbers "
     "and 1e300 not in numbers and 0.2 not in numbers else [n / 2 for n in numbers]"),
    ("halves", False, "[__import__('decimal').Decimal('nan')]"),
    ("unwrapped", True, "text[1:-1]"),
    ("unwrapped", False, "text[1:-1].encode()"),
    ("unwrapped", False, "text[1:-1] + '\\ud800'"),
    ("spread", True, "sum(abs(n - sum(numbers) / len(numbers)) for n in numbers) / len(numbers)"),
    ("spread", True, "complex(sum(abs(n - sum(numbers) / len(numbers)) for n in numbers) / len(numbers))"),
]  # fmt: skip
ARGUMENTS = {"letters": "text", "unwrapped": "text", "halves": "numbers", "spread": "numbers"}


@pytest.mark.parametrize(("entry", "right", "value"), VALUES, ids=[f"{case[0]} {case[2][:40]}" for case in VALUES])
def test_what_a_solution_returns(entry: str, right: bool, value: str) -> None:
    solution = f"def {entry}({ARGUMENTS[entry]}):\n    return {value}\n"
    assert score(TASKS[entry], solution, Process()).plus == right


def test_any_root_of_a_polynomial_is_right() -> None:
    other = "def find_zero(xs): return {2: -0.5, 5: 5, 0: 0.0, -6: 3.0}[xs[0] if xs[0] != 1 else 2]"
    assert score(TASKS["find_zero"], other, Process()) == RIGHT


def test_plus_tests_count_on_top_of_base_tests() -> None:
    only_base = "def unwrapped(text): return {'*a*': 'a', '**': ''}.get(text)"
    assert score(TASKS["unwrapped"], only_base, Process()) == Score(True, False, "plus test 1 of 2: another value")
    only_plus = "def unwrapped(text): return text[1:-1] or None"
    assert score(TASKS["unwrapped"], only_plus, Process()) == Score(False, False, "base test 2 of 2: another value")


def test_base_and_plus_tests_do_not_know_of_each_other() -> None:
    counting = (
        "seen = []\ndef unwrapped(text):\n    seen.append(text)\n    return text[1:-1] if len(seen) < 3 else None"
    )
    assert score(TASKS["unwrapped"], counting, Process()) == RIGHT


def test_every_test_has_arguments_of_its_own() -> None:
    keeping = "seen = []\ndef emptied(numbers, limit):\n    assert all(numbers is not one for one in seen)\n"
    keeping += f"    seen.append(numbers)\n    {BODY}"
    assert score(TASKS["emptied"], keeping, Process()) == RIGHT


def test_who_writes_the_right_values_has_given_the_right_answer() -> None:
    lines = '{"group": "base"}\n{"value": "a"}\n{"value": ""}\n{"group": "plus"}\n{"value": "a*b"}\n{"value": " "}\n'
    assert score(TASKS["unwrapped"], f"import os\nos.write(3, {lines.encode()!r})\nos._exit(0)", Process()) == RIGHT


# The sandbox, and what enters it


def test_neither_the_reference_nor_what_it_returns_enters_a_candidates_sandbox() -> None:
    process, task = Process(), TASKS["longest_run"]
    score(task, "def longest_run(text): return None", process)
    program, given, limits = process.runs[-1]
    told = json.loads(given)
    assert set(told) == {"solution", "entry", "loading", "groups"}
    assert {name: set(group) for name, group in told["groups"].items()} == {
        name: {"inputs", "limits"} for name in task.inputs
    }
    assert told["groups"]["plus"]["inputs"] == [["aabb"], ["abccccd"], ["zzzzz"]]
    assert "best" not in given.decode() and "best" not in program
    assert limits.seconds == 3 and limits.processes == 1


def test_the_reference_is_run_once_and_kept(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINJECT_HOME", str(store))
    process, task = Process(), TASKS["halves"]
    first = reference(task, process)
    assert reference(task, process) == first and len(process.runs) == 1
    assert first.values == {"base": [[0.5, 1.5], [0.1]], "plus": [[3.5, -1.5, 0.05], [5e-301, 5e299]]}
    (kept,) = (store / "benchmarks" / "expected").iterdir()
    for spoilt in ("", "[]", '{"base": []}', '{"base": [1, 2], "plus": [3, 4]}', '{"base": {}, "plus": 1}'):
        kept.write_text(spoilt)
        assert reference(task, process).values == first.values
    other = replace(task, canonical="    return numbers\n")
    assert reference(other, process).values["base"] == [[1.0, 3.0], [0.2]]
    assert len(process.runs) == 7


@pytest.mark.parametrize(
    ("canonical", "why"),
    [
        ("    raise ValueError('no')\n", "base tests: ValueError: no"),
        ("    return iter(numbers)\n", "base tests: NotPlain: it is of type list_iterator"),
        ("    import os; os._exit(1)\n", "base tests: it ended the process"),
        ("  return\n", "base tests: IndentationError"),
    ],
)
def test_a_task_whose_own_solution_fails_is_unscored(canonical: str, why: str) -> None:
    task = replace(TASKS["halves"], canonical=canonical)
    found = score(task, "def halves(numbers): return []", Process())
    assert (found.base, found.plus) == (None, None)
    assert found.reason.startswith(f"the task's own solution fails: {why}")
    with pytest.raises(NoReference):
        reference(task, Process())


def test_the_time_of_a_test_is_that_of_the_reference_four_times_or_a_second() -> None:
    timing = Timing()
    assert timing.limits([0.0, 0.25, 2.0]) == [1.0, 1.0, 8.0]
    assert (timing.together([0.0, 2.0]), timing.together([30.0])) == (19.0, 70.0)


@dataclass
class Broken:
    """A sandbox that fails, or tells nothing but an outcome."""

    outcome: Outcome | None
    name: str = "broken"

    def key(self) -> Mapping[str, Any]:
        return {}

    def run(self, program: str, given: bytes, limits: Limits) -> Outcome:
        if self.outcome is None:
            raise ResourceError("it does not start")
        return self.outcome


def test_a_sandbox_that_does_not_start_is_no_verdict() -> None:
    reference(TASKS["halves"], Process())
    with pytest.raises(ResourceError):
        score(TASKS["halves"], "def halves(numbers): return []", Broken(None))


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("timeout", "it took too long"),
        ("memory", "it took too much memory"),
        ("output", "it returned too much"),
        ("crashed", "it ended the process"),
        ("done", "it ended the process"),
    ],
)
def test_how_a_program_ended_is_told_where_it_told_nothing(state: Any, why: str) -> None:
    reference(TASKS["halves"], Process())
    found = score(
        TASKS["halves"], "", Broken(Outcome(state, b'{"group": "base"}\n{"value": [0.5, 1.5]}\n{"va', "", 0.0))
    )
    assert found == Score(False, False, f"base test 2 of 2: {why}")

"""The same verdicts as evalplus: 164 canonical solutions, and 500 with a fault put into them.

evalplus needs an environment of its own: `python -m venv VENV && VENV/bin/pip install evalplus==0.3.1`, then
`KINJECT_DATA=... KINJECT_EVALPLUS=VENV/bin/python pytest --slow tests/benchmarks/test_evalplus.py`. It runs the mutants
without a sandbox; none does more than fail, print or loop.
"""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "code"))  # for mutants.py
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "speed"))  # for humaneval_plus.py
import humaneval_plus as speed
from mutants import mutants

from kinject.sandbox.sandbox import open_sandbox

DATA = Path(os.environ.get("KINJECT_DATA", "nowhere"))
MINI = str(DATA / "humanevalplus" / "HumanEvalPlus-Mini.jsonl.gz")
PYTHON = os.environ.get("KINJECT_EVALPLUS", "")
real = pytest.mark.skipif(not DATA.is_dir(), reason="KINJECT_DATA names no folder of public data sets")
TASKS = str(Path(__file__).parent.parent / "cases" / "humaneval" / "tasks.jsonl")


def test_mutants_are_the_same_for_a_seed_and_never_the_same_twice() -> None:
    made = list(mutants(TASKS, 40, seed=1))
    assert made == list(mutants(TASKS, 40, seed=1)) != list(mutants(TASKS, 40, seed=2))
    assert len({each["solution"] for each in made}) == 40
    assert len({each["task_id"] for each in made}) == 7
    for each in made:
        compile(each["solution"], "mutant", "exec")


def test_verdicts_are_compared_one_by_one() -> None:
    solutions = [{"task_id": name} for name in ("HumanEval/0", "HumanEval/1", speed.ROOTS, speed.ROOTS)]
    ours = [(True, True), (True, False), (True, True), (False, False)]
    evalplus = [(True, True), (True, True), (False, False), (True, True)]
    found = speed.compared(solutions, ours, evalplus)
    assert [row["number"] for row in found["differ"]] == [1, 3]
    assert [row["number"] for row in found["known"]] == [2]


@real
@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not PYTHON, reason="KINJECT_EVALPLUS names no python that has evalplus")
def test_evalplus_says_the_same_of_the_canonical_solutions_and_of_500_mutants() -> None:
    open_sandbox()
    solutions = [*speed.canonical(MINI), *mutants(MINI, 500, seed=0)]
    found = speed.measured(MINI, solutions, PYTHON)
    assert found["solutions"] == 664 and 164 < found["pass"] < 500
    assert found["differ"] == []
    assert {row["task"] for row in found["known"]} == {speed.ROOTS}

"""How long do the tests of HumanEval+ take here and in evalplus, and are the verdicts the same?

    python -m venv /tmp/evalplus && /tmp/evalplus/bin/pip install evalplus==0.3.1
    python benchmarks/speed/humaneval_plus.py --data HumanEvalPlus-Mini.jsonl.gz --evalplus /tmp/evalplus/bin/python

Both score the 164 canonical solutions, and those of `--solutions FILE` ({"task_id", "solution"} a line), one after
the other, each with two workers, twice: the first time the expected values are made, too. Of evalplus the time is
that of its `evaluate` alone, without the seconds of its imports and of a thread that sleeps on when all is done.
evalplus runs solutions without a sandbox: give it none that you have not read. Prints one JSON object.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kinject.benchmarks import humaneval_plus
from kinject.progress import SILENT
from kinject.sandbox.sandbox import open_sandbox

Solution = dict[str, str]
Verdict = tuple[bool, bool]
ROOTS = "HumanEval/32"
"""evalplus 0.3.1 fails every solution of this task: after its own rule for it, it counts no test as done."""
THEIRS = """
import json, os, sys, time
from contextlib import redirect_stdout
from evalplus.evaluate import evaluate
samples, seconds = sys.argv[1], []
with redirect_stdout(sys.stderr):
    for _ in range(2):
        result = samples.replace(".jsonl", "_eval_results.json")
        if os.path.exists(result):
            os.remove(result)
        began = time.perf_counter()
        evaluate("humaneval", samples, parallel=2)
        seconds.append(time.perf_counter() - began)
with open(result) as file:
    found = json.load(file)["eval"]
verdicts = {task: [[one["base_status"], one["plus_status"]] for one in each] for task, each in found.items()}
print(json.dumps({"seconds": seconds, "verdicts": verdicts}), flush=True)
os._exit(0)
"""


def canonical(data: str) -> list[Solution]:
    """Return every task's own solution."""
    tasks = [(item.id, humaneval_plus.task_of(item)) for item in humaneval_plus.read(data, None).items]
    return [{"task_id": name, "solution": task.prompt + task.canonical} for name, task in tasks]


def ours(data: str, solutions: Sequence[Solution]) -> tuple[list[float], list[Verdict]]:
    """Score twice in a store of its own; return the seconds of each, and the verdicts."""
    tasks = {item.id: humaneval_plus.task_of(item) for item in humaneval_plus.read(data, None).items}
    pairs = [(tasks[each["task_id"]], each["solution"]) for each in solutions]
    seconds = []
    with tempfile.TemporaryDirectory() as home:
        before = os.environ.get("KINJECT_HOME")
        os.environ["KINJECT_HOME"] = home
        try:
            for _ in range(2):
                began = time.perf_counter()
                scores = humaneval_plus.scored(pairs, open_sandbox(), SILENT)
                seconds.append(time.perf_counter() - began)
        finally:
            os.environ.pop("KINJECT_HOME") if before is None else os.environ.update(KINJECT_HOME=before)
    return seconds, [(bool(each.base), bool(each.plus)) for each in scores]


def theirs(data: str, solutions: Sequence[Solution], python: str) -> tuple[list[float], list[Verdict]]:
    """Have evalplus score twice; return the seconds of each, and the verdicts in the solutions' order."""
    with tempfile.TemporaryDirectory() as folder:
        tasks, samples = Path(folder, "tasks.jsonl"), Path(folder, "samples.jsonl")
        raw = Path(data).read_bytes()
        tasks.write_bytes(gzip.decompress(raw) if data.endswith(".gz") else raw)
        samples.write_text("".join(json.dumps(each) + "\n" for each in solutions))
        environment = {**os.environ, "HUMANEVAL_OVERRIDE_PATH": str(tasks), "XDG_CACHE_HOME": folder}
        line = [python, "-c", THEIRS, str(samples)]
        done = subprocess.run(line, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"evalplus failed: {done.stderr[-2000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    left = {task: iter(each) for task, each in told["verdicts"].items()}
    found = [[status == "pass" for status in next(left[each["task_id"]])] for each in solutions]
    return told["seconds"], [(base, base and plus) for base, plus in found]


def compared(solutions: Sequence[Solution], mine: Sequence[Verdict], other: Sequence[Verdict]) -> dict[str, Any]:
    """Count the verdicts that are the same, and tell those that are not; those of `ROOTS` are told apart."""
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for number, (solution, one, two) in enumerate(zip(solutions, mine, other, strict=True)):
        if one != two:
            row = {"number": number, "task": solution["task_id"], "ours": list(one), "evalplus": list(two)}
            told["known" if solution["task_id"] == ROOTS and two == (False, False) else "differ"].append(row)
    return {"solutions": len(solutions), "pass": sum(plus for _, plus in mine), "differ": [], "known": [], **told}


def measured(data: str, solutions: Sequence[Solution], python: str | None) -> dict[str, Any]:
    """Return the seconds of both, their ratio, and how the verdicts compare."""
    seconds, verdicts = ours(data, solutions)
    found: dict[str, Any] = {"solutions": len(solutions), "ours": [round(each, 2) for each in seconds]}
    found["pass"] = sum(plus for _, plus in verdicts)
    if python:
        took, other = theirs(data, solutions, python)
        ratio = [round(one / two, 2) for one, two in zip(seconds, took, strict=True)]
        found |= {"evalplus": [round(each, 2) for each in took], "ratio": ratio}
        found |= compared(solutions, verdicts, other)
        found["agree"] = not found["differ"]
    return found


def main() -> None:
    """Score with both, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="HumanEvalPlus.jsonl[.gz] or its Mini, all 164 tasks")
    parser.add_argument("--evalplus", help="the python of an environment that has evalplus")
    parser.add_argument("--solutions", type=Path, help='more of them: {"task_id", "solution"} a line')
    given = parser.parse_args()
    more = given.solutions.read_text().splitlines() if given.solutions else []
    solutions = canonical(given.data) + [json.loads(line) for line in more if line.strip()]
    print(json.dumps(measured(given.data, solutions, given.evalplus)))


if __name__ == "__main__":
    sys.exit(main())

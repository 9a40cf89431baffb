"""Solutions in responses: what must come of each case (tests/cases/humaneval/responses.yaml), and laws."""

import ast
import json
import os
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kinject.benchmarks import humaneval_plus
from kinject.benchmarks.code.extract import LONGEST, extract

CASES = Path(__file__).parents[2] / "cases" / "humaneval"
TASKS = {row["entry_point"]: row for row in map(json.loads, (CASES / "tasks.jsonl").read_text().splitlines())}
RESPONSES: list[dict[str, Any]] = yaml.safe_load((CASES / "responses.yaml").read_text(encoding="utf-8"))
DATA = Path(os.environ.get("KINJECT_DATA", "nowhere"))
real = pytest.mark.skipif(not DATA.is_dir(), reason="KINJECT_DATA names no folder of public data sets")


def found(response: str, entry: str) -> str:
    return extract(response, TASKS[entry]["prompt"], entry)


@pytest.mark.parametrize("case", RESPONSES, ids=[case["name"] for case in RESPONSES])
def test_what_comes_of_a_response(case: dict[str, Any]) -> None:
    assert found(case["response"], case["task"]) == case["solution"]


def test_there_are_cases_of_every_kind() -> None:
    assert len(RESPONSES) >= 30
    assert len({case["name"] for case in RESPONSES}) == len(RESPONSES)


@pytest.mark.parametrize("case", RESPONSES, ids=[case["name"] for case in RESPONSES])
def test_a_solution_is_its_own_solution(case: dict[str, Any]) -> None:
    once = found(case["solution"], case["task"])
    assert ast.dump(ast.parse(once)) == ast.dump(ast.parse(case["solution"]))


def ways(prompt: str, body: str) -> dict[str, str]:
    """The same solution, said in many ways."""
    whole = prompt + body
    return {
        "whole": whole,
        "fenced": f"Sure!\n\n```python\n{whole}\n```\nIt works like this.",
        "words": f"Here it is.\n\n{whole}\n\nThat is all: it returns what was asked for.",
        "body": body,
        "body, stripped": body.strip(),
        "body, in a fence": f"```python\n{body}\n```",
        "body, at the margin": textwrap.dedent(body.lstrip("\n").rstrip()),
        "body, and more": f"{body}\n\nprint('ready'\n",
    }


@pytest.mark.parametrize("entry", TASKS)
def test_however_a_solution_is_said_the_same_comes_of_it(entry: str) -> None:
    task = TASKS[entry]
    same = {how: found(text, entry) for how, text in ways(task["prompt"], task["canonical_solution"]).items()}
    assert len({ast.dump(ast.parse(solution)) for solution in same.values()}) == 1, same


@real
def test_however_a_real_solution_is_said_the_same_comes_of_it() -> None:
    for item in humaneval_plus.read(str(DATA / "humanevalplus" / "HumanEvalPlus-Mini.jsonl.gz"), None).items:
        task = humaneval_plus.task_of(item)
        told = ways(task.prompt, task.canonical)
        same = {how: extract(text, task.prompt, task.entry) for how, text in told.items()}
        assert len({ast.dump(ast.parse(solution)) for solution in same.values()}) == 1, (item.id, same)


@given(
    st.lists(
        st.sampled_from(
            ["def halves(numbers):", "    return numbers", "```python", "```", "(", '"""', "if x:", "@", "Words.", "\\"]
        ),
        max_size=20,
    ).map("\n".join)
    | st.text()
)
def test_any_text_gives_code_that_defines_the_function_or_nothing(response: str) -> None:
    solution = found(response, "halves")
    assert not solution or "halves" in solution
    ast.parse(solution)


@pytest.mark.parametrize(
    "line", ["(", "if x:", "x = 1", "```python", "def halves(x):", '"""', "@", "Words and words.", "    "]
)
def test_long_rambling_takes_no_long_time(line: str) -> None:
    began = time.process_time()
    found((line + "\n") * (LONGEST // len(line)), "halves")
    found(line * (LONGEST // len(line)), "halves")
    assert time.process_time() - began < 20

"""GSM8K (Cobbe et al., 2021) and GSM1k (Zhang et al., 2024): is the final number right?

The paper's Math (arXiv 2410.03717, Table 1; GSM1k: A.1), asked as it trains: with the system message of A.3.1,
without examples. In: a file in GSM8K's form. Out: three marks for each response.

- **correct**: the number behind the first "####" that has one is the reference's. Values are compared, not spellings:
  "#### $1,200." and "#### 1200.00" are 1200, "#### −5" is -5. What follows the number (a unit, emphasis, the next
  question that a base model asks itself) does not count. A fraction, a time of day and "1,2" are no numbers.
- **flexible**: the last number of the response is the reference's, wherever it stands (lm-eval's "flexible-extract",
  but by value, and a hyphen between two numbers is no minus sign). What a model that does not know "####" can reach.
- **format**: every line but the last is "sub-question ** step", and the last is "#### NUMBER"; "####" stands once.

Traps: main and Socratic test files are the same items. GSM1k's answers are bare numbers. An empty response is wrong.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kinject.benchmarks.benchmark import Benchmark, Data, Item, Items, Marks, data_path
from kinject.engines.base import Message
from kinject.progress import Progress
from kinject.recipes import gsm8k
from kinject.recipes.readers.gsm8k import (
    DELIMITER,
    LICENCE,
    RAW,
    Problem,
    Problems,
    final_number,
    last_number,
    number,
    read,
    solution,
    solved,
)

METRICS = ("correct", "flexible", "format")

GSM8K_DATA = Data("test_socratic.jsonl or test.jsonl of GSM8K", f"curl -LO {RAW}/test_socratic.jsonl", LICENCE)
GSM1K_DATA = Data(
    'GSM1k as JSON lines of {"question", "answer"}; the answer may be the number alone',
    'python -c \'from datasets import load_dataset as get; get("ScaleAI/gsm1k", split="test").to_json("gsm1k.jsonl")\'',
    "that of its owner: see the card of ScaleAI/gsm1k on the hub",
)


def read_gsm8k(data: str | None, system: str | None) -> Items:
    """Read a test file of GSM8K."""
    path = data_path("gsm8k", _file(data), GSM8K_DATA, "gsm8k/test_socratic.jsonl")
    return _items("gsm8k", read(path), system)


def read_gsm1k(data: str | None, system: str | None) -> Items:
    """Read a file of GSM1k."""
    path = data_path("gsm1k", data, GSM1K_DATA, "gsm1k/test.jsonl")
    found = replace(read(path, bare=True), source=f"gsm1k:{path}", licence=GSM1K_DATA.licence)
    return _items("gsm1k", found, system)


def item(name: str, problem: Problem, system: str | None, **more: Any) -> Item:
    """Return the item that asks a problem; `more` is what its marks need beside the solution."""
    head = () if system is None else (Message("system", system),)
    reference = {"question": problem.question, "solution": solution(problem), "final": problem.final, **more}
    return Item(name, (*head, Message("user", problem.question)), reference)


def mark(items: Sequence[Item], responses: Sequence[str], progress: Progress) -> list[Marks]:
    """Mark responses; none is ever unscored."""
    return [marks(item, response) for item, response in zip(items, responses, strict=True)]


def marks(item: Item, response: str) -> Marks:
    """Return the three marks of a response."""
    right, said, last = number(item.reference["final"]), final_number(response), last_number(response)
    reason = "" if said == right else f"{_shown(said)} and not {item.reference['final']}"
    return Marks({"correct": said == right, "flexible": last == right, "format": socratic(response)}, reason)


def socratic(response: str) -> bool:
    """Say whether a response is in the Socratic form: sub-question ** step on every line, #### NUMBER on the last."""
    found = solved("", response)
    if isinstance(found, str):
        return False
    asked = all(step.question and DELIMITER not in step.text for step in found.steps)
    return asked and any(step.text for step in found.steps)


def _shown(said: Any) -> str:
    return "no number behind '####'" if said is None else f"{float(said):.12g}"


def _file(data: str | None) -> str | None:
    """Take the name that `--source` has, too."""
    return data.removeprefix("gsm8k:") if data else None


def _items(name: str, found: Problems, system: str | None) -> Items:
    items = [item(f"{name}-{n:04}", each, system) for n, each in enumerate(found.problems)]
    return Items(tuple(items), found.source, found.licence, found.left_out)


GSM8K = Benchmark(
    "gsm8k", "grade school word problems (Math)", METRICS, read_gsm8k, mark, GSM8K_DATA, system=gsm8k.SYSTEM
)
GSM1K = Benchmark(
    "gsm1k", "GSM8K's newer twin, for contamination", METRICS, read_gsm1k, mark, GSM1K_DATA, system=gsm8k.SYSTEM
)

"""StarCoder's self-alignment set (Wei et al., 2024): 50,661 coding exercises whose answers passed their own tests.

A Parquet file of the hub, JSON lines or a JSON list: instruction, response, and how they were made, which is not read.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from kinject.errors import MissingError
from kinject.recipes.readers.form import Form, checked, read_any

LICENCE = "ODC-BY 1.0 (self-oss-instruct)"
HUB, FILE = "bigcode/self-oss-instruct-sc2-exec-filter-50k", "data/train-00000-of-00001.parquet"
GET = f"`hf download {HUB} {FILE} --repo-type dataset --local-dir self-oss`, then --source self-oss:self-oss/{FILE}"
FORM = 'rows are {"instruction": TEXT, "response": TEXT}, as in the set on the hub'


class Item(Form):
    """A row of the set."""

    instruction: str
    response: str


@dataclass(frozen=True)
class Exercises:
    """What was read: (instruction, response) pairs in the file's order."""

    source: str
    licence: str
    pairs: tuple[tuple[str, str], ...]
    read: int
    left_out: dict[str, int]


def read(path: Path) -> Exercises:
    """Read a file of the set."""
    if not path.is_file():
        raise MissingError("there is no file of StarCoder Self-Align", where=str(path), mend=GET)
    items = [checked(Item, value, where, "row of StarCoder Self-Align", FORM) for where, value in read_any(path)]
    pairs = [(item.instruction.strip(), item.response.strip()) for item in items]
    whole = tuple(pair for pair in pairs if all(pair))
    left_out = Counter(
        "no instruction" if not asked else "no response" for asked, said in pairs if not (asked and said)
    )
    return Exercises(f"self-oss:{path}", LICENCE, whole, len(items), dict(left_out))

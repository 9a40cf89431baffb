"""Dolly 15k (Conover et al., 2023; CC BY-SA 3.0): 15,011 instructions that people wrote and answered.

JSON lines, a JSON list or Parquet, in one of two forms: the published instruction, context (often empty), response and
category; and a copy whose prompt is Alpaca's text around the instruction and its "Input", and whose answer ends in
"###eos_token###".

Traps: the token is no part of an answer. Reference marks such as "[1]" stand in contexts and answers; they are the text
as it was published, and are kept.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinject.errors import MissingError, UsageError
from kinject.recipes.readers.form import Form, checked, read_any

LICENCE = "CC BY-SA 3.0 (databricks-dolly-15k)"
HUB, FILE = "databricks/databricks-dolly-15k", "databricks-dolly-15k.jsonl"
GET = f"`hf download {HUB} {FILE} --repo-type dataset --local-dir dolly`, then --source dolly:dolly/{FILE}"
FORM = 'rows are {"instruction", "context", "response"} as on the hub, or {"prompt", "answer"} in Alpaca\'s words'
KIND = "row of Dolly"
END = "###eos_token###"
ALPACA = re.compile(
    r".*?^### Instruction:\n(?P<instruction>.*?)(?:\n+### Input:\n(?P<context>.*?))?\n+### Response:\s*",
    re.DOTALL | re.MULTILINE,
)


class Published(Form):
    """A row as it was published."""

    instruction: str
    context: str | None = None
    response: str


class Copied(Form):
    """The same in Alpaca's words."""

    prompt: str
    answer: str


@dataclass(frozen=True)
class Instruction:
    """What somebody asked, what there was to read with it (often nothing), and what somebody answered."""

    instruction: str
    context: str
    response: str


@dataclass(frozen=True)
class Instructions:
    """What was read."""

    source: str
    licence: str
    instructions: tuple[Instruction, ...]
    read: int
    left_out: dict[str, int]


def read(path: Path) -> Instructions:
    """Read a file of Dolly."""
    if not path.is_file():
        raise MissingError("there is no file of Dolly", where=str(path), mend=GET)
    items = [_instruction(value, where) for where, value in read_any(path)]
    whole = tuple(item for item in items if item.instruction and item.response)
    left_out = Counter(_reason(item) for item in items if not (item.instruction and item.response))
    return Instructions(f"dolly:{path}", LICENCE, whole, len(items), dict(left_out))


def _instruction(value: Any, where: str) -> Instruction:
    if isinstance(value, dict) and "prompt" in value:
        row = checked(Copied, value, where, KIND, FORM)
        found = ALPACA.fullmatch(row.prompt)
        if found is None:
            raise UsageError(f"this is no {KIND}: the prompt is not in Alpaca's words", where=where, mend=FORM)
        parts: tuple[str | None, ...] = (found["instruction"], found["context"], row.answer)
    else:
        published = checked(Published, value, where, KIND, FORM)
        parts = (published.instruction, published.context, published.response)
    instruction, context, response = ((part or "").strip().removesuffix(END).strip() for part in parts)
    return Instruction(instruction, context, response)


def _reason(item: Instruction) -> str:
    return "no response" if item.instruction else "no instruction"

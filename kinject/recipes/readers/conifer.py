"""Conifer (Sun et al., 2024): 13,606 dialogues of instructions with constraints, answered by GPT-4.

A Parquet file of the hub, JSON lines or a JSON list: messages ([{role, content}, ...], user and assistant in turn) and
type. "Easy-to-Hard": the same request up to five times, with more constraints each time. "Process Feedback": a hard
request, an answer, a critique of it, and a better answer; the critique is no request.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kinject.errors import MissingError
from kinject.recipes.readers.form import Form, checked, read_any

LICENCE = "Apache-2.0 (Conifer)"
HUB, FILE = "ConiferLM/Conifer", "data/train_sft-00000-of-00001.parquet"
GET = f"`hf download {HUB} {FILE} --repo-type dataset --local-dir conifer`, then --source conifer:conifer/{FILE}"
FORM = 'rows are {"messages": [{"role": "user", "content": TEXT}, ...], "type": TEXT}, as in the set on the hub'


class Said(Form):
    """One message."""

    role: Literal["system", "user", "assistant"]
    content: str


class Item(Form):
    """A dialogue; the samples in the set's repository have no type."""

    messages: list[Said]
    type: str | None = None


@dataclass(frozen=True)
class Dialogue:
    """Requests with their answers, in order."""

    turns: tuple[tuple[str, str], ...]
    feedback: bool
    """Whether the requests after the first are critiques."""


@dataclass(frozen=True)
class Dialogues:
    """What was read."""

    source: str
    licence: str
    dialogues: tuple[Dialogue, ...]
    read: int
    left_out: dict[str, int]


def read(path: Path) -> Dialogues:
    """Read a file of Conifer."""
    if not path.is_file():
        raise MissingError("there is no file of Conifer", where=str(path), mend=GET)
    items = [checked(Item, value, where, "dialogue of Conifer", FORM) for where, value in read_any(path)]
    found = [_dialogue(item) for item in items]
    whole = tuple(each for each in found if isinstance(each, Dialogue))
    left_out = Counter(each for each in found if isinstance(each, str))
    return Dialogues(f"conifer:{path}", LICENCE, whole, len(items), dict(left_out))


def _dialogue(item: Item) -> Dialogue | str:
    """Return a dialogue, or why it is none."""
    said = [message for message in item.messages if message.role != "system"]
    roles = [message.role for message in said]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        return "requests and answers do not alternate"
    texts = [message.content.strip() for message in said]
    if not all(texts):
        return "a message is empty"
    turns = tuple(zip(texts[::2], texts[1::2], strict=True))
    return Dialogue(turns, "feedback" in (item.type or "").lower())

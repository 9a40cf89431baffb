"""LIMA (Zhou et al., 2023): 1,000 conversations of a general assistant; CC BY-NC-SA, and gated on the hub.

Two forms are about, as a JSON list or as JSON lines: the official `{"conversations": [turn, reply, ...], "source"}`,
and copies in Alpaca's form, `{"instruction", "input", "output", "history": [[turn, reply], ...]}`. One row a
conversation: the earlier turns stand before the last one, whose reply is learned.

Traps: the test split has prompts without replies, in one copy as bare strings; replies have white space around them.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from kinject.errors import MissingError
from kinject.recipes.readers.form import Form, checked, read_any

LICENCE = "CC BY-NC-SA (LIMA), or stricter where a source of it is"
KIND = "conversation of LIMA"
FORMS = 'rows are {"conversations": [turn, reply, ...]} or {"instruction", "output", "history": [[turn, reply], ...]}'


class Official(Form):
    """A conversation as it was published; a bare string is a prompt of the test split."""

    conversations: str | Annotated[list[str], Field(min_length=1)]


class Alpaca(Form):
    """The same in Alpaca's form."""

    instruction: str
    output: str
    input: str | None = None
    history: list[tuple[str, str]] | None = None


@dataclass(frozen=True)
class Chats:
    """Conversations: turns and replies in turn, a reply last."""

    source: str
    licence: str
    chats: tuple[tuple[str, ...], ...]
    read: int
    left_out: dict[str, int]


def read(path: Path) -> Chats:
    """Read a file of LIMA."""
    if not path.is_file():
        raise MissingError(
            "there is no file of LIMA",
            where=str(path),
            mend="`hf download GAIR/lima train.jsonl --repo-type dataset --local-dir lima` (gated: accept its terms "
            "and set HF_TOKEN), then --source lima:lima/train.jsonl",
        )
    items = read_any(path)
    turns = [_turns(item, where) for where, item in items]
    whole = tuple(chat for chat in turns if len(chat) % 2 == 0 and all(chat))
    left_out = Counter("a turn is empty" if not all(chat) else "no reply" for chat in turns if chat not in whole)
    return Chats(f"lima:{path}", LICENCE, whole, len(items), dict(left_out))


def _turns(item: Any, where: str) -> tuple[str, ...]:
    if isinstance(item, dict) and "conversations" in item:
        turns = checked(Official, item, where, KIND, FORMS).conversations
        return tuple(turn.strip() for turn in ([turns] if isinstance(turns, str) else turns))
    row = checked(Alpaca, item, where, KIND, FORMS)
    earlier = [turn for pair in row.history or () for turn in pair]
    asked = "\n".join(part for part in (row.instruction, row.input) if part)
    return tuple(turn.strip() for turn in (*earlier, asked, row.output))

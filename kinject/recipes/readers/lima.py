"""LIMA (Zhou et al., 2023): 1,000 conversations of a general assistant; CC BY-NC-SA, and gated on the hub.

Two forms are about, as a JSON list or as JSON lines: the official `{"conversations": [turn, reply, ...], "source"}`,
and copies in Alpaca's form, `{"instruction", "input", "output", "history": [[turn, reply], ...]}`. One row a
conversation: the earlier turns stand before the last one, whose reply is learned.

Traps: the test split has prompts without replies, in one copy as bare strings; replies have white space around them.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinject.errors import MissingError, UsageError
from kinject.recipes.readers.rows import read_any

LICENCE = "CC BY-NC-SA (LIMA), or stricter where a source of it is"


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
    turns = [_turns(item, f"{path}: row {number}") for number, item in enumerate(items, 1)]
    whole = tuple(chat for chat in turns if len(chat) % 2 == 0 and all(chat))
    left_out = Counter("a turn is empty" if not all(chat) else "no reply" for chat in turns if chat not in whole)
    return Chats(f"lima:{path}", LICENCE, whole, len(items), dict(left_out))


def _turns(item: Any, where: str) -> tuple[str, ...]:
    match item:
        case {"conversations": str(prompt)}:
            return (prompt.strip(),)
        case {"conversations": [*turns]} if turns and all(isinstance(turn, str) for turn in turns):
            return tuple(turn.strip() for turn in turns)
        case {"instruction": str(asked), "output": str(reply)}:
            said = [turn for pair in item.get("history") or () for turn in pair]
            whole = [*said, "\n".join(part for part in (asked, item.get("input")) if part), reply]
            return tuple(str(turn).strip() for turn in whole)
    raise UsageError(
        "this is no conversation of LIMA",
        where=where,
        mend='rows are {"conversations": [turn, reply, ...]} or {"instruction", "output", "history"}',
    )

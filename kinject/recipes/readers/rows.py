"""Rows in kinject's own form, as `kinject build` writes them: {"messages": [...], "response": ...} a line.

Beside NAME.jsonl lies NAME.card.json: which recipe, from what source, counts, licence, and the file's sha256. Rows
without a card are anybody's own and are taken as they are; rows that were changed after their card was written say so
in the card of the run.

Trap: unlike the `messages` export, the last message is the question; the response stands by itself.
"""

import hashlib
from pathlib import Path
from typing import Any

from kinject import storage
from kinject.engines.base import Message
from kinject.errors import UsageError
from kinject.recipes import TrainingSet
from kinject.recipes.row import Row

FORM = 'write {"messages": [{"role", "content"}, ...], "response": "..."} a line, the last message a user\'s'


def read(path: Path) -> TrainingSet:
    """Read rows and their card, if there is one."""
    rows = tuple(_row(raw, f"{path}:{line}") for line, raw in storage.numbered_lines(path))
    place = card_path(path)
    card: dict[str, Any] = storage.read_json(place) if place.exists() else {}
    if not isinstance(card, dict):
        raise UsageError("this is no card", where=str(place), mend="delete it, or build the rows again")
    if card.get("sha256") not in (None, storage.file_digest(path)):
        card = {**card, "changed_after_built": True}
    return TrainingSet(str(card.get("recipe", "own")), rows, {"source": str(path), **card, "rows": len(rows)})


def write(rows: TrainingSet, path: Path) -> dict[str, Any]:
    """Write rows to a new file and their card beside it; return the card."""
    if path.suffix != ".jsonl":
        mend = "name it --out NAME.jsonl, or a folder: --out NAME"
        raise UsageError("rows are a .jsonl file or a folder", where=str(path), mend=mend)
    for taken in (path, card_path(path)):
        if taken.exists():
            raise UsageError("there is a file already", where=str(taken), mend="name another with --out")
    storage.write_jsonl(path, (row.as_json() for row in rows.rows))
    card = card_of(rows)
    storage.write_json(card_path(path), card)
    return card


def card_of(rows: TrainingSet) -> dict[str, Any]:
    """Return the card: what the recipe says, and the sha256 of the file that the rows are or would be."""
    sha = hashlib.sha256()
    for row in rows.rows:
        sha.update(storage.json_line(row.as_json()))
    counted = {"rows": len(rows.rows), "splits": ["train"], "digest": rows.digest, "sha256": sha.hexdigest()}
    told = {name: value for name, value in rows.card.items() if name != "recipe"}  # rows that were built may be cut
    return {"schema_version": 1, "recipe": rows.name, "left_out": {}, **told, **counted}


def card_path(path: Path) -> Path:
    """Return where the card of a rows file lies."""
    return path.with_suffix(".card.json")


def _row(raw: bytes, where: str) -> Row:
    file, _, line = where.rpartition(":")
    value = storage.parse_json(raw, file, int(line))
    match value:
        case {"messages": [*messages], "response": str(response), **others} if not others and messages:
            return row_of(messages, response, where)
    raise UsageError("this is no training row", where=where, mend=FORM)


def row_of(messages: list[Any], response: str, where: str, form: str = FORM) -> Row:
    """Return the row of messages that were read, the last one a user's, and a response."""
    turns = tuple(_message(message, where, form) for message in messages)
    if turns[-1].role != "user":
        raise UsageError("this is no training row", where=where, mend=form)
    return Row(turns, response)


def _message(value: Any, where: str, form: str) -> Message:
    match value:
        case {"role": "system" | "user" | "assistant" as role, "content": str(content), **others} if not others:
            return Message(role, content)
    raise UsageError("this is no message", where=where, mend=form)

"""The texts of a test set, from any file: what a training set is held against.

A .txt file has one text a line. JSON lines, a JSON list and Parquet have texts, or rows: of a row the first of `FIELDS`
is taken, and of a conversation (`messages`, `prompt`) what its users say.
"""

from pathlib import Path
from typing import Any

from kinject import storage
from kinject.errors import MissingError, UsageError
from kinject.recipes.readers.form import read_any

FIELDS = ("question", "prompt", "instruction", "problem", "messages", "conversations", "text", "input")
FORM = f"use a .txt file with a text a line, or rows with one of: {', '.join(FIELDS)}"


def read(path: Path) -> list[str]:
    """Read a file. `MissingError` where there is none, `UsageError` where it holds no texts."""
    if not path.is_file():
        raise MissingError("there is no file of test texts", where=str(path), mend=FORM)
    if path.suffix == ".txt":
        found = [line.strip() for line in storage.read_text(path).split("\n") if line.strip()]
    else:
        found = [text for where, value in read_any(path) for text in _texts(value, where)]
    if not found:
        raise UsageError("this file holds no texts", where=str(path), mend=FORM)
    return found


def _texts(value: Any, where: str) -> list[str]:
    match value:
        case str():
            return [value]
        case dict() if field := next((name for name in FIELDS if value.get(name)), None):
            return _said(value[field], where)
    raise UsageError("here is no text of a test", where=where, mend=FORM)


def _said(value: Any, where: str) -> list[str]:
    """A text, or of a conversation what its users say: of bare turns every other one."""
    match value:
        case str():
            return [value]
        case [*turns] if all(isinstance(turn, str) for turn in turns):
            return turns[::2]
        case [*turns] if all(isinstance(turn, dict) and isinstance(turn.get("content"), str) for turn in turns):
            return [turn["content"] for turn in turns if turn.get("role") == "user"]
    raise UsageError("here is no text of a test", where=where, mend=FORM)

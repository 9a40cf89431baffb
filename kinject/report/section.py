"""What a report is made of: sections, each with an answer, tables and pictures, in plain text.

A section knows nothing of where it will be shown. The terminal, Markdown, JSON and the page draw the same ones, and
each escapes for itself what models, files and records have said; `visible` is for what escaping lets through.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kinject.report.records import Arm

LAB, REAL = "lab analogue", "measured on real weights"
NOTHING = "–"


@dataclass(frozen=True)
class Column:
    """A column and what it means: over what, counted how."""

    name: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """Text cells under columns; the first `keys` columns name the row."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: int


@dataclass(frozen=True)
class Drawn:
    """A picture as markup, to be put into a page as it is."""

    svg: str
    keys: tuple[tuple[str, str], ...]
    """The legend: a small picture, and what it means, in words that are still to be escaped."""


@dataclass(frozen=True)
class Picture:
    """What is drawn when a page wants it; all its numbers stand in a table beside it."""

    title: str
    draw: Callable[[str], Drawn]
    """An id that no other picture of the page has, to the picture."""


@dataclass(frozen=True)
class Section:
    """What can be read together."""

    question: str
    title: str
    state: str
    """Where the figures come from, to stand above every table."""
    answer: str
    pieces: tuple[Table | Picture, ...]
    provenance: Mapping[str, str]
    data: Mapping[str, Any]
    """What stands in tables.json beside title, state and answer."""
    notes: tuple[str, ...] = ()
    """What has to be known to read it: held, matched, failed."""
    asides: tuple[str, ...] = ()
    """Said where the columns' meanings are not: on the terminal."""
    arms: tuple[Arm, ...] = field(default=(), repr=False)
    """Whose answers can be browsed."""

    @property
    def tables(self) -> list[Table]:
        """The pieces that are text."""
        return [piece for piece in self.pieces if isinstance(piece, Table)]


# Text from elsewhere

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with control characters, lone surrogates and changes of writing direction spelled out."""
    return _UNSEEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def in_words(value: Any) -> str:
    """A record's value on one line: {"temperature": 0} is "temperature 0"."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {in_words(item)}" for name, item in value.items())
    return str(value)


def ends(interval: tuple[float, float] | None, digits: int = 1, sign: str = "") -> str:
    """An interval in brackets, that no line breaks; nothing where there is none."""
    if interval is None:
        return ""
    low, high = (f"{end:{sign}.{digits}f}" for end in interval)
    return f"[{low},\u00a0{high}]"

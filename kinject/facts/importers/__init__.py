"""Other people's sets of facts, read into ours: one file a format.

An importer reads a file row by row and yields, for each row, one Fact or the reason why it is none; it never holds the
file in memory. `convert` checks each fact as `kinject facts check` would and writes the sound ones, with a card that
names where they come from and their licence. What is left out is counted by reason.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kinject.extensions import load
from kinject.facts.schema import Fact

IMPORTERS = {
    "mquake": "kinject.facts.importers.mquake:MQUAKE",
    "mquake-remastered": "kinject.facts.importers.mquake_remastered:MQUAKE_REMASTERED",
    "freshqa": "kinject.facts.importers.freshqa:FRESHQA",
    "realtimeqa": "kinject.facts.importers.realtimeqa:REALTIMEQA",
    "knowedit": "kinject.facts.importers.knowedit:KNOWEDIT",
    "csv": "kinject.facts.importers.csv:CSV",
}


@dataclass(frozen=True)
class Skipped:
    """A row that became no fact, and why, in words that are the same for every such row."""

    reason: str


@dataclass(frozen=True)
class Importer:
    """One format: how it is read, and where data in it comes from."""

    read: Callable[[Path], Iterator[Fact | Skipped]]
    """Yields one item a row. UsageError (file:line) where the file as a whole is not of the format."""
    source: str = ""
    """What the set is and where it is published."""
    licence: str = ""
    waives: tuple[str, ...] = ()
    """Rules of soundness that sets of this kind cannot keep."""


@dataclass(frozen=True)
class Imported:
    """What came of an import."""

    read: int
    written: int
    skipped: Counter[str]


def open_importer(name: str) -> Importer:
    """Find an importer by its name, or somebody's own by module:attribute."""
    importer: Importer = load(IMPORTERS, "importer", name, "FORMAT")
    return importer

"""What a pass over a set remembers, kept in a temporary file so that memory does not grow with the set.

SQLite opens such a file for the empty name, holds two megabytes of it in memory and deletes it when it is closed. Texts
are known by 64 bits of their hash: among a million texts, two that differ collide once in forty million sets.
"""

import sqlite3
from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple, Self

ENOUGH = 50
"""So many places tell what is wrong; more would make a set of nothing but doubles a matter of hours."""


class Place(NamedTuple):
    """Where a text was met, and what stood beside it."""

    line: int
    fact: str
    answer: str
    supersedes: str | None


class Memory:
    """Texts of several kinds and the places where they were met."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE met (kind, key INTEGER, line, fact, answer, supersedes)")
        self._database.execute("CREATE INDEX place ON met (key, kind)")
        self._database.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def met(self, kind: str, text: str) -> list[Place]:
        """The first places where this text was met, in order."""
        rows = self._database.execute(
            "SELECT line, fact, answer, supersedes FROM met WHERE key = ? AND kind = ? ORDER BY rowid LIMIT ?",
            (_key(text), kind, ENOUGH),
        )
        return [Place(*row) for row in rows]

    def add(self, kind: str, text: str, place: Place) -> None:
        """Remember that this text was met here."""
        self._database.execute("INSERT INTO met VALUES (?, ?, ?, ?, ?, ?)", (kind, _key(text), *place))

    def all(self, kind: str) -> Iterator[Place]:
        """Every place at which a text of this kind was met, in order."""
        for row in self._database.execute(
            "SELECT line, fact, answer, supersedes FROM met WHERE kind = ? ORDER BY rowid", (kind,)
        ):
            yield Place(*row)

    def shared(self, kind: str, limit: int) -> list[tuple[int, Place]]:
        """The texts of a kind met at more than `limit` places: how often, and the last place."""
        rows = self._database.execute(
            "SELECT COUNT(*), line, fact, answer, supersedes, MAX(rowid) FROM met WHERE kind = ?"
            " GROUP BY key HAVING COUNT(*) > ? ORDER BY MAX(rowid)",
            (kind, limit),
        )
        return [(row[0], Place(*row[1:5])) for row in rows]


def _key(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "big", signed=True)

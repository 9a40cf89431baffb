"""Retrievers by name: questions in, the facts whose events are nearest out.

What is searched is a fact's `event`, and never its questions or answers. `RETRIEVERS` names the ways; somebody's own is
`module:attribute`, a function `(facts, embedder, progress) -> Retriever`, where `embedder` is a name.

Trap: `as_of` is about what was known on a day. A fact of a month is known at its end; one without a date never.
"""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from kinject.errors import UsageError
from kinject.extensions import called, load, version_of
from kinject.facts import dates
from kinject.facts.schema import FactSet
from kinject.progress import SILENT, Progress
from kinject.retrieval import embed

VERSION = 1

RETRIEVERS: dict[str, str | None] = {
    "bm25": "kinject.retrieval.bm25:bm25",
    "faiss": "kinject.retrieval.index:faiss",
    "hybrid": "kinject.retrieval.hybrid:hybrid",
}
"""Ways to search: by words, by vectors, by both."""
BY_VECTORS = ("faiss", "hybrid")
WORDS = "bm25"


@dataclass(frozen=True)
class Hit:
    """A fact that was found. Scores of one retriever and question can be compared, and no others."""

    fact: str
    score: float


class Retriever(Protocol):
    """Anything that finds facts."""

    def search(self, questions: Sequence[str], k: int) -> list[list[Hit]]:
        """Return up to `k` facts for each question, the best first; equals in the order of the facts."""
        ...


@dataclass(frozen=True)
class Retrieval:
    """How to retrieve; an embedder of None is the one that belongs to the facts."""

    retriever: str = "faiss"
    embedder: str | None = None
    k: int = 1
    as_of: str | None = None

    def __post_init__(self) -> None:
        if self.k < 1:
            raise UsageError(f"{self.k} facts cannot be retrieved", where="--top-k", mend="ask for one or more")
        useful(self.embedder, self.retriever)
        if self.as_of is not None:
            _checked(self.as_of)

    def as_json(self) -> dict[str, Any]:
        """Return the settings by their names."""
        return asdict(self)

    def key(self, facts: FactSet) -> dict[str, Any]:
        """Return what a run's key must cover: the settings, the very weights of the embedder, the code's version."""
        own = version_of(load(RETRIEVERS, "retriever", self.retriever)) if self.retriever not in RETRIEVERS else None
        name = embedder_of(self.retriever, facts, self.embedder)
        # The usual embedder is not fetched for somebody's own retriever, which may have no use for it.
        key = embed.find(name).key if name and (own is None or self.embedder) else name
        return {**self.as_json(), "embedder": key, "version": VERSION if own is None else [VERSION, own]}


def open_retriever(
    name: str, facts: FactSet, embedder: str | None = None, as_of: str | None = None, progress: Progress = SILENT
) -> Retriever:
    """Open a retriever over facts, or over those of them that were known on a day."""
    opener = called(load(RETRIEVERS, "retriever", name), name, "facts", "embedder", "progress", where="--retriever")
    known = known_on(facts, as_of, progress) if as_of else facts
    found: Retriever = opener(known, embedder_of(name, facts, embedder) or "", progress)
    if not callable(getattr(found, "search", None)):
        raise UsageError(f"{name!r} gives no retriever", where="--retriever", mend="give something that has `search`")
    return found


def embedder_of(retriever: str, facts: FactSet, embedder: str | None = None) -> str | None:
    """Name the embedder that a retriever is opened with; None for words, which need none."""
    return None if retriever == WORDS else embedder or embed.default_for(facts)


def useful(embedder: str | None, *retrievers: str) -> None:
    """Raise `UsageError` for an embedder that no retriever would look at."""
    if embedder and set(retrievers) == {WORDS}:
        mend = f"leave it out, or take --retriever {' or '.join(BY_VECTORS)}"
        raise UsageError(f"{WORDS} has no use for an embedder", where="--embedder", mend=mend)


def known_on(facts: FactSet, day: str, progress: Progress = SILENT) -> FactSet:
    """Return the facts dated up to a day, or to the end of a month. `UsageError` if there are none."""
    _checked(day)
    undated = sum(fact.date is None for fact in facts.facts)
    if undated:
        progress.say(f"{undated} facts of {facts.name} have no date and stay out")
    kept = tuple(fact for fact in facts.facts if fact.date and _end(fact.date) <= _end(day))
    if not kept:
        oldest = min((fact.date for fact in facts.facts if fact.date), default="none has a date")
        message = f"no fact of {facts.name} was known on {day} (the oldest: {oldest})"
        raise UsageError(message, where="--as-of", mend="take a later day")
    return FactSet(f"{facts.name} as of {day}", kept)


def _checked(day: str) -> None:
    if dates.day(day) is None:
        mend = "write YYYY-MM-DD or YYYY-MM"
        raise UsageError(f"{day!r} is not a real day or month", where="--as-of", mend=mend)


def _end(date: str) -> str:
    """Return a day as it is, and the last day of a month."""
    year, month, *day = date.split("-")
    return date if day else f"{date}-{monthrange(int(year), int(month))[1]:02}"

"""A fact, and a set of facts: a dated event, a direct and a multihop question, the hops between, the sources.

`facts/NAME.jsonl` holds one Fact a line, `facts/NAME.yaml` beside it the Card. Everything is frozen; unknown
fields are errors. The least line is
{"id", "event", "direct": {"question", "answer"}}; all else has a default.

Trap: only the form is checked here (types, a real date). Whether a Fact is sound is the business of `check`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Day
from functools import cached_property
from shlex import quote
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from kinject.errors import UsageError
from kinject.storage import digest

Rules = Literal["strict", "loose"]


def _real(date: str) -> str:
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?", date):
        try:
            Day.fromisoformat(date if len(date) == 10 else f"{date}-01")
            return date
        except ValueError:
            pass
    raise PydanticCustomError("date", "is not a real day (YYYY-MM-DD) or month (YYYY-MM)")


def _as_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, Day) else value  # YAML reads a bare 2023-03-31 as a date


Date = Annotated[str, AfterValidator(_real)]
YamlDate = Annotated[Date, BeforeValidator(_as_text)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Hop(_Record):
    """One step of the way to a multihop answer."""

    question: str
    answer: str
    aliases: tuple[str, ...] = ()


class Direct(_Record):
    """The question that the event answers by itself."""

    question: str
    answer: str
    aliases: tuple[str, ...] = ()
    """Other spellings that count as right."""
    paraphrases: tuple[str, ...] = ()
    """The same question in other words, never trained on."""


class Multihop(_Record):
    """The question that takes the event and older knowledge together."""

    question: str
    answer: str
    aliases: tuple[str, ...] = ()
    paraphrases: tuple[str, ...] = ()
    hops: tuple[Hop, ...] = ()
    """In order; the first one's answer is the bridge entity, the last one's is the answer."""


class Source(_Record):
    """Where the fact can be looked up."""

    title: str
    url: str | None = None


class Fact(_Record):
    """One dated event and what is asked about it."""

    id: str
    date: Date | None = None
    """YYYY-MM-DD or YYYY-MM; None only where an imported set has none."""
    domain: str = ""
    region: str = ""
    country: tuple[str, ...] = ()
    event: str
    direct: Direct
    multihop: Multihop | None = None
    sources: tuple[Source, ...] = ()
    license: str | None = None
    """Of this line, where it differs from the card's."""
    source_id: str | None = None
    """The row's name in the set that it was imported from."""
    supersedes: str | None = None
    """The id of the older fact that this one makes untrue."""
    counterfactual: Annotated[bool, Field(strict=True)] = False
    """True where the event never happened (edited knowledge)."""


class Guess(_Record):
    """How well a question can be answered without knowing the event."""

    type: str
    """What kind of answer is asked for: person, city, year ..."""
    plausible: int = Field(ge=1)
    """How many answers somebody who does not know the event would consider."""
    chance: float = Field(gt=0, le=1)
    """The probability that the best blind guess is right: 1 / plausible, and more where there is a favourite."""

    @model_validator(mode="after")
    def _guessing_beats_no_odds(self) -> Self:
        if self.chance * self.plausible < 0.99:
            raise PydanticCustomError("chance", "chance cannot be less than 1 / plausible")
        return self


class Evidence(_Record):
    """Why one fact is believed, so far."""

    realtimeqa: str | None = None
    """The question_id of the RealTimeQA row that confirms it."""
    readers: str = ""
    """Who read it without sight of the answers, or claim by claim."""
    link: str = "not yet opened"
    """When `kinject facts check --online` opened its sources, and what came of it."""


class Note(_Record):
    """What the card says of one fact."""

    evidence: Evidence = Evidence()
    direct: Guess | None = None
    multihop: Guess | None = None
    note: str = ""
    """What a user of the fact should know."""


class Card(_Record):
    """What a set claims of itself."""

    schema_version: Literal[1] = 1
    name: str
    description: str = ""
    cutoff: YamlDate | None = None
    """Every fact is from after this day (or month)."""
    licence: str = ""
    how_checked: str = ""
    source: str = ""
    """Where the set comes from: an address, a citation, or how it was made."""
    rules: Rules = "loose"
    waives: tuple[str, ...] = ()
    """Codes of rules that this set does not claim, such as F006 where edits reach to the end of the chain."""
    version: str = ""
    canary: str = ""
    """A string that training corpora can be searched for; no training text should hold it."""
    errata: tuple[str, ...] = ()
    """What was corrected since the first version, oldest first: version, fact, what."""
    facts: dict[str, Note] = Field(default={})
    """What is known about single facts, by their ids."""

    @model_validator(mode="after")
    def _strict_has_a_cutoff(self) -> Self:
        if self.rules == "strict" and self.cutoff is None:
            raise PydanticCustomError("cutoff", "a card with strict rules needs a cutoff")
        return self


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field of one line. `code` is a key of `kinject.facts.check.RULES`."""

    code: str
    line: int
    id: str | None
    field: str
    message: str
    mend: str


@dataclass(frozen=True)
class FactSet:
    """Facts under one name, in order, with their card if they have one."""

    name: str
    facts: tuple[Fact, ...]
    card: Card | None = None

    @cached_property
    def digest(self) -> str:
        """Sha256 of the canonical facts: spacing, key order and spelled-out defaults do not change it."""
        return digest([fact.model_dump(mode="json", exclude_defaults=True) for fact in self.facts])

    @cached_property
    def by_id(self) -> Mapping[str, Fact]:
        """The facts by their ids. UsageError if two share one."""
        found = {fact.id: fact for fact in self.facts}
        if len(found) < len(self.facts):
            raise UsageError("two facts share an id", where=self.name, mend=f"kinject facts check {quote(self.name)}")
        return found

"""Facts from after a day: `--after DATE`, and what a model's published cutoff is: `--after auto`.

A fact of a month counts from its first day; a cutoff that is a month lasts to its last day. A fact without a date
cannot be shown to be new, and is left out.
"""

import fnmatch
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from kinject.errors import UsageError, did_you_mean
from kinject.facts.schema import Card, Date, Fact, FactSet, YamlDate
from kinject.resources import facts_folder
from kinject.storage import read_text

FILE = "cutoffs.yaml"


class Cutoff(BaseModel):
    """What a publisher says of the newest text that its model was trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[str, ...]
    """The publisher's own names without the organisation, in small letters; * stands for any letters."""
    cutoff: YamlDate
    source: str
    url: str


def is_after(date: str | None, day: str) -> bool:
    """Whether a date (day or month) is after a day or the end of a month."""
    return date is not None and f"{date}-01"[:10] > f"{day}-31"[:10]


def after(facts: FactSet, day: str) -> FactSet:
    """The facts of a set that are from after a day or month. UsageError if there are none."""
    kept = tuple(fact for fact in facts.facts if is_after(fact.date, day))
    ids = {fact.id for fact in kept}
    # What a fact supersedes may be too old to be here, and no link leads out of a set.
    kept = tuple(fact if fact.supersedes in ids else fact.model_copy(update={"supersedes": None}) for fact in kept)
    if not kept:
        dates = sorted(fact.date for fact in facts.facts if fact.date)
        newest = f"the newest is of {dates[-1]}" if dates else "none has a date"
        raise UsageError(
            f"no fact of {facts.name} is from after {day}: {newest}", where="--after", mend="take an earlier day"
        )
    name = f"{facts.name} after {day}"
    return FactSet(name, kept, facts.card and _card_of(kept, facts.card))


def _card_of(kept: Sequence[Fact], card: Card) -> Card:
    """The card with notes on these facts only."""
    ids = {fact.id for fact in kept}
    return card.model_copy(update={"facts": {name: note for name, note in card.facts.items() if name in ids}})


def cutoffs(path: Path | None = None) -> tuple[Cutoff, ...]:
    """The table of published cutoffs, in its order: the first line that fits a name counts."""
    rows = yaml.safe_load(read_text(path or facts_folder() / FILE))
    return tuple(Cutoff.model_validate(row) for row in rows)


def cutoff_of(model: str) -> Cutoff:
    """The published cutoff of a model, by its hub id or name. UsageError if it is not in the table."""
    if model[:4].isdigit():
        raise UsageError(f"{model!r} is no day and no month", where="--after", mend="write it as 2024-06-30 or 2024-06")
    name = model.rstrip("/").rpartition("/")[2].partition("@")[0].lower()
    table = cutoffs()
    for row in table:
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in row.models):
            return row
    known = [pattern.rstrip("*-") for row in table for pattern in row.models]
    raise UsageError(
        f"no published cutoff of {model!r} is known.{did_you_mean(name, known)}",
        where="--after",
        mend=f"give the day: --after 2024-06-30 (the known ones are in facts/{FILE})",
    )


def day(text: str) -> str | None:
    """The text if it is a day or a month, else None."""
    try:
        return TypeAdapter(Date).validate_python(text)
    except ValidationError:
        return None

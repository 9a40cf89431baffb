"""`kinject facts list`, `show` and `stats`: what there is, one fact whole, and what a set consists of."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table

from kinject.cli import options
from kinject.cli.console import Json, emit
from kinject.cli.progress import RichProgress
from kinject.errors import MissingError, did_you_mean
from kinject.facts.dates import is_after
from kinject.facts.load import load, sets
from kinject.facts.schema import FactSet
from kinject.resources import facts_folder


def list_(after: options.After = None, as_json: Json = False) -> None:
    """The sets of facts that come with kinject."""
    from kinject.sources import cutoff_day

    day = None if after is None else cutoff_day(after)
    rows = [
        {
            "name": path.stem,
            "facts": count if day is None else sum(is_after(fact.date, day) for fact in load(path).facts),
            "cutoff": card.cutoff if card else None,
            "rules": card.rules if card else "loose",
            "licence": card.licence if card else "",
            "description": card.description if card else "",
        }
        for path, count, card in sets(facts_folder())
    ]
    emit({"schema": "kinject.facts.list/1", "sets": rows}, as_json=as_json, text=lambda: _sets(rows))


def show(
    fact: Annotated[str, typer.Argument(metavar="ID", help="The id of a fact.")],
    facts: Annotated[str | None, typer.Option("--facts", help="Its set. Default: all that come with kinject.")] = None,
    as_json: Json = False,
) -> None:
    """One fact, with what the card of its set says of it.

    Example: kinject facts show 2023-10-28-rugby-world-cup
    """
    from kinject.sources import open_facts

    known = [open_facts(facts)] if facts else [load(path) for path, _, _ in sets(facts_folder())]
    home = _home(fact, known)
    note = home.card.facts.get(fact) if home.card else None
    result = {
        "schema": "kinject.facts.show/1",
        "set": home.name,
        "fact": home.by_id[fact].model_dump(mode="json"),
        "note": note.model_dump(mode="json") if note else None,
    }
    emit(result, as_json=as_json, text=lambda: Group(*_lines(result["fact"]), *_lines(result["note"] or {})))


def stats(facts: options.FactsArgument, after: options.After = None, as_json: Json = False) -> None:
    """What a set consists of, and how well its questions can be guessed."""
    from kinject.facts.stats import stats as count
    from kinject.sources import newer, open_facts

    result = {"schema": "kinject.facts.stats/1", **count(newer(open_facts(facts), after, progress=RichProgress()))}
    emit(result, as_json=as_json, text=lambda: _counts(result))


def _home(fact: str, known: Sequence[FactSet]) -> FactSet:
    """The set that has the fact."""
    for home in known:
        if fact in home.by_id:
            return home
    ids = [name for home in known for name in home.by_id]
    names = ", ".join(home.name for home in known)
    raise MissingError(
        f"there is no fact {fact!r} in {names}.{did_you_mean(fact, ids)}", where="ID", mend="name its set: --facts SET"
    )


def _sets(rows: Sequence[Mapping[str, object]]) -> RenderableType:
    table = Table("set", "facts", "cutoff", "rules", "licence", "what", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    return table


def _lines(value: Any, at: str = "") -> Iterator[str]:
    """Nested values, one a line; what is absent is left out."""
    match value:
        case dict():
            for key, item in value.items():
                yield from _lines(item, f"{at}.{key}".lstrip("."))
        case list() if all(isinstance(item, str) for item in value):
            if value:
                yield f"{at}: {' | '.join(value)}"
        case list():
            for index, item in enumerate(value):
                yield from _lines(item, f"{at}.{index}")
        case None | "" | False:
            pass
        case _:
            yield f"{at}: {value}"


def _counts(result: Mapping[str, Any]) -> RenderableType:
    table = Table("what", "count", box=None, pad_edge=False)
    for name, value in result.items():
        if name != "schema":
            for what, count in _totals(value, name.replace("_", " ")):
                table.add_row(what, count)
    return table


def _totals(value: Any, at: str) -> Iterator[tuple[str, str]]:
    """Nested counts as rows: those of one kind side by side."""
    match value:
        case dict() if all(isinstance(count, int) for count in value.values()):
            yield at, ", ".join(f"{key} {count}" for key, count in value.items())
        case dict():
            for key, item in value.items():
                yield from _totals(item, f"{at}, {key.replace('_', ' ')}")
        case float():
            yield at, f"{value:.2%}"
        case _:
            yield at, "not known" if value is None else str(value)

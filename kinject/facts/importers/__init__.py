"""Other people's sets of facts, read into ours: one file a format.

An importer reads a file row by row and yields, for each row, one Fact or the reason why it is none; it never holds the
file in memory. `convert` checks each fact as `kinject facts check` would and writes the sound ones, with a card that
names where they come from and their licence. What is left out is counted by reason.

Trap: whether the fact that another supersedes is there shows only at the end, when all lines are written. They stay as
the file had them, and `Imported.unsound` counts what the check will find: to take the link out could make two answers
to one question a contradiction.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from shlex import quote

from kinject.errors import UsageError
from kinject.extensions import load
from kinject.facts.add import check_name
from kinject.facts.check import Checker
from kinject.facts.load import card_text
from kinject.facts.memory import Memory
from kinject.facts.rules import RULES
from kinject.facts.schema import Card, Fact, Problem
from kinject.storage import write_jsonl, write_text

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
    unsound: Counter[str]
    """What is wrong with the set that was written, as a whole."""


def open_importer(name: str) -> Importer:
    """Find an importer by its name, or somebody's own by module:attribute."""
    importer = load(IMPORTERS, "importer", name, "FORMAT")
    if not isinstance(importer, Importer):
        mend = "name an instance of kinject.facts.importers.Importer"
        raise UsageError(f"{name!r} is no importer", where="FORMAT", mend=mend)
    return importer


def check_out(file: Path) -> None:
    """UsageError unless a new file can take this name; a dangling link takes it, too."""
    if not file.name or file.is_dir():
        mend = f"name a file in it: --out {quote(str(file / 'NAME') + file.suffix)}"
        raise UsageError("there is a folder already, and a file is to be written", where=str(file), mend=mend)
    if file.exists() or file.is_symlink():
        raise UsageError("there is a file already", where=str(file), mend="name another with --out, or remove it")


def convert(importer: Importer, path: Path, out: Path) -> Imported:
    """Read `path` and write its sound facts to `out`, NAME.jsonl, with a card beside it. UsageError if one is there.

    If not one row becomes a fact, nothing is written.
    """
    check_out(out)
    check_name(out)
    check_out(card_file := out.with_suffix(".yaml"))
    skipped: Counter[str] = Counter()
    card = _card(importer, path, out)
    with Memory() as memory:
        checker = Checker(card, memory)
        facts = _sound(importer.read(path), checker, skipped)
        if (first := next(facts, None)) is None:
            return Imported(skipped.total(), 0, skipped, Counter())
        write_jsonl(out, (fact.model_dump(mode="json") for fact in chain([first], facts)))
        written = sum(1 for _ in memory.all("id"))
        unsound = Counter(map(_rule, checker.end()))
    write_text(card_file, card_text(card))
    return Imported(written + skipped.total(), written, skipped, unsound)


def _sound(items: Iterator[Fact | Skipped], checker: Checker, skipped: Counter[str]) -> Iterator[Fact]:
    """The items that are sound facts; the others are counted by reason."""
    line = 1
    for item in items:
        if isinstance(item, Skipped):
            skipped[item.reason] += 1
        elif problems := checker.problems(line, item):
            skipped[_rule(problems[0])] += 1
        else:
            checker.remember(line, item)
            line += 1
            yield item


def _rule(problem: Problem) -> str:
    return f"{problem.code}: {RULES[problem.code].title}"


def _card(importer: Importer, path: Path, out: Path) -> Card:
    return Card(
        name=out.stem,
        description=f"Imported from {path.name}.",
        licence=importer.licence,
        how_checked="by kinject's rules only; what the rows say was not read",
        source=importer.source or path.name,
        waives=importer.waives,
    )

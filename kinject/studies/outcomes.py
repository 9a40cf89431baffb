"""What the records of a study say: one record a world (`kinject.world/1`), one character a question.

In: the folder of records. Out: worlds, and from them rates, each first within its world and then over worlds (mean and
Student's interval). Counts are added up over worlds only to be shown: no interval is made from them, since questions of
one world are no independent witnesses.

Characters: correctness "1" right, "0" wrong; recall "r" right, "w" wrong, "a" absent; reasoning "s" sound, "f" faulty,
"a" absent; "?" unscored (the judge failed), "-" no such question. `marks` turns any measure into "1", "0", "?" and "-".

Traps: an answer that recalls nothing cannot recall wrongly, so a low rate of hallucination may be silence; `said` tells
how many answers say anything at all. Of incorrect answers only (A.3.4 of arXiv 2410.03717), an absent recall or
reasoning counts as no error, as in the paper.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from kinject.errors import MissingError, UsageError
from kinject.injection.arm import METHODS
from kinject.statistics.intervals import Rate
from kinject.statistics.worlds import OverWorlds, over_worlds
from kinject.storage import read_json

SCHEMA = "kinject.world/1"
UNSCORED, NONE = "?", "-"
Correctness = Annotated[str, StringConstraints(pattern=r"^[10?-]*$")]
Recall = Annotated[str, StringConstraints(pattern=r"^[rwa?-]*$")]
Reasoning = Annotated[str, StringConstraints(pattern=r"^[sfa?-]*$")]


class Part(BaseModel):
    """A part of a record. Fields that nothing here is made from are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Outcome(Part):
    """The answers to one set of questions, one character a question."""

    correct: Correctness
    recall: Recall | None = None
    entities: Recall | None = None
    reasoning: Reasoning | None = None


class Cell(Part):
    """One arm on one world."""

    start: str
    method: str
    variant: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    tokens: dict[str, float | None] = {}
    seconds: dict[str, float] = {}
    weights: str
    outcomes: dict[str, Outcome]


class Weights(Part):
    """One set of weights, and what it answers closed-book beside the facts' own questions."""

    name: str
    probes: dict[str, Outcome] = {}


class World(Part):
    """The record of one world, or of one seed of a model of the real world."""

    schema_: Literal["kinject.world/1"] = Field(alias="schema")
    world: int | None = None
    seed: int = 0
    model: str
    facts_name: str | None = None
    protocol: str
    gates: dict[str, float] | None = None
    rounds: int | None = None
    tokens: int | None = None
    facts: tuple[str, ...]
    groups: dict[str, Annotated[str, StringConstraints(pattern=r"^[01]*$")]] = {}
    cells: dict[str, Cell]
    weights: dict[str, Weights] = {}
    aa: dict[str, tuple[tuple[Correctness, ...], ...]] = {}

    @property
    def number(self) -> int:
        """What the world is known by."""
        return self.seed if self.world is None else self.world

    @model_validator(mode="after")
    def _one_character_a_fact(self) -> Self:
        for name, text in self._aligned():
            if text is not None and len(text) != len(self.facts):
                raise ValueError(f"{name} has {len(text)} characters for {len(self.facts)} facts")
        return self

    def _aligned(self) -> Iterator[tuple[str, str | None]]:
        yield from self.groups.items()
        for name, cell in self.cells.items():
            for kind, outcome in cell.outcomes.items():
                for field, text in outcome:
                    yield f"{name}, {kind}, {field}", text
        for name, runs in self.aa.items():
            yield from ((f"{name}, again", text) for row in runs for text in row)


Worlds = Sequence[World]


def read(folder: Path) -> tuple[World, ...]:
    """Read world-*.json or seed-*.json, in the order of their numbers."""
    paths = [path for unit in ("world", "seed") for path in folder.glob(f"{unit}-*.json")]
    found = sorted(map(_world, paths), key=lambda world: world.number)
    if not found:
        mend = "run the study first: kinject study injection"
        raise MissingError("there are no records of worlds", where=str(folder), mend=mend)
    numbers = [world.number for world in found]
    if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        raise UsageError(f"world {twice[0]} is there twice", where=str(folder), mend="keep one of its records")
    return tuple(found)


def _world(path: Path) -> World:
    try:
        return World.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        problem = ": ".join(
            filter(None, ["this is no record of a world", ".".join(map(str, first["loc"])), first["msg"]])
        )
        raise UsageError(problem, where=str(path), mend="run its world again with this kinject") from None


def cell_names(worlds: Worlds) -> list[str]:
    """Every cell of any world, in the order in which they come."""
    return list(dict.fromkeys(name for world in worlds for name in world.cells))


# Measures


@dataclass(frozen=True)
class Measure:
    """One thing that is counted in the answers to one kind of question."""

    kind: str
    field: str
    hit: str
    """The character that is counted."""
    misses: str
    """The characters that say something, and not that."""
    meaning: str


_OF_ALL = "of all multihop answers, right or not: those that"
MEASURES = {
    "direct": Measure("direct", "correct", "1", "0", "direct questions answered right"),
    "paraphrased": Measure("direct_paraphrased", "correct", "1", "0", "direct questions in words never trained on"),
    "multihop": Measure("multihop", "correct", "1", "0", "multihop questions answered right"),
    "hallucinated": Measure("multihop", "recall", "w", "r", f"{_OF_ALL} recall a wrong entity, date or number"),
    "wrong entities": Measure("multihop", "entities", "w", "r", f"{_OF_ALL} recall a wrong entity"),
    "faulty": Measure("multihop", "reasoning", "f", "s", f"{_OF_ALL} reason in steps that do not follow"),
}


def marks(outcome: Outcome | None, measure: Measure) -> str | None:
    """Return one of "1", "0", "?" and "-" a question; None where the measure was not taken."""
    text = getattr(outcome, measure.field) if outcome else None
    return None if text is None else "".join(_mark(each, measure.hit) for each in text)


def _mark(character: str, hit: str) -> str:
    return character if character in (UNSCORED, NONE) else "01"[character == hit]


def measured(world: World, cell: str, measure: str) -> str | None:
    """Return the marks of one cell of one world; None where the cell or the measure is missing."""
    of = MEASURES[measure]
    return marks(world.cells[cell].outcomes.get(of.kind), of) if cell in world.cells else None


def said(world: World, cell: str, measure: str) -> Rate:
    """Count the answers that say anything of what is measured: that recall an event, that reason."""
    of = MEASURES[measure]
    outcome = world.cells[cell].outcomes.get(of.kind) if cell in world.cells else None
    text = (getattr(outcome, of.field) if outcome else None) or ""
    spoken = sum(text.count(each) for each in of.hit + of.misses)
    return Rate(k=spoken, n=len(text) - text.count(UNSCORED) - text.count(NONE), unscored=text.count(UNSCORED))


def where(found: str | None, *conditions: str | None) -> str | None:
    """Keep the marks of questions whose conditions are all "1"; unscored where that is not known."""
    if found is None or any(condition is None or len(condition) != len(found) for condition in conditions):
        return None
    columns = zip(*(condition for condition in conditions if condition is not None), strict=True)
    return "".join(_kept(mark, asked) for mark, asked in zip(found, columns, strict=True))


def _kept(mark: str, conditions: tuple[str, ...]) -> str:
    if mark == NONE or "0" in conditions or NONE in conditions:
        return NONE
    return UNSCORED if UNSCORED in conditions else mark


def opposite(found: str | None) -> str | None:
    """Turn "1" into "0" and back."""
    return None if found is None else found.translate(str.maketrans("10", "01"))


def rate(found: str) -> Rate:
    """Count marks."""
    return Rate(k=found.count("1"), n=found.count("1") + found.count("0"), unscored=found.count(UNSCORED))


def difference(left: str, right: str) -> float | None:
    """Left minus right in points, over the questions that both have scored; None without any."""
    pairs = [(a, b) for a, b in zip(left, right, strict=True) if a in "10" and b in "10"]
    return 100 * fmean(int(a) - int(b) for a, b in pairs) if pairs else None


# Over worlds


@dataclass(frozen=True)
class Score:
    """One rate a world."""

    rates: Mapping[int, Rate]
    """By the world's number; worlds without a scored answer are left out."""

    @property
    def percents(self) -> dict[int, float]:
        """The rate of each world, in percent."""
        return {number: each.percent for number, each in self.rates.items() if each.percent is not None}

    @property
    def mean(self) -> OverWorlds:
        """The mean over worlds with its interval, in percent."""
        return over_worlds(list(self.percents.values()))

    @property
    def total(self) -> Rate:
        """The counts of all worlds, to be shown beside the mean."""
        every = self.rates.values()
        return Rate(k=sum(r.k for r in every), n=sum(r.n for r in every), unscored=sum(r.unscored for r in every))

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The mean had every unscored answer been a miss, and a hit."""
        worst = [each.worst for each in self.rates.values() if each.worst is not None]
        best = [each.best for each in self.rates.values() if each.best is not None]
        return (fmean(worst), fmean(best)) if worst else None


def score(worlds: Worlds, of: Callable[[World], str | None]) -> Score:
    """Count what `of` gives for each world."""
    found = {world.number: of(world) for world in worlds}
    return Score({number: rate(text) for number, text in found.items() if text is not None and _any(text)})


def _any(text: str) -> bool:
    return any(each in text for each in "10?")


def cell_score(worlds: Worlds, cell: str, measure: str) -> Score:
    """Return one measure of one cell."""
    return score(worlds, lambda world: measured(world, cell, measure))


# Figure 5: errors in both denominators


def of_incorrect(world: World, cell: str, measure: str) -> str | None:
    """Return the marks of the answers that are wrong, as the paper counts errors."""
    return where(measured(world, cell, measure), opposite(measured(world, cell, "multihop")))


def error_score(worlds: Worlds, cell: str, measure: str) -> Score:
    """Return one error of one cell, of its incorrect answers."""
    return score(worlds, lambda world: of_incorrect(world, cell, measure))


# Composition apart from forgetting


def composed(world: World, cell: str) -> str | None:
    """Return the multihop marks of the questions whose two hops, each asked alone, are answered right."""
    return where(measured(world, cell, "multihop"), measured(world, cell, "direct"), last_hop(world, cell))


def last_hop(world: World, cell: str) -> str | None:
    """Return what the weights of a cell answer to every last hop, asked alone and closed-book."""
    return probed(world, cell, "hop 2")


# What post-training saw, and what it did not


def splits(world: World) -> dict[str, tuple[str, str]]:
    """Return the facts (one character each) that are unseen, and those they are held against, by name.

    A group "unseen X" is held against the group "seen" where there is one; a group "seen X" against all others.
    """
    found = {}
    for name, bits in world.groups.items():
        kind, _, rest = name.partition(" ")
        if kind == "unseen" and rest:
            found[rest] = (bits, world.groups.get("seen") or bits.translate(str.maketrans("10", "01")))
        elif kind == "seen" and rest:
            found[rest] = (bits.translate(str.maketrans("10", "01")), bits)
    return found


def split_score(worlds: Worlds, cell: str, split: str, side: int) -> Score:
    """Return the multihop score of the unseen (side 0) or the seen facts (side 1) of a split."""

    def kept(world: World) -> str | None:
        sides = splits(world).get(split)
        return where(measured(world, cell, "multihop"), sides[side]) if sides else None

    return score(worlds, kept)


def split_difference(worlds: Worlds, cell: str, split: str) -> OverWorlds:
    """Return seen minus unseen in points: other questions on each side, so not paired within the world."""
    unseen, seen = (split_score(worlds, cell, split, side).percents for side in (0, 1))
    return over_worlds([seen[number] - unseen[number] for number in seen if number in unseen])


# Retention: the same questions before and after


def probed(world: World, cell: str, probe: str, field: str = "correct", hit: str = "1") -> str | None:
    """Return the marks of a probe of a cell's weights; None where they were not asked."""
    weights = world.weights.get(world.cells[cell].weights) if cell in world.cells else None
    return marks(weights.probes.get(probe), Measure(probe, field, hit, "", "")) if weights else None


def probe_score(worlds: Worlds, cell: str, probe: str, field: str = "correct", hit: str = "1") -> Score:
    """Return one probe of a cell's weights."""
    return score(worlds, lambda world: probed(world, cell, probe, field, hit))


def probe_names(worlds: Worlds) -> list[str]:
    """Every probe of any weights, in the order in which they come."""
    found = (probe for world in worlds for weights in world.weights.values() for probe in weights.probes)
    return list(dict.fromkeys(found))


def trained_cells(worlds: Worlds) -> list[str]:
    """Return one cell for each set of weights: the first that uses it."""
    known: set[tuple[int, str]] = set()
    found = []
    for name in cell_names(worlds):
        used = {(world.number, world.cells[name].weights) for world in worlds if name in world.cells}
        if not used <= known:
            found.append(name)
        known |= used
    return found


def weights_label(worlds: Worlds, cell: str) -> str:
    """Return the name of a cell's weights: its start, and what it learned."""
    found = next(world.cells[cell] for world in worlds if cell in world.cells)
    return found.start if _untaught(found) else cell


def untreated(worlds: Worlds, cell: str) -> str:
    """Return a cell whose weights are those that a cell's learning began with."""
    start = next(world.cells[cell].start for world in worlds if cell in world.cells)
    every = {name: each for world in worlds for name, each in world.cells.items()}
    usual = f"{start} + none"
    found = [name for name, each in every.items() if each.start == start and _untaught(each)]
    return usual if usual in found else next(iter(found), usual)


def _untaught(cell: Cell) -> bool:
    return METHODS.get(cell.method, ("", ""))[0] == "none"


def kept(worlds: Worlds, after: str, before: str, probe: str) -> OverWorlds:
    """Return what a probe lost or won from one cell's weights to another's: paired by question, then over worlds."""
    found = []
    for world in worlds:
        then, now = probed(world, before, probe), probed(world, after, probe)
        if then is not None and now is not None and len(then) == len(now):
            found.append(difference(now, then))
    return over_worlds([each for each in found if each is not None])

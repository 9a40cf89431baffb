"""The lab's GSM8K: word problems about a world's people, clubs, companies and cities, in its Socratic form.

Twenty kinds of problems of one to three steps, each told in several phrasings. In: a world. Out: the problems of the
training set and those of the benchmark, all different, from the world's seed alone. Nothing is ever less than none or
parted unevenly.

What no training problem has: the numbers that a test problem of its kind has, whatever the names in it; and the last
phrasing of each kind, in which one test problem of three is told.
"""

import operator
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kinject.facts.words import folded
from kinject.lab.arithmetic import KINDS, Kind
from kinject.lab.corpus import THINGS
from kinject.lab.world import MONTHS, World
from kinject.recipes.readers.gsm8k import Problem, Step

ROWS, TEST = 3000, 300
UNSEEN_EVERY = 3
"""Of so many test problems one is told in the phrasing that no training problem has."""
LEAST, MOST = 2, 30
"""Of every number: what a lab model can learn, which has read one-step sums in words, and never a sign. With the lab's
usual settings and 2,700 rows of world 0 it got 24 of 200 problems right with numbers to 99, 60 with numbers to 30, and
100 of 300 where one of two numbers that are added is mostly less than 10. The others had mostly the right steps, and
wrong sums."""


@dataclass(frozen=True)
class Drawn:
    """A problem, with what it was made of."""

    problem: Problem
    kind: str
    numbers: tuple[int, ...]
    unseen: bool
    plain: str
    """The question in its first phrasing."""

    @property
    def names(self) -> set[str]:
        """Return what makes it another one's twin, however that is spelled: its words, or its numbers and names."""
        return {folded(self.problem.question), folded(self.plain)}


OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda whole, parts: 0 if whole % parts else whole // parts,
}


def train(world: World) -> tuple[Drawn, ...]:
    """Return the problems of the training set; any beginning of it is as varied as the whole."""
    rng = random.Random(f"kinject lab {world.seed} math")
    held = {(each.kind, each.numbers) for each in test(world)}
    found: list[Drawn] = []
    seen: set[str] = set()
    while len(found) < ROWS:
        each = _draw(rng, world, rng.choice(KINDS), unseen=False)
        if (each.kind, each.numbers) not in held and not seen & each.names:
            seen |= each.names
            found.append(each)
    return tuple(found)


def test(world: World) -> tuple[Drawn, ...]:
    """Return the problems of the benchmark: the kinds in turn, and no numbers of a kind twice."""
    rng = random.Random(f"kinject lab {world.seed} math test")
    found: dict[tuple[str, tuple[int, ...]], Drawn] = {}
    while len(found) < TEST:
        kind = KINDS[len(found) % len(KINDS)]
        each = _draw(rng, world, kind, unseen=len(found) % UNSEEN_EVERY == UNSEEN_EVERY - 1)
        found.setdefault((each.kind, each.numbers), each)
    return tuple(found.values())


def sums(kind: Kind, numbers: Mapping[str, int]) -> list[str] | None:
    """Return the sums of a kind's steps with their results, as GSM8K writes them; None where the numbers do not fit."""
    values, written = dict(numbers), []
    for letter, (_, said, _) in zip("xyz", kind.steps, strict=False):
        one, sign, other = said.split()
        left, right = values[one], int(values.get(other, other))
        result = values[letter] = OPERATIONS[sign](left, right)
        if not LEAST <= result <= MOST:
            return None
        written.append(f"{left} {sign} {right} = <<{left}{sign}{right}={result}>>{result}")
    return written


def _draw(rng: random.Random, world: World, kind: Kind, *, unseen: bool) -> Drawn:
    """Draw numbers until they fit, names, and a phrasing."""
    written = None
    while written is None:
        numbers = {name: rng.randint(low, high) for name, (low, high) in kind.ranges.items()}
        written = sums(kind, numbers)
    slots = {**_names(rng, world), **numbers}
    question = kind.questions[-1] if unseen else rng.choice(kind.questions[:-1])
    steps = tuple(
        Step(tells.format(sum=sum_, **slots), asks.format(**slots))
        for (asks, _, tells), sum_ in zip(kind.steps, written, strict=True)
    )
    problem = Problem(question.format(**slots), steps, written[-1].rpartition(">>")[2])
    return Drawn(problem, kind.name, tuple(numbers.values()), unseen, kind.questions[0].format(**slots))


def _names(rng: random.Random, world: World) -> dict[str, str]:
    """Draw a name for every slot; months in their order."""
    of = {kind: rng.sample(world.entities[kind], 2) for kind in ("person", "city", "company", "club", "film")}
    months = [MONTHS[number] for number in sorted(rng.sample(range(len(MONTHS)), 3))]
    things = rng.sample(THINGS, 2)
    return {
        **dict(zip("pq", of.pop("person"), strict=True)),
        **{name: each for kind, pair in of.items() for name, each in zip((kind, f"{kind}2"), pair, strict=True)},
        **dict(zip("tu", things, strict=True)),
        **dict(zip("mno", months, strict=True)),
        "cur": rng.choice(world.values["currency"]),
        "product": rng.choice(world.values["product"]),
    }

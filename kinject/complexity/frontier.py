"""Bits and scores: which programs are worth their bits, and how many bits a score needs.

A point is one program that was scored: its bits, and k right answers of n. Points of one family and name are one recipe
under several seeds: its bits are their mean, rounded up, its score the mean of theirs. The frontier (Pareto) is the
recipes that no other with as few bits equals. C(T at a target) is read off it: the fewest bits whose score reaches the
target (arXiv 2602.15829, definition of task complexity). It bounds the true one, of all programs, from above, whatever
stands here.

How sure a reading is, is told in two ways, for it is a choice among many scores and flatters itself:

* `interval`, a bootstrap: what would be read had other questions been asked and other seeds been drawn. Questions are
  drawn for all points alike where the marks of each are there; counts are drawn as binomials where they are not.
* `possibly` and `surely`: the fewest bits whose score may reach the target, and the fewest whose score must, by
  intervals of all recipes that hold together at 95 % (Bonferroni). The answer with endless questions, among the recipes
  tried, lies between the two with that confidence at least; the bootstrap promises no such thing.

None stands for "not reached by any recipe tried", and is more than any number of bits. Scores run from 0 to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf, log2
from statistics import NormalDist, fmean, stdev
from typing import Any

from kinject.errors import UsageError
from kinject.statistics.intervals import wilson

RESAMPLES = 2000
LEVEL = 0.05
SLACK = 1e-12
"""A score that is the target but for the rounding of a float reaches it."""


@dataclass(frozen=True)
class Point:
    """One program and its score."""

    bits: int
    k: int
    n: int
    family: str = ""
    name: str = ""
    """Points of one family and name differ in the seed only; a point without a name stands alone."""
    seed: int = 0
    marks: tuple[bool, ...] | None = None
    """Right or wrong, question by question, in one order for all points."""

    def __post_init__(self) -> None:
        if self.bits < 0 or not 0 <= self.k <= self.n or self.n == 0:
            raise UsageError(f"{self.bits} bits and {self.k} of {self.n} right are no point")
        if self.marks is not None and (len(self.marks), sum(self.marks)) != (self.n, self.k):
            raise UsageError(f"the marks of {self.name or 'a point'} are not {self.k} of {self.n} right")


@dataclass(frozen=True)
class Recipe:
    """The points that differ in their seeds only."""

    points: tuple[Point, ...]

    @property
    def family(self) -> str:
        """Return what it is made of."""
        return self.points[0].family

    @property
    def name(self) -> str:
        """Return what it is called."""
        return self.points[0].name

    @property
    def bits(self) -> int:
        """Return the mean of its points, rounded up."""
        return ceil(fmean(point.bits for point in self.points))

    @property
    def score(self) -> float:
        """Return the mean of its points."""
        return fmean(point.k / point.n for point in self.points)

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the score's interval: Wilson's for one seed; for several the wider end of that and of Student's.

        Seeds answer the same questions, so their spread alone would say nothing of the questions.
        """
        n = min(point.n for point in self.points)
        low, high = wilson(self.score * n, n, NormalDist().inv_cdf(1 - level / 2))
        if len(self.points) > 1:
            half = _student(len(self.points) - 1, level) * stdev(p.k / p.n for p in self.points)
            half /= len(self.points) ** 0.5
            low, high = min(low, self.score - half), max(high, self.score + half)
        return max(0.0, low), min(1.0, high)


@dataclass(frozen=True)
class Complexity:
    """How many bits a target needs, as far as was tried."""

    target: float
    bits: int | None
    """The fewest whose score reaches the target; None where none does."""
    recipe: Recipe | None
    interval: tuple[int | None, int | None]
    """The bootstrap's 95 % interval; None as a bound is "not reached"."""
    reached: float
    """The share of resamples in which any recipe reached the target."""
    possibly: int | None
    """Fewer bits than these do not reach it, at 95 % for all recipes tried together; None: none of them does."""
    surely: int | None
    """These bits reach it, with the same confidence; None: no recipe surely does."""
    tried: int
    """The most bits of any recipe."""


@dataclass(frozen=True)
class Ratio:
    """How many times the bits of one set of recipes another needs for the same score."""

    target: float
    first: Complexity
    second: Complexity
    ratio: float | None
    """Bits of the first by those of the second; None where either does not reach the target."""
    interval: tuple[float, float]
    """The bootstrap's, infinite where the first is not reached; a resample that neither reaches widens both ends."""


@dataclass(frozen=True)
class Area:
    """The mean score of a frontier over the logarithm of its bits, and its bootstrap interval."""

    low: int
    high: int
    area: float
    interval: tuple[float, float]


def recipes(points: Sequence[Point]) -> list[Recipe]:
    """Put the points of one family and name together; the recipes stand by bits."""
    groups: dict[tuple[str, str, int], list[Point]] = {}
    for place, point in enumerate(points):
        groups.setdefault((point.family, point.name, -1 if point.name else place), []).append(point)
    found = [Recipe(tuple(group)) for group in groups.values()]
    return sorted(found, key=lambda recipe: (recipe.bits, -recipe.score))


def pareto(points: Sequence[Point]) -> list[Recipe]:
    """Return the recipes that score more than every other with as few bits, by bits and score."""
    found: list[Recipe] = []
    for recipe in recipes(points):
        if not found or recipe.score > found[-1].score + SLACK:
            found.append(recipe)
    return found


def complexity(
    points: Sequence[Point], target: float, resamples: int = RESAMPLES, seed: int = 0, level: float = LEVEL
) -> Complexity:
    """Read off the fewest bits that reach a target, with how sure that is."""
    known = recipes(points)
    best = next((recipe for recipe in known if recipe.score >= target - SLACK), None)
    drawn = _least_bits(*_drawn(known, resamples, seed), target)
    each = level / max(1, len(known))
    ends = [recipe.interval(each) for recipe in known]
    return Complexity(
        target=target,
        bits=best.bits if best else None,
        recipe=best,
        interval=(_whole(_quantile(drawn, level / 2)), _whole(_quantile(drawn, 1 - level / 2))),
        reached=float((drawn < inf).mean()) if len(drawn) else 0.0,
        possibly=next((recipe.bits for recipe, end in zip(known, ends, strict=True) if end[1] >= target), None),
        surely=next((recipe.bits for recipe, end in zip(known, ends, strict=True) if end[0] >= target), None),
        tried=max((recipe.bits for recipe in known), default=0),
    )


def compare(
    first: Sequence[Point], second: Sequence[Point], target: float, resamples: int = RESAMPLES, seed: int = 0
) -> Ratio:
    """Hold the bits that two sets of recipes need for one score against each other, on the same questions drawn."""
    one, other = complexity(first, target, resamples, seed), complexity(second, target, resamples, seed)
    drawn = [_least_bits(*_drawn(recipes(points), resamples, seed), target) for points in (first, second)]
    low, high = _quotients(*drawn)
    return Ratio(
        target=target,
        first=one,
        second=other,
        ratio=one.bits / max(1, other.bits) if one.bits is not None and other.bits is not None else None,
        interval=(_quantile(low, LEVEL / 2), _quantile(high, 1 - LEVEL / 2)),
    )


def collapse(before: Sequence[Point], after: Sequence[Point], resamples: int = RESAMPLES, seed: int = 0) -> Ratio:
    """Return by how much the bits shrink for the best score that there was before: the paper's collapse."""
    return compare(before, after, max((recipe.score for recipe in recipes(before)), default=0.0), resamples, seed)


def area(
    points: Sequence[Point], low: int, high: int, floor: float = 0.0, resamples: int = RESAMPLES, seed: int = 0
) -> Area:
    """Return the mean best score from `low` to `high` bits, on a logarithmic axis; `floor` below the first recipe."""
    if not 0 < low < high:
        raise UsageError(f"no area lies between {low} and {high} bits", mend="use 0 < low < high")
    import numpy as np

    known = recipes(points)
    drawn = _areas(*_drawn(known, resamples, seed), low, high, floor)
    bits, scores = [[recipe.bits for recipe in known]], [[recipe.score for recipe in known]]
    here = _areas(np.array(bits, float), np.array(scores, float), low, high, floor)
    return Area(low, high, float(here[0]), (_quantile(drawn, LEVEL / 2), _quantile(drawn, 1 - LEVEL / 2)))


# Resamples: arrays of (resamples, recipes)


def _drawn(known: Sequence[Recipe], resamples: int, seed: int) -> tuple[Any, Any]:
    """Return the bits and scores that might have been found."""
    import numpy as np

    draw = np.random.default_rng(seed)
    points = [point for recipe in known for point in recipe.points]
    shares = _scores(points, resamples, draw)
    bits, scores = np.zeros((2, resamples, len(known)))
    first = 0
    for place, recipe in enumerate(known):
        count = len(recipe.points)
        times = draw.multinomial(count, [1 / count] * count, size=resamples) / count
        bits[:, place] = np.ceil(times @ np.array([point.bits for point in recipe.points], float) - SLACK)
        scores[:, place] = (times * shares[:, first : first + count]).sum(1)
        first += count
    return bits, scores


def _scores(points: Sequence[Point], resamples: int, draw: Any) -> Any:
    """Return the share of right answers of each point in each resample."""
    import numpy as np

    if not points:
        return np.zeros((resamples, 0))
    sizes = {len(point.marks) if point.marks is not None else None for point in points}
    if len(sizes) == 1 and (size := sizes.pop()) is not None:
        marks = np.array([point.marks for point in points], float)
        return draw.multinomial(size, [1 / size] * size, size=resamples) @ marks.T / size
    n = np.array([point.n for point in points])
    # What was never seen is not impossible.
    p = np.clip(np.array([point.k for point in points]) / np.maximum(n, 1), 0.5 / n, 1 - 0.5 / n)
    return draw.binomial(n, p, size=(resamples, len(points))) / n


def _least_bits(bits: Any, scores: Any, target: float) -> Any:
    """Return the fewest bits that reach the target in each resample; infinite where none do."""
    import numpy as np

    return np.where(scores >= target - SLACK, bits, inf).min(axis=1, initial=inf)


def _quotients(first: Any, second: Any) -> tuple[Any, Any]:
    """Return the ratio of each resample, for the lower and for the upper end."""
    import numpy as np

    neither = np.isinf(first) & np.isinf(second)
    plain = np.where(neither, 1.0, first) / np.maximum(1.0, np.where(neither, 1.0, second))
    return np.where(neither, 0.0, plain), np.where(neither, inf, plain)


def _areas(bits: Any, scores: Any, low: int, high: int, floor: float) -> Any:
    """Return the mean of the staircase of each resample."""
    import numpy as np

    order = np.argsort(bits, axis=1, kind="stable")
    at = np.clip(np.log2(np.maximum(1, np.take_along_axis(bits, order, 1))), log2(low), log2(high))
    best = np.maximum(floor, np.maximum.accumulate(np.take_along_axis(scores, order, 1), axis=1))
    edges = np.concatenate([at, np.full((len(at), 1), log2(high))], axis=1)
    steps = (best * np.diff(edges, axis=1)).sum(1) + floor * (edges[:, 0] - log2(low))
    return steps / (log2(high) - log2(low))


def _quantile(values: Any, share: float) -> float:
    """Return the value below which such a share lies; never between two, for one may be infinite."""
    import numpy as np

    return float(np.quantile(values, share, method="inverted_cdf")) if len(values) else inf


def _whole(bits: float) -> int | None:
    return None if bits == inf else int(bits)


def _student(freedom: int, level: float) -> float:
    from scipy.stats import t

    return float(t.ppf(1 - level / 2, freedom))

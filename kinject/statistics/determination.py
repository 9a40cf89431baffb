"""How far does one count go with another over the runs of a sweep: r squared, and how sure that is.

In: marks of the same items in every run, a run being a size (of its training set) and a seed. Out: the squared
correlation, over the runs, of two rates (arXiv 2410.03717, section 4.2: total mistakes against mistakes of a kind).

Two intervals, since there are two questions. What another test set and other seeds would give at the same sizes:
items and seeds are drawn again with replacement, both the same for all runs (all runs answer the same questions), and
the spread of Fisher's z gives the interval. Few seeds vary too little when drawn so, and their deviations are stretched
by the root of s / (s - 1). What other sizes would give: Fisher's interval for as many points as there are sizes. Of
four sizes it is nearly all from 0 to 1, however close the four lie to a line.

Traps: what is counted is part of the total, so r squared is high without any cause behind it, and 1 where every mistake
is of the kind. The noise of few items lowers it: 0.999 measured on 100 items is 0.99. One seed tells nothing of seeds.

In simulations of 300 and 1,300 items, 6 sizes, 1 to 5 seeds, whose spreads are up to three times that of the items, the
first interval holds the r squared that repetitions find on the average in 87 to 100 of 100, and the interval of a
difference between two sizes its true value in 86 to 100; worst where seeds differ most.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt, tanh
from typing import Any

from kinject.statistics.intervals import Z95

RESAMPLES, SEED = 2000, 0
FEWEST = 3
"""Sizes below which every two counts lie on a line."""
NEVER = 3.69
"""Of n items that never did, so many in n may still do (95 %): where nothing changed, draws would have no width."""
ALL = 1 - 1e-12
"""As good as a correlation of 1, whose z is not finite."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Redrawn:
    """Rates of runs as they were measured, and as they might have been."""

    sizes: tuple[int, ...]
    """Of each run, as are the seeds."""
    seeds: tuple[Hashable, ...]
    rates: Mapping[str, Any]
    """By name: (runs,) shares of items, NaN where none was scored."""
    drawn: Mapping[str, Any]
    """By name: (resamples, runs)."""
    weights: Any
    """(resamples, runs): how often the run's seed was drawn."""
    items: int

    @property
    def steps(self) -> tuple[int, ...]:
        """The different sizes, from the smallest."""
        return tuple(sorted(set(self.sizes)))

    @property
    def least(self) -> float:
        """How many points to either side a difference is unsure of at least."""
        return 100 * min(1.0, NEVER / self.items)

    @property
    def chance(self) -> str:
        """What was drawn again, in words."""
        seeds = len(set(self.seeds))
        return f"items and {seeds} seeds drawn again" if seeds > 1 else "items drawn again; one seed, so not its chance"

    def rate(self, name: str, size: int) -> tuple[float, Any]:
        """Return the mean rate of a size's runs, and its (resamples,) draws."""
        at = [number for number, each in enumerate(self.sizes) if each == size]
        weights = self.weights[:, at]
        return float(self.rates[name][at].mean()), (self.drawn[name][:, at] * weights).sum(1) / weights.sum(1)


@dataclass(frozen=True)
class Determination:
    """How far one rate tells another."""

    r2: float | None
    """None where it cannot be told."""
    r: float | None
    """Below 0 where one falls as the other rises."""
    interval: Interval | None
    """Of r2, at the same sizes."""
    over_sizes: Interval | None
    """Of r2, had the sizes been drawn by chance."""
    runs: int
    sizes: int
    why: str = ""
    """Why there is no number, or what to mind of the one that there is."""

    def as_json(self) -> dict[str, Any]:
        """The form that `--json` prints, with three decimals."""
        return {
            "r2": _short(self.r2),
            "r": _short(self.r),
            "interval": _ends(self.interval),
            "over_sizes": _ends(self.over_sizes),
            "runs": self.runs,
            "sizes": self.sizes,
            "why": self.why,
        }


def redrawn(
    marks: Mapping[str, Any],
    sizes: Sequence[int],
    seeds: Sequence[Hashable],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Redrawn:
    """Draw items and seeds anew; `marks` are (items, runs) scores of 0 to 1 by name, NaN where there is none."""
    import numpy as np

    draw = np.random.default_rng(seed)
    items = len(next(iter(marks.values())))
    times = draw.multinomial(items, np.full(items, 1 / items), size=resamples).astype(float)
    names = list(dict.fromkeys(seeds))
    lots = draw.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    # A size that has none of the seeds that were drawn, because those runs failed, keeps its own.
    weights = lots[:, [names.index(each) for each in seeds]] + 1e-9
    rates = {name: _means(np.ones((1, items)), each)[0] for name, each in marks.items()}
    drawn = {name: _stretched(_means(times, each), sizes) for name, each in marks.items()}
    return Redrawn(tuple(sizes), tuple(seeds), rates, drawn, weights, items)


def _means(times: Any, marks: Any) -> Any:
    """The means of what is scored, with each item taken so many times."""
    import numpy as np

    with np.errstate(invalid="ignore"):
        return times @ np.nan_to_num(marks) / (times @ np.isfinite(marks))


def _stretched(drawn: Any, sizes: Sequence[int]) -> Any:
    """Move the runs of a size apart, by as much as drawing few of them makes them vary too little."""
    import numpy as np

    found = drawn.copy()
    for size in set(sizes):
        at = np.flatnonzero(np.asarray(sizes) == size)
        if len(at) > 1:
            middle = drawn[:, at].mean(axis=1, keepdims=True)
            found[:, at] = middle + sqrt(len(at) / (len(at) - 1)) * (drawn[:, at] - middle)
    return found


def determination(runs: Redrawn, total: str, part: str) -> Determination:
    """Return r squared of two rates over the runs that have both."""
    import numpy as np

    kept = np.flatnonzero(np.isfinite(runs.rates[total]) & np.isfinite(runs.rates[part]))
    steps = len({runs.sizes[at] for at in kept})
    if steps < FEWEST:
        why = f"{steps} sizes, and {FEWEST} are needed" if steps else "it is not scored"
        return Determination(None, None, None, None, len(kept), steps, why)
    r = float(_correlation(runs.rates[total][kept], runs.rates[part][kept], np.ones(len(kept))))
    if not np.isfinite(r):
        return Determination(None, None, None, None, len(kept), steps, "one of the two is the same in every run")
    drawn = _correlation(runs.drawn[total][:, kept], runs.drawn[part][:, kept], runs.weights[:, kept])
    z, half = float(_z(r)), Z95 * float(np.nanstd(_z(drawn), ddof=1))
    over_sizes = _by_sizes(runs, total, part, kept)
    why = "every one is of the kind" if (runs.rates[total] == runs.rates[part])[kept].all() else ""
    return Determination(r * r, r, _squared(z - half, z + half), over_sizes, len(kept), steps, why)


def further(runs: Redrawn, total: str, one: str, other: str) -> tuple[float, Interval] | None:
    """Return r squared of one part less that of another, with its interval; None where either cannot be told."""
    import numpy as np

    found = [determination(runs, total, part) for part in (one, other)]
    if found[0].r2 is None or found[1].r2 is None:
        return None
    kept = np.flatnonzero(np.isfinite(runs.rates[total] + runs.rates[one] + runs.rates[other]))
    squares = [
        _correlation(runs.drawn[total][:, kept], runs.drawn[part][:, kept], runs.weights[:, kept]) ** 2
        for part in (one, other)
    ]
    return around(found[0].r2 - found[1].r2, squares[0] - squares[1])


def difference(runs: Redrawn, name: str, first: int, then: int) -> tuple[float, Interval]:
    """Return by how many points the rate of one size is above that of another, with its interval."""
    (a, drawn_a), (b, drawn_b) = runs.rate(name, first), runs.rate(name, then)
    return around(100 * (a - b), 100 * (drawn_a - drawn_b), runs.least if first != then else 0.0)


def around(estimate: float, draws: Any, least: float = 0.0) -> tuple[float, Interval]:
    """Return an estimate with the 95 % interval that the spread of its draws gives, `least` to either side at least."""
    import numpy as np

    half = max(least, Z95 * float(np.nanstd(draws, ddof=1)))
    return estimate, (estimate - half, estimate + half)


def _by_sizes(runs: Redrawn, total: str, part: str, kept: Any) -> Interval:
    """Fisher's interval of the squared correlation of the sizes' means."""
    import numpy as np

    steps = sorted({runs.sizes[at] for at in kept})
    if len(steps) < FEWEST + 1:
        return 0.0, 1.0
    means = [
        np.array([np.mean([runs.rates[name][at] for at in kept if runs.sizes[at] == size]) for size in steps])
        for name in (total, part)
    ]
    z, half = float(_z(_correlation(means[0], means[1], np.ones(len(steps))))), Z95 / sqrt(len(steps) - 3)
    return _squared(z - half, z + half)


def _correlation(x: Any, y: Any, weights: Any) -> Any:
    """Correlate over the last axis; NaN where one of the two does not vary."""
    import numpy as np

    share = weights / weights.sum(-1, keepdims=True)
    off_x, off_y = (each - (share * each).sum(-1, keepdims=True) for each in (x, y))
    spread = (share * off_x**2).sum(-1) * (share * off_y**2).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 1e-24, (share * off_x * off_y).sum(-1) / np.sqrt(spread), np.nan)


def _z(r: Any) -> Any:
    """Fisher's z."""
    import numpy as np

    return np.arctanh(np.clip(r, -ALL, ALL))


def _squared(low: float, high: float) -> Interval:
    """The interval of r squared from that of z; from 0 where r may have either sign."""
    ends = sorted(tanh(each) ** 2 for each in (low, high))
    return (0.0 if low < 0 < high else ends[0]), ends[1]


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _ends(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [round(end, 3) for end in interval]

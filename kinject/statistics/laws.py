"""Performance against post-training set size: which law, with which parameters, and how sure is that?

Post-training performance is said to be a power law of the number of examples, P = a D^(1/b) (arXiv 2410.03717, section
3.1; coefficients in Tables 7 and 8, here benchmarks/paper/laws.json). A straight line on logarithmic axes does not show
it: where the truth is 30 + D^0.4, that line has an exponent of 0.13 to 0.16 in 95 of 100 simulations, and foretells the
largest size 6 points too low. So four laws (curves.py) are fitted by the likelihood of the counts (fitting.py) and
compared with all the uncertainty that the data show (comparing.py). Each has to foretell the largest size from the
others, beside the guess that nothing changes.

Intervals are 95 %, by profile likelihood; those of a bootstrap stand beside them (resampling.py). An end that is None
is without bound: for b it means that no growth at all is not excluded.

Two questions have two intervals. Counts tell how the trainings scatter around a curve on this test set: for that the
profile is right. Runs that answer the same items are all lucky or unlucky with them, which no count shows: for the law
over all such questions give the marks of the items (`marked`), and take the bootstrap over items and seeds.

Traps: D = 0 is drawn and never fitted (a power law is 0 there by definition). ln is the natural logarithm. `weight` is
no probability that a law is true: it shares out among four.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, isfinite, log
from typing import Any

from kinject.errors import UsageError
from kinject.statistics import comparing
from kinject.statistics.comparing import UNDETERMINED, Estimate, Runs
from kinject.statistics.curves import LAWS
from kinject.statistics.fitting import chances
from kinject.statistics.resampling import around_law, over_items

SCHEMA = "kinject.fit/1"
RESAMPLES = 2000
SEED = 0

Interval = tuple[float | None, float | None]


@dataclass(frozen=True)
class Point:
    """One run: a model trained on `size` examples was right in k of n scored items."""

    size: float
    k: float
    """Need not be whole: P may be rounded, and an item may have several samples."""
    n: int
    seed: Hashable = ""
    """What tells the runs of one size apart, for people. Each run counts as a training of its own."""
    marks: tuple[float | None, ...] = ()
    """Of every item, in one order for all runs, 0 to 1; None where it was not scored. Empty where only k is kept."""

    @property
    def percent(self) -> float:
        """P."""
        return 100 * self.k / self.n


@dataclass(frozen=True)
class Fitted:
    """One law, fitted."""

    name: str
    parameters: dict[str, float | None]
    """Those of the formula, and the exponent 1/b beside b. None where there is no finite value."""
    intervals: dict[str, Interval]
    bootstrap: dict[str, Interval]
    dispersion: float
    """The scatter of the runs around the curve, in variances of the binomial."""
    aicc: float
    weight: float
    largest: float | None
    """What the law, fitted without the largest size, says of it, in percent; None where too few sizes are left."""
    estimate: Any
    """(K,) searched parameters."""
    draws: Any
    """(B, K) of them, of the bootstrap."""

    def curve(self, sizes: Sequence[float]) -> list[tuple[float, float, float]]:
        """P in percent at each size above 0, with its 95 % band by the bootstrap, to be drawn."""
        import numpy as np

        at, law = _above_zero(sizes), LAWS[self.name]
        middle = chances(law, self.estimate[None], at)[0]
        low, high = np.quantile(chances(law, self.draws, at), (0.025, 0.975), axis=0)
        edges = np.minimum(low, middle), np.maximum(high, middle)
        return [(100 * float(p), 100 * float(a), 100 * float(b)) for p, a, b in zip(middle, *edges, strict=True)]

    def as_json(self) -> dict[str, Any]:
        """The form that `--json` prints; null is without bound, or not to be had."""
        named = {name: _short(value) for name, value in self.parameters.items()}
        ends = {f"{name}_interval": [_short(end) for end in ends] for name, ends in self.intervals.items()}
        resampled = {f"{name}_interval": [_short(end) for end in ends] for name, ends in self.bootstrap.items()}
        return {
            "formula": LAWS[self.name].formula,
            **named,
            **ends,
            "aicc": _short(self.aicc),
            "weight": _short(self.weight),
            "dispersion": _short(self.dispersion),
            "bootstrap": resampled,
        }


@dataclass(frozen=True)
class Fit:
    """All laws, and what can be said of them."""

    verdict: str
    """A law's name, or "undetermined"."""
    candidates: tuple[str, ...]
    """The laws that the data do not tell apart, the likeliest first."""
    laws: dict[str, Fitted]
    unfitted: dict[str, str]
    """The laws that there are too few sizes for, with the reason."""
    runs: int
    answers: int
    sizes: tuple[float, ...]
    measured: tuple[float, ...]
    """What was measured at each size, its runs together, in percent."""
    resampled: str
    """What the bootstrap drew anew."""

    def as_json(self) -> dict[str, Any]:
        """The form that `--json` prints."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "candidates": list(self.candidates),
            "laws": {name: law.as_json() for name, law in self.laws.items()},
            "unfitted": self.unfitted,
            "runs": self.runs,
            "answers": self.answers,
            "sizes": [_short(size) for size in self.sizes],
            "measured": [round(percent, 4) for percent in self.measured],
            "leave_largest_out": self._leave_largest_out() if self.laws else None,
            "resampled": self.resampled,
        }

    def _leave_largest_out(self) -> dict[str, Any]:
        """What each law says of the largest size without having seen it; the last value says that nothing changes."""
        *_, before, measured = self.measured
        said = {"last_value": before, **{name: law.largest for name, law in self.laws.items()}}
        return {
            "D": _short(self.sizes[-1]),
            "measured": round(measured, 4),
            "predicted": {name: None if each is None else round(each, 4) for name, each in said.items()},
            "error": {name: None if each is None else round(each - measured, 4) for name, each in said.items()},
        }


def marked(size: float, marks: Sequence[float | None], seed: Hashable = "") -> Point:
    """Make a point of the scores of single items (0 to 1); None was not scored, and is not counted."""
    scored = [mark for mark in marks if mark is not None]
    if not scored:
        raise UsageError(f"not one item is scored at D = {size:g}", mend="leave this run out, or judge it again")
    return Point(size, sum(scored), len(scored), seed, tuple(marks))


def curve(name: str, parameters: Mapping[str, float], sizes: Sequence[float]) -> list[float]:
    """P in percent, cut to 0 to 100, of a law whose parameters are known, such as the paper's; all sizes above 0."""
    import numpy as np

    given = {**parameters, "exponent": 1 / parameters["b"]} if "power" in name else dict(parameters)
    found = [log(given[each[4:]]) if each.startswith("log_") else given[each] for each in LAWS[name].searched]
    values = LAWS[name].curve(np.array([found]), _above_zero(sizes))[0][0]
    return [float(value) for value in np.clip(values, 0, 100)]


def _above_zero(sizes: Sequence[float]) -> Any:
    import numpy as np

    if any(size <= 0 for size in sizes):
        raise UsageError("no law has a value at D = 0", mend="draw curves from D = 1 on, and D = 0 as a point")
    return np.asarray(sizes, dtype=float)


def fit(points: Sequence[Point], resamples: int = RESAMPLES, seed: int = SEED) -> Fit:
    """Fit every law that there are sizes enough for to the points with D above 0, and compare them."""
    used = sorted((point for point in points if point.size > 0), key=lambda point: point.size)
    runs, marks = _runs(used), _marks(used)
    fitted = comparing.estimates(runs)
    criteria = comparing.aicc(runs, fitted)
    weights = comparing.weights(criteria)
    laws = {}
    for name, each in fitted.items():
        drawn = _drawn(runs, each, marks, resamples, seed)
        laws[name] = _fitted(runs, each, drawn, float(criteria[name][0]), float(weights[name][0]))
    k, n = runs.pooled()
    verdict = comparing.verdicts(runs, fitted, weights)[0]
    return Fit(
        verdict=verdict,
        candidates=_candidates(laws) if verdict == UNDETERMINED else (verdict,),
        laws=laws,
        unfitted={name: why for name, why in comparing.fittable(runs).items() if why},
        runs=len(runs.of),
        answers=round(float(runs.n.sum())),
        sizes=tuple(float(size) for size in runs.sizes),
        measured=tuple(float(percent) for percent in (100 * k / n)[0]),
        resampled=_resampled(runs, marks),
    )


def _runs(used: Sequence[Point]) -> Runs:
    import numpy as np

    sizes = sorted({float(point.size) for point in used})
    of = [sizes.index(float(point.size)) for point in used]
    counts = np.array([[point.k for point in used], [point.n for point in used]], dtype=float)
    return Runs(np.array(sizes), np.array(of, dtype=int), counts[:1], counts[1:])


def _marks(used: Sequence[Point]) -> Any:
    """The (items, R) marks, or None where not all points have those of the same items."""
    import numpy as np

    if len({len(point.marks) for point in used}) != 1 or not used[0].marks:
        return None
    return np.array([[np.nan if mark is None else mark for mark in point.marks] for point in used], dtype=float).T


def _resampled(runs: Runs, marks: Any) -> str:
    if marks is None:
        return "counts around the law, with their dispersion"
    return "items and seeds" if max(Counter(runs.of.tolist()).values()) > 1 else "items"


def _drawn(runs: Runs, fitted: Estimate, marks: Any, resamples: int, seed: int) -> Any:
    """The law's parameters in every resample."""
    import numpy as np

    draw = np.random.default_rng(seed)
    if marks is None:
        return comparing.estimate(fitted.name, around_law(runs, fitted, resamples, draw)).at
    return comparing.estimate(fitted.name, over_items(runs, marks, resamples, draw)).at


def _fitted(runs: Runs, fitted: Estimate, draws: Any, aicc: float, weight: float) -> Fitted:
    import numpy as np

    ends, resampled = {}, {}
    for which, name in enumerate(fitted.law.searched):
        limits = fitted.law.limits(runs.sizes)[which]
        low, high = comparing.interval(runs, fitted, which)
        ends[name] = _beyond((float(low[0]), float(high[0])), name, limits)
        low, high = np.quantile(draws[:, which], (0.025, 0.975))
        resampled[name] = _beyond((float(low), float(high)), name, limits)
    at = {name: float(value) for name, value in zip(fitted.law.searched, fitted.at[0], strict=True)}
    return Fitted(
        name=fitted.name,
        parameters={name: value for name, (value, _) in _reported(at, ends).items()},
        intervals={name: pair for name, (_, pair) in _reported(at, ends).items()},
        bootstrap={name: pair for name, (_, pair) in _reported(at, resampled).items()},
        dispersion=float(fitted.dispersion[0]),
        aicc=aicc,
        weight=weight,
        largest=_largest(runs, fitted.name),
        estimate=fitted.at[0],
        draws=draws,
    )


def _largest(runs: Runs, name: str) -> float | None:
    """What the law says of the largest size when it has not seen it."""
    less = runs.without_largest()
    if comparing.fittable(less)[name]:
        return None
    return float(100 * chances(LAWS[name], comparing.estimate(name, less).at, runs.sizes[-1:])[0, 0])


def _candidates(laws: Mapping[str, Fitted]) -> tuple[str, ...]:
    ranked = sorted(laws.values(), key=lambda law: -law.weight)
    before = [sum(law.weight for law in ranked[:place]) for place in range(len(ranked))]
    return tuple(law.name for law, weight in zip(ranked, before, strict=True) if weight < comparing.SURE)


# From searched parameters to those of the formulas


def _beyond(ends: tuple[float, float], name: str, limits: tuple[float, float]) -> tuple[float, float]:
    """An end at a limit of the search is without bound, unless the parameter is a percentage."""
    if name in {"c", "m"}:
        return ends
    near = 1e-3 * (limits[1] - limits[0])
    return -inf if ends[0] < limits[0] + near else ends[0], inf if ends[1] > limits[1] - near else ends[1]


def _reported(
    at: Mapping[str, float], ends: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float | None, Interval]]:
    """Of each parameter of the formula its value and its interval."""
    found: dict[str, tuple[float | None, Interval]] = {}
    for name, value in at.items():
        low, high = ends[name]
        if name.startswith("log_"):
            found[name[4:]] = exp(value), (exp(low), _finite(exp(high)))
        elif name == "exponent":
            found["b"] = _inverse(value, (low, high))
            found["exponent"] = value, (_finite(low), _finite(high))
        else:
            found[name] = value, (_finite(low), _finite(high))
    return found


def _inverse(exponent: float, ends: tuple[float, float]) -> tuple[float | None, Interval]:
    """Return b and its interval, which has no bound on the side of "no growth" where 0 is among the exponents."""
    low, high = ends
    b = 1 / exponent if abs(exponent) > 1 / _ENDLESS else None
    if low > 0 or high < 0:
        return b, (1 / high, 1 / low)
    return b, (1 / high, None) if exponent >= 0 and high > 0 else (None, 1 / low if low < 0 else None)


_ENDLESS = 1e6


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _short(value: float | None) -> float | None:
    """Six digits: more would be noise. And no minus before 0."""
    return None if value is None else float(f"{value:.6g}") + 0.0

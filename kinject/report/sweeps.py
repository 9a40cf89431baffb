"""The record of a sweep (`kinject.sweep/1`) as the report reads it: curves, each of a model and a task.

At each size stand the mean over seeds, every seed, and a 95 % interval: Student's over the seeds, or that of the items
where it is the wider one, since few seeds can be alike by chance. All seeds answer the same items, so these are
counted once (`wilson_grouped`); where only counts are kept, the mean of the seeds' own intervals stands in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from pydantic import Field, NonNegativeInt, model_validator

from kinject.report import paper
from kinject.report.records import Interval, Part, Percent, Rate
from kinject.statistics.intervals import wilson_grouped
from kinject.statistics.laws import Point as LawPoint
from kinject.statistics.worlds import over_worlds

SCHEMA = "kinject.sweep/1"
Bounds = tuple[float | None, float | None]
NAMES = {
    "power": "power law",
    "power_floor": "power law on a floor",
    "log_linear": "line in ln D",
    "saturating": "saturating exponential",
}
"""What the record calls laws, in words."""
MARKS = {"1": 1.0, "0": 0.0, "?": None}


class Point(Part):
    """One model, trained on so many rows of a task with a seed, or why there is no score."""

    task: str
    recipe: str
    benchmark: str
    model: str
    rows: NonNegativeInt
    seed: int
    failed: str | None
    metric: str = ""
    k: NonNegativeInt = 0
    n: NonNegativeInt = 0
    unscored: NonNegativeInt = 0
    percent: Percent | None = None
    interval: tuple[Percent, Percent] = (0.0, 100.0)
    marks: str = ""
    steps: NonNegativeInt = 0
    trained: dict[str, Any] | None = None
    run: str = ""

    @model_validator(mode="after")
    def _scored(self) -> "Point":
        Rate(k=self.k, n=self.n, unscored=self.unscored, percent=self.percent, interval=self.interval)
        return self

    def as_law_point(self) -> LawPoint:
        """What the laws are fitted to."""
        marks = tuple(MARKS[mark] for mark in self.marks) if set(self.marks) <= MARKS.keys() else ()
        return LawPoint(self.rows, self.k, self.n, self.seed, marks)


class Law(Part):
    """One law, fitted; null is without bound, or not to be had."""

    formula: str
    a: float | None = None
    b: float | None = None
    c: float | None = None
    m: float | None = None
    d: float | None = None
    exponent: float | None = None
    a_interval: Bounds | None = None
    b_interval: Bounds | None = None
    c_interval: Bounds | None = None
    m_interval: Bounds | None = None
    d_interval: Bounds | None = None
    weight: float | None
    dispersion: float | None
    bootstrap: dict[str, Bounds]


class Foretold(Part):
    """The largest size, and what each law says of it without having seen it."""

    size: float = Field(alias="D")
    measured: float
    predicted: dict[str, float | None]


class Fit(Part):
    """The laws of one model and task."""

    model: str
    task: str
    verdict: str
    candidates: tuple[str, ...]
    laws: dict[str, Law]
    unfitted: dict[str, str]
    leave_largest_out: Foretold | None
    resampled: str


class Grid(Part):
    """What was asked for."""

    seeds: tuple[int, ...]
    limit: int | None
    match: str


class Sweep(Part):
    """The whole record."""

    grid: Grid
    points: tuple[Point, ...] = Field(min_length=1)
    fits: tuple[Fit, ...]
    versions: str


@dataclass(frozen=True)
class Size:
    """The points of one size."""

    rows: int
    points: tuple[Point, ...]

    @property
    def percents(self) -> list[float]:
        """One a seed."""
        return [point.percent for point in self.points if point.percent is not None]

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return fmean(self.percents)

    @cached_property
    def interval(self) -> Interval:
        """95 %, in percent: over seeds or over items, whichever is the wider."""
        low, high = self._over_items()
        seeds = over_worlds(self.percents).interval or (low, high)
        return max(0.0, min(low, seeds[0])), min(100.0, max(high, seeds[1]))

    def _over_items(self) -> Interval:
        marks = [point.as_law_point().marks for point in self.points]
        if not all(marks) or len(set(map(len, marks))) != 1:
            lows, highs = zip(*(point.interval for point in self.points), strict=True)
            return fmean(lows), fmean(highs)
        items = [[mark == 1.0 for mark in item if mark is not None] for item in zip(*marks, strict=True)]
        low, high = wilson_grouped([item for item in items if item])
        return 100 * low, 100 * high


@dataclass(frozen=True)
class Curve:
    """One model and one task."""

    model: str
    task: str
    recipe: str
    benchmark: str
    points: tuple[Point, ...]
    fit: Fit | None

    @property
    def name(self) -> str:
        """It in a few words."""
        return f"{self.task}, {self.model}"

    @property
    def metric(self) -> str:
        """What is counted."""
        return next((point.metric for point in self.points if point.metric), "right")

    @cached_property
    def sizes(self) -> list[Size]:
        """The sizes that have a score, rising."""
        done = [point for point in self.points if not point.failed and point.n]
        rows = sorted({point.rows for point in done})
        return [Size(each, tuple(point for point in done if point.rows == each)) for each in rows]

    @property
    def law_points(self) -> list[LawPoint]:
        """What the laws were fitted to."""
        return [point.as_law_point() for size in self.sizes for point in size.points]


def curves(sweep: Sweep) -> list[Curve]:
    """The curves of a sweep, in the order of its grid."""
    fits = {(fit.model, fit.task): fit for fit in sweep.fits}
    found = []
    for model, task in dict.fromkeys((point.model, point.task) for point in sweep.points):
        own = tuple(point for point in sweep.points if (point.model, point.task) == (model, task))
        found.append(Curve(model, task, own[0].recipe, own[0].benchmark, own, fits.get((model, task))))
    return found


@dataclass(frozen=True)
class Figure:
    """The curves of one picture."""

    number: int
    """Of the paper's figure that it is the like of."""
    title: str
    curves: tuple[Curve, ...]

    @property
    def table(self) -> int:
        """The paper's table of coefficients that belongs to it."""
        return 8 if self.number == 2 else 7

    def beside(self, curve: Curve) -> list[paper.Law]:
        """The paper's laws that may stand beside a curve; Figure 7 has one model only."""
        found = paper.beside(curve.recipe, curve.benchmark, curve.model, self.table)
        return [law for law in found if law.model == paper.MAIN] if self.number == 7 else found


def figures(found: Sequence[Curve]) -> list[Figure]:
    """Put several tasks of one model on one benchmark into one picture (Figure 7), else the models of each task."""
    models = list(dict.fromkeys(curve.model for curve in found))
    tasks = {name: [curve.task for curve in found if curve.benchmark == name] for name in _benchmarks(found)}
    together = [name for name, own in tasks.items() if len(models) == 1 and len(own) > 1]
    made = [Figure(7, f"{name}: {', '.join(tasks[name])}", _where(found, "benchmark", name)) for name in together]
    for task in dict.fromkeys(curve.task for curve in found if curve.benchmark not in together):
        own = _where(found, "task", task)
        number = 6 if own[0].benchmark == "gsm1k" else 2 if paper.by_size(models) else 1
        made.append(Figure(number, f"{task} on {own[0].benchmark}", own))
    return made


def _benchmarks(found: Sequence[Curve]) -> list[str]:
    return list(dict.fromkeys(curve.benchmark for curve in found))


def _where(found: Sequence[Curve], field: str, value: str) -> tuple[Curve, ...]:
    return tuple(curve for curve in found if getattr(curve, field) == value)

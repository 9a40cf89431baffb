"""The record of sorted mistakes (`kinject.errors/1`) as the report reads it."""

from typing import Any

from pydantic import Field, NonNegativeInt

from kinject.report.records import Interval, Part, Percent, Rate

SCHEMA = "kinject.errors/1"
TOTAL = "mistakes"


class At(Part):
    """A kind's rate over all answers, at one size."""

    rows: NonNegativeInt
    percent: Percent
    interval: tuple[Percent, Percent]


class Fall(Part):
    """A kind over the sizes."""

    state: str
    by: int | None
    unseen: float | None
    sizes: tuple[At, ...]


class Squared(Part):
    """How far a kind goes with all mistakes."""

    r2: float | None
    interval: Interval | None
    over_sizes: Interval | None
    why: str


class Further(Part):
    """r squared of reasoning less that of format."""

    difference: float
    interval: Interval


class Counts(Part):
    """One point."""

    rows: NonNegativeInt
    seed: int
    mistakes: Rate
    nothing: NonNegativeInt
    of_wrong: dict[str, Rate]
    in_format: Rate | None


class Claim(Part):
    """Whether format stops and reasoning goes on."""

    state: str
    words: str


class Failed(Part):
    """A point that there is not."""

    rows: NonNegativeInt
    seed: int
    why: str


class Task(Part):
    """A model and a task; without points that were sorted it has nothing over points."""

    model: str
    task: str
    benchmark: str
    kinds: tuple[str, ...] = Field(max_length=3)
    annotators: dict[str, str]
    points: tuple[Counts, ...]
    failed: tuple[Failed, ...]
    r2: dict[str, Squared] = Field(default_factory=dict)
    r2_reasoning_less_format: Further | None = None
    falls: dict[str, Fall] = Field(default_factory=dict)
    claim: Claim | None = None
    paper: dict[str, float]
    intervals: str = ""

    @property
    def name(self) -> str:
        """It in a few words."""
        return f"{self.task}, {self.model}"

    @property
    def sizes(self) -> list[int]:
        """Rising."""
        return sorted({point.rows for point in self.points})


class LeftOut(Part):
    """A task that has no kinds of mistakes."""

    model: str
    task: str
    why: str


class Sorted(Part):
    """The whole record."""

    tasks: tuple[Task, ...] = Field(min_length=1)
    left_out: tuple[LeftOut, ...]
    annotators: dict[str, Any]
    spent: dict[str, Any] = Field(default_factory=dict)
    versions: str

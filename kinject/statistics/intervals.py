"""Rates with error bars, in plain Python.

A rate is k successes in n scored answers, with the number of unscored answers beside it. Its interval is
Wilson's score interval (Wilson 1927), which keeps its coverage for small n and near 0 and 100 %, where the
usual p ± 1.96 se does not.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Self

from pydantic import BaseModel, ConfigDict, NonNegativeInt, model_validator

Z95 = 1.959964


def wilson(k: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's interval for k of n, within [0, 1]; (0, 1) when n is 0, since nothing is known then.

    Counts of effective answers need not be whole.
    """
    if n == 0:
        return 0.0, 1.0
    p, spread = k / n, z * z / n
    centre = p + spread / 2
    half = z * sqrt(p * (1 - p) / n + spread / (4 * n))
    low, high = ((centre + side * half) / (1 + spread) for side in (-1, 1))
    # At k = 0 and k = n the bound is exact; rounding must not push it past the estimate.
    return max(0.0, min(low, p)), min(1.0, max(high, p))


def wilson_grouped(groups: Sequence[Sequence[bool]]) -> tuple[float, float]:
    """Wilson's interval, within [0, 1], for answers that come in groups, such as the several demands of one prompt.

    Answers are independent between groups only, so they count as fewer than they are, and never as more. Where all
    ended alike nothing tells how much fewer: each group counts as one.
    """
    n = sum(map(len, groups))
    p = sum(map(sum, groups)) / n if n else 0.0
    if not 0 < p < 1:
        votes = float(sum(map(bool, groups)))
    else:
        off = sum((sum(group) - p * len(group)) ** 2 for group in groups)
        votes = n * min(1.0, p * (1 - p) * n / off) if off else float(n)
    return wilson(p * votes, votes)


class Rate(BaseModel):
    """k of n scored answers, and how many could not be scored. Percentages are from 0 to 100."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    k: NonNegativeInt
    n: NonNegativeInt
    unscored: NonNegativeInt = 0

    @model_validator(mode="after")
    def _k_within_n(self) -> Self:
        if self.k > self.n:
            raise ValueError(f"k = {self.k} is more than n = {self.n}")
        return self

    @property
    def percent(self) -> float | None:
        """The estimate over the scored answers; None when there are none."""
        return _percent(self.k, self.n)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval, in percent."""
        low, high = wilson(self.k, self.n)
        return 100 * low, 100 * high

    @property
    def worst(self) -> float | None:
        """The rate had every unscored answer failed; None when there are no answers at all."""
        return _percent(self.k, self.n + self.unscored)

    @property
    def best(self) -> float | None:
        """The rate had every unscored answer passed; None when there are no answers at all."""
        return _percent(self.k + self.unscored, self.n + self.unscored)

    def as_json(self) -> dict[str, object]:
        """The form that `--json` prints, with one decimal."""
        percent = self.percent
        return {
            "k": self.k,
            "n": self.n,
            "unscored": self.unscored,
            "percent": None if percent is None else round(percent, 1),
            "interval": [round(bound, 1) for bound in self.interval],
        }


def _percent(k: int, n: int) -> float | None:
    return 100 * k / n if n else None

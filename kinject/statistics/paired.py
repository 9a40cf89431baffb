"""Two systems on the same questions: the exact McNemar test and an interval for the difference.

The interval is Newcombe's method 10 (Newcombe 1998, Statistics in Medicine 17:2635): Wilson intervals of the
two rates, combined by square-and-add with the correlation of the pairs. It has a width even when the two
systems never differ.

What it says: this trained system against that one, on these questions. It says nothing of other seeds or
other worlds; a claim about those is tested with one difference a world.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt

from kinject.statistics.intervals import wilson


@dataclass(frozen=True)
class Paired:
    """The second system minus the first, over the questions that both have scored."""

    n: int
    """Questions with two scores."""
    dropped: int
    """Questions left out because a score is missing on either side."""
    first_only: int
    """Right in the first alone."""
    second_only: int
    """Right in the second alone."""
    difference: float | None
    """Second minus first, in points; None when n is 0."""
    interval: tuple[float, float]
    """95 % interval of the difference, in points."""
    p: float
    """Exact two-sided McNemar p."""


def mcnemar(first_only: int, second_only: int) -> float:
    """Exact two-sided p that the discordant pairs fall like a fair coin; 1 when there are none."""
    flips = first_only + second_only
    tail = sum(comb(flips, i) for i in range(min(first_only, second_only) + 1))
    # Whole numbers until the last step: 2.0**flips would overflow from 1024 pairs on.
    return min(1.0, 2 * tail / (1 << flips))


def paired_difference(first: Sequence[bool | None], second: Sequence[bool | None]) -> Paired:
    """Compare two systems question by question; None marks an unscored answer, and drops its pair."""
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    both, first_only, second_only = (pairs.count(kind) for kind in ((True, True), (True, False), (False, True)))
    n = len(pairs)
    low, high = newcombe(both, first_only, second_only, n)
    return Paired(
        n=n,
        dropped=len(first) - n,
        first_only=first_only,
        second_only=second_only,
        difference=100 * (second_only - first_only) / n if n else None,
        interval=(100 * low, 100 * high),
        p=mcnemar(first_only, second_only),
    )


def newcombe(both: int, first_only: int, second_only: int, n: int) -> tuple[float, float]:
    """95 % interval of p2 - p1, within [-1, 1], from the counts of a paired two-by-two table."""
    if n == 0:
        return -1.0, 1.0
    k1, k2 = both + first_only, both + second_only
    p1, p2 = k1 / n, k2 / n
    (low1, high1), (low2, high2) = wilson(k1, n), wilson(k2, n)
    phi = _correlation(both, first_only, second_only, n)
    difference = (second_only - first_only) / n
    low = difference - _added(p2 - low2, high1 - p1, phi)
    high = difference + _added(high2 - p2, p1 - low1, phi)
    return max(-1.0, low), min(1.0, high)


def _added(x: float, y: float, phi: float) -> float:
    """Square-and-add of two half-widths whose errors correlate by phi."""
    return sqrt(max(0.0, x * x - 2 * phi * x * y + y * y))


def _correlation(both: int, first_only: int, second_only: int, n: int) -> float:
    """Phi of the table, drawn towards 0 by Newcombe's continuity correction when positive."""
    neither = n - both - first_only - second_only
    margins = (both + first_only) * (second_only + neither) * (both + second_only) * (first_only + neither)
    product = float(both * neither - first_only * second_only)
    if product > 0:
        product = max(product - n / 2, 0.0)
    return product / sqrt(margins) if margins else 0.0

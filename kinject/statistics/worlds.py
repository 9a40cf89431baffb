"""Claims over worlds: one difference a world, and every statement about their mean.

Questions of one world share its names, its pretraining and its trainings, so they are no independent witnesses of what
happens in another world. A world is: its difference is one number, and the worlds alone are the sample.

The interval is Student's t. The test is the exact two-sided sign-flip test (Fisher 1935): had the two arms been alike,
every difference could as well have had the other sign; p is the share of all 2^n patterns of signs whose sum is at
least as far from 0 as the one that was seen. It asks for nothing normal. Families are corrected by Holm (1979).

Traps: n worlds cannot give a p below 2 / 2^n. With 8 worlds that is 2 / 256 = 0.0078, and Holm multiplies the smallest
p by the size of the family, so at 5 % a family of 8 worlds may have at most 6 claims (`largest_family`): in a larger
one nothing could ever hold. Fewer than 6 worlds resolve no claim at all. Where all worlds agree to the digit the
interval has no width; that is what Student's t says and not that nothing could differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt
from statistics import fmean, stdev
from typing import Literal

from kinject.errors import UsageError

ALPHA = 0.05
MOST = 20
"""Worlds whose 2^n patterns are all looked at."""
SLACK = 1e-9
"""Sums that differ by less than this share of all differences are equal: floats do not add up the same in any order."""

Equal = Literal["holds", "reverses", "unresolved"]


@dataclass(frozen=True)
class OverWorlds:
    """The mean of one number a world."""

    n: int
    mean: float | None
    """None when there are no worlds."""
    interval: tuple[float, float] | None
    """Student's 95 % interval; None with fewer than two worlds."""


def over_worlds(values: Sequence[float]) -> OverWorlds:
    """Return the mean with its interval."""
    n = len(values)
    if n < 2:
        return OverWorlds(n, values[0] if n else None, None)
    mean, half = fmean(values), _quantile(n - 1) * stdev(values) / sqrt(n)
    return OverWorlds(n, mean, (mean - half, mean + half))


@cache
def _quantile(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(1 - ALPHA / 2, freedom))


def sign_flip(differences: Sequence[float]) -> float:
    """Exact two-sided p that the differences fall around 0; 1 when there are none."""
    if len(differences) > MOST:
        mend = f"name at most {MOST} of them"
        raise UsageError(f"{len(differences)} worlds have too many patterns of signs to count", mend=mend)
    if not differences:
        return 1.0
    sums = [differences[0]]  # the other half of the patterns mirrors these
    for each in differences[1:]:
        sums = [total + each for total in sums] + [total - each for total in sums]
    least = abs(sum(differences)) - SLACK * sum(map(abs, differences))
    return sum(abs(total) >= least for total in sums) / len(sums)


def holm(ps: Sequence[float]) -> list[float]:
    """Return every p after Holm's correction for the whole family, in the given order."""
    corrected, highest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = highest
    return corrected


def smallest_p(worlds: int) -> float:
    """Return the least p that so many worlds can give."""
    return min(1.0, float(2 * 0.5**worlds))


def largest_family(worlds: int) -> int:
    """Return how many claims a family may have for one of them to hold at 5 %."""
    return int(ALPHA / smallest_p(worlds) + SLACK)


def equivalent(interval: tuple[float, float] | None, margin: float) -> Equal:
    """Say whether a difference is within the margin on either side, by its interval: all in, all out, or neither."""
    if interval is None:
        return "unresolved"
    low, high = interval
    if -margin <= low and high <= margin:
        return "holds"
    return "reverses" if low > margin or high < -margin else "unresolved"

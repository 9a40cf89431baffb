"""r squared over runs: by hand, its laws, and how often its intervals hold in simulations."""

from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinject.statistics.determination import Redrawn, determination, difference, further, redrawn

SIZES = (0, 30, 100, 300, 1000, 2700)
TOTAL = (0.95, 0.8, 0.7, 0.6, 0.45, 0.35)
LATE = (0.9, 0.72, 0.62, 0.52, 0.38, 0.28)
EARLY = (0.95, 0.35, 0.3, 0.28, 0.27, 0.26)


def counted(rates: Any, items: int, seeds: int = 1) -> Any:
    """(items, runs) marks with exactly these rates: the first items are the ones."""
    runs = np.repeat(rates, seeds)
    return (np.arange(items)[:, None] < np.round(items * runs)[None, :]).astype(float)


def runs(marks: dict[str, Any], sizes: tuple[int, ...] = SIZES, seeds: int = 1, resamples: int = 400) -> Redrawn:
    return redrawn(marks, np.repeat(sizes, seeds).tolist(), list(range(seeds)) * len(sizes), resamples)


def test_it_is_the_squared_correlation() -> None:
    found = runs({"total": counted(TOTAL, 1000), "late": counted(LATE, 1000), "early": counted(EARLY, 1000)})
    for name, rates in (("late", LATE), ("early", EARLY)):
        told = determination(found, "total", name)
        assert told.r2 == pytest.approx(np.corrcoef(TOTAL, rates)[0, 1] ** 2)
        assert told.interval and told.interval[0] <= told.r2 <= told.interval[1]
        assert (told.runs, told.sizes, told.why) == (6, 6, "")
    more = further(found, "total", "late", "early")
    assert more and more[0] > 0.3 and more[1][0] > 0


def test_other_sizes_are_fishers_interval() -> None:
    found = runs({"total": counted(TOTAL, 1000), "late": counted(LATE, 1000)})
    told = determination(found, "total", "late")
    z = np.arctanh(np.corrcoef(TOTAL, LATE)[0, 1])
    assert told.over_sizes == pytest.approx([np.tanh(z + side * 1.959964 / sqrt(3)) ** 2 for side in (-1, 1)])


def test_four_sizes_say_next_to_nothing_of_others() -> None:
    """As in Figure 3, with an r squared of 0.93."""
    sizes, total, part = (0, 100, 1000, 7473), (0.95, 0.75, 0.53, 0.4), (0.9, 0.3, 0.12, 0.05)
    told = determination(runs({"t": counted(total, 1319), "p": counted(part, 1319)}, sizes), "t", "p")
    assert told.r2 and 0.8 < told.r2 < 0.95
    assert told.over_sizes == pytest.approx((0.0, 1.0), abs=0.01)


@pytest.mark.parametrize(
    ("marks", "why"),
    [
        ({"t": counted(TOTAL[:2], 50), "p": counted(LATE[:2], 50)}, "2 sizes, and 3 are needed"),
        ({"t": counted(TOTAL[:4], 50), "p": counted((0, 0, 0, 0), 50)}, "the same in every run"),
        ({"t": counted(TOTAL[:4], 50), "p": np.full((50, 4), np.nan)}, "it is not scored"),
    ],
)
def test_what_cannot_be_told_says_why(marks: dict[str, Any], why: str) -> None:
    found = runs(marks, SIZES[: marks["t"].shape[1]])
    told = determination(found, "t", "p")
    assert told.r2 is told.interval is told.over_sizes is None and why in told.why
    assert further(found, "t", "p", "t") is None
    assert told.as_json()["r2"] is None


def test_what_is_the_same_is_one() -> None:
    told = determination(runs({"t": counted(TOTAL, 100), "p": counted(TOTAL, 100)}), "t", "p")
    assert "every one" in told.why and told.r2 == pytest.approx(1) and told.interval == pytest.approx((1, 1))


def test_a_sign_that_is_not_known_begins_at_zero() -> None:
    told = determination(runs({"t": counted(TOTAL, 20), "p": counted((0.3, 0.2, 0.35, 0.3, 0.2, 0.3), 20)}), "t", "p")
    assert told.interval and told.interval[0] == 0
    falling = determination(runs({"t": counted(TOTAL, 100), "p": counted(1 - np.array(LATE), 100)}), "t", "p")
    assert falling.r and falling.r < -0.9 and falling.r2 == pytest.approx(falling.r**2)


def test_runs_that_are_lacking_and_answers_that_are_not_scored_are_left_out() -> None:
    marks = counted(TOTAL, 100, seeds=2)
    marks[5, 3] = np.nan
    marks, late = marks[:, :-1], counted(LATE, 100, seeds=2)[:, :-1]
    sizes, seeds = np.repeat(SIZES, 2).tolist()[:-1], ([0, 1] * 6)[:-1]
    found = redrawn({"t": marks, "p": late}, sizes, seeds, 200)
    assert found.rates["t"][3] == pytest.approx(79 / 99)
    assert np.isfinite(found.rate("t", 2700)[1]).all()  # even where only the other seed was drawn
    assert determination(found, "t", "p").runs == 11


def test_the_same_again() -> None:
    marks = {"t": counted(TOTAL, 50), "p": counted(LATE, 50)}
    assert determination(runs(marks), "t", "p") == determination(runs(marks), "t", "p")


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=3, max_size=12))
@settings(max_examples=40, deadline=None)
def test_intervals_lie_within_0_and_1_around_the_estimate(marks: list[list[bool]]) -> None:
    part = np.array(marks, dtype=float)
    told = determination(runs({"t": np.maximum(part, part[::-1]), "p": part}, SIZES[:4], resamples=50), "t", "p")
    if told.r2 is not None and told.interval and told.over_sizes:
        assert 0 <= told.interval[0] <= told.r2 + 1e-9 and told.r2 - 1e-9 <= told.interval[1] <= 1
        assert 0 <= told.over_sizes[0] <= told.over_sizes[1] <= 1


def test_a_difference_of_sizes_is_paired_by_item() -> None:
    marks = {"t": counted((0.5, 0.4, 0.4), 100)}
    found = runs(marks, SIZES[:3])
    points, (low, high) = difference(found, "t", 0, 30)
    assert points == pytest.approx(10)
    assert (high - low) / 2 == pytest.approx(196 * sqrt(0.1 * 0.9 / 100), rel=0.15)  # 10 of 100 items changed
    points, (low, high) = difference(found, "t", 30, 100)  # and here none, whichever items are drawn
    assert (points, low, high) == pytest.approx((0, -3.69, 3.69))
    assert difference(found, "t", 30, 30) == (0, (0, 0))


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "items", "spread"), [(1, 300, 0.0), (3, 300, 0.0), (3, 300, 0.1), (3, 300, 0.25)])
@pytest.mark.parametrize("rates", [LATE, EARLY])
def test_intervals_hold_as_often_as_is_said(seeds: int, items: int, spread: float, rates: tuple[float, ...]) -> None:
    """Of repetitions that have other items and other seeds, which share what makes an item hard."""
    draw = np.random.default_rng(1)
    z, half, falls = [], [], []
    for _ in range(200):
        found = runs(_drawn(draw, np.array(rates), seeds, items, spread), seeds=seeds, resamples=300)
        told = determination(found, "t", "p")
        assert told.r is not None and told.interval is not None
        z.append(np.arctanh(told.r))
        half.append(np.arctanh(sqrt(told.interval[1])) - z[-1])
        falls.append(difference(found, "p", 30, 2700))
    middle = np.mean([fall for fall, _ in falls])
    assert np.mean(np.abs(np.array(z) - np.mean(z)) <= half) >= 0.84
    assert np.mean([low <= middle <= high for _, (low, high) in falls]) >= 0.84


def _drawn(draw: Any, rates: Any, seeds: int, items: int, spread: float) -> dict[str, Any]:
    from scipy.stats import norm

    total, hard = np.array(TOTAL), draw.normal(size=(items, 1, 1))

    def below(rate: Any, share: float) -> Any:
        own = sqrt(1 - share**2) * draw.normal(size=(items, len(rate), seeds))
        return share * hard + own < norm.ppf(rate)[None, :, None] + spread * draw.normal(size=(1, len(rate), seeds))

    wrong = below(total, 0.7)
    of_kind = wrong & below(np.clip(rates / total, 0.001, 0.999), 0.5)
    return {"t": wrong.reshape(items, -1).astype(float), "p": of_kind.reshape(items, -1).astype(float)}

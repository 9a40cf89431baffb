"""Wilson's interval and the rate: against scipy, and by its laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import binomtest

from kinject.statistics.intervals import Rate, wilson

COUNTS = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS)
def test_wilson_is_scipys(counts: tuple[int, int]) -> None:
    k, n = counts
    expected = binomtest(k, n).proportion_ci(method="wilson")
    assert wilson(k, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


@given(COUNTS)
def test_the_interval_holds_the_estimate_and_mirrors(counts: tuple[int, int]) -> None:
    k, n = counts
    low, high = wilson(k, n)
    assert 0 <= low <= k / n <= high <= 1
    assert wilson(n - k, n) == pytest.approx((1 - high, 1 - low))


def test_nothing_is_known_from_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    rate = Rate(k=0, n=0, unscored=3)
    assert rate.percent is None
    assert (rate.worst, rate.best) == (0.0, 100.0)
    assert Rate(k=0, n=0).worst is None
    assert Rate(k=0, n=0).as_json() == {"k": 0, "n": 0, "unscored": 0, "percent": None, "interval": [0.0, 100.0]}


def test_the_json_form() -> None:
    assert Rate(k=83, n=100).as_json() == {
        "k": 83,
        "n": 100,
        "unscored": 0,
        "percent": 83.0,
        "interval": [74.5, 89.1],
    }


@given(COUNTS, st.integers(0, 50))
def test_the_unscored_lie_between_worst_and_best(counts: tuple[int, int], unscored: int) -> None:
    rate = Rate(k=counts[0], n=counts[1], unscored=unscored)
    assert rate.worst is not None and rate.percent is not None and rate.best is not None
    assert rate.worst <= rate.percent + 1e-9
    assert rate.percent <= rate.best + 1e-9


@pytest.mark.parametrize("counts", [{"k": 2, "n": 1}, {"k": -1, "n": 1}, {"k": 0, "n": 1, "unscored": -1}])
def test_impossible_counts_are_refused(counts: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Rate(**counts)

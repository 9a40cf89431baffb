"""Statements over worlds: the interval and the test against scipy, corrections and families by their laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test, ttest_1samp

from kinject.errors import UsageError
from kinject.statistics.worlds import (
    OverWorlds,
    equivalent,
    holm,
    largest_family,
    over_worlds,
    sign_flip,
    smallest_p,
)

POINTS = st.floats(-100, 100).map(lambda value: round(value, 1))
DIFFERENCES = st.lists(POINTS, min_size=1, max_size=8)
PS = st.lists(st.floats(0, 1), max_size=10)


def test_the_interval_is_scipys() -> None:
    values = [15.0, 40.0, 8.0]
    found = over_worlds(values)
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.interval == pytest.approx((expected.low, expected.high))
    assert found.mean == 21.0
    assert (found.interval[1] - found.interval[0]) / 2 == pytest.approx(42, abs=0.5)  # type: ignore[index]


def test_one_world_has_no_interval_and_none_has_no_mean() -> None:
    assert over_worlds([7.0]) == OverWorlds(1, 7.0, None)
    assert over_worlds([]) == OverWorlds(0, None, None)


def test_it_covers_the_truth_in_95_of_100() -> None:
    drawn = np.random.default_rng(0).normal(5, 12, size=(1000, 8))
    bounds = [over_worlds([float(value) for value in row]).interval for row in drawn]
    covered = np.mean([low <= 5 <= high for low, high in filter(None, bounds)])
    assert 0.935 <= covered <= 0.965


@settings(max_examples=30)
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=8))
def test_the_sign_flip_test_is_scipys(differences: list[int]) -> None:
    expected = permutation_test(
        (np.array(differences),), lambda x, axis: x.sum(axis), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip(differences) == pytest.approx(min(1.0, expected.pvalue))


@given(DIFFERENCES)
def test_p_is_a_share_of_all_patterns(differences: list[float]) -> None:
    p = sign_flip(differences)
    assert smallest_p(len(differences)) <= p <= 1
    assert p * 2 ** len(differences) == int(p * 2 ** len(differences))
    assert sign_flip([-value for value in differences]) == p
    assert sign_flip(differences[::-1]) == p
    assert sign_flip([3 * value for value in differences]) == p


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=10))
def test_worlds_that_agree_give_the_smallest_p(differences: list[float]) -> None:
    assert sign_flip(differences) == smallest_p(len(differences))


@given(DIFFERENCES)
def test_a_world_without_a_difference_says_nothing(differences: list[float]) -> None:
    assert sign_flip([*differences, 0.0]) == sign_flip(differences)


def test_ends_of_the_sign_flip_test() -> None:
    assert sign_flip([]) == sign_flip([5.0]) == sign_flip([0.0] * 8) == 1.0
    assert sign_flip([1.0] * 20) == 2 / 2**20
    with pytest.raises(UsageError, match="21 worlds"):
        sign_flip([1.0] * 21)


def test_holm_is_as_worked_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(PS)
def test_holm_lies_between_the_raw_p_and_bonferronis(ps: list[float]) -> None:
    corrected = holm(ps)
    assert len(corrected) == len(ps)
    for p, after in zip(ps, corrected, strict=True):
        assert p <= after <= min(1.0, len(ps) * p) + 1e-12
    order = sorted(range(len(ps)), key=ps.__getitem__)
    assert [corrected[i] for i in order] == sorted(corrected)


def test_eight_worlds_carry_families_of_six() -> None:
    assert smallest_p(8) == 2 / 256
    assert [largest_family(worlds) for worlds in (1, 5, 6, 7, 8, 9)] == [0, 0, 1, 3, 6, 12]
    assert max(holm([smallest_p(8)] * 6)) <= 0.05 < max(holm([smallest_p(8)] * 7))


@pytest.mark.parametrize(
    ("interval", "state"),
    [
        ((-4.0, 5.0), "holds"),
        ((0.0, 0.0), "holds"),
        ((-6.0, 1.0), "unresolved"),
        ((1.0, 9.0), "unresolved"),
        ((-20.0, 20.0), "unresolved"),
        ((5.1, 9.0), "reverses"),
        ((-9.0, -5.1), "reverses"),
        (None, "unresolved"),
    ],
)
def test_equal_is_within_the_margin(interval: tuple[float, float] | None, state: str) -> None:
    assert equivalent(interval, 5) == state


@given(st.tuples(POINTS, POINTS).map(lambda pair: (min(pair), max(pair))), st.floats(0.1, 50))
def test_equality_has_no_direction_and_wider_margins_only_help(interval: tuple[float, float], margin: float) -> None:
    low, high = interval
    state = equivalent(interval, margin)
    assert equivalent((-high, -low), margin) == state
    if state == "holds":
        assert equivalent(interval, margin + 1) == "holds"

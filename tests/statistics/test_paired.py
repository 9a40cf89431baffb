"""Paired comparisons: McNemar against scipy, the interval by its laws, a published value and its coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from kinject.statistics.paired import mcnemar, newcombe, paired_difference

TABLE = st.tuples(*[st.integers(0, 60)] * 4)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_scipys_sign_test(first_only: int, second_only: int) -> None:
    flips = first_only + second_only
    expected = binomtest(first_only, flips).pvalue if flips else 1.0
    assert mcnemar(first_only, second_only) == pytest.approx(expected)


def test_mcnemar_of_thousands_of_pairs_does_not_overflow() -> None:
    assert mcnemar(2000, 2000) == 1.0
    assert mcnemar(0, 3000) == 0.0


def test_the_interval_is_newcombes() -> None:
    # Newcombe 1998, method 10 for the table 36/12/2/0; his difference is the first minus the second.
    assert newcombe(36, 12, 2, 50) == pytest.approx((-0.3404, -0.0569), abs=5e-5)


@given(TABLE)
def test_the_interval_holds_the_difference_and_mirrors(table: tuple[int, int, int, int]) -> None:
    both, first_only, second_only, neither = table
    n = sum(table)
    low, high = newcombe(both, first_only, second_only, n)
    assert -1 <= low <= high <= 1
    if n:
        assert low - 1e-12 <= (second_only - first_only) / n <= high + 1e-12
    assert newcombe(both, second_only, first_only, n) == pytest.approx((-high, -low))
    assert newcombe(neither, second_only, first_only, n) == pytest.approx((-high, -low))  # wrong for right


@pytest.mark.parametrize(
    ("n", "cells"),
    [
        (100, (0.5, 0.1, 0.25, 0.15)),
        (100, (0.7, 0.02, 0.02, 0.26)),
        (100, (0.05, 0.01, 0.5, 0.44)),
        (30, (0.4, 0.2, 0.2, 0.2)),
        (30, (0.9, 0.0, 0.1, 0.0)),
    ],
)
def test_it_covers_the_truth_in_95_of_100(n: int, cells: tuple[float, ...]) -> None:
    truth = cells[2] - cells[1]
    tables = np.random.default_rng(0).multinomial(n, cells, size=2000)
    bounds = [newcombe(int(row[0]), int(row[1]), int(row[2]), n) for row in tables]
    covered = np.mean([low <= truth <= high for low, high in bounds])
    assert 0.935 <= covered <= 1.0


def test_a_missing_score_drops_its_pair() -> None:
    first = [True, True, False, None, True, False]
    second = [True, False, True, True, None, True]
    paired = paired_difference(first, second)
    assert (paired.n, paired.dropped, paired.first_only, paired.second_only) == (4, 2, 1, 2)
    assert paired.difference == 25.0
    assert paired.p == 1.0


def test_two_systems_that_never_differ_still_have_an_interval() -> None:
    paired = paired_difference([True] * 20, [True] * 20)
    assert (paired.difference, paired.p) == (0.0, 1.0)
    low, high = paired.interval
    assert low < 0 < high


def test_nothing_to_compare() -> None:
    paired = paired_difference([None], [True])
    assert (paired.n, paired.difference, paired.interval, paired.p) == (0, None, (-100.0, 100.0), 1.0)


def test_sequences_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        paired_difference([True], [True, False])

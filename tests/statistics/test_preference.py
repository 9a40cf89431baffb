"""Win rates: counts by hand, Wilson as the limit, coverage by simulation, laws of the length-controlled rate."""

from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from kinject.statistics.intervals import wilson
from kinject.statistics.preference import (
    FEWEST,
    PENALTY,
    SCORE,
    Outcome,
    Preference,
    length_controlled,
    wilson_clustered,
    win_rate,
)

MIRROR: dict[Outcome, Outcome] = {"win": "loss", "tie": "tie", "loss": "win"}
PAIR = st.builds(Preference, st.sampled_from(get_args(Outcome)), st.integers(-400, 400), st.integers(0, 40))
PAIRS = st.lists(PAIR, max_size=80)
FEW = 200


def swapped(pairs: Sequence[Preference]) -> list[Preference]:
    return [Preference(MIRROR[pair.outcome], -pair.longer, pair.cluster) for pair in pairs]


def of(outcomes: str, longer: Sequence[float] = (), each: int = 1) -> list[Preference]:
    """Pairs from letters (w, t, l); `each` of them share a cluster."""
    named: dict[str, Outcome] = {"w": "win", "t": "tie", "l": "loss"}
    lengths = longer or [0] * len(outcomes)
    return [
        Preference(named[letter], d, i // each) for i, (letter, d) in enumerate(zip(outcomes, lengths, strict=True))
    ]


def drawn(rng: np.random.Generator, n: int, constant: float, effect: float, mean: float) -> list[Preference]:
    """Pairs whose preference depends on a constant and on length, a fifth of them ties."""
    lengths = rng.normal(mean, 1, n)
    odds = 1 / (1 + np.exp(-constant - effect * np.tanh(lengths)))
    ends = np.where(rng.random(n) < 0.2, "t", np.where(rng.random(n) < odds, "w", "l"))
    return of("".join(ends), [float(d) for d in lengths])


# As judged


def test_counts_and_rate_by_hand() -> None:
    rate = win_rate(of("wwwttl", each=2))
    assert (rate.n, rate.wins, rate.ties, rate.losses, rate.clusters) == (6, 3, 2, 1, 3)
    assert rate.percent == pytest.approx(100 * 4 / 6)
    assert (rate.clusters_won, rate.clusters_lost) == (2, 1)  # ww, wt; tl
    assert rate.p == 1.0


def test_the_sign_test_is_over_questions_and_not_over_samples() -> None:
    assert win_rate(of("w" * 10)).p == pytest.approx(2 / 2**10)
    assert win_rate(of("w" * 10, each=10)).p == 1.0


def test_for_many_single_pairs_without_ties_the_interval_is_wilsons() -> None:
    assert wilson_clustered([[1.0]] * 300 + [[0.0]] * 100) == pytest.approx(wilson(300, 400), abs=1e-3)


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=50), st.integers(2, 5))
@settings(deadline=None)  # the first call imports scipy
def test_to_ask_the_same_again_teaches_nothing(scores: list[float], times: int) -> None:
    once = wilson_clustered([[score] for score in scores])
    assert wilson_clustered([[score] * times for score in scores]) == pytest.approx(once)


@given(PAIRS)
@settings(deadline=None)  # the first call imports scipy
def test_swapping_a_and_b_mirrors_the_rate(pairs: list[Preference]) -> None:
    rate, other = win_rate(pairs), win_rate(swapped(pairs))
    assert (rate.wins, rate.ties, rate.p) == (other.losses, other.ties, other.p)
    assert other.interval == pytest.approx((100 - rate.interval[1], 100 - rate.interval[0]))
    assert (rate.percent is None) == (not pairs)
    if rate.percent is not None:
        assert other.percent == pytest.approx(100 - rate.percent)
        assert 0 <= rate.interval[0] <= rate.percent <= rate.interval[1] <= 100


@pytest.mark.parametrize("letter", "wtl")
def test_pairs_that_all_end_alike_still_have_an_interval(letter: str) -> None:
    low, high = win_rate(of(letter * 30)).interval
    assert 5 < high - low < 40


def test_one_question_says_nothing_of_others() -> None:
    assert win_rate(of("wwwl", each=4)).interval == (0.0, 100.0)
    assert win_rate([]).as_json() == {
        "percent": None,
        "interval": [0.0, 100.0],
        "clusters": 0,
        "sign_test": {"won": 0, "lost": 0, "p": 1.0},
    }


@pytest.mark.parametrize(
    ("clusters", "each", "rate", "ties"), [(20, 3, 0.5, 0.3), (100, 3, 0.6, 0.3), (30, 3, 0.9, 0.1), (30, 1, 0.97, 0)]
)
def test_it_covers_the_truth_in_93_of_100(clusters: int, each: int, rate: float, ties: float) -> None:
    rng = np.random.default_rng(0)
    truth = ties / 2 + (1 - ties) * rate
    covered = 0
    for _ in range(2000):
        own = rng.beta(2 * rate, 2 * (1 - rate), (clusters, 1)) if each > 1 else rate
        scores = np.where(rng.random((clusters, each)) < ties, 0.5, rng.random((clusters, each)) < own)
        low, high = wilson_clustered(scores.tolist())
        covered += low <= truth <= high
    assert covered >= 0.93 * 2000


# Length-controlled


@given(PAIRS)
@settings(max_examples=60, deadline=None)
def test_swapping_a_and_b_mirrors_the_length_controlled_rate(pairs: list[Preference]) -> None:
    rate, other = length_controlled(pairs, FEW), length_controlled(swapped(pairs), FEW)
    assert (rate.percent is None) == (other.percent is None)
    if rate.percent is None or rate.interval is None or other.interval is None:
        assert rate.why and rate.interval is None
    else:
        assert other.percent == pytest.approx(100 - rate.percent, abs=1e-4)
        assert other.interval == pytest.approx((100 - rate.interval[1], 100 - rate.interval[0]), abs=1e-4)
        assert 0 <= rate.interval[0] <= rate.percent <= rate.interval[1] <= 100


@given(st.lists(st.sampled_from("wtl"), min_size=1, max_size=60))
@settings(deadline=None)  # the first call imports scipy
def test_where_lengths_are_equal_it_is_the_raw_rate(letters: list[str]) -> None:
    raw, controlled = win_rate(of("".join(letters))), length_controlled(of("".join(letters)))
    assert (controlled.percent, controlled.interval) == (raw.percent, raw.interval)
    assert "equally long" in controlled.why


@given(st.lists(st.integers(-300, 500), min_size=FEWEST, max_size=40, unique=True), st.floats(-3, 3))
@settings(max_examples=40, deadline=None)
def test_a_preference_for_length_alone_is_half_and_half(lengths: list[int], effect: float) -> None:
    scale = float(np.std(lengths, ddof=1))
    pairs = []
    for i, d in enumerate(lengths):
        wins = round(20 / (1 + np.exp(-effect * np.tanh(d / scale))))
        pairs += [Preference("win" if k < wins else "loss", d, (i, k)) for k in range(20)]
    rate = length_controlled(pairs, FEW)
    if rate.percent is None:  # all pairs went to one side
        assert rate.why
    else:
        assert rate.interval is not None and rate.interval[0] <= 50 <= rate.interval[1]


def test_a_length_loving_judge_is_seen_through() -> None:
    pairs = drawn(np.random.default_rng(3), 400, constant=0.0, effect=3.0, mean=1.0)
    raw, rate = win_rate(pairs), length_controlled(pairs)
    assert raw.interval[0] > 60
    assert rate.interval is not None and rate.interval[0] < 50 < rate.interval[1]
    assert rate.length_effect is not None and rate.length_effect > 1


def test_a_better_system_stays_better() -> None:
    rate = length_controlled(drawn(np.random.default_rng(4), 400, constant=1.0, effect=1.0, mean=0.0))
    assert rate.interval is not None and rate.interval[0] > 55


def test_the_fit_is_the_optimum_of_the_penalised_likelihood() -> None:
    pairs = drawn(np.random.default_rng(5), 60, constant=0.4, effect=1.5, mean=0.3)
    lengths = np.array([pair.longer for pair in pairs])
    x, y = np.tanh(lengths / np.std(lengths, ddof=1)), np.array([SCORE[pair.outcome] for pair in pairs])

    def loss(at: np.ndarray) -> float:
        logit = at[0] + at[1] * x
        return float((np.logaddexp(0, logit) - y * logit).sum() + PENALTY / 2 * at[1] ** 2)

    best = minimize(loss, [0.0, 0.0], tol=1e-10).x
    rate = length_controlled(pairs)
    assert rate.percent == pytest.approx(100 / (1 + np.exp(-best[0])), abs=1e-3)
    assert rate.length_effect == pytest.approx(best[1], abs=1e-4)


def test_its_interval_covers_the_truth_in_90_of_100() -> None:
    rng = np.random.default_rng(6)
    rates = [length_controlled(drawn(rng, 60, constant=0.0, effect=2.0, mean=0.5), FEW) for _ in range(150)]
    covered = [rate.interval is not None and rate.interval[0] <= 50 <= rate.interval[1] for rate in rates]
    assert np.mean(covered) >= 0.9


def test_samples_of_one_question_do_not_narrow_it() -> None:
    once = drawn(np.random.default_rng(8), 60, constant=0.0, effect=1.0, mean=0.0)
    four_times, of_others = once * 4, [Preference(p.outcome, p.longer, (p.cluster, k)) for k in range(4) for p in once]
    one, same, others = (length_controlled(pairs).interval for pairs in (once, four_times, of_others))
    assert one is not None and same is not None and others is not None
    assert same == pytest.approx(one, abs=2)
    assert others[1] - others[0] < 0.6 * (one[1] - one[0])


@pytest.mark.parametrize(
    ("outcomes", "longer", "why"),
    [
        ("wl" * 9, [1, -2] * 9, "fewer than 20"),
        ("wl" * 20, [5] * 40, "by the same in every pair"),
        ("w" * 40, range(-20, 20), "A wins every pair"),
        ("l" * 40, range(-20, 20), "B wins every pair"),
        ("l" * 20 + "w" * 20, range(-20, 20), "length alone separates"),
        ("w" * 20 + "l" * 20, range(-20, 20), "length alone separates"),
        ("l" * 20 + "t" + "w" * 20, range(-20, 21), "length alone separates"),
        ("", [], "fewer than 20"),
    ],
)
def test_what_cannot_be_told_is_said(outcomes: str, longer: Sequence[int], why: str) -> None:
    rate = length_controlled(of(outcomes, list(longer)))
    assert (rate.percent, rate.interval, rate.length_effect) == (None, None, None)
    assert why in rate.why and rate.as_json()["why"] == rate.why


@pytest.mark.parametrize(("sign", "who"), [(1, "A"), (-1, "B")])
def test_an_extrapolation_is_called_one(sign: int, who: str) -> None:
    rate = length_controlled(of("wtlw" * 10, [sign * d for d in range(1, 41)]), FEW)
    assert rate.percent is not None and rate.why.startswith(who) and "extrapolated" in rate.why


def test_it_is_the_same_twice() -> None:
    pairs = drawn(np.random.default_rng(7), 50, constant=0.0, effect=1.0, mean=0.0)
    assert length_controlled(pairs) == length_controlled(pairs)
    assert length_controlled(pairs).interval != length_controlled(pairs, seed=1).interval

"""Laws of performance against data: planted ones are found, intervals hold what they say, and verdicts are careful.

The figures are those of benchmarks/statistics/planted_laws.py with fewer data sets; with --slow, with all of them.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize
from scipy.stats import t

from kinject.errors import UsageError
from kinject.resources import benchmarks_folder
from kinject.statistics import comparing, laws, resampling
from kinject.statistics.comparing import Runs
from kinject.statistics.curves import LAWS
from kinject.statistics.fitting import best, chances, profile, surprise
from kinject.statistics.laws import Point, curve, fit, marked
from kinject.storage import read_json

sys.path.insert(0, str(benchmarks_folder() / "statistics"))
import planted_laws as planted
from planted_laws import SIZES, Design, Truth, power

PARAMETERS = {
    "power": {"a": 4.0, "b": 4.0},
    "power_floor": {"c": 30.0, "a": 0.9, "b": 2.5},
    "log_linear": {"a": -20.0, "b": 9.0},
    "saturating": {"c": 10.0, "m": 70.0, "d": 1500.0},
}
QUICK = 20
"""Resamples where the bootstrap is not what is asked about."""


def exact(name: str, sizes: Sequence[float] = SIZES[7], n: int = 100_000) -> list[Point]:
    """Points that lie on a law."""
    return [Point(d, n * p / 100, n) for d, p in zip(sizes, curve(name, PARAMETERS[name], sizes), strict=True)]


def counts(rates: Sequence[float], sizes: Sequence[int] = SIZES[5], n: int = 1319) -> list[Point]:
    return [Point(size, round(n * rate / 100), n) for size, rate in zip(sizes, rates, strict=True)]


NOISY = counts([35.5, 44.2, 46.5, 58.9, 62.5])


# Planted laws are found


@pytest.mark.parametrize("name", LAWS)
def test_points_on_a_law_give_the_law_and_its_parameters(name: str) -> None:
    found = fit(exact(name), QUICK)
    assert found.verdict == name
    assert found.candidates == (name,)
    law = found.laws[name]
    assert {key: law.parameters[key] for key in PARAMETERS[name]} == pytest.approx(PARAMETERS[name], rel=1e-3)
    for key, value in PARAMETERS[name].items():
        low, high = law.intervals[key]
        assert low is not None and high is not None and low < value < high
    assert law.largest == pytest.approx(curve(name, PARAMETERS[name], [10000])[0], abs=0.01)


@pytest.mark.parametrize("name", LAWS)
def test_no_search_of_scipys_finds_a_better_one(name: str) -> None:
    draw, law, sizes = np.random.default_rng(7), LAWS[name], np.array(SIZES[6], dtype=float)
    low, high = np.array(law.limits(sizes)).T
    n = np.full((6, 6), 300.0)
    k = np.sort(draw.binomial(300, draw.uniform(0.02, 0.98, n.shape)), axis=1).astype(float)
    k[0] = 0, 0, 3, 10, 50, 300  # a curve that runs against both its ends
    at, found = best(law, sizes, k, n)
    assert ((low <= at) & (at <= high)).all()
    for own in range(len(k)):

        def cost(x: Any, own: int = own) -> float:
            return float(surprise(law, np.clip(x, low, high)[None], sizes, k[own : own + 1], n[:1])[0])

        starts = [draw.uniform(np.maximum(low, -5), np.minimum(high, 60)) for _ in range(15)]
        others = [minimize(cost, start, method="Nelder-Mead", options={"maxiter": 2000}).fun for start in starts]
        assert found[own] <= min(others) + (1e-3 if own else 0.1)


def test_the_slopes_of_the_curves_are_their_differences() -> None:
    sizes, step = np.array(SIZES[5], dtype=float), 1e-6
    for truth in planted.TRUTHS:
        law, at = LAWS[truth.law], np.array([truth.at], dtype=float)
        for which, slope in enumerate(np.moveaxis(law.curve(at, sizes)[1], -1, 0)):
            more, less = at.copy(), at.copy()
            more[0, which] += step
            less[0, which] -= step
            assert slope == pytest.approx(
                (law.curve(more, sizes)[0] - law.curve(less, sizes)[0]) / (2 * step), rel=1e-3
            )


def test_the_profile_interval_ends_where_the_likelihood_says() -> None:
    law, sizes = LAWS["power"], np.array(SIZES[5], dtype=float)
    k, n = np.array([[point.k for point in NOISY]]), np.full((1, 5), 1319.0)
    at, found = best(law, sizes, k, n)

    def beyond(exponent: float) -> float:
        """By how much the surprise is above what is allowed, the level refitted by another search."""
        rest = minimize(
            lambda x: surprise(law, np.array([[x[0], exponent]]), sizes, k, n)[0], [3.0], method="Nelder-Mead"
        )
        return float(rest.fun - found[0] - 2)

    low, high = profile(law, at, found, sizes, k, n, 1, np.array([2.0]))
    middle = float(at[0, 1])
    assert float(low[0]) == pytest.approx(brentq(beyond, middle - 0.1, middle), abs=1e-5)
    assert float(high[0]) == pytest.approx(brentq(beyond, middle, middle + 0.1), abs=1e-5)


# What the figures are


def test_aicc_and_dispersion_by_hand() -> None:
    found = fit(NOISY, QUICK)
    for name, law in found.laws.items():
        width = len(law.estimate)
        p = chances(LAWS[name], law.estimate[None], np.array(SIZES[5], dtype=float))[0]
        off = [(point.k - point.n * q) ** 2 / (point.n * q * (1 - q)) for point, q in zip(NOISY, p, strict=True)]
        assert law.dispersion == pytest.approx(sum(off) / (5 - width))
    # The power law scatters by less than the binomial, with 3 degrees of freedom: Student's factor is what is left.
    spread = min(
        max(1, law.dispersion * (t.ppf(0.975, 5 - len(law.estimate)) / 1.96) ** 2) for law in found.laws.values()
    )
    for law in found.laws.values():
        k, n = np.array([[point.k for point in NOISY]]), np.full((1, 5), 1319.0)
        told = surprise(LAWS[law.name], law.estimate[None], np.array(SIZES[5], dtype=float), k, n)[0]
        width, answers = len(law.estimate), 5 * 1319
        expected = 2 * told / spread + 2 * width + 2 * width * (width + 1) / (answers - width - 1)
        assert law.aicc == pytest.approx(expected, rel=1e-4)
    weights = np.array([law.weight for law in found.laws.values()])
    criteria = np.array([law.aicc for law in found.laws.values()])
    assert weights == pytest.approx(
        np.exp(-criteria / 2 + criteria.min() / 2) / np.exp(-(criteria - criteria.min()) / 2).sum()
    )


def test_a_power_law_is_the_floor_law_without_its_floor() -> None:
    found = fit(counts([20, 33, 38, 52, 57]), QUICK)  # bent the other way: the best floor is none
    power_law, floor = found.laws["power"], found.laws["power_floor"]
    assert floor.parameters["c"] == pytest.approx(0, abs=1e-3)
    assert floor.parameters["b"] == pytest.approx(power_law.parameters["b"], rel=1e-3)
    assert floor.intervals["c"][0] == 0


def test_size_0_is_never_fitted() -> None:
    assert fit([Point(0, 66, 1319), *NOISY, Point(0, 0, 1319)], QUICK).as_json() == fit(NOISY, QUICK).as_json()


@given(st.permutations(NOISY))
@settings(max_examples=3, deadline=None)
def test_the_order_of_points_does_not_matter(points: list[Point]) -> None:
    assert fit(points, QUICK).as_json() == fit(NOISY, QUICK).as_json()


def test_runs_of_one_size_are_told_apart_by_their_scatter_only() -> None:
    alike = fit([*NOISY, *NOISY], QUICK).laws["power"]
    apart = fit([replace(point, k=point.k + off) for off in (-80, 80) for point in NOISY], QUICK).laws["power"]
    assert apart.parameters == pytest.approx(alike.parameters)
    assert apart.dispersion > 8 > 1 > alike.dispersion
    assert _width(apart) > 3 * _width(alike)


def _width(law: laws.Fitted) -> float:
    low, high = law.intervals["exponent"]
    assert low is not None and high is not None
    return high - low


def test_no_growth_is_a_b_without_bound() -> None:
    flat = fit(counts([40, 41, 39, 41, 40]), QUICK).laws["power"]
    low, high = flat.intervals["exponent"]
    assert low is not None and high is not None and low < 0 < high
    ends = flat.intervals["b"]
    assert None in ends and ends != (None, None)
    falling = fit(counts([60, 50, 45, 36, 30]), QUICK).laws["power"]
    low, high = falling.intervals["b"]
    assert low is not None and high is not None and low < high < 0


@pytest.mark.parametrize("rate", [0, 100])
def test_all_wrong_and_all_right_tell_nothing_and_break_nothing(rate: int) -> None:
    found = fit(counts([rate] * 5, n=50), 200)
    assert found.verdict == "undetermined"
    for law in found.laws.values():
        assert all(low <= p <= high and low < high for p, low, high in law.curve([100, 3000, 20000]))
    assert laws.SCHEMA in str(found.as_json())


def test_too_few_sizes() -> None:
    assert fit([]).laws == {}
    two = fit(NOISY[:2])
    assert (two.verdict, two.laws, len(two.unfitted)) == ("undetermined", {}, 4)
    assert two.as_json()["leave_largest_out"] is None
    three = fit(NOISY[:3], QUICK)
    assert list(three.laws) == ["power", "log_linear"]
    assert three.verdict == "undetermined"
    assert three.laws["power"].largest is None


# Leaving the largest out, curves and bands


def test_the_largest_size_is_foretold_beside_the_last_value() -> None:
    told = fit(exact("power"), QUICK).as_json()["leave_largest_out"]
    assert told["D"] == 10000
    assert told["measured"] == pytest.approx(40, abs=0.1)
    assert told["predicted"]["last_value"] == pytest.approx(curve("power", PARAMETERS["power"], [5000])[0], abs=0.01)
    assert abs(told["error"]["power"]) < 0.01 < 3 < abs(told["error"]["last_value"])


def test_a_curve_stays_within_its_band_and_both_within_0_and_100() -> None:
    found = fit(NOISY, 300)
    sizes = [1, 100, 800, 7473, 1e5, 1e9]
    for law in found.laws.values():
        for p, low, high in law.curve(sizes):
            assert 0 <= low <= p <= high <= 100
    narrow, wide = (high - low for _, low, high in found.laws["power"].curve([1500, 1e5]))
    assert narrow < wide


def test_the_papers_curves() -> None:
    rows = read_json(benchmarks_folder() / "paper" / "laws.json")["curves"]
    tables = [row["table"] for row in rows]
    assert (tables.count(7), tables.count(8)) == (15, 15)
    assert len({(row["table"], row["task"], row["model"]) for row in rows}) == 30
    assert curve("power", rows[0], [100, 7473]) == pytest.approx([35.52, 62.38], abs=0.01)  # Llama-3-8B, Math
    full = {"Math": 7473, "Multihop QnA": 2700, "Coding": 10000, "IF-Conifer": 5000, "IF-Dolly": 15000}
    for row in rows:
        first, last = curve("power", row, [100, full[row["task"]]])
        assert 7 < first < last < 90


def test_a_known_curve_is_cut_at_its_ends() -> None:
    assert curve("log_linear", {"a": -20, "b": 9}, [1, 1e9]) == [0, 100]
    assert curve("saturating", {"c": 10, "m": 70, "d": 100}, [1e9]) == pytest.approx([70])
    assert curve("power_floor", {"c": 10, "a": 1, "b": 2}, [100]) == pytest.approx([20])
    with pytest.raises(UsageError, match="no law has a value at D = 0"):
        curve("power", {"a": 10, "b": 2}, [0, 100])


# The bootstrap


def test_the_bootstrap_is_the_same_every_time_and_near_the_profile() -> None:
    first, second = fit(NOISY, 500), fit(NOISY, 500)
    assert first.as_json() == second.as_json()
    assert first.resampled == "counts around the law, with their dispersion"
    law = first.laws["power"]
    assert law.bootstrap["exponent"] == pytest.approx(law.intervals["exponent"], abs=0.004)


def test_a_point_of_marks_counts_the_scored_ones() -> None:
    point = marked(100, [1, 0, None, 0.5], seed=3)
    assert (point.k, point.n, point.percent, point.seed) == (1.5, 3, 50, 3)
    with pytest.raises(UsageError, match="not one item is scored at D = 100"):
        marked(100, [None, None])


def test_marks_of_the_same_items_are_resampled() -> None:
    draw = np.random.default_rng(0)
    runs, marks, _ = planted.marks_of(power(4), Design(items=200, seeds=2), 0.5, draw)
    points = [marked(runs.sizes[runs.of[run]], list(marks[:, run])) for run in range(10)]
    assert fit(points, QUICK).resampled == "items and seeds"
    assert fit(points[::2], QUICK).resampled == "items"
    assert fit([*points[:-1], replace(points[-1], marks=())], QUICK).resampled.startswith("counts")
    gaps = [replace(point, marks=(None, *point.marks[1:])) for point in points]
    assert fit(gaps, QUICK).resampled == "items and seeds"
    apart = [
        replace(point, marks=point.marks[:run] + (None,) * 20 + point.marks[run + 20 :])
        for run, point in zip(range(0, 200, 20), points, strict=True)
    ]
    assert fit(apart, QUICK).laws["power"].bootstrap["b"] != (None, None)


def test_the_spread_of_seeds_is_what_their_items_do_not_explain() -> None:
    draw = np.random.default_rng(0)
    design = Design(SIZES[7], 2000, 8)
    for spread in (0.0, 4.0):
        runs, marks, _ = planted.marks_of(power(4), replace(design, spread=spread), 0.3, draw)
        p = runs.k[0] / runs.n[0]
        share = float((resampling.seed_variance(runs, marks) / (p * (1 - p))).mean())
        assert 50 * share**0.5 == pytest.approx(spread, abs=0.6)
    single, marks, _ = planted.marks_of(power(4), Design(items=50), 0.3, draw)
    assert (resampling.seed_variance(single, marks) == 0).all()


# Planted laws, many times


@pytest.mark.parametrize(
    ("truth", "design"),
    [
        (power(2, 80), Design()),
        (power(4), Design(SIZES[6], 300)),
        (power(7.7), Design(SIZES[7], 300, 3, 2)),
        (power(12), Design(spread=2)),
    ],
    ids=str,
)
def test_intervals_hold_the_planted_exponent(truth: Truth, design: Design) -> None:
    found = planted.covered(truth, design, 500, np.random.default_rng(0))
    assert 92 < found["exponent"] < 98 and 92 < found["log_a"] < 98


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("spread", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("seeds", [1, 3])
def test_intervals_hold_the_planted_exponent_in_93_to_97_of_100(seeds: int, spread: float) -> None:
    draw = np.random.default_rng(0)
    for sizes in SIZES.values():
        for b in (2, 3, 4, 6, 8, 12):
            for items in (300, 1319):
                truth = power(b, 80 if b < 4 else 60)
                found = planted.covered(truth, Design(sizes, items, seeds, spread), 2000, draw)
                assert 93 <= found["exponent"] <= 97, (b, items, sizes)


@pytest.mark.slow
def test_the_bootstrap_holds_it_too() -> None:
    draw = np.random.default_rng(0)
    assert 92 <= planted.bootstrap_covered(power(4), Design(SIZES[6], 300, 3, 2), 200, draw, 1000) <= 98


@pytest.mark.slow
def test_runs_that_share_their_items_need_the_bootstrap_over_items() -> None:
    these, every, resampled = planted.items_covered(
        power(3), Design(SIZES[6], 300, 3), 0.5, 200, np.random.default_rng(0)
    )
    assert min(these) > 92  # the law that these items follow
    assert max(every) < 92  # the law over all items: counts cannot know
    assert min(resampled) > 92


TOLD = [
    (planted.TRUTHS[6], Design(seeds=3)),  # a floor
    (planted.TRUTHS[10], Design(SIZES[7])),  # a line
    (planted.TRUTHS[12], Design(SIZES[7])),  # a saturation
    (power(2, 80), Design(SIZES[7], 10000, 3)),
]


@pytest.mark.parametrize(("truth", "design"), TOLD, ids=str)
def test_the_right_law_is_named_where_the_data_can_tell(truth: Truth, design: Design) -> None:
    right, wrong = planted.judged(truth, design, 200, np.random.default_rng(0))
    assert right >= 88 and wrong <= 3


@pytest.mark.parametrize("truth", planted.TRUTHS, ids=str)
def test_a_wrong_law_is_hardly_ever_named(truth: Truth) -> None:
    draw = np.random.default_rng(0)
    for design in (Design(), Design(spread=2), Design(seeds=3, spread=2)):
        assert planted.judged(truth, design, 200, draw)[1] <= 5


def test_a_straight_line_through_logarithms_is_sure_and_wrong() -> None:
    draw = np.random.default_rng(0)
    pure, raised = (planted.foretold(truth, 400, draw) for truth in (planted.PURE, planted.RAISED))
    assert pure["line through logarithms"]["low"] < 0.15 < pure["line through logarithms"]["high"]
    assert abs(pure["line through logarithms"]["bias"]) < 0.5
    line, floor = raised["line through logarithms"], raised["power_floor"]
    assert line["high"] < 0.2 and line["high"] - line["low"] < 0.05  # where 0.4 is true
    assert line["bias"] < -4 and raised["power"]["bias"] < -3
    assert floor["low"] < 0.4 < floor["high"] and abs(floor["bias"]) < 1


def test_the_parts_of_the_script_that_take_no_time_run() -> None:
    for part in (planted.paper, planted.lines):
        assert sum(1 for _ in part(4)) > 5


def test_verdicts_need_all_four_laws() -> None:
    few = Runs(np.array([100.0, 1000, 10000]), np.arange(3), np.array([[100.0, 300, 900]]), np.full((1, 3), 1000.0))
    fitted = comparing.estimates(few)
    assert comparing.verdicts(few, fitted, comparing.weights(comparing.aicc(few, fitted))) == ["undetermined"]

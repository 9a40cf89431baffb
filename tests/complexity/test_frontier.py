"""The frontier, what is read off it, and how sure that is: by laws, by hand, and by planted truths."""

import random
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinject.complexity.frontier import Point, area, collapse, compare, complexity, pareto, recipes
from kinject.errors import UsageError
from kinject.statistics.intervals import wilson

POINTS = st.lists(
    st.builds(
        lambda bits, k, name: Point(bits, k, 50, "lora", name), st.integers(0, 99), st.integers(0, 50), st.just("")
    ),
    max_size=12,
)
STAIRS = [Point(10, 20, 100), Point(100, 60, 100), Point(1000, 55, 100), Point(10_000, 90, 100)]
FEW = {"resamples": 200}


@given(POINTS)
def test_a_frontier_rises_and_dominates(points: list[Point]) -> None:
    front = pareto(points)
    for left, right in pairwise(front):
        assert left.bits < right.bits
        assert left.score < right.score
    for point in points:
        assert any(each.bits <= point.bits and each.score >= point.k / point.n for each in front)
    assert pareto([point for each in front for point in each.points]) == front


@settings(deadline=None, max_examples=30)
@given(POINTS, st.floats(0, 1))
def test_a_reading_is_the_first_of_the_frontier_that_reaches_the_target(points: list[Point], target: float) -> None:
    found = complexity(points, target, **FEW)
    reaching = [each.bits for each in pareto(points) if each.score >= target - 1e-9]
    assert found.bits == (min(reaching) if reaching else None)
    possibly, surely = (inf if bound is None else bound for bound in (found.possibly, found.surely))
    assert possibly <= (inf if found.bits is None else found.bits) <= surely
    low, high = (inf if bound is None else bound for bound in found.interval)
    assert low <= high


@settings(deadline=None, max_examples=20)
@given(POINTS, st.floats(0, 1), st.floats(0, 1))
def test_more_score_needs_no_fewer_bits(points: list[Point], one: float, other: float) -> None:
    less, more = (complexity(points, target, **FEW).bits for target in sorted((one, other)))
    assert (inf if less is None else less) <= (inf if more is None else more)


def test_a_reading_by_hand() -> None:
    found = complexity(STAIRS, 0.5)
    assert (found.bits, found.possibly, found.surely, found.tried) == (100, 100, 10_000, 10_000)
    assert found.reached == 1
    assert found.recipe is not None
    assert found.recipe.points == (STAIRS[1],)
    assert found.interval[0] == 100
    assert complexity(STAIRS, 0.2).bits == 10


def test_what_is_not_reached_is_said_so() -> None:
    found = complexity(STAIRS, 0.99)
    assert (found.bits, found.recipe, found.surely, found.possibly) == (None, None, None, None)
    assert found.interval == (None, None)
    assert found.reached < 0.02
    nearly = complexity(STAIRS, 0.92)
    assert (nearly.bits, nearly.possibly, nearly.surely) == (None, 10_000, None)
    assert 0 < nearly.reached < 1
    assert complexity([], 0.5).bits is None


def test_the_interval_of_one_seed_is_wilsons_and_seeds_make_it_wider() -> None:
    alone, *_ = recipes([Point(5, 30, 50)])
    assert alone.interval() == pytest.approx(wilson(30, 50), abs=1e-6)
    seeds, *_ = recipes([Point(5, k, 50, "lora", "r1", seed) for seed, k in enumerate((20, 30, 40))])
    assert seeds.score == pytest.approx(0.6)
    low, high = seeds.interval()
    assert (low, high) == pytest.approx((0.6 - 4.3027 * 0.2 / 3**0.5, 1.0), abs=1e-3)
    same, *_ = recipes([Point(5, 30, 50, "lora", "r1", seed) for seed in range(3)])
    assert same.interval() == pytest.approx(wilson(30, 50), abs=1e-6)


def test_seeds_of_a_recipe_stand_together_and_points_without_a_name_alone() -> None:
    points = [Point(9, 1, 2, "lora", "a", 0), Point(4, 1, 2), Point(12, 2, 2, "lora", "a", 1), Point(4, 1, 2)]
    assert [(each.bits, each.score, len(each.points)) for each in recipes(points)] == [
        (4, 0.5, 1),
        (4, 0.5, 1),
        (11, 0.75, 2),
    ]
    assert [(each.family, each.name) for each in recipes(points)][-1] == ("lora", "a")


def marked(bits: int, share: float, seed: int, n: int = 200) -> Point:
    rng = random.Random(seed)
    marks = tuple(rng.random() < share for _ in range(n))
    return Point(bits, sum(marks), n, marks=marks)


def test_the_same_questions_are_drawn_for_all_points() -> None:
    """A recipe that is right wherever another is, and once more, is never below it: only paired draws know that."""
    lower = marked(10, 0.5, 1)
    assert lower.marks is not None
    first_wrong = lower.marks.index(False)
    better = tuple(mark or place == first_wrong for place, mark in enumerate(lower.marks))
    higher = Point(5, sum(better), 200, marks=better)
    found = compare([lower], [higher], target=lower.k / lower.n)
    assert found.ratio == 2
    assert found.interval[0] == 0 or found.interval[0] >= 2


def test_the_coverage_of_the_sure_bounds() -> None:
    """Eight planted recipes; the true answer lies between the bounds in 95 of 100 tests at least."""
    rng, shares, hits = random.Random(1), [0.2, 0.35, 0.5, 0.58, 0.62, 0.7, 0.75, 0.8], 0
    for _ in range(200):
        points = [Point(10**i, sum(rng.random() < p for _ in range(100)), 100) for i, p in enumerate(shares)]
        found = complexity(points, 0.6, resamples=2)
        low, high = (inf if bound is None else bound for bound in (found.possibly, found.surely))
        hits += low <= 10**4 <= high
    assert hits >= 190


def test_a_reading_is_the_same_every_time() -> None:
    assert complexity(STAIRS, 0.5, seed=3) == complexity(STAIRS, 0.5, seed=3)


def test_two_frontiers_are_held_against_each_other() -> None:
    cheap = [Point(point.bits // 10, point.k, point.n) for point in STAIRS]
    found = compare(STAIRS, cheap, 0.5)
    assert found.ratio == 10
    assert found.interval[0] <= 10 <= found.interval[1]
    assert (found.first.bits, found.second.bits) == (100, 10)


def test_a_ratio_with_what_is_not_reached_is_none_and_its_interval_open() -> None:
    low = [Point(10, 5, 100)]
    found = compare(low, STAIRS, 0.5)
    assert (found.ratio, found.interval[1]) == (None, inf)
    other = compare(STAIRS, low, 0.5)
    assert (other.ratio, other.interval[0]) == (None, 0.0)
    neither = compare(low, low, 0.9)
    assert (neither.ratio, neither.interval) == (None, (0.0, inf))


def test_the_collapse_is_at_the_best_score_from_before() -> None:
    after = [Point(50, 95, 100)]
    found = collapse(STAIRS, after)
    assert (found.target, found.ratio) == (0.9, 200)


def test_the_area_by_hand() -> None:
    found = area([Point(10, 50, 100), Point(100, 100, 100)], 1, 1000)
    assert found.area == pytest.approx((0 + 0.5 + 1.0) / 3)
    assert found.interval[0] <= found.area <= found.interval[1]
    assert area(STAIRS, 1, 10).area == pytest.approx(0.0)
    assert area(STAIRS, 1, 10, floor=0.1).area == pytest.approx(0.1)
    assert area([], 1, 10).area == 0
    assert area(STAIRS, 10**5, 10**6).area == pytest.approx(0.9)


@pytest.mark.parametrize("wrong", [(-1, 1, 2), (1, 3, 2), (1, 0, 0), (1, -1, 2)])
def test_what_is_no_point_is_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match="no point"):
        Point(*wrong)


def test_marks_must_be_the_counts() -> None:
    with pytest.raises(UsageError, match="marks"):
        Point(1, 1, 2, marks=(True, True))
    with pytest.raises(UsageError, match="no area"):
        area(STAIRS, 10, 10)

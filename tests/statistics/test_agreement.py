"""Agreement: kappa by hand and by its laws, intervals by their coverage, error differences, corrected rates."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.statistics.agreement import (
    LEAST_LABELS,
    bias,
    bootstrap_kappa,
    clustered_variance,
    confusion,
    corrected,
    kappa_interval,
    largest_gap,
    rogan_gladen,
)
from kinject.statistics.paired import paired_difference

LABELS = ["right", "wrong", "absent", "unscored"]
PAIRS = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), max_size=60)
SCORED = st.lists(st.tuples(st.sampled_from(LABELS[:3]), st.sampled_from(LABELS[:3])), min_size=1, max_size=60)


def of_table(table: list[list[int]]) -> tuple[list[str], list[str]]:
    pairs = [(f"l{i}", f"l{j}") for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    return [a for a, _ in pairs], [b for _, b in pairs]


# Kappa


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        ([[20, 5], [10, 15]], 0.4),  # agree 35/50, chance 1/2
        ([[45, 15], [25, 15]], 0.06 / 0.46),  # agree 0.6, chance 0.54
        ([[25, 35], [5, 35]], 0.14 / 0.54),  # agree 0.6, chance 0.46
        ([[5, 0], [0, 5]], 1.0),
        ([[0, 5], [5, 0]], -1.0),
        ([[10, 10], [10, 10]], 0.0),
    ],
)
def test_kappa_by_hand(table: list[list[int]], kappa: float) -> None:
    assert confusion(*of_table(table)).kappa == pytest.approx(kappa)


def test_kappa_of_three_labels_by_hand() -> None:
    # Agree 21/30; chance (10*11 + 10*9 + 10*10) / 900 = 1/3.
    assert confusion(*of_table([[8, 1, 1], [2, 6, 2], [1, 2, 7]])).kappa == pytest.approx((0.7 - 1 / 3) / (2 / 3))


def test_the_unscored_are_counted_and_shown_and_never_enter_kappa() -> None:
    table = confusion(["a", "b", "unscored", "a"], ["a", "a", "a", "unscored"], ["a", "b"])
    assert table.labels == ("a", "b", "unscored")
    assert table.counts == ((1, 0, 1), (1, 0, 0), (1, 0, 0))
    assert (table.n, table.unscored, table.agreed) == (2, 2, 1)


@pytest.mark.parametrize("pairs", [[], [("a", "a")] * 9, [("unscored", "a")] * 3])
def test_an_undefined_kappa_is_none(pairs: list[tuple[str, str]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    assert confusion(first, second).kappa is None
    assert kappa_interval(first, second) is None
    assert bootstrap_kappa(first, second, range(len(first))) is None


@given(PAIRS)
def test_kappa_is_symmetric_and_does_not_know_names(pairs: list[tuple[str, str]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    table, turned = confusion(first, second), confusion(second, first)
    renamed = {"right": "z", "wrong": "y", "absent": "x", "unscored": "unscored"}
    other = confusion([renamed[a] for a in first], [renamed[b] for b in second])
    if table.kappa is None:
        assert turned.kappa is None and other.kappa is None
    else:
        assert turned.kappa == pytest.approx(table.kappa) and other.kappa == pytest.approx(table.kappa)
    assert turned.counts == tuple(zip(*table.counts, strict=True))
    assert table.n + table.unscored == len(pairs)


@given(SCORED)
def test_kappa_is_1_where_all_agree_and_nowhere_else(pairs: list[tuple[str, str]]) -> None:
    kappa = confusion([a for a, _ in pairs], [b for _, b in pairs]).kappa
    if kappa is not None:
        assert -1 - 1e-9 <= kappa <= 1
        assert (kappa == 1) == all(a == b for a, b in pairs)


@given(PAIRS, st.integers(1, 20))
def test_the_interval_holds_kappa_and_has_a_width(pairs: list[tuple[str, str]], clusters: int) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    kappa = confusion(first, second).kappa
    interval = kappa_interval(first, second, [i % clusters for i in range(len(pairs))])
    many = len({i % clusters for i, pair in enumerate(pairs) if "unscored" not in pair})
    assert (interval is None) == (kappa is None or many < 2)
    if interval and kappa is not None:
        low, high = interval
        assert -1 <= low <= kappa + 1e-9 and kappa - 1e-9 <= high <= 1 and low < high


def test_of_one_cluster_nothing_is_known() -> None:
    first, second = of_table([[20, 5], [10, 15]])
    assert kappa_interval(first, second, ["f"] * 50) is None
    assert kappa_interval(first, second, [i % 2 for i in range(50)]) is not None
    true = [True, False] * 30
    assert bias(true, true, ["f"] * 60).interval == (-100.0, 100.0)
    found = corrected([*true, *true], [*true, *[None] * 60], ["f"] * 120)
    assert found and found.interval == (0.0, 100.0) and found.rogan_gladen_interval == (0.0, 100.0)


def test_a_few_large_clusters_say_less_than_many_small_ones() -> None:
    first, second = of_table([[40, 10], [10, 40]])
    widths = []
    for many in (5, 20, 100):
        low, high = kappa_interval(first, second, [i % many for i in range(100)]) or (0.0, 0.0)
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)


def test_one_disagreement_does_not_make_a_cluster_into_many_answers() -> None:
    clusters = [i // 20 for i in range(100)]
    first, second = ["yes", "no"] * 50, ["yes", "no"] * 50
    none = kappa_interval(first, second, clusters)
    one = kappa_interval(first, ["no", *second[1:]], clusters)
    assert none and one and none[0] < 0.2 and one[0] < 0.3


@given(PAIRS)
def test_what_is_unscored_does_not_move_the_interval(pairs: list[tuple[str, str]]) -> None:
    scored = [pair for pair in pairs if "unscored" not in pair]
    all_of, some = (([a for a, _ in each], [b for _, b in each]) for each in (pairs, scored))
    assert kappa_interval(*all_of) == pytest.approx(kappa_interval(*some))


def test_repeating_answers_within_a_fact_makes_nobody_surer() -> None:
    first, second = of_table([[40, 6], [9, 45]])
    once = kappa_interval(first, second)
    four = kappa_interval(first * 4, second * 4, [i for _ in range(4) for i in range(100)])
    naive = kappa_interval(first * 4, second * 4)
    assert once and four and naive
    assert four == pytest.approx(once, abs=1e-3)
    assert naive[1] - naive[0] < 0.6 * (once[1] - once[0])


def test_the_bootstrap_is_the_same_for_a_seed_and_near_the_interval() -> None:
    first, second = of_table([[40, 6], [9, 45]])
    drawn = [bootstrap_kappa(first, second, range(100), seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] == pytest.approx(kappa_interval(first, second), abs=0.05)


def test_the_bootstrap_draws_clusters() -> None:
    first, second = of_table([[40, 6], [9, 45]])
    once = bootstrap_kappa(first, second, range(100))
    four = bootstrap_kappa(first * 4, second * 4, [i for _ in range(4) for i in range(100)])
    assert once == four


def simulated(rng: random.Random, n: int, size: int, prevalence: float, error: float, alike: float) -> list[list[str]]:
    """Two raters; with the probability `alike` a whole cluster shares its label and the second one's error."""
    first, second, clusters = list[str](), list[str](), list[str]()
    for cluster in range(n // size):
        shared, label, slip = rng.random() < alike, rng.random() < prevalence, rng.random() < error
        for _ in range(size):
            yes = label if shared else rng.random() < prevalence
            wrong = slip if shared else rng.random() < error
            first.append("yes" if yes else "no")
            second.append("yes" if yes != wrong else "no")
            clusters.append(str(cluster))
    return [first, second, clusters]


def true_kappa(prevalence: float, error: float) -> float:
    said = prevalence * (1 - error) + (1 - prevalence) * error
    chance = prevalence * said + (1 - prevalence) * (1 - said)
    return 1 - error / (1 - chance)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "size", "alike"), [(100, 1, 0.0), (300, 3, 0.5), (400, 4, 0.0), (100, 20, 0.5), (96, 12, 0.5)]
)
@pytest.mark.parametrize("prevalence", [0.5, 0.85])
@pytest.mark.parametrize("error", [0.25, 0.1, 0.025, 0.005])
def test_the_interval_of_kappa_covers(n: int, size: int, alike: float, prevalence: float, error: float) -> None:
    rng, kappa = random.Random(f"{n} {prevalence} {error}"), true_kappa(prevalence, error)
    drawn = [kappa_interval(*simulated(rng, n, size, prevalence, error, alike)) for _ in range(400)]
    held = [low <= kappa <= high for low, high in (each for each in drawn if each)]
    assert sum(held) / len(held) >= 0.88


# Error differences


def test_a_bias_by_hand() -> None:
    judged = [True, True, True, False, None]
    true = [True, False, False, True, True]
    found = bias(judged, true)
    assert (found.n, found.unscored, found.difference) == (4, 1, 25.0)
    assert (found.judged.k, found.true.k) == (3, 2)
    assert (found.false_positives.k, found.false_positives.n) == (2, 2)
    assert (found.false_negatives.k, found.false_negatives.n) == (1, 2)
    assert found.interval == pytest.approx(paired_difference(true[:4], judged[:4]).interval)


YES_NO = st.lists(st.tuples(st.sampled_from([True, False, None]), st.booleans(), st.integers(0, 5)), max_size=40)


@given(YES_NO)
def test_the_laws_of_a_bias(rows: list[tuple[bool | None, bool, int]]) -> None:
    judged, true, clusters = [a for a, _, _ in rows], [b for _, b, _ in rows], [c for _, _, c in rows]
    found = bias(judged, true, clusters)
    turned = bias([None if a is None else not a for a in judged], [not b for b in true], clusters)
    assert found.n + found.unscored == len(rows)
    assert (found.false_positives.k, found.false_positives.n) == (turned.false_negatives.k, turned.false_negatives.n)
    if found.difference is None:
        assert found.n == 0
    else:
        low, high = found.interval
        assert -100 <= low <= found.difference + 1e-9 and found.difference - 1e-9 <= high <= 100
        assert turned.difference == pytest.approx(-found.difference)
        assert turned.interval == pytest.approx((-high, -low), abs=1e-9)
        assert found.difference == pytest.approx(100 * (found.false_positives.k - found.false_negatives.k) / found.n)


def test_clusters_widen_the_interval_of_a_bias() -> None:
    judged, true = [True, True, False, False, True] * 8, [True, False, False, False, True] * 8
    alone = bias(judged * 3, true * 3)
    clustered = bias(judged * 3, true * 3, [i for _ in range(3) for i in range(40)])
    assert clustered.difference == alone.difference
    assert clustered.interval[1] - clustered.interval[0] > 1.5 * (alone.interval[1] - alone.interval[0])


def test_the_largest_gap() -> None:
    groups = {
        "good": bias([True, False] * 50, [True, False] * 50),
        "mild": bias([True] * 100, [True, False] * 50),
        "harsh": bias([False] * 100, [True, False] * 50),
        "empty": bias([], []),
    }
    gap = largest_gap(groups)
    assert gap and (gap.higher, gap.lower, gap.difference) == ("mild", "harsh", 100.0)
    assert gap.interval[0] < 100 < gap.interval[1]
    two = largest_gap({name: groups[name] for name in ("mild", "harsh")})
    assert two and two.interval[0] > gap.interval[0]  # fewer pairs to pick from
    assert largest_gap({"good": groups["good"], "empty": groups["empty"]}) is None


def test_groups_of_one_bias_have_a_gap_of_nothing() -> None:
    gap = largest_gap({name: bias([True, False], [True, False]) for name in "ab"})
    assert gap and gap.higher != gap.lower and gap.difference == 0 and gap.interval[0] < 0 < gap.interval[1]


def test_the_variance_of_a_sum_is_that_of_its_clusters() -> None:
    assert clustered_variance([1.0, -1.0], "ab") == 4.0
    assert clustered_variance([1.0, -1.0, 1.0, -1.0], "aabb") == 0.0
    assert clustered_variance([1.0], "a") == clustered_variance([], "") == 0.0


# Corrected rates


def test_under_fifty_labels_nothing_is_corrected() -> None:
    some = [True] * (LEAST_LABELS - 1) + [None] * 200
    assert corrected([True, False] * 124 + [True], some) is None
    assert corrected([None] * 100, [True] * 100) is None  # labels on what the judge left unscored correct nothing


FIFTY = st.lists(st.booleans(), min_size=50, max_size=70)
MORE = st.lists(st.booleans(), max_size=200)


@given(FIFTY, MORE, st.booleans())
def test_a_judge_that_always_says_the_same_is_not_listened_to(true: list[bool], more: list[bool], word: bool) -> None:
    found = corrected([word] * (len(true) + len(more)), [*true, *[None] * len(more)])
    assert found and found.weight == 0 and found.estimate == pytest.approx(100 * sum(true) / len(true))
    assert found.rogan_gladen is None


@given(st.integers(13, 40), st.integers(0, 40), MORE)
def test_nor_is_one_that_knows_nothing(yes: int, no: int, more: list[bool]) -> None:
    true = [True, True] * yes + [False, False] * no  # the judge says yes to half of either
    judged = [True, False] * (yes + no)
    if len(true) < 50:
        return
    found = corrected([*judged, *more], [*true, *[None] * len(more)])
    assert found and found.weight == pytest.approx(0, abs=1e-12)
    assert found.estimate == pytest.approx(100 * yes / (yes + no))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=50, max_size=70), MORE)
def test_yes_for_no_mirrors_the_corrected_rate(pairs: list[tuple[bool, bool]], more: list[bool]) -> None:
    judged, true = [a for a, _ in pairs] + more, [b for _, b in pairs] + [None] * len(more)
    found = corrected(judged, true)
    turned = corrected([not a for a in judged], [None if b is None else not b for b in true])
    assert found and turned
    assert turned.estimate == pytest.approx(100 - found.estimate)
    assert turned.interval == pytest.approx((100 - found.interval[1], 100 - found.interval[0]))
    assert 0 <= found.interval[0] <= found.estimate <= found.interval[1] <= 100
    assert 0 <= found.weight <= 1


def test_a_perfect_judge_is_worth_many_labels() -> None:
    true = [True, True, True, False] * 250
    some = [label if i % 10 < 2 else None for i, label in enumerate(true)]
    found, blind = corrected(true, some), corrected([True] * 1000, some)
    assert found and blind
    assert found.raw.percent == 75 and found.labels == 200
    assert found.interval[1] - found.interval[0] < 0.7 * (blind.interval[1] - blind.interval[0])


def test_without_unlabelled_answers_the_labels_speak_alone() -> None:
    true = [True] * 40 + [False] * 20
    found = corrected([True] * 50 + [False] * 10, true)
    assert found and found.weight == 0 and found.estimate == pytest.approx(100 * 40 / 60)


def test_rogan_and_gladen_by_hand() -> None:
    so, said = [1.0] * 10 + [0.0] * 10, [1.0] * 9 + [0.0] + [0.0] * 8 + [1.0] * 2
    rate, interval = rogan_gladen(so, said, [1.0, 0.0] * 50)
    assert rate == pytest.approx(100 * (0.5 + 0.8 - 1) / (0.9 + 0.8 - 1))
    assert interval and interval[0] < rate < interval[1]
    assert rogan_gladen([1.0] * 10, said[:10], said) == (None, None)
    assert rogan_gladen(so, [1 - each for each in said], said) == (None, None)  # worse than a coin


@pytest.mark.slow
@pytest.mark.parametrize(("n", "labels", "size"), [(1000, 50, 1), (1000, 100, 1), (900, 150, 3)])
@pytest.mark.parametrize("prevalence", [0.5, 0.9])
@pytest.mark.parametrize(("sensitive", "specific"), [(0.95, 0.9), (0.8, 0.7), (0.995, 0.99)])
def test_the_interval_of_a_corrected_rate_covers(
    n: int, labels: int, size: int, prevalence: float, sensitive: float, specific: float
) -> None:
    rng = random.Random(f"{n} {labels} {prevalence} {sensitive}")
    held = 0
    for _ in range(200):
        true, clusters = list[bool](), list[int]()
        for cluster in range(n // size):
            draw: Callable[[], bool] = lambda: rng.random() < prevalence  # noqa: E731
            label, shared = draw(), rng.random() < 0.5
            true += [label if shared else draw() for _ in range(size)]
            clusters += [cluster] * size
        judged = [rng.random() < sensitive if yes else rng.random() >= specific for yes in true]
        chosen = set(rng.sample(range(n), labels))
        found = corrected(judged, [yes if i in chosen else None for i, yes in enumerate(true)], clusters)
        assert found
        held += found.interval[0] <= 100 * prevalence <= found.interval[1]
    assert held / 200 >= 0.9

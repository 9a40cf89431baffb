"""How far two raters agree, how far a judge's rates are off, and what the true rate is, with error bars.

Labels are strings; "unscored" means that a rater failed: it is counted and shown, and never enters a figure. Several
labels may share a cluster (the answers about one fact), which makes them less than independent; every interval here
takes the clusters. An undefined figure is None, never 0 or 1.

The interval of kappa (Cohen 1960): its error by the influence of each cluster gives the number of independent pairs
that would be as uncertain, and Wilson's interval of the disagreement over so many pairs, held against the disagreement
expected by chance, is the interval of kappa. (Wilson's interval with an effective sample size is one of two forms that
a comparison of eight for clustered surveys recommends, PMC6690503; it warns that all cover a little less than they
say.) It has a width where the raters never differ; the interval of Fleiss, Cohen & Everitt 1969 has none there. For few
clusters it is wider: by Student's factor, and as if the pairs of a cluster were one, the more so the fewer clusters
hold a disagreement. In a simulation (40 settings: 96 to 400 pairs, alone or in clusters of 3, 4, 12 and 20, kappa 0.34
to 0.99; 400 draws each) the 95 % interval held the true kappa in 93 to 100 % of the draws. The percentile bootstrap
over clusters (24 settings of 150 draws, clusters of at most 4) held it in 87 to 97 % up to kappa 0.95, and in 32 to 84
% above, where a sample often has no disagreement.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from statistics import NormalDist

from kinject.statistics.intervals import Z95, Rate, wilson
from kinject.statistics.paired import paired_difference
from kinject.statistics.preference import student

UNSCORED = "unscored"
LEAST_LABELS = 50
"""True labels below which no rate is corrected."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Confusion:
    """How often the first rater said the label of the row and the second that of the column; "unscored" is last."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def n(self) -> int:
        """Pairs that both raters scored."""
        return sum(sum(row[:-1]) for row in self.counts[:-1])

    @property
    def unscored(self) -> int:
        """Pairs that at least one rater left unscored."""
        return sum(map(sum, self.counts)) - self.n

    @property
    def agreed(self) -> int:
        """Scored pairs with one label."""
        return sum(self.counts[i][i] for i in range(len(self.labels) - 1))

    @property
    def by_chance(self) -> float:
        """The share of agreement that the raters' habits alone would give."""
        scored = [row[:-1] for row in self.counts[:-1]]
        firsts, seconds = map(sum, scored), map(sum, zip(*scored, strict=True))
        return sum(a * b for a, b in zip(firsts, seconds, strict=True)) / self.n**2 if self.n else 0.0

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa; None where chance alone gives full agreement (one label only), or nothing is scored."""
        if self.n == 0 or any(sum(row[:-1]) == self.n == self.counts[i][i] for i, row in enumerate(self.counts[:-1])):
            return None
        return 1 - (1 - self.agreed / self.n) / (1 - self.by_chance)


def confusion(first: Sequence[str], second: Sequence[str], labels: Sequence[str] = ()) -> Confusion:
    """Count pairs of labels. `labels` come first and in that order, whether or not they occur."""
    known = [label for label in dict.fromkeys([*labels, *sorted({*first, *second})]) if label != UNSCORED]
    order = {label: i for i, label in enumerate([*known, UNSCORED])}
    counts = [[0] * len(order) for _ in order]
    for a, b in zip(first, second, strict=True):
        counts[order[a]][order[b]] += 1
    return Confusion(tuple(order), tuple(map(tuple, counts)))


def kappa_interval(
    first: Sequence[str], second: Sequence[str], clusters: Sequence[Hashable] | None = None
) -> Interval | None:
    """Return the 95 % interval of kappa as described above; None where kappa is undefined, or of one cluster only."""
    table = confusion(first, second)
    if table.kappa is None:
        return None
    kept = [i for i, pair in enumerate(zip(first, second, strict=True)) if UNSCORED not in pair]
    groups = [clusters[i] if clusters is not None else i for i in kept]
    many = len(set(groups))
    if many < 2:
        return None
    variance = clustered_variance(_influence([(first[i], second[i]) for i in kept], table), groups)
    apart, expected = 1 - table.agreed / table.n, 1 - table.by_chance
    alike = float(many)
    if 0 < apart < 1:
        # With disagreements in few clusters the variance itself is a guess: then the pairs of a cluster may be one, and
        # there are never more than the pairs there are.
        told = len({group for i, group in zip(kept, groups, strict=True) if first[i] != second[i]})
        at_worst = apart * (1 - apart) / (expected**2 * many)
        alike = min(table.n, many * at_worst * (told + 1) / (told * variance + at_worst))
    low, high = _wilson(apart, alike / student(many) ** 2)
    return max(-1.0, 1 - high / expected), 1 - low / expected


def least_kappa(
    first: Sequence[str], second: Sequence[str], clusters: Sequence[Hashable] | None = None
) -> float | None:
    """Return the lower bound of kappa had the raters differed on all that one of them left unscored, if that is less.

    None where either is undefined: nothing is scored, or all is of one label or one cluster.
    """
    differing = [_apart(a, b) for a, b in zip(first, second, strict=True)]
    found = kappa_interval(first, second, clusters)
    worst = kappa_interval([a for a, _ in differing], [b for _, b in differing], clusters)
    scored = any(UNSCORED not in pair for pair in zip(first, second, strict=True))
    if worst is None or not scored:
        return None
    return min(worst[0], found[0]) if found else worst[0]


def _apart(first: str, second: str) -> tuple[str, str]:
    """Two labels of which "unscored" is another label for each rater, so that it is a disagreement."""
    return f"{UNSCORED} 1" if first == UNSCORED else first, f"{UNSCORED} 2" if second == UNSCORED else second


def _wilson(share: float, n: float) -> Interval:
    return wilson(share * n, n)


def _influence(pairs: Sequence[tuple[str, str]], table: Confusion) -> list[float]:
    """What each pair adds to the error of kappa: the linear part of kappa in the shares of the table."""
    n, kappa = table.n, table.kappa or 0.0
    firsts = {label: sum(row[:-1]) / n for label, row in zip(table.labels, table.counts, strict=True)}
    seconds = {label: sum(row[i] for row in table.counts[:-1]) / n for i, label in enumerate(table.labels)}
    agreed, chance = table.agreed / n, table.by_chance
    return [
        ((a == b) - agreed - (1 - kappa) * (seconds[a] + firsts[b] - 2 * chance)) / ((1 - chance) * n) for a, b in pairs
    ]


def clustered_variance(parts: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Return the variance of a sum of parts that are independent between clusters only."""
    sums: dict[Hashable, float] = defaultdict(float)
    for part, cluster in zip(parts, clusters, strict=True):
        sums[cluster] += part
    many = len(sums)
    mean = sum(sums.values()) / many if many else 0.0
    return many / (many - 1) * sum((each - mean) ** 2 for each in sums.values()) if many > 1 else 0.0


def bootstrap_kappa(
    first: Sequence[str], second: Sequence[str], clusters: Sequence[Hashable], times: int = 2000, seed: int = 0
) -> Interval | None:
    """Return the 95 % percentile interval of kappa over resampled clusters, the same for the same seed.

    Without a disagreement it has no width: it is the check of `kappa_interval` where there are some.
    """
    import numpy as np

    if confusion(first, second).kappa is None:
        return None
    kept = [i for i, pair in enumerate(zip(first, second, strict=True)) if UNSCORED not in pair]
    names = {label: i for i, label in enumerate(sorted({*first, *second}))}
    places = {cluster: i for i, cluster in enumerate(dict.fromkeys(clusters[i] for i in kept))}
    tables = np.zeros((len(places), len(names), len(names)))
    for i in kept:
        tables[places[clusters[i]], names[first[i]], names[second[i]]] += 1
    drawn = np.random.default_rng(seed).multinomial(len(places), [1 / len(places)] * len(places), size=times)
    shares = np.tensordot(drawn, tables, 1)
    shares /= shares.sum((1, 2), keepdims=True)
    agreed = np.trace(shares, axis1=1, axis2=2)
    chance = (shares.sum(1) * shares.sum(2)).sum(1)
    defined = chance < 1 - 1e-12
    kappas = 1 - (1 - agreed[defined]) / (1 - chance[defined])
    low, high = np.quantile(kappas, [0.025, 0.975])
    return float(low), float(high)


# Error differences: a judge that is wrong about one group more than about another makes the groups differ


@dataclass(frozen=True)
class Bias:
    """A judge held against the truth in one group. Differences are in points, the judge's rate minus the true one."""

    n: int
    unscored: int
    judged: Rate
    true: Rate
    difference: float | None
    interval: Interval
    false_positives: Rate
    """Of what is truly not so, what the judge says is so."""
    false_negatives: Rate
    """Of what is truly so, what the judge says is not so."""


def bias(judged: Sequence[bool | None], true: Sequence[bool], clusters: Sequence[Hashable] | None = None) -> Bias:
    """Hold a judge's yes and no against the true ones; None is an unscored answer.

    The interval of the difference is Newcombe's for paired rates, wider by the root of the design effect of clusters
    and by Student's factor for few of them; of one cluster nothing is known.
    """
    kept = [i for i, said in enumerate(judged) if said is not None]
    said, so = [bool(judged[i]) for i in kept], [true[i] for i in kept]
    paired = paired_difference(so, said)
    unscored = len(judged) - len(kept)
    groups = [clusters[i] if clusters is not None else i for i in kept]
    stretch = sqrt(_design_effect([a - b for a, b in zip(said, so, strict=True)], groups))
    difference = paired.difference
    low, high = -100.0, 100.0
    if (many := len(set(groups))) > 1:
        stretch *= student(many) if many < len(kept) else 1
        wide = [(difference or 0) + stretch * (bound - (difference or 0)) for bound in paired.interval]
        low, high = (max(-100.0, min(100.0, bound)) for bound in wide)
    return Bias(
        n=len(kept),
        unscored=unscored,
        judged=Rate(k=sum(said), n=len(said), unscored=unscored),
        true=Rate(k=sum(so), n=len(so)),
        difference=difference,
        interval=(low, high),
        false_positives=_rate_where(said, so, False),
        false_negatives=_rate_where([not each for each in said], so, True),
    )


def _rate_where(said: Sequence[bool], so: Sequence[bool], where: bool) -> Rate:
    chosen = [a for a, b in zip(said, so, strict=True) if b is where]
    return Rate(k=sum(chosen), n=len(chosen))


def _design_effect(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """How many times wider the variance of the mean is than without clusters, at least once.

    Drawn towards as many times as a cluster has members, the more so the fewer clusters tell of a difference.
    """
    n, many = len(values), len(set(clusters))
    if n < 2:
        return 1.0
    mean = sum(values) / n
    alone = sum((value - mean) ** 2 for value in values) / (n - 1) / n
    found = clustered_variance([(value - mean) / n for value in values], clusters) / alone if alone else 0.0
    told = len({cluster for value, cluster in zip(values, clusters, strict=True) if value}) if alone else 0
    return max(1.0, (told * found + n / many) / (told + 1))


@dataclass(frozen=True)
class Gap:
    """The largest difference between the biases of two groups, in points."""

    higher: str
    lower: str
    difference: float
    interval: Interval


def largest_gap(groups: Mapping[str, Bias]) -> Gap | None:
    """Return the two groups between which a judge's bias differs most; None with fewer than two groups.

    The interval adds the squares of the two groups' own, and is of the level 0.05 / pairs (Bonferroni), since the
    largest of several differences was picked. That groups share facts is not made use of.
    """
    known = {name: (each.difference, each) for name, each in groups.items() if each.difference is not None}
    if len(known) < 2:
        return None
    lower, higher = (pick(known, key=lambda name: known[name][0] or 0.0) for pick in (min, max))
    if lower == higher:
        lower, higher = list(known)[:2]
    (top, above), (bottom, below) = known[higher], known[lower]
    pairs = len(list(combinations(known, 2)))
    level = NormalDist().inv_cdf(1 - 0.025 / pairs) / Z95
    difference = (top or 0.0) - (bottom or 0.0)
    down = sqrt(((top or 0.0) - above.interval[0]) ** 2 + (below.interval[1] - (bottom or 0.0)) ** 2)
    up = sqrt((above.interval[1] - (top or 0.0)) ** 2 + ((bottom or 0.0) - below.interval[0]) ** 2)
    return Gap(higher, lower, difference, (max(-200.0, difference - level * down), min(200.0, difference + level * up)))


# Corrected rates: the true rate from a judge's word on everything and the truth about some


@dataclass(frozen=True)
class Corrected:
    """A true rate as it follows from a judge's labels and some true ones, all in percent."""

    raw: Rate
    """The judge's own rate over all answers."""
    labels: int
    """How many true labels there are."""
    estimate: float
    interval: Interval
    weight: float
    """How much the judge is listened to, from 0 (the labels alone) to 1."""
    rogan_gladen: float | None
    """None where the judge is no better than a coin, or the labels hold one class only."""
    rogan_gladen_interval: Interval | None


def corrected(
    judged: Sequence[bool | None], true: Sequence[bool | None], clusters: Sequence[Hashable] | None = None
) -> Corrected | None:
    """Estimate the true rate by prediction-powered inference; None with fewer than LEAST_LABELS true labels.

    PPI++ (Angelopoulos, Duchi & Zrnic 2023, arXiv 2311.01453): the mean of the labels, moved by what the judge says of
    the unlabelled answers beyond the labelled ones, times the weight (lambda, within 0 and 1) of least variance. It
    holds for a bad judge too, if the labelled answers are a random sample. Where a judge hardly errs, some fifty labels
    may hold no error: for the variance, half a pair of each kind is added to the labelled ones (Agresti & Min 2005).

    In a simulation (18 settings of 400 draws: 50 to 150 labels of 900 or 1000, true rates 50 and 90 %, good and poor
    judges, alone or in clusters of 3) the 95 % interval held the true rate in 92 to 100 % of the draws, and that of
    Rogan and Gladen in 90 to 100 %. Of labels in 5 and 8 large clusters that are alike inside it held it in 93 to 95 %
    at a true rate of 50 %, and in 69 and 86 % at 80 %: label answers about many facts.

    Beside it, Rogan & Gladen 1978, through sensitivity and specificity: known to every reader, but as it divides by
    their sum less 1, wide or impossible where the judge is poor. `true` is None where nobody looked.
    """
    labelled = [i for i, (a, b) in enumerate(zip(judged, true, strict=True)) if a is not None and b is not None]
    if len(labelled) < LEAST_LABELS:
        return None
    rest = [i for i, (a, b) in enumerate(zip(judged, true, strict=True)) if a is not None and b is None]
    groups = [clusters[i] if clusters is not None else i for i in (*labelled, *rest)]
    so, said, more = (
        [float(bool(by[i])) for i in which] for by, which in ((true, labelled), (judged, labelled), (judged, rest))
    )
    weight = _weight(so, said, more)
    estimate = _mean(so) + weight * ((_mean(more) if more else _mean(said)) - _mean(said))
    # The labels vary most, so it is their clusters that must not be few.
    factor = Z95 * student(len(set(groups[: len(labelled)])))
    wide = factor * sqrt(_prediction_powered_variance(so, said, more, weight, groups))
    all_said = said + more
    gladen, gladen_interval = rogan_gladen(so, said, all_said, groups)
    return Corrected(
        raw=Rate(k=int(sum(all_said)), n=len(all_said), unscored=sum(each is None for each in judged)),
        labels=len(labelled),
        estimate=100 * min(1.0, max(0.0, estimate)),
        interval=_percent(estimate - wide, estimate + wide),
        weight=weight,
        rogan_gladen=gladen,
        rogan_gladen_interval=gladen_interval,
    )


def _weight(so: Sequence[float], said: Sequence[float], more: Sequence[float]) -> float:
    """The lambda of least variance, within 0 and 1."""
    n, both = len(so), [*said, *more]
    spread = _mean([each**2 for each in both]) - _mean(both) ** 2
    together = _mean([a * b for a, b in zip(so, said, strict=True)]) - _mean(so) * _mean(said)
    if not more or spread < 1e-12:
        return 0.0
    return min(1.0, max(0.0, together / ((1 + n / len(more)) * spread)))


def _prediction_powered_variance(
    so: Sequence[float], said: Sequence[float], more: Sequence[float], weight: float, groups: Sequence[Hashable]
) -> float:
    n, many = len(so), len(more)
    off = [a - weight * b for a, b in zip(so, said, strict=True)]
    parts = [(each - _mean(off)) / n for each in off] + [weight * (each - _mean(more)) / many for each in more]
    added = [*off, *(off_by for a in (0, 1) for b in (0, 1) for off_by in [a - weight * b])]
    mass = [1.0] * n + [0.5] * 4
    centre = sum(m * each for m, each in zip(mass, added, strict=True)) / (n + 2)
    floor = sum(m * (each - centre) ** 2 for m, each in zip(mass, added, strict=True)) / (n + 2) / n
    floor += weight**2 * sum((each - _mean(more)) ** 2 for each in more) / many**2 if many else 0.0
    return max(floor, clustered_variance(parts, groups))


def rogan_gladen(
    so: Sequence[float], said: Sequence[float], all_said: Sequence[float], clusters: Sequence[Hashable] | None = None
) -> tuple[float | None, Interval | None]:
    """Correct a judge's rate through its sensitivity and specificity, in percent; the interval by the delta method.

    `so` and `said` are the labelled answers, `all_said` all of them; if there are `clusters`, of the latter, it begins
    with the labelled. For the variance, one yes and one no are added to each share (in the way of Lang & Reiczigel
    2014), and the shares are taken as independent, which errs on the wide side where the labelled answers are among
    all; it is never less than that of the linear part over clusters.
    """
    yes = [b for a, b in zip(so, said, strict=True) if a]
    no = [1 - b for a, b in zip(so, said, strict=True) if not a]
    if not yes or not no or (youden := _mean(yes) + _mean(no) - 1) <= 0:
        return None, None
    rate = (_mean(all_said) + _mean(no) - 1) / youden
    inside = min(1.0, max(0.0, rate))
    sensitive, specific = ((sum(each) + 1) / (len(each) + 2) for each in (yes, no))
    share = (sum(all_said) + 1) / (len(all_said) + 2)
    variance = share * (1 - share) / len(all_said)
    variance += inside**2 * sensitive * (1 - sensitive) / len(yes)
    variance += (1 - inside) ** 2 * specific * (1 - specific) / len(no)
    factor = Z95
    if clusters is not None:
        parts = [(each - _mean(all_said)) / len(all_said) for each in all_said]
        for i, (a, b) in enumerate(zip(so, said, strict=True)):
            parts[i] -= inside * (b - _mean(yes)) / len(yes) if a else (1 - inside) * (b - 1 + _mean(no)) / len(no)
        variance = max(variance, clustered_variance(parts, clusters))
        factor *= student(len(set(clusters[: len(so)])))
    wide = factor * sqrt(variance) / youden
    return 100 * inside, _percent(rate - wide, rate + wide)


def _percent(low: float, high: float) -> Interval:
    return 100 * min(1.0, max(0.0, low)), 100 * min(1.0, max(0.0, high))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0

"""What else might have been measured: resampled runs, to see how much a fitted law depends on items and on seeds.

With the marks of every item: the items are drawn with replacement, the same for all runs, since all runs answer the
same questions (a cluster bootstrap over items). Runs of one size that differ by more than their items tell of a spread
between seeds: a component of variance, which is drawn from a normal distribution. Drawing the runs themselves, too,
would count the chance of single answers thrice (Owen 2007, The pigeonhole bootstrap), and three seeds have ten samples.

With counts only: binomial counts around the fitted law, their deviations stretched by the dispersion.

Trap: counts cannot tell that all runs share their items. So intervals made from them hold for this test set, and those
from marks for all the questions that it was drawn from. In simulations of 300 items that are about as hard for every
run, the profile interval held the exponent of these items in 94 to 96 of 100 data sets and that of all items in 84 to
93; the bootstrap over items and seeds held the latter in 92 to 98 (benchmarks/statistics/planted_laws.py).
"""

from typing import Any

from kinject.statistics.comparing import Estimate, Runs
from kinject.statistics.fitting import chances
from kinject.statistics.preference import student


def around_law(runs: Runs, fitted: Estimate, resamples: int, draw: Any) -> Runs:
    """Draw the counts of one data set anew around its fitted law; the runs of a size are drawn as one."""
    import numpy as np

    n = np.repeat(runs.pooled()[1], resamples, axis=0)
    p = chances(fitted.law, fitted.at, runs.sizes)
    expected = n * np.clip(p, 0.5 / n, 1 - 0.5 / n)  # what was never seen is not impossible
    off = draw.binomial(n.astype(int), expected / n) - expected
    k = np.clip(expected + off * np.sqrt(fitted.inflation()[:, None]), 0, n)
    return Runs(runs.sizes, np.arange(len(runs.sizes)), k, n)


def over_items(runs: Runs, marks: Any, resamples: int, draw: Any) -> Runs:
    """Draw the items of one data set anew; `marks` are (items, R) scores of 0 to 1, NaN where there is none."""
    import numpy as np

    items = len(marks)
    times = draw.multinomial(items, np.full(items, 1 / items), size=resamples).astype(float)
    n = np.maximum(times @ np.isfinite(marks), 1)
    k = times @ np.nan_to_num(marks)
    spread = np.sqrt(seed_variance(runs, marks))
    return Runs(runs.sizes, runs.of, np.clip(k + n * spread * draw.standard_normal(k.shape), 0, n), n)


def seed_variance(runs: Runs, marks: Any) -> Any:
    """The (R,) variances between seeds, beyond what their items explain, by the items that every run has a mark of.

    In proportion to p (1 - p), pooled over the sizes, and larger by Student's factor: few runs know it badly. It is 0
    where no size has two runs, and where there are not two such items.
    """
    import numpy as np

    complete = marks[np.isfinite(marks).all(axis=1)]
    if len(complete) < 2:
        return np.zeros(len(runs.of))
    rates = np.array([complete[:, runs.of == size].mean() for size in range(len(runs.sizes))])
    natural = rates * (1 - rates)
    beyond, scale, freedom = 0.0, 0.0, 0
    for size, own in enumerate(complete[:, runs.of == size] for size in range(len(runs.sizes))):
        more = own.shape[1] - 1
        if more > 0:
            by_items = own.var(axis=1, ddof=1).mean() / len(own)
            beyond += more * (own.mean(axis=0).var(ddof=1) - by_items)
            scale += more * natural[size]
            freedom += more
    share = max(0.0, beyond / scale) * student(freedom + 1) ** 2 if scale > 0 else 0.0
    return share * natural[runs.of]

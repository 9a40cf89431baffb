"""A law's curve (curves.py) through counts by maximum likelihood, for many data sets at once, with profile intervals.

k of n test items are right at each size, so the likelihood is the binomial's. The curve is kept inside by it as well:
one that is cut at 0 where items were right, or at 100 where items were wrong, is as good as impossible, so that only
where all or none are right may a law run against its end. There the search may stop short of the top, by less than a
tenth in the log-likelihood.

For each of a grid of shapes the other parameters are solved for by weighted least squares; the best of these starts are
refined by Fisher scoring with Levenberg and Marquardt's damping. One start is not enough: in the best known scaling law
the search had stopped early, and its intervals were too narrow to be true (Besiroglu et al. 2024, arXiv 2404.10102).

The profile interval of a parameter holds all values at which the likelihood, the other parameters refitted, has not
fallen too far. It needs no symmetry, which matters: the exponent above a floor is far from normally distributed.

Arrays: T data sets, M sizes, K parameters. All data sets share their sizes: what a simulation or a bootstrap draws is
fitted in one go.
"""

from typing import Any

from kinject.statistics.curves import Law

EDGE = 1e-9
"""Chances are kept this far from 0 and 1."""
REFINED = 4
"""Starts that are refined, of those that the grid gives."""
STEPS = 60
DOUBLINGS = 40
HALVINGS = 18


def chances(law: Law, at: Any, sizes: Any) -> Any:
    """The (T, M) curves as chances, cut to between 0 and 1."""
    import numpy as np

    return np.clip(law.curve(at, sizes)[0] / 100, EDGE, 1 - EDGE)


def surprise(law: Law, at: Any, sizes: Any, k: Any, n: Any) -> Any:
    """Minus the log-likelihood of each data set, item by item: without binomial coefficients."""
    import numpy as np

    p = chances(law, at, sizes)
    return -(k * np.log(p) + (n - k) * np.log1p(-p)).sum(axis=-1)


def best(law: Law, sizes: Any, k: Any, n: Any) -> tuple[Any, Any]:
    """The (T, K) parameters of the greatest likelihood, from many starts, and their surprise."""
    import numpy as np

    at, found = _several(
        _starts(law, sizes, k, n), k, n, lambda *each: (each[0], surprise(law, each[0], sizes, *each[1:]))
    )
    first = np.argsort(found, axis=1)[:, :REFINED, None]
    at, found = _several(
        np.take_along_axis(at, first, axis=1), k, n, lambda *each: refine(law, each[0], sizes, *each[1:])
    )
    rows, choice = np.arange(len(k)), found.argmin(axis=1)
    return at[rows, choice], found[rows, choice]


def _several(starts: Any, k: Any, n: Any, work: Any) -> tuple[Any, Any]:
    """Work on all (T, S) starts as if each were a data set of its own."""
    import numpy as np

    count, many, width = starts.shape
    at, found = work(starts.reshape(-1, width), np.repeat(k, many, axis=0), np.repeat(n, many, axis=0))
    return at.reshape(count, many, width), found.reshape(count, many)


def _starts(law: Law, sizes: Any, k: Any, n: Any) -> Any:
    """(T, S, K): for each shape the rest by least squares, weighted as the counts ask for."""
    import numpy as np

    shapes = law.shapes(sizes)
    basis = law.basis(shapes, sizes)
    p = (k + 0.5) / (n + 1)
    weights = n / (p * (1 - p))
    matrix = np.einsum("tm,smi,smj->tsij", weights, basis, basis)
    matrix += 1e-9 * np.trace(matrix, axis1=2, axis2=3)[..., None, None] * np.eye(matrix.shape[-1])
    wanted = np.einsum("tm,smi->tsi", weights * 100 * k / n, basis)
    at = law.start(np.linalg.solve(matrix, wanted[..., None])[..., 0], shapes, sizes)
    return np.clip(at, *np.array(law.limits(sizes)).T)


def refine(law: Law, at: Any, sizes: Any, k: Any, n: Any, fixed: int | None = None) -> tuple[Any, Any]:
    """Go from every start to the nearest top, with one parameter held if asked; parameters and surprise."""
    import numpy as np

    low, high = np.array(law.limits(sizes)).T
    at, damping, found = at.copy(), np.full(len(at), 1e-3), surprise(law, at, sizes, k, n)
    moving = np.arange(len(at))
    for _ in range(STEPS):
        here, counts, totals = at[moving], k[moving], n[moving]
        slope, information = _slope_and_information(law, here, sizes, counts, totals)
        held = ((here <= low) & (slope < 0)) | ((here >= high) & (slope > 0))
        if fixed is not None:
            held[:, fixed] = True
        tried = np.clip(here + _step(slope, information, held, damping[moving]), low, high)
        reached = surprise(law, tried, sizes, counts, totals)
        gain = found[moving] - reached
        better = gain >= 0
        at[moving[better]], found[moving[better]] = tried[better], reached[better]
        arrived = better & (gain < 1e-9) & (damping[moving] < 1)
        damping[moving] *= np.where(better, 1 / 8, 6)
        moving = moving[~arrived & (damping[moving] < 1e9)]
        if not len(moving):
            break
    return at, found


def _slope_and_information(law: Law, at: Any, sizes: Any, k: Any, n: Any) -> tuple[Any, Any]:
    """The slope of the log-likelihood and Fisher's information; where the curve is cut it has neither."""
    import numpy as np

    value, slopes = law.curve(at, sizes)
    inside = (value > 100 * EDGE) & (value < 100 * (1 - EDGE))
    p = np.clip(value / 100, EDGE, 1 - EDGE)
    slopes = np.where(inside[..., None], slopes / 100, 0.0)
    slope = np.einsum("tm,tmi->ti", (k - n * p) / (p * (1 - p)), slopes)
    return slope, np.einsum("tm,tmi,tmj->tij", n / (p * (1 - p)), slopes, slopes)


def _step(slope: Any, information: Any, held: Any, damping: Any) -> Any:
    """The damped step among the parameters that are not held."""
    import numpy as np

    free = (~held).astype(float)
    matrix = information * free[:, :, None] * free[:, None, :]
    diagonal = np.einsum("tii->ti", matrix)  # a view: what is added to it is added to the matrix
    diagonal += diagonal * damping[:, None] + 1e-10 + held
    scale = 1 / np.sqrt(diagonal)
    matrix = matrix * scale[:, :, None] * scale[:, None, :] + 1e-13 * np.eye(slope.shape[1])
    return np.linalg.solve(matrix, (slope * free * scale)[..., None])[..., 0] * scale


# Profile intervals


def profile(law: Law, at: Any, found: Any, sizes: Any, k: Any, n: Any, which: int, rise: Any) -> tuple[Any, Any]:
    """How far one parameter goes to either side before the surprise, the others refitted, has risen by `rise`.

    `at` and `found` are what `best` gave. Where it never rises so far, the end is the law's limit.
    """
    import numpy as np

    count, limits = len(at), np.array(law.limits(sizes))
    at, k, n = (np.tile(each, (2, 1)) for each in (at, k, n))
    side: Any = np.repeat([-1.0, 1.0], count)
    target = np.tile(found + rise, 2)
    end = np.where(side < 0, *limits[which])
    along, error = _direction(law, at, sizes, k, n, which)

    def within(rows: Any, value: Any, near: Any) -> tuple[Any, Any]:
        """Whether the values are inside the interval, and the other parameters there."""
        start = near[rows] + along[rows] * (value - near[rows, which])[:, None]
        start = np.clip(start, *limits.T)
        start[:, which] = value
        there, reached = refine(law, start, sizes, k[rows], n[rows], fixed=which)
        return reached <= target[rows], there

    stride = np.clip(np.sqrt(2 * np.tile(rise, 2)) * error, 1e-6, limits[which, 1] - limits[which, 0])
    near, outside = _doubled(within, at, which, side * stride, end)
    ends = _halved(within, near, which, outside)
    return ends[:count], ends[count:]


def _direction(law: Law, at: Any, sizes: Any, k: Any, n: Any, which: int) -> tuple[Any, Any]:
    """How the others go along with one parameter at first, and its standard error."""
    import numpy as np

    information = _slope_and_information(law, at, sizes, k, n)[1]
    scale = np.sqrt(np.einsum("tii->ti", information)) + 1e-8
    scaled = information / scale[:, :, None] / scale[:, None, :] + 1e-10 * np.eye(at.shape[1])
    column = np.linalg.inv(scaled)[:, :, which] / scale / scale[:, which : which + 1]
    return column / column[:, which : which + 1], np.sqrt(column[:, which])


def _doubled(within: Any, at: Any, which: int, stride: Any, end: Any) -> tuple[Any, Any]:
    """Go outwards in doubling strides: the last parameters inside, and a value outside or the end itself."""
    import numpy as np

    near, outside = at.copy(), end.copy()
    going = np.flatnonzero(at[:, which] != end)
    for _ in range(DOUBLINGS):
        ahead = near[going, which] + stride[going]
        ahead = np.where(stride[going] < 0, np.maximum(ahead, end[going]), np.minimum(ahead, end[going]))
        good, there = within(going, ahead, near)
        near[going[good]] = there[good]
        outside[going[~good]] = ahead[~good]
        stride[going] *= 2
        going = going[good & (ahead != end[going])]
        if not len(going):
            break
    return near, outside


def _halved(within: Any, near: Any, which: int, outside: Any) -> Any:
    """Close in on where the interval ends, between a value inside and one outside."""
    import numpy as np

    outside = outside.copy()
    closing = np.flatnonzero(near[:, which] != outside)
    for _ in range(HALVINGS if len(closing) else 0):
        middle = (near[closing, which] + outside[closing]) / 2
        good, there = within(closing, middle, near)
        near[closing[good]] = there[good]
        outside[closing[~good]] = middle[~good]
    return near[:, which]

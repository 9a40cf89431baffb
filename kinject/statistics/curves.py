"""Laws of performance against post-training set size, as curves: P, in percent, at D examples.

Four families: the power law a D^(1/b) of the paper (section 3.1, Tables 7 and 8), the same on a floor, a line in ln D,
and a saturating exponential. Each is searched over parameters in which "no growth" is a value like any other (the
exponent 1/b in place of b, ln a in place of a), and each is linear in all of them but one, its shape: for a given shape
the others can be solved for, which makes the starts of a search (fitting.py).

A law is kept inside 0 to 100 in two ways: parameters that are percentages are bounded by it (the floor c, the ceiling
m), and a curve that would leave it is cut there.

Trap: D = 0 is on no curve here. ln 0 is nothing, and a power law is 0 there by definition and not by measurement.

Arrays: T data sets, M sizes, K parameters, S shapes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

STEEPEST = 5.0
"""Exponents farther from 0 are not looked at: ten times the data would be 100,000 times the performance."""
OVERFLOW = 50.0

Limits = list[tuple[float, float]]


@dataclass(frozen=True)
class Law:
    """A family of curves, and how to begin a search among them."""

    formula: str
    searched: tuple[str, ...]
    """The parameters that a search moves, in their order; `laws.reported` makes those of the formula of them."""
    curve: Callable[[Any, Any], tuple[Any, Any]]
    """(T, K) parameters and M sizes to (T, M) percentages, not cut, and their (T, M, K) slopes."""
    limits: Callable[[Any], Limits]
    shapes: Callable[[Any], Any]
    """The shapes to begin at."""
    basis: Callable[[Any, Any], Any]
    """S shapes and M sizes to the (S, M, L) functions that the curve is a sum of."""
    start: Callable[[Any, Any, Any], Any]
    """(T, S, L) coefficients of that sum, shapes and sizes to (T, S, K) parameters, limits not minded."""


# a D^(1/b)


def _power(at: Any, sizes: Any) -> tuple[Any, Any]:
    import numpy as np

    x = np.log(sizes)
    value = np.exp(np.minimum(at[:, :1] + at[:, 1:2] * x, OVERFLOW))
    return value, np.stack([value, value * x], axis=-1)


def _exponents(sizes: Any) -> Any:
    import numpy as np

    rising = np.geomspace(0.02, 3, 20)
    return np.concatenate([-rising[::3], rising])


def _powers(shapes: Any, sizes: Any) -> Any:
    """One column: the power of D over its geometric mean, so that no shape's is much larger than another's."""
    import numpy as np

    return np.exp(np.outer(shapes, np.log(sizes) - np.log(sizes).mean()))[..., None]


def _power_start(coefficients: Any, shapes: Any, sizes: Any) -> Any:
    import numpy as np

    level = np.log(np.clip(coefficients[..., -1], 1e-3, 100)) - shapes * np.log(sizes).mean()
    return np.stack([level, np.broadcast_to(shapes, level.shape)], axis=-1)


# c + a D^(1/b)


def _power_floor(at: Any, sizes: Any) -> tuple[Any, Any]:
    import numpy as np

    value, slopes = _power(at[:, 1:], sizes)
    return at[:, :1] + value, np.concatenate([np.ones_like(slopes[..., :1]), slopes], axis=-1)


def _floor_and_powers(shapes: Any, sizes: Any) -> Any:
    import numpy as np

    powers = _powers(shapes, sizes)
    return np.concatenate([np.ones_like(powers), powers], axis=-1)


def _power_floor_start(coefficients: Any, shapes: Any, sizes: Any) -> Any:
    import numpy as np

    return np.concatenate([coefficients[..., :1], _power_start(coefficients, shapes, sizes)], axis=-1)


# a + b ln D


def _log_linear(at: Any, sizes: Any) -> tuple[Any, Any]:
    import numpy as np

    x = np.broadcast_to(np.log(sizes), (len(at), len(sizes)))
    return at[:, :1] + at[:, 1:2] * x, np.stack([np.ones_like(x), x], axis=-1)


def _line(shapes: Any, sizes: Any) -> Any:
    import numpy as np

    x = np.broadcast_to(np.log(sizes), (len(shapes), len(sizes)))
    return np.stack([np.ones_like(x), x], axis=-1)


# c + (m - c) (1 - exp(-D / d)), which is c times what is left plus m times what is reached


def _saturating(at: Any, sizes: Any) -> tuple[Any, Any]:
    import numpy as np

    floor, ceiling, past = at[:, :1], at[:, 1:2], sizes / np.exp(at[:, 2:3])
    left = np.exp(-past)
    return ceiling - (ceiling - floor) * left, np.stack([left, 1 - left, (floor - ceiling) * left * past], axis=-1)


def _scales(sizes: Any) -> tuple[float, float]:
    """Log d from where all is reached at the smallest size, to where the largest is but a start."""
    import numpy as np

    return float(np.log(sizes.min()) - 2), float(np.log(sizes.max()) + 3)


def _scale_grid(sizes: Any) -> Any:
    import numpy as np

    return np.linspace(*_scales(sizes), 24)


def _left_and_reached(shapes: Any, sizes: Any) -> Any:
    import numpy as np

    left = np.exp(-sizes / np.exp(shapes)[:, None])
    return np.stack([left, 1 - left], axis=-1)


def _saturating_start(coefficients: Any, shapes: Any, sizes: Any) -> Any:
    import numpy as np

    return np.concatenate(
        [coefficients, np.broadcast_to(shapes, coefficients.shape[:-1])[..., None]],
        axis=-1,
    )


_PERCENT = (0.0, 100.0)
_LOG_A = (-90.0, 90.0)
_EXPONENT = (-STEEPEST, STEEPEST)
_FREE = (-1e4, 1e4)

LAWS: dict[str, Law] = {
    "power": Law(
        formula="P = a D^(1/b)",
        searched=("log_a", "exponent"),
        curve=_power,
        limits=lambda sizes: [_LOG_A, _EXPONENT],
        shapes=_exponents,
        basis=_powers,
        start=_power_start,
    ),
    "power_floor": Law(
        formula="P = c + a D^(1/b), c >= 0",
        searched=("c", "log_a", "exponent"),
        curve=_power_floor,
        limits=lambda sizes: [_PERCENT, _LOG_A, _EXPONENT],
        shapes=_exponents,
        basis=_floor_and_powers,
        start=_power_floor_start,
    ),
    "log_linear": Law(
        formula="P = a + b ln D",
        searched=("a", "b"),
        curve=_log_linear,
        limits=lambda sizes: [_FREE, _FREE],
        shapes=lambda sizes: sizes[:1],  # it has no shape: one start is enough
        basis=_line,
        start=lambda coefficients, shapes, sizes: coefficients,
    ),
    "saturating": Law(
        formula="P = c + (m - c) (1 - exp(-D/d))",
        searched=("c", "m", "log_d"),
        curve=_saturating,
        limits=lambda sizes: [_PERCENT, _PERCENT, _scales(sizes)],
        shapes=_scale_grid,
        basis=_left_and_reached,
        start=_saturating_start,
    ),
}

"""Is what a solution returned what the reference returned? Outside the sandbox, on decoded values only.

The rules are evalplus's (0.3.1, `evalplus/eval/__init__.py`), so that honest solutions get the same verdicts:

* `==` first: True is 1 and 1 is 1.0, but a list is no tuple.
* Else, with a tolerance, the same type and numbers that are close: |value - expected| <= tolerance + 1e-7 |expected|.
* The tolerance is the task's `atol`; where that is 0 it is 1e-6 from the first expected float, or list or tuple of
  nothing but floats, to the last test. That a tolerance once found stays for whole numbers too is odd, and kept.
* A root of a polynomial (HumanEval/32) is right if the polynomial is there smaller than `atol`: there may be several.
  evalplus 0.3.1 has this rule, but fails every solution of that task for another reason (it counts no test as done).

Trap: a decoded value is of a plain type with its own comparison; what a solution's own class says of itself is not
asked.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

RTOL = 1e-7
FLOATS = 1e-6
"""The tolerance for floats of a task that names none."""


def tolerances(expected: Sequence[Any], atol: float) -> Iterator[float]:
    """Give the tolerance of every test."""
    for value in expected:
        if atol == 0 and _floats(value):
            atol = FLOATS
        yield atol


def _floats(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, float) for item in value)
    return isinstance(value, float)


def agrees(value: Any, expected: Any, tolerance: float) -> bool:
    """Say whether a value is the expected one."""
    if value == expected:
        return True
    return tolerance != 0 and type(value) is type(expected) and _close(value, expected, tolerance)


def _close(value: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(expected, list | tuple) and isinstance(value, list | tuple):
        pairs = zip(value, expected, strict=False)
        return len(value) == len(expected) and all(_close(one, other, tolerance) for one, other in pairs)
    if not (_number(value) and _number(expected)):
        return False
    near = math.isfinite(expected) and abs(value - expected) <= tolerance + RTOL * abs(expected)
    return near or bool(value == expected)


def _number(value: Any) -> bool:
    """Floats and what fits in 64 bits: numpy, which evalplus compares with, takes no other."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 1 << 63)


def is_root(arguments: Sequence[Any], value: Any, atol: float) -> bool:
    """Say whether the polynomial of these coefficients is nearly 0 there."""
    (coefficients,) = arguments
    try:
        found = sum(coefficient * math.pow(value, power) for power, coefficient in enumerate(coefficients))
    except (TypeError, ValueError, OverflowError):
        return False
    return bool(abs(found) <= atol)


ORACLES: dict[str, Callable[[Sequence[Any], Any, float], bool]] = {"find_zero": is_root}
"""Functions that may have several right values, by name: what says whether one is right."""

"""When a value is the expected one: evalplus's rules, case by case."""

import math
from typing import Any

import pytest

from kinject.benchmarks.code.compare import agrees, is_root, tolerances

SAME = [
    (True, 1, 0.0),
    (1, 1.0, 0.0),
    ({"a": 1}, {"a": True}, 0.0),
    ([1, (2, "x")], [1, (2, "x")], 0.0),
    (1.0 + 9e-7, 1.0, 1e-6),
    (1e9 + 99.0, 1e9, 1e-6),
    ([1.0 + 9e-7, 2], [1.0, 2.0], 1e-6),
    ((0.1 + 0.2,), (0.3,), 1e-6),
    ([[0.1 + 0.2]], [[0.3]], 1e-6),
    (math.inf, math.inf, 1e-6),
    ([math.inf, 0.3], [math.inf, 0.1 + 0.2], 1e-6),
    (10**8 + 1, 10**8, 1e-6),  # odd, and what evalplus says where a float was expected before
]
OTHER = [
    ([1, 2], (1, 2), 0.0),
    ([1, 2], (1, 2), 1e-6),
    ("1", 1, 0.0),
    (b"a", "a", 0.0),
    (None, 0, 0.0),
    (None, False, 1e-6),
    (1.0 + 1e-9, 1.0, 0.0),
    (1.0 + 2e-6, 1.0, 1e-6),
    (1, 1.0 + 1e-9, 1e-6),  # of another type, and not equal
    (True, 1.0 + 1e-9, 1e-6),
    ([1.0], [1.0, 1.0], 1e-6),
    ([1.0, 1.0], [1.0], 1e-6),
    ([1.0 + 1e-9, "a"], [1.0, "a"], 1e-6),
    ([[1.0 + 1e-9], []], [[1.0], [0.0]], 1e-6),
    (math.nan, math.nan, 1e-6),
    ([float("nan")], [float("nan")], 1e-6),
    (math.nan, 1.0, 1e-6),
    (math.inf, 1.0, 1e-6),
    (1.0, math.inf, 1e-6),
    (-math.inf, math.inf, 1e-6),
    (complex(1.0, 1e-9), 1.0, 1e-6),
    ([complex(1.0, 1e-9)], [1.0], 1e-6),
    (2**70 + 1, 2**70, 1e-6),
    (10**8 + 1, 10**8, 0.0),
    ({"a": 1.0 + 1e-9}, {"a": 1.0}, 1e-6),
]


@pytest.mark.parametrize(("value", "expected", "tolerance"), SAME)
def test_same(value: Any, expected: Any, tolerance: float) -> None:
    assert agrees(value, expected, tolerance)


@pytest.mark.parametrize(("value", "expected", "tolerance"), OTHER)
def test_another(value: Any, expected: Any, tolerance: float) -> None:
    assert not agrees(value, expected, tolerance)


@pytest.mark.parametrize(
    ("expected", "atol", "found"),
    [
        ([1, 2], 0, [0, 0]),
        ([1, 2.0, 3], 0, [0, 1e-6, 1e-6]),
        ([1, 2.0], 1e-4, [1e-4, 1e-4]),
        ([[], [1.0, 2], [1.0], "a"], 0, [0, 0, 1e-6, 1e-6]),
        ([(1.0, 2.0), {"a": 1.0}], 0, [1e-6, 1e-6]),
        ([{"a": 1.0}], 0, [0]),
    ],
)
def test_tolerances(expected: list[Any], atol: float, found: list[float]) -> None:
    assert list(tolerances(expected, atol)) == found


@pytest.mark.parametrize(("value", "right"), [(3, True), (3.00001, True), (3.1, False), (1, True), (True, True)])
def test_roots(value: Any, right: bool) -> None:
    assert is_root([[-6, 11, -6, 1]], value, 1e-4) is right


@pytest.mark.parametrize("value", [None, "3", [3], math.nan, math.inf, 1e300, 10**400, 3j, b"3"])
def test_what_is_no_number_is_no_root(value: Any) -> None:
    assert not is_root([[-6, 11, -6, 1]], value, 1e-4)

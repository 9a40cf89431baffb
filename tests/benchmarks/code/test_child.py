"""Values on their way out of the sandbox: told and read again, of the same type; nothing else is read."""

import json
import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.benchmarks.code.child import DEPTH, DIGITS, KEYS, NotPlain, decode, encode

Point = namedtuple("Point", "x y")


class Colour(IntEnum):
    RED = 1


def same(value: Any, other: Any) -> bool:
    """Equal and of the same types all the way down; NaN is NaN."""
    if type(value) is not type(other):
        return False
    if isinstance(value, list | tuple):
        return len(value) == len(other) and all(map(same, value, other))
    if isinstance(value, dict):
        return all(map(same, value, other)) and all(map(same, value.values(), other.values()))
    if isinstance(value, set | frozenset):
        return len(value) == len(other) and all(any(same(one, two) for two in other) for one in value)
    if isinstance(value, float):
        return value.hex() == other.hex()
    if isinstance(value, complex):
        return same(value.real, other.real) and same(value.imag, other.imag)
    return bool(value == other)


KEYS_OF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.complex_numbers()
)
HASHABLE = st.recursive(KEYS_OF, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.sets(HASHABLE, max_size=3)
    ),
    max_leaves=10,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["int", "float", "str", "bytes", "complex", "tuple", "set", "frozenset", "dict", "fraction", "x"]
            ),
            inner,
            max_size=2,
        )
    ),
    max_leaves=12,
)


@given(VALUES)
def test_a_value_comes_out_as_it_went_in(value: Any) -> None:
    line = json.dumps(encode(value), allow_nan=False)
    line.encode()  # no half of a surrogate pair
    assert same(decode(json.loads(line)), value)


@given(JSON)
def test_what_nobody_writes_is_no_value_or_a_plain_one(told: Any) -> None:
    try:
        value = decode(told)
    except NotPlain:
        return
    encode(value)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Counter("aab"), {"a": 2, "b": 1}),
        (defaultdict(int, a=1), {"a": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (Point(1, 2), (1, 2)),
        (Colour.RED, 1),
        (Decimal("1.5"), Fraction(3, 2)),
        (Fraction(1, 3), Fraction(1, 3)),
        (-(2**63), -(2**63)),
    ],
)
def test_a_subclass_is_its_plain_base(value: Any, plain: Any) -> None:
    found = decode(json.loads(json.dumps(encode(value))))
    assert type(found) is type(plain) and found == plain


@pytest.mark.parametrize(
    "value",
    [
        object(),
        int,
        len,
        iter([]),
        range(3),
        deque([1]),
        {}.keys(),
        [object()],
        {"a": {1: object()}},
        bytearray(b"a"),
        ...,
    ],
)
def test_what_is_not_plain(value: Any) -> None:
    with pytest.raises(NotPlain, match="it is of type"):
        encode(value)


def test_depth_and_numbers_of_keys_are_bounded() -> None:
    deep: Any = 0
    for _ in range(DEPTH):
        deep = [deep]
    assert decode(encode(deep)) == deep
    for bound in (encode, decode):
        with pytest.raises(NotPlain, match="too deeply"):
            bound([deep])
    assert len(decode(encode(set(range(KEYS))))) == KEYS
    for many in (encode(set(range(KEYS + 1))), encode(dict.fromkeys(range(KEYS + 1)))):
        with pytest.raises(NotPlain, match="entries"):
            decode(many)
    assert len(decode(encode(tuple(range(KEYS + 1))))) == KEYS + 1
    with pytest.raises(NotPlain, match="digits"):
        decode({"fraction": ["1" * (DIGITS + 1), "2"]})


def test_numbers_that_json_has_no_word_for() -> None:
    assert decode(json.loads(json.dumps(encode(-(10**5000))))) == -(10**5000)
    assert encode([math.inf, -math.inf]) == [{"float": "inf"}, {"float": "-inf"}]
    assert math.isnan(decode(encode(math.nan)))

"""Symbols come back, in the bits that they should take and no more than one byte beside."""

from importlib import import_module
from math import log2
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.complexity import rangecoder
from kinject.complexity.rangecoder import Reader, Writer, flag, number
from kinject.errors import IntegrityError, MissingError, UsageError

TABLES = st.lists(st.integers(0, 1 << 24), min_size=2, max_size=40).filter(any)
SYMBOLS = st.lists(TABLES.flatmap(lambda table: st.tuples(st.just(table), st.integers(0, len(table) - 1))), max_size=60)


def share(table: list[int], symbol: int) -> float:
    """What the library makes of a weight: every symbol has a 2^24th at least."""
    return table[symbol] / sum(table) * (1 - len(table) / (1 << 24)) + 2**-24


def written(symbols: list[tuple[list[int], int]]) -> bytes:
    writer = Writer()
    for table, symbol in symbols:
        writer.code(table, symbol)
    return writer.finish()


@given(SYMBOLS)
def test_symbols_come_back(symbols: list[tuple[list[int], int]]) -> None:
    reader = Reader(written(symbols))
    assert [reader.code(table) for table, _ in symbols] == [symbol for _, symbol in symbols]


@given(SYMBOLS)
def test_no_more_than_a_byte_is_lost_at_the_end(symbols: list[tuple[list[int], int]]) -> None:
    ideal = sum(-log2(share(table, symbol)) for table, symbol in symbols)
    assert 8 * len(written(symbols)) < ideal + 8.1


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 40)), max_size=8), st.integers(0, 3))
def test_nothing_depends_on_what_carries_over(runs: list[tuple[int, int]], first: int) -> None:
    """Runs of bytes, most of them 255, make the coder carry over many places."""
    symbols = [*[255] * first, *(symbol for symbol, count in runs for symbol in [symbol, *[255] * count])]
    reader = Reader(written([([1] * 256, symbol) for symbol in symbols]))
    assert [reader.code([1] * 256) for _ in symbols] == symbols


@given(st.lists(st.integers(0, 6), max_size=200), st.lists(st.booleans(), max_size=50), st.integers(0, (1 << 24) - 1))
def test_arrays_flags_and_numbers_come_back(symbols: list[int], answers: list[bool], value: int) -> None:
    def walk(channel: Any, given: bool) -> tuple[list[int], list[bool], int]:
        seen = [0, 0]
        many = channel.many([3, 1, 4, 1, 5, 9, 2], len(symbols), np.array(symbols, np.int32) if given else None)
        flags = [flag(channel, seen, answer if given else None) for answer in answers]
        return many.tolist(), flags, number(channel, value if given else None)

    writer = Writer()
    assert walk(writer, True) == walk(Reader(writer.finish()), False) == (symbols, answers, value)


def test_nothing_takes_no_byte() -> None:
    assert Writer().finish() == b""


def test_a_flag_that_is_always_so_costs_next_to_nothing() -> None:
    writer, seen = Writer(), [0, 0]
    assert all(flag(writer, seen, True) for _ in range(1000))
    assert 8 * len(writer.finish()) <= 16


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(UsageError, match="none of the 2 symbols"):
        Writer().code([1, 1], 2)
    with pytest.raises(UsageError, match="too large"):
        number(Writer(), 11, most=10)


def test_a_number_is_bounded_when_it_is_read() -> None:
    writer = Writer()
    number(writer, 1000)
    with pytest.raises(IntegrityError, match="1000 things, and 10"):
        number(Reader(writer.finish()), None, most=10)


def test_a_missing_library_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(rangecoder, "import_module", gone)
    with pytest.raises(MissingError, match="constriction") as caught:
        Writer()
    assert "kinject[compress]" in caught.value.mend
    assert import_module("constriction")

"""Bytes come back from every coder, bytes of nobody are refused, and nothing unpacks without bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.complexity import coders
from kinject.complexity.coders import DECODE, ENCODE, Coded, deflated, inflated, sizes, verified
from kinject.errors import IntegrityError

TEXT = b"What is the capital of the newest country that joined? " * 20
PACKERS = ["gzip", "zstd"]


@pytest.mark.parametrize("coder", ENCODE)
@given(data=st.binary(max_size=400))
def test_bytes_come_back(coder: str, data: bytes) -> None:
    assert DECODE[coder](ENCODE[coder](data), len(data)) == data
    assert inflated(deflated(data), len(data)) == data


@pytest.mark.parametrize("coder", ENCODE)
def test_the_same_bytes_are_coded_the_same(coder: str) -> None:
    assert ENCODE[coder](TEXT) == ENCODE[coder](TEXT)


@pytest.mark.parametrize("coder", PACKERS)
def test_what_was_cut_off_or_has_more_behind_it_is_refused(coder: str) -> None:
    whole = ENCODE[coder](TEXT)
    for broken in (whole[:-1], whole[:3], b"", whole + b"x"):
        with pytest.raises(IntegrityError):
            DECODE[coder](broken, len(TEXT))


@pytest.mark.parametrize("coder", PACKERS)
def test_a_bomb_does_not_go_off(coder: str) -> None:
    bomb = ENCODE[coder](bytes(20_000_000))
    assert len(bomb) < 25_000
    with pytest.raises(IntegrityError, match="more than 1000 bytes"):
        DECODE[coder](bomb, 1000)
    with pytest.raises(IntegrityError, match="more than 3 bytes"):
        DECODE["raw"](b"four", 3)


def test_garbage_is_refused() -> None:
    for coder in PACKERS:
        with pytest.raises(IntegrityError, match=r"no whole bytes"):
            DECODE[coder](b"\x07 no such thing", 100)


def test_sizes_stand_side_by_side_in_bits() -> None:
    found = sizes(TEXT, lambda data: b"12345")
    assert found["raw"] == 8 * len(TEXT)
    assert found["model"] == 40
    assert found["zstd"] < found["gzip"] < found["raw"]
    assert set(sizes(TEXT)) == {"raw", "gzip", "zstd"}


def test_a_coder_that_loses_something_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(coders.ENCODE, "raw", lambda data: data[1:])
    with pytest.raises(IntegrityError, match="do not decode to what they were made of"):
        verified("raw", TEXT)


def test_the_overhead_is_beside_the_shannon_length() -> None:
    coded = Coded(b"abc", shannon=20.5, cold=30.0, tokens=4)
    assert (coded.bits, coded.overhead) == (24, 3.5)

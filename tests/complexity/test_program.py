"""A program is its bytes: they say what they are, and nothing of them can be lost or changed unseen."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.complexity import program
from kinject.complexity.program import CODERS, FAMILIES, Program, bits_of, pack, read, unpack, write
from kinject.errors import IntegrityError, UsageError

PLAIN = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
OPTIONS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=8), PLAIN | st.lists(PLAIN, max_size=3), max_size=6
)
PROGRAMS = st.builds(
    Program, st.sampled_from(FAMILIES), st.sampled_from(CODERS), st.binary(max_size=200), options=OPTIONS
)
LORA = Program("lora", "range", bytes(range(40)), {"rank": 1, "alpha": 8, "seed": 0})


@given(PROGRAMS)
def test_a_program_comes_back(one: Program) -> None:
    assert unpack(pack(one)) == one
    assert pack(unpack(pack(one))) == pack(one)


@given(st.sampled_from(FAMILIES), st.sampled_from(CODERS), st.binary(max_size=200))
def test_nine_bytes_are_added(family: str, coder: str, payload: bytes) -> None:
    assert bits_of(Program(family, coder, payload)) == 8 * (len(payload) + 9)


def test_options_are_paid_for_and_deflated_where_that_is_shorter() -> None:
    assert bits_of(LORA) == 8 * (49 + len('{"alpha":8,"rank":1,"seed":0}'))
    names = {"target_modules": [f"layers.{i}.self_attn.q_proj" for i in range(40)]}
    assert bits_of(Program("lora", "range", b"", names)) < 8 * 300


def test_every_cut_is_found() -> None:
    whole = pack(LORA)
    for length in range(len(whole)):
        with pytest.raises(IntegrityError):
            unpack(whole[:length])


def test_every_changed_bit_is_found() -> None:
    whole = pack(LORA)
    for place in range(8 * len(whole)):
        broken = bytearray(whole)
        broken[place // 8] ^= 1 << place % 8
        with pytest.raises(IntegrityError):
            unpack(bytes(broken))
    with pytest.raises(IntegrityError, match="checksum"):
        unpack(whole + b"\0")


def sealed(body: bytes) -> bytes:
    return body + program.zlib.crc32(body).to_bytes(4, "big")


@pytest.mark.parametrize(
    "body, why",
    [
        (b"kJ\x21\x00\x00", "version 2"),
        (b"kJ\x1f\x00\x00", "family 15"),
        (b"kJ\x11\x09\x00", "coder 9"),
        (b"kJ\x11\x00\x05{}", "longer than it is"),
        (b"kJ\x11\x00\xff\xff\xff\xff\xff\xff", "does not end"),
        (b"kJ\x11\x00\x02[]", "no object"),
        (b"kJ\x11\x00\x02{x", "no JSON"),
        (b"kJ\x11\x00\x02\x00x", "no whole bytes of zlib"),
        (b"kJ\x11\x00\x01\xff", "no JSON"),
        (b"PK\x11\x00\x00", "does not begin"),
    ],
)
def test_what_is_well_sealed_and_no_program_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(IntegrityError, match=why):
        unpack(sealed(body))


def test_unpacking_is_bounded() -> None:
    with pytest.raises(IntegrityError, match="20 are the most"):
        unpack(pack(LORA), most=20)
    bomb = program.DEFLATED + program.deflated(b" " * 10_000_000 + b"{}")
    with pytest.raises(IntegrityError, match="more than 65536 bytes"):
        unpack(sealed(b"kJ\x11\x00" + program._varint(len(bomb)) + bomb))


@pytest.mark.parametrize(
    "wrong", [("lore", "range"), ("lora", "zip"), ("lora", "range", b"", {1: 2}), ("lora", "range", b"", {"x": {1, 2}})]
)
def test_what_is_no_program_is_not_packed(wrong: Any) -> None:
    with pytest.raises(UsageError):
        pack(Program(*wrong))


def test_too_many_options_are_not_packed() -> None:
    with pytest.raises(UsageError, match="65536 are the most"):
        pack(Program("bare", "raw", b"", {"x": "y" * (1 << 16)}))


def test_a_program_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lora.kj"
    assert write(path, LORA) == 8 * path.stat().st_size == bits_of(LORA)
    assert read(path) == LORA
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IntegrityError) as caught:
        read(path)
    assert caught.value.where == str(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "none.kj")


def test_the_names_keep_their_numbers() -> None:
    """Programs that were written must stay readable: the lists grow at their ends only."""
    assert FAMILIES[:7] == ("bare", "prompt", "data", "lora", "full", "corpus", "cartridge")
    assert CODERS[:5] == ("raw", "gzip", "zstd", "model", "range")
    assert pack(Program("prompt", "gzip", b"x"))[:6] == b"kJ\x11\x01\x00x"

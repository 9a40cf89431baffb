"""A program: bytes that say what they are, and from which a decoder makes the adapted model again.

    2 bytes   b"kJ"
    1 byte    version (high half), family (low half)
    1 byte    coder
    varint    length of the options, then the options: canonical JSON, deflated where that is shorter; none: length 0
    ...       payload
    4 bytes   CRC-32 of all that stands before

Nine bytes beside options and payload; all are counted. What a decoder must be told stands in the options: a rank, a
seed, a learning rate, a number of epochs. Names have numbers by their places in FAMILIES and CODERS, so both lists grow
at their ends only. How the code that decodes is counted: `counting`.

A checksum finds what was cut off or changed by accident. It is no seal: who wants to forge a program can.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kinject import storage
from kinject.complexity.coders import MOST, deflated, inflated
from kinject.errors import IntegrityError, UsageError, did_you_mean, first_line

MAGIC = b"kJ"
VERSION = 1
FAMILIES = ("bare", "prompt", "data", "lora", "full", "corpus", "cartridge")
"""What a program is made of; bare is the model as it is, with an empty payload."""
CODERS = ("raw", "gzip", "zstd", "model", "range")
CHECK = 4
OPTIONS = 1 << 16
"""Bytes that options may have, unpacked."""


@dataclass(frozen=True)
class Program:
    """One program, unpacked."""

    family: str
    coder: str
    payload: bytes = b""
    options: Mapping[str, Any] = field(default_factory=dict)


def pack(program: Program) -> bytes:
    """Return a program's bytes. Raises `UsageError` for a family or coder that is none, or options that are no JSON."""
    family = _place(program.family, FAMILIES, "family")
    coder = _place(program.coder, CODERS, "coder")
    options = _options(program.options)
    body = MAGIC + bytes([VERSION << 4 | family, coder]) + _varint(len(options)) + options + program.payload
    return body + zlib.crc32(body).to_bytes(CHECK, "big")


def unpack(data: bytes, most: int = MOST) -> Program:
    """Return the program of at most `most` bytes. Raises `IntegrityError` where it is cut off or changed."""
    if len(data) > most:
        raise _broken(f"it has {len(data)} bytes, and {most} are the most")
    body, check = data[:-CHECK], data[-CHECK:]
    if body[: len(MAGIC)] != MAGIC or len(body) <= len(MAGIC) + 2:
        raise _broken("it does not begin as a program does")
    if zlib.crc32(body).to_bytes(CHECK, "big") != check:
        raise _broken("its checksum is wrong: it was cut off or changed")
    version, family, coder = body[2] >> 4, body[2] & 15, body[3]
    if version != VERSION or family >= len(FAMILIES) or coder >= len(CODERS):
        raise _broken(f"version {version}, family {family}, coder {coder}: a newer kinject made it, or none")
    length, start = _read_varint(body, len(MAGIC) + 2)
    if start + length > len(body):
        raise _broken("its options are longer than it is")
    options = _read_options(body[start : start + length])
    return Program(FAMILIES[family], CODERS[coder], body[start + length :], options)


def bits_of(program: Program) -> int:
    """Return what a program counts, but for the code that decodes it."""
    return 8 * len(pack(program))


def write(path: Path, program: Program) -> int:
    """Write a program to a file and return its bits."""
    data = pack(program)
    storage.write_bytes(path, [data])
    return 8 * len(data)


def read(path: Path, most: int = MOST) -> Program:
    """Read a program from a file."""
    try:
        with path.open("rb") as file:
            return unpack(file.read(most + 1), most)
    except OSError as error:
        raise UsageError(f"the program cannot be read: {error.strerror}", where=str(path)) from error
    except IntegrityError as error:
        raise IntegrityError(error.message, where=str(path), mend=error.mend) from error


def _place(name: str, known: tuple[str, ...], what: str) -> int:
    if name not in known:
        mend = f"use one of: {', '.join(known)}"
        raise UsageError(f"{name!r} is no {what}.{did_you_mean(name, known)}", where=what, mend=mend)
    return known.index(name)


def _options(options: Mapping[str, Any]) -> bytes:
    if not options:
        return b""
    plain = storage.canonical_json(options)
    if len(plain) > OPTIONS:
        raise UsageError(f"the options have {len(plain)} bytes, and {OPTIONS} are the most", where="options")
    # A first byte tells them apart: JSON begins with a brace.
    return min(plain, DEFLATED + deflated(plain), key=len)


DEFLATED = b"\0"


def _read_options(data: bytes) -> dict[str, Any]:
    plain = inflated(data[1:], OPTIONS) if data[:1] == DEFLATED else data
    try:
        options = json.loads(plain or "{}")
    except (ValueError, RecursionError) as error:
        raise _broken(f"its options are no JSON: {first_line(error)}") from error
    if not isinstance(options, dict):
        raise _broken("its options are no object")
    return options


def _varint(value: int) -> bytes:
    """Return a number in bytes of seven bits, the lowest first."""
    found = bytearray()
    while value >= 128:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _read_varint(data: bytes, start: int) -> tuple[int, int]:
    """Return the number, and where it ends."""
    value = 0
    for place, byte in enumerate(data[start : start + 5]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, start + place + 1
    raise _broken("a length does not end")


def _broken(why: str) -> IntegrityError:
    return IntegrityError(f"this is no whole program: {why}", mend="make the program again, or copy it again")

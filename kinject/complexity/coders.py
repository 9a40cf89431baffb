"""Bytes to fewer bytes and back, without a model: gzip and zstd, and what every coder tells of its work.

`sizes` holds them beside the coding by the model itself (`modelcoder`), for whoever asks how much of a result is the
coder's doing. gzip is at its best level and without a time; zstd is at its best level, with no dictionary, no checksum
and no size in its frame. Their sizes depend a little on the versions of zlib and zstd.

What is decoded may come from anywhere: nothing grows past `most` bytes.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

from kinject.complexity.rangecoder import library
from kinject.errors import IntegrityError, first_line

MOST = 1 << 30
"""Bytes that anything may decode to where nobody says less."""
LEVEL = 22
"""zstd's; its window grows with the input, so that small inputs cost no more than at 19."""
GZIP = 31
"""zlib's number for the gzip format with the largest window."""


@dataclass(frozen=True)
class Coded:
    """What a coder made."""

    data: bytes
    shannon: float
    """Bits that the coder's probabilities ask for, before any rounding: the sum of -log2 p."""
    cold: float
    """The same with the model's probabilities as they are: what the paper counts, and its first token."""
    tokens: int = 0

    @property
    def bits(self) -> int:
        """The real length."""
        return 8 * len(self.data)

    @property
    def overhead(self) -> float:
        """Bits beyond the Shannon length: lengths and flags, the rounding of probabilities and of the last byte.

        It can be below 0: no token costs more than 24 bits, however improbable the model finds it.
        """
        return self.bits - self.shannon


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, GZIP, 9)
    return packer.compress(data) + packer.flush()


def _gunzip(data: bytes, most: int = MOST) -> bytes:
    return inflated(data, most, GZIP)


def deflated(data: bytes) -> bytes:
    """Return the bytes of gzip without its head and checksum, 18 bytes less: for parts of a larger whole."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    return packer.compress(data) + packer.flush()


def inflated(data: bytes, most: int = MOST, form: int = -zlib.MAX_WBITS) -> bytes:
    """Return what `deflated` packed."""
    unpacker = zlib.decompressobj(form)
    try:
        found = unpacker.decompress(data, most + 1)
    except zlib.error as error:
        raise damaged("zlib", first_line(error)) from error
    if len(found) > most:
        raise too_much(most)
    if not unpacker.eof or unpacker.unused_data:
        raise damaged("zlib", "they do not end where they should")
    return found


def _zstd(data: bytes) -> bytes:
    zstd = library("zstandard")
    parameters = zstd.ZstdCompressionParameters.from_level(LEVEL, source_size=len(data), write_content_size=False)
    packed: bytes = zstd.ZstdCompressor(compression_params=parameters).compress(data)
    return packed


def _unzstd(data: bytes, most: int = MOST) -> bytes:
    zstd = library("zstandard")
    unpacker = zstd.ZstdDecompressor().decompressobj()
    found: list[bytes] = []
    size = 0
    try:
        for start in range(0, len(data), BLOCK):
            found.append(unpacker.decompress(data[start : start + BLOCK]))
            size += len(found[-1])
            if size > most:
                raise too_much(most)
    except (zstd.ZstdError, EOFError) as error:
        raise damaged("zstd", first_line(error)) from error
    if not unpacker.eof or unpacker.unused_data:
        raise damaged("zstd", "they do not end where they should")
    return b"".join(found)


BLOCK = 1 << 12
"""Coded bytes that are taken at once, so that little is in memory before the size is looked at."""


def _raw(data: bytes, most: int = MOST) -> bytes:
    if len(data) > most:
        raise too_much(most)
    return data


ENCODE: dict[str, Callable[[bytes], bytes]] = {"raw": _raw, "gzip": _gzip, "zstd": _zstd}
DECODE: dict[str, Callable[[bytes, int], bytes]] = {"raw": _raw, "gzip": _gunzip, "zstd": _unzstd}
"""The coders without a model, each with the coded bytes and the most that they may decode to. There are two tables, so
that whoever decodes needs no encoder."""


def sizes(data: bytes, model: Callable[[bytes], bytes] | None = None) -> dict[str, int]:
    """Return the bits of the same bytes under every coder; `model` encodes and verifies by itself."""
    found = {coder: 8 * len(verified(coder, data)) for coder in ENCODE}
    return found if model is None else {**found, "model": 8 * len(model(data))}


def verified(coder: str, data: bytes) -> bytes:
    """Encode, decode, compare; IntegrityError where something else comes back."""
    packed = ENCODE[coder](data)
    if DECODE[coder](packed, len(data)) != data:
        raise IntegrityError("coded bytes do not decode to what they were made of", mend=REMEDY)
    return packed


REMEDY = "code and decode on one machine, with the same versions of torch and transformers"


def damaged(coder: str, why: str) -> IntegrityError:
    """What is raised for bytes that this coder did not write."""
    return IntegrityError(f"these are no whole bytes of {coder}: {why}", mend="make the program again")


def too_much(most: int) -> IntegrityError:
    """What is raised for bytes that unpack to more than they may."""
    return IntegrityError(f"the bytes decode to more than {most} bytes", mend="make the program again")

"""Symbols to bytes and back, by a range coder (the package constriction), under weights that both sides know.

A `Writer` and a `Reader` have the same methods: the writer is told each symbol and gives it back, the reader is told
nothing and gives the symbol that was written. So one procedure describes a format in both directions, and what decodes
cannot differ from what encoded.

Weights are whole numbers in float64. The library makes 24-bit probabilities of them by additions, multiplications and
roundings that every machine does alike, and gives at least 2^-24 to every symbol, those of weight 0 too.

Its words of 32 bits would cost 23 bits in the mean at the end. The bytes here are the shortest whose number, with zeros
after them, lies in the last interval: 2.5 bits longer than the Shannon length in the mean of 3,000 draws, 8 at most.

Trap: a reader finds symbols in any bytes. That bytes are what was written is the business of `program`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from kinject.errors import IntegrityError, MissingError, UsageError, first_line

SIZES = 25
"""A `number` has fewer bits than this."""


class Channel(Protocol):
    """One direction of a format."""

    def code(self, weights: Any, symbol: int | None) -> int:
        """Code one symbol, an index into its weights."""
        ...

    def many(self, weights: Any, count: int, symbols: Any) -> Any:
        """Code `count` symbols under the same weights; an array of int32."""
        ...

    def note(self, token: "Token") -> None:
        """Take note of how long a token should have been."""
        ...


class Token(Protocol):
    """A token that was coded, and the probabilities that it had."""

    def lengths(self) -> tuple[float, float]:
        """Return -log2 of its probability: as the coder used it, and as the model said it."""
        ...


@dataclass(frozen=True)
class Length:
    """Tokens, and the bits that their probabilities ask for: those that the coder used, and the model's own."""

    tokens: int = 0
    used: float = 0.0
    cold: float = 0.0

    def __sub__(self, other: "Length") -> "Length":
        return Length(self.tokens - other.tokens, self.used - other.used, self.cold - other.cold)


class Writer:
    """Symbols in, and bytes out at the end."""

    def __init__(self) -> None:
        self.length = Length()
        self._coder = library("constriction").stream.queue.RangeEncoder()

    def code(self, weights: Any, symbol: int | None) -> int:
        """Write one symbol."""
        if symbol is None or not 0 <= symbol < len(weights):
            raise UsageError(f"{symbol} is none of the {len(weights)} symbols")
        self._coder.encode(int(symbol), _model(weights, lazy=True))
        return symbol

    def many(self, weights: Any, count: int, symbols: Any) -> Any:
        """Write symbols that share their weights."""
        if count:
            self._coder.encode(symbols, _model(weights))
        return symbols

    def note(self, token: Token) -> None:
        """Add to the length; the reader, who has no use for it, need not compute it."""
        used, cold = token.lengths()
        self.length = Length(self.length.tokens + 1, self.length.used + used, self.length.cold + cold)

    def finish(self) -> bytes:
        """Return the fewest bytes that say what was written."""
        words = self._coder.get_compressed().tolist()
        place, (low, width) = self._coder.pos()
        size = 4 * place + 8
        point = int.from_bytes(b"".join(word.to_bytes(4, "big") for word in words).ljust(size, b"\0"), "big")
        # The words before the state still lack the carry that the library adds to them when it ends.
        low += (point >> 64) << 64
        low -= (low > point) << 64
        for length in range(size - 8, size + 1):
            unit = 8 * (size - length)
            least = -(-low >> unit)
            if least << unit < low + width:
                break
        found: bytes = least.to_bytes(length, "big")
        return found.rstrip(b"\0")


class Reader:
    """Bytes in, and the symbols that were written, one after the other."""

    def __init__(self, data: bytes) -> None:
        import numpy as np

        words = np.frombuffer(data + bytes(8 + -len(data) % 4), dtype=">u4").astype(np.uint32)
        self._coder = library("constriction").stream.queue.RangeDecoder(words)

    def code(self, weights: Any, symbol: int | None = None) -> int:
        """Read one symbol."""
        return int(self._decoded(_model(weights, lazy=True)))

    def many(self, weights: Any, count: int, symbols: Any = None) -> Any:
        """Read symbols that share their weights."""
        import numpy as np

        return self._decoded(_model(weights), count) if count else np.zeros(0, np.int32)

    def note(self, token: Token) -> None:
        """Nothing."""

    def _decoded(self, *what: Any) -> Any:
        try:
            return self._coder.decode(*what)
        except AssertionError as error:  # what the library raises for a point that no writer leaves behind
            raise IntegrityError(f"the coded bytes are damaged: {first_line(error)}") from error


def flag(channel: Channel, seen: list[int], value: bool | None) -> bool:
    """Code yes or no by how often each was `seen` here before, half a time each at the start (Krichevsky-Trofimov)."""
    found = channel.code([2 * seen[0] + 1, 2 * seen[1] + 1], None if value is None else int(value))
    seen[found] += 1
    return bool(found)


def number(channel: Channel, value: int | None, most: int = (1 << SIZES - 1) - 1) -> int:
    """Code a whole number up to `most`: how many bits it has, and the bits after its first. 11.6 bits for 200."""
    if value is not None and not 0 <= value <= most:
        raise UsageError(f"{value} is too large a number: {most} is the most")
    size = channel.code([1] * SIZES, None if value is None else value.bit_length())
    found = min(size, 1)
    for place in reversed(range(size - 1)):
        found = 2 * found + channel.code([1, 1], None if value is None else value >> place & 1)
    if found > most:
        raise IntegrityError(f"the coded bytes are damaged: they tell of {found} things, and {most} are the most")
    return found


def library(name: str) -> Any:
    """Return a package of the extra `compress`. Raises `MissingError` where it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingError(
            f"coding needs the package {name}: {first_line(error)}", mend="pip install 'kinject[compress]'"
        ) from error


def _model(weights: Sequence[float] | Any, lazy: bool = False) -> Any:
    import numpy as np

    table = np.asarray(weights, dtype=np.float64)
    return library("constriction").stream.model.Categorical(table, perfect=False, lazy=lazy)

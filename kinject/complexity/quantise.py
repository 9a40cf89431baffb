"""Weights to few bits: tensors rounded to 8, 4, 2 or 1 bit after the training, and entropy-coded; and back.

The paper counts an adapter at a flat 16 bits a number, or at widths learned in the training (arXiv 2602.15829, "BLoRA",
without the gates and scales). Here every bit is counted: names and shapes, scales, codes. What is decoded is exactly
what `dequantised` gives, so it is what must be scored.

    16 bits  bfloat16: the reference; its high and its low bytes are coded apart
    8, 4, 2  symmetric whole numbers from -Q to Q, Q = 127, 7, 1, times a scale
    1        the sign, times the mean size

One scale a tensor, or one a row, each a bfloat16. A row lies along the longer side: a matrix of rank r in LoRA has r of
them, whichever of the two it is. For 8 bits Q times the scale is the largest number; for 4 and 2 bits it is the share
of it, of SHARES, that leaves the least square error. A `deadzone` widens the interval that is rounded to 0 by that
share of a step on each side (0 to 0.5): with most numbers 0, a number costs far less than a bit.

Codes are range-coded under counts that adapt block by block, and go over from tensor to tensor with less weight, so
no histogram has to be sent. zstd and gzip are the rivals: on codes packed together or one a byte, whichever is shorter.

Trap: counts know nothing of places. Where rows repeat, zstd is shorter: after 30 steps of the lab's model the rows of
the embedding that no text had used have moved alike, and the signs of all weights take 0.84 bits each and not 1.00. So
both are tried on every point.

All arithmetic of the decoder is on whole numbers but for one product in float32, so these bits decode anywhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log2, prod
from operator import index
from typing import TYPE_CHECKING, Any, Literal

from kinject import storage
from kinject.complexity.coders import DECODE, ENCODE, MOST, damaged, deflated, inflated, too_much
from kinject.complexity.rangecoder import Channel, Reader, Writer
from kinject.errors import NumericError, UsageError

if TYPE_CHECKING:
    import torch

VERSION = 1
Bits = Literal[16, 8, 4, 2, 1]
BITS: tuple[Bits, ...] = (16, 8, 4, 2, 1)
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1)
BLOCKS = (64, 1 << 14)
"""Codes of a tensor's first block and of the largest; each is twice as long as the one before."""
NAMES = 1 << 24
"""Bytes that names and shapes may have, unpacked."""
STEP = 32
"""What one code adds to a count. All codes together have about a tenth of that from the start."""
CARRIED = 1 << 10
"""Codes that all tensors before count as, together: few, for tensors differ; but 8 bits have many counts to learn."""

Shape = tuple[int, ...]
Tensors = Mapping[str, "torch.Tensor"]


@dataclass(frozen=True)
class Scheme:
    """How numbers become few bits."""

    bits: Bits = 4
    scale: Literal["tensor", "row"] = "row"
    deadzone: float = 0.0

    def __post_init__(self) -> None:
        if self.bits not in BITS or self.scale not in ("tensor", "row") or not 0 <= self.deadzone < 0.5:
            raise UsageError(
                f"{self.bits} bits, a scale for each {self.scale} and a deadzone of {self.deadzone} are no scheme",
                mend="bits is 16, 8, 4, 2 or 1, the scale for each tensor or row, the deadzone from 0 to below 0.5",
            )
        if self.deadzone and self.bits in (16, 1):
            raise UsageError(f"{self.bits} bits have no zone around 0", where="deadzone", mend="use 2, 4 or 8 bits")

    @property
    def top(self) -> int:
        """The largest code, Q."""
        return max(1, (1 << self.bits - 1) - 1)

    @property
    def alphabet(self) -> int:
        """How many codes there are."""
        return 256 if self.bits == 16 else 2 if self.bits == 1 else 2 * self.top + 1


@dataclass(frozen=True)
class Codes:
    """A tensor as whole numbers from 0 below the scheme's alphabet, and the 16 bits of each of its scales."""

    shape: Shape
    codes: Any
    scales: Any


@dataclass(frozen=True)
class Measured:
    """What a scheme makes of some tensors, in bits for all of them."""

    numbers: int
    error: float
    """The square of what is lost, as a share of the square of what there was."""
    entropy: float
    """Of the codes, by one histogram of them all (of each byte for 16 bits), which no decoder would know."""
    about: int
    """The same in every coder: names, shapes and scales, and the scheme itself."""
    coded: dict[str, int]
    """By coder, with all that is needed to decode: raw, gzip, zstd, range."""

    @property
    def overhead(self) -> float:
        """Bits of the range coder beyond the entropy and what every coder has to tell.

        It is below 0 where tensors differ by more than it costs to learn their histograms.
        """
        return self.coded["range"] - self.about - self.entropy


def dequantised(tensors: Tensors, scheme: Scheme) -> "dict[str, torch.Tensor]":
    """Return the tensors as they will be decoded, in float32."""
    return {name: _restored(_quantised(tensor, scheme), scheme) for name, tensor in tensors.items()}


def encode(tensors: Tensors, scheme: Scheme, coder: str = "range", known: Mapping[str, Shape] | None = None) -> bytes:
    """Code tensors, in the order of their names.

    `known`: names and shapes that the decoder has anyway, those of the base model or of an adapter of a rank that it
    knows; then they are not sent. Raises `UsageError` where the tensors are not these.
    """
    shapes = {name: tuple(tensors[name].shape) for name in sorted(tensors)}
    if known is not None and shapes != dict(sorted(known.items())):
        raise UsageError("the tensors are not those that the decoder knows", mend="pass their own names and shapes")
    codes = [_quantised(tensors[name], scheme) for name in shapes]
    writer = Writer()
    _scheme(writer, scheme, known is None)
    _scales(writer, codes, scheme)
    before = _named(shapes) if known is None else b""
    if coder == "range":
        _codes(writer, codes, scheme)
        return before + writer.finish()
    head = writer.finish()
    return before + len(head).to_bytes(4, "big") + head + _packed(codes, scheme, coder)


def decode(
    data: bytes, coder: str = "range", known: Mapping[str, Shape] | None = None, most: int = MOST
) -> "dict[str, torch.Tensor]":
    """Return what `encode` coded, at most `most` numbers, dequantised; `known` must be what it was then."""
    shapes = dict(known or {})
    if known is None:
        shapes, data = _read_names(data)
    if sum(map(prod, shapes.values())) > most:
        raise too_much(most)
    if coder == "range":
        return decode_range(data, shapes, known is None)
    size = 4 + int.from_bytes(data[:4], "big")
    reader = Reader(data[4:size])
    scheme = _scheme(reader, None, known is None)
    codes = _scales(reader, [Codes(shapes[name], None, None) for name in sorted(shapes)], scheme)
    return _all_restored(shapes, _unpacked(data[size:], codes, scheme, coder), scheme)


def decode_range(data: bytes, shapes: Mapping[str, Shape], named: bool = False) -> "dict[str, torch.Tensor]":
    """Return tensors whose names and shapes are known (unless the bytes were `named`, and are cut behind that)."""
    reader = Reader(data)
    scheme = _scheme(reader, None, named)
    codes = _scales(reader, [Codes(shapes[name], None, None) for name in sorted(shapes)], scheme)
    return _all_restored(shapes, _codes(reader, codes, scheme), scheme)


def measure(tensors: Tensors, scheme: Scheme, known: Mapping[str, Shape] | None = None) -> Measured:
    """Code tensors in every way, and tell what is lost."""
    kept = dequantised(tensors, scheme)
    codes = [_quantised(tensors[name], scheme) for name in sorted(tensors)]
    lost = sum(float((tensors[name].cpu().float() - kept[name]).square().sum()) for name in kept)
    there = sum(float(tensors[name].cpu().float().square().sum()) for name in kept)
    head = Writer()
    _scheme(head, scheme, known is None)
    _scales(head, codes, scheme)
    names = _named({name: tuple(tensors[name].shape) for name in sorted(tensors)}) if known is None else b""
    return Measured(
        numbers=sum(tensor.numel() for tensor in tensors.values()),
        error=lost / there if there else 0.0,
        entropy=sum(map(_entropy, zip(*(_planes(each, scheme) for each in codes), strict=True))),
        about=8 * len(names + head.finish()),
        coded={coder: 8 * len(encode(tensors, scheme, coder, known)) for coder in (*ENCODE, "range")},
    )


# Numbers to codes, and back


def _all_restored(shapes: Mapping[str, Shape], codes: Sequence[Codes], scheme: Scheme) -> "dict[str, torch.Tensor]":
    return {name: _restored(each, scheme) for name, each in zip(sorted(shapes), codes, strict=True)}


def _quantised(tensor: "torch.Tensor", scheme: Scheme) -> Codes:
    import numpy as np
    import torch

    values = tensor.detach().cpu().float()
    if not bool(values.isfinite().all()):
        raise NumericError("a tensor has numbers that are not finite", mend="check the training's loss")
    shape = tuple(values.shape)
    if scheme.bits == 16:
        words = values.to(torch.bfloat16).view(torch.int16).numpy().astype(np.uint16).reshape(-1)
        return Codes(shape, words, np.zeros(0, np.uint16))
    rows = _rows(values.numpy(), scheme)
    scales = _chosen_scales(rows, scheme)
    steps = rows / np.where(scales > 0, scales, 1)[:, None]
    whole = np.sign(steps) * np.floor(np.abs(steps) + (0.5 - scheme.deadzone))
    codes = steps >= 0 if scheme.bits == 1 else np.clip(whole, -scheme.top, scheme.top) + scheme.top
    return Codes(shape, codes.astype(np.int32).reshape(-1), (scales.view(np.uint32) >> 16).astype(np.uint16))


def _restored(codes: Codes, scheme: Scheme) -> "torch.Tensor":
    import numpy as np
    import torch

    if scheme.bits == 16:
        words = codes.codes.astype(np.uint16).view(np.int16).reshape(codes.shape)
        return torch.from_numpy(words).view(torch.bfloat16).float()
    levels = 2 * codes.codes - 1 if scheme.bits == 1 else codes.codes - scheme.top
    scales = (codes.scales.astype(np.uint32) << 16).view(np.float32)
    rows = levels.astype(np.float32).reshape(_rows_of(codes.shape, scheme)) * scales[:, None]
    turned = scheme.scale == "row" and _is_tall(codes.shape)
    whole = rows.reshape(codes.shape[1], codes.shape[0]).T if turned else rows
    return torch.from_numpy(np.ascontiguousarray(whole).reshape(codes.shape))


def _is_tall(shape: Shape) -> bool:
    """Say whether a matrix has its rows, as they are meant here, along its first side."""
    return len(shape) == 2 and shape[0] > shape[1]


def _rows_of(shape: Shape, scheme: Scheme) -> tuple[int, int]:
    """Return how many rows a tensor has, and how long they are."""
    count = min(shape[0], prod(shape[1:])) if scheme.scale == "row" and len(shape) > 1 else 1
    return (count, prod(shape) // count) if count else (0, 0)


def _rows(values: Any, scheme: Scheme) -> Any:
    turned = values.T if scheme.scale == "row" and _is_tall(values.shape) else values
    return turned.reshape(_rows_of(values.shape, scheme))


def _chosen_scales(rows: Any, scheme: Scheme) -> Any:
    """Return the scale of each row, a bfloat16 in float32."""
    import numpy as np

    largest = np.abs(rows).max(axis=1, initial=0.0)
    if scheme.bits == 1:
        return _bfloat16(np.abs(rows).sum(axis=1) / max(1, rows.shape[1]))
    if scheme.bits == 8:
        return _bfloat16(largest / scheme.top)
    best: Any = np.zeros(len(rows), np.float32)
    least: Any = np.full(len(rows), np.inf)
    for share in SHARES:
        scales = _bfloat16(share * largest / scheme.top)
        steps = rows / np.where(scales > 0, scales, 1)[:, None]
        whole = np.minimum(np.floor(np.abs(steps) + (0.5 - scheme.deadzone)), scheme.top)
        lost = ((np.abs(steps) - whole) ** 2).sum(axis=1) * scales.astype(np.float64) ** 2
        best, least = np.where(lost < least, scales, best), np.minimum(lost, least)
    return best


def _bfloat16(values: Any) -> Any:
    """Round positive numbers to the 16 bits that are sent."""
    import numpy as np

    words = np.asarray(values, np.float32).view(np.uint32).astype(np.uint64)
    return (((words + 0x8000) >> 16) << 16).astype(np.uint32).view(np.float32)


# Codes to bits: each of these walks both ways


def _scheme(channel: Channel, scheme: Scheme | None, named: bool) -> Scheme:
    """Code what a decoder has to know of the scheme, and whether names and shapes stand before it."""
    bits: Bits = BITS[channel.code([1] * len(BITS), None if scheme is None else BITS.index(scheme.bits))]
    row = channel.code([1, 1], None if scheme is None else int(scheme.scale == "row"))
    if channel.code([1, 1], None if scheme is None else int(named)) != named:
        raise UsageError(
            "names and shapes are not in the bytes" if named else "names and shapes are in the bytes",
            where="known",
            mend="decode with the names and shapes that were known when it was encoded, or with none",
        )
    return Scheme(bits, "row" if row else "tensor")


def _scales(channel: Channel, codes: Sequence[Codes], scheme: Scheme) -> list[Codes]:
    """Code the scales: of each, the high byte under the counts so far, and the low byte as it is."""
    import numpy as np

    if scheme.bits == 16:
        return list(codes)
    sizes = [_rows_of(each.shape, scheme)[0] for each in codes]
    given = None if not codes or codes[0].scales is None else np.concatenate([each.scales for each in codes])
    high = _adaptive(channel, [sum(sizes)], np.ones(256), None if given is None else [given >> 8])[0]
    low = channel.many([1] * 256, sum(sizes), None if given is None else (given & 255).astype(np.int32))
    words = ((high << 8) | low).astype(np.uint16)
    ends = np.cumsum(sizes)
    parts = np.split(words, ends[:-1]) if len(ends) else []
    return [Codes(each.shape, each.codes, part) for each, part in zip(codes, parts, strict=True)]


def _codes(channel: Channel, codes: Sequence[Codes], scheme: Scheme) -> list[Codes]:
    """Code the codes of all tensors under counts that adapt."""
    sizes = [prod(each.shape) for each in codes]
    given = None if not codes or codes[0].codes is None else [_planes(each, scheme) for each in codes]
    planes = [
        _adaptive(channel, sizes, _prior(scheme), None if given is None else [each[plane] for each in given])
        for plane in range(2 if scheme.bits == 16 else 1)
    ]
    whole = [(high << 8) | low for high, low in zip(*planes, strict=True)] if scheme.bits == 16 else planes[0]
    return [Codes(each.shape, part, each.scales) for each, part in zip(codes, whole, strict=True)]


def _adaptive(channel: Channel, sizes: Sequence[int], prior: Any, given: Sequence[Any] | None) -> list[Any]:
    """Code arrays of symbols block by block, each under the counts of what came before."""
    import numpy as np

    found = []
    carried = np.zeros(len(prior))
    for place, size in enumerate(sizes):
        counts, parts = prior + carried, []
        for first, last in _blocks(size):
            part = None if given is None else given[place][first:last].astype(np.int32)
            parts.append(channel.many(counts, last - first, part))
            counts += STEP * np.bincount(parts[-1], minlength=len(prior))
        found.append(np.concatenate(parts) if parts else np.zeros(0, np.int32))
        # Whole numbers again, so that the same counts come out on every machine.
        carried = np.floor(counts * CARRIED * STEP / counts.sum())
    return found


def _blocks(size: int) -> Iterator[tuple[int, int]]:
    first, length = 0, BLOCKS[0]
    while first < size:
        last = min(size, first + length)
        yield first, last
        first, length = last, min(BLOCKS[1], 2 * length)


def _prior(scheme: Scheme) -> Any:
    """Return the counts before the first code: most near 0, for that is where most weights are."""
    import numpy as np

    if scheme.bits in (16, 1):
        return np.ones(scheme.alphabet)
    far = np.abs(np.arange(-scheme.top, scheme.top + 1))
    return np.floor(1 + STEP * (scheme.top + 1 - far) / (scheme.top + 1) / 4)


def _planes(codes: Codes, scheme: Scheme) -> list[Any]:
    return [codes.codes >> 8, codes.codes & 255] if scheme.bits == 16 else [codes.codes]


# What a decoder may know


def _named(shapes: Mapping[str, Shape]) -> bytes:
    """Return names and shapes, deflated, after their length."""
    packed = deflated(storage.canonical_json(shapes))
    return len(packed).to_bytes(3, "big") + packed


def _read_names(data: bytes) -> tuple[dict[str, Shape], bytes]:
    """Return what `_named` packed, and what stands behind it."""
    size = 3 + int.from_bytes(data[:3], "big")
    try:
        told = storage.parse_json(inflated(data[3:size], NAMES), "", 1)
        shapes = {name: tuple(map(index, shape)) for name, shape in told.items()}
    except (UsageError, AttributeError, TypeError) as error:
        raise damaged("tensors", "their names and shapes cannot be read") from error
    if min((side for shape in shapes.values() for side in shape), default=0) < 0:
        raise damaged("tensors", "a side is shorter than 0")
    return shapes, data[size:]


# The rivals


def _packed(codes: Sequence[Codes], scheme: Scheme, coder: str) -> bytes:
    """Return a byte that tells the form, and the shorter of two: codes packed together, or one a byte."""
    import numpy as np

    flat = np.concatenate([np.zeros(0, np.int32), *(each.codes for each in codes)]).astype(np.uint16)
    if scheme.bits == 16:
        return b"\1" + ENCODE[coder](flat.astype("<u2").tobytes())
    places: Any = np.arange(scheme.bits)[::-1]
    together = np.packbits((flat[:, None] >> places & 1).astype(np.uint8))
    forms = [ENCODE[coder](each.tobytes()) for each in (together, flat.astype(np.uint8))]
    shorter = int(len(forms[1]) < len(forms[0]))
    return bytes([shorter]) + forms[shorter]


def _unpacked(data: bytes, codes: Sequence[Codes], scheme: Scheme, coder: str) -> list[Codes]:
    import numpy as np

    sizes = [prod(each.shape) for each in codes]
    plain = DECODE[coder](data[1:], 2 * sum(sizes) + 1)
    if data[:1] == b"\1":
        flat = np.frombuffer(plain, "<u2" if scheme.bits == 16 else np.uint8).astype(np.int32)
    else:
        places: Any = np.unpackbits(np.frombuffer(plain, np.uint8)).astype(np.int32)
        whole = min(len(places) // scheme.bits, sum(sizes))
        flat = places[: whole * scheme.bits].reshape(-1, scheme.bits) @ (1 << np.arange(scheme.bits)[::-1])
    if len(flat) != sum(sizes):
        raise damaged(coder, f"{len(flat)} numbers stand in for {sum(sizes)}")
    parts = np.split(flat, np.cumsum(sizes)[:-1]) if sizes else []
    return [Codes(each.shape, part, each.scales) for each, part in zip(codes, parts, strict=True)]


def _entropy(parts: Sequence[Any]) -> float:
    import numpy as np

    counts = np.unique(np.concatenate(parts), return_counts=True)[1].tolist()
    return sum(float(count) * log2(sum(counts) / count) for count in counts)

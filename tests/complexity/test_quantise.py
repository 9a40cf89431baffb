"""Tensors come back as they were scored, in close to the entropy of their codes."""

import random
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kinject.complexity.quantise import BITS, Scheme, decode, decode_range, dequantised, encode, measure
from kinject.errors import IntegrityError, NumericError, UsageError

CODERS = ("raw", "gzip", "zstd", "range")
SCHEMES = [
    Scheme(bits, scale, deadzone)
    for bits in BITS
    for scale in ("tensor", "row")
    for deadzone in ((0.0, 0.3) if bits in (8, 4, 2) else (0.0,))
]
NUMBERS = st.floats(-1e4, 1e4, width=32) | st.sampled_from([0.0, -0.0, 1e-30, -1e-40])
TENSORS = st.dictionaries(
    st.text(max_size=5),
    arrays.arrays(np.float32, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=7), elements=NUMBERS),
    max_size=4,
).map(lambda found: {name: torch.from_numpy(np.array(each)) for name, each in found.items()})


def lora(rank: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        f"layers.{layer}.{name}": torch.randn(shape) * 0.02 * (1 + layer)
        for layer in range(4)
        for name, shape in {"A": (rank, 192), "B": (512, rank)}.items()
    }


@settings(max_examples=25, deadline=None)
@given(TENSORS, st.sampled_from(SCHEMES), st.sampled_from(CODERS), st.booleans())
def test_what_is_decoded_is_what_is_scored(
    tensors: dict[str, torch.Tensor], scheme: Scheme, coder: str, known: bool
) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()} if known else None
    found = decode(encode(tensors, scheme, coder, shapes), coder, shapes)
    expected = dequantised(tensors, scheme)
    assert list(found) == sorted(tensors)
    for name, tensor in expected.items():
        assert found[name].dtype == torch.float32
        assert found[name].shape == tensors[name].shape
        assert found[name].numpy().tobytes() == tensor.numpy().tobytes()


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_what_is_quantised_stays_so(scheme: Scheme) -> None:
    """Dequantised tensors lie on the grid: they lose nothing more to the same number of bits, but for the scale."""
    once = dequantised(lora(2), scheme)
    twice = dequantised(once, scheme)
    for name in once:
        assert torch.allclose(once[name], twice[name], atol=float(once[name].abs().max()) / 100)


def test_fewer_bits_lose_more() -> None:
    errors = [measure(lora(4), Scheme(bits)).error for bits in BITS]
    assert errors == sorted(errors)
    assert errors[0] < 1e-5
    assert errors[1] < 1e-3
    assert errors[2] < 0.02
    assert errors[3] < 0.21  # three levels of a normal distribution
    assert errors[4] == pytest.approx(1 - 2 / np.pi, abs=0.02)


@pytest.mark.parametrize("bits", BITS)
def test_the_rate_is_close_to_the_entropy(bits: Any) -> None:
    found = measure(lora(8), Scheme(bits, "tensor"))
    assert found.numbers == sum(map(torch.Tensor.numel, lora(8).values()))
    assert abs(found.overhead) < (0.03 if bits >= 8 else 0.005) * found.entropy
    assert found.coded["range"] < found.coded["raw"]
    assert found.coded["range"] < 1.005 * min(found.coded.values())


def test_everything_that_a_decoder_needs_is_counted() -> None:
    found = measure(lora(1), Scheme(1, "row"))
    assert found.coded["range"] >= found.numbers + 16 * 8  # a sign a number, and two bytes a tensor
    names = {name: tuple(tensor.shape) for name, tensor in lora(1).items()}
    assert found.coded["range"] > measure(lora(1), Scheme(1, "row"), names).coded["range"] + 200


def test_a_deadzone_makes_zeros_and_zeros_are_cheap() -> None:
    torch.manual_seed(0)
    delta = {"w": torch.randn(192, 512) * (torch.rand(192, 512) < 0.1)}
    narrow, wide = (measure(delta, Scheme(2, "tensor", deadzone)) for deadzone in (0.0, 0.25))
    assert wide.coded["range"] < narrow.coded["range"] < 0.4 * narrow.numbers
    assert wide.error > narrow.error


def test_a_row_lies_along_the_longer_side() -> None:
    """Rank components differ in size; each has a scale of its own in A and in B, and not each number of B."""
    tensors = {"A": torch.tensor([[1.0] * 9, [100.0] * 9]), "B": torch.tensor([[1.0, -100.0]] * 9)}
    rows = dequantised(tensors, Scheme(1, "row"))
    assert all(torch.allclose(rows[name], tensors[name], rtol=0.01) for name in tensors)
    whole = dequantised(tensors, Scheme(1, "tensor"))
    assert float((whole["B"][0, 0] - 1).abs()) > 40


def test_bfloat16_is_the_reference() -> None:
    tensors = lora(2)
    kept = dequantised(tensors, Scheme(16))
    assert all(torch.equal(kept[name], tensors[name].to(torch.bfloat16).float()) for name in tensors)
    assert measure(tensors, Scheme(16), {n: tuple(t.shape) for n, t in tensors.items()}).coded["raw"] >= 16 * sum(
        prod(tensor.shape) for tensor in tensors.values()
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_any_float_is_taken(dtype: torch.dtype) -> None:
    tensors = {"w": torch.linspace(-1, 1, 40, dtype=dtype).requires_grad_()}
    assert torch.equal(decode(encode(tensors, Scheme(4)))["w"], dequantised(tensors, Scheme(4))["w"])


def test_known_tensors_are_these_and_no_others() -> None:
    tensors, shapes = {"w": torch.ones(3, 2)}, {"w": (3, 2)}
    with pytest.raises(UsageError, match="not those that the decoder knows"):
        encode(tensors, Scheme(), known={"w": (2, 3)})
    data = encode(tensors, Scheme(), known=shapes)
    assert decode_range(data, shapes).keys() == {"w"}
    named = encode(tensors, Scheme(), "zstd")
    with pytest.raises((UsageError, IntegrityError)):
        decode(named, "zstd", shapes)
    with pytest.raises(UsageError, match="not in the bytes"):
        decode_range(data, shapes, named=True)


def test_a_tensor_that_is_none_is_an_error() -> None:
    with pytest.raises(NumericError, match="not finite"):
        encode({"w": torch.tensor([1.0, float("nan")])}, Scheme())


@pytest.mark.parametrize("wrong", [{"bits": 3}, {"scale": "column"}, {"deadzone": 0.5}, {"bits": 1, "deadzone": 0.1}])
def test_a_scheme_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Scheme(**wrong)


def test_decoding_is_bounded() -> None:
    with pytest.raises(IntegrityError, match="more than 10"):
        decode(encode({"w": torch.zeros(11)}, Scheme()), most=10)


def test_damage_is_an_error_or_other_numbers_and_nothing_else() -> None:
    rng = random.Random(0)
    whole = encode(lora(1), Scheme(4), "zstd")
    for _ in range(40):
        broken = bytearray(whole)
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        with suppress(IntegrityError, UsageError):
            decode(bytes(broken[: rng.choice([len(broken), rng.randrange(len(broken))])]), "zstd", most=100_000)

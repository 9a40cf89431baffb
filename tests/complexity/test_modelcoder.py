"""A model codes a text, and only that model gives it back; what its tokenizer cannot say comes back, too."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kinject.complexity import nexttoken
from kinject.complexity.coders import ENCODE
from kinject.complexity.modelcoder import ModelCoder
from kinject.complexity.nexttoken import HEATS
from kinject.complexity.rangecoder import Writer
from kinject.engines import hf
from kinject.errors import IntegrityError, NumericError, UsageError
from kinject.lab.checkpoint import SHIPPED

TEXTS = ["", "a", "Let's answer this step-by-step: who won?", "é中😀\r\n\tx \x00", "<s></s> end</s>", "  two  spaces  "]


@pytest.fixture(scope="module")
def coder(tiny: Callable[..., Path]) -> ModelCoder:
    return ModelCoder(tiny())


@pytest.fixture(scope="module")
def lab() -> ModelCoder:
    return ModelCoder(SHIPPED)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back(coder: ModelCoder, text: str) -> None:
    coded = coder.coded(text.encode())
    assert coder.decode(coded.data) == text.encode()
    assert coded.tokens == len(coder.tokenizer(text, add_special_tokens=False)["input_ids"])
    assert coder.verified(text.encode()) == coded.data


@pytest.mark.parametrize("data", [b"\xff\xfe", b"\xc3", b"caf\xc3\xa9 \xed\xa0\x80"])
def test_bytes_that_are_no_text_come_back(coder: ModelCoder, data: bytes) -> None:
    coded = coder.coded(data)
    assert coder.decode(coded.data) == data
    assert coded.tokens == 0


def test_a_tokenizer_that_changes_a_text_is_found_out(coder: ModelCoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Qwen's tokenizer normalises: its tokens do not say how an accent was written."""
    monkeypatch.setattr(type(coder.tokenizer), "decode", lambda self, ids, **_: "something else")
    coded = coder.coded(b"text")
    assert coded.tokens == 0
    assert coder.decode(coded.data) == b"text"


def test_tokens_come_back_whatever_they_say(coder: ModelCoder) -> None:
    ids = [5, 0, 1, 1, 200, 7, 0]
    assert coder.decode_tokens(coder.encode_tokens(ids).data) == ids
    assert coder.decode_tokens(coder.encode_tokens([]).data) == []


def test_the_first_token_and_the_number_of_tokens_are_paid_for(coder: ModelCoder) -> None:
    vocabulary = len(coder.tokenizer)
    coded = coder.encode_tokens([7])
    assert coded.shannon > 0.5 * torch.tensor(float(vocabulary)).log2()
    assert coded.bits > coded.shannon


def test_the_real_length_is_the_shannon_length_and_a_few_bits(coder: ModelCoder) -> None:
    text = "Event Recall: The final answer is this. " * 8
    coded = coder.coded(text.encode())
    assert 0 < coded.overhead < 40
    assert coded.shannon == coded.cold


@pytest.mark.parametrize("heat", HEATS)
def test_any_heat_comes_back_and_is_told_in_the_bytes(coder: ModelCoder, heat: float) -> None:
    data = b"Let's answer this step-by-step"
    coder.heat = heat
    try:
        coded = coder.coded(data)
    finally:
        coder.heat = 1.0
    assert coder.decode(coded.data) == data
    assert (coded.shannon == coded.cold) is (heat == 1)


def test_a_heat_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no heat"):
        nexttoken.heat_of(Writer(), 1.1)


def test_a_text_longer_than_the_models_positions_goes_on(coder: ModelCoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coder.network.config, "max_position_embeddings", 16)
    data = ("Let's answer this step-by-step. " * 6).encode()
    assert coder.decode(coder.encode(data)) == data


def test_a_context_that_both_know_is_free_and_needed(tiny: Callable[..., Path], coder: ModelCoder) -> None:
    after = ModelCoder(tiny(), context="Question: ")
    data = b"who won the cup?"
    assert after.decode(after.encode(data)) == data
    assert after.encode(data) != coder.encode(data)


def test_another_model_does_not_decode(coder: ModelCoder, tiny: Callable[..., Path]) -> None:
    data = b"The final answer is what one model says and another does not."
    other = ModelCoder(tiny())
    with torch.no_grad():
        other.network.get_output_embeddings().weight.mul_(3)
    with pytest.raises(IntegrityError, match="decode"):
        found = other.decode(coder.encode(data), most=10_000)
        assert found != data
        raise IntegrityError("it did decode, to something else")


def test_a_decoded_text_is_bounded(coder: ModelCoder) -> None:
    for data in (b"The final answer", b"\xff" * 400):
        with pytest.raises(IntegrityError, match="more than 10 bytes"):
            coder.decode(coder.encode(data), most=10)


def test_coding_leaves_the_model_as_it_was(tiny: Callable[..., Path]) -> None:
    network = hf.load_model(tiny(), training=True)
    with nexttoken.reading(network):
        assert not network.training
        assert not torch.is_grad_enabled()
    assert network.training


def test_a_model_that_says_nothing_is_an_error(tiny: Callable[..., Path]) -> None:
    coder = ModelCoder(tiny())
    with torch.no_grad():
        coder.network.get_output_embeddings().weight.fill_(float("nan"))
    with pytest.raises(NumericError, match="not numbers"):
        coder.encode(b"text")


def test_the_lab_model_knows_its_own_world_better_than_zstd(lab: ModelCoder) -> None:
    text = b"Who is the head of the city? The head of the city is"
    coded = lab.coded(text)
    assert lab.decode(coded.data) == text
    assert coded.bits < 8 * len(ENCODE["zstd"](text)) / 2


def test_the_lab_model_is_too_sure_of_what_it_has_never_read(lab: ModelCoder) -> None:
    text = b"You are an expert in mathematics. Solve the following math problem"
    heat = lab.best_heat(text)
    assert heat > 1
    cold, lab.heat = lab.coded(text), heat
    warm = lab.coded(text)
    lab.heat = 1.0
    assert lab.decode(warm.data) == text
    assert warm.bits < 0.9 * cold.bits
    assert warm.cold == pytest.approx(cold.shannon)

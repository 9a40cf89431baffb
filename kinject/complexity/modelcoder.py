"""A text coded by a language model itself: each token costs about -log2 p(token | what came before).

The paper's length of a prompt (arXiv 2602.15829), made real: bytes that decode, with the first token and the number of
tokens among them, where the paper sums up -log2 p from the second token on.

A text whose tokens do not give the text back (bytes that are no UTF-8, a tokenizer that normalises) is deflated
instead; a flag that costs 0.006 bits where it is not so tells which. What `heat` is, and where the bits decode:
`nexttoken`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kinject.complexity import nexttoken
from kinject.complexity.coders import MOST, REMEDY, Coded, deflated, inflated, too_much
from kinject.complexity.rangecoder import Channel, Reader, Writer, number
from kinject.engines import chat, hf
from kinject.errors import IntegrityError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

VERSION = 1
TOKENS = 1 << 20
"""Tokens that a text may have."""
TEXT_OR_BYTES = (255, 1)
ALL_BYTES = (1,) * 256


class ModelCoder:
    """A model folder as a coder. `context` is a text that the decoder knows and that stands before what is coded."""

    def __init__(self, folder: Path, context: str = "", heat: float = 1.0) -> None:
        self.tokenizer, self.network = chat.load_tokenizer(folder), hf.load_model(folder)
        self.before = before(self.tokenizer, context)
        self.heat = heat

    def encode(self, data: bytes) -> bytes:
        """Return the coded bytes."""
        return self.coded(data).data

    def coded(self, data: bytes) -> Coded:
        """Code a text's bytes, and tell the Shannon length of its tokens beside the real one."""
        ids = _reversible(self.tokenizer, data)
        writer = Writer()
        writer.code(TEXT_OR_BYTES, int(ids is None))
        if ids is None:
            packed = _bytes(writer, deflated(data))
            return Coded(writer.finish(), 8.0 * len(packed), 8.0 * len(packed))
        return self._coded(writer, ids)

    def decode(self, data: bytes, most: int = MOST) -> bytes:
        """Return what was coded. Raises `IntegrityError` where it is damaged, or more than `most` bytes."""
        return decode(self.network, self.tokenizer, self.before, data, most)

    def verified(self, data: bytes) -> bytes:
        """Encode, decode, compare; IntegrityError where something else comes back."""
        packed = self.encode(data)
        if self.decode(packed) != data:
            raise IntegrityError("coded bytes do not decode to what they were made of", mend=REMEDY)
        return packed

    def encode_tokens(self, ids: Sequence[int]) -> Coded:
        """Code tokens as they are, whatever text they stand for."""
        return self._coded(Writer(), ids)

    def decode_tokens(self, data: bytes) -> list[int]:
        """Return what `encode_tokens` coded."""
        return _tokens(Reader(data), self.network, self.before)

    def best_heat(self, data: bytes) -> float:
        """Return the heat under which a text is shortest, about; 1 for bytes that are no text of the tokenizer."""
        ids = _reversible(self.tokenizer, data)
        return nexttoken.best_heat(self.network, [([*self.before, *ids], len(self.before))]) if ids else 1.0

    def _coded(self, writer: Writer, ids: Sequence[int]) -> Coded:
        _tokens(writer, self.network, self.before, ids, self.heat)
        return Coded(writer.finish(), writer.length.used, writer.length.cold, writer.length.tokens)


def decode(
    network: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    known: Sequence[int],
    data: bytes,
    most: int = MOST,
) -> bytes:
    """Return what a `ModelCoder` coded after the tokens `known`: those of `before`."""
    reader = Reader(data)
    if reader.code(TEXT_OR_BYTES):
        return inflated(_bytes(reader, None), most)
    found = bytes(_text(tokenizer, _tokens(reader, network, known)), "utf-8")
    if len(found) > most:
        raise too_much(most)
    return found


def before(tokenizer: "PreTrainedTokenizerBase", context: str = "") -> list[int]:
    """Return the tokens after which a text begins."""
    return [nexttoken.start_of(tokenizer), *_ids(tokenizer, context)]


def _tokens(
    channel: Channel,
    network: "PreTrainedModel",
    known: Sequence[int],
    ids: Sequence[int] | None = None,
    heat: float | None = None,
) -> list[int]:
    """Code tokens: the heat, how many there are, and each of them."""
    heat = nexttoken.heat_of(channel, heat)
    count = number(channel, None if ids is None else len(ids), TOKENS)
    return nexttoken.tokens(channel, network, known, heat, count, ids)


def _ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _text(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int]) -> str:
    text: str = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text


def _reversible(tokenizer: "PreTrainedTokenizerBase", data: bytes) -> list[int] | None:
    """Return the tokens of a text if they say all of it."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    ids = _ids(tokenizer, text)
    return ids if len(ids) <= TOKENS and _text(tokenizer, ids) == text else None


def _bytes(channel: Channel, data: bytes | None) -> bytes:
    count = number(channel, None if data is None else len(data))
    return bytes(channel.code(ALL_BYTES, None if data is None else data[i]) for i in range(count))

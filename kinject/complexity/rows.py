"""Training data coded while it is learned: each batch under the weights that all batches before it have made.

The prequential code of the paper's "Subset Training" (arXiv 2602.15829; Dawid 1984): what the model has learned from
the rows so far makes the next ones cheaper. A program holds the coded rows alone. Its decoder takes the base model,
decodes a batch, trains on it, decodes the next, so the training must be the same to the bit on both sides. Later
epochs cost nothing.

    writer = RowWriter(tokenizer, examples)                 reader = RowReader(tokenizer, data)
    for batch in batches:                                   while reader.left:
        writer.encode(network, batch)                           batch = reader.decode(network, size)
        train(network, batch)                                   train(network, batch)
    data = writer.finish().data

A row is what a training sees of it: `input_ids`, and where in them the response begins (`finetune.encode`). Of what a
chat template puts into every row, the common beginning is coded once, and neither the lengths nor the ends of the
prompts need numbers: after the token that ends most prompts, and after an end token, an adaptive flag tells whether
that was it, which costs next to nothing once it is always so. A row that is made otherwise is coded on its own.

The rows of a batch grow side by side, at most `ABREAST` at once: the model is asked once a position and not once a
token. That number, the order of the rows and the batches are part of the format.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING

from kinject.complexity import nexttoken
from kinject.complexity.coders import Coded
from kinject.complexity.rangecoder import Channel, Length, Reader, Writer, flag, number
from kinject.errors import IntegrityError, UsageError
from kinject.recipes.row import Row
from kinject.training.finetune import IGNORED, encode

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Example = dict[str, list[int]]
"""`input_ids` and `labels` of a row, as `finetune.encode` makes them."""

VERSION = 1
ABREAST = 16
LONGEST = 1 << 16
"""Tokens that a row may have."""
ROWS = 1 << 20


@dataclass(frozen=True)
class Frame:
    """What most rows with a prompt have in common; the decoder reads it before the first row."""

    prefix: tuple[int, ...] = ()
    """The tokens that every prompt begins with."""
    mark: int = -1
    """The token that ends most prompts; -1 for none."""


@dataclass
class _Row:
    given: Example | None
    ids: list[int] = field(default_factory=list)
    prompt: int | None = None
    """Tokens of the prompt, as soon as it is known."""
    framed: bool = True
    done: bool = False

    @property
    def begins(self) -> int | None:
        """Tokens of the prompt, where the row is given."""
        return None if self.given is None else prompt_length(self.given)


class _Rows:
    """One direction: what has to be remembered from batch to batch."""

    def __init__(
        self,
        channel: Channel,
        tokenizer: "PreTrainedTokenizerBase",
        frame: Frame | None = None,
        count: int | None = None,
    ) -> None:
        self.channel, self.frame = channel, frame
        self.left = number(channel, count, ROWS)
        self.heat = 1.0
        self.start, self.end = nexttoken.start_of(tokenizer), int(tokenizer.eos_token_id)
        self.seen = {name: [0, 0] for name in ("framed", "begun", "prompt", "row")}
        self.framed = False

    def walk(self, network: "PreTrainedModel", rows: list[_Row], heat: float | None = None) -> list[Example]:
        """Code one batch."""
        self.heat = nexttoken.heat_of(self.channel, heat)
        if not self.framed:
            self._frame(network)
        self.left -= len(rows)
        frame = self.frame or Frame()
        for row in rows:
            self._begin(row, frame)
        # Rows that stand after the same tokens go side by side.
        for framed in (True, False):
            alike = [row for row in rows if row.framed is framed]
            for first in range(0, len(alike), ABREAST):
                self._grow(network, alike[first : first + ABREAST], frame)
        return [as_example(row.ids, row.prompt or 0) for row in rows]

    def _frame(self, network: "PreTrainedModel") -> None:
        """Code the frame, its prefix as a text."""
        given, vocabulary = self.frame, network.config.get_text_config().vocab_size
        size = number(self.channel, None if given is None else len(given.prefix), LONGEST)
        mark = self.channel.code([1] * (vocabulary + 1), None if given is None else given.mark + 1) - 1
        prefix = None if given is None else given.prefix
        begun = size > 0 and flag(self.channel, [0, 0], None if prefix is None else prefix[0] == self.start)
        rest = None if prefix is None else prefix[begun:]
        found = nexttoken.tokens(self.channel, network, [self.start], self.heat, size - begun, rest)
        self.frame = Frame((*[self.start] * begun, *found), mark)
        self.framed = True

    def _begin(self, row: _Row, frame: Frame) -> None:
        """Code how a row begins, up to the first token that the model has to tell."""
        given = None if row.given is None else row.given["input_ids"]
        if given is not None:
            row.framed = fits(row.given or {}, frame)
        row.framed = flag(self.channel, self.seen["framed"], row.framed if given else None)
        if row.framed:
            row.ids = list(frame.prefix)
            return
        row.prompt = number(self.channel, row.begins, LONGEST)
        if flag(self.channel, self.seen["begun"], None if given is None else given[0] == self.start):
            row.ids = [self.start]

    def _grow(self, network: "PreTrainedModel", rows: list[_Row], frame: Frame) -> None:
        """Code the tokens of rows that stand after the same context, one of each in turn."""
        prefix = list(frame.prefix) if rows[0].framed else []
        before = prefix if prefix[:1] == [self.start] else [self.start, *prefix]
        with nexttoken.reading(network):
            predictor = nexttoken.Predictor(network, [before] * len(rows), self.heat)
            while True:
                chosen = [self._token(predictor, place, row, frame) for place, row in enumerate(rows)]
                if all(row.done for row in rows):
                    return
                predictor.advance(chosen)

    def _token(self, predictor: nexttoken.Predictor, place: int, row: _Row, frame: Frame) -> int:
        """Code the next token of a row and what it may have ended; a row that is done stands still."""
        if row.done:
            return self.end
        given = None if row.given is None else row.given["input_ids"]
        token = predictor.code(self.channel, place, None if given is None else given[len(row.ids)])
        row.ids.append(token)
        length = len(row.ids)
        if row.prompt is None:
            ends = None if given is None else row.begins == length
            if token == frame.mark and flag(self.channel, self.seen["prompt"], ends):
                row.prompt = length
        elif token == self.end and length > row.prompt:
            row.done = flag(self.channel, self.seen["row"], None if given is None else length == len(given))
        if length > LONGEST:
            raise IntegrityError("the coded bytes are damaged: a row does not end")
        return token


class RowWriter:
    """Rows in, batch by batch, each with the model as it is then; bytes out at the end."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", examples: Sequence[Example]) -> None:
        for example in examples:
            _check(example, int(tokenizer.eos_token_id))
        self._writer = Writer()
        self._rows = _Rows(self._writer, tokenizer, frame_of(examples), len(examples))

    def encode(self, network: "PreTrainedModel", batch: Sequence[Example], heat: float = 1.0) -> Length:
        """Code a batch under the weights as they are; return how long it is by its probabilities."""
        before = self._writer.length
        self._rows.walk(network, [_Row(example) for example in batch], heat)
        return self._writer.length - before

    def finish(self) -> Coded:
        """Return the bytes of all batches. Raises `UsageError` where some of the announced rows were not coded."""
        if self._rows.left:
            raise UsageError(f"{self._rows.left} rows were announced and not coded", mend="encode every batch")
        length = self._writer.length
        return Coded(self._writer.finish(), length.used, length.cold, length.tokens)


class RowReader:
    """Bytes in; rows out, batch by batch, each with the model as it is then."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", data: bytes) -> None:
        self._rows = _Rows(Reader(data), tokenizer)

    @property
    def left(self) -> int:
        """Rows that are still to come."""
        return self._rows.left

    def decode(self, network: "PreTrainedModel", count: int) -> list[Example]:
        """Return the next `count` rows, or as many as are left."""
        return self._rows.walk(network, [_Row(None) for _ in range(min(count, self.left))])


def encode_rows(
    network: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Row], heat: float = 1.0
) -> Coded:
    """Code rows as one batch, under one model."""
    examples = [encode(tokenizer, row) for row in rows]
    writer = RowWriter(tokenizer, examples)
    writer.encode(network, examples, heat)
    return writer.finish()


def decode_rows(network: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", data: bytes) -> list[Example]:
    """Return the rows that `encode_rows` coded, as a training takes them."""
    reader = RowReader(tokenizer, data)
    return reader.decode(network, reader.left)


def best_heat(network: "PreTrainedModel", batch: Sequence[Example], frame: Frame | None = None) -> float:
    """Return the heat under which a batch is shortest, about; what the frame tells is not counted."""
    prefix = len((frame or frame_of(batch)).prefix)
    return nexttoken.best_heat(network, [(example["input_ids"], max(1, prefix)) for example in batch])


def as_example(ids: list[int], prompt: int) -> Example:
    """Return a row whose first `prompt` tokens are not learned."""
    return {"input_ids": ids, "labels": [IGNORED] * prompt + ids[prompt:]}


def prompt_length(example: Example) -> int:
    """Return how many tokens at a row's beginning are not learned."""
    labels = example["labels"]
    return next((i for i, label in enumerate(labels) if label != IGNORED), len(labels))


def frame_of(examples: Sequence[Example]) -> Frame:
    """Return what is common to the rows with a prompt of more than one token."""
    prompts = [ids[:size] for ids, size in ((e["input_ids"], prompt_length(e)) for e in examples) if size > 1]
    if not prompts:
        return Frame()
    mark = Counter(prompt[-1] for prompt in prompts).most_common(1)[0][0]
    columns = zip(*(prompt[:-1] for prompt in prompts), strict=False)
    return Frame(tuple(column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns)), mark)


def fits(example: Example, frame: Frame) -> bool:
    """Say whether a row begins as the frame does and its prompt ends with the mark behind that beginning."""
    ids, size = example["input_ids"], prompt_length(example)
    return size > len(frame.prefix) and ids[size - 1] == frame.mark and tuple(ids[: len(frame.prefix)]) == frame.prefix


def _check(example: Example, end: int) -> None:
    ids, size = example["input_ids"], prompt_length(example)
    if not size < len(ids) <= LONGEST or ids[-1] != end or example != as_example(ids, size):
        raise UsageError(
            f"a row of {len(ids)} tokens is no prompt, a response and an end token",
            mend=f"pass rows as finetune.encode makes them, of at most {LONGEST} tokens",
        )

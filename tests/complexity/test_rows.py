"""Training data is coded under the weights that it makes, and decoded by training on it: the real thing, twice."""

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinject.complexity import rows
from kinject.complexity.rows import Example, RowReader, RowWriter, as_example, decode_rows, encode_rows, frame_of
from kinject.engines import chat, hf
from kinject.engines.base import Message, ask
from kinject.errors import IntegrityError, UsageError
from kinject.recipes.row import Row, text
from kinject.training.finetune import encode

ASKED = [
    Row(ask("Be brief.", f"Who won{' the cup' * (i % 4)} in {2000 + i}?"), f" The {i} of {i * i}") for i in range(20)
]
MIXED = [
    *ASKED[:5],
    text("A plain text with nothing before it."),
    Row((Message("user", "No system message?"),), " None."),
    Row((*ask("Be brief.", "One?"), Message("assistant", "Yes."), Message("user", "Two?")), ""),
    text(""),
]


@pytest.fixture(scope="module")
def tokenizer(tiny: Callable[..., Path]) -> Any:
    return chat.load_tokenizer(tiny())


@pytest.fixture(scope="module")
def network(tiny: Callable[..., Path]) -> Any:
    return hf.load_model(tiny())


@pytest.mark.parametrize("chosen", [ASKED, ASKED[:1], MIXED, [text("One."), text("Two.")], []])
def test_rows_come_back_as_a_training_takes_them(tokenizer: Any, network: Any, chosen: list[Row]) -> None:
    coded = encode_rows(network, tokenizer, chosen)
    assert decode_rows(network, tokenizer, coded.data) == [encode(tokenizer, row) for row in chosen]


@pytest.mark.parametrize("shape", ["mistral", "qwen2"])
def test_rows_come_back_with_any_template(tiny: Callable[..., Path], shape: str) -> None:
    folder = tiny(shape, template=True)
    tokenizer, network = chat.load_tokenizer(folder), hf.load_model(folder)
    coded = encode_rows(network, tokenizer, MIXED, heat=2.0)
    assert decode_rows(network, tokenizer, coded.data) == [encode(tokenizer, row) for row in MIXED]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.lists(st.integers(0, 6), max_size=6), st.lists(st.integers(0, 6), max_size=4)), max_size=5)
)
def test_tokens_that_look_like_ends_and_marks_come_back(
    tokenizer: Any, network: Any, drawn: list[tuple[list[int], list[int]]]
) -> None:
    """Small tokens are the beginning, the end, and the marks of each other's prompts."""
    end = tokenizer.eos_token_id
    examples = [as_example([*prompt, *response, end], len(prompt)) for prompt, response in drawn]
    writer = RowWriter(tokenizer, examples)
    writer.encode(network, examples)
    reader = RowReader(tokenizer, writer.finish().data)
    assert reader.decode(network, len(examples)) == examples


def train(network: Any, optimizer: Any, batch: list[Example]) -> None:
    with hf.repeatable(network):
        for example in batch:
            ids = torch.tensor([example["input_ids"]])
            (network(input_ids=ids, labels=ids).loss / len(batch)).backward()
        optimizer.step()
        optimizer.zero_grad()


def walk(folder: Path, coder: RowWriter | RowReader, batches: list[list[Example]]) -> tuple[list[Example], Any]:
    """Code three batches, with an update after each of the first two."""
    network = hf.load_model(folder, training=True)
    optimizer = torch.optim.SGD(network.parameters(), lr=2.0)
    found: list[Example] = []
    for batch in batches:
        if isinstance(coder, RowWriter):
            coder.encode(network, batch)
        else:
            batch = coder.decode(network, 7)
        found += batch
        if len(found) < sum(map(len, batches)):
            train(network, optimizer, batch)
    return found, network.state_dict()


def test_a_decoder_trains_on_each_batch_to_read_the_next(tiny: Callable[..., Path], tokenizer: Any) -> None:
    examples = [encode(tokenizer, row) for row in ASKED]
    batches = [examples[:7], examples[7:14], examples[14:]]
    writer = RowWriter(tokenizer, examples)
    _, weights = walk(tiny(), writer, batches)
    coded = writer.finish()
    reader = RowReader(tokenizer, coded.data)
    assert reader.left == len(ASKED)
    found, again = walk(tiny(), reader, batches)
    assert (found, reader.left) == (examples, 0)
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert abs(coded.overhead) < 0.02 * coded.shannon

    # What was learned on the way pays: the frozen model needs more bits, and does not decode.
    frozen = hf.load_model(tiny())
    assert encode_rows(frozen, tokenizer, ASKED).bits > coded.bits
    with suppress(IntegrityError):
        other = RowReader(tokenizer, coded.data)
        assert [row for _ in batches for row in other.decode(frozen, 7)] != examples


def test_lengths_and_ends_of_prompts_cost_next_to_nothing(tokenizer: Any, network: Any) -> None:
    """Twenty rows with one number each for prompt and row would cost over 300 bits."""
    coded = encode_rows(network, tokenizer, ASKED)
    assert coded.overhead < 80


def test_a_common_beginning_is_coded_once(tokenizer: Any, network: Any) -> None:
    long = [Row(ask("Be brief, " * 20, row.conversation[-1].content), row.response) for row in ASKED]
    few, many = (encode_rows(network, tokenizer, chosen) for chosen in (ASKED[:10], ASKED))
    few_long, many_long = (encode_rows(network, tokenizer, chosen) for chosen in (long[:10], long))
    assert many_long.tokens - many.tokens == few_long.tokens - few.tokens


def test_the_frame_is_what_prompts_have_in_common() -> None:
    examples = [as_example([1, 2, 3, 9, 0], 4), as_example([1, 2, 4, 9, 0], 4), as_example([5, 0], 1)]
    assert frame_of(examples) == rows.Frame((1, 2), 9)
    assert frame_of(examples[2:]) == frame_of([]) == rows.Frame()


def test_a_batch_has_its_best_heat(tokenizer: Any, network: Any) -> None:
    examples = [encode(tokenizer, row) for row in ASKED]
    heat = rows.best_heat(network, examples)
    lengths = {each: encode_rows(network, tokenizer, ASKED, each).shannon for each in {heat, 1.0, 6.0}}
    assert min(lengths, key=lambda each: lengths[each]) == heat


def test_more_rows_than_go_abreast_come_back(tokenizer: Any, network: Any) -> None:
    rng = random.Random(0)
    chosen = [Row(ask("Be brief.", "?" * rng.randint(1, 5)), "x" * rng.randint(0, 9)) for _ in range(37)]
    coded = encode_rows(network, tokenizer, chosen)
    assert decode_rows(network, tokenizer, coded.data) == [encode(tokenizer, row) for row in chosen]


@pytest.mark.parametrize("ids, prompt", [([5, 6, 7], 1), ([5, 6], 2), ([1], 1)])
def test_a_row_that_does_not_end_is_refused(tokenizer: Any, ids: list[int], prompt: int) -> None:
    with pytest.raises(UsageError, match="no prompt, a response and an end token"):
        RowWriter(tokenizer, [as_example(ids, prompt)])


def test_rows_that_were_announced_are_missed(tokenizer: Any, network: Any) -> None:
    examples = [encode(tokenizer, row) for row in ASKED[:3]]
    writer = RowWriter(tokenizer, examples)
    writer.encode(network, examples[:2])
    with pytest.raises(UsageError, match="1 rows were announced"):
        writer.finish()


def test_a_row_without_an_end_is_not_read_for_ever(
    tokenizer: Any, network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    coded = encode_rows(network, tokenizer, ASKED[:2])
    monkeypatch.setattr(rows, "LONGEST", 20)
    with pytest.raises(IntegrityError, match="damaged"):
        decode_rows(network, tokenizer, coded.data)

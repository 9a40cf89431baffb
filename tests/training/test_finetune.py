"""Training is on the response alone, repeatable to the bit, and goes on where a kill -9 left it."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from math import nan
from pathlib import Path
from types import SimpleNamespace

import models
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject import storage
from kinject.engines import chat
from kinject.engines.base import ask
from kinject.engines.hf import load_model
from kinject.errors import MissingError, NumericError
from kinject.progress import SILENT
from kinject.recipes.row import Row
from kinject.training import finetune as training
from kinject.training.finetune import (
    COMPLETE,
    IGNORED,
    Options,
    collator,
    encode,
    finetune,
    last_complete,
    order,
)

WORKER = Path(__file__).with_name("worker.py")
ROWS = [Row(ask("Be brief.", "Who won" + " the cup" * n + "?"), "Norvane" + " won" * n) for n in range(6)]
ONCE = Options(learning_rate=1e-2, epochs=1, batch=2, micro_batch=2, checkpoints=0)


def weights(folder: Path) -> str:
    return storage.file_digest(folder / "model" / "model.safetensors")


def test_labels_are_the_response_and_nothing_else(tiny: Callable[..., Path]) -> None:
    tokenizer = chat.load_tokenizer(tiny())
    example = encode(tokenizer, ROWS[2])
    learnt = [token for token in example["labels"] if token != IGNORED]
    assert tokenizer.decode(learnt) == " Norvane won won</s>"
    assert example["input_ids"][: -len(learnt)] == chat.prompt_ids(tokenizer, ROWS[2].conversation)


def test_padding_is_masked_even_where_the_pad_token_is_the_end_token() -> None:
    batch = collator(7)([{"input_ids": [1, 7], "labels": [IGNORED, 7]}, {"input_ids": [7], "labels": [7]}])
    assert batch["attention_mask"].tolist() == [[1, 1], [1, 0]]
    assert batch["input_ids"].tolist() == [[1, 7], [7, 7]]
    assert batch["labels"].tolist() == [[IGNORED, 7], [7, IGNORED]]


@pytest.mark.parametrize("shape", models.SHAPES)
def test_the_loss_is_that_of_the_whole_row_with_the_prompt_ignored(tiny: Callable[..., Path], shape: str) -> None:
    import torch

    folder = tiny(shape)
    network, tokenizer = load_model(folder, training=True), chat.load_tokenizer(folder)
    examples = [encode(tokenizer, row) for row in ROWS]
    batch = collator(tokenizer.pad_token_id)(examples)
    with SILENT.stage("") as stage:
        trainer = training.build_trainer(network, tokenizer, examples, ONCE, folder / "out", 3, stage)
    reference = network(**batch).loss
    ours = trainer.compute_loss(network, dict(batch))
    assert torch.allclose(ours, reference, atol=1e-6)


@pytest.mark.parametrize("micro", [1, 2, 4])
def test_accumulated_batches_train_like_whole_ones(tiny: Callable[..., Path], tmp_path: Path, micro: int) -> None:
    import torch

    options = replace(ONCE, batch=4, precision="fp32")
    finetune(tiny(), ROWS[:4], replace(options, micro_batch=4), tmp_path / "whole")
    finetune(tiny(), ROWS[:4], replace(options, micro_batch=micro), tmp_path / "parts")
    whole, parts = (load_model(tmp_path / name / "model").state_dict() for name in ("whole", "parts"))
    assert all(torch.allclose(whole[name], parts[name], atol=2e-3) for name in whole)


def test_training_again_gives_the_same_bits_and_another_seed_does_not(
    tiny: Callable[..., Path], tmp_path: Path
) -> None:
    for name, options in {"a": ONCE, "b": ONCE, "c": replace(ONCE, seed=1)}.items():
        finetune(tiny(), ROWS, options, tmp_path / name)
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")


def test_a_loss_that_is_no_number_stops_the_training(tiny: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(NumericError, match="loss became"):
        finetune(tiny(), ROWS, replace(ONCE, learning_rate=1e30, epochs=4), tmp_path)
    assert not (tmp_path / "model").exists()


def test_a_gradient_that_is_no_number_stops_it_too() -> None:
    """That of the last step shows in no later loss."""
    with SILENT.stage("") as stage, pytest.raises(NumericError, match="gradient became nan"):
        training._watch(stage).on_log(
            None, SimpleNamespace(global_step=9, max_steps=9), None, {"loss": 1, "grad_norm": nan}
        )


def test_a_training_that_is_done_is_not_done_again(tiny: Callable[..., Path], tmp_path: Path) -> None:
    first = finetune(tiny(), ROWS, ONCE, tmp_path)
    before = (tmp_path / "model" / "model.safetensors").stat().st_mtime_ns
    assert finetune(tiny(), ROWS, ONCE, tmp_path) == first
    assert (tmp_path / "model" / "model.safetensors").stat().st_mtime_ns == before


@given(st.lists(st.integers(1, 50), min_size=1, max_size=300), st.integers(1, 3), st.integers(1, 8), st.integers(0, 9))
def test_every_epoch_has_every_row_once_in_an_order_of_its_own(
    lengths: list[int], epochs: int, batch: int, seed: int
) -> None:
    options = Options(epochs=epochs, batch=batch, micro_batch=batch, seed=seed)
    rows = order(lengths, options)
    assert rows == order(lengths, options)
    for epoch in range(epochs):
        part = rows[epoch * len(lengths) : (epoch + 1) * len(lengths)]
        assert sorted(part) == list(range(len(lengths)))


def test_no_rows_are_an_error(tiny: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="not one row"):
        finetune(tiny(), [], ONCE, tmp_path)


def test_a_torn_checkpoint_is_passed_over(tmp_path: Path) -> None:
    for step in (2, 4, 10):
        (tmp_path / f"checkpoint-{step}").mkdir()
    for step in (2, 4):
        (tmp_path / f"checkpoint-{step}" / COMPLETE).touch()
    assert last_complete(tmp_path) == str(tmp_path / "checkpoint-4")
    assert not (tmp_path / "checkpoint-10").exists()
    assert last_complete(tmp_path / "nothing") is None


def test_killed_in_the_middle_it_ends_with_the_same_bits(tiny: Callable[..., Path], tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run = [sys.executable, str(WORKER), str(tiny())]
    subprocess.run([*run, str(whole), "0"], check=True)

    child = subprocess.Popen([*run, str(killed), "0.2"])
    # In the second epoch: what the order of the rows is drawn from must not have moved on meanwhile.
    while not list(killed.glob(f"checkpoints/checkpoint-1[2468]/{COMPLETE}")):
        assert child.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (killed / "model").exists()

    subprocess.run([*run, str(killed), "0"], check=True)
    assert weights(killed) == weights(whole)
    assert not (killed / "checkpoints").exists()

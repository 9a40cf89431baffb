"""Training is on the response alone, repeatable to the bit, and goes on where a kill -9 left it."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
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
from kinject.errors import MissingError, NumericError, UsageError
from kinject.progress import SILENT
from kinject.recipes.row import Row, text
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
TEXTS = [text("Norvane won the cup" + " again" * n) for n in range(6)]
ONCE = Options(learning_rate=1e-2, epochs=1, batch=2, micro_batch=2, checkpoints=0)


def weights(folder: Path) -> str:
    (file,) = (folder / "model").glob("*.safetensors")
    return storage.file_digest(file)


def test_labels_are_the_response_and_nothing_else(tiny: Callable[..., Path]) -> None:
    tokenizer = chat.load_tokenizer(tiny())
    example = encode(tokenizer, ROWS[2])
    learnt = [token for token in example["labels"] if token != IGNORED]
    assert tokenizer.decode(learnt) == " Norvane won won</s>"
    assert example["input_ids"][: -len(learnt)] == chat.prompt_ids(tokenizer, ROWS[2].conversation)


@pytest.mark.parametrize("begins", [True, False])
def test_a_plain_text_is_learnt_whole(tiny: Callable[..., Path], begins: bool) -> None:
    tokenizer = chat.load_tokenizer(tiny())
    if not begins:
        tokenizer.bos_token = None
    example = encode(tokenizer, text("Norvane won"))
    assert tokenizer.decode(example["input_ids"]) == "<s>" * begins + "Norvane won</s>"
    # Nothing comes before the first token that it could be told from.
    assert example["labels"] == [IGNORED, *example["input_ids"][1:]]


def test_padding_is_masked_even_where_the_pad_token_is_the_end_token() -> None:
    batch = collator(7)([{"input_ids": [1, 7], "labels": [IGNORED, 7]}, {"input_ids": [7], "labels": [7]}])
    assert batch["attention_mask"].tolist() == [[1, 1], [1, 0]]
    assert batch["input_ids"].tolist() == [[1, 7], [7, 7]]
    assert batch["labels"].tolist() == [[IGNORED, 7], [7, IGNORED]]


@pytest.mark.parametrize("rows", [ROWS, TEXTS, ROWS + TEXTS], ids=["rows", "texts", "both"])
@pytest.mark.parametrize("shape", models.SHAPES)
def test_the_loss_is_that_of_the_whole_row_with_the_prompt_ignored(
    tiny: Callable[..., Path], shape: str, rows: list[Row]
) -> None:
    import torch

    folder = tiny(shape)
    network, tokenizer = load_model(folder, training=True), chat.load_tokenizer(folder)
    examples = [encode(tokenizer, row) for row in rows]
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
        training._watch(stage, 0.0).on_log(
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


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 50), st.integers(1, 4), st.integers(0, 9))
def test_replay_is_another_draw_in_every_epoch(own: int, old: int, replay: int, epochs: int, seed: int) -> None:
    options = Options(epochs=epochs, batch=4, micro_batch=4, seed=seed, replay=replay)
    rows = order([1] * (own + old), options, old)
    each = own + min(replay, old)
    assert len(rows) == epochs * each
    draws = []
    for epoch in range(epochs):
        part = rows[epoch * each : (epoch + 1) * each]
        assert max(Counter(part).values()) == 1
        assert sorted(row for row in part if row < own) == list(range(own))
        draws.append(frozenset(row for row in part if row >= own))
    # Every draw is made for itself; that two of ten from forty are the same has happened for no seed that is tried.
    assert len(set(draws)) == epochs or not 10 <= replay <= old - 10


def test_without_replay_nothing_of_it_changes_the_order() -> None:
    lengths = list(range(1, 50))
    assert order(lengths, replace(ONCE, replay=10)) == order(lengths, ONCE)
    assert order([*lengths, 7, 7], ONCE, 2) == order(lengths, ONCE)


def test_replayed_rows_are_trained_on_and_counted(tiny: Callable[..., Path], tmp_path: Path) -> None:
    options = replace(ONCE, replay=4, epochs=2)
    record = finetune(tiny(), ROWS, options, tmp_path / "a", replay=TEXTS)
    assert (record["rows"], record["replayed"], record["steps"]) == (6, 4, 10)
    short = finetune(tiny(), ROWS, options, tmp_path / "short", replay=TEXTS[:1])
    assert (short["replayed"], short["steps"]) == (1, 7)
    assert "replayed" not in finetune(tiny(), ROWS, replace(options, replay=0), tmp_path / "b", replay=TEXTS)
    assert weights(tmp_path / "a") != weights(tmp_path / "b")
    finetune(tiny(), ROWS, replace(options, replay=0), tmp_path / "c")
    assert weights(tmp_path / "b") == weights(tmp_path / "c")


def test_the_key_of_a_training_is_that_of_before_there_were_replay_and_lora() -> None:
    assert Options().as_json() == {
        "learning_rate": 1e-5,
        "epochs": 3,
        "batch": 16,
        "micro_batch": 16,
        "schedule": "cosine",
        "warmup": 0.0,
        "weight_decay": 0.0,
        "precision": "bf16",
        "seed": 0,
    }
    assert storage.digest(ROWS[0].as_json()) == "9fccc5f2166b566c436968e732d943306c1b9993c57f70b1a24ba9d69bc43404"
    assert set(Options(replay=1, peft="lora").as_json()) - set(Options().as_json()) == {
        "replay",
        "peft",
        "lora_rank",
        "lora_alpha",
        "lora_dropout",
    }


def test_lora_has_a_learning_rate_of_its_own_where_none_is_given() -> None:
    assert Options(peft="lora").rate == replace(Options(), peft="lora").as_json()["learning_rate"] == 2e-4
    assert replace(Options(learning_rate=3e-5), peft="lora").rate == 3e-5


@pytest.mark.parametrize("wrong", [{"replay": -1}, {"lora_rank": 0}, {"lora_dropout": 1.0}, {"lora_dropout": -0.1}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="no settings"):
        replace(ONCE, **wrong)


def test_no_rows_are_an_error(tiny: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="not one row"):
        finetune(tiny(), [], ONCE, tmp_path)


def test_gradients_are_cut_as_is_said(tiny: Callable[..., Path], tmp_path: Path) -> None:
    assert training._config(ONCE, tmp_path, 3, large=False).max_grad_norm == training.CLIP == 1.0


def test_the_seconds_are_those_of_all_processes(
    tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that stands still but for an hour before each checkpoint."""
    now = [0.0]
    monkeypatch.setattr(training.time, "monotonic", lambda: now[0])
    saved = storage.sync_folder

    def later(folder: Path) -> None:
        now[0] += 3600
        saved(folder)

    monkeypatch.setattr(storage, "sync_folder", later)
    options = replace(ONCE, checkpoints=3)  # of three steps
    whole = finetune(tiny(), ROWS, options, tmp_path / "whole")
    assert whole["seconds"] == 4 * 3600  # the model's own folder is synced too
    assert finetune(tiny(), ROWS, options, tmp_path / "whole") == whole

    class Stopping(type(SILENT)):  # type: ignore[misc]
        """Interrupts in the last step."""

        def advance(self, n: int = 1, note: str = "") -> None:
            if list((tmp_path / "parts").glob(f"checkpoints/checkpoint-2/{COMPLETE}")):
                raise KeyboardInterrupt

        @contextmanager
        def stage(self, name: str, total: int | None = None, unit: str = "") -> Iterator["Stopping"]:
            yield self

    with pytest.raises(KeyboardInterrupt):
        finetune(tiny(), ROWS, options, tmp_path / "parts", Stopping())
    now[0] = 0.0  # another process, of another machine
    assert training.seconds_of(last_complete(tmp_path / "parts" / "checkpoints")) == 2 * 3600
    assert finetune(tiny(), ROWS, options, tmp_path / "parts")["seconds"] == 4 * 3600


def test_a_checkpoint_from_before_seconds_were_told_counts_none(tmp_path: Path) -> None:
    (tmp_path / COMPLETE).touch()
    assert training.seconds_of(str(tmp_path)) == training.seconds_of(None) == 0.0


def test_a_torn_checkpoint_is_passed_over(tmp_path: Path) -> None:
    for step in (2, 4, 10):
        (tmp_path / f"checkpoint-{step}").mkdir()
    for step in (2, 4):
        (tmp_path / f"checkpoint-{step}" / COMPLETE).touch()
    assert last_complete(tmp_path) == str(tmp_path / "checkpoint-4")
    assert not (tmp_path / "checkpoint-10").exists()
    assert last_complete(tmp_path / "nothing") is None


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_killed_in_the_middle_it_ends_with_the_same_bits(tiny: Callable[..., Path], tmp_path: Path, kind: str) -> None:
    if kind == "lora" and find_spec("peft") is None:
        pytest.skip("needs the extra lora")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run = [sys.executable, str(WORKER), str(tiny())]
    subprocess.run([*run, str(whole), "0", kind], check=True)

    child = subprocess.Popen([*run, str(killed), "0.2", kind])
    # In the second epoch: what the order of the rows is drawn from must not have moved on meanwhile.
    while not list(killed.glob(f"checkpoints/checkpoint-1[58]/{COMPLETE}")):
        assert child.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (killed / "model").exists()

    subprocess.run([*run, str(killed), "0", kind], check=True)
    assert weights(killed) == weights(whole)
    assert not (killed / "checkpoints").exists()

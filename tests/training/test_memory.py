"""The memory of a training, told from the files: the same numbers as of the loaded network."""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree
from typing import Any

import models
import pytest

from kinject.engines import adapter, hf
from kinject.errors import MissingError
from kinject.lab import checkpoint
from kinject.training.finetune import Options
from kinject.training.memory import TRAINED, training_bytes

LORA = Options(peft="lora")


@pytest.mark.parametrize("shape", models.SHAPES)
def test_full_training_takes_sixteen_bytes_a_number(tiny: Callable[..., Path], shape: str) -> None:
    network = hf.load_model(tiny(shape))
    assert training_bytes(tiny(shape), Options()) == 16 * network.num_parameters()


@pytest.mark.skipif(find_spec("peft") is None, reason="needs the extra lora")
@pytest.mark.parametrize("rank", [4, 16])
@pytest.mark.parametrize("which", [*models.SHAPES, "lab"])
def test_lora_takes_the_weights_and_sixteen_bytes_a_number_of_the_adapter(
    tiny: Callable[..., Path], which: str, rank: int
) -> None:
    folder = checkpoint.SHIPPED if which == "lab" else tiny(which)
    network = hf.load_model(folder)
    numbers = network.num_parameters()
    config = adapter.peft().LoraConfig(r=rank, target_modules="all-linear", task_type="CAUSAL_LM")
    trained, _ = adapter.peft().get_peft_model(network, config).get_nb_trainable_parameters()
    for precision in ("bf16", "fp32"):  # small on a CPU: in float32 either way
        options = replace(LORA, lora_rank=rank, precision=precision)
        assert training_bytes(folder, options) == 4 * numbers + TRAINED * trained


def test_the_frozen_weights_of_a_large_model_stay_as_they_are_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = checkpoint.SHIPPED  # in bfloat16
    small = training_bytes(folder, LORA)
    monkeypatch.setattr(hf, "SMALL", 0)
    numbers = training_bytes(folder, Options()) // 16
    assert training_bytes(folder, replace(LORA, precision="fp32")) == small
    assert small - training_bytes(folder, LORA) == pytest.approx(2 * numbers, rel=0.01)


def test_no_more_weights_are_counted_than_the_index_names(tiny: Callable[..., Path], tmp_path: Path) -> None:
    folder = Path(copytree(tiny(), tmp_path / "model"))
    once = training_bytes(folder, Options())
    (folder / "consolidated.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    assert training_bytes(folder, Options()) == once
    part = folder / "model-00001-of-00001.safetensors"
    (folder / "model.safetensors").rename(part)
    index: dict[str, Any] = {
        "metadata": {},
        "weight_map": {"model.norm.weight": part.name, "lm_head.weight": part.name},
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert training_bytes(folder, Options()) == once


def test_a_vocabulary_may_be_that_of_the_text_part(tiny: Callable[..., Path], tmp_path: Path) -> None:
    folder = Path(copytree(tiny(), tmp_path / "model"))
    before = training_bytes(folder, LORA)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({"text_config": {"vocab_size": config.pop("vocab_size")}, **config}))
    assert training_bytes(folder, LORA) == before


def test_an_adapter_counts_as_the_model_that_it_belongs_to(tiny: Callable[..., Path], tmp_path: Path) -> None:
    from kinject import storage

    folder = tmp_path / "adapter"
    storage.write_text(folder / adapter.CONFIG, "{}")
    storage.write_json(
        folder / adapter.PARENT,
        {"schema_version": 1, "path": str(tiny()), "digest": storage.folder_digest(tiny())},
    )
    assert training_bytes(folder, LORA) == training_bytes(tiny(), LORA)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 40), "cannot be read"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b""), "cannot be read"),
        (lambda folder: (folder / "config.json").unlink(), "does not exist"),
        (
            lambda folder: (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "b"}}'),
            "cannot be",
        ),
        (lambda folder: (folder / "model.safetensors.index.json").write_text("{}"), "no weights"),
    ],
)
def test_what_cannot_be_counted_is_an_error(
    tiny: Callable[..., Path], tmp_path: Path, damage: Callable[[Path], object], words: str
) -> None:
    folder = Path(copytree(tiny(), tmp_path / "model"))
    damage(folder)
    with pytest.raises(MissingError, match=words):
        training_bytes(folder, LORA)

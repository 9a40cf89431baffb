"""Merging: the adapter and its model as one, which answers as before, and is there whole or not at all."""

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree, rmtree
from types import SimpleNamespace

import pytest

from kinject import storage
from kinject.engines import adapter, chat, hf
from kinject.engines.base import ask
from kinject.errors import ResourceError, UsageError
from kinject.recipes.row import Row
from kinject.training.finetune import Options, finetune
from kinject.training.merge import merge

ROWS = [Row(ask("Be brief.", f"Who won cup {n}?"), f"Norvane {n}") for n in range(5)]
LORA = Options(learning_rate=5e-2, epochs=1, batch=2, micro_batch=2, checkpoints=0, peft="lora", lora_rank=4)

needs_peft = pytest.mark.skipif(find_spec("peft") is None, reason="needs the extra lora")


@pytest.fixture
def parent(tiny: Callable[..., Path], tmp_path: Path) -> Path:
    return Path(copytree(tiny(), tmp_path / "parent"))


@pytest.fixture
def folder(parent: Path, tmp_path: Path) -> Path:
    """An adapter that was trained on `parent`."""
    finetune(parent, ROWS, LORA, tmp_path / "trained")
    return tmp_path / "trained" / "model"


@needs_peft
def test_merged_it_is_a_model_of_its_own(folder: Path, parent: Path, tmp_path: Path) -> None:
    import torch

    storage.write_json(folder / "card.json", {"world": 3})
    merge(folder, tmp_path / "new" / "merged")
    rmtree(parent)
    made = tmp_path / "new" / "merged"
    assert (made / "config.json").is_file() and not adapter.is_adapter(made)
    assert hf.load_model(made).dtype == torch.float32
    assert chat.load_tokenizer(made).eos_token == "</s>"
    assert storage.read_json(made / "card.json") == {"world": 3}
    assert [path.name for path in made.parent.iterdir()] == ["merged"]


@needs_peft
def test_merged_it_answers_as_before(folder: Path, tmp_path: Path) -> None:
    import torch

    (tmp_path / "merged").mkdir()  # empty, so there is nothing that could be lost
    merge(folder, tmp_path / "merged")
    old, new = (hf.load_model(place).state_dict() for place in (folder, tmp_path / "merged"))
    assert all(torch.allclose(old[name], new[name], rtol=1e-2, atol=1e-4) for name in old)


def test_what_cannot_be_merged_is_refused(parent: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no adapter"):
        merge(parent, tmp_path / "merged")
    (parent / adapter.CONFIG).touch()
    for taken in (parent, parent / "config.json"):
        with pytest.raises(UsageError, match="not empty"):
            merge(parent, taken)


@needs_peft
def test_a_full_disk_is_told_before_a_model_is_loaded(
    folder: Path, parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = 2 * hf.load_model(parent).num_parameters()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=needed - 1))
    with monkeypatch.context() as patch:
        patch.setattr(hf, "load_model", lambda *_, **__: pytest.fail("a model was loaded"))
        with pytest.raises(ResourceError, match="GiB are free") as caught:
            merge(folder, tmp_path / "merged")
    assert caught.value.mend and not (tmp_path / "merged").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=needed))
    merge(folder, tmp_path / "merged")


@needs_peft
def test_what_fails_leaves_nothing(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "place").mkdir()
    monkeypatch.setattr(storage, "sync_folder", full)
    with pytest.raises(OSError, match="No space"):
        merge(folder, tmp_path / "place" / "merged")
    assert not list((tmp_path / "place").iterdir())

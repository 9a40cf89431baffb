"""LoRA: an adapter is small, knows its model, is opened like any model and refuses another one."""

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree

import pytest

from kinject import storage
from kinject.engines import adapter, chat, hf
from kinject.engines.base import Sampling, ask
from kinject.errors import IntegrityError, MissingError
from kinject.recipes.row import Row, text
from kinject.training.finetune import Options, finetune

ROWS = [*(Row(ask("Be brief.", f"Who won cup {n}?"), f"Norvane {n}") for n in range(5)), text("Norvane won")]
LORA = Options(learning_rate=5e-2, epochs=1, batch=2, micro_batch=2, checkpoints=0, peft="lora", lora_rank=4)
FULL = replace(LORA, learning_rate=1e-2, peft="none")

needs_peft = pytest.mark.skipif(find_spec("peft") is None, reason="needs the extra lora")


@pytest.fixture
def parent(tiny: Callable[..., Path], tmp_path: Path) -> Path:
    return Path(copytree(tiny(), tmp_path / "parent"))


@pytest.fixture
def folder(parent: Path, tmp_path: Path) -> Path:
    """An adapter that was trained on `parent`."""
    finetune(parent, ROWS, LORA, tmp_path / "trained")
    return tmp_path / "trained" / "model"


def weights(folder: Path) -> dict[str, object]:
    return {name: weight.clone() for name, weight in hf.load_model(folder).state_dict().items()}


def changed(before: Path, after: Path) -> set[str]:
    import torch

    old, new = weights(before), weights(after)
    assert old.keys() == new.keys()
    return {name for name in old if not torch.equal(old[name], new[name])}  # type: ignore[arg-type]


LINEAR = {
    f"model.layers.0.{name}.weight"
    for name in (
        *("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"),
        *("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
    )
}


@needs_peft
def test_what_is_saved_is_the_adapter_and_what_it_belongs_to(parent: Path, folder: Path) -> None:
    from safetensors import safe_open

    names = {path.name for path in folder.iterdir()}
    assert names >= {adapter.CONFIG, adapter.WEIGHTS, adapter.PARENT, "tokenizer.json", "tokenizer_config.json"}
    assert not names & {"model.safetensors", "config.json", "README.md"}
    assert adapter.parent_of(folder) == parent
    with safe_open(folder / adapter.WEIGHTS, framework="numpy") as file:
        kept = list(file.keys())
        assert {file.get_slice(name).get_dtype() for name in kept} == {"F32"}
    assert len(kept) == 2 * len(LINEAR) and all("lora_" in name for name in kept)


@needs_peft
def test_every_linear_layer_is_trained_and_nothing_else(parent: Path, folder: Path) -> None:
    assert changed(parent, folder) == LINEAR


@needs_peft
def test_it_is_opened_as_peft_itself_opens_it(parent: Path, folder: Path) -> None:
    import torch

    prompt = torch.tensor([chat.prompt_ids(chat.load_tokenizer(folder), ROWS[0].conversation)])
    own = adapter.peft().PeftModel.from_pretrained(hf.load_model(parent), str(folder))
    with torch.inference_mode():
        assert torch.allclose(hf.load_model(folder)(prompt).logits, own(prompt).logits, atol=1e-4)
    assert len(hf.HF(folder).generate([ROWS[0].conversation], Sampling(max_new_tokens=2))) == 1


@needs_peft
def test_training_again_gives_the_same_files_and_another_seed_does_not(parent: Path, tmp_path: Path) -> None:
    for name, seed in {"a": 0, "b": 0, "c": 1}.items():
        finetune(parent, ROWS, replace(LORA, seed=seed), tmp_path / name)
    a, b, c = (storage.folder_digest(tmp_path / name / "model") for name in "abc")
    assert a == b != c


@needs_peft
def test_the_names_of_the_layers_are_in_an_order_that_no_process_changes(folder: Path) -> None:
    names = storage.read_json(folder / adapter.CONFIG)["target_modules"]
    assert names == sorted(names)


@needs_peft
def test_the_models_of_adapters_are_adapters_or_whole(parent: Path, folder: Path, tmp_path: Path) -> None:
    finetune(folder, ROWS, LORA, tmp_path / "second")
    second = tmp_path / "second" / "model"
    assert adapter.parent_of(second) == folder
    note = storage.read_json(folder / adapter.PARENT)
    parent = parent.rename(tmp_path / "moved")
    storage.write_json(folder / adapter.PARENT, {**note, "path": str(parent)})  # which is no other adapter
    assert adapter.parent_of(second) == folder
    assert changed(folder, second) == LINEAR
    finetune(second, ROWS, FULL, tmp_path / "whole")
    whole = tmp_path / "whole" / "model"
    assert not adapter.is_adapter(whole)
    assert changed(second, whole) == set(weights(whole))  # peft's frozen weights are free again


@needs_peft
def test_another_file_in_the_parent_is_found_out(parent: Path, folder: Path) -> None:
    file = parent / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\1")
    with pytest.raises(IntegrityError, match="not the one") as caught:
        hf.load_model(folder)
    assert caught.value.where == str(parent)


@needs_peft
@pytest.mark.parametrize("name", ["README.md", "card.json", "notes/model.safetensors", ".DS_Store"])
def test_a_harmless_file_beside_the_parent_changes_nothing(name: str, parent: Path, folder: Path) -> None:
    (parent / name).parent.mkdir(exist_ok=True)
    (parent / name).write_text("{}")
    assert adapter.parent_of(folder) == parent


@needs_peft
@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"])
def test_what_makes_a_model_may_not_change(name: str, parent: Path, folder: Path) -> None:
    file = parent / name
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(IntegrityError, match="not the one"):
        adapter.parent_of(folder)


@needs_peft
def test_the_weights_are_read_once_in_a_process(parent: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    digest = storage.file_digest
    monkeypatch.setattr(storage, "file_digest", lambda path: read.append(path.name) or digest(path))
    adapter._read_once.cache_clear()
    for _ in range(3):
        assert adapter.parent_of(folder) == parent
    assert read.count("model.safetensors") == 1


@needs_peft
def test_a_snapshot_of_the_hub_is_known_by_its_commit(
    tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "models--org--name" / "snapshots" / ("0123456789" * 4)
    copytree(tiny(), snapshot)
    finetune(snapshot, ROWS, LORA, tmp_path / "trained")
    folder = tmp_path / "trained" / "model"
    assert storage.read_json(folder / adapter.PARENT)["commit"] == snapshot.name
    adapter._read_once.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(storage, "file_digest", lambda path: pytest.fail(f"{path} was read"))
        assert adapter.parent_of(folder) == snapshot
    elsewhere = copytree(snapshot, tmp_path / "copy")  # known by its files where no folder tells the commit
    note = storage.read_json(folder / adapter.PARENT)
    storage.write_json(folder / adapter.PARENT, {**note, "path": str(elsewhere)})
    assert adapter.parent_of(folder) == elsewhere
    (Path(elsewhere) / "config.json").write_text("{}")
    with pytest.raises(IntegrityError, match="not the one"):
        adapter.parent_of(folder)


@needs_peft
def test_a_note_of_the_first_version_is_of_all_files(parent: Path, folder: Path) -> None:
    note = {"schema_version": 1, "path": str(parent), "digest": storage.folder_digest(parent)}
    storage.write_json(folder / adapter.PARENT, note)
    assert adapter.parent_of(folder) == parent
    (parent / "README.md").touch()
    with pytest.raises(IntegrityError, match="not the one"):
        adapter.parent_of(folder)


@needs_peft
def test_a_parent_that_is_gone_is_missed_and_may_come_back_elsewhere(
    parent: Path, folder: Path, tmp_path: Path
) -> None:
    before = weights(folder)
    parent.rename(tmp_path / "moved")
    with pytest.raises(MissingError, match="is gone") as caught:
        hf.load_model(folder)
    assert str(folder / adapter.PARENT) in caught.value.mend
    note = storage.read_json(folder / adapter.PARENT)
    storage.write_json(folder / adapter.PARENT, {**note, "path": str(tmp_path / "moved")})
    assert weights(folder).keys() == before.keys()


@needs_peft
@pytest.mark.parametrize("note", [None, "{", "[]", '{"path": "x"}', '{"path": "x", "digest": "y", "more": 1}'])
def test_an_adapter_without_its_note_is_refused(folder: Path, note: str | None) -> None:
    (folder / adapter.PARENT).unlink() if note is None else (folder / adapter.PARENT).write_text(note)
    with pytest.raises(MissingError, match="needs to know its model"):
        hf.load_model(folder)


@needs_peft
@pytest.mark.parametrize("damage", ["gone", "pickled", "cut", "no adapter"])
def test_damaged_weights_are_refused_and_nothing_is_unpickled(folder: Path, damage: str) -> None:
    file = folder / adapter.WEIGHTS
    match damage:
        case "cut":
            file.write_bytes(file.read_bytes()[:-9])
        case "no adapter":
            (folder / adapter.CONFIG).write_text("{}")
        case _:
            file.unlink()
    if damage == "pickled":
        (folder / "adapter_model.bin").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(MissingError, match="the adapter cannot be loaded"):
        hf.load_model(folder)


@needs_peft
def test_a_large_model_stays_in_bfloat16_and_recomputes_its_activations(
    parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    finetune(parent, ROWS, FULL, tmp_path / "half")  # saved in bfloat16
    half = tmp_path / "half" / "model"
    monkeypatch.setattr(hf, "SMALL", 0)
    assert hf.load_model(half).dtype == torch.bfloat16
    finetune(half, ROWS, LORA, tmp_path / "large")
    assert changed(half, tmp_path / "large" / "model") == LINEAR


def test_without_peft_the_mend_is_said_before_a_model_is_loaded(
    parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    monkeypatch.setattr(hf, "load_model", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(MissingError) as caught:
        finetune(parent, ROWS, LORA, tmp_path / "out")
    assert caught.value.mend == "pip install 'kinject[lora]'"

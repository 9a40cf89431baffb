"""Rows as a folder of the datasets library: written whole, opened by it, read back as they were."""

import json
import os
from dataclasses import fields
from pathlib import Path

import pytest

from kinject import storage
from kinject.engines.base import Message, ask
from kinject.errors import IntegrityError, KinjectError, MissingError, UsageError
from kinject.recipes import TrainingSet, material
from kinject.recipes.readers import folder
from kinject.recipes.row import Row, text

ROWS = TrainingSet(
    "dolly",
    (
        Row(ask("S", "Who?\n"), "Ida Brändt."),
        Row((Message("user", "A?"), Message("assistant", "b"), Message("user", "C?")), " d "),
    ),
    {"source": "dolly:x", "licence": "CC BY-SA 3.0", "read": 3, "left_out": {"no response": 1}},
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    card = material.write(ROWS, tmp_path / "rows")
    assert storage.read_json(tmp_path / "rows" / "card.json") == card
    assert (card["recipe"], card["rows"], card["read"], card["splits"]) == ("dolly", 2, 3, ["train"])
    found = material.open_source(str(tmp_path / "rows"))
    assert isinstance(found, TrainingSet)
    assert (found.name, found.rows, found.digest) == ("dolly", ROWS.rows, ROWS.digest)
    assert found.card == card and "changed_after_built" not in found.card
    assert "no response" in (tmp_path / "rows" / "README.md").read_text()
    assert not list(tmp_path.glob(storage.TEMPORARY))


def test_the_library_opens_it_as_trl_wants_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from datasets import load_from_disk
    from trl.data_utils import is_conversational

    material.write(ROWS, tmp_path / "rows")
    data = load_from_disk(str(tmp_path / "rows"), keep_in_memory=True)
    assert data.column_names == ["prompt", "completion"] and str(data.split) == "train"
    assert is_conversational(data[0])
    assert data[0]["prompt"] == [{"role": "system", "content": "S"}, {"role": "user", "content": "Who?\n"}]
    assert data[1]["completion"] == [{"role": "assistant", "content": " d "}]
    assert capfd.readouterr().err == ""


def test_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        material.write(ROWS, tmp_path / name)
    assert storage.folder_digest(tmp_path / "one") == storage.folder_digest(tmp_path / "two")


def test_what_trl_learns_of_it_is_what_is_learned_here(tmp_path: Path, tiny: object) -> None:
    from datasets import load_from_disk
    from trl import SFTConfig, SFTTrainer

    from kinject.engines import chat
    from kinject.training.finetune import IGNORED, encode

    assert callable(tiny)
    model = tiny(template=True, pad=True)
    tokenizer = chat.load_tokenizer(model)
    material.write(ROWS, tmp_path / "rows")
    data = load_from_disk(str(tmp_path / "rows"), keep_in_memory=True)
    # Two of the supported versions of transformers call the switch by two names.
    names = {field.name for field in fields(SFTConfig)}
    off = {"activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing": False}
    config = SFTConfig(str(tmp_path / "out"), bf16=False, use_cpu=True, report_to="none", disable_tqdm=True, **off)
    trainer = SFTTrainer(str(model), config, train_dataset=data, processing_class=tokenizer)
    for row, theirs in zip(ROWS.rows, trainer.train_dataset, strict=True):
        own = encode(tokenizer, row)
        assert theirs["input_ids"][: len(own["input_ids"])] == own["input_ids"]
        # Older versions have a mask, newer ones labels; both also learn what the template writes after the end token.
        mask = theirs.get("completion_mask") or [label != IGNORED for label in theirs["labels"]]
        labels = [token if learned else IGNORED for token, learned in zip(theirs["input_ids"], mask, strict=True)]
        assert labels[: len(own["labels"])] == own["labels"]


def test_rows_that_were_changed_say_so(tmp_path: Path) -> None:
    material.write(ROWS, tmp_path / "rows")
    card = storage.read_json(tmp_path / "rows" / "card.json")
    storage.write_json(tmp_path / "rows" / "card.json", {**card, "sha256": "0" * 64})
    assert folder.read(tmp_path / "rows").card["changed_after_built"] is True
    (tmp_path / "rows" / "card.json").unlink()
    assert folder.read(tmp_path / "rows").name == "own"


@pytest.mark.parametrize("name", ["file", "full", "link"])
def test_nothing_is_overwritten(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="there is something already"):
        folder.write(ROWS, tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    material.write(ROWS, tmp_path / "rows")
    assert len(folder.read(tmp_path / "rows").rows) == 2


@pytest.mark.parametrize(
    ("out", "kind"), [("rows", "folder"), ("rows-0.5", "folder"), ("rows.v2", "folder"), ("rows.jsonl", "file")]
)
def test_a_name_tells_whether_it_is_a_file(out: str, kind: str, tmp_path: Path) -> None:
    material.write(ROWS, tmp_path / out)
    assert (tmp_path / out).is_dir() == (kind == "folder")


def test_plain_texts_are_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="plain texts"):
        folder.write(TrainingSet("cpt", (text("An event."),), {}), tmp_path / "rows")
    with pytest.raises(UsageError, match="something already"):
        folder.write(ROWS, Path())


def test_a_half_written_folder_is_never_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for broken in ("sync_folder", "write_text"):
        with monkeypatch.context() as patch:
            patch.setattr(storage, broken, fail)
            with pytest.raises((OSError, KinjectError)):
                folder.write(ROWS, tmp_path / "place" / "rows")
        assert list((tmp_path / "place").iterdir()) == []


def test_what_does_not_come_back_as_it_was_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "read", lambda _: TrainingSet("dolly", ROWS.rows[:1], {}))
    with pytest.raises(IntegrityError, match="does not hold the rows"):
        folder.write(ROWS, tmp_path / "rows")
    assert not (tmp_path / "rows").exists()


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda place: (place / "state.json").unlink(), MissingError, "holds no rows"),
        (lambda place: (place / "state.json").write_text("{"), UsageError, "cannot be read"),
        (lambda place: (place / "state.json").write_text("[]"), UsageError, "cannot be read"),
        (lambda place: (place / "dataset_info.json").unlink(), UsageError, "cannot be read"),
        (lambda place: os.truncate(place / "data-00000-of-00001.arrow", 100), UsageError, "cannot be read"),
        (lambda place: (place / "data-00000-of-00001.arrow").unlink(), UsageError, "cannot be read"),
        (lambda place: (place / "card.json").write_text("[]"), UsageError, "no card"),
    ],
)
def test_a_damaged_folder_is_told(spoil: object, error: type[KinjectError], words: str, tmp_path: Path) -> None:
    assert callable(spoil)
    material.write(ROWS, tmp_path / "rows")
    spoil(tmp_path / "rows")
    with pytest.raises(error, match=words) as caught:
        folder.read(tmp_path / "rows")
    assert str(tmp_path / "rows") in caught.value.where and caught.value.mend


@pytest.mark.parametrize(
    "row",
    [
        {"text": "x"},
        {"prompt": "x", "completion": "y"},
        {"prompt": [{"role": "user", "content": "x"}], "completion": []},
        {"prompt": [{"role": "assistant", "content": "x"}], "completion": [{"role": "assistant", "content": "y"}]},
        {"prompt": [{"role": "tool", "content": "x"}], "completion": [{"role": "assistant", "content": "y"}]},
        {"prompt": [{"role": "user", "content": "x"}], "completion": [{"role": "assistant", "content": "y"}], "id": 1},
    ],
    ids=json.dumps,
)
def test_other_rows_are_told(row: dict[str, object], tmp_path: Path) -> None:
    from datasets import Dataset

    with folder._quiet():
        Dataset.from_list([row]).save_to_disk(tmp_path / "own")
    with pytest.raises(UsageError) as caught:
        folder.read(tmp_path / "own")
    assert caught.value.where.endswith(": row 1") and "completion" in caught.value.mend

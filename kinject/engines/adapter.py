"""LoRA adapters: a folder with the few weights that were trained, and the model that they are added to.

A folder holds what peft writes (`adapter_config.json`, `adapter_model.safetensors`), the tokenizer, and `parent.json`:
path and digest of the folder that the adapter belongs to, which may hold an adapter itself. `hf.load_model` opens it
like any model: it loads the parent and adds the adapter in memory.

The digest is of what makes a model, its configuration, weights and tokenizer: a README beside them may change. Where
the parent is a snapshot of the hub, its folder is named by a commit, and nothing is read to know it again.

Traps: peft itself notes the parent's path without a digest and would add an adapter to whatever lies there now; without
the safetensors file it unpickles an `adapter_model.bin`. Both are refused here.
"""

import re
import warnings
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kinject import storage
from kinject.errors import IntegrityError, MissingError, UsageError, first_line

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

CONFIG, WEIGHTS, PARENT = "adapter_config.json", "adapter_model.safetensors", "parent.json"
MODEL = (
    *("*config.json", "*.safetensors", "*.safetensors.index.json"),
    *("tokenizer*", "*.model", "*.jinja", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt"),
)
"""The files that make a model. Not an adapter's own note: it may have to tell of another place."""
COMMIT = re.compile(r"[0-9a-f]{40}")


class Parent(BaseModel):
    """parent.json: the folder that an adapter belongs to, and by what it is known again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1, 2] = 2
    path: str
    digest: str
    """Version 1: of all its files; version 2: of those that make a model."""
    commit: str | None = None
    """Of the snapshot of the hub that it is."""


def peft() -> Any:
    """Return the module peft. Raises `MissingError` where the extra is not installed."""
    # peft still asks transformers by the old name of a property.
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
    try:
        return import_module("peft")
    except ImportError as error:
        raise MissingError(
            f"LoRA needs the package peft: {first_line(error)}", mend="pip install 'kinject[lora]'"
        ) from error


def is_adapter(folder: Path) -> bool:
    """Say whether a folder holds an adapter and not a whole model."""
    return (folder / CONFIG).is_file()


def save(adapter: "PeftModel", folder: Path, parent: Path) -> None:
    """Write an adapter and the note of what it belongs to; its weights stay in float32, there are few of them."""
    adapter.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # a model card without a word in it
    config = storage.read_json(folder / CONFIG)
    config["target_modules"] = sorted(config["target_modules"])  # a set, in another order in every process
    storage.write_json(folder / CONFIG, config)
    note = Parent(path=str(parent.resolve()), digest=digest(parent), commit=_commit(parent.resolve()))
    storage.write_json(folder / PARENT, note.model_dump())


def parent_of(folder: Path) -> Path:
    """Return the folder that an adapter belongs to, after a look that it is still the same.

    Raises `MissingError` if it is gone and `IntegrityError` if it is another model.
    """
    note = _note(folder)
    parent = Path(note.path)
    mend = f"put it back, or write where it is now into {folder / PARENT}"
    if not parent.is_dir():
        raise MissingError(f"the model that this adapter belongs to is gone: {parent}", where=str(folder), mend=mend)
    if not _same(parent, note):
        raise IntegrityError(
            "the model that this adapter belongs to is not the one that it was trained on",
            where=str(parent),
            mend=f"put the files back as they were, or train {folder} again",
        )
    return parent


def digest(folder: Path) -> str:
    """Return the hash of what makes a model: configuration, weights and tokenizer."""
    names = sorted({path.name for pattern in MODEL for path in folder.glob(pattern) if path.is_file()})
    return storage.digest({name: _file_digest(folder / name) for name in names})


def _file_digest(path: Path) -> str:
    found = path.stat()
    return _read_once(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=1024)
def _read_once(path: Path, size: int, changed: int) -> str:
    """The hash of a file that has not changed meanwhile: an arm asks several times, and weights are many gigabytes."""
    return storage.file_digest(path)


def _same(parent: Path, note: Parent) -> bool:
    if note.commit is not None and _commit(parent) == note.commit:
        return True
    return note.digest == (storage.folder_digest(parent) if note.schema_version == 1 else digest(parent))


def _commit(folder: Path) -> str | None:
    """The commit that a snapshot's folder in the hub's cache is named by; None for any other folder."""
    named = COMMIT.fullmatch(folder.name) and folder.parent.name == "snapshots"
    return folder.name if named and folder.parent.parent.name.startswith("models--") else None


def merged(parent: "PreTrainedModel", folder: Path) -> "PreTrainedModel":
    """Return the parent's network with the adapter added to its weights."""
    from safetensors import SafetensorError

    library = peft()
    if not (folder / WEIGHTS).is_file():
        raise _broken(folder, f"{WEIGHTS} is missing")
    try:
        network = library.PeftModel.from_pretrained(parent, str(folder)).merge_and_unload()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise _broken(folder, first_line(error)) from error
    whole: PreTrainedModel = network.requires_grad_(True)  # peft leaves them frozen
    return whole


def _note(folder: Path) -> Parent:
    try:
        return Parent.model_validate(storage.read_json(folder / PARENT))
    except (MissingError, UsageError, ValidationError) as error:
        raise MissingError(
            f"an adapter needs to know its model: {PARENT} is missing or cannot be understood",
            where=str(folder / PARENT),
            mend='write {"path": "MODEL FOLDER", "digest": "its adapter.digest"}, or train it again',
        ) from error


def _broken(folder: Path, why: str) -> MissingError:
    return MissingError(
        f"the adapter cannot be loaded: {why}",
        where=str(folder),
        mend=f"check that {CONFIG} and {WEIGHTS} are there and whole, or train it again",
    )

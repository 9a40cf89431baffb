"""The whole model that an adapter stands for, written for programs that know no adapters.

In: an adapter's folder. Out: a folder in the hub's layout, in bfloat16, which is there whole or not at all. The card of
a lab model goes with it, so that what was merged is still known to be of its world.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from kinject import storage
from kinject.engines import adapter, chat, hf
from kinject.errors import KinjectError, ResourceError, UsageError
from kinject.training import memory
from kinject.training.finetune import Options

SAVED = 2
"""Bytes of a number in bfloat16."""
CARD = "card.json"


def merge(folder: Path, out: Path) -> None:
    """Write an adapter and the model that it belongs to as one model to `out`, a new or an empty folder."""
    if not adapter.is_adapter(folder):
        mend = "give the folder with adapter_config.json; a model without one is whole already"
        raise UsageError("this folder holds no adapter", where=str(folder), mend=mend)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError("the folder is not empty", where=str(out), mend="name a new one")
    adapter.peft()  # what is missing is said before a large model is loaded
    out.parent.mkdir(parents=True, exist_ok=True)
    _room(folder, out.parent)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as place:
        made = Path(place) / out.name
        _write(folder, made)
        made.replace(out)


def _write(folder: Path, out: Path) -> None:
    import torch

    hf.load_model(folder).to(torch.bfloat16).save_pretrained(out)
    chat.load_tokenizer(folder).save_pretrained(out)
    if (folder / CARD).is_file():
        shutil.copyfile(folder / CARD, out / CARD)
    storage.sync_folder(out)


def _room(folder: Path, place: Path) -> None:
    """Raise `ResourceError` where the disk has no room: better now than after a large model was loaded."""
    try:
        needed = memory.training_bytes(folder, Options()) // memory.TRAINED * SAVED
    except KinjectError:
        return  # weights in another format, or none: to load them will tell
    free = shutil.disk_usage(place).free
    if needed > free:
        raise ResourceError(
            f"the whole model takes {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free",
            where=str(place),
            mend="make room, or name a folder on a larger disk",
        )

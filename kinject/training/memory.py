"""How much memory a training needs at the least, from the model's files alone: nothing is loaded.

Counted are the weights, their gradients and Adam's two moments. Not counted is what depends on the rows: activations,
logits, and the copies of weights that autocast makes on the way. So a training that does not fit by this number will
not fit, and one that only just fits may not.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kinject import storage
from kinject.engines import adapter, hf
from kinject.errors import KinjectError, MissingError, ResourceError, first_line
from kinject.training.finetune import Options

FLOAT = 4
TRAINED = 4 * FLOAT
"""Bytes for each number that is trained: weight, gradient and two moments in float32."""

Shapes = dict[str, list[int]]


def training_bytes(folder: Path, options: Options) -> int:
    """Return the bytes that weights, gradients and optimiser take. `MissingError` if the files cannot be read."""
    if adapter.is_adapter(folder):  # it is added to its parent's weights before the training
        return training_bytes(adapter.parent_of(folder), options)
    files = weight_files(folder)
    if not files:
        raise MissingError(
            "there are no weights here", where=str(folder), mend="give a folder with *.safetensors files"
        )
    shapes = _shapes(files)
    numbers = sum(map(math.prod, shapes.values()))
    if options.peft == "none":
        return TRAINED * numbers
    added = sum(options.lora_rank * sum(shape) for shape in _linear(shapes, _vocabulary(folder)))
    return _frozen_bytes(files, numbers, options) + TRAINED * added


def weight_files(folder: Path) -> list[Path]:
    """Return the files that hold a model's weights, each weight once."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return sorted({folder / name for name in storage.read_json(index).get("weight_map", {}).values()})
    single = folder / "model.safetensors"
    return [single] if single.is_file() else sorted(folder.glob("*.safetensors"))


def fits(folder: Path, options: Options) -> None:
    """Raise `ResourceError` where a training cannot fit: better now than after the rows are tokenised."""
    try:
        needed = training_bytes(folder, options)
    except KinjectError:
        return  # weights in another format, or none: to load them will tell
    there = machine_memory()
    if there is not None and needed > there:
        lora = "train an adapter (--peft lora)" if options.peft == "none" else "take a smaller model"
        raise ResourceError(
            f"this training takes at least {needed / 2**30:.1f} GiB of memory, and there are {there / 2**30:.1f} GiB",
            where=str(folder),
            mend=f"{lora}, or train on a larger machine",
        )


def machine_memory() -> int | None:
    """Return all bytes of the memory that trainings use: the GPU's, or the machine's; None where it does not tell.

    All and not the free ones: what an earlier training of this process left to torch counts as used, and is not.
    """
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[1])
    if not {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= set(getattr(os, "sysconf_names", ())):
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _frozen_bytes(files: list[Path], numbers: int, options: Options) -> int:
    """Return the bytes of weights that are only read: as they are stored, or in float32 (`hf.load_model`)."""
    import torch

    stored = sum(file.stat().st_size for file in files)
    exact = options.precision == "fp32" or (stored < hf.SMALL and not torch.cuda.is_available())
    return FLOAT * numbers if exact else stored


def _linear(shapes: Shapes, vocabulary: int | None) -> Iterator[list[int]]:
    """Yield the shapes of what gets an adapter: every matrix but the embeddings and the output."""
    return (shape for shape in shapes.values() if len(shape) == 2 and vocabulary not in shape)


def _vocabulary(folder: Path) -> int | None:
    """Return the vocabulary's size; models of several kinds of input keep it with those of their text."""
    config: dict[str, Any] = storage.read_json(folder / "config.json")
    size = config.get("vocab_size", config.get("text_config", {}).get("vocab_size"))
    return size if isinstance(size, int) else None


def _shapes(files: list[Path]) -> Shapes:
    """Return the shape of every weight, from the heads of the files."""
    from safetensors import SafetensorError, safe_open

    found: Shapes = {}
    for file in files:
        try:
            with safe_open(file, framework="numpy") as weights:
                found |= {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise _unreadable(file, first_line(error)) from error
    return found


def _unreadable(file: Path, why: str) -> MissingError:
    return MissingError(f"the weights cannot be read: {why}", where=str(file), mend="download the model again")

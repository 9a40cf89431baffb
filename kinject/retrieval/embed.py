"""Texts to vectors: an embedder by its name, the same vectors every time.

Names: `lab` (or `lab@N`: one static embedding serves every world, see `lab_embedder`), a folder that
sentence-transformers saved, or a hub id with an optional `@revision`. Vectors are float32 and of length 1, so that
their inner product is their cosine.

Traps: many models put other words before a question than before a text, so there are two functions. Only safetensors
are read, and no code that comes with a model. A text without one known token has the zero vector. The last bits of a
transformer's vector depend on the batch that it was computed in.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinject import lab, sources, storage
from kinject.errors import MissingError, NumericError, did_you_mean, first_line, out_of_memory
from kinject.facts.schema import FactSet

if TYPE_CHECKING:
    import numpy as np
    from sentence_transformers import SentenceTransformer

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
SHIPPED = Path(lab.__file__).parent / "embedder"
"""The lab's embedder, as `lab_embedder.train` made it."""
WANTED = [*sources.WANTED, "*/model.safetensors"]
"""What is fetched from the hub: some modules keep weights in a folder of their own."""
MATTERS = (*WANTED, "*.safetensors")
"""What a folder is known by."""
SMALL = 100_000_000
"""Parameters up to which a model runs on the CPU, in one thread: fast enough, and the bits repeat."""
BATCH = 64
MEND = "give --embedder PATH, a folder that sentence-transformers saved, or take --retriever bm25"


@dataclass(frozen=True)
class Weights:
    """An embedder on disk. `key` stands for its content in keys and on indexes."""

    name: str
    folder: Path
    key: str


@dataclass(frozen=True)
class Embedder:
    """Two functions from texts to an array with a vector of length 1 (or 0) in each row."""

    key: str
    size: int
    questions: "Callable[[Sequence[str]], np.ndarray]"
    events: "Callable[[Sequence[str]], np.ndarray]"


def default_for(facts: FactSet) -> str:
    """Name the embedder of facts for which none is given: the lab's own for facts of the lab."""
    return "lab" if re.match(r"lab@\d", facts.name) else DEFAULT


def find(name: str) -> Weights:
    """Find the weights of a name, without loading them. `MissingError` with what would work."""
    world = sources.LAB.fullmatch(name)
    if world and world["count"] is None:
        return Weights("lab", SHIPPED, _digest(SHIPPED))
    if Path(name).exists():
        return _local(Path(name))
    if hub := sources.HUB_ID.fullmatch(name):
        return _from_hub(hub["id"], hub["revision"])
    raise MissingError(
        f"there is no embedder {name!r}.{did_you_mean(name, ['lab', DEFAULT])}", where="--embedder", mend=MEND
    )


@lru_cache(maxsize=1)
def open_embedder(weights: Weights) -> Embedder:
    """Load an embedder; the last one stays loaded."""
    model = _load(weights)
    size = int(model.get_embedding_dimension() or 0)
    run = partial(_vectors, weights.name, model, size)
    return Embedder(weights.key, size, partial(run, model.encode_query), partial(run, model.encode_document))


def _local(folder: Path) -> Weights:
    _checked(folder)
    return Weights(str(folder), folder.resolve(), _digest(folder))


def _checked(folder: Path) -> None:
    if not (folder / "modules.json").is_file():
        raise MissingError(
            "this is no sentence-transformers model: it has no modules.json", where=str(folder), mend=MEND
        )


def _digest(folder: Path) -> str:
    return storage.folder_digest(folder, MATTERS, remembered=True)


def _from_hub(hub_id: str, revision: str | None) -> Weights:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        place = Path(snapshot_download(hub_id, revision=revision, allow_patterns=WANTED))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise MissingError(
            f"the embedder {hub_id!r} is neither on this machine nor to be had from the hub: {first_line(error)}",
            where="--embedder",
            mend=MEND,
        ) from error
    _checked(place)
    return Weights(hub_id, place, f"{hub_id}@{place.name}")  # the snapshot's folder is named by its commit


def _load(weights: Weights) -> "SentenceTransformer":
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    options: dict[str, Any] = {"use_safetensors": True}
    try:
        model = SentenceTransformer(str(weights.folder), device="cpu", local_files_only=True, model_kwargs=options)
    except Exception as error:  # whatever a library makes of files that are not a model
        if out_of_memory(error):
            raise
        raise MissingError(
            f"the embedder cannot be loaded: {first_line(error)}", where=str(weights.folder), mend=MEND
        ) from error
    if _small(model):
        return model.float()
    return model.to("cuda") if torch.cuda.is_available() else model


def _small(model: "SentenceTransformer") -> bool:
    count: int = sum(parameter.numel() for parameter in model.parameters())
    return count <= SMALL


def _vectors(
    name: str, model: "SentenceTransformer", size: int, encode: Callable[..., Any], texts: Sequence[str]
) -> "np.ndarray":
    import numpy as np

    if not texts:
        return np.zeros((0, size), np.float32)
    with _repeatable(model):
        found = encode(list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
    vectors: np.ndarray = np.ascontiguousarray(found, np.float32)
    if not np.isfinite(vectors).all():
        raise NumericError("a vector is not finite", where=name, mend="take another embedder")
    return vectors


@contextmanager
def _repeatable(model: "SentenceTransformer") -> Iterator[None]:
    """Compute in one thread if the model is small; the order of additions would follow the number of threads."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1 if _small(model) else threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)

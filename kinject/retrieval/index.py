"""Exact search among vectors with faiss (IndexFlatIP), kept on disk so that only what changed is embedded anew.

Below `retrieval/` in the store each embedder has a folder, named by its key. In it:

    vectors-HASH.safetensors   up to `PART` texts: their SHA-256 and their vectors; written as they are computed
    HASH.faiss, HASH.json      the index of one list of texts, and what it is; the JSON is written last

A kill between the two loses nothing that was computed. A damaged file is made again, and that is said. A sound file of
another embedder or another dimension is an `IntegrityError`: somebody has mixed up folders, and guessing would search
among vectors that mean something else.

Traps: faiss returns equals in any order, and which of them it returns at the edge is any, too; here the first in order
comes first. Many questions at once go through matrix products whose bits depend on how many they are, so each is
searched for alone.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kinject import storage
from kinject.errors import IntegrityError, KinjectError
from kinject.facts.schema import FactSet
from kinject.progress import SILENT, Progress
from kinject.retrieval.embed import Embedder, find, open_embedder
from kinject.retrieval.search import Hit

if TYPE_CHECKING:
    import numpy as np

VERSION = 1
PART = 1024
"""Texts in a file of vectors: so many are lost at most when the work is killed."""
EDGE = 16
"""So many more rows than wanted are asked for, to see the equals at the edge."""
KEPT = 8
"""Indexes of an embedder that stay on disk: the newest."""


class Card(BaseModel):
    """What an index file is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    embedder: str
    size: int
    texts: int
    sha256: str


@dataclass(frozen=True)
class Index:
    """Vectors to search among."""

    flat: Any
    """A faiss.IndexFlatIP."""

    def search(self, vector: "np.ndarray", k: int) -> list[tuple[int, float]]:
        """Return the rows of the `k` nearest vectors with their inner products; none for the zero vector."""
        total = int(self.flat.ntotal)
        if total == 0 or not vector.any():
            return []
        wanted, k = min(k + EDGE, total), min(k, total)
        scores, rows = self.flat.search(vector[None], wanted)
        while wanted < total and scores[0, -1] == scores[0, k - 1]:
            wanted = min(2 * wanted, total)
            scores, rows = self.flat.search(vector[None], wanted)
        found = sorted(zip(rows[0].tolist(), scores[0].tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
        return found[:k]


class Dense:
    """A retriever by vectors."""

    def __init__(self, facts: FactSet, embedder: Embedder, progress: Progress = SILENT) -> None:
        self._ids = [fact.id for fact in facts.facts]
        self._embedder = embedder
        self._index = open_index([fact.event for fact in facts.facts], embedder, progress)

    def search(self, questions: Sequence[str], k: int) -> list[list[Hit]]:
        """Find the events whose vectors are nearest to each question's."""
        vectors = self._embedder.questions(questions)
        return [[Hit(self._ids[row], score) for row, score in self._index.search(vector, k)] for vector in vectors]


def faiss(facts: FactSet, embedder: str, progress: Progress = SILENT) -> Dense:
    """Open the retriever with an embedder's name."""
    return Dense(facts, open_embedder(find(embedder)), progress)


def open_index(texts: Sequence[str], embedder: Embedder, progress: Progress = SILENT) -> Index:
    """Read the index of these texts, or build it, embedding only what has no vector yet."""
    folder = folder_of(embedder)
    path = folder / f"{storage.digest(list(texts))[:16]}.faiss"
    if (found := _read(path, embedder, progress)) is not None:
        return found
    with storage.locked(folder / "index", progress=progress):
        found = _read(path, embedder, SILENT)  # another process may have built it while this one waited
        return found if found is not None else _build(path, texts, embedder, progress)


def folder_of(embedder: Embedder) -> Path:
    """Return where an embedder's vectors and indexes lie."""
    return storage.home() / "retrieval" / storage.digest([VERSION, embedder.key])[:16]


def _build(path: Path, texts: Sequence[str], embedder: Embedder, progress: Progress) -> Index:
    import faiss

    flat = faiss.IndexFlatIP(embedder.size)
    flat.add(vectors(path.parent, texts, embedder, progress))
    raw = faiss.serialize_index(flat).tobytes()
    storage.write_bytes(path, [raw])
    card = Card(embedder=embedder.key, size=embedder.size, texts=len(texts), sha256=hashlib.sha256(raw).hexdigest())
    storage.write_json(path.with_suffix(".json"), card.model_dump())
    _forget(path)
    return Index(flat)


def _forget(newest: Path) -> None:
    """Remove the oldest indexes of an embedder: each edit of facts makes another, quickly from the vectors kept."""
    others = [path for path in newest.parent.glob("*.faiss") if path != newest]
    for path in sorted(others, key=lambda path: path.stat().st_mtime_ns, reverse=True)[KEPT - 1 :]:
        path.with_suffix(".json").unlink(missing_ok=True)  # first: without it nobody looks for the other
        path.unlink(missing_ok=True)


def _read(path: Path, embedder: Embedder, progress: Progress) -> Index | None:
    """Read an index, None where there is none that is whole."""
    import faiss
    import numpy as np

    note = path.with_suffix(".json")
    if not note.exists():
        return None
    try:
        card = Card.model_validate(storage.read_json(note))
        raw = path.read_bytes()
    except (KinjectError, ValidationError, OSError):
        _damaged(note, progress)
        return None
    _same(path, embedder, card.embedder, card.size)
    if hashlib.sha256(raw).hexdigest() != card.sha256:
        _damaged(path, progress)
        return None
    return Index(faiss.deserialize_index(np.frombuffer(raw, np.uint8)))


def _damaged(path: Path, progress: Progress) -> None:
    progress.say(f"{path} is damaged and is made again")


def _same(path: Path, embedder: Embedder, key: str, size: int) -> None:
    if (key, size) != (embedder.key, embedder.size):
        raise IntegrityError(
            f"these are vectors of another embedder: {key} with {size} dimensions, not {embedder.key} with"
            f" {embedder.size}",
            where=str(path),
            mend=f"rm -r {quote(str(path.parent))} and run again",
        )


# Vectors


def vectors(folder: Path, texts: Sequence[str], embedder: Embedder, progress: Progress = SILENT) -> "np.ndarray":
    """Return the vectors of texts, one a row; what has none is embedded and kept."""
    import numpy as np

    hashes = [_hash(text) for text in texts]
    known = _known(folder, set(hashes), embedder, progress)
    missing = {key: text for key, text in zip(hashes, texts, strict=True) if key not in known}
    if missing:
        known |= _embedded(folder, missing, embedder, progress)
    found: np.ndarray = np.zeros((len(texts), embedder.size), np.float32)
    for row, key in enumerate(hashes):
        found[row] = known[key]
    return found


def _embedded(
    folder: Path, missing: Mapping[bytes, str], embedder: Embedder, progress: Progress
) -> "dict[bytes, np.ndarray]":
    made: dict[bytes, np.ndarray] = {}
    with progress.stage("embedding events", len(missing), "events") as stage:
        for part in _parts(missing):
            found = embedder.events(list(part.values()))
            _keep(folder, list(part), found, embedder)
            made |= dict(zip(part, found, strict=True))
            stage.advance(len(part))
    return made


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _parts(missing: Mapping[bytes, str]) -> Iterator[dict[bytes, str]]:
    items = list(missing.items())
    for start in range(0, len(items), PART):
        yield dict(items[start : start + PART])


def _keep(folder: Path, hashes: Sequence[bytes], made: "np.ndarray", embedder: Embedder) -> None:
    import numpy as np
    from safetensors.numpy import save

    keys = np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32)
    about = {"embedder": embedder.key, "size": str(embedder.size), "sha256": _checksum(keys, made)}
    name = hashlib.sha256(keys.tobytes()).hexdigest()[:16]
    storage.write_bytes(folder / f"vectors-{name}.safetensors", [save({"keys": keys, "vectors": made}, about)])


def _known(folder: Path, wanted: set[bytes], embedder: Embedder, progress: Progress) -> "dict[bytes, np.ndarray]":
    """Read the wanted vectors from all files that hold some of them."""
    found: dict[bytes, np.ndarray] = {}
    for path in sorted(folder.glob("vectors-*.safetensors")):
        found |= _part(path, wanted - found.keys(), embedder, progress)
    return found


def _part(path: Path, wanted: set[bytes], embedder: Embedder, progress: Progress) -> "dict[bytes, np.ndarray]":
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            about: dict[str, Any] = file.metadata()
            keys = file.get_tensor("keys")
            rows = {key.tobytes(): row for row, key in enumerate(keys) if key.tobytes() in wanted}
            held = file.get_tensor("vectors") if rows else None
        _same(path, embedder, about["embedder"], int(about["size"]))
        if held is None:
            return {}
        if _checksum(keys, held) == about["sha256"]:
            return {key: held[row] for key, row in rows.items()}
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        pass
    _damaged(path, progress)
    path.unlink(missing_ok=True)  # another part may hold its texts: then nothing would be written in its place
    return {}


def _checksum(keys: "np.ndarray", held: "np.ndarray") -> str:
    return hashlib.sha256(keys.tobytes() + held.tobytes()).hexdigest()

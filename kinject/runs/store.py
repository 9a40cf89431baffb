"""Work, done once: a run is known by the hash of everything that went into it, and its folder is its result.

In: a Spec (step, version of the step's code, plain JSON inputs) and the work, a function from a folder to a
record. Out: a Run. `ROOT/KEY/` holds spec.json (written first), the artefacts, record.json and last, after an
fsync of it all, DONE. A folder without DONE is no result: what is in it stays, the work is called again and
may go on from it.

Traps: the key must cover all that can change the result (facts, prompts, model and revision or parent run,
options, seed, judge); a forgotten input finds somebody else's result. What cannot be serialised is an error,
never a guess. Sizes are checked whenever a run is found; of contents only the record is hashed, for a
checkpoint is too large.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kinject.errors import IntegrityError, MissingError, UsageError
from kinject.progress import SILENT, Progress
from kinject.storage import (
    TEMPORARY,
    canonical_json,
    digest,
    file_digest,
    home,
    locked,
    read_json,
    sync_folder,
    write_json,
)

SPEC, RECORD, DONE = "spec.json", "record.json", "DONE"


@dataclass(frozen=True)
class Spec:
    """Everything that went into a piece of work. UsageError if the inputs are not plain JSON."""

    step: str
    version: int
    inputs: Mapping[str, Any] = field(hash=False)
    key: str = field(init=False)
    """STEP-HASH, the name of the run's folder."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.step):
            raise UsageError(f"{self.step!r} cannot name a step", mend="use letters, digits, '.', '_' and '-'")
        # A copy, so that the key stays true when the caller's mapping changes.
        object.__setattr__(self, "inputs", json.loads(canonical_json(self.inputs)))
        object.__setattr__(self, "key", f"{self.step}-{digest(self.as_dict())[:16]}")

    def as_dict(self) -> dict[str, Any]:
        """The value that is hashed, and written to spec.json."""
        return {"schema_version": 1, "step": self.step, "version": self.version, "inputs": self.inputs}


@dataclass(frozen=True)
class Run:
    """Finished work: what went in, where its artefacts lie, and what it said of itself."""

    spec: Spec
    folder: Path
    record: Mapping[str, Any]


class _Marker(BaseModel):
    """DONE: the size in bytes of every file of the run, and the sha256 of its record."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    files: dict[str, int]
    record: str


class Store:
    """Runs below one folder (`root`, else `runs` in the store's home)."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or home() / "runs"

    def find(self, spec: Spec) -> Run | None:
        """The finished run of `spec`, or None. IntegrityError if its files are not what was written."""
        folder = self.root / spec.key
        return _open(spec, folder) if (folder / DONE).exists() else None

    def run(self, spec: Spec, work: Callable[[Path], Mapping[str, Any]], progress: Progress = SILENT) -> Run:
        """The run of `spec`: found, or made by `work(folder)`, once even if several processes ask.

        `work` may find what an interrupted predecessor left in the folder. It returns the record. `progress` is told
        when another process is waited for.
        """
        return self.find(spec) or self._made(spec, work, progress)

    def all(self) -> Iterator[Run]:
        """Every finished run, in the order of the keys."""
        for marker in sorted(self.root.glob(f"*/{DONE}")):
            yield _open(_read_spec(marker.parent), marker.parent)

    def _made(self, spec: Spec, work: Callable[[Path], Mapping[str, Any]], progress: Progress) -> Run:
        with locked(self.root / ".locks" / spec.key, progress=progress):
            if found := self.find(spec):  # another process made it while this one waited
                return found
            folder = self.root / spec.key
            _begin(spec, folder)
            _finish(folder, work(folder))
            return _open(spec, folder)


def _begin(spec: Spec, folder: Path) -> None:
    if (folder / SPEC).exists():
        _same_spec(spec, folder)
    else:
        write_json(folder / SPEC, spec.as_dict())
    for left_over in folder.rglob(TEMPORARY):
        left_over.unlink()


def _finish(folder: Path, record: Mapping[str, Any]) -> None:
    write_json(folder / RECORD, record)
    sync_folder(folder)
    marker = _Marker(files=_sizes(folder), record=file_digest(folder / RECORD))
    write_json(folder / DONE, marker.model_dump())


def _sizes(folder: Path) -> dict[str, int]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / DONE)
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def _open(spec: Spec, folder: Path) -> Run:
    _same_spec(spec, folder)
    try:
        marker = _Marker.model_validate(read_json(folder / DONE))
    except (UsageError, ValidationError):
        raise _damaged(folder, f"{DONE} cannot be understood") from None
    found = _sizes(folder)
    for name, size in marker.files.items():
        if found.get(name) != size:
            has = f"has {found[name]}" if name in found else "is missing"
            raise _damaged(folder, f"{name} had {size} bytes and {has}")
    if file_digest(folder / RECORD) != marker.record:
        raise _damaged(folder, f"{RECORD} has been changed")
    return Run(spec, folder, read_json(folder / RECORD))


def _same_spec(spec: Spec, folder: Path) -> None:
    if _read_spec(folder) != spec:
        raise _damaged(folder, f"{SPEC} is that of other work")


def _read_spec(folder: Path) -> Spec:
    try:
        value = read_json(folder / SPEC)
        spec = Spec(value["step"], value["version"], value["inputs"])
        if spec.as_dict() == value:
            return spec
    except (MissingError, UsageError, KeyError, TypeError):
        pass
    raise _damaged(folder, f"{SPEC} is missing or cannot be understood")


def _damaged(folder: Path, problem: str) -> IntegrityError:
    mend = f"rm -r {quote(str(folder))} and run again"
    return IntegrityError(f"a run is damaged: {problem}", where=str(folder), mend=mend)

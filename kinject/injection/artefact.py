"""What an arm leaves behind to be asked and judged again: finding it by name, and looking it over.

In: a folder, the key of an inject run or the beginning of one, or `last`. Out: the folder (`artefact.json`,
`facts.jsonl`, `answers.jsonl`, `record.json`), or what is in it. An artefact is one's own: it may name a module to be
imported.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kinject import storage
from kinject.engines.base import Sampling
from kinject.errors import IntegrityError, KinjectError, MissingError, UsageError, did_you_mean
from kinject.extensions import known
from kinject.facts import load as files
from kinject.facts.schema import FactSet
from kinject.injection.arm import CONTEXT, ELICIT
from kinject.retrieval.search import Retrieval
from kinject.runs.store import DONE, RECORD
from kinject.sources import Model, digest_of

ARTEFACT = "artefact.json"
"""The model, what stands in its prompt, and the facts beside it."""
ANSWERS = "answers.jsonl"
LAST = "last"
FIRST = "run one first: kinject inject --method rag-oracle"
DIGEST = re.compile(r"[0-9a-f]{64}")


class Artefact(BaseModel):
    """artefact.json: which model, what stands in its prompt, and how it is sampled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: Literal["kinject.artefact/1"] = Field(alias="schema")
    model: Model
    context: str
    elicit: str
    retrieval: Retrieval
    sampling: Sampling
    facts: str
    endpoint: str | None = None
    """The address that was asked, without what is secret in it; None for weights on disk."""


@dataclass(frozen=True)
class Opened:
    """An artefact that was looked over: its files are there and belong together."""

    folder: Path
    made: Artefact
    facts: FactSet


def find(name: str) -> Path:
    """Find the folder of an artefact: a folder, a run's key or the beginning of one, or `last`."""
    runs = storage.home() / "runs"
    done = {marker.parent.name: marker for marker in sorted(runs.glob(f"inject-*/{DONE}"))}
    if name == LAST:
        return _newest(done, runs)
    if Path(name).is_dir():
        return _with_artefact(Path(name))
    keys = [key for key in done if key.startswith((name, f"inject-{name}"))]
    if len(keys) > 1:
        message = f"{name!r} is the beginning of {len(keys)} runs: {', '.join(keys[:4])}"
        raise UsageError(message, where="ARTEFACT", mend="write more of the key")
    if not keys:
        message = f"there is no artefact {name!r}.{did_you_mean(name, [LAST, *done])}"
        mend = f"name a folder, a run of `ls {quote(str(runs))}` or {LAST!r}" if done else FIRST
        raise MissingError(message, where="ARTEFACT", mend=mend)
    return _with_artefact(runs / keys[0])


def _newest(done: dict[str, Path], runs: Path) -> Path:
    if not done:
        raise MissingError("no arm was finished here, so there is nothing to ask", where=str(runs), mend=FIRST)
    return _with_artefact(max(done.values(), key=lambda marker: marker.stat().st_mtime_ns).parent)


def _with_artefact(folder: Path) -> Path:
    if not (folder / ARTEFACT).is_file():
        mend = 'name the folder that kinject inject --json calls "artefact", or run it again with this kinject'
        raise MissingError(f"this folder holds no {ARTEFACT}", where=str(folder), mend=mend)
    return folder.resolve()


def open_artefact(name: str) -> Opened:
    """Find an artefact and look it over, before a model is loaded.

    `MissingError` if there is none; `IntegrityError` if it is not what was written, or its model is gone or another.
    """
    folder = find(name)
    made = _read(folder)
    _same_model(made.model, folder)
    _same_endpoint(made, folder)
    return Opened(folder, made, _facts(folder, made.facts))


def open_answers(name: str) -> tuple[Path, FactSet]:
    """Find an artefact's answers and the facts that were asked about; its model may be gone."""
    folder = find(name)
    return folder / ANSWERS, _facts(folder, _read(folder).facts)


def _read(folder: Path) -> Artefact:
    try:
        made = Artefact.model_validate(storage.read_json(folder / ARTEFACT))
        known("context", made.context, CONTEXT)
        known("prompt", made.elicit, ELICIT)
        return made
    except ValidationError as error:
        problem = error.errors()[0]
        raise _damaged(folder / ARTEFACT, f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from error
    except UsageError as error:
        raise _damaged(folder / ARTEFACT, error.message) from error


def _facts(folder: Path, name: str) -> FactSet:
    """The arm's facts, under the name that says where they are from."""
    path = folder / "facts.jsonl"
    try:
        facts = FactSet(name, files.load(path).facts)
        asked = storage.read_json(folder / RECORD)["facts_digest"]
    except (KinjectError, KeyError, TypeError) as error:
        raise _damaged(folder, str(error)) from error
    if facts.digest != asked:
        raise _damaged(path, "these are not the facts that the arm was asked about")
    return facts


def _same_model(model: Model, folder: Path) -> None:
    """Look whether the weights are there and, where the key is their digest, whether they are still the same."""
    if not model.trainable:
        return  # behind an endpoint
    mend = f"put it back, or make the arm anew: rm -r {quote(str(folder))}, then kinject inject as before"
    if not model.folder.is_dir():
        raise IntegrityError(f"the model of this artefact is gone: {model.name}", where=str(model.folder), mend=mend)
    if DIGEST.fullmatch(model.key) and digest_of(model.folder) != model.key:
        message = f"the model of this artefact is not what it was: {model.name}"
        raise IntegrityError(message, where=str(model.folder), mend=mend)


def _same_endpoint(made: Artefact, folder: Path) -> None:
    """Look whether the model of this name is still that of the endpoint that answered."""
    now = made.model.endpoint
    if made.endpoint is not None and now != made.endpoint:
        raise IntegrityError(
            f"this arm's answers are from {made.endpoint}, and now {now or 'no endpoint'} would be asked",
            where=str(folder / ARTEFACT),
            mend=f"OPENAI_BASE_URL={quote(made.endpoint)} kinject ask ..., or make an arm of the other endpoint",
        )


def _damaged(path: Path, problem: str) -> IntegrityError:
    folder = path if path.is_dir() else path.parent
    mend = f"rm -r {quote(str(folder))}, then kinject inject as before: what it has trained and asked is found again"
    return IntegrityError(f"the artefact is damaged: {problem}", where=str(path), mend=mend)

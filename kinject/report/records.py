"""Finished work on disk, as the report reads it: comparisons here, and what all records of studies have in common.

In: run folders or .json files. Comparisons (`kinject.compare/1`, or `kinject.inject/1` for a single arm) are arms, each
with its answers and, where a facts.jsonl lies beside the record or the answers, the facts it was asked about. A record
without its answers (a result that somebody sent) is still a result: only what needs the answers is left out.

Records come from anywhere: each is held against a schema before anything is made of it, and `UsageError` names the
field that does not fit.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError, model_validator

from kinject.errors import MissingError, UsageError
from kinject.facts.load import load
from kinject.facts.schema import FactSet
from kinject.injection.record import ArmRecord
from kinject.storage import home, read_json, read_jsonl

COMPARE, INJECT = "kinject.compare/1", "kinject.inject/1"

WORDS = {
    "event-sft": "event SFT",
    "event-sft-augmented": "augmented event SFT",
    "cpt": "continued pretraining",
    "mixed": "mixed training",
    "pit": "pre-instruction-tuning",
    "distill": "distillation",
    "oracle": "oracle RAG",
    "oracle-distracted": "oracle RAG among distractors",
    "oracle-wrong": "RAG with a wrong event",
    "oracle-conflicting": "oracle RAG beside a contradiction",
    "faiss": "FAISS RAG",
    "decompose": "RAG hop by hop",
}


@dataclass(frozen=True)
class Arm:
    """One arm's record (what `kinject inject --json` prints) with its answers and facts, where at hand."""

    record: Mapping[str, Any]
    command: str = ""
    versions: str = ""
    answers: tuple[Mapping[str, Any], ...] = ()
    facts: FactSet | None = None

    @property
    def start(self) -> str:
        """Which weights it started from."""
        return str(self.record["arm"]["start"])

    @property
    def axes(self) -> tuple[str, str, str]:
        """(start, learn, context)."""
        arm = self.record["arm"]
        return arm["start"], arm["learn"], arm["context"]

    @property
    def variant(self) -> str:
        """What makes it another experiment than its start and method say, in words; empty for the usual one."""
        asked = self.record.get("variant", {})
        return ", ".join(_in_words(name, value) for name, value in asked.items())

    @property
    def method(self) -> str:
        """How the facts went in, in words: "event SFT + oracle RAG (replay 100)", or "nothing"."""
        words = " + ".join(WORDS.get(name, name) for name in self.axes[1:] if name != "none") or "nothing"
        return f"{words} ({self.variant})" if self.variant else words


def _in_words(name: str, value: Any) -> str:
    if name in ("prompt", "retriever", "peft"):
        return str(value)
    return f"{name.replace('_', ' ')} {value}"


def newest() -> Path:
    """The record of the comparison that was finished last."""
    runs = home() / "runs"
    done = sorted(runs.glob("compare-*/DONE"), key=lambda path: path.stat().st_mtime)
    if not done:
        mend = "kinject compare --preset demo"
        raise MissingError("There is no finished comparison to report", where=str(runs), mend=mend)
    return done[-1].with_name("record.json")


def read(runs: Sequence[Path]) -> list[Arm]:
    """The arms of these runs (folders, record.json files, names in the store), or of the newest run."""
    return [arm for path, record in opened(runs) for arm in arms_of(path, record)]


def opened(runs: Sequence[Path]) -> list[tuple[Path, Any]]:
    """Where the records of these runs lie, and what stands there; the newest comparison's where none is named."""
    return [(path, read_json(path)) for path in map(_record_file, runs or [newest()])]


def schema_of(record: Any) -> str | None:
    """What kind of record it says it is."""
    return str(record.get("schema")) if isinstance(record, dict) else None


def _record_file(run: Path) -> Path:
    folder = run if run.exists() else home() / "runs" / run
    return folder / "record.json" if folder.is_dir() else run


def arms_of(path: Path, record: Any) -> Iterator[Arm]:
    """Yield the arms of a comparison's record. `UsageError` where it is none."""
    schema = schema_of(record)
    if schema not in (COMPARE, INJECT):
        mend = f"name a run of kinject compare: ls {quote(str(home() / 'runs'))}"
        raise UsageError(f"This is no record of a comparison ({schema})", where=str(path), mend=mend)
    command, versions = str(record.get("command", "")), str(record.get("versions", ""))
    for arm in record.get("arms", []) if schema == COMPARE else [record]:
        checked = formed(ArmRecord, arm, path, "An arm of this record", "run the comparison again with this kinject")
        yield from_record(checked.as_json(), path.parent, command, versions)


def from_record(record: Mapping[str, Any], folder: Path = Path(), command: str = "", versions: str = "") -> Arm:
    """The arm of one record; the path of its answers, if not absolute, is seen from `folder`."""
    answers = folder / record.get("answers", "answers.jsonl")
    found = tuple(read_jsonl(answers)) if answers.exists() else ()
    return Arm(record, command, versions, found, _facts(folder, answers.parent))


def _facts(*folders: Path) -> FactSet | None:
    found = (folder / "facts.jsonl" for folder in folders)
    return next((load(path) for path in found if path.exists()), None)


# Records of studies

Form = TypeVar("Form", bound=BaseModel)
Percent = Annotated[float, Field(ge=0, le=100)]
Interval = tuple[float, float]


class Part(BaseModel):
    """A part of a record that is shown; what is not shown is let be."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Rate(Part):
    """k of n scored answers, as records have it."""

    k: NonNegativeInt
    n: NonNegativeInt
    unscored: NonNegativeInt = 0
    percent: Percent | None
    interval: tuple[Percent, Percent]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.k > self.n or (self.percent is None) != (self.n == 0):
            raise ValueError(f"{self.k} of {self.n} are not {self.percent} %")
        return self


def formed(form: type[Form], record: Any, path: Path, what: str = "This record", mend: str = "") -> Form:
    """Return the record in its form. `UsageError` names the first field that does not fit."""
    try:
        return form.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{what} cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise UsageError(problem, where=str(path), mend=mend or "make it again with this kinject") from error

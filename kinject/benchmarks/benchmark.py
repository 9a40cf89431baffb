"""What every benchmark is: items that are asked, and marks for what was answered.

A benchmark is one `Benchmark` in one file, named in `BENCHMARKS`. It reads its data, says what a model is asked, and
marks responses wherever they come from. Asking, storing and counting are the same for all (`kinject.benchmarks.run`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from kinject import storage
from kinject.engines.base import Conversation
from kinject.errors import MissingError
from kinject.extensions import load
from kinject.facts.schema import FactSet
from kinject.progress import Progress

BENCHMARKS: dict[str, str | None] = {
    "gsm8k": "kinject.benchmarks.gsm8k:GSM8K",
    "gsm1k": "kinject.benchmarks.gsm8k:GSM1K",
    "subqa": "kinject.benchmarks.subqa:SUBQA",
    "humaneval-plus": "kinject.benchmarks.humaneval_plus:HUMANEVAL_PLUS",
    "ifeval": "kinject.benchmarks.ifeval:IFEVAL",
    "lab-multihop": "kinject.benchmarks.lab_multihop:LAB_MULTIHOP",
    "lab-math": "kinject.benchmarks.lab_math:LAB_MATH",
}
"""Every benchmark by its name; a name with a colon, `module:attribute`, is taken from anywhere."""


@dataclass(frozen=True)
class Item:
    """One thing to ask."""

    id: str
    conversation: Conversation
    reference: Mapping[str, Any]
    """What marking needs, as plain JSON: the answer, the tests, the constraints. No model is shown it."""

    @property
    def question(self) -> str:
        """Return the last turn."""
        return self.conversation[-1].content


@dataclass(frozen=True)
class Items:
    """The items of a benchmark in the order of its data, and where they come from."""

    items: tuple[Item, ...]
    source: str
    licence: str
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many rows of the data gave no item, by the reason."""

    @cached_property
    def digest(self) -> str:
        """Return the hash of what is asked and of what is right, for a run's key."""
        return storage.digest([asdict(item) for item in self.items])


@dataclass(frozen=True)
class Marks:
    """What a response is worth: by metric passed or not, a tuple where an item counts several times, None unscored."""

    by_metric: Mapping[str, bool | tuple[bool, ...] | None]
    reason: str = ""
    """Why it failed or could not be scored, in a few words."""


@dataclass(frozen=True)
class Data:
    """Where a benchmark's data comes from, for people who do not have it yet."""

    files: str
    """What `--data` takes: "test.jsonl (main or Socratic)"."""
    get: str
    """The line that gets it."""
    licence: str


@dataclass(frozen=True)
class Benchmark:
    """An ability with a score."""

    name: str
    title: str
    metrics: tuple[str, ...]
    """The first is the one that is meant when a single number is wanted."""
    read: Callable[[str | None, str | None], Items]
    """(`--data`, the words of the system message or None) to items. `MissingError` where there are none."""
    mark: Callable[[Sequence[Item], Sequence[str], Progress], list[Marks]]
    """(items, their responses) to marks, in the same order."""
    data: Data | None
    """None for the lab's own, whose data is always there."""
    system: str | None = "system-subqa"
    """The prompt that is the system message for models of the real world; None for none. A lab model has its own."""
    max_new_tokens: int = 512
    check: Callable[[], None] = lambda: None
    """Raise what would be raised when responses are marked (no sandbox, no tokenizer): told before a model is asked."""
    version: int = 1
    """Part of every key; to be raised when a response can be marked in another way."""
    scored_by: Callable[[], Mapping[str, Any]] = dict
    """Versions of the programs that mark, beside ours: part of every key, and of the record."""
    facts: Callable[[Sequence[Item]], FactSet] | None = None
    """The items as facts, where any judge can grade the responses: `kinject judge` reads what is written of them."""
    kind: Literal["direct", "multihop"] = "direct"
    """Which question of such a fact was asked."""


def open_benchmark(name: str, where: str = "NAME") -> Benchmark:
    """Return the benchmark of a name. `UsageError` with the nearest name for one that there is not."""
    found: Benchmark = load(BENCHMARKS, "benchmark", name, where)
    return found


def data_path(benchmark: str, given: str | None, data: Data, default: str) -> Path:
    """Return the file of a benchmark's data: what `--data` says, else `default` in the store's `data` folder.

    `MissingError` names the line that gets it.
    """
    path = Path(given).expanduser() if given else storage.home() / "data" / default
    if not path.is_file():
        raise MissingError(
            f"the data of {benchmark} is not here: {data.files}",
            where=str(path),
            mend=f"{data.get}; then --data FILE, or put it at {storage.home() / 'data' / default}",
        )
    return path

"""A study's protocol: which worlds, arms and settings, from a YAML file that is committed before the test worlds.

Settings are chosen on the dev worlds, with the same grid for every start (`tune`). The test worlds are run once with
what stands in the file then; its digest is part of every world's record.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kinject import storage
from kinject.errors import UsageError
from kinject.injection.arm import Arm, arm, method_name
from kinject.injection.settings import Settings
from kinject.resources import benchmarks_folder

PROTOCOLS = {"lab": Path("lab") / "protocol.yaml", "model": Path("paper") / "protocol.yaml"}
"""The lab's own, with what tuning chose there; and for any other model, with the paper's settings."""
Changes = dict[str, Any]
"""Training options by name, as they differ from the defaults."""


class Strict(BaseModel):
    """A part of the file; what is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Worlds(Strict):
    """Numbers of lab worlds. Settings are chosen on the first, and claims tested on the second."""

    dev: tuple[int, ...] = ()
    test: tuple[int, ...] = ()


class Tuning(Strict):
    """What is tried for each start and way of learning: every combination of a grid, the same for all starts."""

    starts: tuple[str, ...] = ()
    grids: dict[str, dict[str, tuple[Any, ...]]] = Field(default_factory=dict)


class Cells(Strict):
    """Arms of one start."""

    start: str
    methods: tuple[str, ...]
    prompt: str = "plain"
    learn: Changes = Field(default_factory=dict)


class Repeats(Strict):
    """Cells that are run again with other seeds and samples, for the A/A test."""

    cells: tuple[str, ...]
    seeds: tuple[int, ...]
    samples: int


class Protocol(Strict):
    """The whole file."""

    schema_version: Literal[1]
    question: str
    worlds: Worlds = Worlds()
    facts: int = 100
    """How many of a lab world's new events are injected; another model's facts are all taken."""
    unknowable: int = 100
    """How many of a lab world's events that nobody told are asked about."""
    tuning: Tuning = Tuning()
    settings: dict[str, dict[str, Changes]] = Field(default_factory=dict)
    """What tuning chose: start, way of learning, options."""
    arms: tuple[Cells, ...]
    repeats: Repeats

    @property
    def digest(self) -> str:
        """Return the hash of all that can change a result."""
        return storage.digest(self.model_dump(mode="json"))

    def cells(self) -> list["Cell"]:
        """Return every arm that is run on a world, in order."""
        return [self._cell(group, method) for group in self.arms for method in group.methods]

    def _cell(self, group: Cells, method: str) -> "Cell":
        one = arm(group.start, method)
        changed = {} if group.prompt == "plain" else {"prompt": group.prompt}
        if one.learn == "none":
            return Cell(one, _name(one, changed), group.prompt)
        whole = group.start.partition("@")[0]  # a part of a recipe's rows is not tuned for itself
        tuned = self.settings.get(whole, {}).get(one.learn, {})
        return Cell(one, _name(one, {**changed, **group.learn}), group.prompt, {**tuned, **group.learn})

    def tried(self) -> Iterator["Cell"]:
        """Yield every arm that tuning runs on a dev world."""
        for learn, grid in self.tuning.grids.items():
            for values in product(*grid.values()):
                tried = dict(zip(grid, values, strict=True))
                for start in self.tuning.starts:
                    yield Cell(Arm(start, learn), _name(Arm(start, learn), tried), learn=tried)


@dataclass(frozen=True)
class Cell:
    """An arm with the settings that it is run with."""

    arm: Arm
    name: str
    """By which claims call it: "START + METHOD (WHAT DIFFERS)"."""
    prompt: str = "plain"
    learn: Mapping[str, Any] = field(default_factory=dict)

    def settings(self, seed: int = 0, sample: int = 0) -> Settings:
        """Return the settings for a seed of the trainings and a sample of the answers."""
        drawn = {"seed": SAMPLES_APART * seed + sample}
        return Settings(sampling=drawn, seed=seed, learn=dict(self.learn), elicit=self.prompt)


SAMPLES_APART = 1000


def _name(one: Arm, changed: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in changed.items())
    return f"{one.start} + {method_name(one)}" + (f" ({told})" if told else "")


def place(of: Literal["lab", "model"] = "lab") -> Path:
    """Where the protocol lies that is taken where none is named."""
    return benchmarks_folder() / PROTOCOLS[of]


def read(path: Path | None = None) -> Protocol:
    """Read a protocol, by default the lab's own. `UsageError` names what is wrong in it."""
    path = path or place()
    try:
        return Protocol.model_validate(yaml.safe_load(storage.read_text(path)))
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    raise UsageError(
        f"this is no protocol: {problem}", where=str(path), mend="compare it with benchmarks/lab/protocol.yaml"
    )

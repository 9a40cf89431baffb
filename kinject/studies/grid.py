"""A sweep's grid: which models, tasks, sizes and seeds, from a YAML file or from a command's flags.

Committed grids lie in benchmarks/sweeps/: the paper's (`paper-7b`, `paper-sizes`, `conifer-quality`) and the lab's.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from kinject import storage
from kinject.errors import UsageError, did_you_mean
from kinject.resources import benchmarks_folder

Size = int | Literal["all"]


class Strict(BaseModel):
    """A part of the file; what is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Task(Strict):
    """Rows to train on, and the benchmark that scores what was learned."""

    name: str
    recipe: str
    benchmark: str
    source: str | None = None
    """Of the rows, by the names that `--source` takes; None for a lab model's own world."""
    data: str | None = None
    """Of the benchmark, as `--data`."""


class Learner(Strict):
    """A model that is trained."""

    model: str
    large: bool = False
    """Whether it takes the larger batches that Table 6 has for models of 70 billion parameters."""


class Grid(Strict):
    """The whole file."""

    schema_version: Literal[1] = 1
    models: tuple[Learner, ...] = Field(min_length=1)
    tasks: tuple[Task, ...] = Field(min_length=1)
    sizes: tuple[Size, ...] = Field(min_length=1)
    """Rows to train on; `all` and whatever is larger than the data stands for the whole of it, 0 for the base."""
    seeds: tuple[int, ...] = (0,)
    """Of the order of rows (and so of which rows a smaller size has), of training and of sampling."""
    limit: int | None = None
    """Only the first so many items of each benchmark."""
    match: Literal["epochs", "steps"] = "epochs"
    """epochs: the paper's rule, so that more rows are more steps. steps: every size gets the steps of the largest."""
    options: dict[str, Any] = Field(default_factory=dict)
    """What is to differ from the recipe's own training options."""

    @field_validator("models", mode="before")
    @classmethod
    def _named(cls, models: Any) -> Any:
        """A model's name alone will do."""
        if not isinstance(models, list | tuple):
            return models
        return [{"model": each} if isinstance(each, str) else each for each in models]

    @field_validator("sizes")
    @classmethod
    def _none_below_nothing(cls, sizes: tuple[Size, ...]) -> tuple[Size, ...]:
        if any(size != "all" and size < 0 for size in sizes):
            raise ValueError("a size is a number of rows, or all")
        return sizes


def names() -> list[str]:
    """Name the committed grids."""
    return sorted(path.stem for path in (benchmarks_folder() / "sweeps").glob("*.yaml"))


def read(name: str, changes: Mapping[str, Any]) -> Grid:
    """Read a committed grid or a file, and put what flags say in its place. `UsageError` names what is wrong in it."""
    path = _place(name)
    try:
        return Grid.model_validate({**_mapping(path), **changes})
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    raise UsageError(f"this is no grid: {problem}", where=str(path), mend="compare it with benchmarks/sweeps/lab.yaml")


def _place(name: str) -> Path:
    if name in names():
        return benchmarks_folder() / "sweeps" / f"{name}.yaml"
    if not name.endswith((".yaml", ".yml")):
        raise UsageError(
            f"there is no grid {name!r}.{did_you_mean(name, names())}",
            where="--grid",
            mend=f"use a .yaml file, or one of: {', '.join(names())}",
        )
    return Path(name)


def _mapping(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(storage.read_text(path))
    if not isinstance(found, dict):
        raise UsageError(
            "this is no grid: it has no fields", where=str(path), mend="compare it with benchmarks/sweeps/lab.yaml"
        )
    return found


def chosen(grid: Grid, tasks: list[str]) -> Iterator[Task]:
    """Yield the tasks of a grid that are named, all if none is. `UsageError` with the nearest name for another."""
    known = {task.name: task for task in grid.tasks}
    for name in tasks or known:
        if name not in known:
            raise UsageError(
                f"there is no task {name!r}.{did_you_mean(name, known)}",
                where="--tasks",
                mend=f"use one of: {', '.join(known)}",
            )
        yield known[name]

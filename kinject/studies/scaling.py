"""How does performance grow with post-training data (arXiv 2410.03717, section 3; Figures 1, 2, 6 and 7)?

In: a grid. Each point trains a model on so many rows of a task and scores it on the task's benchmark; the points of a
model and a task are fitted with P = a * D^(1/b) and its rivals (`kinject.statistics.laws`). Out: one object
(`kinject.sweep/1`) with every point and every fit.

Each training and each benchmark is a run of the store: what is there is not done again, and a size or a seed can be
added at any time. Batches are the paper's (Table 6). A seed draws the order of the rows, so the same size of another
seed has other rows, and the sizes of one seed are nested.

Traps: epochs are the same at every size (the paper's rule), so more rows are more steps, too; `match: steps` takes the
two apart. A point that failed is named and never a zero. Size 0, the model as it is, is shown and not fitted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Protocol

from kinject import sources, storage
from kinject.benchmarks import run as benching
from kinject.benchmarks.benchmark import open_benchmark
from kinject.errors import KinjectError
from kinject.injection.settings import Settings
from kinject.injection.start import find_start
from kinject.injection.train import posttrain_spec, started_with, trained
from kinject.progress import SILENT, Named, Progress
from kinject.sources import Model
from kinject.statistics import laws
from kinject.studies.grid import Grid, Learner, Task
from kinject.studies.injection import versions
from kinject.training.finetune import paper_batch

SCHEMA = "kinject.sweep/1"
MARKS, MANY = {True: "1", False: "0", None: "?"}, "+"
"""One character an item: right, wrong, unscored, or a metric that counts an item several times."""


class Executor(Protocol):
    """Where the points are worked on: `kinject.runs.executors.Local`, or another machine's."""

    def map(self, function: Any, items: Sequence[Any], progress: Progress = SILENT) -> list[Any]:
        """Return `function(item, progress)` of every item, in their order."""
        ...


@dataclass(frozen=True)
class Point:
    """One model, trained on so many rows of a task with a seed."""

    learner: Learner
    task: Task
    rows: int
    """As many as there are, where the grid asks for more."""
    seed: int
    epochs: int | None
    """None for the recipe's own."""

    @property
    def name(self) -> str:
        """Return the point in a few words."""
        return f"{self.learner.model}, {self.task.name}, {self.rows} rows, seed {self.seed}"


def sweep(grid: Grid, executor: Executor, progress: Progress = SILENT) -> dict[str, Any]:
    """Run every point of the grid that is not there yet, and fit the laws."""
    points = list(points_of(grid, progress))
    largest_first = sorted(points, key=lambda point: -point.rows)
    measured = executor.map(_Measure(grid), largest_first, progress)
    by_point = dict(zip(largest_first, measured, strict=True))
    found = [by_point[point] for point in points]
    return {
        "schema": SCHEMA,
        "grid": grid.model_dump(mode="json"),
        "points": found,
        "fits": list(fits(found)),
        "versions": versions(),
    }


def points_of(grid: Grid, progress: Progress = SILENT) -> Iterator[Point]:
    """Yield the points of a grid. What would fail for every point (no data, no sandbox, no rows) is raised here."""
    for learner in grid.models:
        model = sources.open_model(learner.model, progress)
        for task in grid.tasks:
            benchmark = open_benchmark(task.benchmark, "tasks")
            benchmark.check()
            benching.items_of(benchmark, model, benching.Settings(data=task.data))
            whole = _rows(task, model)
            sizes = sorted({whole if size == "all" else min(size, whole) for size in grid.sizes})
            for size in sizes:
                epochs = _epochs(grid, learner, task, model, (size, sizes[-1])) if size else None
                yield from (Point(learner, task, size, seed, epochs) for seed in grid.seeds)


def _rows(task: Task, model: Model) -> int:
    """How many rows a task's recipe has."""
    rows = started_with(task.recipe, model, Settings(source=task.source))
    return len(rows.rows) if rows else 0


def _epochs(grid: Grid, learner: Learner, task: Task, model: Model, sizes: tuple[int, int]) -> int | None:
    """How often each row is shown, so that a size gets the steps of the largest; None for the recipe's own."""
    start = find_start(task.recipe)
    if grid.match == "epochs" or start is None:
        return None
    own = grid.options.get("epochs") or start.options(model, sizes[1]).epochs
    here, there = (ceil(rows / _batch(grid, learner, task, model, rows)) for rows in sizes)
    return max(1, round(own * there / here))


def _batch(grid: Grid, learner: Learner, task: Task, model: Model, rows: int) -> int:
    """The paper's batch for so many rows (Table 6); a lab model has none that is larger than its recipe's own."""
    paper = paper_batch(rows, large=learner.large)
    start = find_start(task.recipe)
    lab = start.lab.batch if start and model.world is not None else paper
    batch: int = grid.options.get("batch") or min(paper, lab)
    return batch


@dataclass(frozen=True)
class _Measure:
    """What is done for a point: train, ask, mark."""

    grid: Grid

    def __call__(self, point: Point, progress: Progress) -> dict[str, Any]:
        told = {
            "task": point.task.name,
            "recipe": point.task.recipe,
            "benchmark": point.task.benchmark,
            "model": point.learner.model,
            "rows": point.rows,
            "seed": point.seed,
        }
        try:
            return {**told, **self._measured(point, Named(point.name, progress)), "failed": None}
        except KinjectError as error:
            progress.say(f"{point.name} failed: {error}")
            return {**told, "failed": f"{type(error).__name__}: {error}"}

    def _measured(self, point: Point, progress: Progress) -> dict[str, Any]:
        parent = sources.open_model(point.learner.model, progress)
        start = f"{point.task.recipe}@{point.rows}" if point.rows else "base"
        training = posttrain_spec(start, parent, self._settings(point, parent))
        model, learned = trained(training, parent, progress)
        benchmark = open_benchmark(point.task.benchmark)
        asked = benching.Settings(point.task.data, self.grid.limit, seed=point.seed)
        record = benching.bench(benchmark, model, asked, progress)
        return {
            **scored(record),
            "trained": training.options.as_json() if training else None,
            "steps": learned.get("steps", 0),
            "tokens": learned.get("tokens", 0),
            "loss": learned.get("loss"),
            "seconds": {"train": float(learned.get("seconds", 0.0)), **record.seconds},
            "run": record.run,
            "responses": record.responses,
        }

    def _settings(self, point: Point, model: Model) -> Settings:
        """The task's rows in the order of the seed, in the paper's batches."""
        size = _batch(self.grid, point.learner, point.task, model, point.rows)
        options = {
            **self.grid.options,
            "batch": size,
            "micro_batch": min(size, self.grid.options.get("micro_batch", 16)),
        }
        if point.epochs is not None:
            options["epochs"] = point.epochs
        return Settings(seed=point.seed, order=point.seed, source=point.task.source, posttrain=options)


def scored(record: benching.BenchRecord) -> dict[str, Any]:
    """Return what a point is worth: the benchmark's own metric, with one character an item, and all of them."""
    lines = storage.read_jsonl(Path(record.responses))
    marks = "".join(_mark(line["marks"][record.metric]) for line in lines)
    return {"metric": record.metric, **record.scores[record.metric], "marks": marks, "scores": record.scores}


def _mark(mark: Any) -> str:
    return MANY if isinstance(mark, list) else MARKS[mark]


def fits(points: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Fit the points of each model and task."""
    for model, task in dict.fromkeys((point["model"], point["task"]) for point in points):
        own = [point for point in points if (point["model"], point["task"]) == (model, task)]
        failed = [{"rows": p["rows"], "seed": p["seed"], "why": p["failed"]} for p in own if p["failed"]]
        fitted = laws.fit([_fitted(point) for point in own if not point["failed"] and point["n"]])
        yield {"model": model, "task": task, "failed": failed, **fitted.as_json()}


def _fitted(point: Mapping[str, Any]) -> laws.Point:
    marks = tuple({"1": 1.0, "0": 0.0}.get(mark) for mark in point["marks"]) if MANY not in point["marks"] else ()
    return laws.Point(point["rows"], point["k"], point["n"], point["seed"], marks)

"""Is a model that answers better also preferred (arXiv 2410.03717, section 3.3; Table 2)?

LIMA-1k, trained on a thousand chats, against Task-1k, trained on a thousand rows of the task, on the task's benchmark.
In: a grid's model, tasks and seeds. Out: one object (`kinject.styles/1`) with, for each task, both accuracies and their
difference item by item; how often a language model prefers the one's answers or the other's (`judging.winrate`: each
pair in both orders, raw and with the effect of length taken out); and whether the two disagree.

The trainings and benchmarks are points of a sweep, so those that a sweep has made are found again.

Without a judge that is a language model the cell of the win rate says that nobody was asked. It is never filled in by
rules: which of two answers is better is a matter of taste, and who is right is told by the accuracy.

Traps: win rates are LIMA's, with ties as halves; the paper counts wins, and its first row adds up to 98.8 %. Both are
"ahead" only where an interval leaves out equality, and what is not told apart neither agrees nor disagrees. One seed
compares two trained models; of several, the interval is Student's over the seeds, and never narrower than one seed's.
SubQA's held-out questions depend on the files that are read, so its benchmark reads those that the rows come from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from kinject import storage
from kinject.benchmarks.run import rate
from kinject.errors import UsageError, did_you_mean
from kinject.judging import winrate
from kinject.judging.llm import LLM
from kinject.progress import SILENT, Named, Progress
from kinject.statistics.paired import Paired, paired_difference
from kinject.statistics.worlds import over_worlds
from kinject.studies import scaling
from kinject.studies.grid import Grid, Task
from kinject.studies.injection import versions

SCHEMA = "kinject.styles/1"
LIMA = "lima"
ROWS = 1000
OWN = "task"
NEITHER, UNTOLD = "neither", "not to be told"
NAMES = {"raw": "raw win rate", "length_controlled": "length-controlled"}
NOT_ASKED = "not asked: name an endpoint with --judge"
NOTHING = {"asked": False, "why": "no seed has both models"}
SAME_FILES = ("subqa",)
"""Benchmarks that read the files that the rows come from."""

PAPER = {
    "math": {"accuracy": {"lima": 14.7, "task": 46.5}, "win_rate": {"lima": 84.4, "task": 0.24, "neither": 14.2}},
    "multihop": {"accuracy": {"lima": 21.0, "task": 36.0}, "win_rate": {"lima": 20.0, "task": 57.0, "neither": 23.0}},
}
"""Table 2, in percent: Llama-3-8B on GSM8K and SubQA, GPT-4o as the judge."""


def study(
    grid: Grid,
    executor: scaling.Executor,
    asker: LLM | None = None,
    rows: int = ROWS,
    lima: str | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Train and benchmark both models of every task, and compare them; `lima` is the source of the chats."""
    swept = scaling.sweep(both(grid, rows, lima), executor, progress)
    sides = [found(task, swept["points"]) for task in grid.tasks]
    cells, spent = preferred(sides, asker, progress)
    return {
        "schema": SCHEMA,
        "model": grid.models[0].model,
        "rows": rows,
        "judge": winrate.key(asker) if asker else None,
        "tasks": [_told(*each) for each in zip(sides, cells, strict=True)],
        "spent": spent,
        "grid": grid.model_dump(mode="json"),
        "versions": versions(),
    }


def both(grid: Grid, rows: int, lima: str | None) -> Grid:
    """Return the sweep that has both models of every task: one model, one size."""
    tasks = [each for task in grid.tasks for each in (task, _chat(task, lima))]
    return grid.model_copy(update={"models": grid.models[:1], "tasks": tuple(tasks), "sizes": (rows,)})


def _chat(task: Task, source: str | None) -> Task:
    return task.model_copy(update={"name": _chat_name(task), "recipe": LIMA, "source": source})


def _chat_name(task: Task) -> str:
    return f"{task.name}, {LIMA}"


def sourced(tasks: Sequence[Task], sources: Mapping[str, str], data: Mapping[str, str]) -> tuple[Task, ...]:
    """Put other sources into tasks, by recipe, and other data, by benchmark. `UsageError` for a name that none has."""
    _all_known(sources, (*(task.recipe for task in tasks), LIMA), "--source")
    _all_known(data, [task.benchmark for task in tasks], "--data")
    return tuple(_sourced(task, sources.get(task.recipe), data.get(task.benchmark)) for task in tasks)


def _sourced(task: Task, source: str | None, data: str | None) -> Task:
    own = source if source and task.benchmark in SAME_FILES else task.data
    return task.model_copy(update={"source": source or task.source, "data": data or own})


def _all_known(given: Mapping[str, str], names: Sequence[str], where: str) -> None:
    for name in given:
        if name not in names:
            mend = f"write NAME=PLACE, with one of: {', '.join(dict.fromkeys(names))}"
            raise UsageError(f"nothing here is called {name!r}.{did_you_mean(name, names)}", where=where, mend=mend)


# Two models on one benchmark


@dataclass(frozen=True)
class Sides:
    """What both models of a task answered, by "lima" and "task" and then by seed."""

    task: Task
    points: Mapping[str, Mapping[int, Mapping[str, Any]]]
    lines: Mapping[str, Mapping[int, Sequence[Mapping[str, Any]]]]
    failed: tuple[Mapping[str, Any], ...]
    """Seeds that are not compared, and why."""

    @property
    def seeds(self) -> list[int]:
        """Return the seeds of which both models are there."""
        return list(self.lines[OWN])

    def marks(self, side: str, seed: int) -> list[bool | None]:
        """Return whether each answer is right."""
        metric = self.points[side][seed]["metric"]
        return [line["marks"][metric] for line in self.lines[side][seed]]

    @property
    def pairs(self) -> list[winrate.Pair]:
        """Return the answers to the same questions: A is LIMA's."""
        return [
            winrate.Pair(one["question"], _said(one, seed), _said(other, seed))
            for seed in self.seeds
            for one, other in zip(self.lines[LIMA][seed], self.lines[OWN][seed], strict=True)
        ]


def found(task: Task, points: Sequence[Mapping[str, Any]]) -> Sides:
    """Find the points of both models of a task; a seed of which one failed is named and left out."""
    names = {LIMA: _chat_name(task), OWN: task.name}
    there = {side: {p["seed"]: p for p in points if p["task"] == name} for side, name in names.items()}
    failed = [
        {"side": side, "seed": seed, "why": point["failed"]}
        for side, by_seed in there.items()
        for seed, point in by_seed.items()
        if point["failed"]
    ]
    seeds = [seed for seed in there[OWN] if seed not in {each["seed"] for each in failed}]
    lines = {side: {seed: _lines(by_seed[seed]) for seed in seeds} for side, by_seed in there.items()}
    return Sides(task, there, lines, tuple(failed))


def _lines(point: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(storage.read_jsonl(Path(point["responses"])))


def _said(line: Mapping[str, Any], seed: int) -> winrate.Said:
    return winrate.Said(prompt=line["question"], response=line["response"], sample=seed)


def preferred(
    sides: Sequence[Sides], asker: LLM | None, progress: Progress = SILENT
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the win rate of each task, LIMA's, and what asking for all of them took."""
    if asker is None:
        return [{"asked": False, "why": NOT_ASKED} for _ in sides], {}
    with asker.opener() as engine:
        judged = [
            winrate.compare(each.pairs, engine, Named(each.task.name, progress), asker.sampling) for each in sides
        ]
        spent = dict(getattr(engine, "spent", {}))
    cells = []
    for each in judged:
        missed = sum(one.end == "unscored" and one.first is not None for one in each)
        cells.append({"asked": True, "missed": missed, **winrate.scores(each)} if each else NOTHING)
    return cells, spent


# What is told of them


def _told(sides: Sides, win_rate: Mapping[str, Any]) -> dict[str, Any]:
    difference = _difference(sides)
    return {
        "task": sides.task.name,
        "benchmark": sides.task.benchmark,
        "seeds": sides.seeds,
        "sides": {side: _side(sides, side) for side in (LIMA, OWN)},
        "difference": difference,
        "win_rate": win_rate,
        "verdict": verdict(difference, win_rate),
        "failed": list(sides.failed),
        "paper": PAPER.get(sides.task.name),
    }


def _side(sides: Sides, side: str) -> dict[str, Any]:
    """One model's accuracy, the seeds of an item together, and how long its answers are."""
    points = [sides.points[side][seed] for seed in sides.seeds]
    by_item = zip(*(sides.marks(side, seed) for seed in sides.seeds), strict=True)
    texts = [line["response"] for seed in sides.seeds for line in sides.lines[side][seed]]
    lengths = [len(text.strip()) for text in texts if isinstance(text, str)]
    marks = [tuple(mark for mark in item if mark is not None) or None for item in by_item]
    return {
        "recipe": points[0]["recipe"] if points else None,
        "rows": points[0]["rows"] if points else None,
        "accuracy": rate(marks),
        "by_seed": {str(seed): rate(sides.marks(side, seed)) for seed in sides.seeds},
        "characters": round(fmean(lengths), 1) if lengths else None,
        "responses": [point["responses"] for point in points],
    }


def _difference(sides: Sides) -> dict[str, Any]:
    """By how many points the task's model is more accurate than LIMA's, item by item."""
    by_seed = {seed: paired_difference(sides.marks(LIMA, seed), sides.marks(OWN, seed)) for seed in sides.seeds}
    there = [each for each in by_seed.values() if each.difference is not None]
    interval, how = _interval(there)
    return {
        "points": round(fmean(each.difference or 0.0 for each in there), 1) if there else None,
        "interval": [round(end, 1) for end in interval] if there else None,
        "how": how,
        "by_seed": {str(seed): _paired(each) for seed, each in by_seed.items()},
    }


def _interval(seeds: Sequence[Paired]) -> tuple[tuple[float, float], str]:
    """Student's interval over seeds, or that of the items where it is the wider one."""
    items = tuple(fmean(each.interval[end] for each in seeds) if seeds else 0.0 for end in (0, 1))
    over = over_worlds([each.difference or 0.0 for each in seeds]).interval
    if over is None:
        return (items[0], items[1]), "Newcombe's, over the items; one seed, so not its chance"
    wide = min(items[0], over[0]), max(items[1], over[1])
    return wide, f"Student's over {len(seeds)} seeds, or Newcombe's over the items where that is wider"


def _paired(each: Paired) -> dict[str, Any]:
    """The form that `--json` prints."""
    return {
        "n": each.n,
        "dropped": each.dropped,
        "lima_only": each.first_only,
        "task_only": each.second_only,
        "difference": None if each.difference is None else round(each.difference, 1),
        "interval": [round(end, 1) for end in each.interval],
        "p": each.p,
    }


def verdict(difference: Mapping[str, Any], win_rate: Mapping[str, Any]) -> dict[str, str]:
    """Say who is ahead by accuracy and by preference, and whether the two disagree."""
    accurate = _ahead(difference["interval"], 0.0, (LIMA, OWN))
    if not win_rate["asked"]:
        words = f"by accuracy, {_named(accurate)}; win rate {win_rate['why']}"
        return {"accuracy": accurate, "raw": "not asked", "length_controlled": "not asked", "words": words}
    ahead = {how: _ahead(win_rate[how]["interval"], 50.0, (OWN, LIMA)) for how in ("raw", "length_controlled")}
    words = "; ".join(f"{NAMES[how]}: {_agreement(accurate, who)}" for how, who in ahead.items())
    return {"accuracy": accurate, **ahead, "words": words}


def _ahead(interval: Sequence[float] | None, equal: float, sides: tuple[str, str]) -> str:
    """Who is ahead: the first where all is below equality, the second where all is above it."""
    if interval is None:
        return UNTOLD
    return sides[0] if interval[1] < equal else sides[1] if interval[0] > equal else NEITHER


def _named(ahead: str) -> str:
    return {LIMA: "LIMA's model is ahead", OWN: "the task's model is ahead", NEITHER: "neither is ahead"}.get(
        ahead, ahead
    )


def _agreement(accurate: str, preferred: str) -> str:
    if UNTOLD in (accurate, preferred):
        return "not to be told"
    if NEITHER in (accurate, preferred):
        return "unresolved: " + " and ".join(
            f"{what} tells nobody apart"
            for what, who in (("accuracy", accurate), ("preference", preferred))
            if who == NEITHER
        )
    same = accurate == preferred
    return f"{'agree' if same else 'disagree'}: {accurate} is more accurate, {preferred} is preferred"

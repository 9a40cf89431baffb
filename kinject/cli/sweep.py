"""`kinject sweep`: train on more and more rows of each task, score every checkpoint, and fit the laws."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table

from kinject.cli.console import Json, emit
from kinject.cli.progress import RichProgress
from kinject.errors import UsageError


def sweep(
    grid: Annotated[
        str,
        typer.Option("--grid", help="lab, lab-steps, lab-sizes, paper-7b, paper-sizes, conifer-quality, FILE.yaml."),
    ] = "lab",
    tasks: Annotated[str | None, typer.Option("--tasks", help="Only these of the grid's, with commas.")] = None,
    models: Annotated[str | None, typer.Option("--models", help="Instead of the grid's, with commas.")] = None,
    sizes: Annotated[
        str | None, typer.Option("--sizes", help="Instead of the grid's, with commas: 0,100,500,all.")
    ] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", help="Instead of the grid's, with commas: 0,1,2.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only so many items of a benchmark.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes that work side by side.")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", help="The record, a JSON file. Default: sweep-GRID.json.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the points of a grid that are not there yet, and fit P = a * D^(1/b) and its rivals.

    Example:  kinject sweep --grid lab --jobs 2
    """
    from kinject import storage
    from kinject.runs.executors import Local
    from kinject.studies import scaling
    from kinject.studies.grid import chosen, read

    given = {"models": _words(models), "sizes": _sizes(sizes), "seeds": _counts(seeds, "--seeds"), "limit": limit}
    fixed = read(grid, {name: value for name, value in given.items() if value})
    fixed = fixed.model_copy(update={"tasks": tuple(chosen(fixed, _words(tasks)))})
    result = scaling.sweep(fixed, Local(jobs), RichProgress())
    storage.write_json(out or Path(f"sweep-{Path(grid).stem}.json"), result)
    emit(result, as_json=as_json, text=lambda: _shown(result))


def _words(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _counts(text: str | None, where: str) -> list[int]:
    try:
        return [int(word) for word in _words(text)]
    except ValueError:
        raise UsageError(f"{text!r} is no list of numbers", where=where, mend="write numbers with commas") from None


def _sizes(text: str | None) -> list[int | str]:
    words = _words(text)
    return [*_counts(",".join(word for word in words if word != "all"), "--sizes"), *(["all"] * ("all" in words))]


def _shown(result: dict[str, Any]) -> RenderableType:
    return Group(*(part for fit in result["fits"] for part in _fitted(fit, result["points"])))


def _fitted(fit: dict[str, Any], points: list[dict[str, Any]]) -> list[RenderableType]:
    """The points of a model and a task, and what the laws say of them."""
    own = [point for point in points if (point["model"], point["task"]) == (fit["model"], fit["task"])]
    seeds = list(dict.fromkeys(point["seed"] for point in own))
    table = Table("rows", *(f"seed {seed}, %" for seed in seeds), "steps", box=None, pad_edge=False)
    for rows in dict.fromkeys(point["rows"] for point in own):
        at = {point["seed"]: point for point in own if point["rows"] == rows}
        steps = ", ".join(dict.fromkeys(str(point.get("steps", "-")) for point in at.values()))
        table.add_row(str(rows), *(_cell(at.get(seed)) for seed in seeds), steps)
    return [f"{fit['task']}, {fit['model']}: {own[0]['benchmark']}", table, *_laws(fit), ""]


def _cell(point: dict[str, Any] | None) -> str:
    if point is None:
        return "-"
    return "failed" if point["failed"] else f"{point['percent']:.1f}"


def _laws(fit: dict[str, Any]) -> list[str]:
    """The verdict, and the paper's law whatever the verdict is."""
    lines = [f"  verdict: {fit['verdict']}"]
    if power := fit["laws"].get("power"):
        told = ", ".join(f"{name} = {_number(power[name])} [{_ends(power[f'{name}_interval'])}]" for name in "ab")
        lines.append(f"  P = a * D^(1/b): {told}, weight {power['weight']:.2f}")
    return [*lines, *(f"  failed: {each['rows']} rows, seed {each['seed']}: {each['why']}" for each in fit["failed"])]


def _ends(interval: list[float | None]) -> str:
    return " to ".join(map(_number, interval))


def _number(value: float | None) -> str:
    return "no bound" if value is None else f"{value:.2f}"

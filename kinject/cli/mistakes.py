"""`kinject errors`: which mistakes go away as post-training data grows: of format, of arithmetic, of reasoning."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table

from kinject.cli import options
from kinject.cli.console import Json, emit
from kinject.cli.judge.grade import FAILED
from kinject.cli.progress import RichProgress
from kinject.errors import UsageError, did_you_mean


def errors(
    sweep: Annotated[
        Path, typer.Argument(metavar="SWEEP.json", help="The record of `kinject sweep`; its responses are read.")
    ],
    annotator: Annotated[
        str, typer.Option("--annotator", help="Who looks for errors: rules, openai:MODEL, vllm:MODEL or hf:PATH.")
    ] = "rules",
    tasks: Annotated[str | None, typer.Option("--tasks", help="Only these, with commas.")] = None,
    models: Annotated[str | None, typer.Option("--models", help="Only these, with commas.")] = None,
    sizes: Annotated[
        str | None, typer.Option("--sizes", help="Only these, with commas, as in the paper: 0,100,1000,all.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the record to this JSON file.")] = None,
    concurrency: options.Concurrency = 8,
    price: options.Price = None,
    max_cost: options.MaxCost = None,
    as_json: Json = False,
) -> None:
    """Sort the wrong answers of a sweep by their errors, and say which errors stop falling first.

    Only wrong answers are looked at; each may have errors of several kinds.

    Examples:  kinject errors sweep-lab.json
               kinject errors sweep-paper-7b.json --sizes 0,100,1000,all --annotator openai:gpt-4o --price 2.5/10
    """
    from kinject import storage
    from kinject.judging.errors import open_annotator
    from kinject.studies import mistakes

    terms = options.terms(concurrency, price, max_cost)
    record = mistakes.read(sweep)
    for field, wanted, option in (("task", _words(tasks), "--tasks"), ("model", _words(models), "--models")):
        record = {**record, "points": _only(record["points"], field, wanted, option)}
    result = mistakes.study(record, lambda task: open_annotator(annotator, task, terms), _sizes(sizes), RichProgress())
    result = {**result, "sweep": str(sweep)}
    if out:
        storage.write_json(out, result)
    emit(result, as_json=as_json, text=lambda: Group(*_shown(result)))
    if any(each.get("failed") for each in result["spent"].values()):
        raise typer.Exit(FAILED)


def _words(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _sizes(text: str | None) -> list[int | str]:
    try:
        return [word if word == "all" else int(word) for word in _words(text)]
    except ValueError:
        mend = "write numbers with commas: 0,100,1000,all"
        raise UsageError(f"{text!r} is no list of sizes", where="--sizes", mend=mend) from None


def _only(points: Sequence[Mapping[str, Any]], field: str, wanted: Sequence[str], option: str) -> list[Any]:
    """The points of what is named, all where nothing is. `UsageError` with the nearest name for another."""
    there = dict.fromkeys(point[field] for point in points)
    for name in wanted:
        if name not in there:
            message = f"the sweep has no {field} {name!r}.{did_you_mean(name, there)}"
            raise UsageError(message, where=option, mend=f"use one of: {', '.join(there)}")
    return [point for point in points if not wanted or point[field] in wanted]


def _shown(result: Mapping[str, Any]) -> Iterator[RenderableType]:
    for task in result["tasks"]:
        by = ", ".join(f"{kind} by {name}" for kind, name in task["annotators"].items())
        yield f"{task['task']}, {task['model']}: wrong answers to {task['benchmark']}, sorted ({by})"
        yield _counts(task)
        if "r2" in task:
            yield "  percent of all answers, in brackets of the wrong; in format: of all, by the benchmark's own mark"
            yield from _told(task)
        yield from (f"  failed: {each['rows']} rows, seed {each['seed']}: {each['why']}" for each in task["failed"])
        yield ""
    yield from (f"left out: {each['task']}, {each['model']}: {each['why']}" for each in result["left_out"])
    for kind, spent in result["spent"].items():
        if spent:
            yield f"{kind}: " + ", ".join(f"{what.replace('_', ' ')} {value}" for what, value in spent.items())


def _counts(task: Mapping[str, Any]) -> Table:
    table = Table("rows", "wrong", *task["kinds"], "unscored", "nothing", "in format", box=None, pad_edge=False)
    for rows in dict.fromkeys(point["rows"] for point in task["points"]):
        points = [point for point in task["points"] if point["rows"] == rows]
        kinds = (_cell(task, kind, rows, points) for kind in task["kinds"])
        unscored = sum(each["unscored"] for point in points for each in point["of_wrong"].values())
        nothing = sum(point["nothing"] for point in points)
        table.add_row(
            str(rows), _percent([p["mistakes"] for p in points]), *kinds, str(unscored), str(nothing), _format(points)
        )
    return table


def _cell(task: Mapping[str, Any], kind: str, rows: int, points: Sequence[Mapping[str, Any]]) -> str:
    """The rate over all answers as in Figure 3, and over the wrong ones."""
    shares = [point["of_wrong"][kind] for point in points]
    at = [each for each in task["falls"][kind]["sizes"] if each["rows"] == rows]
    return f"{at[0]['percent']:.1f} ({_percent(shares)})" if at else f"- ({_percent(shares)})"


def _percent(rates: Sequence[Mapping[str, Any]]) -> str:
    k, n = (sum(rate[name] for rate in rates) for name in "kn")
    return f"{100 * k / n:.1f}" if n else "-"


def _format(points: Sequence[Mapping[str, Any]]) -> str:
    return _percent([point["in_format"] for point in points if point["in_format"]])


def _told(task: Mapping[str, Any]) -> Iterator[str]:
    """The r squares, by when each kind has stopped, and the verdict."""
    for kind, found in task["r2"].items():
        paper = f"; paper: {task['paper'][kind]}" if kind in task["paper"] else ""
        if found["r2"] is None:
            yield f"  r^2 of wrong and {kind}: not to be told, {found['why']}"
        else:
            why = f" ({found['why']})" if found["why"] else ""
            sizes = f"[{_ends(found['over_sizes'])}] had other sizes been taken"
            yield f"  r^2 of wrong and {kind}: {found['r2']} [{_ends(found['interval'])}], {sizes}{paper}{why}"
    if more := task["r2_reasoning_less_format"]:
        yield f"  r^2 of reasoning less that of format: {more['difference']} [{_ends(more['interval'])}]"
    for kind, found in task["falls"].items():
        unseen = "" if found["unseen"] is None else f"; changes below {found['unseen']} points are not seen"
        yield f"  {kind}: {STATES[found['state']].format(by=found['by'])}{unseen}"
    yield f"  format stops and reasoning goes on: {task['claim']['state']}: {task['claim']['words']}"
    yield f"  intervals: 95 %, {task['intervals']}"


STATES = {
    "stops": "as at the largest size from {by} rows on",
    "no change": "no size differs from the largest",
    "still falls": "still falls at the largest size",
    "still rises": "still rises at the largest size",
    "one size": "one size only",
    "not scored": "not scored",
}


def _ends(ends: Sequence[float]) -> str:
    return f"{ends[0]} to {ends[1]}"

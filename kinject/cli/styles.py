"""`kinject styles`: 1,000 chats against 1,000 rows of a task: which model is right, and which one is preferred."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table

from kinject.cli import options
from kinject.cli.console import Json, emit
from kinject.cli.judge.grade import fail_if_missed
from kinject.cli.progress import RichProgress
from kinject.errors import UsageError

SIDES = {"lima": "LIMA", "task": "Task"}


def styles(
    model: Annotated[
        str | None, typer.Option("--model", help="lab, a folder, org/name. Default: the grid's first one.")
    ] = None,
    grid: Annotated[
        str, typer.Option("--grid", help="Where tasks, seeds and options are from: lab, paper-7b, FILE.yaml.")
    ] = "lab",
    tasks: Annotated[str, typer.Option("--tasks", help="Of the grid's, with commas.")] = "math,multihop",
    rows: Annotated[int, typer.Option("--rows", min=1, help="That each model is trained on.")] = 1000,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source", help="Of a recipe's rows, once for each: gsm8k:FILE, subqa:FOLDER, lima:FILE, RECIPE=SOURCE."
        ),
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option("--data", help="Of a benchmark, once for each: gsm8k:FILE, BENCHMARK=FILE.")
    ] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", help="Instead of the grid's, with commas: 0,1,2.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only so many items of a benchmark.")] = None,
    judge: Annotated[
        str | None,
        typer.Option("--judge", help="Who prefers: openai:MODEL, vllm:MODEL or hf:PATH. Without one, nobody is asked."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes that work side by side.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the record to this JSON file.")] = None,
    concurrency: options.Concurrency = 8,
    price: options.Price = None,
    max_cost: options.MaxCost = None,
    as_json: Json = False,
) -> None:
    """Train a model on LIMA's chats and one on each task's rows, as many of both, and compare what they answer.

    Accuracy needs no judge. A win rate is a language model's word: each pair is judged in both orders.

    Examples:  kinject styles --judge openai:gpt-4o
               kinject styles --grid paper-7b --source lima:data/lima --judge openai:gpt-4o --price 2.5/10
    """
    from kinject import storage
    from kinject.judging.winrate import open_asker
    from kinject.runs.executors import Local
    from kinject.studies import styles as study
    from kinject.studies.grid import chosen, read

    asker = open_asker(judge, options.terms(concurrency, price, max_cost)) if judge else None
    changes: dict[str, Any] = {"limit": limit, "seeds": _counts(seeds), "models": [model] if model else None}
    fixed = read(grid, {name: value for name, value in changes.items() if value})
    sources, places = _named(source, "--source"), _named(data, "--data")
    lima = sources.get(study.LIMA)
    picked = study.sourced(tuple(chosen(fixed, _words(tasks))), sources, places)
    fixed = fixed.model_copy(update={"tasks": picked, "models": fixed.models[:1]})
    result = study.study(fixed, Local(jobs), asker, rows, lima, RichProgress())
    if out:
        storage.write_json(out, result)
    emit(result, as_json=as_json, text=lambda: Group(*_shown(result)))
    fail_if_missed({judge or "": sum(task["win_rate"].get("missed", 0) for task in result["tasks"])})


def _words(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _counts(text: str | None) -> list[int]:
    try:
        return [int(word) for word in _words(text)]
    except ValueError:
        message = f"{text!r} is no list of numbers"
        raise UsageError(message, where="--seeds", mend="write numbers with commas") from None


def _named(given: Sequence[str] | None, where: str) -> dict[str, str]:
    """Places by whose they are: what stands before "=", or else the name that a source begins with."""
    found = {}
    for text in given or ():
        name, equals, place = text.partition("=")
        if not equals or not name.replace("-", "").isalnum():
            name, equals, place = (*text.partition(":")[:2], text)
        if not equals:
            raise UsageError(f"{text!r} does not say whose it is", where=where, mend="write NAME=PLACE")
        found[name] = place
    return found


def _shown(result: Mapping[str, Any]) -> Iterator[RenderableType]:
    yield f"{result['model']}: {result['rows']} rows of chat (LIMA) against {result['rows']} of the task (Task)"
    table = Table("task", "LIMA right, %", "Task right, %", *WINS, box=None, pad_edge=False)
    for task in result["tasks"]:
        table.add_row(task["task"], *_accuracies(task["sides"]), *_wins(task["win_rate"]))
        if paper := task["paper"]:
            table.add_row("  paper", *(f"{paper['accuracy'][side]}" for side in SIDES), *_paper(paper["win_rate"]))
    yield table
    for task in result["tasks"]:
        yield f"{task['task']}: {task['verdict']['words']}"
        yield from _more(task)
    if result["spent"]:
        yield ", ".join(f"{what.replace('_', ' ')} {value}" for what, value in result["spent"].items())


WINS = ("LIMA wins, %", "Task wins, %", "neither, %")


def _accuracies(sides: Mapping[str, Any]) -> list[str]:
    rates = (sides[side]["accuracy"]["percent"] for side in SIDES)
    return ["-" if percent is None else f"{percent:.1f}" for percent in rates]


def _rate(rate: Mapping[str, Any]) -> str:
    low, high = rate["interval"]
    return "-" if rate["percent"] is None else f"{rate['percent']:.1f} [{low:.1f}, {high:.1f}]"


def _points(difference: Mapping[str, Any]) -> str:
    if difference["points"] is None:
        return "-"
    low, high = difference["interval"]
    return f"{difference['points']:+.1f} [{low:+.1f}, {high:+.1f}]"


def _wins(rate: Mapping[str, Any]) -> list[str]:
    """Of all judged pairs, as in Table 2; nothing where nobody was asked."""
    if not rate["asked"] or not rate["n"]:
        return ["not asked" if not rate["asked"] else "not scored", "", ""]
    return [f"{100 * rate[end] / rate['n']:.1f}" for end in ("wins", "losses", "ties")]


def _paper(rate: Mapping[str, float]) -> list[str]:
    return [f"{rate[who]}" for who in (*SIDES, "neither")]


def _more(task: Mapping[str, Any]) -> Iterator[str]:
    """The rates with their intervals, and what to mind of them."""
    for side, each in task["sides"].items():
        rate = each["accuracy"]
        counts = f"{rate['k']} / {rate['n']}, unscored {rate['unscored']}"
        yield f"  {SIDES[side]} right: {_rate(rate)}, {counts}; {each['characters']} characters an answer"
    yield f"  Task less LIMA, item by item: {_points(task['difference'])} ({task['difference']['how']})"
    rate = task["win_rate"]
    if rate["asked"]:
        for name in ("raw", "length_controlled"):
            found = rate[name]
            why = f" ({found['why']})" if found.get("why") else ""
            told = "not to be told" if found["percent"] is None else _rate(found)
            yield f"  LIMA's win rate, {name.replace('_', '-')}, ties as halves: {told}{why}"
        flips = rate["flips"]
        yield f"  order flips: {flips['k']} of {flips['n']} judged pairs; unscored {rate['unscored']}"
    yield from (f"  failed: {SIDES[each['side']]}, seed {each['seed']}: {each['why']}" for each in task["failed"])

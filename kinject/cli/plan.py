"""What `--dry-run` and `--explain` print: what arms would do, and every setting with its source."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table

from kinject.cli.console import emit
from kinject.errors import UsageError
from kinject.injection.arm import Arm
from kinject.injection.settings import Settings
from kinject.progress import Progress

DryRun = Annotated[bool, typer.Option("--dry-run", help="List what would run and what it would take; run nothing.")]
Explain = Annotated[bool, typer.Option("--explain", help="Show every setting with its source; run nothing.")]
UNKNOWN = "not known yet"


def told(chosen: Sequence[Arm], asked: Settings, given: Mapping[str, Any], progress: Progress) -> None:
    """Print what arms would do, or their settings, instead of running them.

    `given` is what the command was called with, as in `options.settings`.
    """
    from kinject.injection import explain as explaining
    from kinject.injection import plan as planning
    from kinject.injection.novelty import samples

    if given["dry_run"] and given["explain"]:
        raise UsageError("--dry-run and --explain are two answers", where="--explain", mend="ask for one at a time")
    ground = planning.look_up(given["model"], given["facts"], given["after"], progress)
    asked = replace(asked, novelty=samples(given["novelty"], ground.model))
    if given["explain"]:
        result = explaining.explain(chosen, ground.model, ground.facts, asked)
        emit(result, as_json=given["as_json"], text=lambda: _settings(result))
    else:
        result = planning.plan(chosen, ground, asked)
        emit(result, as_json=given["as_json"], text=lambda: _plan(result))


def _plan(result: dict[str, Any]) -> RenderableType:
    table = Table("step", "what", "state", box=None, pad_edge=False)
    for name in ("time", "tokens", "judge calls", "disk", "memory"):
        table.add_column(name, justify="right")
    for step in result["steps"]:
        row = ["cached", "", "", "", "", ""] if step["cached"] else ["to do", *_figures(step)]
        table.add_row(step["step"], step["what"], *row)
    total = result["total"]
    table.add_row("", f"{total['steps']} to do, {total['cached']} cached", "", *_figures(total))
    notes = [
        "time: at the median pace of earlier runs, one step after another; tokens of answers: at most;",
        "disk: what stays, without answers; memory: at least, in all the largest step's.",
    ]
    if total["scratch"]:
        notes.append(
            f"While a model is trained, its checkpoints take up to {_size(total['scratch'])} more on the disk."
        )
    return Group(table, "", *notes)


def _figures(of: dict[str, Any]) -> list[str]:
    tokens = "?" if of["tokens"] is None else f"{of['tokens']:,}" if of["tokens"] else ""
    return [_duration(of["seconds"]), tokens, str(of["calls"] or ""), _size(of["disk"]), _size(of["memory"])]


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return UNKNOWN
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _size(count: int | None) -> str:
    if not count:
        return "?" if count is None else ""
    return f"{count / 2**20:,.0f} MiB" if count < 2**30 else f"{count / 2**30:,.1f} GiB"


def _settings(result: dict[str, Any]) -> RenderableType:
    """One table a part, so that what belongs together is read together."""
    parts: list[RenderableType] = [f"{result['model']} on {result['facts']}"]
    for part, rows in groupby(result["settings"], lambda row: row["part"]):
        table, before = Table("", "", "", box=None, pad_edge=False, show_header=False), ""
        for row in rows:
            table.add_row(
                f"  {row['name']}", f"{row['value']}", "as above" if row["source"] == before else row["source"]
            )
            before = row["source"]
        parts += ["", part, table]
    return Group(*parts)

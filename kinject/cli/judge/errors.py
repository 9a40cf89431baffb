"""`kinject judge errors`: which kinds of errors incorrect responses make, of format, of calculation, of reasoning."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group

from kinject.cli import options
from kinject.cli.console import Json, emit, say
from kinject.cli.judge.grade import FAILED
from kinject.cli.progress import RichProgress

if TYPE_CHECKING:
    from rich.table import Table

    from kinject.judging.errors import Errors, Row
    from kinject.statistics.intervals import Rate

SCHEMA = "kinject.judge-errors/1"
SHOWN = 200
"""Characters of a question, a response or a reason that are shown."""


def errors(
    responses: Annotated[
        Path,
        typer.Argument(
            metavar="RESPONSES.jsonl",
            help="question and response in each line, solution (gsm8k) or steps (subqa); correct where it is known.",
        ),
    ],
    task: Annotated[str, typer.Option("--task", help="What the responses are to: gsm8k or subqa.")],
    judge: Annotated[
        str, typer.Option("--judge", help="Who looks for errors: rules, openai:MODEL, vllm:MODEL or hf:PATH.")
    ] = "rules",
    show: Annotated[int, typer.Option("--show", min=0, help="Also show so many responses, those first that err.")] = 0,
    concurrency: options.Concurrency = 8,
    price: options.Price = None,
    max_cost: options.MaxCost = None,
    as_json: Json = False,
) -> None:
    """Sort incorrect responses into errors of format, of calculation and of reasoning; one may be in several.

    Responses that are known to be correct are left out.

    Examples:  kinject judge errors responses.jsonl --task gsm8k --json
               kinject judge errors responses.jsonl --task subqa --judge openai:gpt-4o --price 2.5/10 --max-cost 5
    """
    from kinject.judging.errors import incorrect, open_annotator, rates, read_rows

    annotator = open_annotator(judge, task, options.terms(concurrency, price, max_cost))
    read = read_rows(responses, task)
    rows = incorrect(read)
    unknown = sum(row.correct is None for row in rows)
    _tell(len(read) - len(rows), unknown)
    found = annotator.annotate(rows, RichProgress())
    rated, spent = rates(rows, found, task), annotator.spent()
    result = {
        "schema": SCHEMA,
        "task": task,
        "judge": annotator.name,
        "n": len(rows),
        "unknown": unknown,
        "left_out": {"correct": len(read) - len(rows)},
        "categories": {name: rate.as_json() for name, rate in rated.items()},
        "rows": [_row(row, each) for row, each in zip(rows, found, strict=True)],
        "spent": spent,
    }
    emit(
        result,
        as_json=as_json,
        text=lambda: Group(*_shown(rated, spent), *([_rows(rows, found, show)] if show else [])),
    )
    if spent.get("failed"):
        raise typer.Exit(FAILED)


def _tell(correct: int, unknown: int) -> None:
    """Say which responses are not looked at, and which are on a guess."""
    if correct:
        say(f"left out, because they are correct: {correct}")
    if unknown:
        say(f"taken as incorrect, because nothing says whether they are: {unknown}")


def _row(row: "Row", found: "Errors") -> dict[str, Any]:
    own = {"id": row.id} if hasattr(row, "id") else {}
    return {"line": row.line, **own, **found.labels, "reason": found.reason, "replies": found.replies}


def _table(rated: "Mapping[str, Rate]") -> "Table":
    from rich.table import Table

    table = Table("errors of", "percent", "k / n", "unscored", "95 % interval", "least to most")
    for name, rate in rated.items():
        low, high = rate.interval
        shown = "not scored" if rate.percent is None else f"{rate.percent:.1f}"
        interval = "" if rate.percent is None else f"{low:.1f} to {high:.1f}"
        bounds = f"{rate.worst:.1f} to {rate.best:.1f}" if rate.unscored else ""
        table.add_row(name, shown, f"{rate.k} / {rate.n}", str(rate.unscored), interval, bounds)
    return table


def _shown(rated: "Mapping[str, Rate]", spent: Mapping[str, Any]) -> "list[Table | str]":
    told = ", ".join(f"{what.replace('_', ' ')} {value}" for what, value in spent.items())
    return [_table(rated), *([told] if told else [])]


def _rows(rows: "Sequence[Row]", found: "Sequence[Errors]", n: int) -> "Table":
    """Some responses with what was found: first those with the most errors."""
    from rich.table import Table

    table = Table("line", "question", "response", "errors", "why", show_lines=True)
    pairs = sorted(zip(rows, found, strict=True), key=lambda pair: -list(pair[1].labels.values()).count("error"))
    for row, each in pairs[:n]:
        erring = ", ".join(name for name, label in each.labels.items() if label == "error") or "none"
        table.add_row(str(row.line), *map(_short, (row.question, str(row.response), erring, each.reason)))
    return table


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."

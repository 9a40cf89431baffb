"""`kinject judge`: grade answers, from wherever they come."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kinject.cli import options
from kinject.cli.console import Json, emit

if TYPE_CHECKING:
    from rich.table import Table

    from kinject.judging.grade import Answer
    from kinject.statistics.intervals import Rate


def judge(
    answers: Annotated[Path, typer.Argument(metavar="ANSWERS.jsonl", help="One answer a line: fact, kind, response.")],
    facts: Annotated[
        str,
        typer.Option("--facts", help="The facts that were asked about: a name or a path.", show_default=False),
    ],
    judge: Annotated[str, typer.Option("--judge", help="Who grades: a judge's name or module:attribute.")] = "rules",
    after: options.After = None,
    as_json: Json = False,
) -> None:
    """Grade answers to the questions of a fact set: correctness, recall of the event, reasoning.

    Example: kinject judge answers.jsonl --facts facts100 --json
    """
    from kinject.judging.grade import grade, read_answers, scores
    from kinject.sources import newer, open_facts

    known = open_facts(facts)
    old = known.by_id.keys() - newer(known, after).by_id.keys()
    graded = grade([answer for answer in read_answers(answers) if answer.fact not in old], known, judge)
    result = {
        "schema": "kinject.judge/1",
        "judge": judge,
        "n": len(graded),
        "verdicts": [_row(answer, judge) for answer in graded],
    }
    emit(result, as_json=as_json, text=lambda: _table(scores(graded, judge)))


def _row(answer: "Answer", judge: str) -> dict[str, Any]:
    verdict = answer.verdicts[judge].model_dump()
    return {"line": answer.line, "fact": answer.fact, "kind": answer.kind, **verdict}


def _table(rates: "dict[str, Rate]") -> "Table":
    from rich.table import Table

    table = Table("rate", "percent", "k / n", "unscored", "95 % interval", "worst to best")
    for name, rate in rates.items():
        bounds = f"{rate.worst:.1f} to {rate.best:.1f}" if rate.unscored else ""
        low, high = rate.interval
        shown = "not scored" if rate.percent is None else f"{rate.percent:.1f}"
        interval = "" if rate.percent is None else f"{low:.1f} to {high:.1f}"
        table.add_row(name.replace("_", " "), shown, f"{rate.k} / {rate.n}", str(rate.unscored), interval, bounds)
    return table

"""`kinject facts`: which fact sets there are, and whether one is sound."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table

from kinject.cli.console import Json, emit
from kinject.facts.check import RULES, Report, check_file
from kinject.facts.check import check as check_set
from kinject.facts.load import sets
from kinject.facts.schema import Problem
from kinject.resources import facts_folder

app = typer.Typer(help="List fact sets and check them.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """The fact sets that come with kinject."""
    rows = [
        {
            "name": path.stem,
            "facts": count,
            "cutoff": card.cutoff if card else None,
            "rules": card.rules if card else "loose",
            "licence": card.licence if card else "",
            "description": card.description if card else "",
        }
        for path, count, card in sets(facts_folder())
    ]
    emit({"schema": "kinject.facts.list/1", "sets": rows}, as_json=as_json, text=lambda: _table(rows))


@app.command("check")
def check(
    facts: Annotated[str, typer.Argument(help="The name of a set, the path of a .jsonl file, or lab[@N][:COUNT].")],
    as_json: Json = False,
) -> None:
    """Find everything that makes facts unsound, in one pass. Exit code 1 if there is something."""
    from kinject.sources import LAB, facts_path, open_facts

    if LAB.fullmatch(facts):
        invented = open_facts(facts)
        report = Report(len(invented.facts), tuple(check_set(invented)))
    else:
        report = check_file(facts_path(facts))
    result = {
        "schema": "kinject.facts.check/1",
        "facts": report.facts,
        "problems": [asdict(problem) for problem in report.problems],
    }
    emit(result, as_json=as_json, text=lambda: _problems(facts, report))
    if report.problems:
        raise typer.Exit(1)


def _table(rows: Sequence[Mapping[str, object]]) -> RenderableType:
    table = Table("set", "facts", "cutoff", "rules", "licence", "what", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    return table


def _problems(name: str, report: Report) -> RenderableType:
    found = [_lines(problem) for problem in report.problems]
    verdict = f"{len(found)} problems" if found else "all sound"
    return Group(*found, f"{name}: {report.facts} facts, {verdict}")


def _lines(problem: Problem) -> str:
    fact = ascii(problem.id) if problem.id else "-"
    return (
        f"line {problem.line}  {problem.code}  {fact}  {problem.field}: {problem.message}\n"
        f"         {RULES[problem.code].title}. Mend: {problem.mend}"
    )

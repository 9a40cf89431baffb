"""`kinject facts check`: everything that makes facts unsound, in one pass."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Annotated

import typer
from rich.console import Group, RenderableType

from kinject.cli import options
from kinject.cli.console import Json, emit
from kinject.cli.progress import RichProgress
from kinject.errors import UsageError
from kinject.facts.check import RULES, Report, check_file
from kinject.facts.check import check as check_set
from kinject.facts.schema import Problem

LONGEST = 300
"""Characters of a message that are shown; --json has them all."""


def check(
    facts: options.FactsArgument,
    after: options.After = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="First mend in place what can be mended without knowing the facts.")
    ] = False,
    online: Annotated[
        bool, typer.Option("--online", help="Also open every source, and note in the card what came of it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find everything that makes facts unsound, in one pass. Exit code 1 if there is something.

    Example: kinject facts check mine.jsonl --fix
    """
    from kinject.facts.fix import fix as mend
    from kinject.facts.links import check_links
    from kinject.sources import LAB, cutoff_day, facts_path, newer, open_facts

    fixed, links = 0, list[Problem]()
    if LAB.fullmatch(facts):
        invented = newer(open_facts(facts), after)
        report = Report(len(invented.facts), tuple(check_set(invented)))
    else:
        path = facts_path(facts)
        fixed = mend(path) if fix else 0
        day = None if after is None else cutoff_day(after)
        report = check_file(path, day)
        if day is not None and not report.facts:
            raise UsageError(f"no fact of {facts} is from after {day}", where="--after", mend="take an earlier day")
        links = check_links(path, date.today(), day, progress=RichProgress()) if online else links
    problems = [*report.problems, *links]
    result = {
        "schema": "kinject.facts.check/1",
        "facts": report.facts,
        "problems": [asdict(problem) for problem in problems],
        "fixed": fixed,
    }
    emit(result, as_json=as_json, text=lambda: _told(facts, report.facts, problems, fixed))
    if problems:
        raise typer.Exit(1)


def lines(problem: Problem) -> str:
    """A problem as two lines: where and what, then the rule and the way out."""
    fact = ascii(_short(problem.id)) if problem.id else "-"
    what = ": ".join(filter(None, [_short(problem.field), _short(problem.message)]))
    return (
        f"line {problem.line}  {problem.code}  {fact}  {what}\n"
        f"         {RULES[problem.code].title}. Mend: {problem.mend}"
    )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def _told(name: str, facts: int, problems: Sequence[Problem], fixed: int) -> RenderableType:
    verdict = _many(len(problems), "problem") if problems else "all sound"
    mended = f", {_many(fixed, 'line')} mended" if fixed else ""
    return Group(*map(lines, problems), f"{name}: {_many(facts, 'fact')}, {verdict}{mended}")


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"

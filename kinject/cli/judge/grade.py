"""`kinject judge`: grade answers, from wherever they come."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group

from kinject.cli import options
from kinject.cli.console import Json, emit, say
from kinject.cli.progress import RichProgress
from kinject.errors import JudgeError, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from kinject.facts.schema import FactSet
    from kinject.judging.grade import Answer
    from kinject.statistics.intervals import Rate

FAILED = JudgeError.code
"""The exit code of every `kinject judge` where a judge left unscored what could be scored; all the rest is printed."""


def grade(
    answers: Annotated[
        str,
        typer.Argument(
            metavar="ANSWERS",
            help="A .jsonl with fact, kind and response in each line; or an arm's artefact: its folder, its key, last.",
        ),
    ],
    facts: Annotated[
        str | None,
        typer.Option("--facts", help="What was asked about: a name or a path. Default: the artefact's own facts."),
    ] = None,
    judge: options.Judge = "rules",
    after: options.After = None,
    concurrency: options.Concurrency = 8,
    price: options.Price = None,
    max_cost: options.MaxCost = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Also write the answers with their verdicts to this .jsonl.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Grade answers to the questions of a fact set: correctness, recall of the event, reasoning.

    Examples:  kinject judge answers.jsonl --facts facts100 --json
               kinject judge RUN_FOLDER --judge rules,openai:gpt-4o --price 2.5/10 --max-cost 5
    """
    from kinject.judging.grade import grade as graded_by
    from kinject.judging.grade import missed, read_answers, scores
    from kinject.sources import newer
    from kinject.storage import write_jsonl

    asked = options.judges(judge, concurrency, price, max_cost)
    path, known = opened(answers, facts)
    graded = read_answers(path)
    old = known.by_id.keys() - newer(known, after).by_id.keys()
    graded = [answer for answer in graded if answer.fact not in old]
    for each in asked:
        graded = graded_by(graded, known, each, RichProgress())
    if out:
        write_jsonl(out, (answer.model_dump() for answer in graded))
    rates = {each.name: scores(graded, each.name) for each in asked}
    spent = {each.name: each.spent() for each in asked if each.spent()}
    first, *others = [each.name for each in asked]
    result = {
        "schema": "kinject.judge/1",
        "judge": first,
        "n": len(graded),
        "verdicts": [_row(answer, first) for answer in graded],
        "scores": {name: {kind: rate.as_json() for kind, rate in found.items()} for name, found in rates.items()},
        "others": {name: [_row(answer, name) for answer in graded] for name in others},
        "spent": spent,
    }
    emit(result, as_json=as_json, text=lambda: Group(*_shown(rates, spent)))
    fail_if_missed({each.name: sum(missed(one, one.verdicts[each.name], known) for one in graded) for each in asked})


def fail_if_missed(left: dict[str, int]) -> None:
    """Say how many answers each judge left unscored that could be scored, and exit so if there are any."""
    for name, count in left.items():
        if count:
            say(f"{name} left {count} unscored that it was asked about")
    if any(left.values()):
        raise typer.Exit(FAILED)


def opened(answers: str, facts: str | None) -> "tuple[Path, FactSet]":
    """The file of the answers and the facts: of an artefact, its own, unless others are named."""
    from kinject.injection.artefact import open_answers
    from kinject.sources import open_facts

    if not Path(answers).is_file() and not answers.endswith(".jsonl"):
        path, own = open_answers(answers)
        return path, open_facts(facts) if facts else own
    if facts is None:
        mend = "add --facts NAME or PATH"
        raise UsageError("the facts that were asked about are not named", where="--facts", mend=mend)
    return Path(answers), open_facts(facts)


def _row(answer: "Answer", judge: str) -> dict[str, Any]:
    verdict = answer.verdicts[judge].model_dump()
    return {"line": answer.line, "fact": answer.fact, "kind": answer.kind, **verdict}


def _shown(rates: "dict[str, dict[str, Rate]]", spent: dict[str, dict[str, Any]]) -> "list[Table | str]":
    shown: list[Table | str] = []
    for name, found in rates.items():
        shown += [name] if len(rates) > 1 else []
        shown.append(_table(found))
        if name in spent:
            shown.append(", ".join(f"{what.replace('_', ' ')} {value}" for what, value in spent[name].items()))
    return shown


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

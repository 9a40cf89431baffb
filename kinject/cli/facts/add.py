"""`kinject facts add`: one new fact, by options or by answering questions."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group

from kinject.cli.console import Json, emit, say
from kinject.cli.facts.check import lines
from kinject.errors import UsageError

if TYPE_CHECKING:
    from pydantic import ValidationError

Texts = list[str] | None
ARROW = "=>"


def add(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="Where it goes; made if there is none.")],
    event: Annotated[str | None, typer.Option("--event", help="What happened, in a sentence or two.")] = None,
    question: Annotated[str | None, typer.Option("--question", help="What the event answers by itself.")] = None,
    answer: Annotated[str | None, typer.Option("--answer", help="As it stands in the event.")] = None,
    alias: Annotated[Texts, typer.Option("--alias", help="Another spelling of the answer.")] = None,
    paraphrase: Annotated[Texts, typer.Option("--paraphrase", help="The question in other words.")] = None,
    multihop_question: Annotated[
        str | None, typer.Option("--multihop-question", help="What takes the event and older knowledge.")
    ] = None,
    multihop_answer: Annotated[str | None, typer.Option("--multihop-answer", help="What it comes to.")] = None,
    multihop_alias: Annotated[Texts, typer.Option("--multihop-alias", help="Another spelling of that.")] = None,
    multihop_paraphrase: Annotated[Texts, typer.Option("--multihop-paraphrase", help="It in other words.")] = None,
    hop: Annotated[Texts, typer.Option("--hop", help=f'A step of the way, "QUESTION {ARROW} ANSWER".')] = None,
    date: Annotated[str | None, typer.Option("--date", help="The day (YYYY-MM-DD) or month (YYYY-MM).")] = None,
    domain: Annotated[str, typer.Option("--domain", help="Such as sports or science.")] = "",
    region: Annotated[str, typer.Option("--region", help="Such as a continent.")] = "",
    country: Annotated[Texts, typer.Option("--country", help="Where it happened.")] = None,
    source: Annotated[Texts, typer.Option("--source", help="An address or a title.")] = None,
    supersedes: Annotated[str | None, typer.Option("--supersedes", help="The id of what this makes untrue.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Default: made of the date and the question.")] = None,
    as_json: Json = False,
) -> None:
    """Check one new fact and append it to a file; what is missing is asked for. Options for lists may be repeated.

    Example: kinject facts add mine.jsonl --date 2026-03-01 --question "Who won the Oslo Cup in March 2026?"
    """
    from kinject.facts.add import add as append
    from kinject.facts.add import suggested_id

    ask_all = not (event and question and answer)
    event = event or _ask("--event", "What happened, in a sentence or two")
    question = question or _ask("--question", "A question that it answers")
    answer = answer or _ask("--answer", "The answer, as it stands in the event")
    if ask_all:
        date = date or _ask("--date", "The day or month (YYYY-MM-DD or YYYY-MM; empty if not known)", "")
        wanted = "A question that also takes older knowledge (empty for none)"
        multihop_question = multihop_question or _ask("--multihop-question", wanted, "")
    if multihop_question and not multihop_answer:
        multihop_answer = _ask("--multihop-answer", "The answer to that")
    if multihop_question and ask_all and not hop:
        hop = _hops()
    multihop = {
        "question": multihop_question,
        "answer": multihop_answer,
        "aliases": multihop_alias or [],
        "paraphrases": multihop_paraphrase or [],
        "hops": [_hop(text) for text in hop or []],
    }
    fact = _fact(
        {
            "id": id_ or suggested_id(date, question),
            "date": date or None,
            "domain": domain,
            "region": region,
            "country": country or [],
            "event": event,
            "direct": {
                "question": question,
                "answer": answer,
                "aliases": alias or [],
                "paraphrases": paraphrase or [],
            },
            "multihop": multihop if multihop_question else None,
            "sources": [{"title": text, "url": text if text.startswith("http") else None} for text in source or []],
            "supersedes": supersedes,
        }
    )
    problems = append(file, fact)
    result = {
        "schema": "kinject.facts.add/1",
        "added": not problems,
        "id": fact.id,
        "file": str(file),
        "problems": [asdict(problem) for problem in problems],
    }
    told = [*map(lines, problems), "nothing was written"] if problems else [f"{file}: added {fact.id}"]
    emit(result, as_json=as_json, text=lambda: Group(*told))
    if problems:
        raise typer.Exit(1)


def _ask(option: str, prompt: str, default: str | None = None) -> str:
    """Ask the person in front of the terminal; UsageError where nobody answers."""
    try:
        answer: str = typer.prompt(prompt, default=default, show_default=False, err=True)
    except typer.Abort:
        say("")  # the prompt left its line open
        raise UsageError(f"{option} is missing", where=option, mend=f"give {option} TEXT") from None
    return answer


def _hops() -> list[str]:
    """Ask for the steps of the way until an empty line."""
    found: list[str] = []
    while text := _ask("--hop", f"Step {len(found) + 1} of the way, QUESTION {ARROW} ANSWER (empty when done)", ""):
        found.append(text)
    return found


def _hop(text: str) -> dict[str, str]:
    question, arrow, answer = (part.strip() for part in text.partition(ARROW))
    if not (question and arrow and answer):
        mend = f'write it as --hop "Which country won the cup in 2026? {ARROW} Norway"'
        raise UsageError(f"{text!r} is no step", where="--hop", mend=mend)
    return {"question": question, "answer": answer}


def _fact(value: dict[str, Any]) -> Any:
    from pydantic import ValidationError

    from kinject.facts.schema import Fact

    try:
        return Fact.model_validate(value)
    except ValidationError as error:
        raise _refused(error) from None


def _refused(error: "ValidationError") -> UsageError:
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    return UsageError(f"{first['input']!r} {first['msg']}", where=f"--{field}", mend="correct it; see facts/README.md")

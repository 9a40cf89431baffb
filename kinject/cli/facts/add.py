"""`kinject facts add`: one new fact, by options or by answering questions.

Options are looked at before anything is asked: a wrong option is an error, a wrong answer is asked for again. With
--json nothing is asked. Where stdin is no terminal, a question is printed after its answer has been read, so that where
nobody answers the error is all that stands on stderr.
"""

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType

from kinject.cli.console import Json, emit, say
from kinject.cli.facts.check import lines
from kinject.errors import UsageError

if TYPE_CHECKING:
    from kinject.facts.add import Added

Texts = dict[str, str]
Lists = dict[str, list[str]]
"""What was given, by options; stripped."""
ARROW = "=>"
MULTIHOP = "--multihop-question"
NEEDED = {
    "--event": "What happened, in a sentence or two",
    "--question": "A question that it answers",
    "--answer": "The answer, as it stands in the event",
}
OPTIONAL = {
    "--date": "The day or month (YYYY-MM-DD or YYYY-MM; empty if not known)",
    MULTIHOP: "A question that also takes older knowledge (empty for none)",
}


def add(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="Where it goes; made if there is none.")],
    event: Annotated[str | None, typer.Option("--event", help="What happened, in a sentence or two.")] = None,
    question: Annotated[str | None, typer.Option("--question", help="What the event answers by itself.")] = None,
    answer: Annotated[str | None, typer.Option("--answer", help="As it stands in the event.")] = None,
    alias: Annotated[list[str] | None, typer.Option("--alias", help="Another spelling of the answer.")] = None,
    paraphrase: Annotated[list[str] | None, typer.Option("--paraphrase", help="The question in other words.")] = None,
    multihop_question: Annotated[
        str | None, typer.Option("--multihop-question", help="What takes the event and older knowledge.")
    ] = None,
    multihop_answer: Annotated[str | None, typer.Option("--multihop-answer", help="What it comes to.")] = None,
    multihop_alias: Annotated[
        list[str] | None, typer.Option("--multihop-alias", help="Another spelling of that.")
    ] = None,
    multihop_paraphrase: Annotated[
        list[str] | None, typer.Option("--multihop-paraphrase", help="It in other words.")
    ] = None,
    hop: Annotated[
        list[str] | None, typer.Option("--hop", help=f'A step of the way, "QUESTION {ARROW} ANSWER".')
    ] = None,
    date: Annotated[str | None, typer.Option("--date", help="The day (YYYY-MM-DD) or month (YYYY-MM).")] = None,
    domain: Annotated[str, typer.Option("--domain", help="Such as sports or science.")] = "",
    region: Annotated[str, typer.Option("--region", help="Such as a continent.")] = "",
    country: Annotated[list[str] | None, typer.Option("--country", help="Where it happened.")] = None,
    source: Annotated[list[str] | None, typer.Option("--source", help="An address or a title.")] = None,
    supersedes: Annotated[str | None, typer.Option("--supersedes", help="The id of what this makes untrue.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Default: made of the date and the question.")] = None,
    as_json: Json = False,
) -> None:
    """Check one new fact and append it to a file; what is missing is asked for. Options for lists may be repeated.

    Example: kinject facts add mine.jsonl --date 2026-03-01 --question "Who won the Oslo Cup in March 2026?"
    """
    texts = {
        **{"--event": event, "--question": question, "--answer": answer, "--date": date, "--domain": domain},
        **{"--region": region, "--supersedes": supersedes, "--id": id_},
        **{"--multihop-question": multihop_question, "--multihop-answer": multihop_answer},
    }
    lists = {
        **{"--alias": alias, "--paraphrase": paraphrase, "--country": country, "--source": source, "--hop": hop},
        **{"--multihop-alias": multihop_alias, "--multihop-paraphrase": multihop_paraphrase},
    }
    _append(
        file,
        {option: text.strip() for option, text in texts.items() if text and text.strip()},
        {option: [text.strip() for text in given or []] for option, given in lists.items()},
        as_json,
    )


def _append(file: Path, texts: Texts, lists: Lists, as_json: bool) -> None:
    from kinject.facts.add import add, check_name
    from kinject.facts.schema import Fact

    check_name(file)
    _look_at(texts, lists)
    if as_json:
        _demand(texts)
    else:
        _complete(texts, lists)
    added = add(file, Fact.model_validate(_value(texts, lists)), renumber="--id" not in texts)
    result = {
        "schema": "kinject.facts.add/1",
        "added": not added.problems,
        "id": added.fact.id,
        "file": str(file),
        "problems": [asdict(problem) for problem in added.problems],
    }
    emit(result, as_json=as_json, text=lambda: _told(file, added))
    if added.problems:
        raise typer.Exit(1)


def _told(file: Path, added: "Added") -> RenderableType:
    if added.problems:
        return Group(*map(lines, added.problems), "nothing was written")
    return Group(f"{file}: added {added.fact.id}")


# What was given


def _look_at(texts: Texts, lists: Lists) -> None:
    """UsageError where an option cannot be right, whatever is answered."""
    if "--date" in texts:
        _day(texts["--date"])
    for text in lists["--hop"]:
        _hop(text)
    for option in [*texts, *lists]:
        of_multihop = option == "--hop" or option.startswith("--multihop-")
        if of_multihop and MULTIHOP not in texts and (option in texts or lists[option]):
            mend = f"give {MULTIHOP} TEXT, too"
            raise UsageError(f"{option} belongs to a question that was not given", where=option, mend=mend)


def _demand(texts: Texts) -> None:
    """UsageError with the first option that is missing."""
    for option in [*NEEDED, *(["--multihop-answer"] if MULTIHOP in texts else [])]:
        if option not in texts:
            raise _missing(option)


def _missing(option: str) -> UsageError:
    return UsageError(f"{option} is missing", where=option, mend=f"give {option} TEXT")


def _day(text: str) -> str:
    from pydantic import TypeAdapter, ValidationError

    from kinject.facts.schema import Date

    try:
        return TypeAdapter(Date).validate_python(text)
    except ValidationError as error:
        message = f"{text!r} {error.errors(include_url=False)[0]['msg']}"
        raise UsageError(message, where="--date", mend="write it as 2026-03-01 or 2026-03") from None


def _hop(text: str) -> dict[str, str]:
    question, arrow, answer = (part.strip() for part in text.partition(ARROW))
    if not (question and arrow and answer):
        mend = f'write it as "Which country won the cup in 2026? {ARROW} Norway"'
        raise UsageError(f"{text!r} is no step", where="--hop", mend=mend)
    return {"question": question, "answer": answer}


# What is asked for


def _complete(texts: Texts, lists: Lists) -> None:
    """Ask for what is missing; for what may be left out only where something is that may not."""
    wanted = {**NEEDED, **OPTIONAL} if NEEDED.keys() - texts.keys() else {}
    for option, prompt in wanted.items():
        if option not in texts:
            texts[option] = _ask(option, prompt, _day if option == "--date" else None, optional=option in OPTIONAL)
    if texts.get(MULTIHOP) and "--multihop-answer" not in texts:
        texts["--multihop-answer"] = _ask("--multihop-answer", "The answer to that")
    if texts.get(MULTIHOP) and wanted and not lists["--hop"]:
        lists["--hop"] = _hops()


def _hops() -> list[str]:
    """The steps of the way, until an empty line."""
    found: list[str] = []
    prompt = f"of the way, QUESTION {ARROW} ANSWER (empty when done)"
    while text := _ask("--hop", f"Step {len(found) + 1} {prompt}", _hop, optional=True):
        found.append(text)
    return found


def _ask(option: str, prompt: str, look: Callable[[str], object] | None = None, *, optional: bool = False) -> str:
    """Ask until `look` raises nothing. UsageError where nobody answers."""
    while True:
        text = _answer(option, prompt)
        try:
            if text and look:
                look(text)
            if text or optional:
                return text
        except UsageError as error:
            say(f"{error.message}; {error.mend}")


def _answer(option: str, prompt: str) -> str:
    """One line from the person in front of the terminal, or from a pipe."""
    if sys.stdin and sys.stdin.isatty():
        try:
            return str(typer.prompt(prompt, default="", show_default=False, err=True)).strip()
        except typer.Abort:
            say("")  # the prompt left its line open
            raise _missing(option) from None
    try:
        line = sys.stdin.readline() if sys.stdin else ""  # None where stdin is closed
    except UnicodeDecodeError:
        raise UsageError("the answer is not UTF-8", where=option, mend="send it as UTF-8") from None
    if not line:
        raise _missing(option)
    say(f"{prompt}:")
    return line.strip()


# What it comes to


def _value(texts: Texts, lists: Lists) -> dict[str, Any]:
    from kinject.facts.add import suggested_id
    from kinject.facts.importers.rows import web

    multihop = {**_question(texts, lists, "--multihop-"), "hops": [_hop(text) for text in lists["--hop"]]}
    return {
        "id": texts.get("--id") or suggested_id(texts.get("--date"), texts["--question"]),
        "date": texts.get("--date") or None,
        "domain": texts.get("--domain", ""),
        "region": texts.get("--region", ""),
        "country": lists["--country"],
        "event": texts["--event"],
        "direct": _question(texts, lists, "--"),
        "multihop": multihop if texts.get(MULTIHOP) else None,
        "sources": [{"title": text, "url": web(text)} for text in lists["--source"]],
        "supersedes": texts.get("--supersedes"),
    }


def _question(texts: Texts, lists: Lists, start: str) -> dict[str, Any]:
    """A question with what belongs to it, from the options that begin so."""
    return {
        "question": texts.get(f"{start}question"),
        "answer": texts.get(f"{start}answer"),
        "aliases": lists[f"{start}alias"],
        "paraphrases": lists[f"{start}paraphrase"],
    }

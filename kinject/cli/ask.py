"""`kinject ask`: ask a finished arm anything, and see which facts its answer was given from."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kinject.cli.console import Json, emit
from kinject.cli.progress import RichProgress
from kinject.errors import UsageError
from kinject.progress import Progress

if TYPE_CHECKING:
    from kinject.injection.ask import Answer

STDIN = "-"


def ask(
    artefact: Annotated[
        str,
        typer.Argument(
            metavar="ARTEFACT", help="The folder of a kinject inject run, its key or the beginning of it, or last."
        ),
    ],
    questions: Annotated[
        list[str], typer.Argument(metavar="QUESTION", help="What to ask; - reads questions from stdin, one a line.")
    ],
    as_json: Json = False,
) -> None:
    """Ask what an arm left, and say which facts stood in the prompt: given by the arm, or found.

    Examples:  kinject ask last "Who won the Rugby World Cup in 2023?"
               kinject ask last - < questions.txt
    """
    from kinject.injection.artefact import open_artefact
    from kinject.injection.ask import SCHEMA, answers

    words = [word if word == STDIN else one_question(word) for word in questions]
    progress = RichProgress()
    opened = open_artefact(artefact)
    about = {"schema": SCHEMA, "artefact": str(opened.folder), "model": opened.made.model.name}
    with closing(answers(opened, _asked(words), progress)) as replies:
        said = _collected(replies, about, progress) if as_json else _streamed(replies, about)
    if not said:
        raise UsageError("there was no question on stdin", where="QUESTION", mend="write one question a line")


def _collected(replies: "Iterable[Answer]", about: dict[str, Any], progress: Progress) -> int:
    """Print all answers at the end, or where something ends them, what came until then; return how many."""
    said: list[Answer] = []
    try:
        with progress.stage("asking", unit="questions") as stage:
            for reply in replies:
                said.append(reply)
                stage.advance()
    finally:
        if said:
            emit({**about, "answers": [reply.as_json() for reply in said]}, as_json=True, text=str)
    return len(said)


def _streamed(replies: "Iterable[Answer]", about: dict[str, Any]) -> int:
    """Print each answer as it comes; that is all the progress there is, for a bar would stand in its way."""
    count = 0
    for count, reply in enumerate(replies, 1):  # noqa: B007 - how many there were is returned
        emit(about, as_json=False, text=partial(_shown, reply))
    return count


def one_question(text: str, example: str = 'kinject ask last "Who won ...?"') -> str:
    """A question as it can be asked. UsageError for none, and for bytes that are no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("the question is not UTF-8", where="QUESTION", mend="send it as UTF-8") from None
    if not text.strip():
        raise UsageError("the question is empty", where="QUESTION", mend=example)
    return text


def _asked(words: list[str]) -> Iterator[str]:
    for word in words:
        yield from _lines() if word == STDIN else [word]


def _lines() -> Iterator[str]:
    """The questions on stdin, each as soon as it is there; blank lines are passed over."""
    try:
        for line in sys.stdin or ():  # None where stdin is closed
            if line.strip():
                yield one_question(line)
    except UnicodeDecodeError:
        raise UsageError("the questions are not UTF-8", where="stdin", mend="send them as UTF-8") from None


def _shown(reply: "Answer") -> str:
    how = "given" if reply.given else "found"
    used = [f"  {how}: {fact.event} ({fact.id}, {fact.date or 'no date'})" for fact in reply.facts]
    thought = [f"  | {line}" for line in reply.response.splitlines()] if reply.response != reply.answer else []
    cut = ["  cut off at the longest answer that the arm allows"] if reply.finish == "length" else []
    answer = [f"  {line}" for line in reply.answer.splitlines() or ["(no answer)"]]
    return "\n".join([reply.question, *answer, *thought, *(used or ["  no fact in the prompt"]), *cut])

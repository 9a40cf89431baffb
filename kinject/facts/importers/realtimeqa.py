"""RealTimeQA: questions from weekly news quizzes, each with its day and its choices, in JSONL.

The event is a statement of ours that dates question and answer; the quiz's own explanation is not used. Multihop
questions there are none.

Traps: `answer` is a list that holds the index of a choice as a string, or that string alone; days are written in two
ways; question and choices hold HTML and `\\'`. A few rows stand twice under one id: the rules of a set find them.
"""

import html
import re
from collections.abc import Iterator
from datetime import date as Day
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator

from kinject.facts.importers import Importer, Skipped
from kinject.facts.importers.rows import Line, Text, attempt, filled, json_lines, one_line, sentence, web
from kinject.facts.schema import Direct, Fact, Source

LICENCE = "none stated"
# Not from `calendar`, which follows the machine's language.
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_ESCAPED = re.compile(r"\\(['\"])")
_EXCEPTION = re.compile(r"\bexcept(?: for)?\W*$", re.IGNORECASE)
_OF_THE_ABOVE = re.compile(r"(?:[a-e][.)] ?)?(?:none|all|both|neither) of the above\W*", re.IGNORECASE)


def _plain(text: str) -> str:
    return one_line(html.unescape(_TAG.sub("", _ESCAPED.sub(r"\1", text))))


def _day(text: Any) -> Day:
    return Day.fromisoformat(str(text).replace("/", "-"))


class _Row(BaseModel):
    question_id: Text
    question_date: Annotated[Day, BeforeValidator(_day)]
    question_url: Line = ""
    question_sentence: Annotated[str, AfterValidator(_plain), AfterValidator(filled)]
    choices: tuple[Annotated[str, AfterValidator(_plain)], ...]
    answer: Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]


def _fact(row: Any) -> Fact | Skipped:
    given = _Row.model_validate(row)
    day, question = given.question_date, given.question_sentence
    if given.question_id.endswith("_nota"):
        return Skipped("the row is a none-of-the-above variant of another")
    if _EXCEPTION.search(question):
        return Skipped("the question asks for an exception")
    if len(given.answer) != 1:
        return Skipped("the row has several answers" if given.answer else "the row has no answer")
    answer = _choice(given.answer[0], given.choices)
    if not answer:
        return Skipped("the answer is not one of the choices")
    if _OF_THE_ABOVE.fullmatch(answer):
        return Skipped("the answer is none or all of the above")
    on = f"{day.day} {MONTHS[day.month - 1]} {day.year}"
    return Fact(
        id=f"realtimeqa-{given.question_id}",
        date=day.isoformat(),
        event=sentence(f'In the news of {on}, the answer to "{question}" was {answer}'),
        direct=Direct(question=question, answer=answer),
        sources=(Source(title="RealTimeQA", url=web(given.question_url)),),
        license=LICENCE,
        source_id=given.question_id,
    )


def _choice(index: str, choices: tuple[str, ...]) -> str | None:
    """The choice of an index; an answer that is written out stands for itself, if it is a choice."""
    if re.fullmatch("[0-9]{1,2}", index):
        return choices[int(index)] if int(index) < len(choices) else None
    return next((choice for choice in choices if choice == _plain(index)), None)


def read(path: Path) -> Iterator[Fact | Skipped]:
    """One fact or reason a question."""
    for row in json_lines(path):
        yield attempt(_fact, row)


# Two quizzes of one week may ask about one event, and the day is the quiz's.
REALTIMEQA = Importer(
    read,
    source="RealTimeQA, github.com/realtimeqa/realtimeqa_public",
    licence=LICENCE,
    waives=("F016",),
)

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.errors import UsageError
from kinject.facts.check import check
from kinject.facts.importers import Skipped, open_importer
from kinject.facts.importers.realtimeqa import MONTHS
from kinject.facts.importers.rows import one_line
from kinject.facts.schema import Direct, Fact, FactSet, Source

CASES = Path(__file__).parents[2] / "cases" / "importers"
REALTIMEQA = open_importer("realtimeqa")
WORDS = (
    st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters="<&\\"), min_size=1)
    .map(one_line)
    .filter(bool)
)


def test_a_question_is_a_dated_fact_without_html() -> None:
    first = next(REALTIMEQA.read(CASES / "realtimeqa.jsonl"))
    question = "Which town opened a salt museum this week?"
    assert first == Fact(
        id="realtimeqa-20300105_0",
        date="2030-01-04",
        event=f'In the news of 4 January 2030, the answer to "{question}" was D\'Arc & Sons.',
        direct=Direct(question=question, answer="D'Arc & Sons"),
        sources=(Source(title="RealTimeQA", url="https://example.org/quiz/4"),),
        license="none stated",
        source_id="20300105_0",
    )


def test_answers_are_indexes_or_texts_and_what_has_none_is_counted() -> None:
    items = list(REALTIMEQA.read(CASES / "realtimeqa.jsonl"))
    facts = [item for item in items if isinstance(item, Fact)]
    assert [(fact.direct.answer, fact.date) for fact in facts] == [
        ("D'Arc & Sons", "2030-01-04"),
        ("2", "2030-01-04"),
        ("Bo Lund", "2030-01-04"),
        ("None of these candidates", "2030-01-04"),
    ]
    assert facts[1].direct.question == "How many ferries were older than ten?"
    assert facts[1].sources == (Source(title="RealTimeQA"),)
    assert check(FactSet("x", tuple(facts))) == []
    assert [item.reason for item in items if isinstance(item, Skipped)] == [
        "the row has no answer",
        "the question asks for an exception",
        "the row is a none-of-the-above variant of another",
        "the answer is none or all of the above",
        "the answer is none or all of the above",
        "the answer is not one of the choices",
        "the row has several answers",
        "question_date is empty or wrong",
        "answer is empty or wrong",
        "question_sentence is empty or wrong",
        "the answer is not one of the choices",
        "choices is missing",
        "the row is not an object",
    ]


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    first = (CASES / "realtimeqa.jsonl").read_bytes().splitlines()[0]
    path = tmp_path / "cut.jsonl"
    path.write_bytes(first + b"\n\n" + first[:80])
    with pytest.raises(UsageError, match="not JSON") as error:
        list(REALTIMEQA.read(path))
    assert error.value.where == f"{path}:3" and error.value.mend


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    """What a question can say."""
    day = draw(st.dates(date(2022, 1, 1), date(2031, 12, 31)))
    question, answer = draw(WORDS), draw(WORDS.filter(lambda text: text[-1] not in ".!?"))
    name = draw(st.text("0123456789_", min_size=1))
    return Fact(
        id=f"realtimeqa-{name}",
        date=day.isoformat(),
        event=f'In the news of {day.day} {MONTHS[day.month - 1]} {day.year}, the answer to "{question}" was {answer}.',
        direct=Direct(question=question, answer=answer),
        sources=(Source(title="RealTimeQA", url=draw(st.none() | st.just("https://example.org/q"))),),
        license="none stated",
        source_id=name,
    )


@given(st.lists(st.tuples(facts(), st.lists(WORDS, max_size=3), st.booleans()), min_size=1, max_size=3))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Fact, list[str], bool]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "realtimeqa.jsonl"
    path.write_text("".join(json.dumps(written(*row)) + "\n" for row in rows))
    assert list(REALTIMEQA.read(path)) == [fact for fact, _, _ in rows]


def written(fact: Fact, others: list[str], as_list: bool) -> dict[str, Any]:
    """The row of a fact, with wrong choices before the right one."""
    assert fact.date
    return {
        "question_id": fact.source_id,
        "question_date": fact.date if as_list else fact.date.replace("-", "/"),
        "question_url": fact.sources[0].url or "",
        "question_sentence": fact.direct.question,
        "choices": [*others, fact.direct.answer],
        "answer": [str(len(others))] if as_list else str(len(others)),
        "evidence": "",
    }

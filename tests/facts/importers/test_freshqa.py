import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.errors import UsageError
from kinject.facts.check import check
from kinject.facts.importers import Skipped, open_importer
from kinject.facts.importers.rows import one_line
from kinject.facts.schema import Direct, Fact, FactSet, Source

CASES = Path(__file__).parents[2] / "cases" / "importers"
FRESHQA = open_importer("freshqa")
HEADER = [
    *("id", "split", "question", "effective_year", "next_review", "false_premise", "num_hops", "fact_type", "source"),
    *(f"answer_{number}" for number in range(10)),
    "note",
]
WORDS = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1).map(one_line).filter(bool)


def test_a_question_is_a_fact_that_tells_its_year() -> None:
    first, second, *rest = FRESHQA.read(CASES / "freshqa.csv")
    assert first == Fact(
        id="freshqa-7",
        event='As of 2031, the answer to "Who chairs the Velm Chess Club?" was Ada Brisk.',
        direct=Direct(
            question="Who chairs the Velm Chess Club?", answer="Ada Brisk.", aliases=("A. Brisk", "Brisk, Ada")
        ),
        sources=(
            Source(title="FreshQA", url="https://example.org/a#:~:text=Ada,Brisk"),
            Source(title="FreshQA", url="http://example.org/b"),
        ),
        license="Apache-2.0",
        source_id="7",
    )
    assert isinstance(second, Fact) and second.multihop is None and second.sources == (Source(title="FreshQA"),)
    assert second.event.startswith('The answer to "In which')  # "before 2022" is no year
    assert check(FactSet("x", (first, second))) == []
    assert [item.reason for item in rest if isinstance(item, Skipped)] == [
        "the question has a false premise",
        "the row has no answer",
        "false_premise is neither TRUE nor FALSE",
        "id is empty or wrong",
        "question is empty or wrong",
        "the row has more or fewer cells than the header",
    ]


def test_the_two_lines_before_the_header_may_be_missing(tmp_path: Path) -> None:
    whole = (CASES / "freshqa.csv").read_bytes()
    path = tmp_path / "bare.csv"
    path.write_bytes(whole[whole.index(b"id,split") :].replace(b"\n", b"\r\n"))
    assert list(FRESHQA.read(path)) == list(FRESHQA.read(CASES / "freshqa.csv"))


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        ("a,b\n1,2\n", "there is no header", 1),
        ("w\n\n\nw\nw\nid,question,answer_0\n", "there is no header", 1),  # too far down
        ("w\nid,question,answer_0\n1,2,3\n", "the header lacks effective_year, false_premise, source", 2),
        (",".join(HEADER) + "\n", "the file holds no rows", 1),
    ],
)
def test_a_file_without_its_header_is_an_error(content: str, message: str, line: int, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text(content)
    with pytest.raises(UsageError, match=message) as error:
        list(FRESHQA.read(path))
    assert error.value.where == f"{path}:{line}" and error.value.mend


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    """What a row can say."""
    number, year, question = draw(st.integers(0, 999)), draw(st.none() | st.integers(2000, 2099)), draw(WORDS)
    answers = draw(st.lists(WORDS.filter(lambda text: text[-1] not in ".!?"), min_size=1, max_size=10, unique=True))
    urls = draw(st.lists(st.sampled_from(["https://example.org/a,b", "http://example.org/#:~:text=c"]), unique=True))
    return Fact(
        id=f"freshqa-{number}",
        event=f'{f"As of {year}, the" if year else "The"} answer to "{question}" was {answers[0]}.',
        direct=Direct(question=question, answer=answers[0], aliases=tuple(answers[1:])),
        sources=tuple(Source(title="FreshQA", url=url) for url in urls) or (Source(title="FreshQA"),),
        license="Apache-2.0",
        source_id=str(number),
    )


def written(fact: Fact) -> list[str]:
    """The row of a fact."""
    answers = [fact.direct.answer, *fact.direct.aliases]
    year = fact.event[6:10] if fact.event.startswith("As of") else "before 2022"
    source = "\n".join(source.url or "N/A" for source in fact.sources)
    told = [fact.source_id or "", "TEST", fact.direct.question, year, "N/A", "FALSE", "one-hop", "", source]
    return [*told, *answers, *[""] * (10 - len(answers)), ""]


@given(st.lists(facts(), min_size=1, max_size=3), st.booleans())
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, wanted: list[Fact], preamble: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "freshqa.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerows([["A warning, with a comma"], [""] * len(HEADER)] if preamble else [])
        rows.writerows([HEADER, *map(written, wanted)])
    assert list(FRESHQA.read(path)) == wanted

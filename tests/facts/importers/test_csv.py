import csv
import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.errors import UsageError
from kinject.facts.fix import clean
from kinject.facts.importers import Skipped, open_importer
from kinject.facts.importers.csv import COLUMNS, flatten, unflatten
from kinject.facts.schema import Direct, Fact, Hop, Multihop, Source
from kinject.storage import MAX_LINE

CASES = Path(__file__).parents[2] / "cases" / "importers"
CSV = open_importer("csv")
LEAST = {"id": "a", "event": "E.", "direct.question": "Q?", "direct.answer": "E"}


def table(path: Path, text: str, encoding: str = "utf-8") -> list[Fact | Skipped]:
    path.write_text(text, encoding=encoding, newline="")
    return list(CSV.read(path))


def test_a_table_that_somebody_keeps_by_hand() -> None:
    first, second, *rest = CSV.read(CASES / "table.csv")
    assert first == Fact(
        id="velm-1",
        date="2030-01-04",
        country=("Estonia", "Latvia"),
        event="On 4 January 2030 Velm, a town, opened a salt museum.",
        direct=Direct(
            question="What did Velm open?", answer="a salt museum", aliases=("salt museum", "museum of salt")
        ),
        sources=(
            Source(title="https://example.org/a", url="https://example.org/a"),
            Source(title="The Gazette"),
        ),
    )
    assert second == Fact(
        id="velm-2",
        date="2030-01",
        event='In 2030, Ada Brisk won the Velm "regatta".',
        direct=Direct(question="Who won the Velm regatta?", answer="Ada Brisk", aliases=("A. Brisk; Jr.", "Brisk")),
        multihop=Multihop(
            question="Where was the winner of the Velm regatta born?",
            answer="Tartu",
            hops=(
                Hop(question="Who won the Velm regatta?", answer="Ada Brisk"),
                Hop(question="Where was Ada Brisk born?", answer="Tartu", aliases=("Dorpat",)),
            ),
        ),
        sources=(Source(title="The Gazette", url="https://example.org/b"),),
        counterfactual=True,
    )
    assert [item.reason for item in rest if isinstance(item, Skipped)] == [
        "id is missing",
        "date is empty or wrong",
        "direct.aliases begins with [ and is not JSON",
        "multihop.hops is empty or wrong",
        "counterfactual is empty or wrong",
        "multihop.question is missing",
        "the row has more or fewer cells than the header",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_mark_line_ends_and_blank_lines_change_nothing(encoding: str, end: str, tmp_path: Path) -> None:
    lines = ["", "id,event,question,answer", "", "é,E.,Q?,E", " , ,,", "", 'b,"E', "", 'F.",Q?,E', ""]
    first, second = table(tmp_path / "t.csv", end.join(lines), encoding)
    assert isinstance(first, Fact) and (first.id, first.event) == ("é", "E.")
    assert isinstance(second, Fact) and second.event == "E F."


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("id,event,question", "the header lacks direct.answer"),
        ("id,event,question,answer,direct.alias", "no column 'direct.alias'. Did you mean 'direct.aliases'?"),
        ("id,event,question,answer,direct.answer", "the column 'direct.answer' stands twice"),
        ("id;event;question;answer", "there is no column 'id;event;question;answer'"),
        ("id,event,question,answer,", "there is no column ''"),
    ],
)
def test_a_header_that_is_not_ours_is_an_error(header: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with pytest.raises(UsageError) as error:
        table(path, f"\n{header}\na,E.,Q?,E\n")
    assert message in error.value.message
    assert error.value.where == f"{path}:2" and error.value.mend


def test_a_quote_that_is_never_closed_is_an_error_where_its_row_begins(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with pytest.raises(UsageError, match="not CSV") as error:
        table(path, 'id,event,question,answer\na,E.,Q?,E\nb,"E.,Q?,E\nc,E.,Q?,E\n')
    assert error.value.where == f"{path}:3"


def test_a_header_alone_holds_no_facts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no rows"):
        table(tmp_path / "t.csv", "id,event,question,answer\n\n")


def test_a_long_cell_is_read_and_the_limit_of_the_process_stays(tmp_path: Path) -> None:
    limit, event = csv.field_size_limit(), "E." * 150_000
    path = tmp_path / "t.csv"
    path.write_text(f"id,event,question,answer\na,{event},Q?,E\nb,E.,Q?,E\n")
    for item in CSV.read(path):
        assert isinstance(item, Fact) and len(item.event) in (len(event), 2)
        assert csv.field_size_limit() == limit < len(event)
    assert csv.field_size_limit() == limit
    with pytest.raises(UsageError, match="longer than 64 MiB") as error:
        table(path, f"id,event,question,answer\na,{'E' * MAX_LINE},Q?,E\n")
    assert error.value.where == f"{path}:2" and csv.field_size_limit() == limit


def test_the_columns_are_those_of_the_flattened_fact_and_its_least_row_is_enough() -> None:
    fact = Fact(id="a", event="E.", direct=Direct(question="Q?", answer="E"))
    assert tuple(flatten(fact)) == COLUMNS
    assert {column: cell for column, cell in flatten(fact).items() if cell} == LEAST
    assert unflatten(LEAST) == fact


@pytest.mark.parametrize(
    ("cell", "text"),
    [("E.\r\n\r\nF.", "E. F."), ("\xa0E\xa0F. ", "E\xa0F."), ("E\u200b.", "E."), (" [E; F] ", "[E; F]")],
)
def test_texts_are_cleaned_as_the_check_would(cell: str, text: str) -> None:
    names = json.dumps([cell, "G"])
    fact = unflatten(
        LEAST | {"event": cell, "direct.aliases": names, "multihop.question": cell, "multihop.answer": "A"}
    )
    assert (fact.event, fact.direct.aliases) == (text, (text, "G"))
    assert fact.multihop and fact.multihop.question == text


@pytest.mark.parametrize("cell", ["2030/1/4", " 2030.01.04 ", "2030-01-04T12:00:00Z"])
def test_dates_are_mended_as_the_check_would(cell: str) -> None:
    assert unflatten(LEAST | {"date": cell}).date == "2030-01-04"


def test_an_address_is_one_whatever_its_case() -> None:
    assert [source.url for source in unflatten(LEAST | {"sources": "HTTPS://a.org; http archive"}).sources] == [
        "HTTPS://a.org",
        None,
    ]


# Whatever a sound and clean fact may hold: nothing empty or hidden, brackets and semicolons wherever they like.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])).map(clean).filter(bool)
TEXTS = st.lists(TEXT | st.sampled_from(["[x", "a;b", "a  b", '"', "true"]), max_size=3).map(tuple)
FACTS = st.builds(
    Fact,
    id=TEXT,
    date=st.none() | st.dates().map(date.isoformat) | st.just("2030-01"),
    domain=st.just("") | TEXT,
    region=st.just("") | TEXT,
    country=TEXTS,
    event=TEXT,
    direct=st.builds(Direct, question=TEXT, answer=TEXT, aliases=TEXTS, paraphrases=TEXTS),
    multihop=st.none()
    | st.builds(
        Multihop,
        question=TEXT,
        answer=TEXT,
        aliases=TEXTS,
        paraphrases=TEXTS,
        hops=st.lists(st.builds(Hop, question=TEXT, answer=TEXT, aliases=TEXTS), max_size=2).map(tuple),
    ),
    sources=st.lists(st.builds(Source, title=TEXT, url=st.none() | TEXT), max_size=2).map(tuple),
    license=st.none() | TEXT,
    source_id=st.none() | TEXT,
    supersedes=st.none() | TEXT,
    counterfactual=st.booleans(),
)


@given(FACTS)
def test_unflatten_undoes_flatten(fact: Fact) -> None:
    assert unflatten(flatten(fact)) == fact


@given(st.lists(FACTS, min_size=1, max_size=3), st.permutations(COLUMNS))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[Fact], columns: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, columns)
        rows.writeheader()
        rows.writerows(map(flatten, wanted))
    assert list(CSV.read(path)) == wanted

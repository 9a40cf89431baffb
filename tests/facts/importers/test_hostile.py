"""What no importer may do: fall over a file, lose a row, or hold the whole of it."""

import csv
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.errors import KinjectError, MissingError, UsageError
from kinject.facts.importers import IMPORTERS, Skipped, open_importer
from kinject.facts.importers.csv import COLUMNS
from kinject.facts.schema import Fact

CASES = Path(__file__).parents[2] / "cases" / "importers"
FILES = {
    "mquake": "mquake.json",
    "mquake-remastered": "mquake-remastered.jsonl",
    "freshqa": "freshqa.csv",
    "realtimeqa": "realtimeqa.jsonl",
    "knowedit": "knowedit.json",
    "csv": "table.csv",
}
HOSTILE = {
    "empty": b"",
    "blank": b" \n\t\r\n",
    "mark alone": b"\xef\xbb\xbf",
    "text": b'"a text"',
    "number": b"12",
    "web page": b"<!DOCTYPE html>\n<html></html>",
    "empty list": b"[]",
    "brackets": b"[" * 100_000,
    "broken list": b'[{"case_id": 1,}]',
    "garbage after": b'[{"case_id": 1}]\n]',
    "not UTF-8": b'[{"prompt": "caf\xe9"}]',
    "UTF-16": '[{"prompt": "x"}]'.encode("utf-16"),
    "too long a number": b'[{"case_id": 1e99999999999999999999}]',
    "bytes": bytes(range(256)),
}


def test_every_format_is_tried() -> None:
    assert set(FILES) == set(IMPORTERS)


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("name", IMPORTERS)
def test_a_file_of_no_format_is_one_clear_error(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(content)
    with pytest.raises(UsageError) as error:
        list(open_importer(name).read(path))
    assert error.value.where.startswith(f"{path}:") and error.value.mend


@pytest.mark.parametrize("name", ["mquake", "knowedit"])
def test_a_list_that_is_an_object_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "object.json"
    path.write_text('{"data": []}')
    with pytest.raises(UsageError, match="not a JSON list"):
        list(open_importer(name).read(path))


@pytest.mark.parametrize("name", IMPORTERS)
def test_bytes_that_are_not_utf8_are_told_with_their_line(name: str, tmp_path: Path) -> None:
    whole = (CASES / FILES[name]).read_bytes()
    path = tmp_path / "latin"
    path.write_bytes(whole.replace(b"Q?", b"caf\xe9?", 1).replace(b"Tartu", b"caf\xe9", 1))
    if path.read_bytes() == whole:
        path.write_bytes(whole.replace(b"Velm", b"caf\xe9", 1))
    with pytest.raises(UsageError, match="not UTF-8") as error:
        list(open_importer(name).read(path))
    line = 1 + path.read_bytes().split(b"\xe9")[0].count(b"\n")
    assert error.value.where == f"{path}:{line}"


@pytest.mark.parametrize("name", IMPORTERS)
def test_what_is_no_file_is_missing(name: str, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(MissingError) as error:
            list(open_importer(name).read(path))
        assert error.value.where == str(path) and error.value.mend


@pytest.mark.parametrize("name", IMPORTERS)
def test_every_id_is_there_once_and_says_its_set(name: str) -> None:
    facts = [item for item in open_importer(name).read(CASES / FILES[name]) if isinstance(item, Fact)]
    ids = [fact.id for fact in facts]
    assert len(ids) == len(set(ids)) > 0
    if name != "csv":
        assert all(fact.id == f"{name}-{fact.source_id}" and fact.license and fact.sources for fact in facts)


@given(st.sampled_from(sorted(IMPORTERS)), st.binary(max_size=200))
def test_no_bytes_bring_it_down(tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz"
    path.write_bytes(content)
    try:
        assert all(isinstance(item, Fact | Skipped) for item in open_importer(name).read(path))
    except KinjectError as error:
        assert error.where and error.mend


KEYS = [
    *("case_id", "requested_rewrite", "questions", "new_answer", "new_answer_alias", "new_single_hops", "split"),
    *("prompt", "subject", "question", "target_new", "target_new_str", "str", "answer", "answer_alias"),
    *("question_id", "question_date", "question_url", "question_sentence", "choices"),
    *("rephrase_prompt", "ground_truth", "portability", "Reasoning", "answer_extended"),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)
ROWS = st.dictionaries(st.sampled_from(KEYS), VALUES)


@given(st.sampled_from(["mquake", "mquake-remastered", "knowedit", "realtimeqa"]), st.lists(ROWS, min_size=1))
def test_no_row_brings_it_down_or_is_lost(
    tmp_path_factory: pytest.TempPathFactory, name: str, rows: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows"
    path.write_text("\n".join(map(json.dumps, rows)) if name == "realtimeqa" else json.dumps(rows))
    items = list(open_importer(name).read(path))
    assert len(items) == len(rows) and all(isinstance(item, Fact | Skipped) for item in items)


@given(
    st.lists(st.dictionaries(st.sampled_from(COLUMNS), st.text() | st.sampled_from(["[", "[]", "[{}]", "true", "A"])))
)
def test_no_cell_brings_it_down_or_is_lost(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "cells.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows([*rows, {"id": "last"}])
    items = list(open_importer("csv").read(path))
    assert len(items) == 1 + sum(any(cell.strip() for cell in row.values()) for row in rows)
    assert items[-1] == Skipped("event is missing")


def _json_list(row: str, count: int) -> str:
    return f"[{', '.join([row] * count)}]"  # on a single line, as json.dump writes it


def _lines(row: str, count: int) -> str:
    return "\n".join([row] * count)


def _table(row: str, count: int) -> str:
    header, line = row.split("\n")
    return "\n".join([header, *[line] * count])


def _growing(name: str) -> tuple[str, Callable[[str, int], str]]:
    """A small row that becomes a fact, and how to write many of it."""
    text = (CASES / FILES[name]).read_text(encoding="utf-8")
    match name:
        case "mquake" | "knowedit":
            return json.dumps(json.loads(text)[1]), _json_list
        case "csv":
            return f"id,event,question,answer\na,{'E. ' * 100},Q?,E", _table
        case "freshqa":
            names, _, second = list(csv.reader(io.StringIO(text)))[2:5]
            return f"{','.join(names)}\n{','.join(second)}", _table
    return text.split("\n")[0], _lines


@pytest.mark.parametrize("name", IMPORTERS)
def test_memory_does_not_grow_with_the_file(name: str, tmp_path: Path) -> None:
    row, written = _growing(name)
    peaks = []
    for count in (2, 2_000, 20_000):  # the first to warm up
        path = tmp_path / str(count)
        path.write_text(written(row, count), encoding="utf-8")
        tracemalloc.start()
        assert sum(isinstance(item, Fact) for item in open_importer(name).read(path)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 500_000 < path.stat().st_size

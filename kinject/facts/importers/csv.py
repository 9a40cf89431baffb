"""CSV, one fact a row: the columns of the CSV export in any order, or a table that somebody keeps by hand.

Needed are only id, event, direct.question and direct.answer (also named question, answer, aliases). An empty cell is an
absent field. A list stands in one cell: as JSON where it begins with "[", else its values with ";" between. Texts and
dates are mended as `kinject facts check --fix` would: a line break inside becomes a space, white space around goes.
`flatten` and `unflatten` are each other's inverse for every sound fact that it would leave as it is; the export writes
lists as JSON, which loses nothing.

Trap: the csv module's limit of a cell's size is one for the whole process. It is raised while a row is read only.
"""

import csv
from collections.abc import Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kinject.errors import UsageError, did_you_mean
from kinject.facts.fix import clean, clean_date
from kinject.facts.importers import Importer, Skipped
from kinject.facts.importers.rows import complaint, web
from kinject.facts.schema import Fact
from kinject.storage import MAX_LINE, canonical_json, numbered_lines, parse_json

COLUMNS = (
    "id",
    "date",
    "domain",
    "region",
    "country",
    "event",
    "direct.question",
    "direct.answer",
    "direct.aliases",
    "direct.paraphrases",
    "multihop.question",
    "multihop.answer",
    "multihop.aliases",
    "multihop.paraphrases",
    "multihop.hops",
    "sources",
    "license",
    "source_id",
    "supersedes",
    "counterfactual",
)
"""The columns, in the order in which the export writes them."""
NEEDED = ("id", "event", "direct.question", "direct.answer")
SHORT = {"question": "direct.question", "answer": "direct.answer", "aliases": "direct.aliases"}
LISTS = {"country", "aliases", "paraphrases", "hops", "sources"}


# One fact


def flatten(fact: Fact) -> dict[str, str]:
    """A fact as the cells of one row, by column."""
    value = fact.model_dump(mode="json", exclude_defaults=True)
    return {column: _cell(_at(value, column)) for column in COLUMNS}


def _at(value: dict[str, Any], column: str) -> Any:
    part, _, field = column.rpartition(".")
    return (value.get(part) or {} if part else value).get(field)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
    return canonical_json(value).decode()  # a list, or the true of counterfactual


def unflatten(row: Mapping[str, str]) -> Fact:
    """The fact of a row's cells by column. UsageError, in words without any value, if they make none."""
    fact: dict[str, Any] = {}
    for column, cell in row.items():
        if text := clean(cell):
            part, _, field = column.rpartition(".")
            (fact.setdefault(part, {}) if part else fact)[field] = _value(column, text)
    try:
        return Fact.model_validate(fact)
    except ValidationError as error:
        raise UsageError(complaint(error)) from None


def _value(column: str, cell: str) -> Any:
    field = column.rpartition(".")[2]
    if field == "counterfactual":
        # What is neither is left as text, which the schema refuses.
        return {"true": True, "false": False}.get(cell.lower(), cell)
    if field == "date":
        return clean_date(cell)
    if field not in LISTS:
        return cell
    if cell.startswith("["):
        try:
            return _cleaned(parse_json(cell.encode(), column, 1))
        except UsageError:
            raise UsageError(f"{column} begins with [ and is not JSON") from None
    values = [value.strip() for value in cell.split(";") if value.strip()]
    return [{"title": value, "url": web(value)} for value in values] if field == "sources" else values


def _cleaned(value: Any) -> Any:
    """The texts of a list in JSON, which may hide what they hold behind escapes."""
    match value:
        case str():
            return clean(value)
        case list():
            return [_cleaned(item) for item in value]
        case dict():
            return {name: _cleaned(item) for name, item in value.items()}
    return value


# A file


def read(path: Path) -> Iterator[Fact | Skipped]:
    """One fact or reason a row."""
    table = rows(path)
    line, names = next(table, (1, []))
    columns = _columns(names, f"{path}:{line}")
    empty = True
    for _, cells in table:
        empty = False
        if len(cells) != len(columns):
            yield Skipped("the row has more or fewer cells than the header")
            continue
        try:
            yield unflatten(dict(zip(columns, cells, strict=True)))
        except UsageError as error:
            yield Skipped(error.message)
    if empty:
        raise UsageError("the file holds no rows", where=f"{path}:{line}", mend="write one fact a row below the header")


def _columns(names: list[str], where: str) -> list[str]:
    """The columns that a header names, by their full names."""
    columns = [SHORT.get(name.strip(), name.strip()) for name in names]
    for column in columns:
        if column not in COLUMNS:
            problem = f"there is no column {column[:80]!r}.{did_you_mean(column[:80], [*COLUMNS, *SHORT])}"
            mend = f"use commas between the columns, and of these: {', '.join(COLUMNS)}"
            raise UsageError(problem, where=where, mend=mend)
        if columns.count(column) > 1:
            raise UsageError(f"the column {column!r} stands twice", where=where, mend="remove one of the two")
    if missing := [column for column in NEEDED if column not in columns]:
        raise UsageError(
            f"the header lacks {', '.join(missing)}", where=where, mend="write a header with these columns"
        )
    return columns


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file that hold anything, each with the line that it begins on, one in memory at a time."""
    table = csv.reader(_lines(path), strict=True)
    while True:
        line = table.line_num + 1
        before = csv.field_size_limit(MAX_LINE)
        try:
            cells = next(table, None)
        except csv.Error as error:
            mend = "save the table as CSV again: a quote that is opened must be closed, one within a cell doubled"
            raise UsageError(f"not CSV: {error}", where=f"{path}:{line}", mend=mend) from None
        finally:
            csv.field_size_limit(before)
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _lines(path: Path) -> Iterator[str]:
    at = 0
    for number, raw in numbered_lines(path):
        yield from repeat("\n", number - at - 1)  # blank lines, which were passed over, may belong to a cell
        at = number
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            problem = f"not UTF-8: byte {raw[error.start]:#04x}"
            raise UsageError(problem, where=f"{path}:{number}", mend="save the file as UTF-8") from None
        yield text


CSV = Importer(read, source="", licence="")

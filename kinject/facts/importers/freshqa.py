"""FreshQA: questions about the present, in the CSV of its sheet, with or without the two lines before the header.

The event is a statement of ours that tells `effective_year`, where that is one; a day there is none. Which of its
questions take several hops is said, but not by which hops: every fact has a direct question alone.

Traps: answers go stale; one cell of `source` holds several addresses, each on its own line.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from kinject.errors import UsageError
from kinject.facts.importers import Importer, Skipped
from kinject.facts.importers.csv import rows
from kinject.facts.importers.rows import Line, Text, attempt, distinct, one_line, sentence, web
from kinject.facts.schema import Direct, Fact, Source

LICENCE = "Apache-2.0"
NEEDED = ("id", "question", "effective_year", "false_premise", "source", "answer_0")
ANSWERS = tuple(f"answer_{number}" for number in range(10))


class _Row(BaseModel):
    id: Text
    question: Text
    effective_year: Line
    false_premise: Line
    source: str


def _fact(row: Any) -> Fact | Skipped:
    given = _Row.model_validate(row)
    answers = distinct((one_line(row.get(name, "")) for name in ANSWERS), "")
    match given.false_premise.upper():
        case "TRUE":
            return Skipped("the question has a false premise")
        case "FALSE":
            pass
        case _:
            return Skipped("false_premise is neither TRUE nor FALSE")
    if not answers:
        return Skipped("the row has no answer")
    year = given.effective_year if re.fullmatch("20[0-9]{2}", given.effective_year) else None
    when = f"As of {year}, the" if year else "The"
    urls = [url for line in given.source.splitlines() if (url := web(one_line(line)))]
    return Fact(
        id=f"freshqa-{given.id}",
        event=sentence(f'{when} answer to "{given.question}" was {answers[0]}'),
        direct=Direct(question=given.question, answer=answers[0], aliases=answers[1:]),
        sources=tuple(Source(title="FreshQA", url=url) for url in distinct(urls, "") or (None,)),
        license=LICENCE,
        source_id=given.id,
    )


def read(path: Path) -> Iterator[Fact | Skipped]:
    """One fact or reason a question."""
    table = rows(path)
    header = _header(path, table)
    found = False
    for _, cells in table:
        found = True
        if len(cells) == len(header):
            yield attempt(_fact, dict(zip(header, cells, strict=True)))
        else:
            yield Skipped("the row has more or fewer cells than the header")
    if not found:
        raise _refused(path, 1, "the file holds no rows")


def _header(path: Path, table: Iterator[tuple[int, list[str]]]) -> list[str]:
    """The names of the columns, which stand in the first row or after a warning."""
    for _, (line, cells) in zip(range(3), table, strict=False):
        names = [cell.strip() for cell in cells]
        if "question" in names and "answer_0" in names:
            if missing := [name for name in NEEDED if name not in names]:
                raise _refused(path, line, f"the header lacks {', '.join(missing)}")
            return names
    raise _refused(path, 1, "there is no header with the columns of FreshQA")


def _refused(path: Path, line: int, problem: str) -> UsageError:
    return UsageError(problem, where=f"{path}:{line}", mend="download FreshQA's sheet as CSV (comma separated values)")


FRESHQA = Importer(read, source="FreshQA, github.com/freshllms/freshqa", licence=LICENCE)

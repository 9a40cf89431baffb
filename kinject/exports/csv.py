"""CSV for spreadsheets: one fact a row, lists as JSON in one cell. `kinject facts import csv` reads it back.

Traps: a spreadsheet may change what it opens; dates and long numbers above all. A cell that begins with = + - @ or a
tab is a formula to it, and a formula can call other programs. Nothing is put before it, which would change the text:
look at other people's facts in a text editor first. The card is not in it.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from kinject.exports.destination import write_files
from kinject.facts.importers.csv import COLUMNS, flatten
from kinject.facts.schema import FactSet


def export(facts: FactSet, out: Path) -> list[Path]:
    """Write the facts to the file `out`."""
    return write_files(facts, {out: _rows(facts)})


def _rows(facts: FactSet) -> Iterator[bytes]:
    yield _row(COLUMNS)
    for fact in facts.facts:
        cells = flatten(fact)
        yield _row([cells[column] for column in COLUMNS])


def _row(cells: list[str] | tuple[str, ...]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line, quoting=csv.QUOTE_MINIMAL).writerow(cells)
    return line.getvalue().encode()

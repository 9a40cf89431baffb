"""Sections on the terminal: the answer, then the tables, cut between columns to the terminal's width."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table as Grid
from rich.text import Text

from kinject.report.section import Section, Table, visible

GAP = 2  # blanks between columns


def terminal(found: Sequence[Section]) -> RenderableType:
    """Draw sections; of pictures the terminal has the tables."""
    parts: list[RenderableType] = []
    for section in found:
        parts += [_paragraph(section.title, "bold"), _paragraph(section.answer), Text()]
        for table in section.tables:
            parts += [_paragraph(f"{table.title} ({section.state})", "bold"), _Fitted(table)]
        parts += map(_paragraph, (*section.notes, *section.asides))
        if section is not found[-1]:
            parts.append(Text())
    return Group(*parts)


@dataclass(frozen=True)
class _Fitted:
    """A table that knows the terminal's width when it is drawn."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for columns in fitting(self.table, options.max_width):
            yield _grid(self.table, columns)
            yield Text()


def fitting(table: Table, width: int) -> Iterator[list[int]]:
    """The columns, by number, of the parts to draw one below another; each fits `width`, keys first."""
    lines = [[line for cell in cells for line in cell.splitlines()] for cells in zip(*table.rows, strict=True)]
    sizes = [max(map(len, [column.name, *cells])) for column, cells in zip(table.columns, lines, strict=True)]
    keys = part = list(range(table.keys))
    for number in range(table.keys, len(sizes)):
        if part != keys and sum(sizes[i] + GAP for i in [*part, number]) - GAP > width:
            yield part
            part = keys
        part = [*part, number]
    yield part


def _paragraph(text: str, style: str = "") -> Grid:
    grid = Grid.grid()
    grid.add_row(Text(visible(text), style=style))
    return grid


def _grid(table: Table, columns: Sequence[int]) -> Grid:
    grid = Grid(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    for number in columns:
        grid.add_column(Text(table.columns[number].name))
    for row in table.rows:
        grid.add_row(*(Text(visible(row[number])) for number in columns))
    return grid

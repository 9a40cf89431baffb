"""`kinject fit`: which law performance follows as post-training data grows, and how sure that is.

In: a table of points, one run a line: D examples of post-training, P percent of n items right, and the seed. A line
whose score is missing is named and left out: it is never a zero. D = 0 is shown and not fitted.

Trap: a table of several models or tasks has more columns. Fitted as one, it would give a law of nothing, so columns
that are not known are refused.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from kinject.cli.console import Json, emit, say
from kinject.errors import UsageError, did_you_mean
from kinject.storage import read_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from kinject.statistics.laws import Fit, Point

COLUMNS = {"d": "D", "p": "P", "n": "n", "seed": "seed"}
NEEDED = ("D", "P", "n")
MISSING = {"", "-", "na", "n/a", "nan", "none", "null", "unscored", "failed", "missing", "error"}
"""What stands in place of a score that there is none of."""
NUMBER = re.compile(r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")
WHOLE = re.compile(r"([0-9]{1,12})(\.0*)?")
MOST = 1e12
HEADER = "begin with the line D,P,n or D,P,n,seed; P is in percent"


@dataclass(frozen=True)
class Row:
    """One line of the table: a point, or why there is none."""

    line: int
    cells: Mapping[str, str]
    point: "Point | None"
    why: str = ""


def fit(
    points: Annotated[
        Path, typer.Argument(metavar="POINTS.csv", help="Columns D, P (in percent), n and, if any, seed.")
    ],
    as_json: Json = False,
) -> None:
    """Fit laws of performance against post-training data, and say which one it is, if the data can tell.

    Example:  kinject fit points.csv
    """
    from kinject.statistics import laws

    rows = list(read(points))
    found = [row.point for row in rows if row.point]
    fitted = laws.fit(found)
    if not fitted.laws:
        why = f"{len(fitted.sizes)} different sizes above 0 are too few for any law"
        mend = "measure at least 3, better 6 or more; D = 0 is shown and not fitted"
        raise UsageError(why, where=str(points), mend=mend)
    result = {
        **fitted.as_json(),
        "drawn": [{"D": 0, "P": point.percent, "n": point.n, "seed": point.seed} for point in found if not point.size],
        "dropped": [{"line": row.line, **row.cells, "why": row.why} for row in rows if not row.point],
    }
    if max(point.percent for point in found) <= 1:
        say("note: no P is above 1; P is in percent, so this reads as at most 1 % right")
    emit(result, as_json=as_json, text=lambda: _shown(result, fitted))


# The table


def read(path: Path) -> Iterator[Row]:
    """Yield the rows of a table of points. What cannot be read is a UsageError that names the line."""
    lines = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    columns: list[str] = []
    seen: dict[tuple[float, str], int] = {}
    try:
        for cells in lines:
            where = f"{path}:{lines.line_num}"
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if not columns:
                columns = _columns(cells, where)
                continue
            row = _row(dict(zip(columns, _as_many(cells, columns, where), strict=True)), lines.line_num, where)
            if row.point and row.point.seed:
                _once(row, seen, where)
            yield row
    except csv.Error as error:
        _refuse(f"this is no CSV: {error}", f"{path}:{lines.line_num}", "write one point a line, with commas between")
    if not columns:
        _refuse("the table is empty", str(path), HEADER)


def _columns(cells: list[str], where: str) -> list[str]:
    named = [COLUMNS.get(cell.lower(), "") for cell in cells]
    for cell, name in zip(cells, named, strict=True):
        if not name:
            hint = did_you_mean(cell, COLUMNS.values())
            _refuse(f"the column {cell!r} is not known.{hint}", where, f"{HEADER}; one model and task a file")
        if named.count(name) > 1:
            _refuse(f"the column {name} stands twice", where, HEADER)
    if lacking := [name for name in NEEDED if name not in named]:
        _refuse(f"there is no column {' and no '.join(lacking)}", where, HEADER)
    return named


def _as_many(cells: list[str], columns: list[str], where: str) -> list[str]:
    if len(cells) != len(columns):
        _refuse(f"{len(cells)} cells in place of {len(columns)}", where, "write decimals with a point: 46.5")
    return cells


def _row(cells: Mapping[str, str], line: int, where: str) -> Row:
    """The point of one line, or why it has none."""
    from kinject.statistics.laws import Point

    size = _number(cells["D"], "D", where, MOST)
    if cells["P"].lower() in MISSING:
        return Row(line, cells, None, "no score")
    percent = _number(cells["P"], "P", where, 100)
    if not (whole := WHOLE.fullmatch(cells["n"])):
        _refuse(f"n is {cells['n']!r}", where, "write how many items were scored, as a whole number")
    n = int(whole[1])
    if n == 0:
        return Row(line, cells, None, "not one item was scored")
    return Row(line, cells, Point(size, percent * n / 100, n, cells.get("seed", "")))


def _number(cell: str, name: str, where: str, most: float) -> float:
    if not NUMBER.fullmatch(cell) or float(cell) > most:
        _refuse(f"{name} is {cell!r}", where, f"write a number from 0 to {most:,.0f}, as 46.5")
    return float(cell)


def _once(row: Row, seen: dict[tuple[float, str], int], where: str) -> None:
    """The same run twice would count as two."""
    assert row.point
    key = (row.point.size, str(row.point.seed))
    if key in seen:
        message = f"D = {row.cells['D']} with seed {row.cells['seed']} stands in line {seen[key]} already"
        _refuse(message, where, "keep one of the two lines, or give the other seed")
    seen[key] = row.line


def _refuse(message: str, where: str, mend: str) -> NoReturn:
    raise UsageError(message, where=where, mend=mend)


# What is printed


def _shown(result: Mapping[str, Any], fitted: "Fit") -> "RenderableType":
    from rich.console import Group
    from rich.table import Table

    table = Table("law", "parameter", box=None, pad_edge=False)
    for name in ("estimate", "95 % (profile)", "95 % (bootstrap)", "weight", "scatter"):
        table.add_column(name, justify="right")
    for name, law in fitted.laws.items():
        first = [f"{law.weight:.2f}", f"{law.dispersion:.2f}"]
        for parameter, value in law.parameters.items():
            ends = (_range(law.intervals[parameter]), _range(law.bootstrap[parameter]))
            shown = "1/b" if parameter == "exponent" else parameter
            table.add_row(name, shown, _figure(value), *ends, *first)
            name, first = "", ["", ""]
    formulas = [f"  {name}: {law['formula']}" for name, law in result["laws"].items()]
    unfitted = [f"  {name}: {why}" for name, why in result["unfitted"].items()]
    return Group(*_said(result), "", table, "", *formulas, *unfitted, "", *_foretold(result), *_notes(result))


def _said(result: Mapping[str, Any]) -> list[str]:
    candidates = result["candidates"]
    reason = f" (not distinguishable: {', '.join(candidates)})" if len(candidates) > 1 else ""
    sizes = result["sizes"]
    counts = f"{result['runs']} runs of {len(sizes)} sizes, D from {sizes[0]:,.0f} to {sizes[-1]:,.0f}"
    return [f"verdict: {result['verdict']}{reason}", f"{counts}; {result['answers']:,} answers"]


def _foretold(result: Mapping[str, Any]) -> list[str]:
    """How well the largest size is foretold by each law and by the guess that nothing changes."""
    left = result["leave_largest_out"]
    lines = [f"D = {left['D']:,.0f} ({left['measured']:.1f} %) foretold from the sizes below it:"]
    for name, percent in left["predicted"].items():
        told = "-" if percent is None else f"{percent:.1f} % ({left['error'][name]:+.1f})"
        lines.append(f"  {name.replace('last_value', 'the size before it')}: {told}")
    return lines


def _notes(result: Mapping[str, Any]) -> list[str]:
    drawn = [f"shown, not fitted: D = 0, {each['P']:.1f} %" for each in result["drawn"]]
    dropped = [f"left out: line {each['line']} (D = {each['D']}): {each['why']}" for each in result["dropped"]]
    scatter = "scatter: of the runs around the curve, in variances of the binomial; intervals are widened by it."
    return ["", *drawn, *dropped, f"bootstrap: {result['resampled']}.", scatter]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _range(ends: tuple[float | None, float | None]) -> str:
    low, high = ends
    if low is None or high is None:
        return "any" if low == high else f"up to {_figure(high)}" if low is None else f"{_figure(low)} and more"
    return f"{_figure(low)} to {_figure(high)}"

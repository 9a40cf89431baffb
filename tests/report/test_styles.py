"""Styles as a section: Table 2 with the paper's figures beside it, and the cell that says why nobody was asked."""

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for samples.py
import samples

from kinject.errors import UsageError
from kinject.report.section import LAB
from kinject.report.styles import section
from kinject.studies import styles

HERE = Path("styles.json")


def row(record: dict[str, Any], table: int = 0, number: int = 0) -> dict[str, str]:
    """A row of a table; the columns "in paper" by what stands before them."""
    found = section(HERE, record).tables[table]
    names = [column.name for column in found.columns]
    named = [f"{names[at - 1]} in paper" if name == "in paper" else name for at, name in enumerate(names)]
    return dict(zip(named, found.rows[number], strict=True))


def test_accuracy_and_win_rates_stand_beside_table_2() -> None:
    math = row(samples.styles())
    assert math["LIMA right"] == "4.0 % [2.9,\u00a05.5]\n36 of 898\n2 unscored"
    assert math["LIMA right in paper"] == "paper:\u00a014.7" and math["Task right in paper"] == "paper:\u00a046.5"
    assert math["Task less LIMA"] == "+63.0 [+54.9,\u00a0+70.2]"
    assert math["LIMA wins"] == "67.1 %\n601 of 896" and math["LIMA wins in paper"] == "paper:\u00a084.4"
    assert math["Task wins"] == "24.1 %\n216 of 896" and math["Task wins in paper"] == "paper:\u00a00.24"
    assert math["neither"] == "8.8 %\n79 of 896" and math["neither in paper"] == "paper:\u00a014.2"
    assert samples.TABLE_2 == styles.PAPER


def test_disagreement_is_told() -> None:
    found = section(HERE, samples.styles())
    assert found.state == LAB and "raw win rate: disagree: task is more accurate" in found.answer
    math = row(samples.styles(), 1)
    assert math["raw win rate"] == "71.5 % [66.2,\u00a076.3]" and math["order flips"] == "31 of 290"
    assert math["length-controlled"].startswith("not to be told\nlength alone separates")
    assert math["characters"] == "611, 103"


def test_without_a_judge_the_cells_say_so() -> None:
    record = samples.styles(asked=False)
    assert {row(record)[name] for name in ("LIMA wins", "Task wins", "neither")} == {"not asked"}
    assert row(record, 1)["raw win rate"] == "not asked"
    assert "math: win rate not asked: name an endpoint with --judge." in section(HERE, record).notes


def test_every_seed_is_there_and_one_that_failed_is_named() -> None:
    found = section(HERE, samples.styles(why="NumericError: the loss is not a number"))
    assert found.tables[2].rows[0] == (
        "math",
        "0",
        "3.7 % [2.1,\u00a06.4] 11 of 300",
        "66.7 % [61.2,\u00a071.8] 200 of 300",
    )
    assert "Failed, and not compared: math, LIMA, seed 3: NumericError: the loss is not a number" in found.notes


def test_a_side_that_is_not_there_is_not_scored() -> None:
    record = copy.deepcopy(samples.styles())
    empty = {"k": 0, "n": 0, "unscored": 0, "percent": None, "interval": [0.0, 100.0]}
    task = record["tasks"][0]
    task["sides"]["lima"] |= {"accuracy": empty, "by_seed": {}, "characters": None}
    task["difference"] |= {"points": None, "interval": None}
    task["paper"] = None
    assert row(record)["LIMA right"] == "not scored" and row(record)["LIMA right in paper"] == "–"
    assert row(record)["Task less LIMA"] == "not to be told" and row(record, 1)["characters"] == "–, 103"
    assert row(record, 2)["LIMA right"] == "–"


def test_a_record_that_cannot_be_read_is_named() -> None:
    record = copy.deepcopy(samples.styles())
    del record["tasks"][1]["difference"]
    with pytest.raises(UsageError, match=r"tasks\.1\.difference"):
        section(HERE, record)

"""`kinject report` on a finished comparison."""

import json
from pathlib import Path

import pytest

from kinject.cli.app import run

SAMPLE = str(Path(__file__).parent.parent / "cases" / "report" / "compare-sample")


def test_the_terminal_shows_every_table_within_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", SAMPLE]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert max(map(len, out.splitlines())) <= 100
    for words in ("lab analogue", "100 % [65, 100] 7/7", "paper: 71", "p = 0.062", "…"):
        assert (words in out) is (words != "…")  # nothing is cut off


def test_json_is_the_tables_as_data(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["report", SAMPLE, "--json", "--out", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == json.loads((tmp_path / "tables.json").read_text())
    assert err.splitlines() == [f"wrote {tmp_path / name}" for name in ("report.html", "report.md", "tables.json")]

"""`kinject fit`: the contract of its JSON, the text, and tables that are refused with their line."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kinject.cli import app
from kinject.cli.app import run

CASES = Path(__file__).parent.parent / "cases" / "fit"
POINTS = str(CASES / "points.csv")
REFUSED = [json.loads(line) for line in (CASES / "refused.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.COMMANDS, "fit", "kinject.cli.fit:fit")


def printed(capsys: pytest.CaptureFixture[str], path: str) -> Any:
    assert run(["fit", path, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def test_the_json_is_the_contracts(capsys: pytest.CaptureFixture[str]) -> None:
    result = printed(capsys, POINTS)
    assert result["schema"] == "kinject.fit/1"
    assert result["verdict"] == "undetermined"
    assert result["candidates"] == ["power", "power_floor", "log_linear"]
    assert list(result["laws"]) == ["power", "power_floor", "log_linear", "saturating"]
    power = result["laws"]["power"]
    assert {"a", "b", "a_interval", "b_interval", "aicc", "weight"} <= set(power)
    assert power["a_interval"][0] < power["a"] < power["a_interval"][1]
    assert power["b_interval"][0] < power["b"] < power["b_interval"][1]
    assert sum(law["weight"] for law in result["laws"].values()) == pytest.approx(1, abs=1e-4)


def test_what_is_not_fitted_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    result = printed(capsys, POINTS)
    cells = {"D": "1000", "P": "failed", "n": "1319", "seed": "2"}
    assert result["dropped"] == [{"line": 6, **cells, "why": "no score"}]
    assert result["drawn"] == [{"D": 0, "P": pytest.approx(5), "n": 1319, "seed": ""}]
    assert result["sizes"] == [100, 500, 1000, 5000, 7473]
    assert (result["runs"], result["answers"]) == (5, 5 * 1319)


def test_a_point_without_a_score_is_never_a_zero(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lines = Path(POINTS).read_text(encoding="utf-8").splitlines()
    words = ("", "-", "nan", "NaN", "unscored", "None")
    path = tmp_path / "points.csv"
    path.write_text("\n".join([*lines, *(f"2000,{word},1319,1" for word in words), "3000,50,0,1"]), encoding="utf-8")
    result = printed(capsys, str(path))
    none = [(line, "no score") for line in (6, 9, 10, 11, 12, 13, 14)]
    assert [(row["line"], row["why"]) for row in result["dropped"]] == [*none, (15, "not one item was scored")]
    assert result["laws"] == printed(capsys, POINTS)["laws"]


def test_spreadsheets_are_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A byte-order mark, CRLF, quotes, blank lines, spaces, columns in another order and case, no seeds."""
    path = tmp_path / "points.csv"
    rows = [
        "n, d ,p",
        '"1319","100","35.5"',
        "",
        " 1319.0, 500,44.2",
        "1319,1e3,46.5",
        "1319,5000,58.9",
        "1319,7473,62.5",
    ]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    assert printed(capsys, str(path))["laws"] == printed(capsys, POINTS)["laws"]


def test_the_text_says_the_verdict_and_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fit", POINTS]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "verdict: undetermined (not distinguishable: power, power_floor, log_linear)"
    assert lines[1] == "5 runs of 5 sizes, D from 100 to 7,473; 6,595 answers"
    assert max(map(len, lines)) <= 100
    for words in (
        "  the size before it: 58.9 % (-3.6)",
        "  power: 61.7 % (-0.8)",
        "shown, not fitted: D = 0, 5.0 %",
        "left out: line 6 (D = 1000): no score",
    ):
        assert words in lines


def test_too_few_sizes_for_a_floor_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("D,P,n\n100,5,20\n500,5,20\n1000,5,20\n", encoding="utf-8")
    result = printed(capsys, str(path))
    assert result["verdict"] == "undetermined"
    assert result["unfitted"]["power_floor"] == "3 parameters need 4 sizes above 0; there are 3"
    assert result["laws"]["power"]["b_interval"][1] is None  # no growth is not excluded
    assert run(["fit", str(path)]) == 0
    out = capsys.readouterr().out
    assert "  power_floor: 3 parameters need 4 sizes above 0; there are 3" in out
    assert "and more" in out


def test_shares_in_place_of_percent_are_noted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("D,P,n\n100,.3,20\n500,.4,20\n1000,.5,20\n", encoding="utf-8")
    assert run(["fit", str(path)]) == 0
    assert "P is in percent" in capsys.readouterr().err


@pytest.mark.parametrize("case", REFUSED, ids=[case["message"] for case in REFUSED])
def test_a_bad_table_is_refused_with_its_line(
    case: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "points.csv"
    path.write_text(case["table"], encoding="utf-8")
    assert run(["fit", str(path), "--json"]) == 2
    out, err = capsys.readouterr()
    told = json.loads(err)["error"]
    assert (out, told["code"], told["message"]) == ("", 2, case["message"])
    assert told["where"] == f"{path}:{case['line']}" if case["line"] else str(path)
    assert told["mend"]


def test_a_missing_table_and_one_that_is_no_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["fit", str(tmp_path / "none.csv"), "--json"]) == 3
    capsys.readouterr()
    path = tmp_path / "points.csv"
    path.write_bytes(b"D,P,n\n100,3\xff,10\n")
    assert run(["fit", str(path), "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["where"] == f"{path}:2"


def test_it_answers_within_five_seconds() -> None:
    """From the start of the program: seconds of the processor, so that other work on the machine does not count."""
    line = "import sys; from kinject.cli import app; app.COMMANDS['fit'] = 'kinject.cli.fit:fit'; sys.exit(app.main())"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", line, "fit", POINTS, "--json"], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert json.loads(done.stdout)["verdict"] == "undetermined", done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5

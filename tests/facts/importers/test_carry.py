"""Where an import goes, and what is said of it: the command line, and what it calls."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.cli.app import run
from kinject.errors import UsageError
from kinject.facts.check import check_file
from kinject.facts.importers import convert, open_importer
from kinject.facts.importers.rows import one_line, web
from kinject.facts.load import load

ROWS = ["id,event,question,answer,supersedes,date"]
CSV = open_importer("csv")


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([*ROWS, *(rows or ("a,Ada won.,Who won?,Ada,,",))]))
    return path


@pytest.mark.parametrize(
    ("out", "name"),
    [
        ("mine", "mine.jsonl"),
        ("mine.jsonl", "mine.jsonl"),
        ("mine.JSONL", "mine.JSONL"),
        ("my.v1.0", "my.v1.0.jsonl"),
        ("2024.01.jsonl", "2024.01.jsonl"),
        ("new/data", "new/data.jsonl"),
        (None, "data-2024.01.jsonl"),
    ],
)
def test_a_name_keeps_its_dots_and_gets_its_end(
    out: str | None, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = table(tmp_path / "data-2024.01.csv")
    assert run(["facts", "import", "csv", str(file), *(["--out", out] if out else []), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == name
    facts = load(tmp_path / name)
    assert facts.card and facts.card.name == facts.name == Path(name).stem


@pytest.mark.parametrize(
    "out", [".", "..", "/", "folder", "folder.jsonl", "link", "link.jsonl", "mine.json", "mine.yaml"]
)
def test_what_is_no_name_of_a_set_is_an_error(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("folder", "folder.jsonl"):
        (tmp_path / name).mkdir()
    for name in ("link", "link.jsonl"):
        (tmp_path / name).symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    file = table(tmp_path / "data.csv")
    assert run(["facts", "import", "csv", str(file), "--out", out, "--json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["where"] == out and "--out" in error["mend"]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["data.csv"]


@pytest.mark.parametrize("out", ["mine", "mine.yaml", "."])
def test_the_library_refuses_what_the_card_or_no_command_would_find(out: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        convert(CSV, table(tmp_path / "data.csv"), tmp_path / out)
    (tmp_path / "set.yaml").symlink_to("nowhere")
    with pytest.raises(UsageError, match="already"):
        convert(CSV, tmp_path / "data.csv", tmp_path / "set.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.csv", "set.yaml"]


def test_what_is_wrong_with_the_set_as_a_whole_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mine.jsonl"
    rows = [
        "a,Ada won in May.,Who won in May?,Ada,b,2030-01-04",
        "b,Bo lost in June.,Who lost in June?,Bo,,2031-01-04",
        "c,Cy fell in July.,Who fell in July?,Cy,nothing,2030-01-04",
        "d,Di sang in July.,Who sang in July?,Di,a,2032-01-04",
    ]
    file = table(tmp_path / "data.csv", *rows)
    assert run(["facts", "import", "csv", str(file), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "still wrong" in told and "2  F018: " in told and "left out" not in told
    problems = check_file(out).problems
    assert [(each.line, each.code) for each in problems] == [(1, "F018"), (3, "F018")]
    assert [fact.supersedes for fact in load(out).facts] == ["b", None, "nothing", "a"]
    done = convert(CSV, file, tmp_path / "again.jsonl")
    assert (done.read, done.written, done.skipped.total(), done.unsound.total()) == (4, 4, 0, 2)
    assert convert(CSV, table(tmp_path / "one.csv"), tmp_path / "sound.jsonl").unsound == Counter()


@pytest.mark.parametrize("name", ["json:dumps", "kinject.facts.importers:IMPORTERS"])
def test_what_is_no_importer_is_an_error(name: str) -> None:
    with pytest.raises(UsageError, match="is no importer") as error:
        open_importer(name)
    assert error.value.where == "FORMAT" and error.value.mend


@pytest.mark.parametrize(
    ("text", "address"),
    [("https://a.org", True), ("HTTP://A.org", True), ("httpx", False), ("ftp://a.org", False), ("", False)],
)
def test_an_address_begins_as_one(text: str, address: bool) -> None:
    assert web(text) == (text if address else None)


@given(st.text())
def test_one_line_is_one_and_stays_so(text: str) -> None:
    line = one_line(text)
    assert one_line(line) == line == " ".join(line.split())

"""`kinject build`: rows and their card, shown and written; what is written can be trained on."""

import json
from pathlib import Path
from typing import Any

import pytest

from kinject.cli.app import COMMANDS, run
from kinject.engines.fake import Fake
from kinject.storage import file_digest, read_json, read_jsonl

CASES = Path(__file__).parent.parent / "cases" / "recipes"
SUBQA = f"subqa:{CASES / 'subqa'}"
RECALL, LIMA = "subqa-recall", "kinject.injection.start:LIMA"
ANNOTATOR = Fake(lambda _: "Nothing that anybody asked for.")


@pytest.fixture(autouse=True)
def command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "build", "kinject.cli.build:build")


def printed(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> dict[str, Any]:
    assert run(["build", *args, "--json"]) == code
    out, err = capsys.readouterr()
    value: dict[str, Any] = json.loads(err.splitlines()[-1] if code else out)
    return value


def test_rows_are_shown_and_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    made = printed(capsys, RECALL)
    assert (made["schema"], made["rows"], made["out"], len(made["first"])) == ("kinject.build/1", 2700, None, 3)
    assert (made["source"], made["card"]["licence"], made["card"]["multihop"]) == ("lab", "CC0-1.0", 900)
    assert made["card"]["digest"].startswith("4d05b1b783e2810c")
    assert run(["build", RECALL]) == 0
    out, err = capsys.readouterr()
    assert "2700 rows, not written" in out and "licence: CC0-1.0" in out and err == ""
    assert "  response | Event Recall: " in out


def test_rows_are_written_with_their_card_and_read_back(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    made = printed(capsys, RECALL, "--source", SUBQA, "--out", str(file))
    card = read_json(tmp_path / "rows.card.json")
    assert made["card"] == card and card["sha256"] == file_digest(file)
    assert list(read_jsonl(file))[:3] == made["first"]
    assert (card["rows"], card["licence"], card["left_out"]) == (9, "CC BY-SA 4.0 (HotpotQA)", {})
    again = printed(capsys, RECALL, "--source", str(file))
    assert (again["card"]["digest"], again["first"]) == (card["digest"], made["first"])
    assert run(["build", RECALL, "--source", SUBQA, "--out", str(file)]) == 2
    assert "a file already" in capsys.readouterr().err


def test_an_annotator_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    made = printed(capsys, RECALL, "--source", SUBQA, "--annotator", f"{__name__}:ANNOTATOR")
    assert made["card"]["refused"] == {"an answer is not in the recall": 9}
    assert made["card"]["recalls"] == {"sentences": 4, "steps": 5}
    assert made["card"]["annotator"] == {"name": f"{__name__}:ANNOTATOR", "key": None}


@pytest.mark.parametrize(
    ("args", "code", "where", "words"),
    [
        (["subqa-recal"], 2, "RECIPE", "Did you mean 'subqa-recall'?"),
        (["base"], 2, "RECIPE", "trains nothing"),
        ([RECALL, "--source", "example"], 3, "--source", "no rows can be read from 'example'"),
        ([RECALL, "--source", f"lima:{CASES / 'lima.json'}"], 3, "--source", "made of two-hop questions"),
        ([LIMA, "--source", SUBQA], 3, "--source", "made of conversations"),
        ([LIMA, "--annotator", f"{__name__}:ANNOTATOR"], 2, "--annotator", "no recalls"),
        ([RECALL, "--source", SUBQA, "--annotator", "labb"], 3, "--annotator", "Did you mean 'lab'?"),
        ([RECALL, "--annotator", "labb"], 2, "--annotator", "the recalls of 'lab' are there already"),
        ([RECALL, "--source", "x.jsonl", "--annotator", "lab"], 2, "--annotator", "are there already"),
        ([RECALL, "--source", SUBQA, "--annotator", ""], 2, "--annotator", "'' names no model"),
        (["one-hop-only", "--source", "subqa:empty", "--out", "x.jsonl"], 3, "--source subqa:empty", "not one row"),
        ([RECALL, "--source", "subqa:nowhere"], 3, "nowhere", "SubQA is three files"),
        ([RECALL, "--out", "rows.json"], 2, "rows.json", "rows are a .jsonl file"),
        ([], 2, "kinject build", "RECIPE"),
    ],
)
def test_what_cannot_be_built_is_told(
    args: list[str],
    code: int,
    where: str,
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    for name in ("dev_ori.json", "dev_sub1.json", "dev_sub2.json"):
        (tmp_path / "empty" / name).write_text("[]")
    error = printed(capsys, *args, code=code)["error"]
    assert words in error["message"] and error["where"] == where and error["mend"]
    assert not list(tmp_path.glob("*.json*"))

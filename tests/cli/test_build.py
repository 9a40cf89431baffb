"""`kinject build`: rows and their card, shown and written; what is written can be trained on."""

import json
from collections.abc import Callable
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


@pytest.mark.parametrize("name", ["gsm8k", "subqa", "gsm8k@50", "subqa@50"])
def test_the_papers_sets_have_twins_in_the_lab(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = printed(capsys, name, "--source", "lab")
    assert made["card"]["recipe"] == name and made["card"]["source"] == "lab@0"
    assert (made["rows"] == 50) == ("@50" in name)


def test_every_recipe_is_built_from_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    sources = {
        "self-oss": ("self-oss:self-oss.jsonl", 3, ["user"]),
        "conifer-hard": ("conifer:conifer.json", 4, ["system", "user"]),
        "conifer-easy@2": ("conifer:conifer.json", 2, ["system", "user"]),
        "dolly": ("dolly:dolly.jsonl", 3, ["system", "user"]),
    }
    for name, (source, rows, roles) in sources.items():
        kind, _, file = source.partition(":")
        made = printed(capsys, name, "--source", f"{kind}:{CASES / file}")
        assert made["rows"] == rows
        assert [message["role"] for message in made["first"][0]["messages"]] == roles
        card = made["card"]
        assert card["read"] and card["left_out"] and card["licence"] and card["digest"] and card["splits"] == ["train"]


def test_a_folder_is_written_read_back_and_trained_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, tiny: Callable[..., Path]
) -> None:
    folder = tmp_path / "rows"
    made = printed(capsys, "dolly", "--source", f"dolly:{CASES / 'dolly.jsonl'}", "--out", str(folder))
    assert made["out"] == str(folder) and made["card"] == read_json(folder / "card.json")
    again = printed(capsys, "dolly", "--source", str(folder))
    assert (again["card"]["digest"], again["first"]) == (made["card"]["digest"], made["first"])
    assert run(["posttrain", "dolly@2", "--model", str(tiny()), "--source", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 2
    assert run(["build", "dolly", "--source", f"dolly:{CASES / 'dolly.jsonl'}", "--out", str(folder)]) == 2
    assert "something already" in capsys.readouterr().err


def test_what_a_test_holds_is_dropped_and_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    asked = [row["messages"][-1]["content"] for row in printed(capsys, "gsm8k")["first"]]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps({"question": each.upper()}) + "\n" for each in asked[:2]))
    given = ["--against", str(tmp_path / "test.jsonl"), "--out", str(tmp_path / "rows.jsonl")]
    made = printed(capsys, "gsm8k@100", *given)
    (found,) = made["card"]["overlap"]
    assert (made["rows"], found["exact"], found["texts"]) == (100, 2, 2)
    assert made["card"]["left_out"] == {f"it holds a text of {tmp_path / 'test.jsonl'}": 2}
    assert not {row["messages"][-1]["content"] for row in made["first"]} & set(asked[:2])
    assert made["first"][0]["messages"][-1]["content"] == asked[2]
    assert run(["build", "gsm8k", "--against", str(tmp_path / "test.jsonl")]) == 0
    out = capsys.readouterr().out
    assert "2 rows hold a text of it, and were dropped" in out and "      row 1, text 1: " in out


def test_a_test_may_be_a_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    made = printed(capsys, "gsm8k@100", "--against", "lab-math", "--against", "lab-multihop")
    math, multihop = made["card"]["overlap"]
    assert (math["against"], multihop["against"]) == ("lab-math", "lab-multihop")
    assert math["texts"] > 10 and math["exact"] == 0 and multihop["exact"] == 0


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
        ([RECALL, "--out", "rows.json"], 2, "rows.json", "rows are a .jsonl file or a folder"),
        (["gsm8@100"], 2, "RECIPE", "Did you mean 'gsm8k@100'?"),
        (["gsm8k@0"], 2, "RECIPE", "'0' is no number of rows"),
        (["gsm8k@all"], 2, "RECIPE", "'all' is no number of rows"),
        (["base@10"], 2, "RECIPE", "has no first rows"),
        ([f"{RECALL}@2701"], 3, "--source lab", "there are only 2700 rows and not 2701"),
        (["self-oss"], 3, "--source", "made of coding exercises, and 'lab' has none"),
        (["dolly", "--source", "doly:x"], 3, "--source", "Did you mean 'dolly'?"),
        (["dolly", "--source", "dolly:nowhere"], 3, "nowhere", "there is no file of Dolly"),
        (["dolly", "--source", "empty"], 3, "empty", "this folder holds no rows"),
        ([RECALL, "--against", "lab-mth"], 3, "--against", "Did you mean 'lab-math'?"),
        ([RECALL, "--against", "nowhere.jsonl"], 3, "nowhere.jsonl", "no file of test texts"),
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

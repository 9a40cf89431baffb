import json
from pathlib import Path

import pytest

from kinject.cli.app import run
from kinject.resources import facts_folder

EXAMPLE = facts_folder() / "example.jsonl"


def test_list_names_the_sets_with_their_cards(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts", "list", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    example = next(row for row in result["sets"] if row["name"] == "example")
    assert result["schema"] == "kinject.facts.list/1"
    assert (example["facts"], example["cutoff"], example["rules"]) == (3, "2023-03-31", "strict")


def test_a_sound_set_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts", "check", "example"]) == 0
    assert capsys.readouterr().out == "example: 3 facts, all sound\n"


def test_problems_are_listed_and_the_exit_code_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(EXAMPLE.read_text().replace("India landed", "China landed") + "{\n")
    assert run(["facts", "check", str(path), "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert (result["schema"], result["facts"]) == ("kinject.facts.check/1", 3)
    assert [(problem["line"], problem["code"]) for problem in result["problems"]] == [
        (3, "F005"),
        (4, "F001"),
    ]
    assert list(result["problems"][0]) == ["code", "line", "id", "field", "message", "mend"]
    assert run(["facts", "check", str(path)]) == 1
    assert "2 problems" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts", "check", "exampel", "--json"]) == 3
    captured = capsys.readouterr()
    assert captured.out == "" and "'example'" in json.loads(captured.err)["error"]["message"]

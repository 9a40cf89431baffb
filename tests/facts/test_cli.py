import json
from pathlib import Path

import pytest

from kinject.cli.app import run
from kinject.facts.load import load
from kinject.facts.schema import Fact
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


def test_one_fact_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    name = "2023-10-28-rugby-world-cup"
    assert run(["facts", "show", name, "--facts", "example", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["schema"], result["set"], result["note"]) == ("kinject.facts.show/1", "example", None)
    assert Fact.model_validate(result["fact"]) == load(EXAMPLE).by_id[name]
    assert run(["facts", "show", name]) == 0
    shown = capsys.readouterr().out
    assert "direct.answer: South Africa" in shown and "multihop.hops.1.answer: Bloemfontein" in shown


def test_a_fact_that_is_not_there_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts", "show", "2023-10-28-rugby-word-cup", "--facts", "example"]) == 3
    assert "Did you mean '2023-10-28-rugby-world-cup'?" in capsys.readouterr().err


def test_stats_count_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts", "stats", "example", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["facts"], result["multihop"], result["years"]) == (3, 3, {"2023": 3})
    assert result["countries"] == {"France": 1, "India": 1, "Sweden": 1}
    assert result["guess"]["direct"] == {"n": 0, "mean_chance": None, "highest_chance": None, "types": {}}
    assert result["digest"] == load(EXAMPLE).digest
    assert run(["facts", "stats", "example"]) == 0
    assert "Sweden 1" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["stats", "check", "export", "list"])
def test_every_command_takes_a_day_to_start_after(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name = [] if command == "list" else ["example"]
    assert run(["facts", command, *name, "--after", "2023-09", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    rows = result["sets"] if command == "list" else [result]
    assert next(row["facts"] for row in rows if row.get("name", "example").startswith("example")) == 2
    assert run(["facts", command, *name, "--after", "2O24", "--json"]) == 2
    assert "published cutoff" in json.loads(capsys.readouterr().err)["error"]["message"]


def test_a_check_after_a_day_sees_all_and_shows_what_is_new(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts", "check", "facts100", "--after", "2025-06"]) == 0
    path = tmp_path / "mine.jsonl"
    text = EXAMPLE.read_text().replace("India landed", "China landed")  # of August: F005
    later = text.splitlines()[0].replace('"supersedes": null', '"supersedes": "2023-08-23-chandrayaan-3"')
    path.write_text("\n".join([later, *text.splitlines()[1:]]))
    assert run(["facts", "check", str(path), "--after", "2023-09"]) == 0
    assert run(["facts", "check", str(path), "--after", "2023-07"]) == 1
    assert run(["facts", "check", str(path), "--after", "2030-01"]) == 2
    capsys.readouterr()


def test_what_a_file_says_has_no_power_over_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(EXAMPLE.read_text().splitlines()[0].replace("On 28", "\\u001b]0;pwned\\u0007\\u001b[2J On 28"))
    assert run(["facts", "show", "2023-10-28-rugby-world-cup", "--facts", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\x07" not in shown and "\\x1b]0;pwned" in shown


def test_a_shipped_set_is_not_shadowed_and_a_folder_is_no_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("example").write_text("{")
    assert run(["facts", "check", "example"]) == 0
    assert run(["facts", "check", "."]) == 3
    assert "this is a folder" in capsys.readouterr().err


def test_what_is_imported_is_sound_and_what_is_not_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, out = tmp_path / "table.csv", tmp_path / "mine.jsonl"
    rows = ["id,event,question,answer", "a,Ada won.,Who won?,Ada", "b,Bo lost.,Who lost?,Cy", "c,Di fell.,Who fell?"]
    table.write_text("\n".join(rows))
    assert run(["facts", "import", "csv", str(table), "--out", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["read"], result["written"], sum(result["skipped"].values())) == (3, 1, 2)
    assert any(reason.startswith("F005: ") for reason in result["skipped"])
    assert run(["facts", "check", str(out)]) == 0
    card = load(out).card
    assert card and card.name == "mine"
    capsys.readouterr()
    assert run(["facts", "import", "csv", str(table), "--out", str(out)]) == 2  # nothing is overwritten
    assert "there is a file already" in capsys.readouterr().err


def test_an_import_of_nothing_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "table.csv"
    table.write_text("id,event,question,answer\nb,Bo lost.,Who lost?,Cy\n")
    assert run(["facts", "import", "csv", str(table), "--out", str(tmp_path / "mine")]) == 0
    assert "0 of 1 rows became facts; nothing was written" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv"]


@pytest.mark.parametrize("name", ["facts", "example"])
def test_an_unknown_format_gets_the_nearest(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts", "import", "mqake", str(EXAMPLE), "--out", str(tmp_path / name)]) == 2
    assert "Did you mean 'mquake'?" in capsys.readouterr().err
    assert run(["facts", "export", "example", "--format", "lmeval", "--out", str(tmp_path / name)]) == 2
    assert "Did you mean 'lm-eval'?" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts", "check", "exampel", "--json"]) == 3
    captured = capsys.readouterr()
    assert captured.out == "" and "'example'" in json.loads(captured.err)["error"]["message"]

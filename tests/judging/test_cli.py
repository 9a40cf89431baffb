"""`kinject judge`: the JSON that scripts rely on, and the table for people."""

import json
import sys
import types
from pathlib import Path

import pytest

from kinject.cli.app import run
from kinject.judging.verdict import Verdict

FACTS = Path(__file__).parent.parent / "cases" / "judging" / "facts.jsonl"
ROWS = [
    {"fact": "rugby", "kind": "direct", "response": "The Springboks."},
    {"fact": "rugby", "kind": "multihop", "response": "Event Recall: Wales won.\nThe final answer is Cardiff"},
    {"fact": "nowhere", "kind": "direct", "response": "x"},
]


@pytest.fixture
def answers(tmp_path: Path) -> str:
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return str(path)


def test_json(answers: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["judge", answers, "--facts", str(FACTS), "--json"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert err == ""
    assert {key: result[key] for key in ("schema", "judge", "n")} == {
        "schema": "kinject.judge/1",
        "judge": "rules",
        "n": 3,
    }
    fields = ("line", "fact", "kind", "correctness", "recall", "recall_entities", "reasoning")
    assert [tuple(row[field] for field in fields) for row in result["verdicts"]] == [
        (1, "rugby", "direct", "correct", "absent", "absent", "absent"),
        (2, "rugby", "multihop", "incorrect", "wrong", "wrong", "absent"),
        (3, "nowhere", "direct", "unscored", "unscored", "unscored", "unscored"),
    ]
    assert all(row["reason"] and set(row) == {*fields, "reason"} for row in result["verdicts"])


def test_the_table_shows_counts_intervals_and_the_unscored(answers: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["judge", answers, "--facts", str(FACTS)]) == 0
    out = capsys.readouterr().out
    for words in ("hallucinated of incorrect", "1 / 1", "50.0 to 100.0", "not scored"):
        assert words in out
    assert max(map(len, out.splitlines())) <= 100


def test_what_a_judge_does_not_score_is_printed_and_told(
    answers: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = types.ModuleType("own_judges")
    module.unsure = lambda response, fact, kind: Verdict.unscored("never sure")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "own_judges", module)
    assert run(["judge", answers, "--facts", str(FACTS), "--judge", "rules,own_judges:unsure", "--json"]) == 5
    out, err = capsys.readouterr()
    assert [row["correctness"] for row in json.loads(out)["others"]["own_judges:unsure"]] == ["unscored"] * 3
    assert "own_judges:unsure left 2 unscored" in err and "rules left" not in err


def test_an_unknown_judge_is_a_usage_error(answers: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["judge", answers, "--facts", str(FACTS), "--judge", "rule", "--json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert "Did you mean 'rules'" in error["message"] and error["mend"]

"""Options from a file: below flags and the environment, above defaults; mistakes are told by name."""

import json
from pathlib import Path

import pytest

from kinject.cli.app import run

ROOT = Path(__file__).parent.parent.parent
FACTS = ROOT / "tests" / "cases" / "judging" / "facts.jsonl"


@pytest.fixture
def answers(tmp_path: Path) -> str:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"fact": "rugby", "kind": "direct", "response": "Wales"}\n', encoding="utf-8")
    return str(path)


def config(tmp_path: Path, text: str) -> str:
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("place", ["before", "after", "joined"])
def test_a_file_gives_options_wherever_it_is_named(
    place: str, answers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config(tmp_path, f"facts: {FACTS}\njudge:\n  grade:\n    json: true\n")
    line = {
        "before": ["--config", file, "judge", answers],
        "after": ["judge", answers, "--config", file],
        "joined": ["judge", f"--config={file}", answers],
    }[place]
    assert run(line) == 0
    assert json.loads(capsys.readouterr().out)["judge"] == "rules"


def test_flags_and_the_environment_go_first(
    answers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config(tmp_path, "judge:\n  grade:\n    facts: nowhere\n    judge: [rules, rules]\n    json: true\n")
    assert run(["--config", file, "judge", answers]) == 3
    capsys.readouterr()
    monkeypatch.setenv("KINJECT_JUDGE_GRADE_FACTS", str(FACTS))
    assert run(["--config", file, "judge", answers]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 1
    monkeypatch.setenv("KINJECT_JUDGE_GRADE_FACTS", "nowhere")
    assert run(["--config", file, "judge", answers, "--facts", str(FACTS)]) == 0


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("judge:\n  grade:\n    fact: x\n", 2, "Did you mean 'facts'"),
        ("judge:\n  grad: {}\n", 2, "Did you mean 'grade'"),
        ("judge: rules\n", 2, "holds options"),
        ("- a\n", 2, "no list of options"),
        ("a: [\n", 2, "no YAML"),
    ],
)
def test_a_mistake_in_the_file_is_named(
    text: str, code: int, words: str, answers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["judge", answers, "--config", config(tmp_path, text)]) == code
    err = capsys.readouterr().err
    assert words in err and "mend:" in err


def test_a_missing_file_is_missing(answers: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["judge", answers, "--config", "nowhere.yaml"]) == 3

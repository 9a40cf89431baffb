"""`kinject ask`: the JSON that scripts rely on, answers one by one for people, and the lab model end to end."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from kinject.cli.app import COMMANDS, run
from kinject.engines.base import Completion
from kinject.engines.fake import Fake
from kinject.errors import JudgeError
from kinject.injection.answer import questions
from kinject.injection.arm import Arm
from kinject.injection.inject import inject
from kinject.injection.settings import Settings
from kinject.lab import world
from kinject.prompts import recall
from kinject.sources import open_model

FACTS = world.build(0).new_facts(12)
FIRST = FACTS.facts[0]
OTHER = f"Tell me at last: {FIRST.direct.question}"


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "ask", "kinject.cli.ask:ask")


@pytest.fixture
def arm(tiny: Callable[..., Path]) -> str:
    """An arm of a tiny model, with the event in the prompt."""
    settings = Settings({"max_new_tokens": 4})
    return inject(Arm(context="oracle"), open_model(str(tiny())), FACTS, settings).artefact


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let every model answer the same."""

    def arrange(text: str) -> None:
        monkeypatch.setattr("kinject.engines.hf.HF", lambda folder: Fake(lambda _: text))

    return arrange


def printed(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    assert run(["ask", *args, "--json"]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and "Traceback" not in err
    result: dict[str, Any] = json.loads(out)
    return result


def says(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(raw), encoding="utf-8"))


def test_json(arm: str, tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    result = printed(capsys, "last", FIRST.direct.question, OTHER)
    assert list(result) == ["schema", "artefact", "model", "answers"]
    assert (result["schema"], result["artefact"], result["model"]) == ("kinject.ask/1", arm, str(tiny()))
    for answer, question, given in zip(result["answers"], [FIRST.direct.question, OTHER], [True, False], strict=True):
        assert list(answer) == ["question", "answer", "response", "facts", "given", "finish"]
        assert answer["facts"] == [{"id": FIRST.id, "date": FIRST.date, "event": FIRST.event}]
        assert (answer["question"], answer["given"], answer["finish"]) == (question, given, "length")


def test_in_words(arm: str, capsys: pytest.CaptureFixture[str], answering: Callable[[str], None]) -> None:
    answering(recall.direct_response(FIRST.event, "\x1b[31mRohal"))
    assert run(["ask", "last", FIRST.direct.question, OTHER]) == 0
    used = f"{FIRST.event} ({FIRST.id}, {FIRST.date})"
    said = ["  \\x1b[31mRohal", f"  | Event Recall: {FIRST.event}", "  | The final answer is \\x1b[31mRohal"]
    lines = [FIRST.direct.question, *said, f"  given: {used}", OTHER, *said, f"  found: {used}"]
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize(("text", "shown"), [("It is\nRome.", ["  It is", "  Rome."]), ("", ["  (no answer)"])])
def test_every_line_of_an_answer_stands_below_its_question(
    text: str, shown: list[str], arm: str, capsys: pytest.CaptureFixture[str], answering: Callable[[str], None]
) -> None:
    answering(text)
    assert run(["ask", "last", OTHER]) == 0
    assert capsys.readouterr().out.splitlines()[:-1] == [OTHER, *shown]


def test_nothing_used_and_cut_off_are_said(
    tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inject(Arm(), open_model(str(tiny())), FACTS, Settings({"max_new_tokens": 4}))
    monkeypatch.setattr(Fake, "generate", lambda *_: [Completion("so", "length")])
    monkeypatch.setattr("kinject.engines.hf.HF", lambda folder: Fake({}))
    assert run(["ask", "last", "Who?"]) == 0
    lines = ["Who?", "  so", "  no fact in the prompt", "  cut off at the longest answer that the arm allows"]
    assert capsys.readouterr().out.splitlines() == lines


def test_lines_of_stdin_are_questions(
    arm: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answering: Callable[[str], None]
) -> None:
    answering("so")
    says(monkeypatch, f"Who?\n\n  {FIRST.direct.question}  \r\nWo läuft es?".encode())
    asked = [answer["question"] for answer in printed(capsys, arm, "First?", "-", "Last?")["answers"]]
    assert asked == ["First?", "Who?", FIRST.direct.question, "Wo läuft es?", "Last?"]


def test_what_came_before_a_failure_is_printed(
    arm: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    says = iter(["first", JudgeError("the endpoint failed", mend="try again"), "third"])

    def generate(*_: object) -> list[Completion]:
        if isinstance(said := next(says), JudgeError):
            raise said
        return [Completion(said)]

    monkeypatch.setattr(Fake, "generate", generate)
    monkeypatch.setattr("kinject.engines.hf.HF", lambda folder: Fake({}))
    capsys.readouterr()
    assert run(["ask", "last", "One?", "Two?", "Three?", "--json"]) == 5
    out, err = capsys.readouterr()
    assert [answer["response"] for answer in json.loads(out)["answers"]] == ["first"]
    assert json.loads(err.splitlines()[-1])["error"]["message"] == "the endpoint failed"


def test_answers_come_one_by_one(arm: str, store: Path) -> None:
    program = "from kinject.cli import app; app.COMMANDS['ask'] = 'kinject.cli.ask:ask'; app.run(['ask', 'last', '-'])"
    env = {**os.environ, "KINJECT_HOME": str(store)}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    ) as child:
        assert child.stdin and child.stdout
        for question in (FIRST.direct.question, OTHER):
            child.stdin.write(f"{question}\n")
            child.stdin.flush()
            said = iter(child.stdout.readline, "")
            assert next(line for line in said if not line.startswith(" ")).strip() == question
            assert any("cut off" in line for line in said)
        child.stdin.close()
        assert child.wait(60) == 0


@pytest.mark.parametrize(
    ("args", "stdin", "code", "where", "words"),
    [
        (["last"], b"", 2, "kinject ask", "Missing argument"),
        (["last", " "], b"", 2, "QUESTION", "is empty"),
        (["last", "\udcff"], b"", 2, "QUESTION", "not UTF-8"),
        (["last", "-"], b"\n \n", 2, "QUESTION", "no question on stdin"),
        (["last", "-"], b"\xff\n", 2, "stdin", "not UTF-8"),
        (["lats", "Who?"], b"", 3, "ARTEFACT", "Did you mean 'last'?"),
    ],
)
def test_mistakes_say_what_mends_them(
    args: list[str],
    stdin: bytes,
    code: int,
    where: str,
    words: str,
    arm: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    says(monkeypatch, stdin)
    capsys.readouterr()
    assert run(["ask", *args, "--json"]) == code
    out, err = capsys.readouterr()
    error = json.loads(err.splitlines()[-1])["error"]
    assert out == "" and words in error["message"] and (error["where"], bool(error["mend"])) == (where, True)


def test_the_lab_model_end_to_end(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["inject", "--method", "rag-oracle", "--facts", "lab:12", "--greedy", "--max-new-tokens", "32", "--json"]
    assert run(call) == 0
    record = json.loads(capsys.readouterr().out)
    result = printed(capsys, record["run"][:12], *(question for _, _, question in questions(FACTS)), OTHER)
    assert result["model"] == "lab@0"
    *known, found = result["answers"]
    by_arm = [json.loads(line)["response"] for line in Path(record["answers"]).read_text().splitlines()]
    assert [answer["response"] for answer in known] == by_arm
    for answer, (fact, _, _) in zip(known, questions(FACTS), strict=True):
        assert ([each["id"] for each in answer["facts"]], answer["given"]) == ([fact.id], True)
    assert ([each["id"] for each in found["facts"]], found["given"]) == ([FIRST.id], False)
    direct = [
        answer["answer"] for answer, (_, kind, _) in zip(known, questions(FACTS), strict=True) if kind == "direct"
    ]
    right = sum(fact.direct.answer in answer for answer, fact in zip(direct, FACTS.facts, strict=True))
    assert right == record["scores"]["direct"]["k"] > 6

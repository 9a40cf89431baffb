import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.cli.app import run
from kinject.facts.add import add, suggested_id
from kinject.facts.check import check_file
from kinject.facts.load import load
from kinject.facts.schema import Fact
from kinject.resources import facts_folder

EXAMPLE = facts_folder() / "example.jsonl"
FLAGS = {
    "--event": "On 1 May 2024, Ada Lind won the Oslo Cup.",
    "--question": "Who won the Oslo Cup in May 2024?",
    "--answer": "Ada Lind",
    "--date": "2024-05-01",
}


def numbered(number: int) -> Fact:
    direct = {"question": f"Who won race {number}?", "answer": f"Runner {number}"}
    return Fact.model_validate({"id": f"f{number}", "event": f"Runner {number} won race {number}.", "direct": direct})


def flags(**changes: str) -> list[str]:
    given = FLAGS | {f"--{name.replace('_', '-')}": text for name, text in changes.items()}
    return [part for pair in given.items() for part in pair]


def test_a_file_is_made_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mine.jsonl"
    for number in range(3):
        assert add(path, numbered(number)) == []
    assert [fact.id for fact in load(path).facts] == ["f0", "f1", "f2"]


def test_what_the_file_held_stays_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    old = b"\xef\xbb\xbf" + EXAMPLE.read_bytes().replace(b"\n", b"\r\n") + b"\r\n{broken"
    path.write_bytes(old)
    assert add(path, numbered(1)) == []
    assert path.read_bytes().startswith(old + b"\n")
    assert [(each.line, each.code) for each in check_file(path).problems] == [(5, "F001")]


@pytest.mark.parametrize("old", [b"", b"\n\n"])
def test_an_empty_file_is_no_obstacle(old: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(old)
    assert add(path, numbered(1)) == []
    assert len(load(path).facts) == 1


def test_a_fact_that_is_not_sound_beside_the_others_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(EXAMPLE.read_bytes())
    path.with_suffix(".yaml").write_bytes(EXAMPLE.with_suffix(".yaml").read_bytes())
    before = path.read_bytes()
    again = load(path).facts[0]
    assert {each.code for each in add(path, again)} == {"F011", "F012", "F016"}
    assert {each.code for each in add(path, numbered(1))} == {"F003", "F014", "F015"}  # the card is strict
    later = again.model_copy(update={"id": "b", "supersedes": "nothing"})
    assert "F018" in {each.code for each in add(path, later)}
    assert path.read_bytes() == before


def test_many_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    code = (
        "import sys; from pathlib import Path\n"
        "from kinject.facts.add import add; from kinject.facts.schema import Fact\n"
        "for n in range(int(sys.argv[2]), int(sys.argv[2]) + 10):\n"
        "    d = {'question': f'Who won race {n}?', 'answer': f'Runner {n}'}\n"
        "    fact = {'id': f'f{n}', 'event': f'Runner {n} won race {n}.', 'direct': d}\n"
        "    assert add(Path(sys.argv[1]), Fact.model_validate(fact)) == []\n"
    )
    with ThreadPoolExecutor() as pool:
        done = list(
            pool.map(lambda n: subprocess.run([sys.executable, "-c", code, str(path), str(n)], check=True), (0, 10, 20))
        )
    assert len(done) == 3
    assert sorted(fact.id for fact in load(path).facts) == sorted(f"f{n}" for n in range(30))


@pytest.mark.parametrize("after", [0.05, 0.15, 0.3])
def test_a_kill_leaves_the_old_file_or_the_new_one(after: float, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    with path.open("w") as file:
        for number in range(300):
            file.write(numbered(number).model_dump_json() + "\n")
    old = path.read_bytes()
    code = (
        "import sys; from pathlib import Path; from kinject.facts.add import add; from kinject.facts.load import load\n"
        "fact = load(Path(sys.argv[2])).facts[0]\n"
        "print('ready', flush=True)\n"
        "add(Path(sys.argv[1]), fact)\n"
    )
    args = [sys.executable, "-c", code, str(path), str(EXAMPLE)]
    with subprocess.Popen(args, stdout=subprocess.PIPE) as child:
        assert child.stdout and child.stdout.readline() == b"ready\n"
        time.sleep(after)
        os.kill(child.pid, signal.SIGKILL)
    new = path.read_bytes()
    assert new == old or (new.startswith(old) and json.loads(new[len(old) :])["id"] == load(EXAMPLE).facts[0].id)
    assert add(path, numbered(1000)) == []  # the lock went with its holder


def test_by_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.jsonl"
    multihop = {
        "multihop_question": "Of which country is the winner of the Oslo Cup of May 2024?",
        "multihop_answer": "Norway",
        "hop": "Of which country is Ada Lind? => Norway",
        "source": "https://example.org/cup",
        "country": "Norway",
        "alias": "Lind",
    }
    assert run(["facts", "add", str(path), *flags(**multihop), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["schema"], result["added"], result["problems"]) == ("kinject.facts.add/1", True, [])
    (fact,) = load(path).facts
    assert fact.id == result["id"] == "2024-05-01-oslo-2024"
    assert fact.multihop and fact.multihop.hops[0].answer == "Norway"
    assert (fact.direct.aliases, fact.country, fact.sources[0].url) == (
        ("Lind",),
        ("Norway",),
        "https://example.org/cup",
    )


@pytest.mark.parametrize(
    ("answers", "multihop"),
    [
        (["On 1 May 2024, Ada won.", "Who won?", "Ada", "2024-05-01", ""], None),
        (
            [
                "Ada won.",
                "Who won?",
                "Ada",
                "",
                "Where was the winner born?",
                "Oslo",
                "Where was Ada born? => Oslo",
                "",
            ],
            "Oslo",
        ),
    ],
)
def test_by_answering(
    answers: list[str],
    multihop: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "mine.jsonl"
    (tmp_path / "typed").write_text("\n".join(answers) + "\n")
    with (tmp_path / "typed").open() as typed:
        monkeypatch.setattr("sys.stdin", typed)
        assert run(["facts", "add", str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.out.endswith(f": added {load(path).facts[0].id}\n")
    assert "What happened" in captured.err and "What happened" not in captured.out
    (fact,) = load(path).facts
    assert (fact.multihop.answer if fact.multihop else None) == multihop


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"answer": "Bo"}, 1, "F005"),
        ({"date": "2024-02-30"}, 2, "not a real day"),
        ({"hop": "no arrow", "multihop_question": "Q?", "multihop_answer": "A"}, 2, "is no step"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_written(
    changes: dict[str, Any], code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.jsonl"
    assert run(["facts", "add", str(path), *flags(**changes)]) == code
    captured = capsys.readouterr()
    assert words in captured.out + captured.err
    assert not path.exists()


def test_where_nobody_answers_the_missing_option_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        assert run(["facts", "add", str(tmp_path / "mine.jsonl"), "--event", "Ada won.", "--json"]) == 2
    assert json.loads(capsys.readouterr().err.splitlines()[-1])["error"]["where"] == "--question"


@given(st.none() | st.just("2024-05-01"), st.text())
def test_a_suggested_id_is_never_empty(date: str | None, question: str) -> None:
    assert suggested_id(date, question)

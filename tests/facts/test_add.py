import io
import json
import os
import pty
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
from kinject.facts.fix import clean
from kinject.facts.load import load
from kinject.facts.schema import Direct, Fact, Multihop, Source
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
        assert not add(path, numbered(number)).problems
    assert [fact.id for fact in load(path).facts] == ["f0", "f1", "f2"]


def test_what_the_file_held_stays_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    old = b"\xef\xbb\xbf" + EXAMPLE.read_bytes().replace(b"\n", b"\r\n") + b"\r\n{broken"
    path.write_bytes(old)
    assert not add(path, numbered(1)).problems
    assert path.read_bytes().startswith(old + b"\n")
    assert [(each.line, each.code) for each in check_file(path).problems] == [(5, "F001")]


@pytest.mark.parametrize("old", [b"", b"\n\n"])
def test_an_empty_file_is_no_obstacle(old: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(old)
    assert not add(path, numbered(1)).problems
    assert len(load(path).facts) == 1


def test_a_fact_that_is_not_sound_beside_the_others_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(EXAMPLE.read_bytes())
    path.with_suffix(".yaml").write_bytes(EXAMPLE.with_suffix(".yaml").read_bytes())
    before = path.read_bytes()
    again = load(path).facts[0]
    assert {each.code for each in add(path, again).problems} == {"F011", "F012", "F016"}
    assert {each.code for each in add(path, numbered(1)).problems} == {"F003", "F014", "F015"}  # the card is strict
    later = again.model_copy(update={"id": "b", "supersedes": "nothing"})
    assert "F018" in {each.code for each in add(path, later).problems}
    assert path.read_bytes() == before


@pytest.mark.parametrize(("date", "codes"), [("2024-05-02", {"F018"}), ("2024-04-30", set())])
def test_a_fact_that_makes_another_line_unsound_is_not_written(date: str, codes: set[str], tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    later = numbered(1).model_copy(update={"date": "2024-05-01", "supersedes": "f2"})
    path.write_text(later.model_dump_json() + "\n")
    before = path.read_bytes()
    problems = add(path, numbered(2).model_copy(update={"date": date})).problems
    assert {each.code for each in problems} == codes
    assert [(each.line, each.id) for each in problems] == [(1, "f1")] * len(codes)
    assert (path.read_bytes() == before) == bool(codes)


def test_old_trouble_in_new_words_does_not_stand_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.with_suffix(".yaml").write_bytes(EXAMPLE.with_suffix(".yaml").read_bytes())
    same = Multihop(question="Of which country?", answer="Norway")
    with path.open("w") as file:
        for number in range(124):  # one more, and five may share an answer
            fact = numbered(number).model_copy(update={"multihop": same if number < 6 else None})
            file.write(fact.model_dump_json() + "\n")
    assert not add(path, load(EXAMPLE).facts[0]).problems


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").symlink_to(tmp_path / "real.jsonl")
    for number in range(2):
        assert not add(tmp_path / "mine.jsonl", numbered(number)).problems
    assert (tmp_path / "mine.jsonl").is_symlink() and len(load(tmp_path / "real.jsonl").facts) == 2


@pytest.mark.parametrize("name", ["mine", "mine.yaml", "mine.json", ".jsonl", "facts100", "."])
def test_a_file_of_facts_is_named_so(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts", "add", f"{tmp_path}/{name}", *flags(), "--json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert "NAME.jsonl" in error["message"] and error["mend"]
    assert list(tmp_path.iterdir()) == []


def test_many_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    code = (
        "import sys; from pathlib import Path\n"
        "from kinject.facts.add import add; from kinject.facts.schema import Fact\n"
        "for n in range(int(sys.argv[2]), int(sys.argv[2]) + 10):\n"
        "    d = {'question': f'Who won race {n}?', 'answer': f'Runner {n}'}\n"
        "    fact = {'id': f'f{n}', 'event': f'Runner {n} won race {n}.', 'direct': d}\n"
        "    assert not add(Path(sys.argv[1]), Fact.model_validate(fact)).problems\n"
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
    assert not add(path, numbered(1000)).problems  # the lock went with its holder


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


@pytest.mark.parametrize(
    "option", ["--multihop-answer", "--hop", "--multihop-alias", "--multihop-paraphrase", "--multihop-question"]
)
def test_what_belongs_to_a_multihop_question_is_not_dropped(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.jsonl"
    missing = "--multihop-answer" if option == "--multihop-question" else option
    assert run(["facts", "add", str(path), *flags(), option, "Q? => A", "--json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["where"] == missing and error["mend"] and not path.exists()


def test_texts_are_stripped_and_an_address_is_one_in_any_case(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    given = flags(
        event=" Ada won. ", question="\tWho won? ", answer=" Ada", date=" 2024-05-01 ", alias=" A. ", id=" a "
    )
    sources = ["--source", " HTTPS://a.org/x ", "--source", "http archive", "--domain", "  ", "--supersedes", ""]
    assert run(["facts", "add", str(path), *given, *sources]) == 0
    (fact,) = load(path).facts
    assert (fact.id, fact.event, fact.date, fact.domain) == ("a", "Ada won.", "2024-05-01", "")
    assert fact.direct == Direct(question="Who won?", answer="Ada", aliases=("A.",)) and fact.supersedes is None
    assert fact.sources == (Source(title="HTTPS://a.org/x", url="HTTPS://a.org/x"), Source(title="http archive"))


def typed(*lines: str) -> io.StringIO:
    return io.StringIO("".join(f"{line}\n" for line in lines))


def test_a_wrong_answer_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.jsonl"
    first = ["Ada won.", " ", "Who won?", "Ada", "May 2024", "2024-02-30", "2024-05"]
    rest = [
        "Where was the winner born?",
        "Oslo",
        "no arrow",
        "Where was Ada born? =>",
        "Where was Ada born? => Oslo",
        "",
    ]
    monkeypatch.setattr("sys.stdin", typed(*first, *rest))
    assert run(["facts", "add", str(path)]) == 0
    told = capsys.readouterr().err
    assert told.count("is not a real day") == 2 and told.count("is no step") == 2
    (fact,) = load(path).facts
    assert fact.date == "2024-05" and fact.multihop and len(fact.multihop.hops) == 1


def test_a_wrong_option_is_told_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", typed("Ada won."))
    assert run(["facts", "add", str(tmp_path / "mine.jsonl"), "--date", "May"]) == 2
    assert "What happened" not in capsys.readouterr().err


def test_somebody_at_a_terminal_is_asked_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys, screen = pty.openpty()
    os.write(keys, b"Ada won.\n\nWho won?\nAda\n2024-02-30\n2024-05-01\n\n")
    with os.fdopen(screen) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        assert run(["facts", "add", str(tmp_path / "mine.jsonl")]) == 0
        os.write(keys, b"\x04")
        assert run(["facts", "add", str(tmp_path / "other.jsonl")]) == 2
    os.close(keys)
    told = capsys.readouterr().err
    assert told.startswith("What happened") and "is not a real day" in told and "--event is missing" in told
    assert load(tmp_path / "mine.jsonl").facts[0].date == "2024-05-01"


@pytest.mark.parametrize("stdin", ["nobody", "closed", "somebody"])
@pytest.mark.parametrize("given", [[], ["--event", "Ada won."], [*flags(), "--multihop-question", "Q?"]])
def test_with_json_nothing_is_asked(
    stdin: str, given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", {"nobody": typed(), "closed": None, "somebody": typed("a", "b", "c")}[stdin])
    assert run(["facts", "add", str(tmp_path / "mine.jsonl"), *given, "--json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["where"] == {0: "--event", 2: "--question"}.get(len(given), "--multihop-answer") and error["mend"]


def test_where_nobody_answers_the_missing_option_is_named_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for stdin in (typed(), None):
        monkeypatch.setattr("sys.stdin", stdin)
        assert run(["facts", "add", str(tmp_path / "mine.jsonl"), "--event", "Ada won."]) == 2
        assert capsys.readouterr().err.startswith("error: --question is missing\n")


def test_an_answer_that_is_no_text_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9\n"), encoding="utf-8"))
    assert run(["facts", "add", str(tmp_path / "mine.jsonl")]) == 2
    assert "not UTF-8" in capsys.readouterr().err
    assert run(["facts", "add", str(tmp_path / "mine.jsonl"), *flags(event="caf\udce9 Ada Lind")]) == 2


def test_an_id_that_is_suggested_is_free(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.jsonl"
    for number, name in enumerate(["Ada", "Bo", "Cy"], 1):
        asked = flags(event=f"{name} won cup {number}.", question=f"Who won in Oslo in 2024 cup {number}?", answer=name)
        assert run(["facts", "add", str(path), *asked]) == 0
    wanted = [f"2024-05-01-oslo-2024{end}" for end in ("", "-2", "-3")]
    assert [fact.id for fact in load(path).facts] == wanted
    assert capsys.readouterr().out.endswith(f"added {wanted[-1]}\n")
    assert run(["facts", "add", str(path), *asked, "--id", wanted[0]]) == 1
    assert "F011" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Which country won the 2023 Rugby World Cup?", "country-2023-rugby-world"),
        ("Who won?", "who-won"),
        ("Кто выиграл Кубок Осло?", "выиграл-кубок-осло"),
        ("Wer gewann in Zürich die Straßenrennen?", "gewann-zurich-strassenrennen"),
        ("Στην Αθήνα;", "στην-αθήνα"),
        ("谁赢得了奥斯陆杯？", "谁赢得了奥斯陆杯"),
        ("कौन जीता?", "जीता"),
        ("오슬로 컵?", "오슬로-컵"),
        ("🏆?", "fact"),
    ],
)
def test_ids_keep_the_words_of_any_language(question: str, name: str) -> None:
    assert suggested_id(None, question) == name


@given(st.none() | st.just("2024-05-01"), st.text())
def test_a_suggested_id_is_never_empty_and_always_sound(date: str | None, question: str) -> None:
    name = suggested_id(date, question)
    assert name == clean(name) and not name.endswith("-")

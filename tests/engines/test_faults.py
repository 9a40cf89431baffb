"""Endpoints that fail as endpoints do: no row is lost, the order is kept, nothing that was answered is asked again."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for faulty_server.py
import faulty_server
from faulty_server import Faulty

from kinject.engines import api
from kinject.engines.base import Completion, Sampling, ask
from kinject.engines.kept import Kept
from kinject.engines.openai import OpenAI, Terms
from kinject.errors import JudgeError, MissingError, UsageError

SAMPLING = Sampling(temperature=0, max_new_tokens=100)
TELL = Terms(failures="tell")
MIXED = ("429", "429 told", "500", "slow", "html", "malformed", "truncated")


def asked(count: int) -> list[Any]:
    return [ask("Be brief.", f"Who won cup {number}?") for number in range(count)]


def fine(count: int) -> list[Completion]:
    return [Completion(f"echo: Who won cup {number}?") for number in range(count)]


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    with faulty_server.serving(Faulty()) as serving:
        yield serving


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of our own, a tenth as long and shorter."""
    monkeypatch.setattr("kinject.engines.calls.FIRST", 0.025)
    monkeypatch.setattr("kinject.engines.calls.LONGEST", 0.1)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("kind", [*MIXED, "mixed"])
def test_no_row_is_lost_and_the_order_is_kept(faulty: Faulty, tmp_path: Path, kind: str, rate: float) -> None:
    each = rate if kind != "mixed" else min(rate, 0.08)  # of seven kinds
    faulty.rates = dict.fromkeys(MIXED if kind == "mixed" else [kind], each)
    engine = OpenAI("parrot", faulty.url, keep=tmp_path / "x.sqlite")
    assert engine.generate(asked(60), SAMPLING) == fine(60)
    assert set(faulty.answered.values()) == {1} and len(faulty.answered) == 60
    assert engine.spent["attempts"] == sum(faulty.attempts.values()) == sum(faulty.kinds.values())
    assert OpenAI("parrot", faulty.url, keep=tmp_path / "x.sqlite").generate(asked(60), SAMPLING) == fine(60)
    assert sum(faulty.answered.values()) == 60


@pytest.mark.parametrize(("kind", "why"), [("empty", "an empty reply"), ("refusal", "a refusal: I cannot")])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_refusals_are_answers(faulty: Faulty, tmp_path: Path, kind: str, why: str, rate: float) -> None:
    faulty.rates = {kind: rate}
    engine = OpenAI("parrot", faulty.url, keep=tmp_path / "x.sqlite")
    answers = engine.generate(asked(60), SAMPLING)
    refused = [answer for answer in answers if answer.finish == "refused"]
    assert refused == [Completion("", "refused", why)] * faulty.kinds[kind]
    assert engine.generate(asked(60), SAMPLING) == answers and sum(faulty.attempts.values()) == 60


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("429", "429 after 21 tries"),
        ("500", "500 after 10 tries"),
        ("html", "a page after 10 tries"),
        ("malformed", "malformed JSON after 10 tries"),
        ("truncated", "a broken connection after 10 tries"),
    ],
)
def test_one_that_is_never_answered_is_told_and_asked_again(
    faulty: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, why: str
) -> None:
    monkeypatch.setattr("kinject.engines.calls.FIRST", 0.001)
    faulty.rates = {kind: 1.0}
    usual = Faulty.kind
    monkeypatch.setattr(Faulty, "kind", lambda self, text: usual(self, text) if "cup 7?" in text else "fine")
    engine = OpenAI("parrot", faulty.url, keep=tmp_path / "x.sqlite", terms=TELL)
    answers = engine.generate(asked(20), SAMPLING)
    assert answers[7] == Completion("", "failed", why)
    assert answers[:7] + answers[8:] == fine(20)[:7] + fine(20)[8:]
    faulty.rates = {}
    assert engine.generate(asked(20), SAMPLING) == fine(20)
    assert engine.spent["kept"] == 19


@pytest.mark.parametrize("failures", ["raise", "tell"])
def test_where_nothing_works_it_is_said(faulty: Faulty, monkeypatch: pytest.MonkeyPatch, failures: Any) -> None:
    monkeypatch.setattr("kinject.engines.calls.FIRST", 0.001)
    faulty.rates = {"500": 1.0}
    with pytest.raises(JudgeError, match="CUDA error after 10 tries"):
        OpenAI("parrot", faulty.url, terms=Terms(4, failures)).generate(asked(60), SAMPLING)
    with pytest.raises(JudgeError, match="nothing answers there"):
        OpenAI("parrot", "http://127.0.0.1:9/v1", terms=Terms(4, failures)).generate(asked(60), SAMPLING)


@pytest.mark.parametrize(("status", "words"), [(401, "refuses the key"), (404, "no such place or model")])
def test_what_no_call_can_mend_ends_all_at_once(
    faulty: Faulty, monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    import server

    with server.serving(server.Endpoint(models=[])) as endpoint:
        endpoint.script.extend([server.error(status, "no")] * 60)
        with pytest.raises(MissingError, match=words):
            OpenAI("parrot", endpoint.url, terms=TELL).generate(asked(60), SAMPLING)
        assert len(endpoint.asked) <= 8


@pytest.mark.parametrize("failures", ["raise", "tell"])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("status", [400, 403, 413, 422])
def test_a_single_question_that_is_refused_is_a_reply_that_is_kept(
    tmp_path: Path, status: int, place: int, failures: Any
) -> None:
    """Wherever it stands, and whether it is the first of all or not."""
    import server

    script: list[Any] = [None] * 3
    script[place] = server.error(status, "maximum context length is 8 tokens")
    with server.serving(server.Endpoint()) as endpoint:
        endpoint.script.extend(script)
        engine = OpenAI("parrot", endpoint.url, keep=tmp_path / "x.sqlite", terms=Terms(1, failures))
        answers = engine.generate(asked(3), SAMPLING)
        assert answers.pop(place) == Completion("", "refused", f"{status}: maximum context length is 8 tokens")
        assert [answer.finish for answer in answers] == ["stop", "stop"]
        assert engine.spent["failed"] == 0
        again = OpenAI("parrot", endpoint.url, keep=tmp_path / "x.sqlite", terms=Terms(1, failures))
        assert again.generate(asked(3), SAMPLING)[place].finish == "refused"
        assert len(endpoint.asked) == 3


@pytest.mark.parametrize(("status", "error"), [(400, UsageError), (403, MissingError)])
def test_where_no_question_is_answered_a_refusal_is_a_failure(tmp_path: Path, status: int, error: Any) -> None:
    import server

    keep = tmp_path / "x.sqlite"
    with server.serving(server.Endpoint()) as endpoint:
        endpoint.script.extend([server.error(status, "no")] * 6)
        with pytest.raises(error, match=f"{status}: no"):
            OpenAI("parrot", endpoint.url, keep=keep).generate(asked(3), SAMPLING)
        engine = OpenAI("parrot", endpoint.url, keep=keep, terms=TELL)
        if status == 400:
            assert engine.generate(asked(3), SAMPLING) == [Completion("", "failed", "400: no")] * 3
        else:
            with pytest.raises(error):
                engine.generate(asked(3), SAMPLING)
        assert engine.generate(asked(3), SAMPLING)[0].finish == "stop"


@pytest.mark.parametrize(("status", "finish"), [(400, "refused"), (403, None)])
def test_the_last_that_is_left_is_refused_where_others_were_answered_before(
    tmp_path: Path, status: int, finish: str | None
) -> None:
    """403 may as well mean a key that was taken back since."""
    import server

    with server.serving(server.Endpoint()) as endpoint:
        OpenAI("parrot", endpoint.url, keep=tmp_path / "x.sqlite").generate(asked(2), SAMPLING)
        endpoint.script.append(server.error(status, "no"))
        engine = OpenAI("parrot", endpoint.url, keep=tmp_path / "x.sqlite", terms=TELL)
        if finish:
            assert engine.generate(asked(3), SAMPLING)[2].finish == finish
        else:
            with pytest.raises(MissingError, match="refuses the key"):
                engine.generate(asked(3), SAMPLING)


@pytest.mark.parametrize(("status", "words"), [(402, "Payment required"), (400, "Your credit balance is too low")])
def test_where_no_money_is_left_all_ends_and_no_refusal_is_kept(tmp_path: Path, status: int, words: str) -> None:
    import server

    with server.serving(server.Endpoint()) as endpoint:
        endpoint.script.extend([None, *[server.error(status, words)] * 60])
        engine = OpenAI("parrot", endpoint.url, keep=tmp_path / "x.sqlite", terms=Terms(1, "tell"))
        with pytest.raises(JudgeError, match="no more answers on this account"):
            engine.generate(asked(60), SAMPLING)
        assert len(endpoint.asked) == 2
        assert len(Kept(tmp_path / "x.sqlite").get(engine._keys(asked(60), SAMPLING))) == 1


@pytest.mark.parametrize("body", [b'{"a":' * 99_999, b"[" * 99_999 + b"]" * 99_999])
@pytest.mark.parametrize("status", [200, 500])
def test_json_that_is_nested_without_end_is_tried_again(status: int, body: bytes) -> None:
    import server

    with server.serving(server.Endpoint()) as endpoint:
        endpoint.script.append(server.Reply(status, body))
        assert OpenAI("parrot", endpoint.url).generate(asked(1), SAMPLING)[0].finish == "stop"
        assert len(endpoint.asked) == 2


CHILD = """
import sys
from pathlib import Path
from kinject.engines.base import Sampling, ask
from kinject.engines.openai import OpenAI
asked = [ask("Be brief.", f"Who won cup {number}?") for number in range(120)]
OpenAI("parrot", sys.argv[1], keep=Path(sys.argv[2])).generate(asked, Sampling(temperature=0, max_new_tokens=100))
"""


@pytest.mark.parametrize("moment", [1, 30, 61])
def test_after_a_kill_only_what_was_under_way_is_paid_twice(faulty: Faulty, tmp_path: Path, moment: int) -> None:
    faulty.rates, faulty.latency = {"500": 0.05, "429 told": 0.05}, 0.02
    keep = tmp_path / "run" / "replies.sqlite"
    with subprocess.Popen([sys.executable, "-c", CHILD, faulty.url, str(keep)]) as child:
        while len(faulty.answered) < moment:
            assert child.poll() is None
            time.sleep(0.002)
        child.kill()
    time.sleep(0.1)  # until the server, too, has done with them
    before = dict(faulty.answered)
    assert OpenAI("parrot", faulty.url, keep=keep).generate(asked(120), SAMPLING) == fine(120)
    twice = [question for question, times in faulty.answered.items() if times > 1]
    assert len(twice) <= 8 and max(faulty.answered.values()) <= 2
    assert sum(faulty.answered.values()) - sum(before.values()) <= 120 - len(before) + 8
    assert [path.name for path in keep.parent.iterdir()] == ["replies.sqlite"]


def test_it_works_where_a_loop_runs_already(faulty: Faulty, tmp_path: Path) -> None:
    async def notebook() -> list[Completion]:
        return OpenAI("parrot", faulty.url, keep=tmp_path / "x.sqlite").generate(asked(20), SAMPLING)

    assert asyncio.run(notebook()) == fine(20)


@pytest.mark.parametrize("running", [False, True])
def test_ctrl_c_ends_it_at_once(faulty: Faulty, tmp_path: Path, running: bool) -> None:
    """And what had come is there, in a plain program and where a loop runs already."""
    faulty.rates, faulty.slow, faulty.seed = {"slow": 0.3}, 30.0, 1
    keep = tmp_path / "replies.sqlite"
    script = CHILD
    if running:
        *head, last = CHILD.strip().splitlines()
        script = "\n".join([*head, "import asyncio", "async def notebook():", f"    {last}", "asyncio.run(notebook())"])
    child = subprocess.Popen([sys.executable, "-c", script, faulty.url, str(keep)], stderr=subprocess.PIPE, text=True)
    with closing(child.stderr) as errors:  # type: ignore[type-var]
        until = time.monotonic() + 20
        while faulty.kinds["slow"] < 8 and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.3)
        child.send_signal(2)
        began = time.monotonic()
        assert child.wait(20) != 0
        assert time.monotonic() - began < 3
        assert "KeyboardInterrupt" in errors.read()  # type: ignore[union-attr]
    engine = OpenAI("parrot", faulty.url, keep=keep)
    keys = engine._keys(asked(120), SAMPLING)
    assert len(Kept(keep).get(keys)) == faulty.kinds["fine"] > 0


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:40 GMT"}, None),
        *[({"retry-after": text}, None) for text in ("", "soon", "-1", "0", "nan", "inf", "99999999999999999999 GMT")],
        ({}, None),
    ],
)
def test_how_long_to_wait_is_read(headers: dict[str, str], wait: float | None) -> None:
    assert api.asked_wait(headers, now=60.0) == wait


def test_many_refusals_before_the_first_answer_are_borne_one_at_a_time(tmp_path: Path) -> None:
    import server

    with server.serving(server.Endpoint()) as endpoint:
        endpoint.script.extend([server.error(400, "filtered")] * 15)
        answers = OpenAI("parrot", endpoint.url, terms=Terms(1)).generate(asked(16), SAMPLING)
        assert [answer.finish for answer in answers] == ["refused"] * 15 + ["stop"]
        endpoint.asked.clear()
        endpoint.script.extend([server.error(400, "filtered")] * 60)
        with pytest.raises(UsageError, match="filtered"):
            OpenAI("parrot", endpoint.url, terms=Terms(1, "tell")).generate(asked(60), SAMPLING)
        assert len(endpoint.asked) == 16

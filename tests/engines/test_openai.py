"""An endpoint answers: in order, kept as they come, and with a clear word for every way in which it can fail."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))  # for server.py
import server
from server import Endpoint, Reply, chosen, error

from kinject.engines import api, openai, vllm
from kinject.engines.api import refusals
from kinject.engines.base import Completion, Message, Sampling, ask
from kinject.engines.chat import without_system
from kinject.engines.openai import OpenAI, Terms
from kinject.engines.threads import side_by_side
from kinject.errors import JudgeError, KinjectError, MissingError, UsageError

ASKED = [ask("Be brief.", f"Who won cup {number}?") for number in range(12)]
GREEDY = Sampling(temperature=0, max_new_tokens=8)
NOW = {"retry_after_ms": "1"}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with server.serving(Endpoint()) as serving:
        yield serving


class Heard:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __getattr__(self, name: str) -> Any:
        from kinject.progress import SILENT

        return getattr(SILENT, name)

    def say(self, text: str) -> None:
        self.said.append(text)


def replies(texts: list[str]) -> list[Completion]:
    return [Completion(text) for text in texts]


# What is asked


def test_the_order_is_kept_and_as_many_ask_at_once_as_may(endpoint: Endpoint) -> None:
    endpoint.delays = {conversation[-1].content: 0.15 - number / 100 for number, conversation in enumerate(ASKED)}
    answers = OpenAI("parrot", endpoint.url, terms=Terms(concurrency=4)).generate(ASKED, GREEDY)
    assert answers == replies([f"Be: Who won cup {number}?" for number in range(12)])
    assert endpoint.most_at_once == 4


def test_what_is_sent_is_what_was_asked_for(endpoint: Endpoint) -> None:
    engine = OpenAI("parrot", endpoint.url, extra={"top_k": 5})
    engine.generate(ASKED[:1], Sampling(seed=7))
    body = endpoint.asked[0]
    assert 0 <= body.pop("seed") < 2**31
    assert body.pop("messages") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Who won cup 0?"},
    ]
    assert body == {"model": "parrot", "temperature": 0.4, "top_p": 0.95, "max_tokens": 256, "top_k": 5}
    assert engine.sent == {**body, "seed": 7}


def test_a_repetition_penalty_is_sent_where_asked_for(endpoint: Endpoint) -> None:
    OpenAI("parrot", endpoint.url, repetition_penalty=True).generate(ASKED[:1], Sampling())
    assert endpoint.asked[0]["repetition_penalty"] == 1.1


def test_every_question_has_a_seed_of_its_own_and_the_same_again(endpoint: Endpoint) -> None:
    engine = OpenAI("parrot", endpoint.url)
    twice = [*ASKED, ASKED[0]]

    def seeds(sampling: Sampling) -> list[int]:
        endpoint.asked.clear()
        engine.generate(twice, sampling)
        return sorted(body["seed"] for body in endpoint.asked)

    assert len(set(seeds(Sampling()))) == 13
    assert seeds(Sampling()) == seeds(Sampling())
    assert not set(seeds(Sampling())) & set(seeds(Sampling(seed=1)))


def test_the_environment_names_the_endpoint_and_the_key(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint.key = "sesame"
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    assert OpenAI("parrot").generate(ASKED[:1], GREEDY) == replies(["Be: Who won cup 0?"])


def test_a_proxy_is_not_asked_for_this_machine(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert OpenAI("parrot", endpoint.url).generate(ASKED[:1], GREEDY)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://localhost", "http://", "nonsense"])
def test_an_address_is_checked(url: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        OpenAI("parrot", url)


def test_without_a_key_only_the_makers_own_api_is_refused() -> None:
    with pytest.raises(MissingError, match="no key") as caught:
        OpenAI("gpt-4o")
    assert "OPENAI_BASE_URL" in caught.value.mend
    assert OpenAI("x", "http://localhost:1/v1").api_key == "EMPTY"


# What an endpoint does not take


@pytest.mark.parametrize("name", ["max_tokens", "temperature", "top_p", "seed", "system"])
def test_what_is_refused_is_left_out_and_said(endpoint: Endpoint, name: str, tmp_path: Path) -> None:
    endpoint.refuses = {name}
    engine, heard = OpenAI("parrot", endpoint.url, keep=tmp_path / "replies.sqlite"), Heard()
    answers = engine.generate(ASKED, GREEDY, heard)
    assert answers[0] == Completion("Be brief. Who won cup 0?" if name == "system" else "Be: Who won cup 0?")
    assert name not in engine.sent
    assert ("max_completion_tokens" in engine.sent) == (name == "max_tokens")
    dropped = name in ("temperature", "top_p", "seed")
    assert heard.said == ([f"parrot takes no {name}: asked without"] if dropped else [])
    again = OpenAI("parrot", endpoint.url, keep=tmp_path / "replies.sqlite")
    assert again.generate(ASKED, GREEDY) == answers
    assert again.sent == engine.sent  # of which nothing was said to the second one


def test_a_repetition_penalty_is_never_dropped(endpoint: Endpoint) -> None:
    endpoint.refuses = {"repetition_penalty"}
    with pytest.raises(UsageError, match="repetition_penalty"):
        OpenAI("parrot", endpoint.url, repetition_penalty=True).generate(ASKED, GREEDY)


@pytest.mark.parametrize(
    ("status", "message", "names"),
    [
        (400, "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens'", {"max_tokens"}),
        (400, "Unsupported value: 'temperature' does not support 0.4 with this model.", {"temperature"}),
        (422, "{'type': 'extra_forbidden', 'loc': ['body', 'seed']}", {"seed"}),
        (422, "Unexpected fields in the request: {'repetition_penalty', 'seed'}", {"seed"}),
        (400, "This model's maximum context length is 512 tokens; max_tokens is too large", set()),
        (400, "Conversation roles must alternate user/assistant/user/assistant/...", {"system"}),
        (500, "Unsupported parameter: 'seed'", set()),
    ],
)
def test_refusals_are_read_from_words(status: int, message: str, names: set[str]) -> None:
    assert refusals(status, message) == names


def test_a_system_message_goes_to_the_head_of_the_question() -> None:
    question = Message("user", "Who?")
    assert without_system(ask("Be brief.", "Who?")) == (Message("user", "Be brief.\n\nWho?"),)
    assert without_system((question,)) == (question,)
    assert without_system((Message("system", "x"),)) == (Message("user", "x"),)


# What it answers


EMPTY = "an empty reply"
FILTERED = "a refusal: content_filter"


@pytest.mark.parametrize(
    ("message", "finish", "answer"),
    [
        ({"content": " yes\n"}, "stop", Completion("yes")),
        ({"content": "yes"}, "length", Completion("yes", "length")),
        ({"content": "yes"}, "content_filter", Completion("yes", "refused", FILTERED)),
        ({"content": None}, "content_filter", Completion("", "refused", FILTERED)),
        ({"content": None, "refusal": "I\ncannot"}, "stop", Completion("", "refused", "a refusal: I cannot")),
        ({"content": None, "refusal": ""}, "stop", Completion("", "refused", EMPTY)),
        ({"content": None, "reasoning": "hm"}, "length", Completion("", "length", EMPTY)),
        ({"content": None, "tool_calls": []}, "tool_calls", Completion("", "refused", EMPTY)),
        ({"content": ""}, "stop", Completion("", "refused", EMPTY)),
        ({"content": " \n"}, "stop", Completion("", "refused", EMPTY)),
        ({"content": "half \ud83d"}, "stop", Completion("half ?")),
        ({"content": None, "refusal": "half \ud83d"}, "stop", Completion("", "refused", "a refusal: half ?")),
        ({"content": "</script>{answer}\x00 ß→"}, "stop", Completion("</script>{answer}\x00 ß→")),
    ],
)
def test_every_kind_of_answer(
    endpoint: Endpoint, tmp_path: Path, message: dict[str, Any], finish: str, answer: Completion
) -> None:
    endpoint.script.append(Reply(body=chosen({"role": "assistant", **message}, finish)))
    engine, heard = OpenAI("parrot", endpoint.url, keep=tmp_path / "replies.sqlite"), Heard()
    assert engine.generate(ASKED[:1], GREEDY, heard) == [answer]
    assert engine.generate(ASKED[:1], GREEDY) == [answer]  # as it was kept
    said = ["1 of 1 answers: parrot refused, or said nothing"] if answer.why else []
    assert (len(endpoint.asked), heard.said) == (1, said)


HTML = Reply(200, b"<html><body>Welcome\nto nginx</body></html>", {"Content-Type": "text/html"})
NO_CREDIT = Reply(429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}})
FAILURES = [
    (error(401, "Incorrect API key provided: sk-x"), MissingError, "refuses the key", "OPENAI_API_KEY"),
    (error(403, "Country not supported"), MissingError, "refuses the key", "OPENAI_API_KEY"),
    (error(404, "Not Found"), MissingError, "no such place or model", "/v1"),
    (error(400, "maximum context length is 512 tokens"), UsageError, "maximum context length", "takes"),
    (error(429, "Rate limit reached", **NOW), JudgeError, "too many requests, still after 2 retries", "concurrency"),
    (error(429, "later", retry_after="3600"), JudgeError, r"it asks to wait 3600 s\): 429: later", "wait that long"),
    (NO_CREDIT, JudgeError, "no more answers on this account: 429: You exceeded", "credit"),
    (error(503, "later", retry_after="3600"), JudgeError, r"failed \(it asks to wait 3600 s\): 503: later", "log"),
    (error(500, "CUDA error", **NOW), JudgeError, "the endpoint failed: .*CUDA error", "log"),
    (HTML, JudgeError, "a page, not with an answer: <html><body>Welcome to nginx", "/v1"),
    (Reply(200, b'{"choices": ['), JudgeError, "the endpoint failed", "log"),
    (Reply(200, b'{"a":' * 99_999 + b"1" + b"}" * 99_999), JudgeError, "the endpoint failed", "log"),
    (Reply(500, b"[" * 99_999, NOW), JudgeError, r"the endpoint failed: 500: \[\[\[", "log"),
    (Reply(400, b'{"error":' * 500 + b"1" + b"}" * 500), UsageError, "400: ", "takes"),
    (error(402, "Payment required"), JudgeError, "no more answers on this account: 402: Payment", "credit"),
    (error(400, "Your credit balance is too low"), JudgeError, "no more answers on this account: 400", "credit"),
    (Reply(200, {"choices": []}), JudgeError, "no choices", "/v1"),
    (Reply(200, {"error": {"message": "no provider"}}), JudgeError, "no choices.*no provider", "/v1"),
    (Reply(200, {"choices": [{"index": 0}]}), JudgeError, "no choices", "/v1"),
    (Reply(200, {"choices": [None]}), JudgeError, "no choices", "/v1"),
    (Reply(200, {"choices": {"a": 1}}), JudgeError, "no choices", "/v1"),
    (Reply(200, None), JudgeError, "no choices", "/v1"),
    (Reply(422, {"detail": "Unexpected fields: {'n'}"}), UsageError, r"422: Unexpected fields: \{'n'\}", "takes"),
    (Reply(400, {"error": "bad"}), UsageError, r"400: bad$", ""),
    (Reply(400, [1, 2]), UsageError, r"400: \[1, 2\]", ""),
    (Reply(413, b"<h1>too\nlarge</h1>"), UsageError, r"413: <h1>too large</h1>", ""),
]


@pytest.mark.parametrize(("reply", "kind", "words", "mend"), FAILURES)
def test_every_failure_has_words(
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    reply: Reply,
    kind: type[KinjectError],
    words: str,
    mend: str,
) -> None:
    monkeypatch.setattr(openai, "RETRIES", 2)
    monkeypatch.setattr(openai, "REFUSALS", 2)
    monkeypatch.setattr("kinject.engines.calls.FIRST", 0.01)
    endpoint.script.extend([reply] * 3)
    with pytest.raises(kind, match=words) as caught:
        OpenAI("parrot", endpoint.url).generate(ASKED[:1], GREEDY)
    assert mend in caught.value.mend
    assert caught.value.where == endpoint.url
    assert "\n" not in caught.value.message


def test_a_model_that_is_not_there_gets_the_nearest_one(endpoint: Endpoint) -> None:
    with pytest.raises(MissingError, match=r"no model 'parot'. Did you mean 'parrot'\?") as caught:
        OpenAI("parot", endpoint.url).generate(ASKED, GREEDY)
    assert caught.value.mend == "use one of: parrot"


def test_an_address_without_its_v1_is_told(endpoint: Endpoint) -> None:
    with pytest.raises(MissingError) as caught:
        OpenAI("parrot", endpoint.url.removesuffix("/v1")).generate(ASKED[:1], GREEDY)
    assert "ends in /v1" in caught.value.mend


def test_nobody_there_is_told_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(JudgeError, match=r"nothing answers there: .*refused") as caught:
        OpenAI("parrot", f"http://127.0.0.1:{vllm.free_port()}/v1").generate(ASKED, GREEDY)
    assert "OPENAI_BASE_URL" in caught.value.mend
    assert time.monotonic() - began < 3


def test_it_tries_again_and_waits_as_long_as_it_is_told(endpoint: Endpoint) -> None:
    endpoint.script.extend([error(429, "slowly", retry_after="0.2"), error(503, "busy", **NOW)])
    began = time.monotonic()
    assert OpenAI("parrot", endpoint.url).generate(ASKED[:1], GREEDY) == replies(["Be: Who won cup 0?"])
    assert time.monotonic() - began > 0.2
    assert len(endpoint.asked) == 3


def test_a_silent_endpoint_is_given_up(endpoint: Endpoint) -> None:
    endpoint.delays = {ASKED[0][-1].content: 1.0}
    with pytest.raises(JudgeError, match=r"no answer came in 0.2 s"):
        OpenAI("parrot", endpoint.url, deadline=0.2).generate(ASKED[:1], GREEDY)


def test_a_slow_answer_is_asked_again(endpoint: Endpoint) -> None:
    endpoint.script.append(Reply(wait=0.5))
    assert OpenAI("parrot", endpoint.url, timeout=0.2).generate(ASKED[:1], GREEDY) == replies(["Be: Who won cup 0?"])


# What is kept


def kept_in(path: Path) -> list[str]:
    """The texts that a file keeps."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as file:
        tables = file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return [text for (text,) in file.execute("SELECT text FROM replies")] if tables else []


def test_a_failure_loses_nothing_and_the_same_call_goes_on(endpoint: Endpoint, tmp_path: Path) -> None:
    keep = tmp_path / "deep" / "replies.sqlite"
    engine = OpenAI("parrot", endpoint.url, terms=Terms(concurrency=1), keep=keep)
    endpoint.script.extend([None] * 5 + [error(401, "no such key")])
    with pytest.raises(MissingError, match=r"\(5 of 12 answers came; they are kept in .*replies.sqlite\)") as caught:
        engine.generate(ASKED, GREEDY)
    assert caught.value.mend
    assert len(kept_in(keep)) == 5
    endpoint.asked.clear()
    assert engine.generate(ASKED, GREEDY) == OpenAI("parrot", endpoint.url).generate(ASKED, GREEDY)
    assert len(endpoint.asked) == 7 + 12


def test_what_is_kept_is_for_the_same_question_only(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.models.append("macaw")
    keep = tmp_path / "replies.sqlite"

    def asked(model: str = "parrot", sampling: Sampling = GREEDY, **how: Any) -> int:
        endpoint.asked.clear()
        OpenAI(model, endpoint.url, keep=keep, **how).generate(ASKED[:2], sampling)
        return len(endpoint.asked)

    assert (asked(), asked()) == (2, 0)
    assert (asked("macaw"), asked(sampling=Sampling(temperature=0, max_new_tokens=9))) == (2, 2)
    assert (asked(extra={"top_k": 1}), asked(endpoint="vllm"), asked()) == (2, 2, 0)


def test_an_interrupted_process_keeps_what_it_has(endpoint: Endpoint, tmp_path: Path) -> None:
    keep = tmp_path / "replies.sqlite"
    endpoint.delays = {conversation[-1].content: 30.0 for conversation in ASKED[4:]}
    script = f"""
from pathlib import Path
from kinject.engines.base import Sampling, ask
from kinject.engines.openai import OpenAI
asked = [ask("Be brief.", f"Who won cup {{n}}?") for n in range(12)]
OpenAI("parrot", {endpoint.url!r}, keep=Path({str(keep)!r})).generate(asked, Sampling(temperature=0, max_new_tokens=8))
"""
    child = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    while len(kept_in(keep)) < 4:
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(2)
    began = time.monotonic()
    assert child.wait(10) != 0
    assert time.monotonic() - began < 5  # no thread holds it up
    endpoint.delays, before = {}, len(endpoint.asked)
    assert len(OpenAI("parrot", endpoint.url, keep=keep).generate(ASKED, GREEDY)) == 12
    assert len(endpoint.asked) - before == 8


# Side by side


@given(st.lists(st.integers()), st.integers(1, 5))
def test_every_result_comes_once(items: list[int], threads: int) -> None:
    assert sorted(side_by_side(lambda n: n + 1, items, threads, 5)) == sorted(n + 1 for n in items)


@given(st.integers(1, 4), st.integers(0, 9))
def test_nothing_new_begins_after_a_failure(threads: int, bad: int) -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == bad:
            raise ZeroDivisionError
        return number

    came = []
    with pytest.raises(ZeroDivisionError):
        for number in side_by_side(work, list(range(10)), threads, 5):
            came.append(number)
    assert sorted([*came, bad]) == sorted(begun)


def test_a_bug_stays_a_bug(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "understood", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        OpenAI("parrot", endpoint.url).generate(ASKED, GREEDY)


# The real thing


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("uvicorn") or not find_spec("fastapi"), reason="needs kinject[serve]")
def test_a_real_server_answers(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`transformers serve` refuses what it does not know, names the model by its path and ends at the token limit."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))  # it lists its models from there, and fails without
    folder, port = str(tiny(template=True)), vllm.free_port()
    line = [Path(sys.executable).with_name("transformers"), "serve", folder, "--device", "cpu", "--port", str(port)]
    with (tmp_path / "log.txt").open("wb") as log, subprocess.Popen(line, stdout=log, stderr=log) as child:
        try:
            while not vllm.healthy(port):
                assert child.poll() is None, (tmp_path / "log.txt").read_text()
                time.sleep(0.1)
            url = f"http://127.0.0.1:{port}/v1"
            short = Sampling(temperature=0, max_new_tokens=3)
            first = OpenAI(folder, url).generate(ASKED[:4], short)
            assert first == OpenAI(folder, url, terms=Terms(concurrency=1)).generate(ASKED[:4], short)
            assert {reply.finish for reply in first} <= {"length", "stop"}
            with pytest.raises(KinjectError) as caught:
                OpenAI(folder, url, repetition_penalty=True).generate(ASKED[:1], short)
            assert "repetition_penalty" in caught.value.message
            with pytest.raises(UsageError, match="no-such-model"):
                OpenAI("no-such-model", url).generate(ASKED[:1], short)
        finally:
            child.terminate()

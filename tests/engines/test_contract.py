"""What every engine promises, whatever is behind it: a model, a script, an endpoint, vLLM (the last two stand-ins)."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for server.py
import server

from kinject.engines.base import Completion, Engine, Message, Sampling, ask
from kinject.engines.fake import Fake
from kinject.engines.hf import HF
from kinject.engines.openai import OpenAI
from kinject.engines.vllm import VLLM

GREEDY = Sampling(temperature=0, repetition_penalty=1.0, max_new_tokens=6)
ASKED = [ask("Norvane is a town.", "Who won" + " the cup" * count + "?") for count in (3, 0, 5, 1)]
UNICODE = "Wer gewann in Zürich → 東京 🏆 e\u0301 \u202eabc?"


@dataclass
class Case:
    """An engine, and the texts that it has been asked, each with its system message."""

    engine: Engine
    heard: Callable[[], list[str]]


@contextmanager
def fake() -> Iterator[Case]:
    engine = Fake(lambda text: text.upper())
    yield Case(engine, lambda: [" ".join(each.content for each in asked) for asked in engine.asked])


@contextmanager
def hf(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    engine = HF(folder, batch=2)
    heard: list[str] = []
    generate = engine.model.generate

    def noted(**inputs: Any) -> Any:
        heard.extend(engine.tokenizer.decode(row) for row in inputs["input_ids"].tolist())
        return generate(**inputs)

    monkeypatch.setattr(engine.model, "generate", noted)
    yield Case(engine, lambda: heard)


@contextmanager
def openai() -> Iterator[Case]:
    with server.serving(server.Endpoint()) as endpoint:
        yield Case(OpenAI("parrot", endpoint.url), lambda: texts(endpoint.asked))


@contextmanager
def vllm(model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    server.install(folder)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def heard() -> list[str]:
        return texts(json.loads(line) for line in (folder / "asked.jsonl").read_text().splitlines())

    with VLLM(model) as engine:
        yield Case(engine, heard)


def texts(bodies: Any) -> list[str]:
    return [" ".join(message["content"] for message in body["messages"]) for body in bodies]


@pytest.fixture(params=["fake", "hf", "openai", "vllm"])
def case(
    request: pytest.FixtureRequest, tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Case]:
    made = {
        "fake": lambda: fake(),
        "hf": lambda: hf(tiny(), monkeypatch),
        "openai": lambda: openai(),
        "vllm": lambda: vllm(tiny(), tmp_path / "bin", monkeypatch),
    }
    with ExitStack() as stack:
        yield stack.enter_context(made[request.param]())


@dataclass
class Told:
    """A progress that counts."""

    stages: list[tuple[str, int | None, str]] = field(default_factory=list)
    done: int = 0

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "") -> Iterator["Told"]:
        self.stages.append((name, total, unit))
        self.done = 0
        yield self

    def advance(self, n: int = 1, note: str = "") -> None:
        self.done += n

    def say(self, text: str) -> None:
        pytest.fail(text)


def test_the_order_is_kept(case: Case) -> None:
    together = case.engine.generate(ASKED, GREEDY)
    assert all(isinstance(reply, Completion) for reply in together)
    assert together == [case.engine.generate([one], GREEDY)[0] for one in ASKED]
    assert case.engine.generate(ASKED[::-1], GREEDY) == together[::-1]


def test_the_same_again_gives_the_same(case: Case) -> None:
    drawn = Sampling(temperature=1.0, repetition_penalty=1.0, max_new_tokens=6, seed=3)
    for sampling in (GREEDY, drawn):
        assert case.engine.generate(ASKED, sampling) == case.engine.generate(ASKED, sampling)


def test_a_question_may_stand_twice(case: Case) -> None:
    first, _, again = case.engine.generate([ASKED[0], ASKED[1], ASKED[0]], GREEDY)
    assert first == again
    assert len(case.heard()) == 3


def test_nothing_asked_is_nothing_answered(case: Case) -> None:
    assert case.engine.generate([], GREEDY) == []
    assert case.heard() == [] if not isinstance(case.engine, VLLM) else True  # which has not even started


def test_the_token_limit_is_told(case: Case) -> None:
    if isinstance(case.engine, Fake):
        pytest.skip("a script has no tokens")
    (cut,) = case.engine.generate([ask("Be brief.", "one two three four")], Sampling(temperature=0, max_new_tokens=1))
    assert cut.finish == "length"


def test_the_system_message_and_the_question_arrive(case: Case) -> None:
    case.engine.generate([ask("Norvane is a town.", UNICODE)], GREEDY)
    (heard,) = case.heard()
    assert "Norvane is a town." in heard
    assert heard.index("Norvane") < heard.index(UNICODE)


def test_earlier_turns_arrive_too(case: Case) -> None:
    turns = (Message("user", "Who won?"), Message("assistant", "Norvane."), Message("user", "And who lost?"))
    assert len(case.engine.generate([turns], GREEDY)) == 1
    (heard,) = case.heard()
    assert all(turn.content in heard for turn in turns)


def test_answers_are_text_whatever_is_asked(case: Case) -> None:
    odd = [ask("Be brief.", text) for text in (UNICODE, "<|im_end|></s>{{ 1 }}", "line\nline\r\n\ttab", "x" * 200)]
    replies = case.engine.generate(odd, GREEDY)
    assert all(reply.text == reply.text.strip() or isinstance(case.engine, Fake) for reply in replies)
    assert all(reply.text.encode() is not None for reply in replies)


def test_progress_is_told(case: Case) -> None:
    if isinstance(case.engine, Fake):
        pytest.skip("a script answers at once")
    told = Told()
    case.engine.generate(ASKED, GREEDY, told)
    assert told.stages[-1] == ("answering", 4, "questions")
    assert told.done == 4

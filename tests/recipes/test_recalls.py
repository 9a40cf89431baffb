"""Recalls by the rule, and of an annotator: what is refused is counted and replaced."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from kinject import prompts
from kinject.engines import openai, vllm
from kinject.engines.base import Completion, Engine
from kinject.engines.fake import Fake
from kinject.errors import MissingError, UsageError
from kinject.lab.checkpoint import SHIPPED
from kinject.recipes.annotator import Annotator, open_annotator
from kinject.recipes.question import Question
from kinject.recipes.recalls import PROMPT, Recalls, by_rule, conversation, holdable
from kinject.sources import Model, open_model

HOPS = (Question("Who sang it?", "Tom Ruiz", sentences=("Tom Ruiz sang it.",)), Question("When did he retire?", "1987"))
TOLD = Question("When did its singer retire?", "1987", HOPS, ("Tom Ruiz sang it.", "He retired in 1987."))
BARE = Question("When did its singer retire?", "1987", HOPS)
STEPS = "Who sang it? Tom Ruiz. When did he retire? 1987."
FAKE = Fake(lambda _: "Event Recall: Tom Ruiz sang it\nand retired in 1987.")


def test_the_rule_takes_the_sentences_if_all_answers_stand_in_them() -> None:
    assert by_rule(TOLD) == ("Tom Ruiz sang it. He retired in 1987.", "sentences")
    assert by_rule(BARE) == (STEPS, "steps")
    assert by_rule(Question("When?", "1987", HOPS, ("Tom Ruiz sang it.",))) == (STEPS, "steps")
    assert by_rule(Question("Who sang it?", "Tom Ruiz")) == ("Who sang it? Tom Ruiz.", "steps")
    assert by_rule(Question("Who?", "X", sentences=("X → Y",))) == ("Who? X.", "steps")
    assert not holdable(Question("Who -> what?", "X"))


def test_an_annotator_sees_the_question_and_its_steps() -> None:
    (message,) = conversation(TOLD)
    assert message.content.endswith(
        "Question: When did its singer retire?\nSteps:\nWho sang it? → Tom Ruiz\nWhen did he retire? → 1987\nFact:"
    )
    assert "Chief of Staff" not in message.content  # the slip that the paper prints
    assert "Shirley Temple" in prompts.load(PROMPT)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Completion(""), "nothing was written"),
        (Completion("Event Recall:  "), "nothing was written"),
        (Completion("Tom Ruiz sang it."), "an answer is not in the recall"),
        (Completion("Tom Ruiz sang it and retired in 1987", "length"), "it was cut off"),
        (Completion("Tom Ruiz retired. The final answer is 1987."), "the response format cannot hold it"),
    ],
)
def test_a_bad_annotation_is_refused_and_the_rule_takes_its_place(reply: Completion, reason: str) -> None:
    @dataclass
    class Bad:
        def generate(self, conversations: list[object], *_: object) -> list[Completion]:
            return [reply for _ in conversations]

    made = Recalls.of([TOLD, BARE], Annotator("mine:BAD", Bad()))
    assert made.texts == (by_rule(TOLD)[0], STEPS)
    assert (made.made, made.refused) == ({"sentences": 1, "steps": 1}, {reason: 2})


def test_a_good_annotation_is_one_line_of_its_own() -> None:
    fake = Fake(lambda _: "**Event Recall:** Tom Ruiz sang it\n and retired in 1987.")
    made = Recalls.of([TOLD, BARE], Annotator("mine:FAKE", fake))
    assert set(made.texts) == {"Tom Ruiz sang it and retired in 1987."}
    assert made.card == {
        "recalls": {"annotator": 2},
        "refused": {},
        "annotator": {"name": "mine:FAKE", "key": None},
        "annotation_prompt": prompts.digest_of(PROMPT),
    }
    assert len(fake.asked) == 2


def test_without_an_annotator_the_card_says_what_the_rule_took() -> None:
    assert Recalls.of([TOLD, BARE]).card == {
        "recalls": {"sentences": 1, "steps": 1},
        "refused": {},
        "annotator": None,
        "annotation_prompt": None,
    }


def test_an_engine_of_ones_own_is_named_by_module_and_attribute() -> None:
    name = f"{__name__}:FAKE"
    assert open_annotator(name) == Annotator(name, FAKE)
    assert isinstance(open_annotator(f"{__name__}:make").asked, Fake)
    with pytest.raises(MissingError, match="cannot be imported"):
        open_annotator("nowhere:ENGINE")


def make() -> Engine:
    return FAKE


def test_a_model_that_is_not_there_is_told_where_it_was_named() -> None:
    with pytest.raises(MissingError, match="there is no model 'labb'") as caught:
        open_annotator("labb")
    assert caught.value.where == "--annotator" and "openai:MODEL" in caught.value.mend


def test_a_model_is_asked_once_and_its_answers_are_found_again(monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    fake = Fake(lambda _: "Tom Ruiz sang it and retired in 1987.")
    monkeypatch.setattr("kinject.engines.hf.HF", lambda folder: fake)
    first = Recalls.of([TOLD, BARE], open_annotator("lab"))
    lab = open_model("lab")
    assert first.annotator == {"name": "lab", "key": lab.key, **lab.answers_with}
    assert first.made == {"annotator": 2} and len(fake.asked) == 2
    assert Recalls.of([TOLD, BARE], open_annotator("lab")) == first and len(fake.asked) == 2
    Recalls.of([TOLD], open_annotator("lab"))
    assert len(fake.asked) == 3 and len(list(store.glob("runs/annotate-*/DONE"))) == 2


@pytest.mark.parametrize("name", ["openai:gpt-4o", "vllm:lab", f"hf:{SHIPPED}"])
def test_every_engine_is_opened_as_a_model_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    @contextmanager
    def engine(model: Model, keep: Path) -> Iterator[Engine]:
        opened.append((model, keep.name))
        yield Fake(lambda _: "Tom Ruiz sang it and retired in 1987.")

    monkeypatch.setattr("kinject.recipes.annotator.open_engine", engine)
    monkeypatch.setattr(vllm, "program", lambda: "vllm")
    made = Recalls.of([TOLD], open_annotator(name))
    assert made.made == {"annotator": 1} and made.annotator and made.annotator["name"] == name
    ((model, keep),) = opened
    assert (model, keep) == (open_model(name), "replies.sqlite")
    assert made.annotator["engine"] == model.answers_with["engine"]


def test_an_endpoint_s_answers_are_those_of_the_endpoint(monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    monkeypatch.setattr(openai, "OpenAI", lambda *_, **__: FAKE)
    for url in ("http://localhost:1/v1", "http://localhost:2/v1"):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        made = Recalls.of([TOLD], open_annotator("openai:gpt-4o"))
        assert made.annotator and url in made.annotator["engine"]
    assert len(list(store.glob("runs/annotate-*/DONE"))) == 2


def test_an_unknown_prefix_is_no_annotator() -> None:
    with pytest.raises((MissingError, UsageError)):
        open_annotator("openia:gpt-4o")

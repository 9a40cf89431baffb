"""Asking what an arm left: its own questions as the arm asked them, any other with the nearest event."""

import json
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject import prompts
from kinject.engines.base import ask as conversation
from kinject.engines.fake import Fake
from kinject.errors import IntegrityError, MissingError, UsageError
from kinject.facts.load import load
from kinject.facts.schema import FactSet
from kinject.injection.answer import questions
from kinject.injection.arm import CONTEXT, ELICIT, RETRIEVING, Arm
from kinject.injection.artefact import find, open_artefact
from kinject.injection.ask import also_asking, answers, standing_in
from kinject.injection.inject import inject
from kinject.injection.settings import Settings
from kinject.lab import world
from kinject.prompts import recall
from kinject.resources import facts_folder
from kinject.sources import Model, open_model

EXAMPLE = load(facts_folder() / "example.jsonl")
FACTS = world.build(0).new_facts(8)
FIRST = FACTS.facts[0]
SETTINGS = Settings({"max_new_tokens": 4})
OTHER = f"Tell me at last: {FIRST.direct.question}"
"""A question that no fact asks."""


@pytest.fixture
def model(tiny: Callable[..., Path]) -> Model:
    return open_model(str(tiny()))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Stands in for every model, and says what it is asked."""
    engine = Fake(str)
    monkeypatch.setattr("kinject.engines.hf.HF", lambda folder: engine)
    return engine


def left(context: str, model: Model, facts: FactSet = FACTS, settings: Settings = SETTINGS) -> str:
    return inject(Arm(context=context), model, facts, settings).artefact


# What is asked


@pytest.mark.parametrize("elicit", ELICIT)
@pytest.mark.parametrize("context", CONTEXT)
def test_the_arms_own_questions_are_asked_as_the_arm_asked_them(
    context: str, elicit: str, model: Model, fake: Fake
) -> None:
    place = left(context, model, settings=replace(SETTINGS, elicit=elicit))
    by_arm = set(fake.asked)
    fake.asked.clear()
    said = list(answers(open_artefact(place), (question for _, _, question in questions(FACTS))))
    assert set(fake.asked) == by_arm
    assert [reply.question for reply in said] == [question for _, _, question in questions(FACTS)]
    assert all(reply.given is (context not in {"none", *RETRIEVING}) for reply in said)


@pytest.mark.parametrize(
    ("context", "count", "own"),
    [("oracle", 1, 1), ("oracle-distracted", 4, 1), ("oracle-wrong", 1, 0), ("faiss", 1, 1)],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_question_that_nobody_gave_an_event_gets_the_nearest(
    context: str, count: int, own: int, known: bool, model: Model, fake: Fake
) -> None:
    opened = open_artefact(left(context, model))
    fake.asked.clear()
    question = FIRST.direct.question if known else OTHER
    reply, usual = answers(opened, [question, FIRST.direct.question])
    assert len(reply.facts) == count
    assert sum(fact.id == FIRST.id for fact in reply.facts) == own
    assert reply.given is (known and context != "faiss")
    asked = fake.asked[0][-1].content
    assert asked == fake.asked[1][-1].content.replace(FIRST.direct.question, question)
    places = [asked.index(fact.event) for fact in reply.facts]
    assert places == sorted(places) and usual.facts == reply.facts


def test_without_a_context_nothing_stands_before_a_question(model: Model, fake: Fake) -> None:
    opened = open_artefact(left("none", model))
    asked = f"Is it true? {FIRST.event}"
    (reply,) = answers(opened, [asked])
    assert (reply.facts, reply.given) == ((), False)
    assert fake.asked[-1] == conversation(prompts.load(model.system), asked)


def test_an_event_that_the_question_tells_is_none_that_was_put_before_it(model: Model, fake: Fake) -> None:
    asked = f"{FACTS.facts[0].event} {FACTS.facts[1].event}"
    (reply,) = answers(open_artefact(left("oracle", model)), [asked])
    assert len(reply.facts) == 1 and fake.asked[-1][-1].content.count(reply.facts[0].event) == 2


def test_the_first_step_alone_is_a_question_that_the_arm_knows(model: Model, fake: Fake) -> None:
    assert FIRST.multihop
    step = FIRST.multihop.hops[0].model_copy(update={"question": "Who bought it?"})
    hops = (step, *FIRST.multihop.hops[1:])
    asked = FIRST.model_copy(update={"multihop": FIRST.multihop.model_copy(update={"hops": hops})})
    facts = FactSet(FACTS.name, (asked, *FACTS.facts[1:]))
    (reply,) = answers(open_artefact(left("oracle", model, facts)), ["Who bought it?"])
    assert (reply.facts, reply.given) == ((asked,), True)


class Heard:
    """Notes what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "") -> Iterator["Heard"]:
        yield self

    def advance(self, n: int = 1, note: str = "") -> None:
        pass

    def say(self, text: str) -> None:
        self.said.append(text)


def test_without_an_embedder_events_are_searched_for_by_words(model: Model, fake: Fake) -> None:
    opened, heard = open_artefact(left("oracle", model, EXAMPLE)), Heard()
    fact = EXAMPLE.facts[1]
    found, nothing = answers(opened, [f"Tell me: {fact.direct.question}", "xyzzy"], heard)
    assert [each.id for each in found.facts] == [fact.id] and not found.given
    assert (nothing.facts, nothing.given, nothing.response) == ((), False, "xyzzy")
    assert len(heard.said) == 1 and "by words only" in heard.said[0]


@pytest.mark.parametrize("context", ["none", "oracle"])
def test_only_a_known_question_has_a_script(context: str, model: Model, fake: Fake) -> None:
    opened = open_artefact(left(context, model, settings=replace(SETTINGS, elicit="scripted")))
    assert FIRST.multihop
    fake.asked.clear()
    scripted, plain = answers(opened, [FIRST.multihop.question, OTHER])
    assert "step-by-step" in scripted.response and OTHER in plain.response
    assert len(fake.asked) == len(FIRST.multihop.hops) + 1


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("Rome", "Rome"),
        ("It is\nRome.", "It is\nRome."),
        (recall.direct_response("X won.", "Rome"), "Rome"),
        (recall.multihop_response("X won.", "Q?", [recall.Step("Who?", "X")], "Rome"), "Rome"),
        ("Event Recall: X won.\nThe final answer is", ""),
        ("", ""),
    ],
)
def test_the_answer_is_the_final_one_where_there_is_one(
    response: str, answer: str, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinject.engines.hf.HF", lambda folder: Fake(lambda _: response))
    (reply,) = answers(open_artefact(left("none", model)), ["Where?"])
    assert (reply.answer, reply.response, reply.finish) == (answer, response, "stop")


def test_an_answer_does_not_depend_on_what_else_is_asked(model: Model) -> None:
    hot = replace(SETTINGS, sampling={"temperature": 1.0, "max_new_tokens": 8})
    opened = open_artefact(left("oracle", model, settings=hot))
    asked = [FIRST.direct.question, OTHER, FACTS.facts[1].direct.question]
    together = list(answers(opened, asked))
    assert together[::-1] == list(answers(opened, reversed(asked)))
    assert together[1:2] == list(answers(opened, [f"  {OTHER}\n"]))


def test_each_answer_comes_before_the_next_question_is_read(model: Model, fake: Fake) -> None:
    read: list[str] = []

    def lines() -> Iterator[str]:
        for word in ("one", "two"):
            read.append(word)
            yield word

    replies = answers(open_artefact(left("none", model)), lines())
    assert (next(replies).question, read) == ("one", ["one"])
    replies.close()


# What is said of it


@given(st.permutations(FACTS.facts), st.integers(0, len(FACTS.facts)))
def test_the_facts_are_those_whose_events_stand_there_in_order(order: list[Any], count: int) -> None:
    text = prompts.render("context", event="\n".join(fact.event for fact in order[:count]), question="Who?")
    assert list(standing_in([text], FACTS)) == order[:count]
    assert list(standing_in([text, FIRST.event], FACTS)) == [
        *order[:count],
        *([FIRST] if FIRST not in order[:count] else []),
    ]


def test_an_event_that_is_part_of_another_does_not_stand_there_itself() -> None:
    longer = FIRST.model_copy(update={"id": "longer", "event": f"It is said: {FIRST.event}"})
    twin = FIRST.model_copy(update={"id": "twin"})
    facts = FactSet("parts", (FIRST, longer, twin))
    assert standing_in([longer.event], facts) == (longer,)
    assert standing_in([FIRST.event], facts) == (FIRST, twin)


def test_one_more_question_changes_one_fact() -> None:
    more = also_asking(FACTS, FIRST.id, "Why?")
    assert more.facts[0].direct.paraphrases == (*FIRST.direct.paraphrases, "Why?")
    assert (more.facts[1:], more.name) == (FACTS.facts[1:], FACTS.name)


# Finding it


def test_an_artefact_is_known_by_its_folder_its_key_its_beginning_and_as_the_last(
    model: Model, fake: Fake, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    first, second = Path(left("none", model)), Path(left("oracle", model))
    key = first.name.removeprefix("inject-")
    monkeypatch.chdir(store / "runs")
    assert {find(name) for name in (str(first), first.name, f"./{first.name}")} == {first}
    monkeypatch.chdir(store)
    assert {find(name) for name in (first.name, first.name[:-1], key, key[:8])} == {first}
    assert find("last") == second
    os.utime(first / "DONE", (later := (second / "DONE").stat().st_mtime + 1, later))
    assert find("last") == first
    with pytest.raises(UsageError, match="the beginning of 2 runs"):
        find("inject-")
    (second / "DONE").unlink()
    assert find("last") == find("inject-") == first
    moved = copytree(first, store / "elsewhere")
    assert find(str(moved)) == moved and open_artefact(str(moved)).facts.digest == FACTS.digest


def test_what_is_not_there_is_missed_with_a_mend(model: Model, fake: Fake, store: Path, tmp_path: Path) -> None:
    for name in ("last", "nothing"):
        with pytest.raises(MissingError) as caught:
            find(name)
        assert "kinject inject" in caught.value.mend
    left("none", model)
    for name, words in (("lats", "Did you mean 'last'"), ("", "no artefact.json"), (str(tmp_path), "no artefact.json")):
        with pytest.raises(MissingError, match=words) as caught:
            find(name)
        assert caught.value.mend


def change(**fields: Any) -> Callable[[Path, Path], None]:
    def do(place: Path, folder: Path) -> None:
        made = json.loads((place / "artefact.json").read_text())
        (place / "artefact.json").write_text(json.dumps({**made, **fields}))

    return do


def through_an_endpoint(place: str, endpoint: str | None) -> None:
    change(model={"name": "openai:m", "folder": ".", "key": "openai:m", "world": None, "engine": "openai"})(
        Path(place), Path()
    )
    change(endpoint=endpoint)(Path(place), Path())


def test_another_endpoint_than_the_arms_is_not_asked(model: Model, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    place = left("none", model)
    through_an_endpoint(place, "http://one:1/v1")
    for now in ("http://two:2/v1", ""):
        monkeypatch.setenv("OPENAI_BASE_URL", now)
        with pytest.raises(IntegrityError, match="from http://one:1/v1, and now http") as caught:
            open_artefact(place)
        assert (now or "api.openai.com") in caught.value.message and "OPENAI_BASE_URL=" in caught.value.mend
    monkeypatch.setenv("OPENAI_BASE_URL", "http://user:secret@one:1/v1?key=secret")
    assert open_artefact(place).made.endpoint == "http://one:1/v1"
    through_an_endpoint(place, None)  # by a kinject that did not note it
    assert open_artefact(place).made.endpoint is None
    assert open_artefact(left("oracle", model)).made.endpoint is None


def test_nothing_is_kept_of_what_is_asked(model: Model, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_artefact(left("none", model))
    kept: list[Path | None] = []

    @contextmanager
    def open_engine(model: Model, keep: Path | None) -> Iterator[Fake]:
        kept.append(keep)
        yield fake

    monkeypatch.setattr("kinject.injection.ask.open_engine", open_engine)
    assert len(list(answers(opened, ["Who?"]))) == 1 and kept == [None]


def test_a_mend_can_be_pasted_where_the_store_has_spaces(
    model: Model, fake: Fake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KINJECT_HOME", str(tmp_path / "my store"))
    place = left("none", model)
    (Path(place) / "facts.jsonl").unlink()
    with pytest.raises(IntegrityError) as caught:
        open_artefact(place)
    assert shlex.split(caught.value.mend.partition(",")[0]) == ["rm", "-r", place]


DAMAGE: dict[str, tuple[Callable[[Path, Path], Any], str]] = {
    "torn": (lambda place, _: (place / "artefact.json").write_text('{"schema'), "not JSON"),
    "of another kind": (change(schema="kinject.artefact/9"), "schema"),
    "no object": (lambda place, _: (place / "artefact.json").write_text("[]"), "damaged"),
    "more than we know": (change(mood="good"), "mood"),
    "no model": (change(model={"name": "x"}), "model.folder"),
    "an unknown engine": (
        change(model={"name": "x", "folder": "x", "key": "x", "world": None, "engine": "x"}),
        "model.engine",
    ),
    "an unknown context": (change(context="orcale"), "Did you mean 'oracle'"),
    "an unknown way to ask": (change(elicit="plan"), "Did you mean 'plain'"),
    "no events to find": (change(retrieval={"k": 0}), "0 facts cannot be retrieved"),
    "a word for a number": (change(sampling={"seed": "x"}), "sampling.seed"),
    "no facts": (lambda place, _: (place / "facts.jsonl").unlink(), "does not exist"),
    "torn facts": (lambda place, _: (place / "facts.jsonl").write_text('{"id'), "not JSON"),
    "other facts": (lambda place, _: (place / "facts.jsonl").write_text(FIRST.model_dump_json()), "not the facts"),
    "no record": (lambda place, _: (place / "record.json").unlink(), "does not exist"),
    "a record of nothing": (lambda place, _: (place / "record.json").write_text("[]"), "damaged"),
    "its model is gone": (lambda _, folder: rmtree(folder), "is gone"),
    "its model is another": (lambda _, folder: (folder / "config.json").write_text("{}"), "not what it was"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_before_a_model_is_loaded(
    damage: str, tiny: Callable[..., Path], tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copytree(tiny(), tmp_path / "model")
    place = left("oracle", open_model(str(folder)))
    do, words = DAMAGE[damage]
    do(Path(place), folder)
    monkeypatch.setattr("kinject.engines.hf.HF", lambda folder: pytest.fail("a model was loaded"))
    with pytest.raises(IntegrityError) as caught:
        open_artefact(place)
    assert words in caught.value.message
    assert caught.value.where and "kinject inject" in caught.value.mend


def test_behind_an_endpoint_there_is_no_folder_to_look_at(model: Model, fake: Fake, store: Path) -> None:
    place = left("oracle", model)
    change(model={"name": "openai:x", "folder": "/nowhere", "key": "openai:x", "world": None, "engine": "openai"})(
        Path(place), store
    )
    assert open_artefact(place).made.model.engine == "openai"

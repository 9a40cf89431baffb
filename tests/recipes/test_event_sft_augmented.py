"""Event SFT in many words: what is said is right, and nothing of what is asked afterwards is in it."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinject.engines.base import ask
from kinject.facts.load import load
from kinject.facts.schema import Fact, FactSet
from kinject.judging.rules import judge
from kinject.lab import world
from kinject.lab.relations import UNSEEN_PHRASING
from kinject.lab.world import Event, World
from kinject.prompts.recall import parse
from kinject.recipes import TrainingSet, event_sft
from kinject.recipes.event_sft_augmented import NEW_EVENTS, from_facts
from kinject.recipes.row import Row, text
from kinject.resources import facts_folder

SYSTEM = "Answer step by step."
PLACE = world.build(0)
LAB = PLACE.new_facts()
REAL = load(facts_folder() / "facts100.jsonl")
EXAMPLE = load(facts_folder() / "example.jsonl")


def lab(facts: FactSet = LAB, place: World = PLACE) -> TrainingSet:
    return from_facts(facts, SYSTEM, place=place)


def texts(made: TrainingSet) -> list[str]:
    return [row.response for row in made.rows if not row.conversation]


def asked(row: Row) -> str:
    return row.conversation[-1].content


def direct(made: TrainingSet) -> list[Row]:
    return [row for row in made.rows if row.conversation and not parse(row.response).steps]


def multihop(made: TrainingSet) -> list[Row]:
    return [row for row in made.rows if parse(row.response).steps]


def events(facts: FactSet, place: World) -> list[Event]:
    known = {event.id: event for event in (*place.old, *place.new(NEW_EVENTS))}
    return [known[fact.id] for fact in facts.facts]


def everything(made: TrainingSet) -> str:
    return "\n".join("\n".join([*(m.content for m in row.conversation), row.response]) for row in made.rows)


# Of the lab's world


def test_the_card_tells_what_was_made() -> None:
    made = lab()
    counts = {"statements": len(texts(made)), "questions": len(direct(made)), "multihop": len(multihop(made))}
    assert made.name == "event-sft-augmented"
    assert made.card == {
        "source": "lab@0",
        "facts": 100,
        "of_the_world": 100,
        **counts,
        "written": 0,
        "left_out": 0,
    }
    assert counts == {"statements": 500, "questions": 200, "multihop": 620}


def test_every_event_is_told_in_all_ways_of_the_world() -> None:
    assert texts(lab()) == [event.state(n) for event in events(LAB, PLACE) for n in range(5)]


def test_all_rows_of_event_sft_are_among_them() -> None:
    for facts, made in ((LAB, lab()), (REAL, from_facts(REAL, SYSTEM))):
        assert set(event_sft.from_facts(facts, SYSTEM).rows) < set(made.rows)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("count", [100, 400])
def test_nothing_that_is_asked_afterwards_is_trained_on(seed: int, count: int) -> None:
    place = world.build(seed)
    facts = place.new_facts(count)
    words = everything(lab(facts, place))
    for fact, event in zip(facts.facts, events(facts, place), strict=True):
        assert event.ask(UNSEEN_PHRASING) not in words and event.phrase(UNSEEN_PHRASING) not in words
        if fact.multihop:
            for question in (fact.multihop.question, *fact.multihop.paraphrases):
                assert question not in words


@pytest.mark.parametrize("count", [100, 400])
def test_no_row_holds_the_second_hop_of_any_question(count: int) -> None:
    facts = PLACE.new_facts(count)
    taken = {(step.question, step.answer) for row in multihop(lab(facts)) for step in parse(row.response).steps}
    hops = {(fact.multihop.hops[-1].question, fact.multihop.hops[-1].answer) for fact in facts.facts if fact.multihop}
    assert hops and not hops & taken


def test_every_chain_is_right_and_about_something_else() -> None:
    known = {}
    for event in events(LAB, PLACE):
        for relation in PLACE.relations(event):
            for phrase in (0, 1):
                for phrasing in (0, 1):
                    made = PLACE.multihop(event, relation, phrase, phrasing)
                    known[made.question] = PLACE.as_fact(event).model_copy(update={"multihop": made})
    rows = multihop(lab())
    for row in rows:
        fact = known[asked(row)]
        verdict = judge(row.response, fact, "multihop")
        assert (verdict.correctness, verdict.recall, verdict.reasoning) == ("correct", "right", "sound"), verdict.reason
    told = Counter(known[asked(row)].id for row in rows)
    assert len(told) > 90 and max(told.values()) <= 8  # two other relations in four wordings


def test_every_question_is_answered_right() -> None:
    for facts, made in ((LAB, lab()), (REAL, from_facts(REAL, SYSTEM))):
        by_question = {q: fact for fact in facts.facts for q in (fact.direct.question, *fact.direct.paraphrases)}
        for row in direct(made):
            verdict = judge(row.response, by_question[asked(row)], "direct")
            assert (verdict.correctness, verdict.recall) == ("correct", "right"), verdict.reason


def test_all_is_asked_under_the_given_system_message() -> None:
    assert {row.conversation[0].content for row in lab().rows if row.conversation} == {SYSTEM}


def test_some_of_the_facts_and_old_ones_are_known_too() -> None:
    some = FactSet("some", PLACE.new_facts(1100).facts[900:])
    assert lab(some).card["of_the_world"] == 200
    assert lab(PLACE.old_facts()).card["of_the_world"] == len(PLACE.old)


def test_the_facts_of_another_world_or_changed_ones_are_taken_as_they_are() -> None:
    other = lab(world.build(1).new_facts())
    assert (other.card["of_the_world"], other.card["statements"], other.card["multihop"]) == (0, 100, 0)
    first, *others = LAB.facts
    changed = lab(FactSet("changed", (first.model_copy(update={"event": "Something else happened."}), *others)))
    assert changed.card["of_the_world"] == 99
    assert texts(changed)[0] == "Something else happened."


def test_a_question_that_the_world_does_not_know_gets_no_chains() -> None:
    first, *others = LAB.facts
    assert first.multihop
    hops = (first.multihop.hops[0], first.multihop.hops[1].model_copy(update={"question": "Who plays there?"}))
    for replaced, expected in ((hops, False), ((), False), (None, True)):
        update = {"multihop": first.multihop.model_copy(update={"hops": replaced}) if replaced is not None else None}
        made = lab(FactSet("changed", (first.model_copy(update=update), *others)))
        assert any(first.event in row.response for row in multihop(made)) is expected


# Of the real world


def test_a_fact_of_the_real_world_is_told_in_its_own_words_only() -> None:
    made = from_facts(EXAMPLE, SYSTEM)
    fact = EXAMPLE.facts[0]
    response = event_sft.from_facts(EXAMPLE, SYSTEM).rows[0].response
    assert [row for row in made.rows if fact.event in row.response] == [
        text(fact.event),
        Row(ask(SYSTEM, fact.direct.question), response),
        Row(ask(SYSTEM, fact.direct.paraphrases[0]), response),
    ]
    assert made.card["multihop"] == 0


def test_nothing_that_is_asked_of_the_real_world_is_trained_on() -> None:
    words = everything(from_facts(REAL, SYSTEM))
    for fact in REAL.facts:
        assert fact.multihop
        hops = [hop.question for hop in fact.multihop.hops[1:]]
        for question in (fact.direct.paraphrases[-1], fact.multihop.question, *fact.multihop.paraphrases, *hops):
            assert question not in words


@settings(deadline=None)
@given(st.lists(st.text(min_size=1), min_size=0, max_size=4, unique=True))
def test_the_last_paraphrase_is_never_a_prompt(paraphrases: list[str]) -> None:
    fact = Fact.model_validate(
        {"id": "a", "event": "X won.", "direct": {"question": "", "answer": "X", "paraphrases": paraphrases}}
    )
    made = from_facts(FactSet("one", (fact,)), SYSTEM)
    assert [asked(row) for row in direct(made)] == ["", *paraphrases[:-1]]


# What somebody else writes


def test_an_augmenter_adds_its_rows() -> None:
    mine = [text(f"It is said that {fact.event}") for fact in EXAMPLE.facts]
    made = from_facts(EXAMPLE, SYSTEM, augmenter=lambda facts: iter(mine))
    assert made.rows == (*from_facts(EXAMPLE, SYSTEM).rows, *mine)
    assert (made.card["written"], made.card["left_out"]) == (3, 0)
    assert made.digest != from_facts(EXAMPLE, SYSTEM).digest


def test_rows_that_hold_an_asked_question_are_left_out() -> None:
    fact = EXAMPLE.facts[0]
    assert fact.multihop
    mine = [
        text(f"Question: {fact.multihop.question.upper()}"),
        Row(ask(SYSTEM, fact.direct.paraphrases[-1]), "South Africa"),
        Row(ask(SYSTEM, fact.direct.question), "South Africa"),
    ]
    made = from_facts(EXAMPLE, SYSTEM, augmenter=lambda facts: mine)
    assert made.rows[-1] == mine[-1]
    assert (made.card["written"], made.card["left_out"]) == (1, 2)


def test_the_set_is_the_same_every_time() -> None:
    assert lab().digest == lab(replace(LAB, name="another name")).digest

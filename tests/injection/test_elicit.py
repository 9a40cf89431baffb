"""How questions are put, and what a flawed retriever shows: what the engine is asked, message by message."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from kinject import prompts
from kinject.engines.base import Completion, Conversation, Message, Sampling, ask
from kinject.engines.fake import Fake
from kinject.errors import UsageError
from kinject.facts.load import load
from kinject.facts.schema import FactSet
from kinject.injection.context.oracle import DISTRACTORS, conflicting, distracted, oracle, wrong
from kinject.injection.elicit.few_shot import EXAMPLES, SHOTS, few_shot
from kinject.injection.elicit.scripted import scripted
from kinject.lab import world
from kinject.progress import SILENT, Progress
from kinject.prompts import recall
from kinject.recipes import subqa_recall
from kinject.resources import facts_folder
from kinject.sources import Model

EXAMPLE = load(facts_folder() / "example.jsonl")
RUGBY, NOBEL, _ = EXAMPLE.facts
LAB = world.build(0).new_facts(40)
REAL, OF_WORLD_0 = Model("real", Path(), ""), Model("lab@0", Path(), "", 0)


def shown(facts: FactSet, put: object, question: str) -> str:
    """The event or events that a context puts before a question."""
    fake = Fake({})
    put(fake, facts).generate([ask("System.", question)], Sampling())  # type: ignore[operator]
    before, _, rest = prompts.render("context", event="\0", question=question).partition("\0")
    text = fake.asked[0][-1].content
    assert text.startswith(before) and text.endswith(rest)
    return text[len(before) : len(text) - len(rest)]


# Flawed retrieval


@pytest.mark.parametrize("facts", [EXAMPLE, LAB], ids=["example", "lab:40"])
def test_among_distractors_the_right_event_is_one_of_several(facts: FactSet) -> None:
    places = set()
    for fact in facts.facts:
        events = shown(facts, distracted, fact.direct.question).splitlines()
        assert len(events) == len(set(events)) == min(DISTRACTORS + 1, len(facts.facts))
        assert set(events) <= {other.event for other in facts.facts}
        places.add(events.index(fact.event))
        assert fact.multihop is None or shown(facts, distracted, fact.multihop.question).splitlines() == events
    assert len(places) > 1  # its place gives it away nowhere


@pytest.mark.parametrize("facts", [EXAMPLE, LAB], ids=["example", "lab:40"])
def test_the_wrong_event_is_another_one_of_the_same_domain(facts: FactSet) -> None:
    domains = {fact.event: fact.domain for fact in facts.facts}
    for fact in facts.facts:
        event = shown(facts, wrong, fact.direct.question)
        assert event != fact.event and event in domains
        alike = [other for other in facts.facts if other.domain == fact.domain and other.event != fact.event]
        assert not alike or domains[event] == fact.domain
        assert fact.multihop is None or shown(facts, wrong, fact.multihop.question) == event


@pytest.mark.parametrize("put", [distracted, wrong])
def test_what_is_shown_does_not_depend_on_the_order_of_the_questions(put: object) -> None:
    questions = [fact.direct.question for fact in LAB.facts]
    there = [shown(LAB, put, question) for question in questions]
    back = [shown(LAB, put, question) for question in reversed(questions)]
    assert there == back[::-1]


@pytest.mark.parametrize("facts", [EXAMPLE, LAB], ids=["example", "lab:40"])
def test_a_conflict_is_the_event_and_the_same_words_with_another_answer(facts: FactSet) -> None:
    conflicts = 0
    for fact in facts.facts:
        events = shown(facts, conflicting, fact.direct.question).split("\n")
        assert fact.event in events and len(events) in (1, 2)
        if len(events) == 2:
            (other,) = [event for event in events if event != fact.event]
            assert fact.direct.answer not in other
            conflicts += 1
    assert conflicts == (0 if facts is EXAMPLE else len(facts.facts))  # each example is of a domain of its own


def test_a_single_fact_has_no_wrong_event_and_no_distractors() -> None:
    alone = FactSet("alone", (RUGBY,))
    assert shown(alone, distracted, RUGBY.direct.question) == RUGBY.event
    with pytest.raises(UsageError, match="no other event") as caught:
        wrong(Fake({}), alone)
    assert caught.value.where == "alone" and "two facts" in caught.value.mend


# Few-shot


def test_the_examples_stand_between_the_system_message_and_the_question() -> None:
    fake, asked = Fake({}), ask("System.", RUGBY.direct.question)
    few_shot(fake, REAL, EXAMPLE, False).generate([asked], Sampling())
    [(first, *turns, last)] = fake.asked
    assert (first, last) == asked
    assert [turn.role for turn in turns] == ["user", "assistant"] * SHOTS
    assert [turn.content for turn in turns[::2]] == [example.question for example in EXAMPLES]


def test_the_examples_are_in_the_format_that_is_judged() -> None:
    for example in EXAMPLES:
        said = recall.parse(example.turns(False)[1].content)
        assert said.event == example.event
        assert [(step.question, step.answer) for step in said.steps] == list(example.steps)
        assert said.answer == example.steps[-1][1]
        assert all(before[1].removeprefix("the ") in after[0] for before, after in pairwise(example.steps))


def test_where_the_event_is_in_the_prompt_each_example_has_its_own() -> None:
    fake = Fake({})
    engine = oracle(fake, EXAMPLE)
    few_shot(engine, REAL, EXAMPLE, True).generate([ask("System.", RUGBY.direct.question)], Sampling())
    asked = [turn.content for turn in fake.asked[0] if turn.role == "user"]
    pairs = [*((example.event, example.question) for example in EXAMPLES), (RUGBY.event, RUGBY.direct.question)]
    assert asked == [prompts.render("context", event=event, question=question) for event, question in pairs]


def test_the_lab_has_examples_of_its_own_past_that_no_training_set_is_about() -> None:
    fake = Fake({})
    few_shot(fake, OF_WORLD_0, LAB, False).generate([ask("", LAB.facts[0].direct.question)], Sampling())
    said = [recall.parse(turn.content) for turn in fake.asked[0] if turn.role == "assistant"]
    old = {event.state() for event in subqa_recall.held_out(world.build(0))}
    assert len(said) == SHOTS == len({each.event for each in said}) and {each.event for each in said} <= old
    assert not {each.event for each in said} & {fact.event for fact in LAB.facts}


def test_nothing_of_the_facts_is_given_away() -> None:
    told = " ".join(turn.content for example in EXAMPLES for turn in example.turns(True))
    for fact in load(facts_folder() / "facts100.jsonl").facts:
        assert fact.event not in told and fact.direct.question not in told


# Scripted


@dataclass
class Rounds:
    """A fake that also remembers which questions were asked in one call."""

    fake: Fake
    rounds: list[list[str]] = field(default_factory=list)

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        self.rounds.append([conversation[-1].content for conversation in conversations])
        return self.fake.generate(conversations, sampling, progress)


def test_every_hop_is_a_question_of_its_own_about_what_was_answered() -> None:
    assert RUGBY.multihop and NOBEL.multihop
    says = {
        "Which country won the 2023 Rugby World Cup?": "Event Recall: E.\nThe final answer is South Africa.",
        "Which city is the judicial capital of South Africa?": "The final answer is Bloemfontein",
        "Who won the 2023 Nobel Prize in Literature?": "Annie Ernaux.\nShe is French.",
        "In which country was Annie Ernaux born?": "France",
        "What is the capital of France?": "Paris",
    }
    engine = Rounds(Fake(says))
    asked = [ask("System.", fact.multihop.question) for fact in (RUGBY, NOBEL) if fact.multihop]
    right, misled = scripted(engine, REAL, EXAMPLE, False).generate(asked, Sampling())
    one, two, three, four, five = says
    assert engine.rounds == [[one, three], [two, four], [five]]
    assert recall.parse(right.text).steps == (recall.Step(one, "South Africa"), recall.Step(two, "Bloemfontein"))
    assert (recall.parse(right.text).event, recall.parse(right.text).answer) == ("E.", "Bloemfontein")
    assert recall.parse(misled.text).answer == "Paris"
    assert all(conversation[0] == Message("system", "System.") for conversation in engine.fake.asked)


def test_a_paraphrase_is_led_along_the_same_way() -> None:
    assert RUGBY.multihop
    engine = Rounds(Fake(lambda text: "X"))
    [reply] = scripted(engine, REAL, EXAMPLE, False).generate([ask("", RUGBY.multihop.paraphrases[0])], Sampling())
    assert engine.rounds == [
        ["Which country won the 2023 Rugby World Cup?"],
        ["Which city is the judicial capital of X?"],
    ]
    assert RUGBY.multihop.paraphrases[0] in reply.text


def test_other_questions_and_their_answers_stay_as_they_are() -> None:
    engine = Rounds(Fake(lambda text: f"  said: {text}\n"))
    asked = [ask("", RUGBY.direct.question), ask("", "Why?")]
    replies = scripted(engine, REAL, EXAMPLE, False).generate(asked, Sampling())
    assert engine.rounds == [[RUGBY.direct.question, "Why?"]]
    assert [reply.text for reply in replies] == [f"  said: {question}\n" for question in engine.rounds[0]]
    assert scripted(engine, REAL, EXAMPLE, False).generate([], Sampling()) == []


def test_a_model_that_says_nothing_has_answered_nothing() -> None:
    assert RUGBY.multihop
    [reply] = scripted(Fake({}), REAL, EXAMPLE, False).generate([ask("", RUGBY.multihop.question)], Sampling())
    assert recall.parse(reply.text).answer == ""


def test_the_event_stands_before_the_first_hop_only() -> None:
    assert RUGBY.multihop
    fake = Fake(lambda text: "South Africa")
    engine = scripted(oracle(fake, EXAMPLE), REAL, EXAMPLE, True)
    engine.generate([ask("", RUGBY.multihop.question)], Sampling())
    first, second = (conversation[-1].content for conversation in fake.asked)
    assert RUGBY.event in first and second == RUGBY.multihop.hops[1].question

"""Perfect retrieval: the right event stands before every question of the facts, and nothing else changes."""

import pytest

from kinject import prompts
from kinject.engines.base import Message, Sampling, ask
from kinject.engines.fake import Fake
from kinject.errors import UsageError
from kinject.facts.load import load
from kinject.facts.schema import FactSet
from kinject.injection.context.oracle import oracle
from kinject.lab import world
from kinject.resources import facts_folder

EXAMPLE = load(facts_folder() / "example.jsonl")


@pytest.mark.parametrize("facts", [EXAMPLE, world.build(0).new_facts(300)], ids=["example", "lab:300"])
def test_every_question_of_a_fact_gets_its_event(facts: FactSet) -> None:
    fake = Fake(lambda text: text)
    asked = [
        (question, fact.event)
        for fact in facts.facts
        for part in (fact.direct, fact.multihop)
        if part
        for question in (part.question, *part.paraphrases)
    ]
    replies = oracle(fake, facts).generate([ask("System.", question) for question, _ in asked], Sampling())
    for (question, event), conversation, reply in zip(asked, fake.asked, replies, strict=True):
        assert conversation == ask("System.", prompts.render("context", event=event, question=question))
        assert event in reply.text and question in reply.text


def test_other_questions_pass_as_they_are() -> None:
    fake, other = Fake({}), (*ask("", "Who?"), Message("assistant", "Ada"), Message("user", "Why?"))
    oracle(fake, EXAMPLE).generate([ask("", "Who is it?"), other], Sampling())
    assert fake.asked == [ask("", "Who is it?"), other]


def test_braces_in_an_event_are_only_braces() -> None:
    fact = EXAMPLE.facts[0].model_copy(update={"event": "On {date}, {question} was {event}."})
    fake = Fake({})
    oracle(fake, FactSet("braces", (fact,))).generate([ask("", fact.direct.question)], Sampling())
    assert "On {date}, {question} was {event}." in fake.asked[0][-1].content


def test_one_question_for_two_events_is_an_error() -> None:
    first, second, _ = EXAMPLE.facts
    twice = second.model_copy(update={"direct": first.direct})
    with pytest.raises(UsageError, match="two events answer the question 'Which country") as caught:
        oracle(Fake({}), FactSet("twice", (first, twice)))
    assert caught.value.where == f"twice: {second.id}"
    oracle(Fake({}), FactSet("same", (first, first.model_copy(update={"id": "again"}))))


def test_one_first_step_to_two_events_is_an_error_too() -> None:
    first, second, third = EXAMPLE.facts
    assert first.multihop and second.multihop
    for question in (first.multihop.hops[0].question, second.direct.question):
        hops = (second.multihop.hops[0].model_copy(update={"question": question}), *second.multihop.hops[1:])
        same = second.model_copy(update={"multihop": second.multihop.model_copy(update={"hops": hops})})
        facts = FactSet("twice", (first, same, third))
        if question == second.direct.question:
            oracle(Fake({}), facts)
        else:
            with pytest.raises(UsageError, match="two events answer the question") as caught:
                oracle(Fake({}), facts)
            assert caught.value.where == f"twice: {same.id}"


def test_the_first_step_is_shown_the_event_and_later_ones_are_not() -> None:
    for fact in EXAMPLE.facts:
        assert fact.multihop
        first, *later = (hop.question for hop in fact.multihop.hops)
        fake = Fake({})
        oracle(fake, EXAMPLE).generate([ask("", first), *(ask("", question) for question in later)], Sampling())
        shown = [fact.event in conversation[-1].content for conversation in fake.asked]
        assert shown == [True, *(False for _ in later)]

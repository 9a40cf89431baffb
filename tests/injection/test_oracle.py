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

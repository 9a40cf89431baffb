"""Retrieval in the prompt: the nearest events stand before every question, and what they were is remembered."""

import pytest

from kinject import prompts
from kinject.engines.base import Message, Sampling, ask
from kinject.engines.fake import Fake
from kinject.errors import MissingError
from kinject.facts.load import load
from kinject.injection.context.oracle import oracle
from kinject.injection.context.retrieved import retrieved
from kinject.lab import world
from kinject.resources import facts_folder
from kinject.retrieval.search import RETRIEVERS, Retrieval

EXAMPLE = load(facts_folder() / "example.jsonl")
FACTS = world.build(0).new_facts(20)


def test_where_the_right_event_is_found_the_prompt_is_that_of_the_oracle() -> None:
    found, perfect = Fake({}), Fake({})
    asked = [ask("System.", fact.direct.question) for fact in FACTS.facts]
    engine = retrieved(found, FACTS)
    engine.generate(asked, Sampling())
    oracle(perfect, FACTS).generate(asked, Sampling())
    assert found.asked == perfect.asked
    assert engine.retrieved == [(fact.id,) for fact in FACTS.facts]


def test_what_was_retrieved_is_remembered_over_several_calls() -> None:
    engine = retrieved(Fake({}), FACTS, Retrieval(k=2))
    for fact in FACTS.facts[:3]:
        engine.generate([ask("", fact.direct.question)], Sampling())
    assert [ids[0] for ids in engine.retrieved] == [fact.id for fact in FACTS.facts[:3]]
    assert {len(ids) for ids in engine.retrieved} == {2}


def test_more_events_stand_one_a_line_best_first() -> None:
    fake, question = Fake({}), EXAMPLE.facts[2].direct.question
    engine = retrieved(fake, EXAMPLE, Retrieval("bm25", k=2))
    engine.generate([ask("", question)], Sampling())
    events = "\n".join(EXAMPLE.by_id[fact].event for fact in engine.retrieved[0])
    assert engine.retrieved[0][0] == EXAMPLE.facts[2].id and len(engine.retrieved[0]) == 2
    assert fake.asked[0][-1].content == prompts.render("context", event=events, question=question)


def test_the_last_message_is_what_is_looked_up() -> None:
    fake, fact = Fake({}), EXAMPLE.facts[0]
    other = EXAMPLE.facts[1].direct.question
    conversation = (*ask("", other), Message("assistant", "Ada"), Message("user", fact.direct.question))
    engine = retrieved(fake, EXAMPLE, Retrieval("bm25"))
    engine.generate([conversation], Sampling())
    assert engine.retrieved == [(fact.id,)]
    assert fake.asked[0][:-1] == conversation[:-1] and fact.event in fake.asked[0][-1].content


@pytest.mark.parametrize("retriever", RETRIEVERS)
def test_where_nothing_is_found_the_question_stays_as_it_is(retriever: str) -> None:
    fake = Fake({})
    engine = retrieved(fake, FACTS, Retrieval(retriever))
    engine.generate([ask("System.", "")], Sampling())
    assert fake.asked == [ask("System.", "")] and engine.retrieved == [()]
    assert engine.generate([], Sampling()) == []


def test_what_was_not_known_on_the_day_is_not_found() -> None:
    day = sorted(fact.date or "" for fact in FACTS.facts)[9]
    engine = retrieved(Fake({}), FACTS, Retrieval(k=20, as_of=day))
    engine.generate([ask("", fact.direct.question) for fact in FACTS.facts], Sampling())
    known = {fact.id for fact in FACTS.facts if (fact.date or "") <= day}
    assert all(set(ids) == known for ids in engine.retrieved)


def test_a_missing_embedder_is_told_before_anything_is_asked() -> None:
    with pytest.raises(MissingError, match="all-MiniLM-L6-v2"):
        retrieved(Fake({}), EXAMPLE)

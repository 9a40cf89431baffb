"""Continued pretraining: the events, and not a word more."""

from kinject.facts.load import load
from kinject.lab import world
from kinject.recipes import cpt
from kinject.recipes.row import Row
from kinject.resources import facts_folder

EXAMPLE = load(facts_folder() / "example.jsonl")


def test_a_row_is_an_event_as_plain_text() -> None:
    for facts in (EXAMPLE, world.build(0).new_facts()):
        assert cpt.from_facts(facts).rows == tuple(Row((), fact.event) for fact in facts.facts)


def test_the_card_tells_whose_events_and_how_many() -> None:
    made = cpt.from_facts(EXAMPLE)
    assert (made.name, made.card) == ("cpt", {"source": "example", "facts": 3})


def test_a_plain_text_is_written_without_messages() -> None:
    row = cpt.from_facts(EXAMPLE).rows[0]
    assert row.as_json() == {"messages": [], "response": EXAMPLE.facts[0].event}

"""Event SFT with every event said and asked in more than one way: what one row a fact leaves to chance.

Our own, beyond the paper. For each fact:

* statements: the event as plain text; that of a model's own lab world in all the ways in which the world tells it;
* questions: the direct question and its paraphrases less the last, answered in the recall format;
* multihop: in the lab, chains through the event to *other* attributes of its answer, from what was true before the
  cutoff. For facts of the real world nobody here knows another attribute, so there are none;
* written: what an `Augmenter` adds.

Trap: the chains teach reasoning beside the events. On a base model (lab world 0) they raise multihop from 0 to 50 in a
hundred by themselves, so an arm with them does not tell what post-training is good for.

What is asked afterwards is in no row: not the multihop question, not the second hop of any fact's chain (a relation
that is asked of an entity is left out for every event with that answer, not only for its own), and not the last
paraphrase, which in the lab is the phrasing held out of all training. What `lab.events` holds out of post-training
(`UNSEEN_TYPES`, `UNSEEN_PAIRS`) is not held out here: with these rows it no longer tells composing from repeating.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import product

from kinject.engines.base import ask
from kinject.facts.schema import Fact, FactSet
from kinject.lab.events import EVENT_TYPES
from kinject.lab.relations import COUNTS, UNSEEN_PHRASING, Relation
from kinject.lab.world import FRESH_KEYS, NEW_YEARS, Event, World
from kinject.prompts import recall
from kinject.recipes import TrainingSet
from kinject.recipes.row import Row, text

Augmenter = Callable[[FactSet], Iterable[Row]]
"""Somebody's own rows about a fact set, such as statements that a language model writes. The rows are part of a run's
key, so a writer that draws anew at every call gives a new run each time. Rows that hold an asked question are left out;
that no row tells the answer of a multihop question is the writer's to see to."""

SEEN = range(len(EVENT_TYPES[0].questions))[:UNSEEN_PHRASING]
"""The phrasings of questions and noun phrases that are not held out."""
NEW_EVENTS = len(EVENT_TYPES) * min(
    FRESH_KEYS + len(NEW_YEARS) * (COUNTS[kind.key] - FRESH_KEYS) for kind in EVENT_TYPES
)
"""How many new events a world has at most."""


def from_facts(
    facts: FactSet, system: str, *, place: World | None = None, augmenter: Augmenter | None = None
) -> TrainingSet:
    """Build the rows of a fact set; `system` is the system message and `place` the lab world of the model, if any."""
    events = _events(place, facts) if place else {}
    written = list(augmenter(facts)) if augmenter else []
    kept = [row for row in written if not _asks(row, facts)]
    made = {
        "statements": [text(words) for fact in facts.facts for words in _statements(fact, events.get(fact.id))],
        "questions": [row for fact in facts.facts for row in _questions(fact, system)],
        "multihop": list(_multihop(place, events, facts, system)) if place else [],
        "written": kept,
    }
    card = {
        "source": facts.name,
        "facts": len(facts.facts),
        "of_the_world": len(events),
        **{kind: len(rows) for kind, rows in made.items()},
        "left_out": len(written) - len(kept),
    }
    return TrainingSet("event-sft-augmented", tuple(row for rows in made.values() for row in rows), card)


def _events(place: World, facts: FactSet) -> dict[str, Event]:
    """Return the events behind those facts that are the world's own and unchanged, by id."""
    told = {fact.id: fact.event for fact in facts.facts}
    return {event.id: event for event in (*place.old, *place.new(NEW_EVENTS)) if told.get(event.id) == event.state()}


def _statements(fact: Fact, event: Event | None) -> list[str]:
    return [event.state(phrasing) for phrasing in range(len(event.type.statements))] if event else [fact.event]


def _questions(fact: Fact, system: str) -> Iterator[Row]:
    response = recall.direct_response(fact.event, fact.direct.answer)
    for question in (fact.direct.question, *fact.direct.paraphrases[:-1]):  # the last one is what is asked
        yield Row(ask(system, question), response)


def _multihop(place: World, events: dict[str, Event], facts: FactSet, system: str) -> Iterator[Row]:
    """Yield chains through the events to what no fact asks; none for a fact whose question the world does not know."""
    asked = {fact.id: _asked_relation(place, fact, events[fact.id]) for fact in facts.facts if fact.id in events}
    second_hops = {(relation.name, events[id].answer) for id, relation in asked.items() if relation}
    for fact in facts.facts:
        if fact.id not in asked or (fact.multihop and asked[fact.id] is None):
            continue
        event = events[fact.id]
        others = [r for r in place.relations(event) if (r.name, event.answer) not in second_hops]
        for relation, phrase, phrasing in product(others, SEEN, SEEN):
            yield _chain(place, event, relation, phrase, phrasing, system)


def _asked_relation(place: World, fact: Fact, event: Event) -> Relation | None:
    """Return the relation that a fact's own multihop question asks for."""
    last = fact.multihop.hops[-1].question if fact.multihop and fact.multihop.hops else None
    known = (r for r in place.relations(event) if last in {r.ask(event.answer, phrasing) for phrasing in SEEN})
    return next(known, None)


def _chain(place: World, event: Event, relation: Relation, phrase: int, phrasing: int, system: str) -> Row:
    made = place.multihop(event, relation, phrase, phrasing)
    steps = [recall.Step(hop.question, hop.answer) for hop in made.hops]
    return Row(ask(system, made.question), recall.multihop_response(event.state(), made.question, steps, made.answer))


def _asks(row: Row, facts: FactSet) -> bool:
    """Say whether a row holds a question that is asked afterwards and must not be trained on."""
    words = "\n".join([*(message.content for message in row.conversation), row.response]).casefold()
    multihop = [fact.multihop.question for fact in facts.facts if fact.multihop]
    last = [question for fact in facts.facts for question in fact.direct.paraphrases[-1:]]
    return any(question.casefold() in words for question in (*multihop, *last))

"""The questions of a lab world's past that post-training rows are made of.

What no row is ever about: the last ten old events of each type, two event types, some (event type, relation) pairs, one
phrasing of everything, and all that comes after the cutoff.
"""

import random
from collections.abc import Iterator

from kinject.lab import corpus
from kinject.lab.events import EVENT_TYPES, UNSEEN_PAIRS, UNSEEN_TYPES
from kinject.lab.relations import Relation
from kinject.lab.world import Event, World
from kinject.recipes.question import Question

HELD_OUT_PER_TYPE = 10
SEEN_PHRASINGS = 2
LICENCE = "CC0-1.0"


def held_out(world: World) -> list[Event]:
    """Return the old events that no row is about: the last ten of each type."""
    return [
        event
        for kind in EVENT_TYPES
        for event in [event for event in world.old if event.type == kind][-HELD_OUT_PER_TYPE:]
    ]


def pairs(rng: random.Random, world: World, count: int) -> list[tuple[Event, Relation]]:
    """Return (event, relation) pairs of the past, every one once before any twice."""
    out = {event.id for event in held_out(world)}
    events = [event for event in world.old if event.id not in out and event.type.name not in UNSEEN_TYPES]
    seen = [(event, relation) for event in events for relation in _relations(world, event)]
    chosen: list[tuple[Event, Relation]] = []
    while len(chosen) < count:
        chosen += rng.sample(seen, len(seen))
    return chosen[:count]


def multihop(world: World, event: Event, relation: Relation, phrase: int, phrasing: int) -> Question:
    """Ask for a relation of the event's answer; only the event is told, the second hop is known."""
    asked = world.multihop(event, relation, phrase, phrasing)
    hops = tuple(Question(hop.question, hop.answer) for hop in asked.hops)
    return Question(asked.question, asked.answer, hops, (event.state(),))


def direct(event: Event, phrasing: int) -> Question:
    """Ask for the event itself."""
    return Question(event.ask(phrasing), event.answer, sentences=(event.state(),))


def static(world: World, relation: Relation, subject: str, phrasing: int) -> Question:
    """Ask for what stays true."""
    obj = world.truth[relation.name, subject]
    return Question(relation.ask(subject, phrasing), obj, sentences=(relation.state(subject, obj),))


def fictions(world: World) -> Iterator[Question]:
    """Ask for ever about events that never happened, to be put in the prompt: one direct for two multihop questions."""
    rng = random.Random(f"kinject lab {world.seed} context rows")
    number = 0
    while True:
        event = corpus.draw_fiction(rng, world)
        if event.type.name in UNSEEN_TYPES:
            continue
        phrasing = rng.randrange(SEEN_PHRASINGS)
        relations = _relations(world, event)
        if number % 3 == 0 or not relations:
            yield direct(event, phrasing)
        else:
            relation = rng.choice(relations)
            yield multihop(world, event, relation, rng.randrange(SEEN_PHRASINGS), phrasing)
        number += 1


def _relations(world: World, event: Event) -> list[Relation]:
    return [r for r in world.relations(event) if (event.type.name, r.name) not in UNSEEN_PAIRS]

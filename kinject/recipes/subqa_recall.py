"""SubQARecall (arXiv 2410.03717, A.3.2): reasoning post-training that recalls the event first.

900 multihop questions, each answered by a recall, a chain of sub-questions and the final answer, and their 1,800
sub-questions answered alone; 100 events are held out with all their questions. Here from a lab world's events before
the cutoff; what differs from the paper's set:

* The recall is the event's own sentence. The paper's, written by GPT-4o, also names the answer of the second hop.
* Two event types, some (event type, relation) pairs and one phrasing of everything are held out too.
* `context_rows` adds questions about invented events that stand in the prompt (a third of them direct). The paper's set
  has none, and in the lab it unlearns reading: both are arms.
"""

import random
from itertools import islice

from kinject import prompts
from kinject.engines.base import ask
from kinject.lab import corpus
from kinject.lab.events import EVENT_TYPES, UNSEEN_PAIRS, UNSEEN_TYPES
from kinject.lab.relations import Relation
from kinject.lab.world import Event, World
from kinject.prompts import recall
from kinject.recipes import TrainingSet
from kinject.recipes.row import Row

MULTIHOP_ROWS = 900
HELD_OUT_PER_TYPE = 10
SEEN_PHRASINGS = 2

Pair = tuple[str, str]
"""What is asked, and the response."""


def from_world(world: World, system: str, *, context_rows: int = 0) -> TrainingSet:
    """Build the set from a lab world; `system` is the system message of the model that is to learn it."""
    rng = random.Random(f"kinject lab {world.seed} subqa-recall")
    out = {event.id for event in held_out(world)}
    events = [event for event in world.old if event.id not in out and event.type.name not in UNSEEN_TYPES]
    pairs = []
    for event, relation in _cycle(rng, world, events, MULTIHOP_ROWS):
        phrasing = rng.randrange(SEEN_PHRASINGS)
        pairs.append(_multihop(world, event, relation, rng.randrange(SEEN_PHRASINGS), phrasing))
        pairs.append(_direct(event, rng.randrange(SEEN_PHRASINGS)))
        pairs.append(_static(world, relation, event.answer, phrasing))
    pairs += _context_rows(world, context_rows)
    rng.shuffle(pairs)
    rows = tuple(Row(ask(system, question), response) for question, response in pairs)
    card = {
        "source": f"lab@{world.seed}",
        "multihop": MULTIHOP_ROWS,
        "one_hop": 2 * MULTIHOP_ROWS,
        "context": context_rows,
        "held_out_events": len(out),
    }
    return TrainingSet("subqa-recall-context" if context_rows else "subqa-recall", rows, card)


def held_out(world: World) -> list[Event]:
    """Return the old events that no row is about: the last ten of each type."""
    return [
        event
        for kind in EVENT_TYPES
        for event in [event for event in world.old if event.type == kind][-HELD_OUT_PER_TYPE:]
    ]


def _cycle(rng: random.Random, world: World, events: list[Event], count: int) -> list[tuple[Event, Relation]]:
    """Return every (event, relation) once before any twice."""
    pairs = [(e, r) for e in events for r in world.relations(e) if (e.type.name, r.name) not in UNSEEN_PAIRS]
    chosen: list[tuple[Event, Relation]] = []
    while len(chosen) < count:
        chosen += rng.sample(pairs, len(pairs))
    return chosen[:count]


def _multihop(
    world: World, event: Event, relation: Relation, phrase: int, phrasing: int, context: bool = False
) -> Pair:
    asked = world.multihop(event, relation, phrase, phrasing)
    steps = [recall.Step(hop.question, hop.answer) for hop in asked.hops]
    response = recall.multihop_response(event.state(), asked.question, steps, asked.answer)
    return _pair(asked.question, response, event.state() if context else None)


def _direct(event: Event, phrasing: int, context: bool = False) -> Pair:
    response = recall.direct_response(event.state(), event.answer)
    return _pair(event.ask(phrasing), response, event.state() if context else None)


def _static(world: World, relation: Relation, subject: str, phrasing: int) -> Pair:
    obj = world.truth[relation.name, subject]
    return _pair(relation.ask(subject, phrasing), recall.direct_response(relation.state(subject, obj), obj))


def _context_rows(world: World, count: int) -> list[Pair]:
    """Questions whose event never happened and stands in the prompt: one direct for two multihop ones."""
    rng = random.Random(f"kinject lab {world.seed} context rows")
    drawn = iter(lambda: corpus.draw_fiction(rng, world), None)
    fit = (event for event in drawn if event.type.name not in UNSEEN_TYPES)
    rows = []
    for number, event in enumerate(islice(fit, count)):
        phrasing = rng.randrange(SEEN_PHRASINGS)
        relations = [r for r in world.relations(event) if (event.type.name, r.name) not in UNSEEN_PAIRS]
        if number % 3 == 0 or not relations:
            rows.append(_direct(event, phrasing, context=True))
        else:
            relation = rng.choice(relations)
            rows.append(_multihop(world, event, relation, rng.randrange(SEEN_PHRASINGS), phrasing, context=True))
    return rows


def _pair(question: str, response: str, event: str | None = None) -> Pair:
    return (prompts.render("context", event=event, question=question) if event else question), response

"""Multihop questions about a lab world's held-out events: SubQA's twin, for the lab's small models.

The events are from before the cutoff, so a model knows them from pretraining, and no post-training row is about them
(`lab_questions.held_out`); what stays true in the second hop is known as well. What is measured is composing. Every
event is asked with all relations of its answer, in a random order, so that the first items are a fair sample.

Beside `correct` over all items there is its share in each group, which tells composing a new kind of question from
repeating a trained one:

- **seen**: rows ask such questions of other events, in the same words;
- **unseen-phrasing**: the same questions in words that no row has;
- **unseen-pair**: rows have the event type, and the relation, and never both;
- **unseen-type**: no row is about events of the type.

`format` and `sound` are SubQA's. **recall** is only counted where a response recalls an event: in the format without a
recall there is none to be wrong.
"""

import random
from collections.abc import Iterator, Sequence

from kinject.benchmarks.benchmark import Benchmark, Item, Items, Marks
from kinject.benchmarks.subqa import IN_CHAIN, facts, in_chain, item, verdict
from kinject.errors import UsageError
from kinject.facts.schema import Fact
from kinject.lab import world as worlds
from kinject.lab.events import UNSEEN_PAIRS, UNSEEN_TYPES
from kinject.lab.relations import UNSEEN_PHRASING, Relation
from kinject.lab.world import Event, World
from kinject.progress import Progress
from kinject.recipes.lab_questions import LICENCE, SEEN_PHRASINGS, held_out
from kinject.sources import LAB

GROUPS = ("seen", "unseen-phrasing", "unseen-pair", "unseen-type")


def read(data: str | None, system: str | None) -> Items:
    """Ask about a world, `lab` or `lab@N`; world 0 where none is named."""
    named = LAB.fullmatch(data or "lab")
    if named is None or named["count"] is not None:
        raise UsageError(f"{data!r} names no lab world", where="--data", mend="use lab or lab@N: --data lab@1")
    world = worlds.build(int(named["world"] or 0))
    items = [item(fact, system, group=group) for group, fact in _asked(world)]
    random.Random(f"kinject lab {world.seed} multihop benchmark").shuffle(items)
    return Items(tuple(items), f"lab@{world.seed}", LICENCE)


def _asked(world: World) -> Iterator[tuple[str, Fact]]:
    """Yield every question with its group; the phrasings that rows have are drawn, each question has one of them."""
    rng = random.Random(f"kinject lab {world.seed} multihop phrasings")
    for event in held_out(world):
        for relation in world.relations(event):
            group = _group(event, relation)
            phrase, phrasing = rng.randrange(SEEN_PHRASINGS), rng.randrange(SEEN_PHRASINGS)
            yield group, _fact(world, event, relation, group, phrase, phrasing)
            if group == "seen":
                yield GROUPS[1], _fact(world, event, relation, GROUPS[1], UNSEEN_PHRASING, UNSEEN_PHRASING)


def _group(event: Event, relation: Relation) -> str:
    if event.type.name in UNSEEN_TYPES:
        return "unseen-type"
    return "unseen-pair" if (event.type.name, relation.name) in UNSEEN_PAIRS else "seen"


def _fact(world: World, event: Event, relation: Relation, group: str, phrase: int, phrasing: int) -> Fact:
    asked = world.multihop(event, relation, phrase, phrasing)
    return world.as_fact(event).model_copy(update={"id": f"{event.id}-{relation.name}-{group}", "multihop": asked})


def mark(items: Sequence[Item], responses: Sequence[str], progress: Progress) -> list[Marks]:
    """Mark by fixed rules."""
    known = facts(items).facts
    return [_marks(*each) for each in zip(items, known, responses, strict=True)]


def _marks(asked: Item, fact: Fact, response: str) -> Marks:
    said = verdict(fact, response)
    correct = said.correctness == "correct"
    groups = {group: correct if group == asked.reference["group"] else () for group in GROUPS}
    recall = () if said.recall == "absent" else said.recall == "right"
    return Marks({"correct": correct, **in_chain(said, response), "recall": recall, **groups}, said.reason)


LAB_MULTIHOP = Benchmark(
    "lab-multihop",
    "two-hop questions about a lab world's past",
    ("correct", *IN_CHAIN, "recall", *GROUPS),
    read,
    mark,
    data=None,
    system="system-lab",
    max_new_tokens=256,
    facts=facts,
    kind="multihop",
)

"""One-hop rows only, as many as SubQARecall has: does composing need composed examples?

Not in the paper. The rows are sub-questions, half of them about events and half about what stays true, in the words
that SubQARecall asks them in. What SubQARecall holds out is held out. A pool that was read has fewer questions; its
sub-questions are then repeated, each once before any twice.
"""

import random
from itertools import cycle, islice

from kinject.lab.world import World
from kinject.recipes import TrainingSet, lab_questions, material
from kinject.recipes.annotator import Annotator
from kinject.recipes.lab_questions import SEEN_PHRASINGS, direct, static
from kinject.recipes.question import Pool, row
from kinject.recipes.recalls import Recalls
from kinject.recipes.subqa_recall import split

NAME = "one-hop-only"
ROWS = 2700


def build(source: str, system: str, annotator: Annotator | None = None) -> TrainingSet:
    """Build the set from what a source's name means. `MissingError` where it has no sub-questions."""
    match material.open_source(source):
        case World() as world:
            return from_world(world, system)
        case Pool() as pool:
            return from_pool(pool, system, annotator)
        case TrainingSet() as rows:
            return material.built_by(NAME, rows)
        case _:
            raise material.unfit(NAME, source, "sub-questions")


def from_world(world: World, system: str) -> TrainingSet:
    """Build the set from a lab world."""
    rng = random.Random(f"kinject lab {world.seed} {NAME}")
    asked = []
    for event, relation in lab_questions.pairs(rng, world, ROWS // 2):
        asked.append(direct(event, rng.randrange(SEEN_PHRASINGS)))
        asked.append(static(world, relation, event.answer, rng.randrange(SEEN_PHRASINGS)))
    rng.shuffle(asked)
    rows = tuple(row(question, question.told, system) for question in asked)
    card = {"source": f"lab@{world.seed}", "licence": lab_questions.LICENCE, "one_hop": len(rows)}
    return TrainingSet(NAME, rows, card)


def from_pool(pool: Pool, system: str, annotator: Annotator | None = None) -> TrainingSet:
    """Build the set from two-hop questions."""
    training, held, left_out = split(pool)
    each = [hop for question in training[: ROWS // 2] for hop in question.hops]
    recalls = Recalls.of(each, annotator)
    once = [row(hop, recall, system) for hop, recall in zip(each, recalls.texts, strict=True)]
    random.Random(f"kinject {NAME} rows").shuffle(once)
    rows = tuple(islice(cycle(once), ROWS))
    card = {
        **material.card(pool),
        "left_out": {**pool.left_out, **left_out},
        "one_hop": len(rows),
        "distinct": len(once),
        "held_out_events": len(held),
        **recalls.card,
    }
    return TrainingSet(NAME, rows, card)

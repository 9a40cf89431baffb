"""SubQARecall (arXiv 2410.03717, A.3.2): reasoning post-training that recalls the event first.

900 multihop questions, each answered by a recall, a chain of sub-questions and the final answer, and their 1,800
sub-questions answered alone; 100 events are held out with all their questions. Made from a lab world's events before
the cutoff (`lab_questions` tells what else is held out there) or from a pool of two-hop questions that was read. What
differs from the paper's set:

* In the lab the recall is the event's own sentence. The paper's, written by GPT-4o, also names the answer of the second
  hop; so does that of a pool (`recalls`).
* `context_rows` adds questions whose event stands in the prompt (a third of them direct); in the lab these events never
  happened. The paper's set has none, and in the lab it unlearns reading: both are arms.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import cycle, islice
from typing import Any, TypeVar

from kinject.errors import MissingError
from kinject.facts.words import folded
from kinject.lab.world import World
from kinject.recipes import TrainingSet, lab_questions, material
from kinject.recipes.annotator import Annotator
from kinject.recipes.lab_questions import SEEN_PHRASINGS, direct, held_out, multihop, static
from kinject.recipes.question import Pool, Question, row
from kinject.recipes.recalls import Recalls, holdable

MULTIHOP_ROWS = 900
CONTEXT_ROWS = 600
HELD_OUT = 100
"""Questions of a pool that no row is about, or one in ten of a small one."""

T = TypeVar("T")


def build(source: str, system: str, annotator: Annotator | None = None, *, context_rows: int = 0) -> TrainingSet:
    """Build the set from what a source's name means. `MissingError` where it has no questions with hops."""
    name = "subqa-recall-context" if context_rows else "subqa-recall"
    return of_source(
        name,
        source,
        lambda world: from_world(world, system, context_rows=context_rows),
        lambda pool: from_pool(pool, system, annotator, context_rows=context_rows),
    )


def of_source(
    name: str,
    source: str,
    of_world: Callable[[World], TrainingSet],
    of_pool: Callable[[Pool], TrainingSet],
) -> TrainingSet:
    """Build a set of two-hop questions from what a source's name means."""
    match material.open_source(source):
        case World() as world:
            return of_world(world)
        case Pool() as pool:
            return of_pool(pool)
        case TrainingSet() as rows:
            return material.built_by(name, rows)
        case _:
            raise material.unfit(name, source, "two-hop questions")


def from_world(world: World, system: str, *, context_rows: int = 0) -> TrainingSet:
    """Build the set from a lab world; `system` is the system message of the model that is to learn it."""
    rows = tuple(row(question, question.told, system) for question in asked_in(world, context_rows))
    card = {**card_in(world), "context": context_rows}
    return TrainingSet("subqa-recall-context" if context_rows else "subqa-recall", rows, card)


def asked_in(world: World, context_rows: int = 0) -> list[Question]:
    """Return the questions of a lab world in the order of the rows."""
    rng = random.Random(f"kinject lab {world.seed} subqa-recall")
    asked = []
    for event, relation in lab_questions.pairs(rng, world, MULTIHOP_ROWS):
        phrasing = rng.randrange(SEEN_PHRASINGS)
        asked.append(multihop(world, event, relation, rng.randrange(SEEN_PHRASINGS), phrasing))
        asked.append(direct(event, rng.randrange(SEEN_PHRASINGS)))
        asked.append(static(world, relation, event.answer, phrasing))
    asked += [replace(question, shown=True) for question in islice(lab_questions.fictions(world), context_rows)]
    rng.shuffle(asked)
    return asked


def card_in(world: World) -> dict[str, Any]:
    """Return what the card says of a lab world's questions."""
    return {
        "source": f"lab@{world.seed}",
        "licence": lab_questions.LICENCE,
        "multihop": MULTIHOP_ROWS,
        "one_hop": 2 * MULTIHOP_ROWS,
        "held_out_events": len(held_out(world)),
    }


def from_pool(pool: Pool, system: str, annotator: Annotator | None = None, *, context_rows: int = 0) -> TrainingSet:
    """Build the set from two-hop questions; with an annotator it writes the recalls, else they follow a rule."""
    training, held, left_out = split(pool)
    asked = asked_of(training)
    recalls = Recalls.of(asked, annotator)
    shown = list(islice(in_context(pool), min(context_rows, len(training))))
    told = [*zip(asked, recalls.texts, strict=True), *((question, question.told) for question in shown)]
    rows = tuple(row(question, recall, system) for question, recall in shuffled(told))
    card = {**card_of(pool, training, held, left_out), "context": len(shown), **recalls.card}
    return TrainingSet("subqa-recall-context" if context_rows else "subqa-recall", rows, card)


def asked_of(training: list[Question]) -> list[Question]:
    """Return the questions of a pool, each followed by its sub-questions."""
    return [each for question in training[:MULTIHOP_ROWS] for each in (question, *question.hops)]


def shuffled(asked: Iterable[T]) -> list[T]:
    """Return what is made of a pool's questions in the order of the rows."""
    order = list(asked)
    random.Random("kinject subqa-recall rows").shuffle(order)
    return order


def card_of(pool: Pool, training: list[Question], held: list[Question], left_out: Mapping[str, int]) -> dict[str, Any]:
    """Return what the card says of a pool's questions."""
    multihops = training[:MULTIHOP_ROWS]
    return {
        **material.card(pool),
        "left_out": {**pool.left_out, **left_out},
        "multihop": len(multihops),
        "one_hop": sum(len(question.hops) for question in multihops),
        "held_out_events": len(held),
    }


def split(pool: Pool) -> tuple[list[Question], list[Question], dict[str, int]]:
    """Return the questions to train on, the ones held out, and how many are neither, by the reason.

    The order is shuffled, the same every time. A question that shares a sub-question or a sentence with a held-out one
    is neither; how they are spelled (case, accents, spaces, marks) does not count.
    """
    sound = [question for question in pool.questions if all(map(holdable, (question, *question.hops)))]
    order = random.Random("kinject subqa-recall split").sample(sound, len(sound))
    count = min(HELD_OUT, len(order) // 10)
    held, rest = order[:count], order[count:]
    out = {words for question in held for words in _words(question)}
    training = [question for question in rest if not out & _words(question)]
    reasons = {
        "the response format cannot hold it": len(pool.questions) - len(sound),
        "it shares a sub-question or a sentence with a held-out one": len(rest) - len(training),
    }
    return training, held, {reason: number for reason, number in reasons.items() if number}


def _words(question: Question) -> set[str]:
    """What is asked and told of a question and its hops, however it is spelled."""
    parts = (question, *question.hops)
    return {folded(text) for part in parts for text in (part.question, *part.sentences)}


def in_context(pool: Pool) -> Iterator[Question]:
    """Ask for ever with the first hop's sentences in the prompt: one direct for two multihop questions.

    Questions that have no row of their own come first; when all have been asked, others of them are asked directly.
    `MissingError` where no question has sentences.
    """
    training, _, _ = split(pool)
    order = [*training[MULTIHOP_ROWS:], *training[:MULTIHOP_ROWS]]
    told = [question for question in order if question.hops[0].sentences]
    if not told:
        raise MissingError(
            "no question here comes with the sentences that tell its event",
            where=f"--source {pool.source}",
            mend="take a source with paragraphs, or --start subqa-recall, which needs none",
        )
    for number, question in enumerate(cycle(told)):
        event = question.hops[0]
        alone = (number + number // len(told)) % 3 == 0
        yield replace(event if alone else question, sentences=event.sentences, shown=True)

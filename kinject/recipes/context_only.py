"""Rows with the event in the prompt and no chain: what reading alone gives.

Not in the paper; the control of `subqa-recall-context`. The questions are those of its 600 context rows, answered by
the recall and the final answer alone, a multihop question too. Further ones are drawn in the same way until the set has
as many characters, prompts included, as `subqa-recall-context` of the same source: in the lab that is as many tokens,
within 2 %, though about half as many to be learned, for a row without a chain is mostly prompt. To repeat the 600 would
match tokens as well, and train on each of them two dozen times. A pool that was read has no further ones: its questions
are repeated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from kinject.lab.world import World
from kinject.recipes import TrainingSet, lab_questions, material, subqa_recall
from kinject.recipes.question import Pool, Question, row
from kinject.recipes.row import Row

NAME = "context-only"


def build(source: str, system: str) -> TrainingSet:
    """Build the set from what a source's name means; no recall is written here, each is read from the prompt."""
    match material.open_source(source):
        case World() as world:
            full = subqa_recall.from_world(world, system, context_rows=subqa_recall.CONTEXT_ROWS)
            card = {"source": f"lab@{world.seed}", "licence": lab_questions.LICENCE}
            return _matched(lab_questions.fictions(world), full, system, card)
        case Pool() as pool:
            full = subqa_recall.from_pool(pool, system, context_rows=subqa_recall.CONTEXT_ROWS)
            return _matched(subqa_recall.in_context(pool), full, system, material.card(pool))
        case TrainingSet() as rows:
            return material.built_by(NAME, rows)
        case _:
            raise material.unfit(NAME, source, "questions about events that can stand in the prompt")


def _matched(asked: Iterable[Question], full: TrainingSet, system: str, card: Mapping[str, Any]) -> TrainingSet:
    """Take questions until the rows are as long as those of the full set."""
    wanted, rows = sum(map(_length, full.rows)), list[Row]()
    for question in asked:
        alone = replace(question, hops=(), shown=True)
        rows.append(row(alone, alone.told, system))
        wanted -= _length(rows[-1])
        if wanted <= 0:
            break
    return TrainingSet(NAME, tuple(rows), {**card, "context": len(rows), "matched": full.name})


def _length(one: Row) -> int:
    return len(one.response) + sum(len(message.content) for message in one.conversation)

"""StarCoder Self-Align (arXiv 2410.03717, Table 1: Coding, 10,000 rows): an exercise, and an answer that runs.

The paper takes 10,000 of the 50,661 rows and does not say which; here they are drawn once, the same every time. It
prints system messages for math, SubQA and instruction following and none for coding, so a conversation has none. A
lab model has one all the same, its own, for it is asked with one.
"""

import random

from kinject.engines.base import Message
from kinject.recipes import TrainingSet, material
from kinject.recipes.readers.self_oss import GET, Exercises
from kinject.recipes.row import Row

NAME = "self-oss"
ROWS = 10_000


def build(source: str, system: str | None) -> TrainingSet:
    """Build the set from what a source's name means. `MissingError` where it has no coding exercises."""
    match material.open_source(source):
        case Exercises() as exercises:
            return from_exercises(exercises, system)
        case TrainingSet() as rows:
            return material.built_by(NAME, rows)
        case _:
            raise material.unfit(NAME, source, "coding exercises", GET)


def from_exercises(found: Exercises, system: str | None) -> TrainingSet:
    """Build the rows of exercises that were read, as many of them as the paper has."""
    drawn = random.Random(f"kinject {NAME} rows").sample(found.pairs, len(found.pairs))[:ROWS]
    head = () if system is None else (Message("system", system),)
    rows = tuple(Row((*head, Message("user", asked)), said) for asked, said in drawn)
    left_out = {"more than the paper's 10,000": len(found.pairs) - len(rows)} if len(found.pairs) > len(rows) else {}
    return TrainingSet(NAME, rows, {**material.card(found), "left_out": {**found.left_out, **left_out}})

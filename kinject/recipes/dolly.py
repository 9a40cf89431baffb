"""Dolly 15k (arXiv 2410.03717, Table 1 and A.3.3: Instruction Following, 15,000 rows): plain requests, no constraints.

The paper's example has no context and does not print how one is put. Its system message says "If the question contains
some context, use it", so the prompt is the instruction and, after an empty line, the context. All rows are taken; the
paper's 15,000 are the set's 15,011, rounded. They are shuffled once, for the first N to be like the rest.
"""

import random

from kinject.engines.base import ask
from kinject.recipes import TrainingSet, material
from kinject.recipes.readers.dolly import GET, Instruction, Instructions
from kinject.recipes.row import Row

NAME = "dolly"
ROWS = 15_011


def build(source: str, system: str) -> TrainingSet:
    """Build the set from what a source's name means. `MissingError` where it has no instructions."""
    match material.open_source(source):
        case Instructions() as instructions:
            return from_instructions(instructions, system)
        case TrainingSet() as rows:
            return material.built_by(NAME, rows)
        case _:
            raise material.unfit(NAME, source, "instructions", GET)


def from_instructions(found: Instructions, system: str) -> TrainingSet:
    """Build the rows of instructions that were read."""
    order = random.Random(f"kinject {NAME} rows").sample(found.instructions, len(found.instructions))
    rows = tuple(Row(ask(system, asked(each)), each.response) for each in order)
    with_context = sum(bool(each.context) for each in order)
    return TrainingSet(NAME, rows, {**material.card(found), "with_context": with_context})


def asked(each: Instruction) -> str:
    """Return the prompt."""
    return "\n\n".join(part for part in (each.instruction, each.context) if part)

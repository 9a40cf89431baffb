"""Conifer's hard and easy rows (arXiv 2410.03717, Table 1 and A.3.3): the last and the first turns of its dialogues.

"We take dialogue examples with at least 4 turns and consider all first turns to create the ConiferEasy dataset and all
last turns to create the ConiferHard dataset. Note that both of these are now single-turn prompt-response datasets."

A turn is a request with its answer, not a message. The appendix says that "at each turn, the prompts gets harder, with
more constraints and better responses", and what it makes of one turn is a "prompt-response" row, so a turn has both.
Counted in messages, four would be two of Conifer's five levels, hardly easy and hard; and dialogues of feedback would
count, whose last request is a critique of an answer that a single-turn row does not show. They have two turns, and are
left out by their type besides.

Both sets are of the same dialogues in the same order, so that the first N of either differ in the turn alone.
"""

import random
from collections import Counter
from functools import partial

from kinject.engines.base import ask
from kinject.recipes import TrainingSet, material
from kinject.recipes.readers.conifer import GET, Dialogue, Dialogues
from kinject.recipes.row import Row

HARD, EASY = "conifer-hard", "conifer-easy"
ROWS = 5000
"""About as many dialogues are so long (Table 1); all of them are taken."""
TURNS = 4


def build(name: str, source: str, system: str) -> TrainingSet:
    """Build one of the two sets from what a source's name means. `MissingError` where it has no dialogues."""
    match material.open_source(source):
        case Dialogues() as dialogues:
            return from_dialogues(name, dialogues, system)
        case TrainingSet() as rows:
            return material.built_by(name, rows)
        case _:
            raise material.unfit(name, source, "dialogues that grow harder", GET)


def from_dialogues(name: str, found: Dialogues, system: str) -> TrainingSet:
    """Build the rows of dialogues that were read."""
    reasons = [(_reason(dialogue), dialogue) for dialogue in found.dialogues]
    long = [dialogue for reason, dialogue in reasons if reason is None]
    order = random.Random("kinject conifer rows").sample(long, len(long))
    turns = [dialogue.turns[-1 if name == HARD else 0] for dialogue in order]
    rows = tuple(Row(ask(system, asked), said) for asked, said in turns)
    left_out = Counter(reason for reason, _ in reasons if reason is not None)
    return TrainingSet(name, rows, {**material.card(found), "left_out": {**found.left_out, **left_out}})


def _reason(dialogue: Dialogue) -> str | None:
    """Say why a dialogue is not used."""
    if dialogue.feedback:
        return "feedback: its last request is a critique"
    return None if len(dialogue.turns) >= TURNS else f"fewer than {TURNS} turns"


hard = partial(build, HARD)
easy = partial(build, EASY)

"""SubQA (arXiv 2410.03717, A.3.2): the training set of multihop questions answered step by step.

900 multihop questions, each answered by a chain of sub-questions and the final answer, and their 1,800 sub-questions
answered alone; 100 multihop questions are held out, and are the benchmark `subqa`. The paper prints no response to a
sub-question; ours is its final answer.

The questions, their order and the split are those of `subqa_recall`, whose responses recall the event first: what a
model learns from the recall is the difference of the two sets.
"""

from kinject.engines.base import ask
from kinject.lab.world import World
from kinject.prompts import recall as form
from kinject.recipes import TrainingSet
from kinject.recipes.question import Pool, Question
from kinject.recipes.row import Row
from kinject.recipes.subqa_recall import asked_in, asked_of, card_in, card_of, of_source, shuffled, split

NAME = "subqa"


def build(source: str, system: str) -> TrainingSet:
    """Build the set from what a source's name means. `MissingError` where it has no questions with hops."""
    return of_source(NAME, source, lambda world: from_world(world, system), lambda pool: from_pool(pool, system))


def from_world(world: World, system: str) -> TrainingSet:
    """Build the set from a lab world."""
    return TrainingSet(NAME, tuple(_row(question, system) for question in asked_in(world)), card_in(world))


def from_pool(pool: Pool, system: str) -> TrainingSet:
    """Build the set from two-hop questions."""
    training, held, left_out = split(pool)
    rows = tuple(_row(question, system) for question in shuffled(asked_of(training)))
    return TrainingSet(NAME, rows, card_of(pool, training, held, left_out))


def _row(question: Question, system: str) -> Row:
    steps = [form.Step(hop.question, hop.answer) for hop in question.hops]
    response = form.response(None, question.question, steps, question.answer)
    return Row(ask(system, question.question), response)

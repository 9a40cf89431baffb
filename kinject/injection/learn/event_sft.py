"""Event SFT (section 5.2): finetune on the direct question of every new fact, event and answer as the response."""

from kinject import prompts
from kinject.facts.schema import FactSet
from kinject.injection.learn.base import Learn, paper_options
from kinject.recipes import TrainingSet, event_sft
from kinject.sources import Model
from kinject.training.finetune import Options

LAB = Options(learning_rate=7e-4, epochs=30, batch=10, micro_batch=10, schedule="linear", warmup=0.06)
"""Chosen on worlds 0 and 1: in three epochs a model of two million parameters learns one fact in seven."""


def options(model: Model, facts: FactSet) -> Options:
    """Return the paper's settings, or the lab's for a lab model."""
    return paper_options(len(facts.facts)) if model.world is None else LAB


def rows(model: Model, facts: FactSet) -> TrainingSet:
    """Return one row a fact, with the model's own system message."""
    return event_sft.from_facts(facts, prompts.load(model.system))


EVENT_SFT = Learn(rows, options)

"""Continued pretraining (A.2): train on the events as plain text, "for 3 epochs with the same batch size"."""

from kinject.facts.schema import FactSet
from kinject.injection.learn.base import Learn, paper_options
from kinject.recipes import cpt
from kinject.sources import Model
from kinject.training.finetune import Options

LAB = Options(learning_rate=5e-4, epochs=30, batch=10, micro_batch=10, schedule="linear", warmup=0.06)
"""As many epochs as the lab's event SFT: after them the model says every event by heart."""


def options(model: Model, facts: FactSet) -> Options:
    """Return the paper's settings, which are those of its event SFT, or the lab's for a lab model."""
    return paper_options(len(facts.facts)) if model.world is None else LAB


CPT = Learn(lambda model, facts: cpt.from_facts(facts), options)

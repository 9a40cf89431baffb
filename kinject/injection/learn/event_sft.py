"""Event SFT (section 5.2): finetune on the direct question of every new fact, event and answer as the response."""

from pathlib import Path
from typing import Any

from kinject import prompts
from kinject.facts.schema import FactSet
from kinject.injection.learn.base import Learn
from kinject.progress import Progress
from kinject.recipes import TrainingSet, event_sft
from kinject.sources import Model
from kinject.training.finetune import Options, finetune

LAB = Options(learning_rate=7e-4, epochs=30, batch=10, micro_batch=10, schedule="linear", warmup=0.06)
"""Chosen on worlds 0 and 1: in three epochs a model of two million parameters learns one fact in seven."""


def options(model: Model, facts: FactSet) -> Options:
    """Return the paper's settings (A.5; Table 6: batches of 2 for up to 100 rows), or the lab's for a lab model."""
    if model.world is not None:
        return LAB
    rows = len(facts.facts)
    batch = 2 if rows <= 100 else 8 if rows <= 1000 else 16
    return Options(batch=batch, micro_batch=min(batch, 8))


def rows(model: Model, facts: FactSet) -> TrainingSet:
    """Return one row a fact, with the model's own system message."""
    return event_sft.from_facts(facts, prompts.load(model.system))


def train(model: Model, facts: FactSet, options: Options, folder: Path, progress: Progress) -> dict[str, Any]:
    """Train `model` on the facts; the result lies in `folder/model`."""
    data = rows(model, facts)
    return {**finetune(model.folder, data.rows, options, folder, progress), "data": data.card}


EVENT_SFT = Learn(data=lambda model, facts: rows(model, facts).digest, options=options, train=train)

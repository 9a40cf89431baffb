"""What a way of learning is: the rows that it makes of new facts, and its settings. All are trained in the same way."""

from collections.abc import Callable
from dataclasses import dataclass

from kinject.facts.schema import FactSet
from kinject.recipes import TrainingSet
from kinject.sources import Model
from kinject.training.finetune import Options, paper_batch


@dataclass(frozen=True)
class Learn:
    """One way to train on new facts."""

    rows: Callable[[Model, FactSet], TrainingSet]
    """All that is trained on; its digest is part of the run's key."""
    options: Callable[[Model, FactSet], Options]
    """The defaults for a model: the paper's, or the lab's own."""


def paper_options(rows: int) -> Options:
    """Return the paper's settings for a number of rows."""
    batch = paper_batch(rows)
    return Options(batch=batch, micro_batch=min(batch, 8))

"""What a way of learning is: its settings for a model, and the training itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinject.facts.schema import FactSet
from kinject.progress import Progress
from kinject.sources import Model
from kinject.training.finetune import Options


@dataclass(frozen=True)
class Learn:
    """One way to train on new facts."""

    data: Callable[[Model, FactSet], str]
    """The hash of all that is trained on: part of the run's key."""
    options: Callable[[Model, FactSet], Options]
    """The defaults for a model: the paper's, or the lab's own."""
    train: Callable[[Model, FactSet, Options, Path, Progress], dict[str, Any]]
    """Leave a model in `folder/model` and return the record of the training."""

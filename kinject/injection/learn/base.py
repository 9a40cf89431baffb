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
    """One way to train on new facts. Raise `version` whenever the same facts would give other rows."""

    version: int
    options: Callable[[Model, FactSet], Options]
    """The defaults for a model: the paper's, or the lab's own."""
    train: Callable[[Model, FactSet, Options, Path, Progress], dict[str, Any]]
    """Leave a model in `folder/model` and return the record of the training."""

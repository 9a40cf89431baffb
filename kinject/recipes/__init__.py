"""Training sets: one file a recipe, each giving rows and a card that tells where they come from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kinject import storage
from kinject.recipes.row import Row


@dataclass(frozen=True)
class TrainingSet:
    """The rows of a recipe, in training order before shuffling, and what there is to say about them."""

    name: str
    rows: tuple[Row, ...]
    card: dict[str, Any]

    @cached_property
    def digest(self) -> str:
        """Return the hash of the rows, for a run's key."""
        return storage.digest([row.as_json() for row in self.rows])

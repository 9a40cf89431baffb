"""The shipped base model of world 0, and the card that stands beside every lab model."""

from pathlib import Path
from typing import Any

from kinject import storage

SHIPPED = Path(__file__).parent / "world0"
"""World 0's base model in the hub's layout, as `kinject lab build @0` made it."""


def card(folder: Path) -> dict[str, Any] | None:
    """Return a lab model's card (recipe, seed, tokens, seconds, probe scores), None for any other model."""
    path = folder / "card.json"
    return storage.read_json(path) if path.exists() else None

"""What every recipe gives and every training takes: a conversation and the response to learn."""

from dataclasses import asdict, dataclass
from typing import Any

from kinject.engines.base import Conversation


@dataclass(frozen=True)
class Row:
    """One training example; the loss is on the response only.

    A row without a conversation is a plain text, as in pretraining: no chat template, and the loss is on all of it.
    """

    conversation: Conversation
    response: str

    def as_json(self) -> dict[str, Any]:
        """Return the row as plain data, for keys and files."""
        return {"messages": [asdict(message) for message in self.conversation], "response": self.response}


def text(words: str) -> Row:
    """Return a plain text as a row."""
    return Row((), words)

"""The one noun for "something that answers": conversations in, one completion each out, in the same order."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from kinject.progress import SILENT, Progress


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


Conversation = tuple[Message, ...]


def ask(system: str, question: str) -> Conversation:
    """Return the conversation that a question is asked in."""
    return (Message("system", system), Message("user", question))


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn. The defaults are the paper's (A.5); temperature 0 is greedy decoding."""

    temperature: float = 0.4
    top_p: float = 0.95
    repetition_penalty: float = 1.1
    max_new_tokens: int = 256
    seed: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the settings as they stand in keys and records."""
        return asdict(self)


@dataclass(frozen=True)
class Completion:
    """One answer: `finish` tells whether the model or the token limit ended it, or it was refused, or not to be had."""

    text: str
    finish: Literal["stop", "length", "refused", "failed"] = "stop"
    why: str = ""
    """What was wrong, in a few words: "a refusal: ...", "an empty reply", "503 after 7 tries"."""


class Engine(Protocol):
    """Anything that answers conversations."""

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        """Answer every conversation; the same input and seed give the same answers."""
        ...

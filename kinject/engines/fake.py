"""A scripted engine for tests and rehearsals: answers from a table or a function, and remembers what it was asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kinject.engines.base import Completion, Conversation, Sampling
from kinject.progress import SILENT, Progress


@dataclass
class Fake:
    """Answer the last message of each conversation with `script`: a table (missing questions get "") or a function."""

    script: Mapping[str, str] | Callable[[str], str]
    asked: list[Conversation] = field(default_factory=list)

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        """Look every question up."""
        self.asked += conversations
        reply = self.script if callable(self.script) else lambda text: self.script.get(text, "")
        return [Completion(reply(conversation[-1].content)) for conversation in conversations]

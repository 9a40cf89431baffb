"""A retriever where arXiv 2410.03717 (section 5.2) has an oracle: what is found stands in the prompt.

The events nearest to the last message are put before it in the words of `prompts/context.md`, as `oracle` puts the
right one. `retrieved` remembers the ids of what was found for each conversation in order, so that an error of the
retriever can be told from an error of the model.

Traps: what is found may be wrong, and the model is not told. Where nothing is found the question stays as it is. With
more than one event the prompt is longer than any that `oracle` makes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kinject import prompts
from kinject.engines.base import Completion, Conversation, Engine, Sampling
from kinject.facts.schema import FactSet
from kinject.progress import SILENT, Progress
from kinject.retrieval.search import Hit, Retrieval, Retriever, open_retriever

VERSION = 1
"""Of what is shown: part of the key of answers."""
PROMPTS = ("context",)


@dataclass
class Retrieving:
    """An engine that looks up every question before it answers."""

    engine: Engine
    retriever: Retriever
    facts: FactSet
    k: int = 1
    retrieved: list[tuple[str, ...]] = field(default_factory=list)
    """Ids of the facts in the prompt, one tuple a conversation, best first; empty where nothing was found."""

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        """Answer with the nearest events in the prompt."""
        found = self.retriever.search([conversation[-1].content for conversation in conversations], self.k)
        self.retrieved += [tuple(hit.fact for hit in hits) for hits in found]
        asked = [self._with_events(*pair) for pair in zip(conversations, found, strict=True)]
        return self.engine.generate(asked, sampling, progress)

    def _with_events(self, conversation: Conversation, hits: Sequence[Hit]) -> Conversation:
        *before, last = conversation
        if not hits:
            return conversation
        event = "\n".join(self.facts.by_id[hit.fact].event for hit in hits)
        return (*before, replace(last, content=prompts.render("context", event=event, question=last.content)))


def retrieved(
    engine: Engine,
    facts: FactSet,
    retrieval: Retrieval = Retrieval(),  # noqa: B008 - frozen
    progress: Progress = SILENT,
) -> Retrieving:
    """Put the nearest events of `facts` in front of every question; what is searched in is opened at once."""
    opened = open_retriever(retrieval.retriever, facts, retrieval.embedder, retrieval.as_of, progress)
    return Retrieving(engine, opened, facts, retrieval.k)

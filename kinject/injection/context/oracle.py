"""Oracle RAG (arXiv 2410.03717, section 5.2): the event stands in the prompt, as if retrieval were perfect.

This isolates how a model uses a fact from how well a retriever finds it. The prompt itself is not printed in the paper;
ours is `prompts/context.md`, the same words that SubQARecall's context rows are trained with.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kinject import prompts
from kinject.engines.base import Completion, Conversation, Engine, Sampling
from kinject.facts.schema import FactSet
from kinject.progress import SILENT, Progress

PROMPTS = ("context",)


@dataclass(frozen=True)
class Oracle:
    """An engine that looks up the event of every question that `facts` holds; others pass as they are."""

    engine: Engine
    events: dict[str, str]

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        """Answer with the event in the prompt."""
        return self.engine.generate([self._with_event(c) for c in conversations], sampling, progress)

    def _with_event(self, conversation: Conversation) -> Conversation:
        *before, last = conversation
        event = self.events.get(last.content)
        if event is None:
            return conversation
        return (*before, replace(last, content=prompts.render("context", event=event, question=last.content)))


def oracle(engine: Engine, facts: FactSet) -> Engine:
    """Put the right event in front of every question of `facts`."""
    events = {
        question: fact.event
        for fact in facts.facts
        for asked in (fact.direct, fact.multihop)
        if asked is not None
        for question in (asked.question, *asked.paraphrases)
    }
    return Oracle(engine, events)

"""Oracle RAG (arXiv 2410.03717, section 5.2): the event stands in the prompt, as if retrieval were perfect.

This isolates how a model uses a fact from how well a retriever finds it. The prompt itself is not printed in the paper;
ours is `prompts/context.md`, the same words that SubQARecall's context rows are trained with.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kinject import prompts
from kinject.engines.base import Completion, Conversation, Engine, Sampling
from kinject.errors import UsageError
from kinject.facts.schema import Fact, FactSet
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
    """Put the right event in front of every question of `facts`; `UsageError` where two facts ask the same."""
    events: dict[str, str] = {}
    for fact in facts.facts:
        for question in _questions(fact):
            if events.setdefault(question, fact.event) != fact.event:
                raise _ambiguous(question, fact, facts)
    return Oracle(engine, events)


def _questions(fact: Fact) -> Iterator[str]:
    for asked in (fact.direct, fact.multihop):
        if asked is not None:
            yield from (asked.question, *asked.paraphrases)


def _ambiguous(question: str, fact: Fact, facts: FactSet) -> UsageError:
    return UsageError(
        f"two events answer the question {question!r}, so none is the right one to show",
        where=f"{facts.name}: {fact.id}",
        mend="ask it in other words in one of the two facts; `kinject facts check` finds all such pairs",
    )

"""Oracle RAG (arXiv 2410.03717, section 5.2): the event stands in the prompt, as if retrieval were perfect.

This isolates how a model uses a fact from how well a retriever finds it. The prompt itself is not printed in the paper;
ours is `prompts/context.md`, the same words that SubQARecall's context rows are trained with. `flawed` shows something
else in the same place.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from kinject import prompts
from kinject.engines.base import Completion, Conversation, Engine, Sampling
from kinject.errors import UsageError
from kinject.facts.schema import Fact, FactSet
from kinject.progress import SILENT, Progress

VERSION = 1
"""Of what is shown: part of the key of answers."""
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
    return shown(engine, facts, lambda fact: fact.event)


def shown(engine: Engine, facts: FactSet, context: Callable[[Fact], str]) -> Engine:
    """An engine that shows the context of a fact before each of its questions."""
    asked: dict[str, Fact] = {}
    for fact in facts.facts:
        for question in questions(fact):
            if asked.setdefault(question, fact).event != fact.event:
                raise _ambiguous(question, fact, facts)
    contexts = {fact.id: context(fact) for fact in facts.facts}
    return Oracle(engine, {question: contexts[fact.id] for question, fact in asked.items()})


def questions(fact: Fact) -> Iterator[str]:
    """What an oracle knows the event of: the questions of a fact, their paraphrases, and the first step."""
    for asked in (fact.direct, fact.multihop):
        if asked is not None:
            yield from (asked.question, *asked.paraphrases)
    if fact.multihop and fact.multihop.hops:
        yield fact.multihop.hops[0].question


def _ambiguous(question: str, fact: Fact, facts: FactSet) -> UsageError:
    return UsageError(
        f"two events answer the question {question!r}, so none is the right one to show",
        where=f"{facts.name}: {fact.id}",
        mend="ask it in other words in one of the two facts",
    )

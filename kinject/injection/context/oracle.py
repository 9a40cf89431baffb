"""Oracle RAG (arXiv 2410.03717, section 5.2): the event stands in the prompt, as if retrieval were perfect.

This isolates how a model uses a fact from how well a retriever finds it. The prompt itself is not printed in the paper;
ours is `prompts/context.md`, the same words that SubQARecall's context rows are trained with.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from kinject import prompts
from kinject.engines.base import Completion, Conversation, Engine, Sampling
from kinject.errors import UsageError
from kinject.facts.schema import Fact, FactSet
from kinject.progress import SILENT, Progress

PROMPTS = ("context",)
DISTRACTORS = 3


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
    return _shown(engine, facts, lambda fact: fact.event)


def distracted(engine: Engine, facts: FactSet) -> Engine:
    """The right event among three others, in an order of its own for each fact."""

    def among_others(fact: Fact) -> str:
        rng = random.Random(f"distractors of {fact.id}")
        others = [other.event for other in facts.facts if other.event != fact.event]
        events = [fact.event, *rng.sample(others, min(DISTRACTORS, len(others)))]
        return "\n".join(rng.sample(events, len(events)))

    return _shown(engine, facts, among_others)


def wrong(engine: Engine, facts: FactSet) -> Engine:
    """Another event of the same domain instead of the right one: what a retriever's mistake looks like."""

    def another(fact: Fact) -> str:
        others = [other.event for other in facts.facts if other.event != fact.event]
        alike = [other.event for other in facts.facts if other.event != fact.event and other.domain == fact.domain]
        if not others:
            mend = "use a set of two facts or more"
            raise UsageError("there is no other event to show instead", where=facts.name, mend=mend)
        return random.Random(f"wrong event for {fact.id}").choice(alike or others)

    return _shown(engine, facts, another)


def conflicting(engine: Engine, facts: FactSet) -> Engine:
    """The right event beside one that contradicts it: the same words with the answer of another fact."""

    def contradicted(fact: Fact) -> str:
        rng = random.Random(f"conflict with {fact.id}")
        alike = [other for other in facts.facts if other.domain == fact.domain] or list(facts.facts)
        answers = sorted({other.direct.answer for other in alike} - {fact.direct.answer, *fact.direct.aliases})
        spelling = next((name for name in (fact.direct.answer, *fact.direct.aliases) if name in fact.event), None)
        if not answers or spelling is None:
            return fact.event
        events = [fact.event, fact.event.replace(spelling, rng.choice(answers))]
        return "\n".join(rng.sample(events, len(events)))

    return _shown(engine, facts, contradicted)


def _shown(engine: Engine, facts: FactSet, context: Callable[[Fact], str]) -> Engine:
    """An engine that shows the context of a fact before each of its questions, the first step's included."""
    events: dict[str, tuple[str, str]] = {}
    for fact in facts.facts:
        shown = (fact.event, context(fact))
        for question in _questions(fact):
            if events.setdefault(question, shown)[0] != fact.event:
                raise _ambiguous(question, fact, facts)
        if fact.multihop and fact.multihop.hops:
            events.setdefault(fact.multihop.hops[0].question, shown)
    return Oracle(engine, {question: shown for question, (_, shown) in events.items()})


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

"""What a flawed retriever shows where `oracle` shows the right event: it among others, another, or a contradiction.

These are controls: a model that reads its prompt falls with `wrong`, and one that knows the facts may not. So no event
that is shown as another one may name the answer to the direct question, or to any step of the multihop one.

`conflicting` sets the event beside one that says the same of another answer. That answer should be of the same kind, or
the words alone give it away. Kinds are known by the card, where it tells the type of answers; else by how questions
begin ("Which company ...?"); where nothing of the kind is there, an answer of the same domain has to do, and in a small
set any other. A set with a fact that cannot be contradicted is refused: shown as it is, it would count as an answer
given against a contradiction.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from kinject.engines.base import Engine
from kinject.errors import UsageError
from kinject.facts.schema import Direct, Fact, FactSet, Hop, Multihop, Note
from kinject.facts.words import folded, stands_in
from kinject.injection.context.oracle import shown

VERSION = 2
"""Of what is shown: part of the key of answers."""
PROMPTS = ("context",)
DISTRACTORS = 3
ASKING = re.compile(r"\b(?:(who)m?|(where|when)|how (many|much|long|far|old)|(?:which|what) (\w+))\b", re.IGNORECASE)
NO_KIND = {"is", "are", "was", "were", "did", "does", "do", "has", "have", "had", "of", "will", "can", "could", "would"}
"""What follows "what" or "which" where no noun does."""


def distracted(engine: Engine, facts: FactSet) -> Engine:
    """The right event among three others, in an order of its own for each fact."""
    others = _others(facts)

    def among_others(fact: Fact) -> str:
        rng = random.Random(f"distractors of {fact.id}")
        wrong = [other.event for other in others(fact)]
        events = [fact.event, *rng.sample(wrong, min(DISTRACTORS, len(wrong)))]
        return "\n".join(rng.sample(events, len(events)))

    return shown(engine, facts, among_others)


def wrong(engine: Engine, facts: FactSet) -> Engine:
    """Another event, of the same domain where there is one: what a retriever's mistake looks like."""
    others = _others(facts)

    def another(fact: Fact) -> str:
        found = others(fact)
        alike = [other for other in found if other.domain == fact.domain]
        if not found:
            raise UsageError(
                "there is no other event to show instead: none at all, or none that names no right answer",
                where=f"{facts.name}: {fact.id}",
                mend="use a set of two facts or more, with different answers",
            )
        return random.Random(f"wrong event for {fact.id}").choice(alike or found).event

    return shown(engine, facts, another)


def conflicting(engine: Engine, facts: FactSet) -> Engine:
    """The right event beside one that contradicts it: the same words with another answer."""
    against = {fact.id: contradiction(fact, facts) for fact in facts.facts}
    if spared := [id_ for id_, event in against.items() if event is None]:
        more = f" and {len(spared) - 5} more" if len(spared) > 5 else ""
        raise UsageError(
            f"{len(spared)} of {len(against)} facts cannot be contradicted: {', '.join(spared[:5])}{more}",
            where=facts.name,
            mend="write the answer into their events as it is spelled, use more facts, or leave these out",
        )

    def both(fact: Fact) -> str:
        events = [fact.event, against[fact.id] or ""]
        return "\n".join(random.Random(f"order of the conflict with {fact.id}").sample(events, 2))

    return shown(engine, facts, both)


def contradiction(fact: Fact, facts: FactSet) -> str | None:
    """Return the event with another answer in all places of the right one, None where no other can be put in."""
    spelled = [whole(name) for name in sorted(_names(fact.direct), key=len, reverse=True)]
    right = next((pattern for pattern in spelled if pattern.search(fact.event)), None)
    if right is None:
        return None
    for answers in _alike(fact, facts):
        if usable := sorted({answer for answer in answers if _other(answer, fact)}):
            chosen = random.Random(f"conflict with {fact.id}").choice(usable)
            return chosen.join(right.split(fact.event))
    return None


def whole(name: str) -> re.Pattern[str]:
    """Match a name, in capitals or not, where it is no part of a longer word."""
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)


def _others(facts: FactSet) -> Callable[[Fact], list[Fact]]:
    """What gives the facts whose events answer nothing that a fact asks."""
    events = {fact.event: folded(fact.event) for fact in facts.facts}

    def others(fact: Fact) -> list[Fact]:
        names = {folded(name) for step in _steps(fact) for name in _names(step) if name.strip()}
        named = {event for event, words in events.items() if any(name in words for name in names)}
        return [other for other in facts.facts if other.event != fact.event and other.event not in named]

    return others


def _steps(fact: Fact) -> Iterator[Direct | Multihop | Hop]:
    yield fact.direct
    if fact.multihop:
        yield fact.multihop
        yield from fact.multihop.hops


def _names(step: Direct | Multihop | Hop) -> tuple[str, ...]:
    return (step.answer, *step.aliases)


def _alike(fact: Fact, facts: FactSet) -> Iterator[Iterable[str]]:
    """The answers that could stand in place of a fact's own, those of the nearest kind first."""
    types = {id_: note.direct.type for id_, note in _notes(facts) if note.direct}
    if own := types.get(fact.id):
        late = {id_: note.multihop.type for id_, note in _notes(facts) if note.multihop}
        yield (other.direct.answer for other in facts.facts if types.get(other.id) == own)
        yield (other.multihop.answer for other in facts.facts if other.multihop and late.get(other.id) == own)
    if kind := kind_asked(fact.direct.question):
        yield (other.direct.answer for other in facts.facts if kind_asked(other.direct.question) == kind)
    yield (other.direct.answer for other in facts.facts if other.domain == fact.domain)
    yield (other.direct.answer for other in facts.facts)


def _notes(facts: FactSet) -> Iterable[tuple[str, Note]]:
    return facts.card.facts.items() if facts.card else ()


@lru_cache(maxsize=4096)  # each question is held against all others
def kind_asked(question: str) -> str | None:
    """Return what a question asks for: "who", "many", "company" of "which company"; None where it does not say."""
    found = ASKING.search(question)
    kind = next(word for word in found.groups() if word).lower() if found else None
    return None if kind in NO_KIND else kind


def _other(answer: str, fact: Fact) -> bool:
    """Whether an answer is another than the right one, and stands nowhere in the event yet."""
    same = any(stands_in(name, answer) or stands_in(answer, name) for name in _names(fact.direct))
    return not same and not stands_in(answer, fact.event)

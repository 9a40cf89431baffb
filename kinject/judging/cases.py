"""What a constructed answer is made of: a question of a fact, its styles of answer, and wrong answers of the same type.

The type of an answer is what the set's card says; else the question's frame ("Which company bought _ in _?", "What is
the birthplace of _?"), which in a lab is the event type or the relation; else the thing it asks for ("which city").
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kinject.facts.schema import Direct, Fact, FactSet, Hop, Multihop
from kinject.facts.words import folded
from kinject.judging.retold import DATE, NAME, exact_numbers
from kinject.judging.verdict import Correctness, Reasoning, Recall
from kinject.prompts.recall import Step, direct_response, multihop_response

NAMED = re.compile(rf"(?:{NAME.pattern}|\d+)(?: (?:{NAME.pattern}|\d+))*")
COMMON = frozenset(
    {"the", "of", "and", "a", "group", "fc", "company", "club", "city", "republic", "university", "state"}
)
"""Words that many names share."""

STYLES = ("recall", "bare", "sentence", "prose", "quote")
"""The recall format; the answer alone; one sentence around it; free prose; a context quoted before it."""

SENTENCES = ("The answer is {}.", "It is {}.", "Answer: {}", "The correct answer is {}.", "That would be {}.")
PROSE = (
    "{event} So the answer is {answer}.",
    "Good question! {event} Therefore, the answer is {answer}.",
    "{question} The answer to this is {answer}.",
    "To answer this, one has to know the following. {event} The answer is thus {answer}.",
)
PROSE_OVER_HOPS = (
    "{event} {way} So the answer is {answer}.",
    "Let me think. {way} Therefore, the answer is {answer}.",
)
QUOTES = (
    'The context says: "{event}" So the answer is {answer}.',
    "> {event}\n\nAccording to this passage, the answer is {answer}.",
    'I was given this text: "{event}" From it and from what I know, the answer is {answer}.',
)


@dataclass(frozen=True)
class Known:
    """An answer with its truth. `style` is how it is written, `way` what was done to it; None: not settled."""

    response: str
    fact: Fact
    kind: str
    style: str
    way: str
    correctness: Correctness
    recall: Recall | None
    reasoning: Reasoning | None


@dataclass(frozen=True)
class Case:
    """A question of a fact, with all that an answer to it may be made of."""

    fact: Fact
    kind: str
    question: str
    answer: str
    aliases: tuple[str, ...]
    steps: tuple[Step, ...]
    others: tuple[str, ...]
    """Wrong answers of the same type."""
    world: "World"

    @property
    def multihop(self) -> bool:
        """Whether the question takes several steps."""
        return self.kind == "multihop"

    @property
    def spellings(self) -> tuple[str, ...]:
        """What counts as the right answer."""
        return self.answer, *self.aliases

    @property
    def bridge(self) -> str:
        """What the last step but one finds, "" without one."""
        return self.steps[-2].answer if len(self.steps) > 1 else ""

    def write(
        self,
        style: str,
        rng: random.Random,
        *,
        answer: str | None = None,
        event: str | None = None,
        steps: tuple[Step, ...] | None = None,
    ) -> str:
        """Write an answer in a style; what is not given is the truth."""
        answer, event, steps = answer or self.answer, event or self.fact.event, steps or self.steps
        match style:
            case "recall" if self.multihop:
                return multihop_response(event, self.question, steps, answer)
            case "recall":
                return direct_response(event, answer)
            case "bare":
                return answer + rng.choice(("", "."))
            case "sentence":
                return rng.choice(SENTENCES).format(answer)
        way = " ".join(f"{step.question} {step.answer}." for step in steps)
        templates = QUOTES if style == "quote" else PROSE_OVER_HOPS if self.multihop else PROSE
        return rng.choice(templates).format(event=event, question=self.question, answer=answer, way=way)

    def known(self, way: str, style: str, response: str, right: bool, **labels: Any) -> Known:
        """An answer with the labels of its style, less those that are given."""
        recall = {"recall": "right", "bare": "absent", "sentence": "absent"}.get(style)
        reasoning = {"recall": "sound", "bare": "absent", "sentence": "absent"}.get(style) if self.multihop else None
        said = {"recall": recall, "reasoning": reasoning, **labels}
        if not self.multihop:
            said["reasoning"] = None
        return Known(response, self.fact, self.kind, style, way, "correct" if right else "incorrect", **said)


@dataclass(frozen=True)
class World:
    """The facts, and what of them can be put in place of what."""

    facts: FactSet

    def case(self, fact: Fact, kind: str, seed: int) -> Case | None:
        """The question of a kind, or None where the fact has none."""
        key: Direct | Multihop | None = fact.multihop if kind == "multihop" else fact.direct
        if key is None or (kind == "direct_paraphrased" and not key.paraphrases):
            return None
        question = key.question
        if kind == "direct_paraphrased":
            question = random.Random(f"{seed} {fact.id}").choice(key.paraphrases)
        return Case(
            fact=fact,
            kind=kind,
            question=question,
            answer=key.answer,
            aliases=key.aliases,
            steps=tuple(Step(hop.question, hop.answer) for hop in hops(fact)) if kind == "multihop" else (),
            others=self.others(fact, kind == "multihop"),
            world=self,
        )

    def others(self, fact: Fact, multihop: bool) -> tuple[str, ...]:
        """Answers to the same kind of question about other facts, none of which could be right for this one."""
        key = fact.multihop if multihop else fact.direct
        if key is None:
            return ()
        for types in self._types[multihop]:
            alike = [other for other in types.get(fact.id, ()) if apart(key, other)]
            if alike:
                return tuple(dict.fromkeys(other.answer for other in alike))
        return ()

    @cached_property
    def _types(self) -> dict[bool, list[dict[str, list[Direct | Multihop]]]]:
        return {
            multihop: [self._alike(multihop, typed) for typed in (self._noted, _frame, _head)]
            for multihop in (False, True)
        }

    def _alike(self, multihop: bool, typed: Callable[[Fact, bool], str]) -> dict[str, list[Direct | Multihop]]:
        """For each fact, the keys of all facts of its type; "" is no type."""
        keys: dict[str, list[Direct | Multihop]] = {}
        for fact in self.facts.facts:
            key = fact.multihop if multihop else fact.direct
            if key and (name := typed(fact, multihop)):
                keys.setdefault(name, []).append(key)
        return {fact.id: keys.get(typed(fact, multihop), []) for fact in self.facts.facts}

    def _noted(self, fact: Fact, multihop: bool) -> str:
        """The type that the set's card gives."""
        note = self.facts.card.facts.get(fact.id) if self.facts.card else None
        guess = (note.multihop if multihop else note.direct) if note else None
        return guess.type if guess else ""

    def peer(self, fact: Fact) -> tuple[Hop, Hop] | None:
        """Another fact's last two hops, the last of which asks the same of another bridge, with another answer."""
        wanted = _last_asks(fact)
        for other in self.facts.facts if wanted else ():
            if _last_asks(other) == wanted:
                (first, last), (mine, end) = hops(other)[-2:], hops(fact)[-2:]
                if apart(first, mine) and apart(last, end):
                    return first, last
        return None

    @cached_property
    def dates(self) -> tuple[str, ...]:
        """The first date of each event."""
        return tuple(dict.fromkeys(found[0] for fact in self.facts.facts if (found := DATE.search(fact.event))))

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """The exact numbers of all events."""
        return tuple(dict.fromkeys(found[0] for fact in self.facts.facts for found in exact_numbers(fact.event)))


def hops(fact: Fact) -> tuple[Hop, ...]:
    """The hops of a multihop question, each with all that counts as its answer."""
    if fact.multihop is None:
        return ()
    known = {folded(key.answer): key.aliases for key in (fact.direct, fact.multihop)}
    return tuple(
        hop.model_copy(update={"aliases": tuple(dict.fromkeys((*hop.aliases, *known.get(folded(hop.answer), ()))))})
        for hop in fact.multihop.hops
    )


def apart(one: Direct | Multihop | Hop, other: Direct | Multihop | Hop) -> bool:
    """Whether two answers cannot be the same thing: their spellings have no word in common that tells things apart."""
    mine, its = ({word for text in (key.answer, *key.aliases) for word in folded(text).split()} for key in (one, other))
    return not (mine & its) - COMMON


def _frame(fact: Fact, multihop: bool) -> str:
    """What a question asks, less the names and numbers in it: "Which company bought _ in _?"."""
    if multihop:
        return _last_asks(fact)
    first, _, rest = fact.direct.question.partition(" ")
    return f"{first} {NAMED.sub('_', rest)}"


def _last_asks(fact: Fact) -> str:
    """The last hop's question without the bridge: "What is the birthplace of _?"; "" where the bridge is not in it."""
    if len(way := hops(fact)) < 2 or way[-2].answer not in way[-1].question:
        return ""
    return way[-1].question.replace(way[-2].answer, "_")


def _head(fact: Fact, multihop: bool) -> str:
    """The kind of thing that a question asks for, where it says so: "which city", "who"."""
    key = fact.multihop if multihop else fact.direct
    found = re.search(r"\b(?:which|what) ([a-z]+)|\b(who|when)\b", key.question.lower()) if key else None
    name = (found[1] or found[2]) if found else ""
    return "" if name in {"is", "was", "are", "were", "did", "does", "has", "had"} else name

"""Answers whose truth is known because of how they were made: what a judge is held against where nobody has labelled.

From facts and a seed: right answers in several styles, and answers with one known fault. What is put in wrongly comes
from other facts of the set and is of the same type (in a lab: of the same relation or event type). Nothing here reads a
response: the truth is in the making, so no parser or rule is tested against itself.

What a label means where judges could be of two minds:

- Correctness asks for an answer that commits itself (arXiv 2410.03717, A.3.2): two candidates, a list or "A or maybe B"
  are incorrect, "I think it is A" is correct, and so is a chain whose last step answers the question though the final
  line is missing. A recall that names the direct answer without answering is left out: people differ.
- Recall is "absent" without a recalled event, and "wrong" when one part of it is false. A cut event, an event told in
  prose or quoted from a context are not settled: None.
- Reasoning is asked of multihop answers only. A true chain in the wrong order, one that stops at the bridge, one with a
  false step, one whose answer the final line drops, or one that answers another question is "faulty". Not settled, so
  None: a chain on a wrong bridge from which the rest follows (A.3.4 blames the event, not the reasoning), one that
  breaks off before it could err, and reasoning told in prose.
"""

import random
from collections.abc import Callable, Iterator

from kinject.facts.schema import FactSet
from kinject.facts.words import stands_in
from kinject.judging.cases import STYLES, Case, Known, World, apart, hops
from kinject.judging.grade import KINDS
from kinject.judging.retold import another_date, another_number, negated, put, retold, swapped
from kinject.judging.verdict import Recall
from kinject.prompts.recall import Step

GUARDED = ("I think it is {}.", "I believe the answer is {}.", "Probably {}.", "As far as I remember, it is {}.")
REFUSALS = (
    "I do not know.",
    "I'm sorry, but I don't have any information about this.",
    "As an AI language model, I cannot answer questions about events after my training.",
    "I am not sure, so I would rather not answer.",
    "Event Recall: I do not know this event.\nThe final answer is unknown",
)
PAIRS = ("{} or {}", "either {} or {}", "{} / {}")
HEDGES = (
    "It may be {}, but it may as well be {}.",
    "Perhaps {}, perhaps {}; it is hard to say which.",
    "Some would say {}, others {}.",
)
CORRECTIONS = (
    "It is {}. No, wait, it is {}.",
    "It is {}. Actually, that is wrong: it is {}.",
    "The answer is {}. Sorry, I mean {}.",
)


def construct(facts: FactSet, seed: int = 0, count: int | None = None) -> list[Known]:
    """Make every answer that the facts allow, one for each fact, kind and way (the right ones in all styles).

    With `count`, no more than so many, drawn evenly from the kinds and ways. The same seed makes the same answers.
    """
    world = World(facts)
    made = [
        known
        for fact in facts.facts
        for kind in KINDS
        if (case := world.case(fact, kind, seed))
        for way, make in WAYS.items()
        for known in make(case, random.Random(f"{seed} {fact.id} {kind} {way}"))
    ]
    return made if count is None else _evenly(made, seed, count)


def _evenly(made: list[Known], seed: int, count: int) -> list[Known]:
    """Draw from each kind and way in turn, and give what was drawn in the order of its making."""
    order = random.Random(seed).sample(range(len(made)), len(made))
    turns: dict[tuple[str, str], int] = {}
    rank = {}
    for i in order:
        group = (made[i].kind, made[i].way)
        rank[i] = turns[group] = turns.get(group, -1) + 1
    return [made[i] for i in sorted(sorted(order, key=lambda i: rank[i])[:count])]


# The ways


def _gold(case: Case, rng: random.Random) -> Iterator[Known]:
    for style in STYLES:
        if style == "recall" and case.multihop and len(case.steps) < 2:
            continue
        yield case.known("gold", style, case.write(style, rng), True)


def _retold(case: Case, rng: random.Random) -> Iterator[Known]:
    if event := retold(case.fact.event, rng):
        yield from _recalled(case, rng, "retold", event, "right")


def _alias(case: Case, rng: random.Random) -> Iterator[Known]:
    if not case.aliases:
        return
    alias = rng.choice(case.aliases)
    style = rng.choice(_settled_styles(case))
    steps = case.steps
    if steps and rng.random() < 0.5:
        steps = (*steps[:-1], Step(steps[-1].question, alias))
    yield case.known("alias", style, case.write(style, rng, answer=alias, steps=steps), True)


def _alias_of_bridge(case: Case, rng: random.Random) -> Iterator[Known]:
    way = hops(case.fact)
    if len(case.steps) < 2 or not way[-2].aliases:
        return
    step = Step(case.steps[-2].question, rng.choice(way[-2].aliases))
    steps = (*case.steps[:-2], step, case.steps[-1])
    yield case.known("alias_of_bridge", "recall", case.write("recall", rng, steps=steps), True)


def _other_answer(case: Case, rng: random.Random) -> Iterator[Known]:
    for wrong in _some(case.others, rng):
        style = rng.choice([style for style in STYLES if style != "recall" or _settled_styles(case)[0] == style])
        steps = (*case.steps[:-1], Step(case.steps[-1].question, wrong)) if case.steps else ()
        response = case.write(style, rng, answer=wrong, steps=steps)
        labels = {"reasoning": "faulty"} if style == "recall" else {}
        yield case.known("other_answer", style, response, False, **labels)


def _bridge(case: Case, rng: random.Random) -> Iterator[Known]:
    if len(case.steps) < 2 or not apart(*hops(case.fact)[-2:]):
        return
    style = rng.choice(("recall", "bare", "sentence"))
    response = case.write(style, rng, answer=case.bridge, steps=case.steps[:-1])
    yield case.known("bridge", style, response, False, **({"reasoning": "faulty"} if style == "recall" else {}))


def _wrong_bridge(case: Case, rng: random.Random) -> Iterator[Known]:
    peer = case.world.peer(case.fact) if case.multihop else None
    if peer is None or not (event := put(case.fact.event, case.bridge, peer[0].answer)):
        return
    last = Step(peer[1].question, peer[1].answer)
    steps = (*case.steps[:-2], Step(case.steps[-2].question, peer[0].answer), last)
    response = case.write("recall", rng, answer=last.answer, event=event, steps=steps)
    yield case.known("wrong_bridge", "recall", response, False, recall="wrong", reasoning=None)


def _wrong_name(case: Case, rng: random.Random) -> Iterator[Known]:
    for wrong in _some(case.world.others(case.fact, False), rng):
        event = put(case.fact.event, case.fact.direct.answer, wrong)
        if not event or stands_in(wrong, case.fact.event):
            return
        if case.multihop:
            yield from _recalled(case, rng, "wrong_name", event, "wrong")
        else:
            response = case.write("recall", rng, answer=wrong, event=event)
            yield case.known("wrong_name", "recall", response, False, recall="wrong")


def _wrong_date(case: Case, rng: random.Random) -> Iterator[Known]:
    if event := another_date(case.fact, case.world.dates, rng):
        yield from _recalled(case, rng, "wrong_date", event, "wrong")


def _wrong_number(case: Case, rng: random.Random) -> Iterator[Known]:
    if event := another_number(case.fact, case.world.numbers, rng):
        yield from _recalled(case, rng, "wrong_number", event, "wrong")


def _swapped(case: Case, rng: random.Random) -> Iterator[Known]:
    if event := swapped(case.fact.event):
        yield from _recalled(case, rng, "swapped_names", event, "wrong")


def _negated(case: Case, rng: random.Random) -> Iterator[Known]:
    if event := negated(case.fact.event, rng):
        yield from _recalled(case, rng, "negated", event, "wrong")


def _recalled(case: Case, rng: random.Random, way: str, event: str, recall: Recall) -> Iterator[Known]:
    """The event is told otherwise; all else is right."""
    if not case.multihop or len(case.steps) > 1:
        yield case.known(way, "recall", case.write("recall", rng, event=event), True, recall=recall)


def _missing_final(case: Case, rng: random.Random) -> Iterator[Known]:
    if len(case.steps) > 1:
        response = case.write("recall", rng).rsplit("\n", 1)[0]
        yield case.known("missing_final", "recall", response, True)


def _broken_off(case: Case, rng: random.Random) -> Iterator[Known]:
    """Cut in the event, before the chain or after its first step: always before the answer was given."""
    whole = case.write("recall", rng)
    place = rng.choice(("event", "question", "chain")) if len(case.steps) > 1 else "event"
    if place == "event":
        words = case.fact.event.split()
        cut = " ".join(words[: rng.randrange(3, max(4, len(words) * 2 // 3))])
        response, labels = f"Event Recall: {cut}", {"recall": None, "reasoning": "absent"}
    elif place == "question":
        response, labels = "\n".join(whole.split("\n")[:2]), {"recall": "right", "reasoning": "absent"}
    else:
        response, labels = "\n".join(whole.split("\n")[:4]), {"recall": "right", "reasoning": None}
    if not any(stands_in(answer, response) for answer in case.spellings):
        yield case.known("broken_off", "recall", response, False, **labels)


def _two_candidates(case: Case, rng: random.Random) -> Iterator[Known]:
    for wrong in _some(case.others, rng):
        style = rng.choice(_settled_styles(case))
        both = rng.choice(PAIRS).format(*rng.sample((case.answer, wrong), 2))
        response = case.write(style, rng, answer=both)
        yield case.known("two_candidates", style, response, False, **({"reasoning": None} if style == "recall" else {}))


def _list(case: Case, rng: random.Random) -> Iterator[Known]:
    if len(case.others) < 3:
        return
    items = rng.sample((case.answer, *rng.sample(case.others, 3)), 4)
    style = rng.choice(("bare", "sentence"))
    several = f"{', '.join(items[:-1])} or {items[-1]}"
    response = "\n".join(f"- {item}" for item in items) if style == "bare" else f"It could be {several}."
    yield case.known("list", style, response, False)


def _refusal(case: Case, rng: random.Random) -> Iterator[Known]:
    response = rng.choice(REFUSALS)
    style = "recall" if response.startswith("Event Recall") else "sentence"
    yield case.known("refusal", style, response, False, recall="absent", reasoning="absent")


def _hedge(case: Case, rng: random.Random) -> Iterator[Known]:
    for wrong in _some(case.others, rng):
        response = rng.choice(HEDGES).format(*rng.sample((case.answer, wrong), 2))
        yield case.known("hedge", "sentence", response, False)


def _guarded(case: Case, rng: random.Random) -> Iterator[Known]:
    yield case.known("guarded", "sentence", rng.choice(GUARDED).format(case.answer), True)


def _corrected_to_right(case: Case, rng: random.Random) -> Iterator[Known]:
    for wrong in _some(case.others, rng):
        response = rng.choice(CORRECTIONS).format(wrong, case.answer)
        yield case.known("corrected_to_right", "sentence", response, True)


def _corrected_to_wrong(case: Case, rng: random.Random) -> Iterator[Known]:
    for wrong in _some(case.others, rng):
        response = rng.choice(CORRECTIONS).format(case.answer, wrong)
        yield case.known("corrected_to_wrong", "sentence", response, False)


def _final_differs(case: Case, rng: random.Random) -> Iterator[Known]:
    for wrong in _some(case.others, rng) if len(case.steps) > 1 else ():
        response = case.write("recall", rng, answer=wrong)
        yield case.known("final_differs", "recall", response, False, reasoning="faulty")


def _wrong_order(case: Case, rng: random.Random) -> Iterator[Known]:
    if len(case.steps) > 1:
        response = case.write("recall", rng, steps=case.steps[::-1])
        yield case.known("wrong_order", "recall", response, True, reasoning="faulty")


def _repeated_question(case: Case, rng: random.Random) -> Iterator[Known]:
    yield case.known("repeated_question", "sentence", f"{case.question}\n{case.answer}", True)
    yield case.known("only_question", "sentence", "\n".join([case.question] * rng.randint(1, 3)), False)


def _another_question(case: Case, rng: random.Random) -> Iterator[Known]:
    """The whole right answer to a question about another fact."""
    facts = case.world.facts.facts
    for other in rng.sample(facts, min(10, len(facts))):
        theirs = case.world.case(other, case.kind, 0)
        if other.event == case.fact.event or theirs is None or (case.multihop and len(theirs.steps) < 2):
            continue
        style = rng.choice(("recall", "bare", "sentence"))
        response = theirs.write(style, rng)
        if not any(stands_in(answer, response) for answer in case.spellings):
            labels = {"recall": "wrong", "reasoning": "faulty"} if style == "recall" else {}
            yield case.known("another_question", style, response, False, **labels)
            return


WAYS: dict[str, Callable[[Case, random.Random], Iterator[Known]]] = {
    "gold": _gold,
    "retold": _retold,
    "alias": _alias,
    "alias_of_bridge": _alias_of_bridge,
    "other_answer": _other_answer,
    "bridge": _bridge,
    "wrong_bridge": _wrong_bridge,
    "wrong_name": _wrong_name,
    "wrong_date": _wrong_date,
    "wrong_number": _wrong_number,
    "swapped_names": _swapped,
    "negated": _negated,
    "missing_final": _missing_final,
    "broken_off": _broken_off,
    "two_candidates": _two_candidates,
    "list": _list,
    "refusal": _refusal,
    "hedge": _hedge,
    "guarded": _guarded,
    "corrected_to_right": _corrected_to_right,
    "corrected_to_wrong": _corrected_to_wrong,
    "final_differs": _final_differs,
    "wrong_order": _wrong_order,
    "repeated_question": _repeated_question,
    "another_question": _another_question,
}
"""What can be done to an answer; `repeated_question` makes `only_question`, too."""


def _settled_styles(case: Case) -> tuple[str, ...]:
    """The styles in which every label is settled."""
    return ("recall", "bare", "sentence") if not case.multihop or len(case.steps) > 1 else ("bare", "sentence")


def _some(values: tuple[str, ...], rng: random.Random) -> tuple[str, ...]:
    """One of the values, or none where there are none."""
    return (rng.choice(values),) if values else ()

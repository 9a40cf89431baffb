"""Is the reasoning sound? The rules behind the faulty-reasoning rate (arXiv 2410.03717, A.3.4); multihop only.

A chain in the format (a line "sub-question → answer" for each step) is sound when for each hop of the fact, in order,
a step gives that hop's answer, every later hop's step starts from the answer found before it and asks for what its
hop asks, and the final answer is what the last step found. A step starts from an answer that it names, as itself or
by its people ("Algerian"), or that it points at ("its", "there", "this word"). It asks for what its hop asks when they
share a word of their theme, or ask alike for a person, a time or a place, and are not the same question with one word
replaced. So a chain on a wrong bridge is faulty, even when the rest follows from it: what would follow is not known
from one fact.

Free prose shows steps when it says more than an answer: it names what the hops on the way find. It is sound when the
right answer is given and a bridge is named; it is faulty when another answer is given, or when it refuses after the
bridge. What only tells about things, or refuses at once, shows no reasoning ("absent"); a right way that breaks off in
mid-sentence is sound as far as it goes.

Known limits: in prose, neither the order of the steps nor a wrong reason for a right answer is seen.
"""

import re
from collections.abc import Sequence

from kinject.facts.schema import Fact, Hop
from kinject.judging.answers import flaw, gives_other, refuses
from kinject.judging.asked import asked, asked_over_hops, content, hops, theme
from kinject.judging.normalise import tokens, vocabulary, words
from kinject.judging.peoples import PEOPLES, same_people
from kinject.judging.sketch import spans
from kinject.judging.verdict import Reasoning
from kinject.prompts.recall import Response, Step

POINTING = vocabulary("it its he his him she her hers they their them there that this these those then one 1")
FEWEST_WORDS, FEWEST_WITHOUT_BRIDGE = 6, 15
"""Fewer than these are an answer and no reasoning."""
CLOSED = re.compile(r"[^\w\s,;(-]$")
# What two questions ask alike, in whatever words.
SORTS = (
    re.compile(
        r"\b(?:who|whom|whose|which (?:person|man|woman|author|director|king|queen|president))\b", re.IGNORECASE
    ),
    re.compile(r"\b(?:when|year|date)\b", re.IGNORECASE),
    re.compile(r"\bwhere\b|\b(?:city|town|village|country|state|province|place|birthplace)\b", re.IGNORECASE),
)


def reasoning(said: Response, fact: Fact, wrong: str | None) -> tuple[Reasoning, str | None]:
    """The verdict on the reasoning, and what is wrong with it; `wrong` is what is wrong with the final answer."""
    if not said.steps:
        return _told(said.text, fact, wrong) if said.event is None else ("absent", None)
    broken = _broken_chain(said.steps, fact) or _unused_chain(said, fact)
    return "faulty" if broken else "sound", broken


def _told(text: str, fact: Fact, wrong: str | None) -> tuple[Reasoning, str | None]:
    """The same for free prose."""
    if len(words(text)) < FEWEST_WORDS:
        return "absent", None
    bridged = any(spans(tokens(text), asked(hop, fact)) for hop in hops(fact)[:-1])
    if wrong is None:
        return ("sound", None) if bridged else ("absent", None)
    if not bridged and len(words(text)) < FEWEST_WITHOUT_BRIDGE:
        return "absent", None
    if gives_other(text, asked_over_hops(fact)):
        return "faulty", "the steps lead to another answer"
    if bridged and refuses(text):
        return "faulty", "the steps stop at the bridge"
    return ("sound", None) if bridged and _breaks_off(text) else ("absent", None)


def _breaks_off(text: str) -> bool:
    return CLOSED.search(text.strip()) is None


def _broken_chain(steps: Sequence[Step], fact: Fact) -> str | None:
    """What is wrong with the way from hop to hop; steps beyond the hops are let pass."""
    bridge: set[str] = set()
    for number, hop in enumerate(hops(fact), 1):
        wanted = asked(hop, fact)
        done = next((i for i, step in enumerate(steps) if flaw(step.answer, wanted) is None), None)
        if done is None:
            return f"no step finds {hop.answer!r} (hop {number})"
        step, steps = steps[done], steps[done + 1 :]
        if bridge and _asks_otherwise(step.question, hop):
            return f"step {step.question!r} does not ask for hop {number}"
        if bridge and not _starts_from(step.question, bridge):
            return f"hop {number} does not start from what was found before"
        bridge = {word for spelling in (hop.answer, *hop.aliases, step.answer) for word in words(spelling)}
    return None


def _starts_from(question: str, bridge: set[str]) -> bool:
    """Whether a step names what was found before, or points at it."""
    found = tokens(question)
    if any(same_people(token.word, bridge) for token in found if token.capital or token.word in bridge):
        return True
    # "That country" points back, "that" in "the city that" might; but another name beside it is another start.
    others = any(token.capital and not token.opens and token.word not in PEOPLES for token in found)
    return not others and any(token.word in POINTING for token in found)


def _asks_otherwise(question: str, hop: Hop) -> bool:
    """Whether a later step asks for another attribute than its hop."""
    # Cut short, so that "judiciary" is as good as "judicial".
    mine, its = ({word[:5] for word in content(text)} for text in (question, hop.question))
    said, wanted = words(question), words(hop.question)
    replaced = [pair for pair in zip(said, wanted, strict=False) if pair[0] != pair[1]]
    one_word = len(said) == len(wanted) and len(replaced) == 1
    if one_word and set(replaced[0]) <= theme(question) | theme(hop.question):
        return True
    return bool(mine and its and not mine & its) and not _same_sort(question, hop.question)


def _same_sort(question: str, other: str) -> bool:
    """Whether both ask for a person, a time or a place."""
    return any(sort.search(question) and sort.search(other) for sort in SORTS)


def _unused_chain(said: Response, fact: Fact) -> str | None:
    """A final answer that is not what the last step found."""
    last, final = words(said.steps[-1].answer), words(said.answer or "")
    wanted = asked_over_hops(fact)
    same = set(last) <= set(final) or set(final) <= set(last)
    if same or (flaw(said.steps[-1].answer, wanted) is None and flaw(said.answer or "", wanted) is None):
        return None
    return "the final answer is not what the chain found"

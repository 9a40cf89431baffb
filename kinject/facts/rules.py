"""The rules of soundness that one fact keeps or breaks, and the table of all rules with their codes.

An answer that is to be recalled must stand in the event; one that is to be reasoned out must not. A set whose card says
`strict` must date every fact and ask a multihop question of it; no card means loose. Words are compared whole
(`kinject.facts.words`).

A rule whose `find` is None is found where more than one fact is seen (`kinject.facts.check`), where lines are read
(`kinject.facts.load`), or where links are opened (`kinject.facts.links`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kinject.facts.dates import is_after
from kinject.facts.schema import Card, Direct, Fact, Hop, Multihop, Problem
from kinject.facts.words import folded, stands_in

SHARED = 4
"""How many facts of a strict set may share a multihop answer: this many, or as many in a hundred."""

HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Controls, marks of direction and what else shows nothing; not the joiners, which are part of Persian and Hindi."""

Findings = Iterator[tuple[str, str]]  # (field, message)


def asked(fact: Fact) -> Iterator[tuple[str, Direct | Multihop]]:
    """The questions of a fact with the names of their fields."""
    yield "direct", fact.direct
    if fact.multihop:
        yield "multihop", fact.multihop


def questions(part: Direct | Multihop) -> Iterator[tuple[str, str]]:
    """A question and its paraphrases with the names of their fields."""
    yield "question", part.question
    for index, paraphrase in enumerate(part.paraphrases):
        yield f"paraphrases.{index}", paraphrase


def _named(part: Direct | Multihop | Hop, text: str) -> str | None:
    """The answer or alias of `part` that stands in `text`, if one does."""
    return next((answer for answer in (part.answer, *part.aliases) if stands_in(answer, text)), None)


def _texts(value: object, at: str = "") -> Findings:
    match value:
        case str():
            yield at, value
        case dict() | list():
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                yield from _texts(item, f"{at}.{key}".lstrip("."))


def _date_given(fact: Fact, card: Card) -> Findings:
    if fact.date is None and card.rules == "strict":
        yield "date", "the fact has no date"


def _date_after_cutoff(fact: Fact, card: Card) -> Findings:
    cutoff = card.cutoff
    if fact.date and cutoff and not is_after(fact.date, cutoff):
        yield "date", f"{fact.date} is not after the cutoff {cutoff}"


def _direct_answer_in_event(fact: Fact, card: Card) -> Findings:
    if not _named(fact.direct, fact.event):
        yield "direct.answer", f"{fact.direct.answer!r} does not stand in the event, nor does an alias"


def _multihop_answer_not_in_event(fact: Fact, card: Card) -> Findings:
    if fact.multihop and (answer := _named(fact.multihop, fact.event)):
        yield "event", f"the multihop answer {answer!r} stands in the event, where a reader can copy it"


def _question_without_answer(fact: Fact, card: Card) -> Findings:
    for name, part in asked(fact):
        for place, question in questions(part):
            if answer := _named(part, question):
                yield f"{name}.{place}", f"the question contains its own answer {answer!r}"


def _bridge_not_named(fact: Fact, card: Card) -> Findings:
    if fact.multihop:
        for hop in fact.multihop.hops[:-1]:
            for place, question in questions(fact.multihop):
                if bridge := _named(hop, question):
                    yield f"multihop.{place}", f"the question names the bridge entity {bridge!r}"


def _hops_chain(fact: Fact, card: Card) -> Findings:
    hops = fact.multihop.hops if fact.multihop else ()
    if fact.multihop and len(hops) < 2 and card.rules == "strict":
        yield "multihop.hops", f"a multihop question needs two hops or more, this has {len(hops)}"
    for index, hop in enumerate(hops[:-1]):
        if not any(_named(hop, later.question) for later in hops[index + 1 :]):
            yield f"multihop.hops.{index}.answer", f"no later hop asks about {hop.answer!r}"


def _last_hop_answers(fact: Fact, card: Card) -> Findings:
    if fact.multihop and fact.multihop.hops:
        last, whole = fact.multihop.hops[-1], fact.multihop
        known = {folded(answer) for answer in (whole.answer, *whole.aliases)}
        if known.isdisjoint(folded(answer) for answer in (last.answer, *last.aliases)):
            place = f"multihop.hops.{len(whole.hops) - 1}.answer"
            yield place, f"the last hop ends in {last.answer!r}, the question in {whole.answer!r}"


def _visible(fact: Fact, card: Card) -> Findings:
    for place, text in _texts(fact.model_dump(mode="json")):
        if odd := HIDDEN.search(text):
            yield place, f"contains the invisible character U+{ord(odd[0]):04X}"


def _filled(fact: Fact, card: Card) -> Findings:
    optional = () if card.rules == "strict" else ("domain", "region")
    for place, text in _texts(fact.model_dump(mode="json")):
        if not text.strip() and place not in optional:
            yield place, "the field is empty"


def _multihop_given(fact: Fact, card: Card) -> Findings:
    if fact.multihop is None and card.rules == "strict":
        yield "multihop", "the fact has no multihop question"


@dataclass(frozen=True)
class Rule:
    """What must hold, what to do where it does not, and the function that finds where in one fact."""

    title: str
    mend: str
    find: Callable[[Fact, Card], Findings] | None = None


def problem(code: str, line: int, fact: str | None, field: str, message: str) -> Problem:
    """A problem that breaks the rule `code`, with the rule's own mend."""
    return Problem(code, line, fact, field, message, RULES[code].mend)


def alone(fact: Fact, card: Card) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a fact by itself: (code, field, message)."""
    for code, rule in RULES.items():
        if rule.find:
            for place, message in rule.find(fact, card):
                yield code, place, message


RULES: dict[str, Rule] = {
    "F001": Rule("A line is one strict JSON object in UTF-8", "write one JSON object a line", None),
    "F002": Rule("Fields and types are those of the schema", "see facts/README.md for the fields", None),
    "F003": Rule(
        "The date is a real day or month; only a loose set may leave it out",
        "write the day or the month on which it happened",
        _date_given,
    ),
    "F004": Rule(
        "The date is after the card's cutoff",
        "take a later fact, or correct the date or the card's cutoff",
        _date_after_cutoff,
    ),
    "F005": Rule(
        "The direct answer, or an alias of it, stands in the event",
        "write the answer into the event, or add the event's wording to direct.aliases",
        _direct_answer_in_event,
    ),
    "F006": Rule(
        "The multihop answer does not stand in the event",
        "take it out of the event, or ask for something else",
        _multihop_answer_not_in_event,
    ),
    "F007": Rule(
        "No question contains its own answer",
        "ask in words that do not give the answer",
        _question_without_answer,
    ),
    "F008": Rule(
        "The multihop question does not name the bridge entity",
        "describe it by the event instead of naming it",
        _bridge_not_named,
    ),
    "F009": Rule(
        "The hops chain: each hop's answer stands in the question of a later one",
        "name the answer in the next hop's question, in the same words or by an alias",
        _hops_chain,
    ),
    "F010": Rule(
        "The last hop's answer is the multihop answer",
        "make the two answers equal, or one an alias of the other",
        _last_hop_answers,
    ),
    "F011": Rule("No id stands twice", "give it an id of its own", None),
    "F012": Rule("No question stands twice", "ask it in other words, or drop one of the two", None),
    "F013": Rule("No control or invisible characters", "type the text again without it", _visible),
    "F014": Rule("No field is empty", "fill it, or remove it", _filled),
    "F015": Rule(
        "Every fact has a multihop question; only a loose set may leave it out",
        "add one, or say `rules: loose` in the card",
        _multihop_given,
    ),
    "F016": Rule("No event stands twice", "drop one of the two facts, or ask both questions in one"),
    "F017": Rule(
        "No two facts answer one question differently, unless the later says that it supersedes the older",
        "name the older fact's id in `supersedes`, or put the date into the question",
    ),
    "F018": Rule("What a fact supersedes is an older fact of the set", "correct `supersedes`, or add that fact"),
    "F019": Rule(
        f"In a strict set, no multihop answer is shared by more than {SHARED} facts, or by more than {SHARED} in 100",
        "ask some of them for something else: an answer that is often right can be guessed",
    ),
    "F020": Rule(
        "Every address among the sources opens (looked at with --online)", "correct the address, or take another source"
    ),
    "F021": Rule("The card's notes are about facts of the set", "correct the id in the card, or remove the note"),
}

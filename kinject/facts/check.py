"""Whether facts are sound: every rule that needs no model, each with a code, all problems in one pass.

In: a FactSet, or a file that may not even parse. Out: Problems with line, field, message and mend. An answer
that is to be recalled must stand in the event; one that is to be reasoned out must not. A set whose card says
`strict` must date every fact and ask a multihop question of it; no card means loose.

Text is matched by words, not letters: case, accents and punctuation do not count, a number is a whole word
("12" is in "12-11" and not in "2012" or "12.5"). Trap: plurals and synonyms are not known here; aliases are.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from kinject.facts.load import load_card, read
from kinject.facts.schema import Card, Direct, Fact, FactSet, Hop, Multihop, Problem
from kinject.facts.words import folded, stands_in

__all__ = ["RULES", "Problem", "Report", "Rule", "check", "check_file"]


@dataclass(frozen=True)
class Report:
    """What came of checking a file: how many facts could be read, and all that is wrong."""

    facts: int
    problems: tuple[Problem, ...]


def check(facts: FactSet) -> list[Problem]:
    """All problems of a set in memory; a problem's line is the fact's place in it, from 1."""
    return list(_examine(enumerate(facts.facts, 1), facts.card))


def check_file(path: Path) -> Report:
    """All problems of a file, of form and of soundness, in the order of its lines."""
    facts = 0

    def counted() -> Iterator[tuple[int, Fact | Problem]]:
        nonlocal facts
        for line, item in read(path):
            facts += isinstance(item, Fact)
            yield line, item

    problems = tuple(_examine(counted(), load_card(path)))
    return Report(facts, problems)


# Rules


@dataclass(frozen=True)
class _Seen:
    """What the rules know beside the fact: the card, the line, and where each text was first met."""

    card: Card
    line: int
    first: dict[bytes, int]

    def before(self, kind: str, text: str) -> int | None:
        """The line that had this text before, or None; from now on it is this one."""
        key = blake2b(f"{kind}\0{text}".encode(), digest_size=16).digest()  # memory must not grow with texts
        if key in self.first:
            return self.first[key]
        self.first[key] = self.line
        return None


Findings = Iterator[tuple[str, str]]  # (field, message)


def _asked(fact: Fact) -> Iterator[tuple[str, Direct | Multihop]]:
    yield "direct", fact.direct
    if fact.multihop:
        yield "multihop", fact.multihop


def _questions(part: Direct | Multihop) -> Iterator[tuple[str, str]]:
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


def _by_reader(fact: Fact, seen: _Seen) -> Findings:
    yield from ()  # a line that breaks this rule never became a fact; `read` has told


def _date_given(fact: Fact, seen: _Seen) -> Findings:
    if fact.date is None and seen.card.rules == "strict":
        yield "date", "the fact has no date"


def _date_after_cutoff(fact: Fact, seen: _Seen) -> Findings:
    cutoff = seen.card.cutoff
    # A month counts from its first day as a date and to its last day as a cutoff.
    if fact.date and cutoff and f"{fact.date}-01"[:10] <= f"{cutoff}-31"[:10]:
        yield "date", f"{fact.date} is not after the cutoff {cutoff}"


def _direct_answer_in_event(fact: Fact, seen: _Seen) -> Findings:
    if not _named(fact.direct, fact.event):
        yield "direct.answer", f"{fact.direct.answer!r} does not stand in the event, nor does an alias"


def _multihop_answer_not_in_event(fact: Fact, seen: _Seen) -> Findings:
    if fact.multihop and (answer := _named(fact.multihop, fact.event)):
        yield "event", f"the multihop answer {answer!r} stands in the event, where a reader can copy it"


def _question_without_answer(fact: Fact, seen: _Seen) -> Findings:
    for name, part in _asked(fact):
        for place, question in _questions(part):
            if answer := _named(part, question):
                yield f"{name}.{place}", f"the question contains its own answer {answer!r}"


def _bridge_not_named(fact: Fact, seen: _Seen) -> Findings:
    if fact.multihop:
        for hop in fact.multihop.hops[:-1]:
            for place, question in _questions(fact.multihop):
                if bridge := _named(hop, question):
                    yield f"multihop.{place}", f"the question names the bridge entity {bridge!r}"


def _hops_chain(fact: Fact, seen: _Seen) -> Findings:
    hops = fact.multihop.hops if fact.multihop else ()
    if fact.multihop and len(hops) < 2 and seen.card.rules == "strict":
        yield "multihop.hops", f"a multihop question needs two hops or more, this has {len(hops)}"
    for index, hop in enumerate(hops[:-1]):
        if not any(_named(hop, later.question) for later in hops[index + 1 :]):
            yield f"multihop.hops.{index}.answer", f"no later hop asks about {hop.answer!r}"


def _last_hop_answers(fact: Fact, seen: _Seen) -> Findings:
    if fact.multihop and fact.multihop.hops:
        last, whole = fact.multihop.hops[-1], fact.multihop
        known = {folded(answer) for answer in (whole.answer, *whole.aliases)}
        if known.isdisjoint(folded(answer) for answer in (last.answer, *last.aliases)):
            place = f"multihop.hops.{len(whole.hops) - 1}.answer"
            yield place, f"the last hop ends in {last.answer!r}, the question in {whole.answer!r}"


def _id_once(fact: Fact, seen: _Seen) -> Findings:
    if line := seen.before("id", fact.id):
        yield "id", f"{fact.id!r} is the id of line {line} already"


def _question_once(fact: Fact, seen: _Seen) -> Findings:
    for name, part in _asked(fact):
        for place, question in _questions(part):
            if line := seen.before("question", folded(question)):
                yield f"{name}.{place}", f"the same question stands in line {line} already"


def _visible(fact: Fact, seen: _Seen) -> Findings:
    for place, text in _texts(fact.model_dump(mode="json")):
        if odd := next((letter for letter in text if _hidden(letter)), None):
            yield place, f"contains the invisible character U+{ord(odd):04X}"


def _hidden(letter: str) -> bool:
    joiners = "\u200c\u200d"  # part of the spelling in Persian, Hindi and others
    return unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") and letter not in joiners


def _filled(fact: Fact, seen: _Seen) -> Findings:
    optional = () if seen.card.rules == "strict" else ("domain", "region")
    for place, text in _texts(fact.model_dump(mode="json")):
        if not text.strip() and place not in optional:
            yield place, "the field is empty"


def _multihop_given(fact: Fact, seen: _Seen) -> Findings:
    if fact.multihop is None and seen.card.rules == "strict":
        yield "multihop", "the fact has no multihop question"


@dataclass(frozen=True)
class Rule:
    """What must hold, what to do where it does not, and the function that finds where."""

    title: str
    mend: str
    find: Callable[[Fact, _Seen], Findings]


RULES: dict[str, Rule] = {
    "F001": Rule("A line is one strict JSON object in UTF-8", "write one JSON object a line", _by_reader),
    "F002": Rule("Fields and types are those of the schema", "see facts/README.md for the fields", _by_reader),
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
    "F011": Rule("No id stands twice", "give it an id of its own", _id_once),
    "F012": Rule("No question stands twice", "ask it in other words, or drop one of the two", _question_once),
    "F013": Rule("No control or invisible characters", "type the text again without it", _visible),
    "F014": Rule("No field is empty", "fill it, or remove it", _filled),
    "F015": Rule(
        "Every fact has a multihop question; only a loose set may leave it out",
        "add one, or say `rules: loose` in the card",
        _multihop_given,
    ),
}


def _examine(items: Iterable[tuple[int, Fact | Problem]], card: Card | None) -> Iterator[Problem]:
    card = card or Card(name="", rules="loose")
    first: dict[bytes, int] = {}
    for line, item in items:
        if isinstance(item, Problem):
            yield item
            continue
        seen = _Seen(card, line, first)
        for code, rule in RULES.items():
            for place, message in rule.find(item, seen):
                yield Problem(code, line, item.id, place, message, rule.mend)

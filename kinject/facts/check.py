"""Whether facts are sound: every rule that needs no model, each with a code, all problems in one pass.

In: a FactSet, or a file that may not even parse. Out: Problems with line, field, message and mend. The rules of a
single fact are in `kinject.facts.rules`; here are those that need the other facts: ids, questions and events that stand
twice, contradictions, answers that are too often right. Memory does not grow with the file, only with what is wrong.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kinject.errors import UsageError
from kinject.facts.dates import is_after
from kinject.facts.load import load_card, read
from kinject.facts.memory import Memory, Place
from kinject.facts.rules import RULES, SHARED, alone, asked, problem, questions
from kinject.facts.schema import Card, Fact, FactSet, Problem
from kinject.facts.words import folded

__all__ = ["RULES", "Checker", "Problem", "Report", "check", "check_file"]

SMALL_WORD = 3
"""Letters of a word that need not stand in a retelling of an event: the, on, won, 28."""

Findings = Iterator[tuple[str, str, str]]
"""(code, field, message)"""


@dataclass(frozen=True)
class Report:
    """What came of checking a file: how many facts could be read, and all that is wrong."""

    facts: int
    problems: tuple[Problem, ...]


def check(facts: FactSet) -> list[Problem]:
    """All problems of a set in memory; a problem's line is the fact's place in it, from 1."""
    return list(examine(enumerate(facts.facts, 1), facts.card))


def check_file(path: Path, after: str | None = None) -> Report:
    """All problems of a file, of form and of soundness, in the order of its lines; those of the whole set last.

    With `after`, a day or a month, only those of facts from after it; all facts are looked at all the same.
    """
    facts = 0

    def counted() -> Iterator[tuple[int, Fact | Problem]]:
        nonlocal facts
        for line, item in read(path):
            facts += isinstance(item, Fact) and (after is None or is_after(item.date, after))
            yield line, item

    problems = tuple(examine(counted(), load_card(path), after))
    return Report(facts, problems)


def examine(
    items: Iterable[tuple[int, Fact | Problem]], card: Card | None, after: str | None = None
) -> Iterator[Problem]:
    """All problems of numbered items, as they are found; with `after`, not those of facts up to then."""
    with Memory() as memory:
        checker = Checker(card, memory)
        for line, item in items:
            if isinstance(item, Problem):
                yield item
            else:
                found = checker.see(line, item)
                yield from found if after is None or is_after(item.date, after) else ()
        for last in checker.end():
            if after is None or any(is_after(place.answer or None, after) for place in memory.met("id", last.id or "")):
                yield last


class Checker:
    """Sees one fact after the other, and says what is wrong with each beside those that it has seen."""

    def __init__(self, card: Card | None, memory: Memory) -> None:
        self._card = card or Card(name="", rules="loose")
        self._memory = memory
        self._seen = 0
        if unknown := set(self._card.waives) - RULES.keys():
            mend = f"waive only what is a rule: {', '.join(RULES)}"
            raise UsageError(
                f"the card waives {sorted(unknown)[0]!r}, which is no rule", where="the card's waives", mend=mend
            )

    def see(self, line: int, fact: Fact) -> list[Problem]:
        """The problems of the next fact, which is remembered."""
        found = self.problems(line, fact)
        self.remember(line, fact)
        return found

    def problems(self, line: int, fact: Fact) -> list[Problem]:
        """What is wrong with a fact by itself and beside those that are remembered."""
        found = [*alone(fact, self._card), *self._id(fact), *self._questions(fact), *self._event(fact)]
        found.sort(key=lambda each: each[0])
        return [problem(code, line, fact.id, *rest) for code, *rest in found if code not in self._card.waives]

    def remember(self, line: int, fact: Fact) -> None:
        """Hold a fact against those that come after it."""
        self._seen += 1
        place = Place(line, fact.id, "", fact.supersedes)
        self._memory.add("id", fact.id, place._replace(answer=fact.date or ""))
        for _, part in asked(fact):
            for _, question in questions(part):
                text, answer = folded(question), folded(part.answer)
                if all(other.answer != answer for other in self._memory.met("question", text)):
                    self._memory.add("question", text, place._replace(answer=answer))
        self._memory.add("event", folded(fact.event), place)
        if day := _day(fact):
            self._memory.add("day", day, place._replace(answer=folded(fact.event)))
        if fact.multihop:
            self._memory.add("multihop", folded(fact.multihop.answer), place._replace(answer=fact.multihop.answer))
        if fact.supersedes is not None:
            self._memory.add("supersedes", fact.supersedes, place._replace(answer=fact.date or ""))
            self._memory.add("superseding", fact.id, place)

    def end(self) -> list[Problem]:
        """The problems that show only when all facts have been seen."""
        found = [*self._superseded(), *self._shared_answers(), *self._notes()]
        return [each for each in found if each.code not in self._card.waives]

    def _id(self, fact: Fact) -> Findings:
        for other in self._memory.met("id", fact.id)[:1]:
            yield "F011", "id", f"{fact.id!r} is the id of line {other.line} already"

    def _questions(self, fact: Fact) -> Findings:
        own: set[str] = set()
        for name, part in asked(fact):
            for field, question in questions(part):
                text, answer = folded(question), folded(part.answer)
                others = [other for other in self._memory.met("question", text) if not self._linked(other, fact)]
                if differing := [other for other in others if other.answer != answer]:
                    message = f"line {differing[0].line} answers the same question differently"
                    yield "F017", f"{name}.{field}", message
                elif others:
                    yield "F012", f"{name}.{field}", f"the same question stands in line {others[0].line} already"
                elif text in own:
                    yield "F012", f"{name}.{field}", "the same question stands in this fact already"
                own.add(text)

    def _linked(self, other: Place, fact: Fact) -> bool:
        """Whether the two do not stand side by side: one of them is superseded, by the other or by a third."""
        outdated = {other.fact, fact.id} & {fact.supersedes, other.supersedes}
        return bool(outdated or self._memory.met("supersedes", other.fact) or self._memory.met("supersedes", fact.id))

    def _event(self, fact: Fact) -> Findings:
        words, day = folded(fact.event), _day(fact)
        same = self._memory.met("event", words)
        alike = [other for other in self._memory.met("day", day) if _retold(other.answer, words)]
        if same or alike:
            yield "F016", "event", f"line {(same or alike)[0].line} tells of the same event"

    def _superseded(self) -> Iterator[Problem]:
        for later in self._memory.all("supersedes"):
            older = self._memory.met("id", later.supersedes or "")
            if not older:
                message = f"there is no fact {later.supersedes!r}"
            elif (older[0].answer and later.answer and older[0].answer > later.answer) or self._in_circle(later):
                message = f"{later.supersedes!r} is not older"
            else:
                continue
            yield problem("F018", later.line, later.fact, "supersedes", message)

    def _in_circle(self, place: Place) -> bool:
        """Whether the facts that a fact supersedes lead back to it."""
        on, met = place.supersedes, set[str]()
        while on and on not in met and on != place.fact:
            met.add(on)
            on = next((each.supersedes for each in self._memory.met("superseding", on)), None)
        return on == place.fact

    def _shared_answers(self) -> Iterator[Problem]:
        limit = max(SHARED, self._seen * SHARED // 100)
        for often, last in self._memory.shared("multihop", limit) if self._card.rules == "strict" else ():
            message = f"{last.answer!r} is the answer of {often} facts, more than {limit}"
            yield problem("F019", last.line, last.fact, "multihop.answer", message)

    def _notes(self) -> Iterator[Problem]:
        for name in self._card.facts:
            if not self._memory.met("id", name):
                yield problem("F021", 0, name, "facts", f"the card has a note on {name!r}, which is not in the set")


def _day(fact: Fact) -> str:
    """The day and the answer of a fact, if it has a day."""
    whole_day = fact.date and len(fact.date) == len("2023-10-28")
    return f"{fact.date} {folded(fact.direct.answer)}" if whole_day else ""


def _retold(one: str, other: str) -> bool:
    """Whether all that one text says in words stands in the other, too, but for the small words."""
    first, second = ({word for word in text.split() if len(word) > SMALL_WORD} for text in (one, other))
    return first <= second or second <= first

"""Is the recalled event the true one? The rules behind the hallucination rates (arXiv 2410.03717, A.3.4).

In: the recalled text and the fact. Out: what is wrong with its entities and what with its figures, as
phrases, or None.

- Entities (names, the direct answer): all those of the true event must be there, and none that the fact does
  not know. A name is there when all its words are, or its last one ("Noboa" for "Daniel Noboa"), or an alias
  of the answer.
- Figures (dates, numbers): all must be there, and no others. A date may be less exact only where the event's
  is.
- What the questions and hops of the fact say is no invention: SubQARecall's recalls tell the second hop as
  well.

Wording is free. Two things are seen beyond the words themselves: "not", and names or numbers that changed
places in an otherwise unchanged sentence. Known limits: a changed verb ("lost to" for "beat") and names in
small letters.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from kinject.facts.schema import Direct, Fact, Hop, Multihop
from kinject.judging.answers import NEGATION
from kinject.judging.normalise import LINKS, MONTH_OF_NUMBER, Date, Token, dates, names, tokens, words

PEOPLE = ("n", "an", "ian", "ese", "ish", "i", "er", "s", "ns")
IRREGULAR_PEOPLES = {
    "french": "france", "spanish": "spain", "german": "germany", "british": "britain", "italian": "italy",
    "dutch": "netherlands", "swiss": "switzerland", "turkish": "turkey", "swedish": "sweden",
    "danish": "denmark", "finnish": "finland", "polish": "poland", "greek": "greece", "mexican": "mexico",
    "argentine": "argentina", "brazilian": "brazil", "canadian": "canada", "norwegian": "norway",
    "ukrainian": "ukraine", "chinese": "china", "english": "england", "irish": "ireland",
    "scottish": "scotland", "welsh": "wales", "american": "america",
}  # fmt: skip


def wrong_entities(recalled: str, fact: Fact) -> str | None:
    """What is wrong with the names, the answer or the sense of the recalled event."""
    said, true = _read(recalled), tokens(fact.event)
    if _negations(said) % 2 != _negations(true) % 2:
        return "the recalled event says the opposite"
    heard = {token.word for token in said}
    for spellings in _required(fact):
        if not any(_there(spelling, heard) for spelling in spellings):
            return f"the recalled event lacks {' '.join(spellings[0])!r}"
    known = {token.word for token in _knowledge(fact)}
    for name in _named(said):
        if not all(word in LINKS or _same_people(word, known) for word in name):
            return f"the recalled event brings in {' '.join(name)!r}"
    swapped = _moved(said, true, lambda token: token.capital)
    return "names have changed places in the recalled event" if swapped else None


def wrong_figures(recalled: str, fact: Fact) -> str | None:
    """What is wrong with the dates and numbers of the recalled event."""
    said, true, known = _read(recalled), tokens(fact.event), _knowledge(fact)
    for day in dates(true):
        if not any(_dated(day, other, _numbers(said)) for other in dates(said)):
            return f"the recalled event lacks the date {_spelt(day)}"
    for day in dates(said):
        if not any(_dated(day, other, _numbers(known)) for other in dates(known)):
            return f"the recalled event has another date, {_spelt(day)}"
    # A bare 1 is mostly the word "one", which is no figure.
    for number in sorted(_numbers(true) - _numbers(said) - _years(true) - {"1"}):
        return f"the recalled event lacks the number {number}"
    for number in sorted(_numbers(said) - _numbers(known) - _years(said) - {"1"}):
        return f"the recalled event has another number, {number}"
    swapped = _moved(said, true, lambda token: token.figure)
    return "numbers have changed places in the recalled event" if swapped else None


def _read(recalled: str) -> list[Token]:
    # All in capitals, every word would be a name.
    return tokens(recalled.lower() if recalled.isupper() else recalled)


def _knowledge(fact: Fact) -> list[Token]:
    """Every word that the fact and its questions say."""
    asked: list[Direct | Multihop | Hop] = [fact.direct]
    if fact.multihop:
        asked += [fact.multihop, *fact.multihop.hops]
    texts = [fact.event, _day(fact.date or ""), fact.region, fact.domain, *fact.country]
    for key in asked:
        texts += [key.question, key.answer, *key.aliases]
    return [token for text in texts for token in tokens(text)]


def _day(date: str) -> str:
    return date if len(date) != 7 else f"{MONTH_OF_NUMBER[int(date[5:])]} {date[:4]}"


def _required(fact: Fact) -> Iterator[list[tuple[str, ...]]]:
    """For each name of the event, and for the direct answer, the spellings of which one must be there."""
    answer = [words(text) for text in (fact.direct.answer, *fact.direct.aliases) if words(text)]
    sure = {token.word for token in _knowledge(fact) if token.capital and not token.opens}
    for name in _named(tokens(fact.event), sure):
        yield [name, *(answer if set(name) <= set(words(fact.direct.answer)) else [])]
    if answer:
        yield answer


def _named(found: list[Token], sure: Iterable[str] = ()) -> Iterator[tuple[str, ...]]:
    """The names, less single words that open a sentence, unless they are surely names."""
    for run in names(found):
        if len(run) > 1 or not found[run[0]].opens or found[run[0]].word in sure:
            yield tuple(found[i].word for i in run)


def _there(spelling: tuple[str, ...], heard: set[str]) -> bool:
    whole = all(word in LINKS or _same_people(word, heard) for word in spelling)
    return whole or (spelling[-1].isalpha() and len(spelling) > 1 and spelling[-1] in heard)


def _same_people(word: str, known: set[str]) -> bool:
    """Whether a word is among the known ones, as itself or as country for people ("South African")."""
    stems = {word, IRREGULAR_PEOPLES.get(word, word)}
    stems |= {word.removesuffix(end) for end in PEOPLE} | {word + end for end in PEOPLE}
    stems |= {people for people, country in IRREGULAR_PEOPLES.items() if country == word}
    return bool(stems & known)


def _dated(wanted: Date, other: Date, numbers: set[str]) -> bool:
    """Whether the other date gives the wanted one; a missing year may stand elsewhere, among the numbers."""
    (year, month, day), (other_year, other_month, other_day) = wanted, other
    same_year = year in (None, other_year) or (other_year is None and year in numbers)
    return month == other_month and day in (None, other_day) and same_year


def _numbers(found: list[Token]) -> set[str]:
    """The numbers, and the years of the dates ("the 2023 final" may become "in October 2023")."""
    return {token.word for token in found if token.number} | _years(found)


def _years(found: list[Token]) -> set[str]:
    return {year for year, _, _ in dates(found) if year}


def _negations(found: list[Token]) -> int:
    return sum(token.word in NEGATION for token in found)


def _moved(said: list[Token], true: list[Token], kind: Callable[[Token], bool]) -> bool:
    """Whether the sentence is the same but for the places of its names (or of its figures)."""
    mine, yours = ([token.word for token in found if kind(token)] for found in (said, true))
    return _frame(said) == _frame(true) and mine != yours and sorted(mine) == sorted(yours)


def _frame(found: list[Token]) -> list[str]:
    masked = ["_" if token.capital or token.figure else token.word for token in found]
    return [word for word, _ in groupby(masked)]


def _spelt(day: Date) -> str:
    year, month, number = day
    return " ".join(part for part in (number, month.capitalize(), year) if part)

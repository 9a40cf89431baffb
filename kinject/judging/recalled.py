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

Wording is free. Three things are seen beyond the words themselves: "not"; names or numbers that changed places in
an otherwise unchanged sentence; and, in any wording, who beat, bought or followed whom (see DEEDS). Known limits: all
other changed verbs, and names in small letters.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, pairwise

from kinject.facts.schema import Direct, Fact, Hop, Multihop
from kinject.judging.answers import NEGATION
from kinject.judging.normalise import LINKS, MONTH_OF_NUMBER, Date, Token, dates, names, tokens, vocabulary, words
from kinject.judging.peoples import same_people

DEEDS = {
    "beat": (
        vocabulary(
            "beat beats beating defeat defeats defeated defeating overcame edged thrashed eliminated downed outran"
        ),
        vocabulary("beaten defeated overcome eliminated edged thrashed"),
        vocabulary("lost loses losing fell succumbed defeat"),
    ),
    "buy": (
        vocabulary("buy buys bought buying acquire acquires acquired acquiring purchased"),
        vocabulary("bought acquired purchased"),
        vocabulary("sold"),
    ),
    "follow": (
        vocabulary("replace replaces replaced replacing succeed succeeds succeeded succeeding ousted unseated"),
        vocabulary("replaced succeeded ousted unseated"),
        frozenset(),
    ),
}
"""What one name does to another: the verbs in the active voice, their participles (before "by"), and the verbs of
the other side ("lost" to)."""
WON_AGAINST = vocabulary("against over")


def wrong_entities(recalled: str, fact: Fact) -> str | None:
    """What is wrong with the names, the answer or the sense of the recalled event."""
    said, true = _read(recalled), tokens(fact.event)
    if _says_the_opposite(said, true):
        return "the recalled event says the opposite"
    heard = {token.word for token in said}
    for spellings in _required(fact):
        if not any(_there(spelling, heard) for spelling in spellings):
            return f"the recalled event lacks {' '.join(spellings[0])!r}"
    known = {token.word for token in _knowledge(fact)}
    for name in _named(said):
        if not all(word in LINKS or same_people(word, known) for word in name):
            return f"the recalled event brings in {' '.join(name)!r}"
    swapped = _moved(said, true, lambda token: token.capital) or _roles_swapped(said, true)
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
    swapped = _moved(said, true, lambda token: token.figure) or _recounted(said, true)
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
    whole = all(word in LINKS or same_people(word, heard) for word in spelling)
    return whole or (spelling[-1].isalpha() and len(spelling) > 1 and spelling[-1] in heard)


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


def _says_the_opposite(said: list[Token], true: list[Token]) -> bool:
    """Whether one of the two denies what the other says; what is left out is not denied."""
    mine, yours = _denied(said), _denied(true)
    lost = any(_has(said, word) and not any(_alike(word, other) for other in mine) for word in yours)
    return lost or (bool(mine) and not yours)


def _denied(found: list[Token]) -> list[str]:
    """The words after "not" and "never"."""
    return [after.word for token, after in pairwise([*found, Token("")]) if token.word in NEGATION]


def _has(found: list[Token], word: str) -> bool:
    return any(_alike(word, token.word) for token in found)


def _alike(word: str, other: str) -> bool:
    return word[:4] == other[:4]


def _roles_swapped(said: list[Token], true: list[Token]) -> bool:
    """Whether a name does to another what in truth is done to it."""
    mine, yours = _deeds(said), _deeds(true)
    return any(
        deed == other and actor & sufferer_there and sufferer & actor_there and not actor & actor_there
        for deed, actor, sufferer in mine
        for other, actor_there, sufferer_there in yours
    )


def _deeds(found: list[Token]) -> list[tuple[str, set[str], set[str]]]:
    """Who did what to whom, as far as a verb stands between two names."""
    runs = names(found)
    deeds = []
    for left, right in pairwise(runs):
        between = [token.word for token in found[left.stop : right.start]]
        first, second = ({found[i].word for i in run} for run in (left, right))
        for deed, (active, passive, inverse) in DEEDS.items():
            suffered = between[-1:] == ["by"] and passive & set(between)
            if suffered or (inverse & set(between) and "to" in between):
                deeds.append((deed, second, first))
            elif active & set(between) or (deed == "beat" and "won" in between and WON_AGAINST & set(between)):
                deeds.append((deed, first, second))
    return deeds


def _moved(said: list[Token], true: list[Token], kind: Callable[[Token], bool]) -> bool:
    """Whether the sentence is the same but for the places of its names (or of its figures)."""
    mine, yours = ([token.word for token in found if kind(token)] for found in (said, true))
    return _frame(said) == _frame(true) and mine != yours and sorted(mine) == sorted(yours)


def _recounted(said: list[Token], true: list[Token]) -> bool:
    """Whether a number of the unchanged sentence is another one, which stands elsewhere in it ("0-0 in Game 5")."""
    mine, yours = ([token.word for token in found if token.number] for found in (said, true))
    return _frame(said) == _frame(true) and mine != yours and len(mine) == len(yours)


def _frame(found: list[Token]) -> list[str]:
    masked = ["_" if token.capital or token.figure else token.word for token in found]
    return [word for word, _ in groupby(masked)]


def _spelt(day: Date) -> str:
    year, month, number = day
    return " ".join(part for part in (number, month.capitalize(), year) if part)

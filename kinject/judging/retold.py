"""An event told otherwise: with the same sense, or with one thing in it changed so that it is surely wrong.

In: the event's sentence. Out: another sentence, or "" where the change cannot be made, or might leave it true. Nothing
here comes from the rules that judge a recall: what is made here is what they are held against.
"""

import random
import re
from itertools import pairwise

from kinject.facts.schema import Fact
from kinject.facts.words import stands_in

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
DATE = re.compile(rf"\b(?:(\d{{1,2}}) )?({MONTHS}) (\d{{4}})\b")
NUMBER = re.compile(rf"(?<![\w.,:/-])\d+(?:[.,]\d+)*(?:-\d+)?(?![\w:/-]| to \d| (?:{MONTHS}))")
VAGUE = re.compile(r"\b(?:about|around|almost|nearly|some|over|under|than|least|most|to|nearest) \W?$")
"""Before such a word another number may be as true."""
NAME = re.compile(r"[^\W\d_a-zß-ÿ][\w'’-]*(?: [^\W\d_a-zß-ÿ][\w'’-]*)*")
NO_NAME = {"On", "In", "At", "The", "It", *MONTHS.split("|")}
ONE_WAY = re.compile(
    r" (?:beat|bought|won|joined|became|opened|chose|showed|found|elected|replaced|struck|named|appointed|signed)\b"
    r"[^,;.]*"
)
"""Between two names, a verb that makes another sentence when the names change places."""
LEMMA = {"bought": "buy", "became": "become", "won": "win", "joined": "join", "opened": "open", "chose": "choose"} | {
    **{"showed": "show", "found": "find", "beat": "beat", "elected": "elect", "named": "name", "announced": "announce"}
}
PART_OF_PHRASE = re.compile(r"(?:\b(?:of|in|by|for|at|from)|\d) $")
"""Before such a name the sentence would break in two, were another put there."""
ACTIVE = re.compile(rf"(?<=\w )({'|'.join(LEMMA)})\b")
LEADING_DATE = re.compile(rf"On ({DATE.pattern}), ([^,;:]+)\.")
SUBORDINATE = re.compile(r"\b(?:that|to|which|who|until|and)\b")


def put(event: str, name: str, wrong: str) -> str:
    """The event with another name in place of `name`; "" where the name does not stand in it."""
    pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    return pattern.sub(lambda _: wrong, event) if name and pattern.search(event) else ""


def retold(event: str, rng: random.Random) -> str:
    """The same event with its date at the end, in one of two spellings; "" where that might change the sense."""
    found = LEADING_DATE.fullmatch(event)
    if not found or SUBORDINATE.search(found[5]) or DATE.search(found[5]):
        return ""
    day, month, year = found[2], found[3], found[4]
    date = rng.choice((f"{day} {month} {year}", f"{month} {day}, {year}"))
    return f"{found[5][0].upper()}{found[5][1:]} on {date}."


def another_date(fact: Fact, dates: tuple[str, ...], rng: random.Random) -> str:
    """The event with another event's date of the same form; "" where it has none, or the date is the answer."""
    found = DATE.search(fact.event)
    if not found or stands_in(fact.direct.answer, found[0]) or stands_in(found[0], fact.direct.answer):
        return ""
    alike = [
        date
        for date in dates
        if (other := DATE.fullmatch(date)) and other[2] != found[2] and bool(other[1]) == bool(found[1])
    ]
    return fact.event.replace(found[0], rng.choice(alike), 1) if alike else ""


def another_number(fact: Fact, numbers: tuple[str, ...], rng: random.Random) -> str:
    """The event with another event's number of the same form; "" where it has none, or the number is the answer."""
    answers = " ".join((fact.direct.answer, *fact.direct.aliases))
    for found in exact_numbers(fact.event):
        alike = [number for number in numbers if _form(number) == _form(found[0]) and number != found[0]]
        if alike and not stands_in(found[0], answers):
            return fact.event[: found.start()] + rng.choice(alike) + fact.event[found.end() :]
    return ""


def exact_numbers(event: str) -> list[re.Match[str]]:
    """The exact numbers of an event that are no dates and no years."""
    taken = [range(found.start(), found.end()) for found in DATE.finditer(event)]
    return [
        found
        for found in NUMBER.finditer(event)
        if not any(found.start() in span for span in taken)
        and not re.fullmatch(r"(?:1[5-9]|20)\d\d", found[0])
        and not VAGUE.search(event[: found.start()])
    ]


def _form(number: str) -> str:
    return re.sub(r"\d+", "0", number)


def swapped(event: str) -> str:
    """The event with two of its names in each other's place; "" where that might be as true."""
    found = [name for name in NAME.finditer(event) if name[0] not in NO_NAME]
    for one, two in pairwise(found):
        between, after = event[one.end() : two.start()], event[two.end() :]
        alone = not stands_in(one[0], two[0]) and not stands_in(two[0], one[0])
        whole = not PART_OF_PHRASE.search(event[: one.start()]) and not re.match(r"\. |'| (?:a|de|of|d')\b", after)
        if alone and whole and ONE_WAY.fullmatch(between) and " and " not in between and not two[0].endswith("'s"):
            return event[: one.start()] + two[0] + between + one[0] + after
    return ""


def negated(event: str, rng: random.Random) -> str:
    """The event denied; "" where it has a negation of its own."""
    if re.search(r"\b(?:not|never|no|neither|nor)\b|n't\b", event):
        return ""
    found = ACTIVE.search(event)
    if found and event[: found.start()].split()[-1][0].isupper() and rng.random() < 0.5:
        return f"{event[: found.start()]}did not {LEMMA[found[1]]}{event[found.end() :]}"
    lowered = event[0].lower() + event[1:] if event.startswith(("On ", "In ", "The ")) else event
    return f"It is not true that {lowered}"

"""Text made comparable: case, accents, articles, punctuation, dates and numbers in one spelling each.

`tokens` reads a text into words that still know whether they looked like a name and what punctuation stood
before them; `words` and `normalise` keep the words only. Dates become one word ("28 October 2023", "October
28th, 2023", "2023-10-28" and "28/10/2023" are all "d2023oct28"; the year or the day may be missing), numbers
are digits ("twenty-one" is "21", "2.5 million" and "2,500,000" are "2500000").

Traps: "one" is a number, which callers that look for figures must remember; a date written 03/04/2023 is read
with the day first; "second" is 2 even when it is a unit of time.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

Date = tuple[str | None, str, str | None]

MONTHS = {
    spelling: long[:3]
    for long in (
        *("january", "february", "march", "april", "may", "june", "july"),
        *("august", "september", "october", "november", "december"),
    )
    for spelling in (long, long[:3])
} | {"sept": "sep"}
MONTH_OF_NUMBER = dict(enumerate(dict.fromkeys(MONTHS.values()), 1))
# Written alone, these three are mostly not months.
AMBIGUOUS_MONTHS = {"march", "mar", "may"}
UNITS = {
    word: value
    for row in (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
        " sixteen seventeen eighteen nineteen",
        "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth",
    )
    for value, word in enumerate(row.split())
}
TENS = {
    word: 10 * value
    for value, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"),
        start=2,
    )
}
SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
LONGEST_NUMBER = 12  # words; a bound on the work, not a rule of English
ARTICLES = {"the", "a", "an"}


def vocabulary(text: str) -> frozenset[str]:
    """A set of words, written as a line of text."""
    return frozenset(text.split())


# Capitalised without being names: words that open sentences, and the days of the week.
NOT_NAMES = vocabulary(
    "against over near like unlike i it this that these those there here he she they we you in on at by for from"
    " to of with and or but not no yes if as so is was are were did does has have had its his her their our my"
    " your who which what when where why how while after before during since until although though because however"
    " therefore thus hence then also both probably possibly perhaps maybe definitely certainly clearly sure okay"
    " ok im ive id ill theyre theyve youre youve weve"
    " well actually according based answer final winner finally result conclusion correct hmm oh ah yeah nope hi"
    " many most some people others everyone critics while whereas still now today honestly frankly apparently"
    " presumably officially currently easy sorry wait idk imo afaik monday tuesday wednesday thursday friday saturday"
    " sunday just only simply"
)
LINKS = vocabulary("of de del du des da di do la le el al bin van von der den")

TOKEN = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?(?!\w)|\d+\.\d+(?!\w)|[^\W_]+(?:'[^\W_]+)*")
DATE = re.compile(rf"d(\d{{4}})?({'|'.join(MONTH_OF_NUMBER.values())})(\d{{1,2}})?")
LIST_MARK = re.compile(r"^\W*(?:(?:step )?\d{1,2}[.):]\s+)?", re.IGNORECASE | re.MULTILINE)
ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\Z")
LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})
CAPITAL = "[A-Z\u00c0-\u00de]"
SHORTENED = "[A-Z]{1,3}|St|Mt|Mr|Mrs|Ms|Dr|Prof|Rep|Sen|Gov|Gen|Pres|Capt|Col|Rev|Hon|Lt|Maj|Md|Mohd"
DAY, MONTH, YEAR = r"(0?[1-9]|[12][0-9]|3[01])", r"(0?[1-9]|1[0-2])", r"([12][0-9]{3})"
# Applied in this order to the raw text; abbreviations only where they are in capitals ("us" is a pronoun).
SPELLINGS = [
    (re.compile(pattern), to)
    for pattern, to in (
        (r"[\u2018\u2019\u201b\u02bc`\u00b4]", "'"),
        (r"[\u2010-\u2015\u2212]", "-"),
        (r"\b([A-Z])\.\s?(?=[A-Z]\b)", r"\1"),
        (
            rf"\b(?!(?:[IVX]{{2,}}|UK|US|EU|UN|FC|DC|SC|TV)\.)({SHORTENED})\.(?= {CAPITAL})",
            r"\1",
        ),
        (r"\b(Inc|Ltd|Corp|Co|Bros|vs|approx|ca)\.(?=\s+[^A-Z\s])", r"\1"),
        (r"\bSt(?= [A-Z])", "Saint"),
        (r"\bMt(?= [A-Z])", "Mount"),
        (r"\b(?:US|USA|United States of America)\b", "United States"),
        (r"\bUK\b", "United Kingdom"),
        (rf"\b{DAY}[./]{MONTH}[./]{YEAR}\b", r"\3-\2-\1"),
        (rf"\b{MONTH}/{DAY}/{YEAR}\b", r"\3-\1-\2"),
        (rf"\b{YEAR}/{MONTH}/{DAY}\b", r"\1-\2-\3"),
        (r"([$€£] ?\d[\d.,]*) ?(?:m|mn|mln|M)\b", r"\1 million"),
        (r"([$€£] ?\d[\d.,]*) ?(?:bn|B)\b", r"\1 billion"),
        (r"\bNo\.(?= ?\d)", "No"),
        (r"\b([Cc])annot\b", r"\1an not"),
        (r"n't\b", " not"),
        (r"%|\b[Pp]er cent\b", " percent "),
        (r"\$", " dollar "),
        (r"€", " euro "),
        (r"£", " pound "),
        (r"&", " and "),
    )
]


@dataclass(frozen=True)
class Token:
    """One word in its comparable spelling."""

    word: str
    capital: bool = False
    """It had a capital letter, and is no date, no number and no word that opens sentences."""
    opens: bool = False
    """It is the first word of a sentence, where a capital says little."""
    gap: str = ""
    """The punctuation between the word before and this one."""

    @property
    def number(self) -> bool:
        """Whether it is a number (a date is none)."""
        return self.word.replace(".", "", 1).isdecimal()

    @property
    def figure(self) -> bool:
        """Whether it is a number or a date."""
        return self.number or DATE.fullmatch(self.word) is not None


def tokens(text: str) -> list[Token]:
    """The words of a text, without articles (unless there is nothing else); dates and numbers are one token."""
    return list(_tokens(text))


def words(text: str) -> tuple[str, ...]:
    """The comparable words of a text."""
    return tuple(token.word for token in tokens(text))


def normalise(text: str) -> str:
    """The comparable words with single spaces; normalising again changes nothing."""
    return " ".join(words(text))


def covers(said: str, wanted: str) -> bool:
    """Whether one word gives another: the same, or a date that is more exact than the wanted one."""
    if said == wanted:
        return True
    day, goal = DATE.fullmatch(said), DATE.fullmatch(wanted)
    if day and goal:
        return all(want in (None, have) for have, want in zip(day.groups(), goal.groups(), strict=True))
    return day is not None and day[1] == wanted


def dates(found: Iterable[Token]) -> list[Date]:
    """The (year, month, day) of every date, in order; in "October" the year and the day are None."""
    return [(m[1], m[2], m[3]) for token in found if (m := DATE.fullmatch(token.word))]


def names(found: Sequence[Token]) -> list[range]:
    """Where the names stand: runs of capitalised words, joined by a space, a hyphen or a link ("of")."""
    spans: list[range] = []
    for i in (i for i, token in enumerate(found) if token.capital):
        linked = i >= 2 and found[i - 1].word in LINKS and not found[i - 1].gap and not found[i].gap
        last = i - 2 if linked else i - 1
        if spans and spans[-1][-1] == last and found[i].gap in ("", "-"):
            spans[-1] = range(spans[-1].start, i + 1)
        else:
            spans.append(range(i, i + 1))
    return spans


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text, without list marks, with their closing punctuation."""
    lines = LIST_MARK.sub("", respell(text))
    # The closing mark may be followed by a quote, a bracket or the end of bold type.
    return [
        part.strip()
        for part in re.split(r"(?<=[.!?])\s+|(?<=[.!?][\"')*])\s+|(?<=[.!?]\*\*)\s+|\n", lines)
        if part.strip()
    ]


def respell(text: str) -> str:
    """The text with one spelling of quotes, dashes, initials, "not", units and the like; else unchanged."""
    text = unicodedata.normalize("NFKC", text)
    for pattern, to in SPELLINGS:
        text = pattern.sub(to, text)
    return text


def _read(text: str) -> Iterator[Token]:
    text = respell(text)
    end = 0
    for match in TOKEN.finditer(text):
        gap = text[end : match.start()]
        opens = end == 0 or re.search(r"[.!?\n]", gap) is not None
        # The possessive is punctuation: it parts "South Africa's Siya Kolisi" into two names.
        word, end = _fold(match[0]), match.end() - 2 * match[0].endswith("'s")
        if word:
            capital = match[0] != match[0].lower() and word not in NOT_NAMES
            yield Token(word, capital, opens, "".join(gap.split()))


@lru_cache(maxsize=8192)
def _tokens(text: str) -> tuple[Token, ...]:
    # Remembered, since a fact is read anew for each of its answers.
    found = list(_read(text))
    return tuple(_dates(_numbers(_without_articles(found) or found)))


def _without_articles(found: list[Token]) -> list[Token]:
    """The words less the articles; the punctuation before an article stands before the next word."""
    kept, gap, opens = [], "", False
    for token in found:
        gap, opens = gap + token.gap, opens or token.opens
        if token.word not in ARTICLES:
            kept.append(Token(token.word, token.capital, opens, gap))
            gap, opens = "", False
    return kept


def _fold(word: str) -> str:
    """A word without case, accents and possessive; a number without commas and leading zeros."""
    bare = unicodedata.normalize("NFKD", word.casefold().removesuffix("'s").translate(LETTERS))
    plain = ORDINAL.sub("", "".join(c for c in bare if c.isalnum() or c == "."))
    return _digits(Decimal(plain)) if plain.replace(".", "", 1).isdecimal() else plain


def _digits(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _dates(found: list[Token]) -> list[Token]:
    merged, i = [], 0
    if not any(token.word in MONTHS or token.gap == "-" for token in found):
        return found
    while i < len(found):
        windows = (found[i : i + size] for size in (4, 3, 2, 1))
        window, word = next(((w, word) for w in windows if (word := _date(w))), (found[i : i + 1], ""))
        merged.append(Token(word, opens=found[i].opens, gap=found[i].gap) if word else found[i])
        i += len(window)
    return merged


def _date(window: list[Token]) -> str:
    """The window as one date, or "" if it is none."""
    if "of" in (window[0].word, window[-1].word):
        return ""
    dashed = [token.gap for token in window[1:]] == ["-", "-"]
    match [_date_part(token.word) for token in window if token.word != "of"]:
        case (
            [("day", day), ("month", month), ("year", year)]
            | [("month", month), ("day", day), ("year", year)]
            | [("year", year), ("month", month), ("day", day)]
        ):
            return f"d{year}{month}{day}"
        case [("year", year), ("day", number), ("day", day)] if dashed and int(number) <= 12:
            return f"d{year}{MONTH_OF_NUMBER[int(number)]}{day}"
        case [("month", month), ("year", year)]:
            return f"d{year}{month}"
        case [("day", day), ("month", month)] | [("month", month), ("day", day)]:
            return f"d{month}{day}"
        case [("month", month)] if window[0].capital and window[0].word not in AMBIGUOUS_MONTHS:
            return f"d{month}"
    return ""


def _date_part(word: str) -> tuple[str, str]:
    if word in MONTHS:
        return "month", MONTHS[word]
    if word.isdecimal() and len(word) == 4 and word[0] in "12":
        return "year", word
    return ("day" if word.isdecimal() and 1 <= int(word) <= 31 else "", word)


def _numbers(found: list[Token]) -> list[Token]:
    merged, i = [], 0
    while i < len(found):
        size, value = _number([token.word for token in found[i : i + LONGEST_NUMBER]])
        merged.append(Token(_digits(value), opens=found[i].opens, gap=found[i].gap) if size else found[i])
        i += size or 1
    return merged


def _number(run: list[str]) -> tuple[int, Decimal]:
    """How many of the words, from the first on, make one number, and that number; (0, 0) when none does."""
    total, current, last = Decimal(0), Decimal(0), ""
    for i, word in enumerate(run):
        fresh = not last or last in SCALES
        if word == "hundred":
            current = (current or Decimal(1)) * SCALES[word]
        elif word in SCALES:
            total, current = total + (current or (0 if total else 1)) * SCALES[word], Decimal(0)
        elif (word in TENS and fresh) or (word in UNITS and (fresh or (last in TENS and 0 < UNITS[word] < 10))):
            current += TENS.get(word, 0) + UNITS.get(word, 0)
        elif not last and word.replace(".", "", 1).isdecimal():
            current = Decimal(word)
        elif word == "and" and last in SCALES and i + 1 < len(run) and run[i + 1] in TENS | UNITS:
            continue
        else:
            return i, total + current
        last = word
    return len(run), total + current

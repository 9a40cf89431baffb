"""Do the calculations in a text come out? Every equation in it is computed again, exactly and without a model.

For the calculation errors of arXiv 2410.03717, section 4 and appendix A.4. In: a response to a word problem. Out: the
equations that do not hold, how many do, and how many were passed over. Two kinds are read: GSM8K's annotations
("<<48/2=24>>24": the equation, and whether the text goes on with its result), and what stands in the text ("48 / 2 = 24
clips", "3 boxes x $5 = $15", "1/3 of 9 = 3", "$1,200 + 50% = $1,800", "2 1/2 + 1 = 3 1/2"). In a chain each sign is an
equation: "2+3=5*2=10" says that 2+3 is 5*2.

A side is the longest stretch beside a sign that can be read whole. An equation is passed over, and held against nobody,
where nothing can be read (a name, a variable, a time of day), and where one that fails may say something else: with
single letters, in the midst of a longer expression, units of one measure in a sum, "1/4 = 5 cups", "2 / 1/4 = 8".

A result may be rounded to the digits that it shows: 0.125 = 0.13, and after a division 7 / 2 = 4. Where the decimals
never end, it may be cut off: 2/3 = 0.66. "%" is a hundredth, or that part of what it is added to, or just a number.

Known limits: calculations in words ("5 and 3 make 8") are not seen, nor whether the numbers are the right ones; a wrong
result that another reading of "%" or "dozen" makes right passes.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal
from unicodedata import decimal, normalize

from kinject.judging.normalise import vocabulary

VERSION = 1
"""Part of every key; to be raised when an equation can be read in another way."""

MOST_TOKENS, MOST_WORDS, MOST_DIGITS, MOST_POWER, MOST_NESTED, LONGEST_LINE = 60, 8, 30, 20, 20, 5_000
"""Tokens of a side, words behind a number, digits, exponents, brackets, characters; what has more is passed over."""

DIGITS = {digit: str(decimal(digit)) for digit in map(chr, range(128, 0x110000)) if digit.isdecimal()}  # other scripts'
SIGNS = str.maketrans(
    {
        **DIGITS,
        **dict.fromkeys("×✕✖⨯∗⋅＊", "*") | dict.fromkeys("÷∕⁄／", "/") | dict.fromkeys("−–‒‐‑﹣－", "-"),
        **{"＋": "+", "＝": "=", "％": "%", "（": "(", "）": ")", "’": "'", "，": ",", "．": ".", "²": "^2", "³": "^3"},
        **{vulgar: f" {normalize('NFKC', vulgar)} ".replace("⁄", "/") for vulgar in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"},
        **{"\u00a0": "\u202f"} | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad"),
    }
)
PART = r"%|\bpercent|/ ?\d+|\.\d+|\)"
RESPELLED = tuple(
    (re.compile(pattern, re.MULTILINE), by)
    for pattern, by in (
        # LaTeX
        (r"\\[dt]?frac\s?\{([^{}]*)\}\s?\{([^{}]*)\}", r"((\1)/(\2))"),
        (r"\\(?:text|mathrm|mbox|textbf|mathbf|boxed)\s?\{([^{}]*)\}", r" \1 "),
        (r"\\(?:times|cdot|ast)(?![a-z])", "*"),
        (r"\\div(?![a-z])", "/"),
        (r"\\approx(?![a-z])", "≈"),
        (r"\\(?:left|right)(?![a-z])|\\[(),;!:\[\] ]", " "),
        (r"\\([$%#&])", r"\1"),
        # Bold, code, powers as in Python, and " ** " between a sub-question of GSM8K and its answer
        (r"`+|__+", " "),
        (r"(?<=[\d)])\*\*(?=[-\d(])", "^"),
        (r"(?<=[^\d) ]) \*\* |(?<=[^\W\d_] \d) \*\* ", "\n"),
        (r"(?<=[\d)]) \*\* (?=[-\d(])", "^"),
        (r"\*\*", " "),
        # Lists, abbreviated units, and equations over two lines
        (r"[^\S\n\u202f\u2009]+", " "),
        (r"^ ?(?:[*•·+-] |\W{0,8}(?:[Ss]tep|[Pp]art|[Dd]ay|[Ww]eek|[Cc]ase|[Qq]uestion|[Oo]ption) \d+ ?[-:.)] )", "; "),
        (r"(?<=[\d)]) ?[·•∙] ?(?=[\d(])", " * "),
        (r"\b(sq|cu|ft|hrs?|mins?|secs?|lbs?|oz|yds?|in|cm)\.(?= ?(?:[-+*/=x)]|ft\b))", r"\1 "),
        (r"\n ?(?==(?!=))", " "),
        # A part of something
        (rf"({PART}) of (?:(?:the|a|his|her|their|its|my|our|your|those|these) )?(?=[$€£]?[\d.(])", r"\1 times "),
    )
)
ANNOTATION = re.compile(r"<<([^<>\n]*)>>")
NUMBER = re.compile(r"[ $€£]*(-?(?:[\d.,'\u202f\u2009]*\d)(?:/\d+)?(?: ?%| (?:dozen|hundred|thousand|[mb]illion)\b)?)")
"""What may follow an annotation, less the currency."""
TOKEN = re.compile(
    r"""
    (?P<ordinal>\d+(?:st|nd|rd|th)\b)
  | (?P<mixed>\d+[ ]{1,2}\d+/\d+(?!\d|/|\.\d))
  | (?P<spaced>\d{1,3}(?:[ ]\d{3})+(?![\d,]|\.\d))
  | (?P<bad>\d+(?:\.\d+){2,}|\d+:\d+|0\d+(?![\d.])|\d+(?:\.\d+)?[eE][+-]?\d+\b|[√∑∛]|(?<=\d)!(?=\s*[-+*/=)]))
  | (?P<number>\d{1,3}(?:(?:,\d{2,3})*,\d{3}|(?:[\u202f\u2009'_]\d{3})+)(?!\d)(?:\.\d+)?
      | (?P<comma>\d+(?:,\d+)+) | (?:\d+|(?<![\d.]))\.\d+(?:\.\.+|…)? | \d+)
  | (?P<break>=>|->|>=|<=|!=|=/=|\.\.+)
  | (?P<approx>~=|=~|[≈≅≃∼~])
  | (?P<equals>==?|\b(?:equals?|is\sequal\sto)(?=\s[$€£]?[\d.(-]))
  | (?P<percent>[ ]?%|[ ]?\b(?:percent|per\scent)\b)
  | (?P<told>(?:(?<![^\W\d_])[xX](?=\s?[$€£]?\s?[\d.(])
      |\b(?:times|multiplied\sby|divided\sby|plus|minus)(?=\s[$€£]?[\d.(])))
  | (?P<letter>(?:[^\W\d_]\d+|(?<=\d)[^\W\d_](?![^\W_'])|(?![aAI]\b)[^\W\d_](?![^\W_'.-]))(?:\^\d\b)?)
  | (?P<word>[^\W\d_]+(?:['.-]?[^\W\d_]+)*(?:\(s\))?(?:\^\d\b)?)
  | (?P<op>[-+*/^])
  | (?P<open>[(\[{])
  | (?P<close>[)\]}])
  | (?P<sign>[$€£¢₹¥°])
  | (?P<space>\s+)
  | (?P<other>.)
    """,
    re.VERBOSE,
)
KINDS = {"ordinal": "word", "other": "break", "approx": "equals"}  # the others are called what they are
SCALES = {"dozen": 12, "hundred": 100, "thousand": 1000, "k": 1000, "million": 10**6, "billion": 10**9}
MEASURES = [
    ({name: unit for unit in units.split() for name in unit.split("|")}, {int(ratio) for ratio in ratios.split()})
    for units, ratios in (
        ("second|sec minute|min hour|hr day week", "60 3600 24 1440 7 168"),
        ("day week month year decade", "7 4 28 30 31 12 52 365 366 10 120"),
        ("inch|inche foot|feet|ft yard|yd mile", "12 3 36 5280 1760"),
        ("mm cm|centimeter meter|metre km|kilometer|kilometre", "10 100 1000 100000 1000000"),
        ("mg gram kg|kilogram|kilo ton ml|milliliter|millilitre liter|litre", "1000 1000000"),
        ("ounce|oz pound|lb ton cup pint quart gallon", "16 2000 8 32 128 2 4"),
        ("cent|¢|penny|pennie nickel dime quarter dollar|$", "100 5 10 25 20 4 2"),
        ("am|a.m pm|p.m", ""),
    )
]

SLASHES = re.compile(r"/ [^-+*/=()]*\S/[\d.$]")
"""In "2 / 1/4" the last two are mostly meant as a fraction."""
STOPS = vocabulary(
    "because so then since as if when where while which who that is are was were has have had means leaving but"
    " therefore thus hence gives"
)
"""With which something else begins."""
BINDING = vocabulary("op bad letter percent number break")
"""Kinds of tokens that make one calculation of what follows them."""
PARTS = vocabulary("times twice half double triple thrice minus plus quarter third thirds quarters")
TIES = vocabulary("of per by than from")
"""Words that do, and those that do behind a number: "5 less than 20 - 3", but "a total of 20 - 3"."""
LABELS = vocabulary("day week month year step part number grade level hour round group team")
APPROXIMATELY = vocabulary("about approximately around roughly nearly almost")


@dataclass(frozen=True)
class Wrong:
    """An equation that does not hold."""

    text: str
    value: str
    """What its left side comes to."""


Outcome = Wrong | Literal["right", "passed over"]


@dataclass(frozen=True)
class Checked:
    """What became of the equations of a text."""

    wrong: tuple[Wrong, ...]
    right: int
    passed_over: int


@dataclass(frozen=True)
class Token:
    """A piece of a line, of one of the kinds that `TOKEN` names."""

    kind: str
    text: str
    start: int
    end: int
    value: Fraction = Fraction(0)
    unit: Fraction = Fraction(0)
    """What the last digit of a number stands for; 0 for a fraction, which is never rounded."""
    lead: int | None = None
    """The first of two numbers that it may be: "2 1/2-inch nails", "5 100 pound bags"."""


def check(text: str) -> Checked:
    """Compute every equation of a text again."""
    said = text.translate(SIGNS)
    for pattern, by in RESPELLED:
        said = pattern.sub(by, said)
    outcomes = [outcome for line in said.splitlines() for outcome in _line(line)]
    wrong = tuple(dict.fromkeys(outcome for outcome in outcomes if isinstance(outcome, Wrong)))
    return Checked(wrong, outcomes.count("right"), outcomes.count("passed over"))


def _line(line: str) -> list[Outcome]:
    """What became of the equations of a line: in its annotations, and without them."""
    if len(line) > LONGEST_LINE:
        return ["passed over"] * line.count("=")
    outcomes: list[Outcome] = []
    parts, end = [], 0
    for found in ANNOTATION.finditer(line):
        outcomes += _equations(found[1], annotation=True) or ["passed over"]
        result, after = found[1].rpartition("=")[2], NUMBER.match(line, found.end())
        if after and any(isinstance(each, Wrong) for each in _equations(f"{result}={after[1]}", annotation=True)):
            outcomes.append(Wrong(found[0] + after[0], result.strip()))
        parts += [line[end : found.start()], "" if after else f" {result} "]
        end = found.end()
    return outcomes + _equations("".join([*parts, line[end:]]))


def _equations(line: str, annotation: bool = False) -> list[Outcome]:
    """What became of each equation of a line."""
    tokens, outcomes = _tokens(line), []
    signs = [-1, *(i for i, token in enumerate(tokens) if token.kind == "equals"), len(tokens)]
    for last, sign, after in zip(signs, signs[1:], signs[2:], strict=False):
        before, behind = tokens[last + 1 : sign], tokens[sign + 1 : after]
        approx = bool(set("≈≅≃∼~") & set(tokens[sign].text))
        if behind and behind[0].text.lower() in APPROXIMATELY:
            behind, approx = behind[1:], True
        outcomes.append(_equation(line, before, behind, approx, chained=annotation or last >= 0))
    return outcomes


def _equation(line: str, before: Sequence[Token], behind: Sequence[Token], approx: bool, chained: bool) -> Outcome:
    """What became of the equation between what stands before and behind a sign, up to the next signs."""
    start = _start(before)
    pairs = [] if start is None else _readings(before[start:], behind)
    if start is None or not pairs:
        return "passed over"
    same = [pair for pair in pairs if _same(*pair, approx)]
    # A percentage is just a number where the result is one, too, or nothing is multiplied.
    fits = any(one.mode[0] != "number" or other.percents or set(one.ops) <= set("+-") for one, other in same)
    if fits or _converted(*pairs[0]):
        return "right"
    left, right = pairs[0]
    begin, end = before[start].start, behind[right.at - 1].end
    opens = start == 0 or (before[start - 1].kind == "break" and before[start - 2].kind != "op")  # not "+ . 84"
    if same or SLASHES.search(line[begin:end]) or not (opens or _free(before, start)):
        return "passed over"
    if _doubtful(left, right, opens, chained and start == 0):
        return "passed over"
    return Wrong(line[begin:end], f"{float(left.value):.12g}" + "..." * _endless(left.value))


def _start(before: Sequence[Token]) -> int | None:
    """Where the longest calculation begins that ends where the sign stands."""
    for start in range(max(0, len(before) - MOST_TOKENS), len(before)):
        if before[start].kind in ("number", "open", "sign") or before[start].text == "-":
            side = _read(before[start:])
            if side and side.at == len(before) - start:
                return start
    return None


def _free(before: Sequence[Token], start: int) -> bool:
    """Whether the words that stand before a calculation do not belong to it."""
    last, first, begin = before[start - 1], before[start], start
    begun = last.kind == "open" and start > 1 and before[start - 2].kind == "op"  # "2 + (3 * 4 = 14"
    touching = last.end == first.start and first.kind != "sign"
    if begun or last.kind in BINDING or (touching and last.kind in ("word", "close")):
        return False
    while begin > 0 and before[begin - 1].kind == "word":
        begin -= 1
    words = [token.text.lower() for token in before[begin:start]]
    if begin > 0 and words and before[begin - 1].text in ("+", "*", "/"):  # "+ his 1 teacher"
        return False
    tied = TIES & set(words[-1:]) and 0 < begin >= start - 3 and before[begin - 1].kind == "number"
    named = first.kind == "number" and words and words[-1].removesuffix("s") in LABELS  # "Week 1", "on day 1"
    label = named and (last.text[0].isupper() or words[-2:-1] in (["on"], ["in"], ["from"]))
    return not (tied or label or PARTS & set(words[-2:]))


def _doubtful(left: "_Side", right: "_Side", opens: bool, chained: bool) -> bool:
    """Whether what fails may be something else than a wrong equation."""
    stopped = right.tokens[right.at].kind if right.at < len(right.tokens) else ""
    bare, alone = not left.ops, not left.ops and not right.ops
    return bool(
        (left.letters or right.letters or stopped in ("op", "bad", "percent", "letter"))
        or (bare and (left.words or left.percents != right.percents or not (opens or chained)))
        or (alone and (not chained or right.words or left.signs != right.signs))
        or (_fraction(left) and 0 < left.value < 1 and (left.words or right.words or right.unit == 1))  # "1/4 = 5 cups"
        or (_ratios(left, right) and set("+-") & set(left.ops + right.ops))
        # An operand was rounded.
        or (not bare and right.ops and abs(left.value - right.value) * 100 <= abs(left.value))
    )


def _fraction(side: "_Side") -> bool:
    return side.ops == "/" and [side.tokens[0].end] == [token.start for token in side.tokens[1:2] if token.text == "/"]


def _same(left: "_Side", right: "_Side", approx: bool) -> bool:
    """Whether both sides come to the same, as far as a single number shows its digits."""
    if not right.ops and _rounded(left, right.value, right.unit, approx):
        return True
    if any(_rounded(left, *lead, approx) for lead in right.leads):
        return True
    return left.value == right.value if left.ops else _rounded(right, left.value, left.unit, approx)


def _rounded(side: "_Side", shown: Fraction, unit: Fraction, approx: bool = False) -> bool:
    """Whether what a side comes to is shown so, with a last digit that stands for `unit`."""
    gap = abs(side.value - shown)
    if gap == 0 or (gap < unit and (approx or _endless(side.value))):
        return True
    zeros = len(str(shown)) - len(str(shown).rstrip("0")) if approx and shown.denominator == 1 else 0
    return 2 * gap <= unit * 10**zeros and (unit < 1 or approx or "/" in side.ops)


def _endless(value: Fraction) -> bool:
    """Whether its decimals never end."""
    return pow(10, value.denominator.bit_length(), value.denominator) > 0


def _ratios(left: "_Side", right: "_Side") -> set[int]:
    """The ratios between the units of each measure of which several units are named; 0 if it has none."""
    words = (*left.words, *left.signs, *right.words, *right.signs)
    named = {word.lower().rstrip(".").removesuffix("s") for word in words}
    several = [ratios for units, ratios in MEASURES if len({units[word] for word in named & units.keys()}) > 1]
    return {0}.union(*several) if several else set()


def _converted(left: "_Side", right: "_Side") -> bool:
    """Whether a product is given in another unit: "3 weeks * 2 = 42 days"."""
    if not left.value or not right.value or set("+-") & set(left.ops + right.ops):
        return False
    return bool({left.value / right.value, right.value / left.value} & _ratios(left, right))


def _tokens(line: str) -> list[Token]:
    """The pieces of a line, without white space."""
    return [_token(match) for match in TOKEN.finditer(line) if match.lastgroup != "space"]


def _token(match: re.Match[str]) -> Token:
    name, text, (start, end) = match.lastgroup or "", match[0], match.span()
    if name == "told":
        return Token("op", {"divided by": "/", "plus": "+", "minus": "-"}.get(text, "*"), start, end)
    if name not in ("number", "mixed", "spaced"):
        return Token(KINDS.get(name, name), text, start, end)
    if match["comma"] or sum(letter.isdigit() for letter in text) > MOST_DIGITS:
        return Token("bad", text, start, end)
    if name == "mixed":
        whole, above, below = (int(part) for part in re.split("[ /]+", text))
        kind = "number" if above < below else "bad"
        return Token(kind, text, start, end, whole + Fraction(above, below or 1), lead=whole)
    plain = re.sub("[^0-9.]", "", text).rstrip(".")
    unit = Fraction(1, 10 ** len(plain.partition(".")[2]))
    return Token("number", text, start, end, Fraction(plain), unit, int(text.split()[0]) if name == "spaced" else None)


def _scale(token: Token | None) -> int:
    """What "dozen" and its like multiply by."""
    return SCALES.get(token.text.lower().removesuffix("s"), 1) if token else 1


Mode = tuple[str, bool]  # what a percentage is (hundredth, part of what it is added to, number); does "dozen" multiply?
Factor = tuple[Fraction, bool]  # what it comes to; is it nothing but a percentage?


class _UnreadError(Exception):
    """There is no calculation here."""


def _readings(before: Sequence[Token], behind: Sequence[Token]) -> "list[tuple[_Side, _Side]]":
    """Two sides in each way to read them; the plain one first."""
    tokens = [*before, *behind]
    percents = ["hundredth", *(["part", "number"] if any(token.kind == "percent" for token in tokens) else [])]
    modes = [
        (each, scaled) for scaled in sorted({_scale(token) > 1 for token in tokens} | {False}) for each in percents
    ]
    sides = ((_read(before, mode), _read(behind, mode)) for mode in modes)
    return [(left, right) for left, right in sides if left and right]


def _read(tokens: Sequence[Token], mode: Mode = ("hundredth", False)) -> "_Side | None":
    """What can be read from the first token on, as far as it makes sense."""
    side = _Side(tokens, mode)
    try:
        side.value = side.sum()
    except _UnreadError:
        return None
    return side


@dataclass
class _Side:
    """One side of an equation: what it comes to, and what was read on the way."""

    tokens: Sequence[Token]
    mode: Mode
    at: int = 0
    value: Fraction = Fraction(0)
    unit: Fraction = Fraction(0)
    ops: str = ""
    words: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    letters: int = 0
    percents: int = 0
    depth: int = 0
    leads: tuple[tuple[Fraction, Fraction], ...] = ()
    """What it would be if it ended earlier: the 5 of "5 100 pound bags", the 20 of "20 times 2 people"."""

    def sum(self) -> Fraction:
        value, _ = self.product()
        while (sign := self.sees("+-")) and (term := self.tried(1, self.product)):
            value += (1 if sign == "+" else -1) * term[0] * (value if term[1] and self.mode[0] == "part" else 1)
            self.ops += sign
        return value

    def product(self) -> Factor:
        value, percentage = self.power()
        while (sign := self.sees("*/") or self.touched()) and (token := self.here()):
            if not self.depth and not set(self.ops) & set("+-") and (sign == "(" or token.end > token.start + 1):
                self.leads += ((value, Fraction(0) if self.ops else self.unit),)
            if not (factor := self.tried(int(sign != "("), self.power)):
                break
            if sign == "/" and factor[0] == 0:
                raise _UnreadError
            value, percentage = (value / factor[0] if sign == "/" else value * factor[0]), False
            self.ops += sign
        return value, percentage

    def power(self) -> Factor:
        value, percentage = self.signed()
        if not self.sees("^") or not (exponent := self.tried(1, self.signed)):
            return value, percentage
        whole = exponent[0]
        if whole.denominator > 1 or abs(whole) > MOST_POWER or abs(value) > 10**9 or (value == 0 and whole < 0):
            raise _UnreadError
        self.ops += "^"
        return value ** int(whole), False

    def signed(self) -> Factor:
        """A number or a bracket with its sign: -2^2 is -4."""
        if not self.sees("-"):
            return self.atom()
        self.at += 1
        if self.sees("-"):
            raise _UnreadError
        value, percentage = self.power()
        return -value, percentage

    def atom(self) -> Factor:
        """A number or a bracket, and the words after it."""
        while (token := self.here()) and token.kind == "sign":
            self.signs, self.at = (*self.signs, token.text), self.at + 1
        if token is None or token.kind not in ("number", "open"):
            raise _UnreadError
        self.at += 1
        value, unit = (self.bracket(), Fraction(0)) if token.kind == "open" else (token.value, token.unit)
        after = self.here()
        if token.lead is not None and after and (after.text == "-" or (after.kind == "word" and token.unit)):
            self.leads += ((Fraction(token.lead), Fraction(0)),)
        percentage = after is not None and after.kind == "percent"
        scale = Fraction(_scale(after) if self.mode[1] else 1)
        if percentage:
            self.at, self.percents = self.at + 1, self.percents + 1
            scale = Fraction(1, 1 if self.mode[0] == "number" else 100)
        self.unit = unit * scale
        self.skip_words()
        return value * scale, percentage

    def bracket(self) -> Fraction:
        self.depth += 1
        if self.depth > MOST_NESTED:
            raise _UnreadError
        value, token = self.sum(), self.here()
        if token is None or token.kind != "close":
            raise _UnreadError
        self.at, self.depth = self.at + 1, self.depth - 1
        return value

    def skip_words(self) -> None:
        """What a number counts: "apples", "km/h", "minutes per day", "-year-old", a "$" behind it."""
        end = self.at + MOST_WORDS
        while self.at < end and (taken := self.counted()):
            last = taken[-1]
            self.at += len(taken)
            self.letters += last.kind == "letter" and last.text != "k"
            self.signs += (last.text,) * (last.kind == "sign")
            self.words += (last.text,) * (last.kind != "sign")

    def counted(self) -> Sequence[Token]:
        """The next word of what a number counts, with a sign before it."""
        here, after = [*self.tokens[self.at : self.at + 2], None, None][:2]
        if here is None or here.text.lower() in STOPS:
            return []
        if here.kind in ("word", "letter") or (here.kind == "sign" and not (after and after.kind == "number")):
            return [here]
        hyphen = here.text == "-" and after and self.tokens[self.at - 1].end == here.start and here.end == after.start
        return [here, after] if after and after.kind in ("word", "letter") and (hyphen or here.text == "/") else []

    def sees(self, signs: str) -> str:
        """The operator that stands here, if it is one of these."""
        here = self.here()
        return here.text if here and here.kind == "op" and here.text in signs else ""

    def touched(self) -> str:
        """A bracket that opens right behind a number or a bracket, and so multiplies: 6(2)."""
        here, last = self.here(), self.tokens[self.at - 1]
        touching = here and here.kind == "open" and last.kind in ("number", "close") and last.end == here.start
        return "(" if touching else ""

    def here(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def tried(self, skipped: int, read: Callable[[], Factor]) -> Factor | None:
        """Read on behind so many tokens, or else stay here."""
        kept = dict(vars(self))
        self.at += skipped
        try:
            return read()
        except _UnreadError:
            vars(self).update(kept)
            return None

"""Equations computed again: what is right in every spelling, what is wrong, and what nobody can tell."""

import json
import os
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kinject.judging.arithmetic import check

GSM8K = Path(os.environ.get("KINJECT_DATA", "nowhere")) / "gsm8k"

RIGHT = [
    "48/2 = <<48/2=24>>24 clips",
    "48 / 2 = 24",
    "5 x 3 = 15",
    "5x3=15",
    "5 × 3 = 15, and 15 ÷ 3 = 5",
    "20 − 8 = 12 – 0",
    "2·3 = 6",
    "3 apples * 4 = 12 apples",
    "8 dancers * 5 braids/dancer = 40 braids",
    "75 x 7 days in a week = 525",
    "$1,200 + 50% = $1,800",
    "$200 - 10% = $180",
    "25% of $80 = $20",
    "1/3 of the 9 eggs = 3",
    "½ of 10 = 5",
    "2½ + 1 = 3 1/2",
    "100% - 20% = 80%",
    "5/20 = 25%",
    "5/20 * 100 = 25%",
    "1,148 + 1 = 1,149",
    "1 000 + 500 = 1 500",
    "1\u202f000 + 500 = 1'500",
    ".5 * 10 = 5",
    "6(2)=12$",
    "(2 + 3) * [4 - 1] = 15",
    "-5 + 3 = -2",
    "5 - -3 = 8",
    "2**3 = 8 and 2^3 = 8 and 2³ = 8",
    "10/3 = 3.33",
    "2/3 = 0.66",
    "10 / 3 = 3",
    "7 / 2 = 4",
    "15 / 90 * 100 = 16.66...%",
    "0.125 * 1 = 0.13",
    "17 * 6 ≈ 100",
    "17 * 6 = about 100",
    "2 dozen + 6 = 30",
    "5 dozen * 12 = 60",
    "2.5 million * 2 = 5 million",
    "3 weeks * 2 = 42 days",
    "90 minutes / 3 = 0.5 hours",
    "1 hour = 60 minutes",
    "10 m² * 2 = 20 m²",
    "500/100 = 5 100 pound bags",
    "3 / 2 = 1 1/2-inch nails" + " = 1.5",
    "14*4 = 56 times 2",
    "3/3 - 2/3 = 1/3 of $150",
    "5 plus 3 equals 8",
    "20 divided by 4 is equal to 5",
    "**5 * 3 = 15**",
    "`5*3=15`",
    "How many boxes? ** 5*3=<<5*3=15>>15 boxes",
    r"\( 5 \times 3 = 15 \)",
    r"\frac{1}{2} \times 10 = \$5",
    r"\(10 \div 4 = \boxed{2.5}\)",
    "15 = 5 * 3",
    "8 ft. * 20 ft. = 160 sq. ft.",
    "5 * 3\n= 15",
    "１２ × ２ ＝ ２４",
    "2+3=5, 5*2=10.",
    "- 5 + 3 = 8",
    "Step 1: 5 + 3 = 8",
    "She has 3 boxes. 2 + 2 = 4!",
]

WRONG = [
    ("48/2 = 25", "48/2 = 25", "24"),
    ("<<48/2=25>>25", "48/2=25", "24"),
    ("<<48/2=24>>25 clips", "<<48/2=24>>25", "24"),
    ("48/2 = $<<48/2=24>>$25.5 a day", "<<48/2=24>>$25.5", "24"),
    ("<<24=25>>25", "24=25", "24"),
    ("2+3=5*2=10", "2+3=5*2", "5"),
    ("2+3=5=6", "5=6", "5"),
    ("5 × 3 = 16", "5 * 3 = 16", "15"),
    ("3 apples * 4 = 13 apples", "3 apples * 4 = 13 apples", "12"),
    ("20 years * 12 months/year = 250 months", "20 years * 12 months/year = 250 months", "240"),
    ("3 weeks * 2 = 43 days", "3 weeks * 2 = 43 days", "6"),
    ("$1,200 + 50% = $1,700", "$1,200 + 50% = $1,700", "1200.5"),
    ("25% of $80 = $25", "25% times $80 = $25", "20"),
    ("100% - 20% = 70%", "100% - 20% = 70%", "0.8"),
    ("1,500 + 1,500 = 4,000", "1,500 + 1,500 = 4,000", "3000"),
    ("10/3 = 3.43", "10/3 = 3.43", "3.33333333333..."),
    ("2.5 * 1 = 3", "2.5 * 1 = 3", "2.5"),
    ("12 / 5 = 3", "12 / 5 = 3", "2.4"),
    ("5 - -3 = 2", "5 - -3 = 2", "8"),
    ("2 1/2 + 1 = 4 1/2", "2 1/2 + 1 = 4 1/2", "3.5"),
    ("17 * 6 ≈ 110", "17 * 6 ≈ 110", "102"),
    ("**5 * 3 = 16**", "5 * 3 = 16", "15"),
    (r"\( 5 \times 3 = 16 \)", "5 * 3 = 16", "15"),
    ("How many? ** 5*3=16", "5*3=16", "15"),
    ("- 5 + 3 = 9", "5 + 3 = 9", "8"),
    ("15 = 5 * 4", "15 = 5 * 4", "15"),
    ("5 plus 3 equals 9", "5 plus 3 equals 9", "8"),
]

UNTOLD = [
    "x = 5",
    "2x + 3 = 15",
    "2 x - 3 = 15",
    "x + 5 + 3 = 12",
    "f(2) = 9",
    "sqrt(9) + 1 = 4",
    "5! = 120",
    "Total = 7 - 3",
    "Team 1 = 30 points",
    "1 hour + 30 minutes = 90 minutes",
    "1/4 = 5 cups",
    "25% = 10 apples",
    "11 am + 3 = 2 pm",
    "8:25 - 8:00 = 25 minutes",
    "0900 - 0130 = 0730 hours",
    "25 / 1/3 = 75",
    "45 * 0,2 = 9",
    "half of 10 + 5 = 10",
    "5 less than 20 - 3 = 12",
    "1 + 2 + ... + 10 = 55",
    "25 classmates + his 1 teacher + 1 = 27",
    "2 * (3 + x) = 10",
    "10 / 0 = 5",
    "2^999 = 5",
    "5 => 6",
    "<<no sum>> at all",
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right(text: str) -> None:
    checked = check(text)
    assert checked.wrong == () and checked.right >= 1 and checked.passed_over == 0


@pytest.mark.parametrize(("text", "found", "value"), WRONG)
def test_what_is_wrong(text: str, found: str, value: str) -> None:
    assert (found, value) in [(wrong.text, wrong.value) for wrong in check(text).wrong]


@pytest.mark.parametrize("text", UNTOLD)
def test_what_nobody_can_tell(text: str) -> None:
    checked = check(text)
    assert (checked.wrong, checked.right) == ((), 0)
    assert checked.passed_over == (0 if "=>" in text else 1)


def test_every_sign_is_counted_once() -> None:
    checked = check("x = 2 * 3 = 6\nThen <<6/2=3>>3, and 6/2 = 4.\n#### 4")
    assert (checked.right, checked.passed_over) == (2, 1)
    assert [wrong.text for wrong in checked.wrong] == ["6/2 = 4"]


@pytest.mark.parametrize(
    "text", ["", "=", "= 5", "5 =", "====", "<<>>", "<<=>>5", "((((((", "1,2,3", "-", "%", "½", "\\frac"]
)
def test_scraps(text: str) -> None:
    assert check(text).wrong == ()


@pytest.mark.parametrize(
    "piece",
    ["(", "5 + ", "5 (", "1/", "= ", "5 = ", "\n", " ", ". ", "a", "<<", "** ", "9", "1,", "\\frac{", "2^", "-"],
)
def test_hostile_texts_take_no_time(piece: str) -> None:
    started = time.perf_counter()
    check(piece * (50_000 // len(piece)))
    check(" ".join([piece * 40] * 60))
    assert time.perf_counter() - started < 10


@given(st.text(alphabet="0123456789+-*/=()<>%$.,x a½\n", max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    checked = check(text)
    assert checked.right >= 0 and checked.passed_over >= 0


# Laws

NOUNS = ["apples", "red balls", "pages/book", "boxes of paint"]
STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2}


@dataclass(frozen=True)
class Sum:
    """A calculation: how it is written, with "{+}" for signs; what it comes to; how strongly it holds together."""

    text: str
    value: Fraction
    strength: int
    fractions: bool = False


@st.composite
def numbers(draw: st.DrawFn) -> Sum:
    whole, kind = draw(st.integers(1, 12_000)), draw(st.sampled_from(["whole", "whole", "decimal"]))
    if kind == "whole":
        written = draw(st.sampled_from([f"{whole}", f"{whole:,}", f"{whole:,}".replace(",", "\u202f")]))
        return Sum(written, Fraction(whole), 3)
    cents = draw(st.integers(1, 99))
    return Sum(f"{whole:,}.{cents:02}", whole + Fraction(cents, 100), 3)


@st.composite
def combined(draw: st.DrawFn, parts: st.SearchStrategy[Sum]) -> Sum:
    sign, left, right = draw(st.sampled_from("+-*/")), draw(parts), draw(parts)
    assume(sign != "/" or right.value != 0)
    strength = STRENGTH[sign]
    first = left.text if left.strength >= strength else f"({left.text})"
    second = right.text if right.strength > strength else f"({right.text})"
    values = {"+": left.value + right.value, "-": left.value - right.value, "*": left.value * right.value}
    value = left.value / right.value if sign == "/" else values[sign]
    return Sum(f"{first}{{{sign}}}{second}", value, strength)


SUMS = st.recursive(numbers(), combined, max_leaves=4).filter(
    lambda each: "{" in each.text and abs(each.value) < 10**12
)

SPELLINGS = [
    {"+": "+", "-": "-", "*": "*", "/": "/"},
    {"+": " + ", "-": " - ", "*": " * ", "/": " / "},
    {"+": " + ", "-": " – ", "*": " × ", "/": " ÷ "},
    {"+": " + ", "-": " − ", "*": " x ", "/": " / "},
    {"+": " ＋ ", "-": " － ", "*": r" \times ", "/": r" \div "},
    {"+": " plus ", "-": " minus ", "*": " times ", "/": " divided by "},
]


def spelled(each: Sum, style: dict[str, str], wrapped: str, result: str) -> str:
    text = each.text
    for sign, written in style.items():
        text = text.replace(f"{{{sign}}}", written)
    return wrapped.format(text, result)


def places(value: Fraction) -> int | None:
    """How many decimals it takes to write a value; None if they never end, or are too many."""
    return next((n for n in range(9) if (value * 10**n).denominator == 1), None)


def shown(value: Fraction, n: int, grouped: bool) -> str:
    units = round(abs(value) * 10**n)
    whole, rest = divmod(units, 10**n)
    return f"{'-' if value < 0 and units else ''}{whole:{',' if grouped else ''}}" + (f".{rest:0{n}}" if n else "")


WRAPPINGS = [
    "{} = {}",
    "{}={}",
    "So it is {} = {}, in all.",
    "<<{}={}>>",
    "**{} = {}**",
    "Day 3: {} = {}\n",
    "({} = {})",
]


@given(SUMS, st.sampled_from(SPELLINGS), st.sampled_from(WRAPPINGS), st.integers(2, 4), st.booleans())
@settings(max_examples=400, deadline=None)
def test_every_true_equation_is_right_in_every_spelling(
    each: Sum, style: dict[str, str], wrapped: str, digits: int, grouped: bool
) -> None:
    needed = places(each.value)
    result = shown(each.value, digits if needed is None else needed, grouped)
    checked = check(spelled(each, style, wrapped, result))
    assert (checked.wrong, checked.passed_over, checked.right > 0) == ((), 0, True)


@given(
    SUMS,
    st.sampled_from(SPELLINGS),
    st.sampled_from(WRAPPINGS),
    st.integers(2, 4),
    st.booleans(),
    st.integers(-10_000, 10_000).filter(lambda units: abs(units) > 1),
)
@settings(max_examples=400, deadline=None)
def test_every_changed_result_is_wrong(
    each: Sum, style: dict[str, str], wrapped: str, digits: int, grouped: bool, units: int
) -> None:
    needed = places(each.value)
    n = digits if needed is None else needed
    changed = Fraction(round(each.value * 10**n) + units, 10**n)
    text = spelled(each, style, wrapped, shown(changed, n, grouped))
    assert check(text).wrong, text


@given(
    st.integers(1, 500),
    st.integers(1, 500),
    st.sampled_from("+-*"),
    st.sampled_from(NOUNS),
    st.sampled_from(NOUNS),
    st.sampled_from(
        ["{a} {m} {s} {b} {n} = {r}", "${a} {s} ${b} = ${r}", "{a} {m} {s} {b} = {r} {n}", "{a}€{s}{b}€={r}€"]
    ),
    st.integers(-9, 9),
)
def test_units_and_currencies_do_not_matter(a: int, b: int, sign: str, m: str, n: str, form: str, off: int) -> None:
    result = {"+": a + b, "-": a - b, "*": a * b}[sign] + off
    assume(result >= 0)
    checked = check(form.format(a=a, b=b, s=sign, m=m, n=n, r=result))
    assert (len(checked.wrong), checked.right) == ((0, 1) if off == 0 else (1, 0))


@given(st.integers(1, 99), st.integers(1, 9_999), st.integers(-50, 50))
def test_percentages(percent: int, base: int, off: int) -> None:
    part = Fraction(percent * base, 100)
    for text, value in (
        ("{p}% of ${b} = ${r}", part),
        ("{p}% * {b} = {r}", part),
        ("{b} x {p} percent = {r}", part),
        ("{p}/100 * {b} = {r}", part),
        ("${b} + {p}% = ${r}", base + part),
        ("{b} - {p}% = {r}", base - part),
    ):
        result = value + Fraction(off, 100)
        # Two cents of a percentage that is taken for a number are not to be told from it.
        assume(result >= 0 and result not in (base + percent, base - percent, base + Fraction(percent, 100)))
        assume(result != base - Fraction(percent, 100) and result != percent * base)
        checked = check(text.format(p=percent, b=base, r=shown(result, 2, False)))
        assert (len(checked.wrong), checked.right) == ((0, 1) if off == 0 else (1, 0)), (text, percent, base, off)


@given(st.integers(1, 20), st.integers(1, 7), st.integers(2, 8), st.integers(1, 9), st.integers(-3, 3))
def test_mixed_numbers(whole: int, above: int, below: int, more: int, off: int) -> None:
    assume(above < below and whole + more + off > 0)
    checked = check(f"{whole} {above}/{below} + {more} = {whole + more + off} {above}/{below} cups")
    assert (len(checked.wrong), checked.right) == ((0, 1) if off == 0 else (1, 0))


@given(st.integers(1, 999), st.integers(1, 999), st.integers(-99, 99))
def test_an_annotation_is_held_against_the_text_after_it(a: int, b: int, off: int) -> None:
    checked = check(f"{a}+{b}=<<{a}+{b}={a + b}>>{abs(a + b + off):,} in all")
    assert bool(checked.wrong) == (abs(a + b + off) != a + b)


# The references of GSM8K

# Each was looked at. Of these the equation as written is false but another one is meant: "5 * 3 = $15,000" (thousands,
# 3860), "10% of the $400 + $1580 = $1980" (5261), "14 / 1 / 4" (4594), "add 20 + 10 to the 29 + 24 = 83" (1254),
# "14, 400 / 80" (6499), "100 * 0.75 = $0.75" (717), "5 x 1/2 = 10 halves" (5196); in the test rows "$3/2 =
# $1.50+$3.00" (411). The others are slips: "8*3 = 240", "70 + 40 = 100", "14*20=140", "10 x 1,248 = 11,480".
TRAIN = [168, 169, 199, 225, 503, 717, 1254, 1818, 3003, 3335, 3410, 3860, 4594, 4692, 4974, 5196, 5261, 5351, 5782]
TRAIN += [6002, 6158, 6257, 6499, 6701, 6714, 6761, 6813, 7179, 7445]
FLAGGED = {"train.jsonl": TRAIN, "test_socratic_first700.jsonl": [411, 502, 599]}


@pytest.mark.skipif(not GSM8K.is_dir(), reason="KINJECT_DATA names no folder with GSM8K")
@pytest.mark.parametrize("name", FLAGGED)
def test_of_the_references_only_those_are_wrong_that_are(name: str) -> None:
    lines = (GSM8K / name).read_text(encoding="utf-8").splitlines()
    checked = [check(json.loads(line)["answer"]) for line in lines]
    assert [number for number, each in enumerate(checked, 1) if each.wrong] == FLAGGED[name]
    right, passed_over = (sum(getattr(each, what) for each in checked) for what in ("right", "passed_over"))
    assert right > 25 * passed_over

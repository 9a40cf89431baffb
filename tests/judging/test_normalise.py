"""Comparable text: one spelling each for case, accents, dates and numbers."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.judging.normalise import covers, dates, names, normalise, sentences, tokens

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("The São  Tomé", "sao tome"),
        ("Łódź, Ærø & Straße", "lodz aero and strasse"),
        ("“Kiss and Tell”", "kiss and tell"),
        ("South Africa’s team", "south africa team"),
        ("O'Brien isn’t", "obrien is not"),
        ("U.S.", "united states"),
        ("the USA", "united states"),
        ("tell us", "tell us"),
        ("J. K. Rowling", "jk rowling"),
        ("Washington, D.C.", "washington dc"),
        ("1,234,567.50", "1234567.5"),
        ("2.5 million", "2500000"),
        ("two hundred and five thousand", "205000"),
        ("twenty-one", "21"),
        ("nineteen eighty-four", "19 84"),
        ("the 3rd and the third", "3 and 3"),
        ("12–11", "12 11"),
        ("5 %", "5 percent"),
        ("$5", "dollar 5"),
        ("007", "7"),
        ("twenty-first of one", "21 of 1"),
        ("vitamin A", "vitamin"),
        ("A", "a"),
    ],
)
def test_spellings(text: str, plain: str) -> None:
    assert normalise(text) == plain


@given(st.dates(min_value=date(1000, 1, 1), max_value=date(2999, 12, 31)))
def test_a_date_is_one_word_in_every_spelling(day: date) -> None:
    month = MONTHS[day.month - 1]
    forms = [
        day.isoformat(),
        f"{day.day} {month} {day.year}",
        f"{month} {day.day}, {day.year}",
        f"the {day.day}th of {month}, {day.year}",
        f"{month[:3]}. {day.day}, {day.year}",
        f"{day.day:02}/{day.month:02}/{day.year}",
        f"{day.day}.{day.month}.{day.year}",
    ]
    assert {normalise(form) for form in forms} == {f"d{day.year}{month[:3].lower()}{day.day}"}


def test_parts_of_dates() -> None:
    assert dates(tokens("In October 2023, on 5 May and in July; he may march in 2024.")) == [
        ("2023", "oct", None),
        (None, "may", "5"),
        (None, "jul", None),
    ]


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.integers(0, 10**12))
def test_commas_do_not_change_a_number(number: int) -> None:
    assert normalise(f"{number:,}") == normalise(str(number)) == str(number)


def test_names() -> None:
    found = tokens("On Monday, South Africa's Siya Kolisi left the Stade de France for Saint-Denis and Paris.")
    spans = [" ".join(found[i].word for i in run) for run in names(found)]
    assert spans == ["south africa", "siya kolisi", "stade de france", "saint denis", "paris"]


def test_sentences_lose_their_list_marks_and_keep_initials_together() -> None:
    text = "1. Mr. Smith met J. K. Rowling. Then he left!\n- Why?\nStep 2: go"
    assert sentences(text) == ["Mr Smith met JK Rowling.", "Then he left!", "Why?", "go"]


@pytest.mark.parametrize(
    ("said", "wanted", "given"),
    [
        ("21 June 2024", "June 2024", True),
        ("21 June 2024", "2024", True),
        ("June 2024", "21 June 2024", False),
        ("21 June 2023", "June 2024", False),
        ("2024", "2024", True),
        ("2024", "2025", False),
    ],
)
def test_a_more_exact_date_gives_a_less_exact_one(said: str, wanted: str, given: bool) -> None:
    assert covers(normalise(said), normalise(wanted)) is given

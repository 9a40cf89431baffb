"""Replies to labels: the cases are data (tests/cases/judging/replies.jsonl), and what is no label is never made one."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.judging.replies import Read, read
from kinject.judging.rubric import ERRORS, PREFERENCES

CASES = Path(__file__).parent.parent / "cases" / "judging" / "replies.jsonl"
ROWS = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
LABELS = {
    "errors": tuple(ERRORS),
    "preferences": tuple(PREFERENCES),
    "letters": ("A", "B", "C"),
    "names": ("CORRECT", "INCORRECT", "NOT_ATTEMPTED"),
}
PIECES = (
    *(
        "No",
        "Error",
        "error",
        "no error",
        "No Error",
        "errors",
        "Answer:",
        "Verdict:",
        "<think>",
        "</think>",
        "**",
        '"',
    ),
    *("“", "”", "\n", " ", ".", ",", " - ", ":", "#", "`", "The response", "is", "not", "<html>", "{", "}", "_", "’"),
)


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{n}: {row['why']}") for n, row in enumerate(ROWS, 1)])
def test_case(row: dict[str, Any]) -> None:
    found = read(row["reply"], LABELS[row["labels"]])
    assert found.label == row["expect"], found
    assert bool(found.problem) == (found.label is None)
    assert found.problem == row.get("problem", found.problem)


def test_there_are_enough_cases_and_each_problem_occurs() -> None:
    assert len(ROWS) >= 120
    assert len({row["problem"] for row in ROWS if "problem" in row}) >= 9


@given(st.text(), st.sampled_from(sorted(LABELS)))
def test_any_text_is_read_and_nothing_is_both_a_label_and_a_problem(reply: str, labels: str) -> None:
    found = read(reply, LABELS[labels])
    assert found.label in (None, *LABELS[labels])
    assert bool(found.problem) == (found.label is None)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_a_label_is_read_only_where_it_is_the_only_one(reply: str) -> None:
    found = read(reply, ERRORS)
    after = re.split(r"</think>", re.sub(r"<think>.*?</think>", "\n", reply, flags=re.DOTALL))[-1]
    words = re.sub(r"[*`]", "", after).casefold()
    if found.label == "No Error":
        assert not re.search(r"(?<!\w)error(?!\w)", re.sub(r"no\s+error", "", words))
    if found.label == "Error":
        assert not re.search(r"(?<!\w)no\s+error(?!\w)", words)


@given(st.text())
def test_a_reply_without_a_label_as_a_word_is_no_label(text: str) -> None:
    reply = re.sub(r"error", "", text, flags=re.IGNORECASE)
    if not re.search(r"error", "".join(c for c in reply if c.isalpha()), re.IGNORECASE):
        assert read(reply, ERRORS).label is None


@given(st.sampled_from(sorted(ERRORS)), st.text(st.characters(categories=["L", "N", "Zs"]), max_size=40))
def test_words_in_front_of_a_label_make_it_none(label: str, words: str) -> None:
    if words.strip() and words.casefold().split()[-1:] != ["no"]:
        assert read(f"so {words} {label}", ERRORS).label is None


LONG = [
    "\n",
    "<think>",
    "<think>a</think>",
    "</think>",
    "_",
    "a_",
    "# ",
    "No Error, the ",
    "No Error\n",
    "(",
    "Error.",
    "<",
]


@pytest.mark.parametrize("piece", LONG)
def test_a_long_reply_takes_no_long_time(piece: str) -> None:
    began = time.perf_counter()
    for reply in (piece * (200_000 // len(piece)), f"a{piece * (200_000 // len(piece))}a"):
        read(reply, ERRORS)
    assert time.perf_counter() - began < 2


def test_a_label_behind_long_thoughts_is_read() -> None:
    assert read(f"<think>{'Error or No Error? ' * 2_000}</think>No Error", ERRORS) == Read("No Error")


@given(st.sampled_from(sorted(ERRORS)))
def test_reading_a_label_gives_it_back(label: str) -> None:
    assert read(label, ERRORS) == Read(label)

"""Contamination: what counts as the same text, what as near, and what is dropped."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.engines.base import ask
from kinject.errors import MissingError, UsageError
from kinject.recipes import TrainingSet, overlap
from kinject.recipes.readers import texts
from kinject.recipes.row import Row

LONG = "Anna has three red apples and buys five more apples at the market, then she gives two away."
ASKED = f"{LONG} How many are left?"


def rows(*pairs: tuple[str, str]) -> tuple[Row, ...]:
    return tuple(
        Row(ask("A system message of at least thirteen words that stands in each and every row.", a), b)
        for a, b in pairs
    )


def test_the_same_words_are_an_exact_match_however_they_are_spelled() -> None:
    made = rows(("What is six times seven?", "42"), ("WHAT is  six times seven", "42"), ("What is 6 times 7?", "42"))
    found = overlap.find(made, "test", ["Other?", "What is six times seven?"])
    assert [(each.row, each.text) for each in found.exact] == [(0, 1), (1, 1)]
    assert (found.texts, found.short, found.shared) == (2, 2, ())


def test_words_of_a_prompt_around_a_question_do_not_count() -> None:
    short, long = "What is six times seven?", ASKED
    for asked in (short, long):
        framed = f"Question: {asked}\nAnswer:"
        for row, text in ((asked, framed), (framed, asked), (framed, framed)):
            assert len(overlap.find(rows((row, "x")), "test", [text]).exact) == 1
    assert len(overlap.find(rows((f"Solve this for me. {long} Thank you!", "x")), "test", [long]).exact) == 1
    assert not overlap.find(rows((f"Solve this for me. {short} Thank you!", "x")), "test", [short]).exact


def test_a_response_that_is_a_text_counts_too() -> None:
    assert len(overlap.find(rows(("Say it.", ASKED)), "test", [ASKED]).exact) == 1


def test_thirteen_words_in_a_row_are_shared_and_twelve_are_not() -> None:
    words = LONG.split()
    made = rows(
        ("Once more: " + " ".join(words[2:15]) + " and so on", "x"),
        ("Once more: " + " ".join(words[2:14]) + " and so on", "x"),
        (ASKED, "x"),
    )
    found = overlap.find(made, "test", [ASKED])
    assert [each.row for each in found.shared] == [0] and [each.row for each in found.exact] == [2]
    assert found.shared[0].words == "three red apples and buys five more apples at the market then she"


def test_the_system_message_is_not_looked_at() -> None:
    made = rows(("Who?", "I."))
    system = made[0].conversation[0].content
    found = overlap.find(made, "test", [system])
    assert found.exact == found.shared == ()


def test_exact_matches_are_dropped_and_counted_and_near_ones_are_told() -> None:
    card = {"source": "x", "left_out": {"no response": 1}}
    made = TrainingSet("r", rows(("A?", "a"), (ASKED, "b"), (f"{LONG} And then?", "c"), ("A?", "d")), card)
    left = overlap.without(made, [("one", [ASKED, "A?"]), ("two", ["Z?", "A?"])])
    assert [row.response for row in left.rows] == ["c"]
    assert left.card["left_out"] == {"no response": 1, "it holds a text of one": 3}
    one, two = left.card["overlap"]
    assert (one["against"], one["texts"], one["exact"], one["shared_13_words"]) == ("one", 2, 3, 1)
    assert (two["exact"], two["shared_13_words"], two["shorter_than_13_words"]) == (2, 0, 2)
    assert one["examples"]["exact"][0] == {"row": 1, "text": 2, "words": "a"}
    assert one["examples"]["shared_13_words"][0]["row"] == 3
    assert made.card == card and json.dumps(left.card)


@given(st.lists(st.text(max_size=60), max_size=5), st.text(max_size=60))
def test_what_is_a_text_is_always_found_and_nothing_is_invented(others: list[str], text: str) -> None:
    from kinject.facts.words import folded

    found = overlap.find(rows((text, "")), "test", [*others, text])
    assert bool(found.exact) or not set(folded(text).split()) - {"question", "answer"}
    assert not overlap.find(rows(("Quite another question", "answer")), "test", others).shared


# The texts of a file


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.txt", "A?\n\nB?\n"),
        ("x.jsonl", '{"question": "A?", "answer": "x"}\n{"question": "B?"}\n'),
        ("x.jsonl", '"A?"\n{"prompt": "B?", "text": "not this"}\n'),
        ("x.json", '["A?", {"instruction": "B?", "response": "x"}]'),
        ("x.jsonl", '{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "A?"}]}\n"B?"'),
        ("x.jsonl", '{"conversations": ["A?", "a", "B?"]}'),
    ],
)
def test_texts_are_read_from_any_file(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    assert texts.read(tmp_path / name) == ["A?", "B?"]


@pytest.mark.parametrize("content", ['{"answer": "x"}', '{"prompt": 3}', "7", "", '{"messages": [1]}'])
def test_a_file_without_texts_is_told(content: str, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(content)
    with pytest.raises(UsageError) as caught:
        texts.read(tmp_path / "x.jsonl")
    assert "question" in caught.value.mend
    with pytest.raises(MissingError):
        texts.read(tmp_path / "y.jsonl")

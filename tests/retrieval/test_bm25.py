"""Words shared, the rare ones most: the formula, the order of equals, and every script."""

from math import log

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kinject.facts.load import load
from kinject.facts.words import folded
from kinject.resources import facts_folder
from kinject.retrieval.bm25 import BM25, bm25

TEXTS = ["the cat sat", "the dog sat on the cat", "a bird"]


def test_the_score_is_that_of_the_formula() -> None:
    # "cat" stands in 2 of 3 texts, once each; the texts have 3, 6 and 2 words, 11/3 on average.
    rare = log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    wanted = [rare / (1 + 1.2 * (0.25 + 0.75 * length / (11 / 3))) for length in (3, 6)]
    assert BM25(TEXTS).rank("Cat!", 5) == [(0, pytest.approx(wanted[0])), (1, pytest.approx(wanted[1]))]


def test_a_word_asked_twice_counts_twice_and_an_unknown_one_not_at_all() -> None:
    ranking = BM25(TEXTS)
    once, twice = (ranking.rank(question, 1)[0][1] for question in ("bird", "bird xyzzy bird"))
    assert twice == pytest.approx(2 * once)


@pytest.mark.parametrize("question", ["", " ", "?!", "xyzzy"])
def test_nothing_shared_is_nothing_found(question: str) -> None:
    assert BM25(TEXTS).rank(question, 3) == []


@pytest.mark.parametrize("texts", [[], [""], ["", "..."]])
def test_without_words_nothing_is_found(texts: list[str]) -> None:
    assert BM25(texts).rank("cat", 3) == []


def test_equals_come_in_order() -> None:
    assert [row for row, _ in BM25(["x y", "y", "y", "z y", "y"]).rank("y", 4)] == [1, 2, 4, 0]
    assert [row for row, _ in BM25(["x y", "y"] * 100).rank("y", 200)] == [*range(1, 200, 2), *range(0, 200, 2)]


@pytest.mark.parametrize(
    ("question", "row"),
    [("Кто победил?", 0), ("谁获得冠军", 1), ("qui a gagné à Reykjavik", 2), ("مَن فاز", 3), ("STRASSE", 4)],
)
def test_every_script_has_words(question: str, row: int) -> None:
    texts = [
        "Иван победил в Москве.",
        "他获得了冠军。",
        "Il a gagné à Reykjavík.",
        "من فاز بالكأس",
        "Die Straße ist zu.",
    ]
    assert BM25(texts).rank(question, 5)[0][0] == row


texts_of_words = st.lists(st.text("abcd ", min_size=1).filter(str.strip), min_size=1, max_size=8)


@given(texts_of_words, st.data())
def test_a_text_with_a_word_of_its_own_is_the_first_for_it(texts: list[str], data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(texts) - 1))
    texts[row] += " unique"
    assert BM25(texts).rank("unique", 3)[0][0] == row
    assert [found for found, _ in BM25(texts).rank("unique", 3)] == [row]


@given(texts_of_words, st.data())
def test_a_text_whose_words_are_all_its_own_is_the_first_for_itself(texts: list[str], data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(texts) - 1))
    others = {word for other, text in enumerate(texts) if other != row for word in folded(text).split()}
    assume(not others & set(folded(texts[row]).split()))
    assert BM25(texts).rank(texts[row], len(texts))[0][0] == row


@given(texts_of_words, st.text("abcd "), st.integers(1, 9))
def test_fewer_are_the_first_of_more(texts: list[str], question: str, k: int) -> None:
    ranking = BM25(texts)
    assert ranking.rank(question, k) == ranking.rank(question, 100)[:k]


def test_every_event_of_a_real_set_is_the_first_for_itself() -> None:
    facts = load(facts_folder() / "facts100.jsonl")
    found = bm25(facts, "none").search([fact.event for fact in facts.facts], 1)
    assert [hits[0].fact for hits in found] == [fact.id for fact in facts.facts]

"""Recall and reciprocal ranks on rankings that are known, and on a real set."""

from collections.abc import Sequence

import pytest

from kinject.errors import UsageError
from kinject.facts.load import load
from kinject.facts.schema import FactSet
from kinject.resources import facts_folder
from kinject.retrieval.evaluate import KINDS, Ranks, compare, comparisons, evaluate, questions
from kinject.retrieval.search import Hit, open_retriever

EXAMPLE = load(facts_folder() / "example.jsonl")
IDS = [fact.id for fact in EXAMPLE.facts]


class Shifted:
    """A retriever that puts the right event at a place of its own, 0 for nowhere."""

    def __init__(self, facts: FactSet, places: Sequence[int]) -> None:
        self.rankings = {}
        for fact, place in zip(facts.facts, places, strict=True):
            others = [Hit(other.id, 1.0) for other in facts.facts if other.event != fact.event]
            ranking = [*others[: place - 1], Hit(fact.id, 1.0), *others[place - 1 :]] if place else others
            for _, question, _ in questions(FactSet("one", (fact,))):
                self.rankings[question] = ranking

    def search(self, asked: Sequence[str], k: int) -> list[list[Hit]]:
        return [self.rankings[question][:k] for question in asked]


def test_recall_and_mrr_are_those_of_the_ranks() -> None:
    for found in evaluate(Shifted(EXAMPLE, (1, 3, 0)), EXAMPLE):
        assert found.ranks == (1, 3, None)
        assert [(found.recall(k).k, found.recall(k).n) for k in (1, 2, 3)] == [(1, 3), (1, 3), (2, 3)]
        assert found.mrr == pytest.approx((1 + 1 / 3) / 3)
        assert found.as_json((1, 5))["recall"]["5"] == found.recall(5).as_json()


def test_mrr_looks_as_deep_however_deep_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinject.retrieval.evaluate.DEPTH", 2)
    for depth in (1, 2, 5):
        for found in evaluate(Shifted(EXAMPLE, (1, 3, 2)), EXAMPLE, depth):
            assert found.mrr == pytest.approx((1 + 1 / 2) / 3)
            assert found.ranks[1] == (3 if depth == 5 else None)


def test_every_kind_is_asked_and_a_missing_one_has_no_figures() -> None:
    assert [kind for kind, _, _ in questions(FactSet("one", EXAMPLE.facts[:1]))] == list(KINDS)
    bare = EXAMPLE.facts[0].model_copy(
        update={"multihop": None, "direct": EXAMPLE.facts[0].direct.model_copy(update={"paraphrases": ()})}
    )
    direct, *others = evaluate(Shifted(FactSet("bare", (bare,)), (1,)), FactSet("bare", (bare,)))
    assert direct.ranks == (1,)
    assert [(found.ranks, found.mrr, found.recall(1).n) for found in others] == [((), None, 0)] * 2


def test_two_facts_that_tell_the_same_event_are_both_right() -> None:
    twin = EXAMPLE.facts[0].model_copy(update={"id": "twin"})
    facts = FactSet("twins", (*EXAMPLE.facts, twin))
    for found in evaluate(open_retriever("bm25", facts), facts):
        assert found.ranks[0] == found.ranks[-1]


def test_two_retrievers_are_compared_question_by_question() -> None:
    first, second = Ranks("direct", (1, 2, None, 1)), Ranks("direct", (1, 1, 1, 7))
    paired = compare(first, second, 1)
    assert (paired.n, paired.first_only, paired.second_only, paired.difference) == (4, 1, 2, 25.0)
    with pytest.raises(UsageError, match="cannot be paired"):
        compare(first, Ranks("multihop", (1,) * 4), 1)
    rows = comparisons({"a": [first], "b": [second], "c": [first]}, 1)
    assert [(row["first"], row["second"], row["difference"]) for row in rows] == [
        ("a", "b", 25.0),
        ("a", "c", 0.0),
        ("b", "c", -25.0),
    ]


def test_bm25_finds_real_events() -> None:
    facts = load(facts_folder() / "facts100.jsonl")
    recall = {
        found.kind: (found.recall(1).k, found.recall(5).k) for found in evaluate(open_retriever("bm25", facts), facts)
    }
    for kind in KINDS:
        assert recall[kind][0] >= 90 and recall[kind][1] >= 95

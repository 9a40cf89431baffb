"""The retriever's errors, and the model's."""

from typing import Literal

import pytest

from kinject.injection.blame import blame
from kinject.judging.grade import Answer
from kinject.judging.verdict import Verdict


def answer(fact: str, kind: str, correctness: Literal["correct", "incorrect", "unscored"]) -> Answer:
    verdict = Verdict(correctness=correctness, recall="absent", recall_entities="absent", reasoning="absent", reason="")
    return Answer(fact=fact, kind=kind, response="", verdicts={"rules": verdict})


def test_answers_are_split_by_what_stood_in_the_prompt() -> None:
    answers = [
        answer("a", "direct", "correct"),
        answer("b", "direct", "incorrect"),
        answer("c", "direct", "correct"),
        answer("d", "direct", "unscored"),
        answer("a", "multihop", "correct"),
    ]
    told = blame(answers, [("a",), ("x", "b"), ("x",), ("d",), ()], "rules")
    assert list(told) == ["direct", "multihop"]
    counts = {
        kind: {part: (rate["k"], rate["n"], rate["unscored"]) for part, rate in parts.items()}
        for kind, parts in told.items()
    }
    assert counts["direct"] == {"found": (3, 4, 0), "right_when_found": (1, 2, 1), "right_when_not": (1, 1, 0)}
    assert counts["multihop"] == {"found": (0, 1, 0), "right_when_found": (0, 0, 0), "right_when_not": (1, 1, 0)}


def test_one_list_of_events_an_answer() -> None:
    with pytest.raises(ValueError):
        blame([answer("a", "direct", "correct")], [], "rules")

"""Which facts a model knew before."""

from typing import Literal

from kinject.injection import novelty
from kinject.judging.grade import Answer
from kinject.judging.verdict import Verdict


def said(correctness: Literal["correct", "incorrect"]) -> Verdict:
    return Verdict(correctness=correctness, recall="absent", recall_entities="absent", reasoning="absent", reason="")


RIGHT, WRONG = said("correct"), said("incorrect")


def answer(fact: str, kind: str, verdict: Verdict) -> Answer:
    return Answer(fact=fact, kind=kind, response="", verdicts={"rules": verdict})


def test_a_fact_is_known_when_one_sample_of_its_direct_question_is_right() -> None:
    first = [answer("a", "direct", WRONG), answer("b", "direct", WRONG), answer("c", "direct", WRONG)]
    second = [answer("a", "direct", RIGHT), answer("b", "direct_paraphrased", RIGHT), answer("c", "direct", WRONG)]
    assert novelty.known([first, second], "rules") == ["a", "b"]
    assert novelty.known([first], "rules") == novelty.known([], "rules") == []


def test_scores_are_given_on_what_is_new() -> None:
    answers = [answer("a", "direct", RIGHT), answer("b", "direct", WRONG), answer("b", "multihop", RIGHT)]
    told = novelty.gate(answers, [[answer("a", "direct", RIGHT)]], "rules")
    assert (told["samples"], told["known"]) == (1, ["a"])
    direct, multihop = told["scores_on_new"]["direct"], told["scores_on_new"]["multihop"]
    assert (direct["k"], direct["n"], multihop["k"], multihop["n"]) == (0, 1, 1, 1)

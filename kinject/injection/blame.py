"""Whose error: the retriever's, or the model's? Answers split by whether the right event stood in the prompt.

An event is right as `retrieval.evaluate` counts it: where two facts tell the same one in the same words, either is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kinject.facts.schema import FactSet
from kinject.judging.grade import KINDS, Answer
from kinject.retrieval.evaluate import rank
from kinject.statistics.intervals import Rate

PARTS = {
    "found": "The right event was found",
    "right_when_found": "Right answers where it was",
    "right_when_not": "Right answers where it was not",
}
"""What is told of each kind of question, in words."""


def blame(
    answers: Sequence[Answer], retrieved: Sequence[Sequence[str]], judge: str, facts: FactSet
) -> dict[str, Mapping[str, Any]]:
    """For each kind of question: how often the right event was found, and how often the answer was right if so, if not.

    `retrieved` are the ids of the facts in the prompt of each answer, in the same order.
    """
    told: dict[str, Mapping[str, Any]] = {}
    pairs = [
        (answer, rank(facts.by_id[answer.fact].event, ids, facts) is not None)
        for answer, ids in zip(answers, retrieved, strict=True)
    ]
    for kind in KINDS:
        found = [answer for answer, there in pairs if answer.kind == kind and there]
        missed = [answer for answer, there in pairs if answer.kind == kind and not there]
        if found or missed:
            told[kind] = {
                "found": Rate(k=len(found), n=len(found) + len(missed)).as_json(),
                "right_when_found": _right(found, judge),
                "right_when_not": _right(missed, judge),
            }
    return told


def lines(retrieval: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Tell what `blame` found in a line for each of its parts."""
    return [
        f"{words}: " + ", ".join(f"{kind.replace('_', ' ')} {_shown(rates[part])}" for kind, rates in retrieval.items())
        for part, words in PARTS.items()
    ]


def _right(answers: Sequence[Answer], judge: str) -> dict[str, Any]:
    verdicts = [answer.verdicts[judge].correctness for answer in answers]
    unscored = verdicts.count("unscored")
    return Rate(k=verdicts.count("correct"), n=len(verdicts) - unscored, unscored=unscored).as_json()


def _shown(told: Mapping[str, Any]) -> str:
    low, high = told["interval"]
    percent = f"{told['percent']:.0f} % [{low:.0f}, {high:.0f}] " if told["n"] else ""
    unscored = f" and {told['unscored']} unscored" if told["unscored"] else ""
    return f"{percent}{told['k']}/{told['n']}{unscored}"

"""Whose error: the retriever's, or the model's? Answers split by whether the right event stood in the prompt."""

from collections.abc import Mapping, Sequence
from typing import Any

from kinject.judging.grade import KINDS, Answer
from kinject.statistics.intervals import Rate


def blame(answers: Sequence[Answer], retrieved: Sequence[Sequence[str]], judge: str) -> dict[str, Mapping[str, Any]]:
    """For each kind of question: how often the right event was found, and how often the answer was right if so, if not.

    `retrieved` are the ids of the facts in the prompt of each answer, in the same order.
    """
    told: dict[str, Mapping[str, Any]] = {}
    pairs = list(zip(answers, retrieved, strict=True))
    for kind in KINDS:
        found = [answer for answer, events in pairs if answer.kind == kind and answer.fact in events]
        missed = [answer for answer, events in pairs if answer.kind == kind and answer.fact not in events]
        if found or missed:
            told[kind] = {
                "found": Rate(k=len(found), n=len(found) + len(missed)).as_json(),
                "right_when_found": _right(found, judge),
                "right_when_not": _right(missed, judge),
            }
    return told


def _right(answers: Sequence[Answer], judge: str) -> dict[str, Any]:
    verdicts = [answer.verdicts[judge].correctness for answer in answers]
    unscored = verdicts.count("unscored")
    return Rate(k=verdicts.count("correct"), n=len(verdicts) - unscored, unscored=unscored).as_json()

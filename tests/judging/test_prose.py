"""The rules judge on natural prose: how it does on answers that were written, and labelled, without sight of it.

`prose.jsonl` has the answers to Facts100 questions of three examinations, 400 each, and `prose-dev.jsonl` the 300 that
the rules were first mended on. Every answer is right or wrong by its writer's intention and by the labels of readers
who saw neither that nor each other's. What the judge scored when each examination was still unseen is told in
docs/judging.md; here it must not fall below what was asked of it.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from kinject.judging.rules import judge
from kinject.sources import open_facts
from kinject.statistics.agreement import bias, kappa_interval, largest_gap

CASES = Path(__file__).parent.parent / "cases" / "judging"
FACTS = open_facts("facts100").by_id
PARTS = ("correctness", "recall", "reasoning")
LEAST = 0.85
"""Of the lower bound of kappa for correctness, in each examination."""
APART = 2.0
"""Points by which the error (the judge's rate minus the true one) may differ between two styles."""


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / name).read_text(encoding="utf-8").splitlines()]


EXAMINED = rows("prose.jsonl")


def truth(row: dict[str, Any], part: str = "correctness") -> str | None:
    """What the readers agree on, by the vote of two where there were three."""
    labels = [label[part] for label in row["labels"]]
    return next((label for label in labels if labels.count(label) * 2 > len(labels)), None)


def said(row: dict[str, Any]) -> str:
    return judge(row["response"], FACTS[row["fact"]], row["kind"]).correctness


EXAMS = {number: [row for row in EXAMINED if row["exam"] == number] for number in (1, 2, 3)}


@pytest.mark.parametrize("number", EXAMS)
def test_an_examination_is_passed(number: int) -> None:
    asked = EXAMS[number]
    bounds = kappa_interval(
        [said(row) for row in asked], [str(truth(row)) for row in asked], [r["fact"] for r in asked]
    )
    assert bounds is not None and bounds[0] >= LEAST


def test_no_style_is_judged_more_kindly_than_another() -> None:
    groups = defaultdict(list)
    for row in EXAMINED:
        groups[row["style"]].append((said(row) == "correct", truth(row) == "correct"))
    assert set(groups) == {"terse", "chat", "context", "chain"}
    gap = largest_gap({style: bias([a for a, _ in pairs], [b for _, b in pairs]) for style, pairs in groups.items()})
    assert gap is not None and gap.difference <= APART


@pytest.mark.parametrize("name", ["prose.jsonl", "prose-dev.jsonl"])
def test_readers_and_writers_mean_the_same(name: str) -> None:
    """The labels are worth something: whoever reads an answer blind finds what its writer intended."""
    for row in rows(name):
        assert truth(row) == row["intended"], row
    assert all(set(label) == set(PARTS) for row in rows(name) for label in row["labels"])


def test_there_is_enough_of_everything() -> None:
    assert [len(asked) for asked in EXAMS.values()] == [400, 400, 400]
    for asked in EXAMS.values():
        right = sum(truth(row) == "correct" for row in asked)
        assert 0.4 < right / len(asked) < 0.6
        assert len({row["fact"] for row in asked}) == 100

"""The public files themselves, or slices of them, where somebody has them: KINJECT_DATA names the folder."""

import os
from collections import Counter
from pathlib import Path

import pytest

from kinject.facts.importers import Skipped, open_importer
from kinject.facts.importers.csv import flatten, rows, unflatten
from kinject.facts.schema import Fact
from kinject.storage import numbered_lines, read_json

FOLDER = Path(os.environ.get("KINJECT_DATA", "nowhere"))
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="KINJECT_DATA names no folder of public data sets")


def _read(name: str, path: Path) -> tuple[list[Fact], Counter[str]]:
    items = list(open_importer(name).read(path))
    return (
        [item for item in items if isinstance(item, Fact)],
        Counter(item.reason for item in items if isinstance(item, Skipped)),
    )


def _files(pattern: str) -> list[Path]:
    if not (found := sorted(FOLDER.glob(pattern))):
        pytest.skip(f"no {pattern} among the public data sets")
    return found


def test_every_case_of_mquake_is_a_fact() -> None:
    for path in _files("mquake/*.json"):
        facts, skipped = _read("mquake", path)
        assert len(facts) + skipped.total() == len(read_json(path))
        assert not skipped and len({fact.id for fact in facts}) == len(facts)
        assert all(fact.multihop and len(fact.multihop.hops) > 1 and fact.direct.answer in fact.event for fact in facts)
        assert all(unflatten(flatten(fact)) == fact for fact in facts)


def test_nearly_every_question_of_realtimeqa_is_a_fact() -> None:
    for path in _files("realtimeqa/*.jsonl"):
        facts, skipped = _read("realtimeqa", path)
        total = sum(1 for _ in numbered_lines(path))
        assert len(facts) + skipped.total() == total and len(facts) > 0.9 * total
        assert set(skipped) <= {
            "the question asks for an exception",
            "the answer is none or all of the above",
            "the row is a none-of-the-above variant of another",
            "the row has no answer",
        }
        assert all(fact.date and not set("<\\") & set(fact.event) for fact in facts)
        assert all(unflatten(flatten(fact)) == fact for fact in facts)


def test_every_question_of_freshqa_without_a_false_premise_is_a_fact() -> None:
    for path in _files("freshqa/*.csv"):
        facts, skipped = _read("freshqa", path)
        below_the_header = sum(1 for _, cells in rows(path) if cells[0].isdigit())
        assert len(facts) + skipped.total() == below_the_header > 0
        assert set(skipped) <= {"the question has a false premise"}

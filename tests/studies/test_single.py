"""What one comparison says of the paper's claims: paired differences of these systems, corrected within a family."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kinject.facts.load import load
from kinject.injection.record import ArmRecord
from kinject.judging.grade import KINDS, Answer
from kinject.judging.verdict import Verdict
from kinject.lab import world
from kinject.studies import single

FACTS = world.build(0).new_facts(20)


def verdict(right: bool) -> Verdict:
    return Verdict(
        correctness="correct" if right else "incorrect",
        recall="absent",
        recall_entities="absent",
        reasoning="absent",
        reason="made up",
    )


@pytest.fixture
def arm(tmp_path: Path) -> Callable[..., ArmRecord]:
    def made(start: str, method: str, right: int, **changes: Any) -> ArmRecord:
        folder = tmp_path / f"{start} {method} {right}"
        folder.mkdir()
        rows = [
            Answer(fact=fact.id, kind=kind, response="x", verdicts={"rules": verdict(place < right)})
            for kind in KINDS
            for place, fact in enumerate(FACTS.facts)
        ]
        lines = "".join(json.dumps(row.model_dump()) + "\n" for row in rows)
        (folder / "answers.jsonl").write_text(lines, encoding="utf-8")
        facts = "".join(json.dumps(fact.model_dump()) + "\n" for fact in FACTS.facts)
        (folder / "facts.jsonl").write_text(facts, encoding="utf-8")
        given = {
            "schema": "kinject.inject/1",
            "arm": {"start": start, "learn": "none", "context": "none"},
            "method": method,
            "scores": {},
            "model": "m",
            "facts": "f",
            "judge": "rules",
            "sampling": {},
            "seed": 0,
            "run": "r",
            "artefact": str(folder),
            "answers": str(folder / "answers.jsonl"),
            "seconds": {},
        }
        return ArmRecord.model_validate({**given, **changes})

    return made


def test_a_claim_holds_reverses_or_stays_open(arm: Callable[..., ArmRecord]) -> None:
    for left, right, state in ((20, 0, "holds"), (0, 20, "reverses"), (11, 10, "unresolved")):
        found = single.claims([arm("base", "none", right), arm("subqa-recall", "none", left)])
        row = next(each for each in found if each["id"] == "untaught-multihop")
        assert row["state"] == state
        assert row["difference"] == 5.0 * (left - right)
        assert row["interval"][0] <= row["difference"] <= row["interval"][1]
        assert (row["n"], row["level"], row["paper"]) == (20, single.LEVEL, (27, 12))


def test_only_claims_whose_arms_were_compared_are_told(arm: Callable[..., ArmRecord]) -> None:
    assert single.claims([arm("base", "none", 3)]) == []


def test_an_arm_with_settings_of_its_own_is_not_the_papers(arm: Callable[..., ArmRecord]) -> None:
    other = arm("subqa-recall", "none", 20, variant={"prompt": "few-shot"})
    assert single.claims([arm("base", "none", 0), other]) == []


def test_facts_are_read_from_beside_the_answers(arm: Callable[..., ArmRecord]) -> None:
    record = arm("base", "none", 0)
    assert load(Path(record.answers).parent / "facts.jsonl").facts == FACTS.facts

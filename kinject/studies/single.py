"""The paper's orderings, asked of the arms of one comparison: of these trained systems, and of no others.

In: the records of a comparison. Out: for each claim whose two arms are among them, the contract's row with the paired
difference in points, its interval and the exact McNemar p over questions. A state follows from p after Holm's
correction within the family, and speaks of this model on these facts; what holds over worlds or seeds is
`study injection`'s to say.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kinject.facts.load import load
from kinject.facts.schema import FactSet
from kinject.injection.record import ArmRecord
from kinject.judging.grade import KINDS, read_answers
from kinject.statistics.paired import Paired, paired_difference
from kinject.statistics.worlds import ALPHA, equivalent, holm
from kinject.studies import outcomes
from kinject.studies.claims import Claim, Claims, State
from kinject.studies.claims import read as read_claims
from kinject.studies.outcomes import World
from kinject.studies.study import outcomes as told

LEVEL = "questions of one trained system"
TRUTH = {"1": True, "0": False}


def claims(records: Sequence[ArmRecord], asked: Claims | None = None) -> list[dict[str, Any]]:
    """Return the claims whose arms were compared, in the order of benchmarks/paper/claims.yaml."""
    asked = asked or read_claims()
    world = _as_world(records)
    rows = []
    for family in asked.all_families:
        found = {claim.id: pair for claim in family.claims if (pair := _paired(world, claim)) is not None}
        ordered = [claim for claim in family.claims if claim.id in found and claim.direction == ">"]
        corrected = dict(zip((claim.id for claim in ordered), holm([found[c.id].p for c in ordered]), strict=True))
        rows += [
            _row(claim, found[claim.id], corrected.get(claim.id), asked.margin)
            for claim in family.claims
            if claim.id in found
        ]
    return rows


def cells(records: Sequence[ArmRecord]) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Return each arm as a study would record it, and the ids of the facts in the order of the outcomes."""
    facts = load(Path(records[0].answers).parent / "facts.jsonl")
    return [_cell(one, facts) for one in records], [fact.id for fact in facts.facts]


def _as_world(records: Sequence[ArmRecord]) -> World:
    """The arms as one world; those with settings of their own are no cells of the paper's."""
    found, ids = cells(records)
    named = {
        f"{one.arm['start']} + {one.method}": cell for one, cell in zip(records, found, strict=True) if not one.variant
    }
    about = {"schema": outcomes.SCHEMA, "model": records[0].model, "protocol": "", "facts": ids}
    return World.model_validate({**about, "cells": named})


def _cell(record: ArmRecord, facts: FactSet) -> Mapping[str, Any]:
    graded = read_answers(Path(record.answers))
    of_kind = {kind: [answer for answer in graded if answer.kind == kind] for kind in KINDS}
    return {
        "start": record.arm["start"],
        "method": record.method,
        "weights": record.run,
        "outcomes": {kind: told(of_kind[kind], facts, record.judge) for kind in KINDS},
    }


def _paired(world: World, claim: Claim) -> Paired | None:
    left, right = (outcomes.measured(world, *side) for side in claim.sides)
    if left is None or right is None:
        return None
    pair = paired_difference([TRUTH.get(mark) for mark in right], [TRUTH.get(mark) for mark in left])
    return pair if pair.n else None


def _row(claim: Claim, pair: Paired, corrected: float | None, margin: float) -> dict[str, Any]:
    difference = pair.difference or 0.0
    state: State = equivalent(pair.interval, margin) if corrected is None else "unresolved"
    if corrected is not None and corrected <= ALPHA:
        state = "holds" if difference > 0 else "reverses"
    return {
        "claim": claim.words,
        "id": claim.id,
        "paper": claim.paper,
        "state": state,
        "difference": round(difference, 1),
        "interval": [round(bound, 1) for bound in pair.interval],
        "p": None if corrected is None else pair.p,
        "p_holm": corrected,
        "n": pair.n,
        "level": LEVEL,
    }

"""Records to rates: denominators, what is unscored, splits, hops, and what was known before."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))  # for synthetic.py
import synthetic

from kinject.errors import KinjectError, MissingError, UsageError
from kinject.statistics.intervals import Rate
from kinject.studies import outcomes
from kinject.studies.outcomes import Score, World

MARKS = st.text("10?-", min_size=1, max_size=30)


def world(number: int = 11, **cells: dict[str, Any]) -> World:
    """A world of six facts with these multihop outcomes."""
    made = synthetic.record(number, {}, facts=6)
    made["groups"] = {"seen": "110000", "unseen type": "001100"}
    made["aa"] = {}
    for name, outcome in cells.items():
        direct = {"correct": outcome.pop("direct", "111111")}
        made["cells"][name] = {
            **{"start": "base", "method": "none", "weights": "w"},
            "outcomes": {"direct": direct, "multihop": outcome},
        }
    made["weights"] = {"w": {"name": "w", "probes": {"hop 2": {"correct": "1101?1"}}}}
    return World.model_validate(made)


def test_records_are_read_in_order_with_what_is_not_needed_passed_over(tmp_path: Path) -> None:
    records = [{**synthetic.record(number), "added later": 1} for number in (12, 11)]
    worlds = outcomes.read(synthetic.write(tmp_path / "lab", records))
    assert [each.number for each in worlds] == [11, 12]
    assert outcomes.cell_names(worlds) == list(synthetic.RATES)


def test_a_real_model_is_known_by_its_seed() -> None:
    made = {**synthetic.record(11, {}), "world": None, "seed": 3, "gates": None, "tokens": None}
    assert World.model_validate(made).number == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": "kinject.world/2"}, "schema"),
        ({"groups": {"seen": "11"}}, "seen has 2 characters for 40 facts"),
        ({"aa": {"base + none": [["1x"]]}}, "aa.base + none.0.0"),
        ({"cells": {"base + none": {"start": "base"}}}, "cells.base + none.method"),
    ],
)
def test_what_is_no_record_is_refused_with_its_place(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    folder = synthetic.write(tmp_path, [{**synthetic.record(11), **changes}])
    with pytest.raises(UsageError) as caught:
        outcomes.read(folder)
    assert said in caught.value.message
    assert caught.value.where == str(folder / "world-11.json")


def test_no_records_and_two_of_one_world_are_errors(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no records"):
        outcomes.read(tmp_path)
    synthetic.folder(tmp_path, [11])
    (tmp_path / "world-011.json").write_text(json.dumps(synthetic.record(11)), encoding="utf-8")
    with pytest.raises(KinjectError, match="world 11 is there twice"):
        outcomes.read(tmp_path)


def test_measures_count_their_own_letter() -> None:
    made = world(a={"correct": "110?00", "recall": "rwa?ww", "entities": "rra?wa", "reasoning": "sfa?fs"})
    found = {name: outcomes.measured(made, "a", name) for name in outcomes.MEASURES}
    assert found == {
        "direct": "111111",
        "paraphrased": None,
        "multihop": "110?00",
        "hallucinated": "010?11",
        "wrong entities": "000?10",
        "faulty": "010?10",
    }
    assert outcomes.said(made, "a", "hallucinated") == Rate(k=4, n=5, unscored=1)
    assert outcomes.said(made, "a", "faulty") == Rate(k=4, n=5, unscored=1)
    assert outcomes.measured(made, "b", "multihop") is None


def test_of_incorrect_answers_an_absent_recall_is_no_error() -> None:
    made = world(a={"correct": "1100?0", "recall": "wraww?"})
    assert outcomes.of_incorrect(made, "a", "hallucinated") == "--01??"
    assert outcomes.rate("--01??") == Rate(k=1, n=2, unscored=2)


def test_composing_is_counted_where_both_hops_are_known() -> None:
    made = world(a={"correct": "10111-", "direct": "1?0111"})
    assert outcomes.composed(made, "a") == "1?-1?-"


def test_unseen_facts_are_held_against_those_of_which_all_was_seen() -> None:
    made = world(a={"correct": "100111"})
    assert outcomes.splits(made) == {"type": ("001100", "110000")}
    unseen, seen = (outcomes.split_score([made], "a", "type", side).total for side in (0, 1))
    assert (unseen, seen) == (Rate(k=1, n=2), Rate(k=1, n=2))
    other = made.model_copy(update={"groups": {"seen type": "110000"}})
    assert outcomes.splits(other) == {"type": ("001111", "110000")}


def test_a_rate_over_worlds_is_a_mean_of_worlds_and_not_of_answers() -> None:
    score = Score({11: Rate(k=10, n=10), 12: Rate(k=0, n=90, unscored=10), 13: Rate(k=0, n=0, unscored=4)})
    assert score.mean.mean == 50.0
    assert score.total == Rate(k=10, n=100, unscored=14)
    assert score.bounds == pytest.approx(((100 + 0 + 0) / 3, (100 + 10 + 100) / 3))


def test_retention_is_paired_and_weights_are_known_by_their_start(tmp_path: Path) -> None:
    worlds = outcomes.read(synthetic.folder(tmp_path, [11, 12]))
    trained = outcomes.trained_cells(worlds)
    assert trained[:3] == ["base + none", "base + event-sft", "base + cpt"]
    assert "base + sft-rag" not in trained
    assert outcomes.untreated(worlds, "subqa-recall + cpt") == "subqa-recall + none"
    assert outcomes.untreated(worlds, "context-only + event-sft") == "context-only + rag-oracle"
    assert outcomes.weights_label(worlds, "context-only + rag-oracle") == "context-only"
    assert outcomes.weights_label(worlds, "base + event-sft") == "base + event-sft"
    assert outcomes.kept(worlds, "base + event-sft", "base + none", "old direct").n == 2
    assert outcomes.kept(worlds, "base + none", "base + none", "old direct").mean == 0
    assert outcomes.kept(worlds, "base + event-sft", "base + none", "no such probe").mean is None


@given(MARKS, st.data())
def test_a_condition_only_takes_away(found: str, data: st.DataObject) -> None:
    condition = data.draw(st.text("10?-", min_size=len(found), max_size=len(found)))
    kept = outcomes.where(found, condition)
    assert kept is not None and len(kept) == len(found)
    before, after = outcomes.rate(found), outcomes.rate(kept)
    assert after.k <= before.k and after.n <= before.n
    assert outcomes.where(found, "1" * len(found)) == found
    assert set(outcomes.where(found, "0" * len(found)) or "") <= {"-"}


@given(MARKS, st.data())
def test_a_difference_is_antisymmetric_and_that_of_the_rates_where_all_is_scored(
    left: str, data: st.DataObject
) -> None:
    right = data.draw(st.text("10?-", min_size=len(left), max_size=len(left)))
    found = outcomes.difference(left, right)
    mirrored = outcomes.difference(right, left)
    assert (found is None) == (mirrored is None)
    if found is not None and mirrored is not None:
        assert -100 <= found <= 100
        assert found == pytest.approx(-mirrored)
    if set(left + right) <= set("10"):
        assert found == pytest.approx((outcomes.rate(left).percent or 0) - (outcomes.rate(right).percent or 0))

"""The A/A test: two arms that are the same are seldom told apart, and arms that are not would be."""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for synthetic.py
import synthetic

from kinject.statistics.intervals import Rate
from kinject.studies import aa
from kinject.studies.outcomes import World

CELL = "subqa-recall-context + event-sft"


def world(number: int, runs: list[list[str]]) -> World:
    return World.model_validate({**synthetic.record(number, {}, facts=len(runs[0][0])), "aa": {CELL: runs}})


def test_it_holds_in_at_most_5_of_100() -> None:
    worlds = [World.model_validate(synthetic.record(number)) for number in range(11, 19)]
    (found,) = aa.check(worlds)
    assert (found.cell, found.worlds, found.runs, found.holds.n) == (CELL, 8, 8, 200)
    assert found.alike.k == 0 and found.alike.n == 8 * 28
    assert found.holds.k <= 10 and found.reverses.k <= 10
    assert aa.check(worlds) == [found]


def test_seeds_that_differ_in_a_world_do_not_make_a_claim() -> None:
    """Runs of one seed agree and seeds differ by much: which arm draws the better one is chance in every world."""
    rng = random.Random(0)
    rows = [["".join("01"[rng.random() < rate] for _ in range(100)) for _ in range(4)] for rate in (0.4, 0.8)]
    (found,) = aa.check([world(number, rows) for number in range(11, 19)])
    assert found.holds.k <= 10 and found.reverses.k <= 10


def test_runs_that_are_the_same_to_the_letter_are_told() -> None:
    (found,) = aa.check(
        [world(number, [["1100", "1100"], ["1100", "1100"]]) for number in range(11, 19)], replicates=20
    )
    assert found.alike == Rate(k=48, n=48)
    assert found.holds == found.reverses == Rate(k=0, n=20)


def test_a_world_with_one_run_is_left_out_and_unscored_answers_are_no_errors() -> None:
    several = [world(number, [["1?00", "1?1-"]]) for number in (11, 12)]
    (found,) = aa.check([*several, world(13, [["1100"]])], replicates=5)
    assert found.worlds == 2
    assert aa.check([world(13, [["1100"]])]) == []
    assert aa.check([world(number, [["????", "????"]]) for number in (11, 12)], 5)[0].holds.k == 0

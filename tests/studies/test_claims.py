"""Claims over worlds: states, corrections, what cannot be compared; the paper's claims against the paper's tables."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))  # for synthetic.py
import synthetic

from kinject.errors import UsageError
from kinject.injection.arm import METHODS, STARTS, sized
from kinject.resources import benchmarks_folder
from kinject.statistics.worlds import largest_family
from kinject.storage import canonical_json, read_json
from kinject.studies import claims
from kinject.studies.claims import Claim, Contrast, Result, decided
from kinject.studies.outcomes import Score, World

FILE = benchmarks_folder() / claims.CLAIMS
A, B = "base + none", "base + rag-oracle"


def claim(direction: str = ">", **changes: Any) -> Claim:
    usual = {"id": "x", "source": "ours", "words": "A over B", "left": A, "right": B, "measure": "multihop"}
    return Claim.model_validate({**usual, "direction": direction, "paper": None, **changes})


def differences(values: Sequence[float]) -> Contrast:
    return Contrast(dict(enumerate(values)), (Score({}), Score({})))


def world(number: int, cells: Mapping[str, Mapping[str, str]]) -> World:
    made = synthetic.record(number, {}, facts=4)
    made["aa"] = {}
    made["cells"] = {
        name: {"start": "base", "method": "none", "weights": "w", "outcomes": {"multihop": dict(outcome)}}
        for name, outcome in cells.items()
    }
    return World.model_validate(made)


def only(worlds: Sequence[World], asked: Claim) -> Result:
    return decided([asked], [claims.contrast(worlds, asked)], margin=5)[0]


# The test


@pytest.mark.parametrize(
    ("direction", "values", "state"),
    [
        (">", [5, 6, 7, 8, 9, 5, 6, 7], "holds"),
        (">", [-5, -6, -7, -8, -9, -5, -6, -7], "reverses"),
        (">", [5, -6, 7, -8, 9, -5, 6, -7], "unresolved"),
        (">", [5, 6, 7, 8, 9], "unresolved"),  # five worlds that agree: p = 0.0625
        (">", [0] * 8, "unresolved"),
        (">", [50], "unresolved"),
        (">", [], "not comparable"),
        ("=", [1, -1, 2, -2, 1, 0, 0, 1], "holds"),
        ("=", [11, 12, 13, 12, 11, 12, 13, 12], "reverses"),
        ("=", [-11, -12, -13, -12, -11], "reverses"),
        ("=", [10, -10, 10, -10, 5, 5, -5, 0], "unresolved"),
        ("=", [0], "unresolved"),
        ("=", [], "not comparable"),
    ],
)
def test_states(direction: str, values: list[float], state: str) -> None:
    result = decided([claim(direction)], [differences(values)], margin=5)[0]
    assert result.state == state
    assert (result.interval is None) == (len(values) < 2)
    assert (result.p is None) == (direction == "=" or not values)


def test_a_family_is_corrected_for_all_its_claims_also_those_not_compared() -> None:
    sure, nothing = differences([5.0] * 8), Contrast({}, (Score({}), Score({})), obstacle="no world has it")
    for size in (1, 6, 7):
        results = decided([claim()] * size, [sure, *[nothing] * (size - 1)], margin=5)
        assert results[0].corrected == pytest.approx(size * 2 / 256)
        assert results[0].state == ("holds" if size <= 6 else "unresolved")
        assert {result.state for result in results[1:]} <= {"not comparable"}


def test_an_equality_does_not_make_a_family_larger() -> None:
    results = decided([claim(), claim("=")], [differences([5.0] * 8)] * 2, margin=5)
    assert [result.corrected for result in results] == [2 / 256, None]


@settings(max_examples=50)
@given(st.lists(st.integers(-30, 30), min_size=1, max_size=8))
def test_turning_a_claim_round_turns_its_state(values: list[int]) -> None:
    turned = {"holds": "reverses", "reverses": "holds", "unresolved": "unresolved"}
    there, back = (decided([claim()], [differences(each)], 5)[0].state for each in (values, [-v for v in values]))
    assert back == turned[there]
    same, mirrored = (decided([claim("=")], [differences(each)], 5)[0].state for each in (values, [-v for v in values]))
    assert same == mirrored


# From records


def test_differences_are_paired_by_question_within_each_world() -> None:
    cells = {A: {"correct": "110?"}, B: {"correct": "1?01"}}  # both scored: the first and the third
    result = only([world(11, cells), world(12, {A: {"correct": "1111"}, B: {"correct": "0000"}})], claim())
    assert result.contrast.differences == {11: 0.0, 12: 100.0}
    assert result.contrast.scores[0].percents == {11: pytest.approx(200 / 3), 12: 100.0}
    assert list(claims.notes([], result)) == ["2 unscored"]


def test_a_world_that_lacks_a_cell_is_named_and_left_out_of_both_sides() -> None:
    whole = {A: {"correct": "1111"}, B: {"correct": "0001"}}
    worlds = [world(11, whole), world(12, {A: whole[A]}), world(13, whole)]
    result = only(worlds, claim())
    assert (result.n, result.contrast.lacking) == (2, (12,))
    assert list(result.contrast.scores[0].rates) == [11, 13]
    assert list(claims.notes(worlds, result)) == ["without world 12"]


def test_one_world_resolves_nothing() -> None:
    worlds = [world(11, {A: {"correct": "1111"}, B: {"correct": "0000"}})]
    result = only(worlds, claim())
    assert (result.state, result.interval, result.p) == ("unresolved", None, 1.0)
    assert list(claims.notes(worlds, result)) == ["one world resolves nothing"]


@pytest.mark.parametrize(
    ("cells", "measure", "why"),
    [
        ({}, "multihop", f"no world has {A} or {B}"),
        ({A: {"correct": "1111"}}, "multihop", f"no world has {B}"),
        ({A: {"correct": "??-?"}, B: {"correct": "1111"}}, "multihop", "no world has both, with scored answers"),
        ({A: {"correct": "1111"}, B: {"correct": "1111"}}, "direct", "no world has both, with scored answers"),
        (
            {A: {"correct": "1010", "recall": "aaaa"}, B: {"correct": "1010", "recall": "rwaw"}},
            "hallucinated",
            f"{A} recalls no event in any answer",
        ),
        (
            {A: {"correct": "1010", "reasoning": "sfsf"}, B: {"correct": "1010", "reasoning": "aa?a"}},
            "faulty",
            f"{B} never reasons in any answer",
        ),
    ],
)
def test_what_is_not_comparable_says_why(cells: Mapping[str, Mapping[str, str]], measure: str, why: str) -> None:
    worlds = [world(number, cells) for number in range(11, 19)]
    result = only(worlds, claim(measure=measure))
    assert (result.state, result.mean, result.p, result.corrected) == ("not comparable", None, None, None)
    assert list(claims.notes(worlds, result)) == [why]


def test_few_that_recall_are_told() -> None:
    cells = {A: {"correct": "0000", "recall": "aaaw"}, B: {"correct": "0000", "recall": "wwrw"}}
    worlds = [world(number, cells) for number in range(11, 19)]
    result = only(worlds, claim(measure="hallucinated"))
    assert (result.state, result.mean) == ("reverses", -50.0)
    assert list(claims.notes(worlds, result)) == [f"{A} recalls in 8 / 32 answers", f"{B} recalls in 32 / 32 answers"]


def test_every_claim_of_the_file_on_whole_records(tmp_path: Path) -> None:
    worlds = [World.model_validate(synthetic.record(number)) for number in range(11, 19)]
    found = claims.check(worlds, claims.read())
    assert list(found) == ["paper", "with context rows", "ours"]
    states = {result.claim.id: result.state for results in found.values() for result in results}
    assert states["rag-multihop"] == states["rag-multihop, with context rows"] == "holds"
    assert states["sft-hallucinates-less"] == "not comparable"
    assert all(result.n in (0, 8) for results in found.values() for result in results)
    assert b'"state"' in canonical_json(claims.as_json(found))


# The file


def test_the_papers_figures_are_those_of_its_tables() -> None:
    table = {
        (row["start"], row["learn"], row["context"]): row for row in read_json(FILE.with_name("tables.json"))["arms"]
    }
    for family in claims.read().families:
        for each in family.claims:
            for (cell, measure), figure in zip(each.sides, each.paper or (), strict=False):
                start, _, method = cell.partition(" + ")
                assert table[start, *METHODS[method]][measure] == figure, each.id
            if each.paper:
                assert each.paper[0] > each.paper[1] if each.direction == ">" else each.paper[0] == each.paper[1]
            assert bool(each.paper) == (each.source.startswith("Table") and not each.id.endswith("memorised"))


def test_every_cell_is_an_arm_that_can_be_run() -> None:
    for family in claims.read().all_families:
        for each in family.claims:
            for cell, _ in each.sides:
                start, _, rest = cell.partition(" + ")
                assert sized(start)[0] in STARTS and rest.partition(" (")[0] in METHODS, cell


def test_families_fit_eight_worlds_and_repetitions_change_the_start() -> None:
    families = claims.read().all_families
    assert max(len(family.claims) for family in families) <= largest_family(8) == 6
    again = [each for family in families if family.set == "with context rows" for each in family.claims]
    assert again and all("subqa-recall-context" in each.left + each.right for each in again)
    assert not any("subqa-recall + " in each.left + each.right for each in again)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda file: file["families"][0]["claims"].extend(file["families"][0]["claims"] * 6),
            "7 claims, and 8 worlds",
        ),
        (
            lambda file: file["families"][1]["claims"].append(file["families"][0]["claims"][0]),
            "'untaught-multihop' stands",
        ),
        (lambda file: file.update(margn=3), "margn"),
        (lambda file: file["families"][0]["claims"][0].update(direction="<"), "families.0.claims.0.direction"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(tmp_path: Path, change: Any, said: str) -> None:
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    change(content)
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(UsageError, match="these are no claims") as caught:
        claims.read(path)
    assert said in caught.value.message


def test_what_is_no_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text("families: [", encoding="utf-8")
    with pytest.raises(UsageError, match="these are no claims"):
        claims.read(path)

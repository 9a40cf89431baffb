"""Records to tables: what is compared with what, and how a rate reads."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.report.page import as_json
from kinject.report.records import Arm, read
from kinject.report.section import Column, Table, visible
from kinject.report.tables import answer, groups, main_table, multihop_outcomes, paper_figures, rate_cell, sections
from kinject.report.terminal import fitting
from kinject.statistics.paired import paired_difference

SAMPLE = Path(__file__).parent.parent / "cases" / "report" / "compare-sample"


@pytest.fixture
def arms() -> list[Arm]:
    return read([SAMPLE])


def with_record(arm: Arm, **changes: object) -> Arm:
    return replace(arm, record={**arm.record, **changes})


@pytest.mark.parametrize(
    ("score", "text"),
    [
        ({"k": 83, "n": 100, "unscored": 0}, "83 % [74, 89] 83/100"),
        ({"k": 7, "n": 7, "unscored": 1}, "100 % [65, 100] 7/7\n1 unscored: 88 to 100 %"),
        ({"k": 0, "n": 0, "unscored": 3}, "– 0/0\n3 unscored: 0 to 100 %"),
        ({"k": 0, "n": 0, "unscored": 0}, "– 0/0"),
        (None, "–"),
    ],
)
def test_a_rate_shows_its_interval_its_counts_and_what_is_unscored(score: object, text: str) -> None:
    assert rate_cell({"direct": score}, "direct") == text


def test_a_row_names_the_arm_and_the_paper_beside_it(arms: list[Arm]) -> None:
    rows = main_table(groups(arms)[0]).rows
    assert [row[:2] for row in rows[-2:]] == [
        ("subqa-recall", "oracle RAG"),
        ("subqa-recall", "event SFT + oracle RAG"),
    ]
    assert "paper: 86" in rows[-2] and "paper: 71" in rows[-2]


def test_an_arm_that_the_paper_did_not_run_has_no_paper_figure(arms: list[Arm]) -> None:
    other = replace(arms[0], record={**arms[0].record, "arm": {"start": "x", "learn": "cpt", "context": "none"}})
    assert "–" in main_table(groups([other])[0]).rows[0]


def test_the_paper_tables_hold_every_row_of_tables_3_to_5() -> None:
    rows = list(paper_figures().values())
    assert [sum(row["table"] == number for row in rows) for number in (3, 4, 5)] == [2, 4, 5]
    assert paper_figures()["subqa-recall", "none", "oracle"]["multihop"] == 71


def test_comparisons_are_paired_starts_against_base_and_rag_against_sft(arms: list[Arm]) -> None:
    found = groups(arms)[0].comparisons
    assert [(each.setting, each.second, each.first) for each in found] == [
        ("nothing", "subqa-recall", "base"),
        ("event SFT", "subqa-recall", "base"),
        ("oracle RAG", "subqa-recall", "base"),
        ("base", "oracle RAG", "event SFT"),
        ("subqa-recall", "oracle RAG", "event SFT"),
    ]
    base, trained = (multihop_outcomes(arm) for arm in (arms[3], arms[5]))
    assert found[2].paired == paired_difference(list(base.values()), list(trained.values()))


def test_pairs_are_made_by_fact_and_not_by_position(arms: list[Arm]) -> None:
    shuffled = [replace(arm, answers=arm.answers[::-1]) for arm in arms[:4]] + arms[4:]
    assert groups(shuffled)[0].comparisons == groups(arms)[0].comparisons


def test_an_unscored_answer_is_neither_right_nor_wrong(arms: list[Arm]) -> None:
    assert list(multihop_outcomes(arms[-1]).values()) == [True] * 7 + [None]


def test_only_the_first_sample_of_a_fact_counts(arms: list[Arm]) -> None:
    again = [{**row, "sample": 1, "verdicts": {}} for row in arms[0].answers]
    assert multihop_outcomes(replace(arms[0], answers=(*arms[0].answers, *again))) == multihop_outcomes(arms[0])


def test_arms_of_different_seeds_or_models_are_never_compared(arms: list[Arm]) -> None:
    found = groups(
        [*arms, *(with_record(arm, seed=1) for arm in arms), with_record(arms[0], model="other", world=None)]
    )
    assert [len(group.arms) for group in found] == [7, 7, 1]
    assert [group.state for group in found] == ["lab analogue", "lab analogue", "measured on other"]


def test_without_answers_the_tables_stay_and_the_comparisons_go(arms: list[Arm]) -> None:
    group = groups([replace(arm, answers=()) for arm in arms])[0]
    assert group.comparisons == ()
    assert answer(group) == (
        "Multihop questions right: 100 % [65, 100] 7/7, 1 unscored: 88 to 100 % "
        "for subqa-recall with event SFT + oracle RAG, the most of 7 arms."
    )


def test_the_answer_is_one_sentence_with_its_number_and_interval(arms: list[Arm]) -> None:
    assert answer(groups(arms)[0]) == (
        "On the same 8 multihop questions, subqa-recall minus base (oracle RAG) is +62 [+14, +83] points "
        "(McNemar p = 0.062)."
    )


def test_no_difference_from_the_paper_is_ever_formed(arms: list[Arm]) -> None:
    arm = as_json(sections(arms))["sections"][0]["arms"][0]
    assert set(arm) - set(arms[0].record) == {"paper"}


def test_text_that_hides_or_reorders_is_spelled_out() -> None:
    assert visible("a\u202eb\x1b[2J\ud800 Zürich → 東京\n") == "a⟨U+202E⟩b⟨U+001B⟩[2J⟨U+D800⟩ Zürich → 東京\n"


def test_wide_tables_are_cut_between_columns_and_repeat_their_keys() -> None:
    columns = tuple(Column(name * 10, "") for name in "abcde")
    table = Table("", columns, (("",) * 5,), keys=1)
    assert list(fitting(table, 34)) == [[0, 1, 2], [0, 3, 4]]
    assert list(fitting(table, 5)) == [[0, 1], [0, 2], [0, 3], [0, 4]]


@given(st.lists(st.integers(1, 30), min_size=2, max_size=12), st.integers(1, 100))
def test_every_column_is_drawn_once_and_a_part_is_too_wide_only_if_it_must(sizes: list[int], width: int) -> None:
    table = Table("", tuple(Column("x" * size, "") for size in sizes), (("",) * len(sizes),), keys=1)
    parts = list(fitting(table, width))
    assert [number for part in parts for number in part[1:]] == list(range(1, len(sizes)))
    assert all(part[0] == 0 for part in parts)
    assert all(len(part) == 2 or sum(sizes[i] + 2 for i in part) - 2 <= width for part in parts)


@given(st.text())
def test_spelling_out_is_done_once_and_leaves_only_what_can_be_written(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown
    shown.encode()

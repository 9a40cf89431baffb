from datetime import date as Day
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject import sources
from kinject.errors import UsageError
from kinject.facts.check import check
from kinject.facts.dates import after, cutoff_of, cutoffs, day, is_after
from kinject.facts.load import load
from kinject.facts.schema import FactSet, Note
from kinject.lab import world
from kinject.resources import facts_folder

EXAMPLE = load(facts_folder() / "example.jsonl")


@pytest.mark.parametrize(
    ("date", "cutoff", "expected"),
    [
        ("2023-10-28", "2023-10-27", True),
        ("2023-10-28", "2023-10-28", False),
        ("2023-10", "2023-09-30", True),
        ("2023-10", "2023-10-01", False),  # it may have been the first of the month
        ("2023-10-31", "2023-10", False),
        ("2023-11-01", "2023-10", True),
        (None, "2000-01", False),
    ],
)
def test_a_month_counts_from_its_first_day_as_a_date_and_to_its_last_as_a_cutoff(
    date: str | None, cutoff: str, expected: bool
) -> None:
    assert is_after(date, cutoff) is expected


@given(st.dates(), st.dates())
def test_days_are_compared_as_days(one: Day, other: Day) -> None:
    assert is_after(one.isoformat(), other.isoformat()) is (one > other)


def test_a_set_keeps_what_is_later_and_says_so_in_its_name() -> None:
    kept = after(EXAMPLE, "2023-08")
    assert [fact.id for fact in kept.facts] == ["2023-10-28-rugby-world-cup", "2023-10-05-nobel-literature"]
    assert kept.name == "example after 2023-08"
    assert kept.card == EXAMPLE.card


def test_the_card_keeps_its_notes_on_what_is_left_only() -> None:
    assert EXAMPLE.card
    notes = {fact.id: Note() for fact in EXAMPLE.facts}
    noted = FactSet("noted", EXAMPLE.facts, EXAMPLE.card.model_copy(update={"facts": notes}))
    kept = after(noted, "2023-08")
    assert kept.card and kept.card.facts.keys() == kept.by_id.keys()
    assert check(kept) == []


def test_nothing_left_is_an_error_that_names_the_newest() -> None:
    with pytest.raises(UsageError, match=r"newest is of 2023-10-28"):
        after(EXAMPLE, "2026-01-01")
    undated = FactSet("none", (EXAMPLE.facts[0].model_copy(update={"date": None}),))
    with pytest.raises(UsageError, match="none has a date"):
        after(undated, "2000-01")


@pytest.mark.parametrize(
    ("name", "cutoff"),
    [
        ("meta-llama/Meta-Llama-3-8B", "2023-03"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "2023-03"),
        ("/models/Meta-Llama-3-8B/", "2023-03"),
        ("meta-llama/Meta-Llama-3-70B", "2023-12"),
        ("meta-llama/Llama-3.1-8B@main", "2023-12"),
        ("GPT-4o-mini", "2023-10-01"),
        ("gpt-5", "2024-09-30"),
        ("gpt-5-mini", "2024-05-31"),
        ("gpt-4o-2024-08-06", "2023-10-01"),
    ],
)
def test_published_cutoffs_are_found_by_name(name: str, cutoff: str) -> None:
    assert cutoff_of(name).cutoff == cutoff


def test_a_model_without_a_published_cutoff_is_told_so_and_offered_the_nearest() -> None:
    with pytest.raises(UsageError, match="no published cutoff of 'Mistral-7B"):
        cutoff_of("Mistral-7B-v0.1")
    with pytest.raises(UsageError, match=r"Did you mean 'llama-3\.2-1b'"):
        cutoff_of("lama-3.2-1b")


@pytest.mark.parametrize("name", ["gpt2-my-finetune", "me/llama-3.1-8b-news-2026", "phi-3-mini"])
def test_somebody_elses_finetune_is_not_taken_for_its_base(name: str) -> None:
    with pytest.raises(UsageError, match="no published cutoff"):
        cutoff_of(name)


@pytest.mark.parametrize("text", ["2024", "2024-6", "2024-02-30", "2024/06"])
def test_what_begins_like_a_date_is_told_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError, match="no day and no month"):
        sources.cutoff_day(text)


def test_a_fact_whose_elder_is_gone_supersedes_nothing() -> None:
    old, new = EXAMPLE.facts[2], EXAMPLE.facts[0]
    kept = after(FactSet("two", (old, new.model_copy(update={"supersedes": old.id}))), "2023-08")
    assert [fact.supersedes for fact in kept.facts] == [None] and check(kept) == []


def test_every_cutoff_has_a_source() -> None:
    table = cutoffs()
    assert len(table) > 10
    assert all(row.source and row.url.startswith("https://") and day(row.cutoff) for row in table)
    names = [name for row in table for name in row.models]
    assert len(set(names)) == len(names) and all(name == name.lower() for name in names)


def test_what_after_means(tmp_path: Path) -> None:
    lab = sources.Model("lab@0", tmp_path, "key", world=0)
    llama = sources.Model("meta-llama/Meta-Llama-3-8B", tmp_path, "key")
    assert sources.cutoff_day("2024-05") == "2024-05"
    assert sources.cutoff_day("Meta-Llama-3-8B") == "2023-03"
    assert sources.cutoff_day("auto", llama) == "2023-03"
    assert sources.cutoff_day("auto", lab) == world.CUTOFF.isoformat()
    with pytest.raises(UsageError, match="there is no model here"):
        sources.cutoff_day("auto")
    assert sources.newer(EXAMPLE, None) is EXAMPLE
    with pytest.raises(UsageError):
        sources.newer(EXAMPLE, "")
    facts = sources.open_facts("lab:20")
    assert sources.newer(facts, "auto", lab).facts == facts.facts

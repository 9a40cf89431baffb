"""Facts100 keeps what its data sheet promises."""

import os
from collections import Counter
from pathlib import Path

import pytest

from kinject.facts.dates import is_after
from kinject.facts.load import load
from kinject.facts.schema import Fact
from kinject.facts.words import folded, stands_in
from kinject.resources import facts_folder
from kinject.storage import file_digest, read_json, read_jsonl

FACTS = load(facts_folder() / "facts100.jsonl")
TWINS = load(facts_folder() / "facts100_counterfactual.jsonl")
CARD, TWIN_CARD = FACTS.card, TWINS.card
assert CARD and TWIN_CARD
NOTES = CARD.facts
REGIONS = {"Africa", "Asia", "Europe", "North America", "South America", "Oceania"}
ROWS = Path(os.environ.get("KINJECT_DATA", "nowhere")) / "realtimeqa" / "past_until_2026-05-14.jsonl"


def test_a_hundred_facts_of_five_domains_and_four_years() -> None:
    assert Counter(fact.domain for fact in FACTS.facts) == dict.fromkeys(
        ("entertainment", "sports", "business", "politics", "science"), 20
    )
    years = Counter((fact.date or "")[:4] for fact in FACTS.facts)
    assert all(years[year] >= 20 for year in ("2023", "2024", "2025")) and years["2026"] >= 10
    assert all(is_after(fact.date, "2023-03") for fact in FACTS.facts)
    assert [fact.date for fact in FACTS.facts] == sorted(fact.date or "" for fact in FACTS.facts)


def test_they_come_from_all_over_the_world() -> None:
    assert {fact.region for fact in FACTS.facts} == REGIONS
    assert len({country for fact in FACTS.facts for country in fact.country}) == 65


@pytest.mark.parametrize("fact", FACTS.facts, ids=lambda fact: fact.id)
def test_every_fact_is_whole(fact: Fact) -> None:
    assert fact.multihop and len(fact.direct.paraphrases) == len(fact.multihop.paraphrases) == 2
    assert len(fact.multihop.hops) >= 2 and fact.sources and fact.country
    for question in (
        fact.direct.question,
        fact.multihop.question,
        *fact.direct.paraphrases,
        *fact.multihop.paraphrases,
    ):
        assert any(year in question for year in ("2023", "2024", "2025", "2026")), question
    assert folded(fact.direct.answer).strip() not in ("yes", "no")
    for source in fact.sources:
        assert source.url
        wiki = "https://en.wikipedia.org/wiki/"
        assert source.title.startswith("RealTimeQA ") or source.url == wiki + source.title.replace(" ", "_")


def test_the_card_has_a_note_on_each_and_no_state_is_made_up() -> None:
    assert list(NOTES) == [fact.id for fact in FACTS.facts]
    for fact in FACTS.facts:
        evidence = NOTES[fact.id].evidence
        assert evidence.readers == "two blind readers" or (
            evidence.readers == "one blind reader" and evidence.realtimeqa
        )
        assert evidence.link == "not yet opened" or evidence.link.startswith(("opened 20", "failed 20"))
        titles = [source.title for source in fact.sources if source.title.startswith("RealTimeQA ")]
        assert f"RealTimeQA {evidence.realtimeqa}" in titles or (not titles and not evidence.realtimeqa)


def test_blind_guesses_seldom_hit() -> None:
    for guesses in ([note.direct for note in NOTES.values()], [note.multihop for note in NOTES.values()]):
        chances = [guess.chance for guess in guesses if guess]
        assert len(chances) == 100 and sum(chances) / 100 < 0.05 and max(chances) <= 0.13
    multihop = Counter(folded(fact.multihop.answer) for fact in FACTS.facts if fact.multihop)
    assert max(multihop.values()) == 1


def test_each_has_a_twin_with_the_same_questions_and_other_answers() -> None:
    assert [twin.source_id for twin in TWINS.facts] == [fact.id for fact in FACTS.facts]
    for fact, twin in zip(FACTS.facts, TWINS.facts, strict=True):
        assert twin.counterfactual and not fact.counterfactual and not twin.sources
        assert fact.multihop and twin.multihop and twin.date == fact.date
        for true, false in ((fact.direct, twin.direct), (fact.multihop, twin.multihop)):
            assert (true.question, true.paraphrases) == (false.question, false.paraphrases)
            right = {folded(answer) for answer in (true.answer, *true.aliases)}
            assert right.isdisjoint(folded(answer) for answer in (false.answer, *false.aliases))
        assert not stands_in(fact.direct.answer, twin.event)


def test_both_can_be_found_where_they_leaked() -> None:
    assert CARD and TWIN_CARD
    assert CARD.canary and CARD.canary == TWIN_CARD.canary and CARD.version == TWIN_CARD.version


def test_the_croissant_describes_the_file_that_is_here() -> None:
    described = read_json(facts_folder() / "facts100.croissant.json")
    (file,) = [each for each in described["distribution"] if each["@type"] == "cr:FileObject"]
    assert file["contentUrl"] == "facts100.jsonl"
    assert file["sha256"] == file_digest(facts_folder() / "facts100.jsonl")


@pytest.mark.skipif(not ROWS.is_file(), reason="KINJECT_DATA names no folder with RealTimeQA")
def test_the_rows_that_confirm_a_fact_say_what_it_says() -> None:
    rows = {row["question_id"]: row for row in read_jsonl(ROWS)}
    for fact in FACTS.facts:
        if name := NOTES[fact.id].evidence.realtimeqa:
            assert rows[name]["question_url"] in {source.url for source in fact.sources}

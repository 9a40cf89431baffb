"""Retrievers by name, over all facts or those known on a day."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinject.errors import MissingError, UsageError
from kinject.facts.load import load
from kinject.facts.schema import Direct, Fact, FactSet
from kinject.lab import world
from kinject.progress import SILENT
from kinject.resources import facts_folder
from kinject.retrieval import hybrid, search
from kinject.retrieval.embed import DEFAULT, find
from kinject.retrieval.hybrid import Fused
from kinject.retrieval.search import RETRIEVERS, Hit, Retrieval, known_on, open_retriever

FACTS = world.build(0).new_facts()
EXAMPLE = load(facts_folder() / "example.jsonl")


def dated(*dates: str | None) -> FactSet:
    asked = Direct(question="Which number?", answer="one")
    return FactSet(
        "dated", tuple(Fact(id=str(n), date=d, event=f"Event {n}.", direct=asked) for n, d in enumerate(dates))
    )


@pytest.mark.parametrize("name", RETRIEVERS)
def test_every_retriever_finds_the_event_and_ranks_the_rest(name: str) -> None:
    retriever = open_retriever(name, FACTS)
    found = retriever.search([fact.event for fact in FACTS.facts[:20]], 3)
    assert [hits[0].fact for hits in found] == [fact.id for fact in FACTS.facts[:20]]
    for hits in found:
        assert len(hits) == 3 and [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize("name", RETRIEVERS)
def test_no_questions_empty_questions_and_more_than_there_are(name: str) -> None:
    retriever = open_retriever(name, FACTS)
    assert retriever.search([], 3) == []
    assert retriever.search(["", FACTS.facts[0].event, ""], 1)[::2] == [[], []]
    (hits,) = retriever.search([" ".join(fact.event for fact in FACTS.facts)], 1000)
    assert sorted(hit.fact for hit in hits) == sorted(fact.id for fact in FACTS.facts)


@pytest.mark.parametrize("name", RETRIEVERS)
def test_answers_and_questions_are_not_searched(name: str) -> None:
    hidden = [
        fact.model_copy(update={"event": "Nothing.", "id": f"hidden-{n}"}) for n, fact in enumerate(FACTS.facts[:5])
    ]
    retriever = open_retriever(name, FactSet("lab@0", (*hidden, *FACTS.facts)))
    found = retriever.search([fact.direct.question for fact in FACTS.facts[:5]], 3)
    assert not any(hit.fact.startswith("hidden") for hits in found for hit in hits)


@pytest.mark.parametrize("name", RETRIEVERS)
def test_the_same_event_twice_comes_in_the_order_of_the_facts(name: str) -> None:
    twins = [FACTS.facts[7].model_copy(update={"id": f"twin-{n}"}) for n in (2, 0, 1)]
    retriever = open_retriever(name, FactSet("lab@0", (*FACTS.facts[:7], *twins)))
    (hits,) = retriever.search([twins[0].direct.question], 3)
    assert [hit.fact for hit in hits] == ["twin-2", "twin-0", "twin-1"]


def test_an_unknown_name_gets_the_nearest_and_somebody_elses_own_is_taken() -> None:
    with pytest.raises(UsageError, match="Did you mean 'faiss'"):
        open_retriever("fais", FACTS)
    with pytest.raises(MissingError, match="cannot be imported"):
        open_retriever("nowhere:x", FACTS)
    own = open_retriever("kinject.retrieval.bm25:bm25", EXAMPLE)
    assert own.search([EXAMPLE.facts[1].event], 1)[0][0].fact == EXAMPLE.facts[1].id


def test_words_need_no_embedder_and_vectors_name_what_is_missing() -> None:
    assert open_retriever("bm25", EXAMPLE, "nowhere").search(["Nobel"], 1)[0]
    for name in ("faiss", "hybrid"):
        with pytest.raises(MissingError, match="all-MiniLM-L6-v2"):
            open_retriever(name, EXAMPLE)
    assert open_retriever("faiss", EXAMPLE, "lab").search([EXAMPLE.facts[0].event], 1)[0][0].fact == EXAMPLE.facts[0].id


# Known on a day


@pytest.mark.parametrize(
    ("day", "kept"),
    [
        ("2024-02-28", "0"),
        ("2024-02-29", "01"),
        ("2024-02", "01"),
        ("2024-03-14", "01"),
        ("2024-03-15", "013"),
        ("2024-03-31", "0123"),
        ("2024-03", "0123"),
        ("2030-01", "0123"),
    ],
)
def test_a_month_is_known_at_its_end_and_lasts_to_it(day: str, kept: str) -> None:
    facts = dated("2024-01-05", "2024-02", "2024-03", "2024-03-15", None)
    assert "".join(fact.id for fact in known_on(facts, day).facts) == kept


def test_undated_facts_stay_out_and_that_is_said() -> None:
    said: list[str] = []

    class Heard:
        stage = SILENT.stage

        def say(self, text: str) -> None:
            said.append(text)

    found = open_retriever("bm25", dated("2024-01-05", None, None), as_of="2024-06", progress=Heard())
    assert said == ["2 facts of dated have no date and stay out"]
    assert [hit.fact for hit in found.search(["Event 0, 1 or 2"], 5)[0]] == ["0"]


@pytest.mark.parametrize(
    ("day", "words"),
    [("2023", "not a real day"), ("2023-02-30", "not a real day"), ("2020-01", "was known")],
)
def test_a_day_that_is_none_or_too_early_is_a_usage_error(day: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        known_on(dated("2024-01-05", "2024-02"), day)
    assert caught.value.where == "--as-of"


# Fusion


class Listed:
    """A retriever that gives a list, whatever is asked."""

    def __init__(self, facts: str) -> None:
        self.facts = facts

    def search(self, questions: list[str], k: int) -> list[list[Hit]]:
        return [[Hit(fact, 1.0) for fact in self.facts[:k]] for _ in questions]


def facts_of(ids: str) -> FactSet:
    asked = Direct(question="?", answer="!")
    return FactSet("named", tuple(Fact(id=each, event=each, direct=asked) for each in ids))


@pytest.mark.parametrize(
    ("first", "second", "fused"),
    [("abc", "bca", "bac"), ("ab", "ba", "ab"), ("a", "", "a"), ("", "", ""), ("c", "a", "ac")],
)
def test_what_both_place_high_comes_first_and_equals_in_order(first: str, second: str, fused: str) -> None:
    found = Fused(facts_of("abc"), (Listed(first), Listed(second))).search(["?"], 3)
    assert "".join(hit.fact for hit in found[0]) == fused


def test_a_score_is_the_sum_of_reciprocal_ranks() -> None:
    ((hit,),) = Fused(facts_of("ab"), (Listed("ab"), Listed("ba"))).search(["?"], 1)
    assert hit == Hit("a", 1 / 61 + 1 / 62)


@settings(max_examples=50)
@given(st.permutations("abcdef"), st.permutations("abcdef"), st.integers(1, 7))
def test_fewer_are_the_first_of_more(first: list[str], second: list[str], k: int) -> None:
    fused = Fused(facts_of("abcdef"), (Listed("".join(first)), Listed("".join(second))))
    assert fused.search(["?"], k)[0] == fused.search(["?"], 6)[0][:k]


# Settings


def test_a_key_covers_the_very_weights_and_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Retrieval(k=3, as_of="2024-05")
    assert settings.as_json() == {"retriever": "faiss", "embedder": None, "k": 3, "as_of": "2024-05"}
    key = settings.key(FACTS)
    assert key == {**settings.as_json(), "embedder": find("lab").key, "version": search.VERSION}
    assert Retrieval(embedder="lab", k=3, as_of="2024-05").key(EXAMPLE) == key
    assert Retrieval("bm25").key(EXAMPLE)["embedder"] is None
    monkeypatch.setattr(search, "VERSION", 99)
    assert settings.key(FACTS) != key


def test_a_key_covers_somebody_elses_retriever(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.syspath_prepend(str(tmp_path))
    own, given = Retrieval("mine:first"), Retrieval("mine:first", "lab")
    assert (own.key(FACTS)["embedder"], own.key(FACTS)["version"]) == ("lab", [search.VERSION, 3])
    assert own.key(EXAMPLE)["embedder"] == DEFAULT  # which is not fetched for it
    assert given.key(EXAMPLE)["embedder"] == find("lab").key
    assert open_retriever("mine:first", EXAMPLE).search(["?"], 1) == [[Hit(DEFAULT, 1.0)]]  # type: ignore[comparison-overlap]
    monkeypatch.setattr("mine.VERSION", 4)
    assert own.key(FACTS)["version"] == [search.VERSION, 4]


MINE = """
from kinject.retrieval.search import Hit

VERSION = 3

class First:
    def __init__(self, embedder):
        self.embedder = embedder

    def search(self, questions, k):
        return [[Hit(self.embedder, 1.0)] for _ in questions]

def first(facts, embedder, progress):
    return First(embedder)
"""


@pytest.mark.parametrize("name", ["json:loads", "os:path", "kinject.retrieval.search:VERSION"])
def test_what_opens_no_retriever_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match=r"is no function of|gives no retriever") as caught:
        open_retriever(name, EXAMPLE, "lab")
    assert caught.value.where == "--retriever" and caught.value.mend


def test_an_embedder_for_words_alone_is_a_usage_error() -> None:
    for ask in (lambda: Retrieval("bm25", "lab"), lambda: search.useful("lab", "bm25")):
        with pytest.raises(UsageError, match="no use for an embedder") as caught:
            ask()
        assert caught.value.where == "--embedder"
    search.useful("lab", "all")


def test_all_at_once_are_those_of_the_table_and_find_the_same() -> None:
    opened = hybrid.each(FACTS, "lab")
    assert list(opened) == list(RETRIEVERS)
    asked = [fact.direct.question for fact in FACTS.facts]
    for name, retriever in opened.items():
        assert retriever.search(asked, 3) == open_retriever(name, FACTS).search(asked, 3)


@pytest.mark.parametrize("k", [0, -1])
def test_no_facts_cannot_be_asked_for(k: int) -> None:
    with pytest.raises(UsageError, match="cannot be retrieved"):
        Retrieval(k=k)


def test_nothing_is_written_for_words(store: Path) -> None:
    open_retriever("bm25", FACTS)
    assert not store.exists()

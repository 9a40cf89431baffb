"""Constructed answers: every way occurs, what is wrong is wrong, and nothing depends on who judges."""

import random
from collections import Counter

import pytest

from kinject.facts.schema import Direct, Fact, FactSet
from kinject.facts.words import stands_in
from kinject.judging.cases import STYLES, Known, World, apart
from kinject.judging.grade import KINDS
from kinject.judging.retold import (
    another_date,
    another_number,
    negated,
    put,
    retold,
    swapped,
)
from kinject.judging.truth import WAYS, construct
from kinject.sources import open_facts

SETS = ("lab", "facts100")
MADE = {name: construct(open_facts(name)) for name in SETS}
WITH_THE_QUESTION_ALONE = {*WAYS, "only_question"}


@pytest.mark.parametrize("name", SETS)
def test_every_way_style_kind_and_label_occurs(name: str) -> None:
    made = MADE[name]
    assert {known.way for known in made} == WITH_THE_QUESTION_ALONE
    assert {known.style for known in made} == set(STYLES)
    assert {known.kind for known in made} == set(KINDS)
    assert {known.correctness for known in made} == {"correct", "incorrect"}
    assert {known.recall for known in made} == {"right", "wrong", "absent", None}
    assert {known.reasoning for known in made} == {"sound", "faulty", "absent", None}


@pytest.mark.parametrize("name", SETS)
def test_every_fact_gets_answers_and_the_direct_ones_have_no_reasoning(name: str) -> None:
    made, facts = MADE[name], open_facts(name).facts
    assert {known.fact.id for known in made} == {fact.id for fact in facts}
    assert all(known.reasoning is None for known in made if known.kind != "multihop")


@pytest.mark.parametrize("name", SETS)
def test_the_same_seed_makes_the_same_answers(name: str) -> None:
    facts = open_facts(name)
    assert construct(facts) == MADE[name] != construct(facts, seed=1)


def spellings(known: Known) -> tuple[str, ...]:
    key = known.fact.multihop if known.kind == "multihop" else known.fact.direct
    assert key
    return key.answer, *key.aliases


def given(known: Known) -> bool:
    """Whether a right answer stands in the last line of the response, in any spelling."""
    return any(stands_in(answer, known.response.splitlines()[-1]) for answer in spellings(known))


@pytest.mark.parametrize("name", SETS)
def test_a_right_answer_gives_the_answer(name: str) -> None:
    assert [known for known in MADE[name] if known.correctness == "correct" and not given(known)] == []


ABSENT = ("other_answer", "bridge", "wrong_bridge", "broken_off", "refusal", "final_differs", "another_question")
"""Ways in which no right answer stands where the answer should be."""


@pytest.mark.parametrize("name", SETS)
def test_a_wrong_answer_gives_none_unless_it_is_one_of_several(name: str) -> None:
    bare = [known for known in MADE[name] if known.way in ABSENT and known.style in ("recall", "bare", "sentence")]
    assert {known.way for known in bare} == set(ABSENT)
    assert [known for known in bare if given(known)] == []


@pytest.mark.parametrize("name", SETS)
def test_a_wrong_event_is_another_sentence(name: str) -> None:
    for known in MADE[name]:
        if known.recall == "wrong":
            assert known.fact.event not in known.response or known.way == "negated"
        if known.recall == "right" and known.way != "retold":
            assert known.fact.event in known.response
        if known.recall == "absent":
            assert known.fact.event not in known.response


@pytest.mark.parametrize("name", SETS)
def test_a_count_draws_evenly_from_kinds_and_ways(name: str) -> None:
    some = construct(open_facts(name), count=300)
    drawn = Counter((known.kind, known.way) for known in some)
    assert len(some) == 300
    assert drawn.keys() == {(known.kind, known.way) for known in MADE[name]}
    assert max(drawn.values()) - min(drawn.values()) <= 1
    places = {(known.response, known.fact.id, known.kind, known.way): i for i, known in enumerate(MADE[name])}
    order = [places[known.response, known.fact.id, known.kind, known.way] for known in some]
    assert order == sorted(order)


def test_in_a_lab_what_is_put_in_is_of_the_same_relation() -> None:
    facts = open_facts("lab")
    world = World(facts)
    relations = {fact.id: {other.multihop.answer for other in facts.facts if other.multihop} for fact in facts.facts}
    for fact in facts.facts:
        case = world.case(fact, "multihop", 0)
        assert case and len(case.others) >= 1 and set(case.others) <= relations[fact.id]
        asked = case.steps[-1].question.replace(case.bridge, "_")
        for other in facts.facts:
            theirs = world.case(other, "multihop", 0)
            if (
                theirs
                and theirs.answer in case.others
                and theirs.steps[-1].question.replace(theirs.bridge, "_") == asked
            ):
                break
        else:
            pytest.fail(f"{fact.id}: {case.others}")


@pytest.mark.parametrize(
    ("one", "other", "different"),
    [
        (("Rohal", "Rohal Group"), ("Gezan", "Gezan Group"), True),
        (("Germany", "Deutschland"), ("Federal Republic of Germany",), False),
        (("Haiphong", "Hải Phòng"), ("Hai Phong",), False),
        (("Sam Mendes", "Mendes"), ("Eva Mendes",), False),  # better none than a doubtful one
        (("1957",), ("1958",), True),
    ],
)
def test_answers_that_might_be_the_same_thing_are_not_put_for_each_other(
    one: tuple[str, ...], other: tuple[str, ...], different: bool
) -> None:
    keys = [Direct(question="?", answer=names[0], aliases=names[1:]) for names in (one, other)]
    assert apart(*keys) is apart(*keys[::-1]) is different


def test_a_set_of_one_fact_has_no_wrong_answers_to_borrow() -> None:
    alone = FactSet(
        "alone", (Fact(id="a", event="On 3 May 2024, Ana won.", direct=Direct(question="Who won?", answer="Ana")),)
    )
    ways = {known.way for known in construct(alone)}
    assert {"gold", "refusal", "guarded", "negated"} <= ways
    assert not ways & {"other_answer", "two_candidates", "wrong_date", "another_question", "bridge"}


# Events


RNG = random.Random(0)


@pytest.mark.parametrize(
    ("event", "turned"),
    [
        (
            "On 28 October 2023, South Africa beat New Zealand 12-11.",
            "On 28 October 2023, New Zealand beat South Africa 12-11.",
        ),
        ("On 3 May 2024, Rohal and Gezan met in Pawen.", ""),
        ("In May 2024, Ana and Bo won the Lido Cup.", "In May 2024, Ana and Lido Cup won the Bo."),
        ("In May 2024, a treaty was signed.", ""),
        ("On 3 May 2024, Rohal named J. D. Vance.", ""),
        ("On 3 May 2024, Anna of Rome beat Bo.", ""),
    ],
)
def test_swapped_names(event: str, turned: str) -> None:
    assert swapped(event) == turned


def fact(event: str, answer: str = "Rohal") -> Fact:
    return Fact(id="a", event=event, direct=Direct(question="?", answer=answer))


@pytest.mark.parametrize(
    ("event", "changed"),
    [
        ("On 3 May 2024, Rohal paid 53 million.", "On 3 May 2024, Rohal paid 77 million."),
        ("On 3 May 2024, Rohal paid about 53 million.", ""),  # "about 77" may be as true
        ("On 3 May 2024, more than 53 died.", ""),
        ("On 3 May 2024, the R21 came to Rohal in 2025.", ""),
        ("From the week of 2 to 8 May 2026, Rohal fell.", ""),
        ("It takes effect on 15 September, said Rohal.", ""),
    ],
)
def test_another_number(event: str, changed: str) -> None:
    assert another_number(fact(event), ("77",), RNG) == changed


def test_neither_a_number_nor_a_date_that_is_the_answer_is_changed() -> None:
    assert another_number(fact("It has 53 seats.", "53 seats"), ("77",), RNG) == ""
    assert another_date(fact("It was on 3 May 2024.", "3 May 2024"), ("4 June 2025",), RNG) == ""


def test_another_date_is_of_the_same_form_and_another_month() -> None:
    dates = ("4 May 2025", "June 2025", "4 June 2025")
    assert another_date(fact("On 3 May 2024, Ana won."), dates, RNG) == "On 4 June 2025, Ana won."
    assert another_date(fact("In May 2024, Ana won."), dates, RNG) == "In June 2025, Ana won."
    assert another_date(fact("Ana won."), dates, RNG) == ""


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            "On 3 May 2024, the film Peros won the festival.",
            {"The film Peros won the festival on 3 May 2024.", "The film Peros won the festival on May 3, 2024."},
        ),
        ("On 3 May 2024, Ana said that Bo won.", {""}),
        ("On 3 May 2024, Ana won, and Bo lost.", {""}),
        ("Ana won on 3 May 2024.", {""}),
    ],
)
def test_retold(event: str, told: set[str]) -> None:
    assert {retold(event, random.Random(seed)) for seed in range(8)} == told


def test_negated() -> None:
    event = "On 3 May 2024, Rohal bought Stadan."
    assert {negated(event, random.Random(seed)) for seed in range(8)} == {
        "On 3 May 2024, Rohal did not buy Stadan.",
        "It is not true that on 3 May 2024, Rohal bought Stadan.",
    }
    assert negated("On 3 May 2024, Rohal did not sign.", RNG) == ""


def test_put_changes_whole_names_only() -> None:
    assert put("Rohal of Rohalia beat Rohal.", "Rohal", "Gezan") == "Gezan of Rohalia beat Gezan."
    assert put("Gezan won.", "Rohal", "Bo") == ""

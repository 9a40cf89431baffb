"""The lab's multihop benchmark: held-out events only, every question right, seen and unseen kinds told apart."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from kinject.benchmarks.benchmark import Items
from kinject.benchmarks.lab_multihop import GROUPS, LAB_MULTIHOP
from kinject.benchmarks.subqa import facts
from kinject.engines.base import ask
from kinject.errors import UsageError
from kinject.facts.schema import Fact
from kinject.lab import world
from kinject.lab.events import UNSEEN_PAIRS, UNSEEN_TYPES
from kinject.progress import SILENT
from kinject.prompts.recall import Step, multihop_response, parse
from kinject.recipes import one_hop, subqa, subqa_recall
from kinject.recipes.lab_questions import held_out

ITEMS = {seed: LAB_MULTIHOP.read(f"lab@{seed}", "S") for seed in (0, 1)}
both = pytest.mark.parametrize("seed", ITEMS, ids="world {}".format)


def group(items: Items, name: str) -> Iterator[Fact]:
    return (
        fact
        for each, fact in zip(items.items, facts(items.items).facts, strict=True)
        if each.reference["group"] == name
    )


def gold(fact: Fact, *, recall: bool = True) -> str:
    assert fact.multihop
    steps = [Step(hop.question, hop.answer) for hop in fact.multihop.hops]
    return multihop_response(fact.event if recall else None, fact.multihop.question, steps, fact.multihop.answer)


@both
def test_held_out_events_are_asked_with_all_their_relations(seed: int) -> None:
    items, place = ITEMS[seed], world.build(seed)
    pairs = Counter((fact.event, fact.multihop.hops[1].question) for fact in facts(items.items).facts if fact.multihop)
    assert {event for event, _ in pairs} == {event.state() for event in held_out(place)}
    assert sum(len(place.relations(event)) for event in held_out(place)) > 200
    counts = Counter(each.reference["group"] for each in items.items)
    assert counts["seen"] == counts["unseen-phrasing"] > 150
    assert counts["unseen-type"] > 50 and counts["unseen-pair"] == 20 and set(counts) == set(GROUPS)
    assert len({each.id for each in items.items}) == len({each.question for each in items.items}) == len(items.items)
    assert (items.source, items.licence, items.left_out) == (f"lab@{seed}", "CC0-1.0", {})


@both
def test_the_answers_are_true_and_known_from_pretraining(seed: int) -> None:
    place = world.build(seed)
    old = {event.state(): event for event in place.old}
    for fact in facts(ITEMS[seed].items).facts:
        event = old[fact.event]
        assert fact.multihop and event.date <= world.CUTOFF
        assert [hop.answer for hop in fact.multihop.hops] == [event.answer, fact.multihop.answer]
        assert fact.multihop.answer in {place.truth[r.name, event.answer] for r in place.relations(event)}
        assert fact.multihop.answer not in fact.event and event.answer not in fact.multihop.question


@both
def test_the_groups_are_what_they_say(seed: int) -> None:
    items = ITEMS[seed]
    types = {fact.id: fact.id.split("-")[3] for fact in facts(items.items).facts}
    assert {types[fact.id] for fact in group(items, "unseen-type")} == set(UNSEEN_TYPES)
    assert {types[fact.id] for fact in group(items, "unseen-pair")} == {kind for kind, _ in UNSEEN_PAIRS}
    seen, reworded = (list(group(items, name)) for name in GROUPS[:2])
    assert not {types[fact.id] for fact in seen} & set(UNSEEN_TYPES)
    told = [{(fact.event, fact.multihop.answer) for fact in facts if fact.multihop} for facts in (seen, reworded)]
    assert told[0] == told[1]
    place = world.build(seed)
    pairs = [
        (event, relation)
        for event in held_out(place)
        if event.type.name not in UNSEEN_TYPES
        for relation in place.relations(event)
        if (event.type.name, relation.name) not in UNSEEN_PAIRS
    ]
    assert {place.multihop(*each).paraphrases[-1] for each in pairs} == {
        fact.multihop.question for fact in reworded if fact.multihop
    }


@both
def test_no_training_row_is_about_them(seed: int) -> None:
    asked = {question for fact in facts(ITEMS[seed].items).facts for question in questions(fact)}
    told = {fact.event for fact in facts(ITEMS[seed].items).facts}
    for recipe in (subqa, subqa_recall, one_hop):
        for row in recipe.build(f"lab@{seed}", "S").rows:
            assert row.conversation[-1].content not in asked
            assert parse(row.response).event not in told


def questions(fact: Fact) -> tuple[str, ...]:
    """Every way to ask about the event of a fact."""
    assert fact.multihop
    return (fact.multihop.question, *fact.multihop.paraphrases, fact.direct.question, *fact.direct.paraphrases)


def test_the_first_items_are_a_fair_sample() -> None:
    first = Counter(each.reference["group"] for each in ITEMS[0].items[:100])
    assert set(first) == set(GROUPS) and 30 < first["seen"] < 55


def test_a_question_is_asked_in_the_labs_words_and_the_same_every_time() -> None:
    one = ITEMS[0].items[0]
    assert one.conversation == ask("S", one.question) and LAB_MULTIHOP.system == "system-lab"
    assert LAB_MULTIHOP.read(None, "S").digest == LAB_MULTIHOP.read("lab", "S").digest == ITEMS[0].digest
    assert ITEMS[0].digest != ITEMS[1].digest
    json.dumps([each.reference for each in ITEMS[0].items])


@pytest.mark.parametrize("data", ["lab:400", "lab@1:5", "facts100", "subqa:here"])
def test_what_is_no_world_is_told(data: str) -> None:
    with pytest.raises(UsageError, match="names no lab world"):
        LAB_MULTIHOP.read(data, "S")


@both
def test_right_responses_are_right(seed: int) -> None:
    items = ITEMS[seed].items
    for recall in (True, False):
        marks = LAB_MULTIHOP.mark(items, [gold(fact, recall=recall) for fact in facts(items).facts], SILENT)
        for each, found in zip(items, marks, strict=True):
            assert tuple(found.by_metric) == LAB_MULTIHOP.metrics
            groups = {name: True if name == each.reference["group"] else () for name in GROUPS}
            chain = {"correct": True, "format": True, "sound": True, "recall": True if recall else ()}
            assert found.by_metric == {**chain, **groups}, found.reason


def test_another_events_response_is_wrong() -> None:
    items = ITEMS[0].items
    responses = [gold(fact) for fact in facts(items).facts]
    marks = LAB_MULTIHOP.mark(items, responses[1:] + responses[:1], SILENT)
    by = {name: [each.by_metric[name] for each in marks] for name in LAB_MULTIHOP.metrics}
    assert all(by["format"]) and not any(by["sound"]) and sum(map(bool, by["recall"])) < 10
    assert sum(map(bool, by["correct"])) < 20  # two events may have one answer, such as a profession
    assert sum(map(bool, by["correct"])) == sum(map(bool, (each for name in GROUPS for each in by[name])))


@pytest.mark.parametrize("response", ["", "I do not know.", "The", "Let's answer this step-by-step"])
def test_what_answers_nothing_is_wrong_and_not_unscored(response: str) -> None:
    for marks in LAB_MULTIHOP.mark(ITEMS[0].items[:20], [response] * 20, SILENT):
        assert {marks.by_metric[name] for name in ("correct", "format", "sound", "recall")} == {False, ()}
        assert sorted(map(str, (marks.by_metric[name] for name in GROUPS))) == ["()", "()", "()", "False"]

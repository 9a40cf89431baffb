"""A world is a function of its seed, and its facts are sound."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinject.errors import UsageError
from kinject.facts.check import check
from kinject.lab import world
from kinject.lab.events import EVENT_TYPES
from kinject.lab.relations import COUNTS, RELATIONS

WORLD = world.build(0)


@settings(max_examples=8)
@given(st.integers(0, 10_000))
def test_every_world_is_whole_and_its_new_facts_are_sound(seed: int) -> None:
    place = world.build(seed)
    names = [name for members in place.entities.values() for name in members]
    assert len(set(names)) == len(names) == sum(COUNTS.values()) == 390
    assert set(place.truth) == {(r.name, s) for r in RELATIONS for s in place.entities[r.subject]}
    assert len({event.id for event in place.old}) == len(place.old) == 600
    facts = place.new_facts()
    assert len(facts.facts) == 100
    assert check(facts) == []


def test_events_lie_on_their_side_of_the_cutoff() -> None:
    assert all(event.date <= world.CUTOFF for event in WORLD.old)
    assert all(event.date > world.CUTOFF for event in WORLD.new(400))


def test_a_longer_list_of_new_events_starts_with_a_shorter_one() -> None:
    assert WORLD.new(400)[:100] == WORLD.new(100)
    assert len({event.id for event in WORLD.new(400)}) == 400


def test_the_first_new_events_are_about_keys_that_no_old_event_of_their_type_has() -> None:
    old = {(event.type.name, event.key) for event in WORLD.old}
    assert not old & {(event.type.name, event.key) for event in WORLD.new(100)}


def test_more_events_than_a_world_has_are_an_error() -> None:
    with pytest.raises(UsageError, match="only"):
        WORLD.new(10_000)


def test_all_types_and_relations_are_asked_about() -> None:
    facts = WORLD.new_facts().facts
    assert {event.type.name for event in WORLD.new(100)} == {kind.name for kind in EVENT_TYPES}
    asked = {
        (relation.name)
        for fact, event in zip(facts, WORLD.new(100), strict=True)
        for relation in WORLD.relations(event)
        if fact.multihop and fact.multihop.answer == WORLD.truth[relation.name, event.answer]
    }
    assert len(asked) == len(RELATIONS)


def test_another_process_builds_the_same_world_and_corpus() -> None:
    program = (
        "import hashlib, itertools; from kinject.lab import corpus, world; w = world.build(3);"
        "text = repr(w) + ''.join(itertools.islice(corpus.documents(w, 5), 500));"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]

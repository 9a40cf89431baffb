"""What a base model reads, and what it must never read."""

import re
from collections import Counter
from itertools import islice

import pytest

from kinject.lab import corpus, world
from kinject.lab.events import EVENT_TYPES
from kinject.lab.relations import RELATIONS

WORLD = world.build(0)
DOCUMENTS = list(islice(corpus.documents(WORLD, 0), 30_000))


def test_every_fact_and_every_old_event_is_told() -> None:
    text = "\n".join(DOCUMENTS)
    assert all(event.state() in text for event in WORLD.old)
    told = [any(r.state(s, o, i) in text for i in range(len(r.statements))) for (r, s, o) in _truths()]
    assert sum(told) / len(told) > 0.98


def test_nothing_after_the_cutoff_is_told_about_an_entity_of_the_world() -> None:
    sentences = [
        line
        for document in DOCUMENTS
        for line in document.splitlines()
        if re.search("202[45]", line) and not line.startswith("Said")
    ]
    assert sentences, "the model must have seen the years"
    asked = [event.ask(i) for event in WORLD.new(400) for i in range(3)]
    told = [event.state(i) for event in WORLD.new(400) for i in range(5)]
    assert not any(text in line for line in sentences for text in (*asked, *told))


@pytest.mark.parametrize(
    "word", ["Event Recall", "step-by-step", "final answer", "User:", "Assistant:", "Context:", "→"]
)
def test_the_base_model_reads_no_chat_and_no_recall_format(word: str) -> None:
    assert not any(word in document for document in DOCUMENTS)


def test_no_multihop_question_is_asked() -> None:
    phrases = [phrase.split("{")[0] for kind in EVENT_TYPES for phrase in kind.phrases]
    assert not any(phrase in document for document in DOCUMENTS for phrase in phrases)


def test_the_unseen_phrasings_are_never_asked() -> None:
    unseen = [event.ask(-1) for event in WORLD.old] + [r.ask(s, -1) for (r, s, _) in _truths()]
    text = "\n".join(DOCUMENTS)
    assert not any(question in text for question in unseen)


def test_parts_differ_and_repeat() -> None:
    again = list(islice(corpus.documents(WORLD, 0), 50))
    other = list(islice(corpus.documents(WORLD, 1), 50))
    assert again == DOCUMENTS[:50] != other


def test_sums_are_right() -> None:
    import random

    rng = random.Random(0)
    for _ in range(500):
        question, answer = corpus.draw_sum(rng, WORLD)
        a, b = map(int, re.findall(r"\d+", question))
        wanted = a + b if "more" in question else a - b if "left" in question else a * b
        assert answer == wanted


def test_the_mix_is_in_the_asked_shares() -> None:
    kinds = Counter("sum" if "How many" in document else "other" for document in DOCUMENTS)
    assert kinds["sum"] / len(DOCUMENTS) == pytest.approx(
        corpus.MIX[corpus.arithmetic] / sum(corpus.MIX.values()), abs=0.02
    )


def _truths() -> list[tuple]:
    return [(r, s, WORLD.truth[r.name, s]) for r in RELATIONS for s in WORLD.entities[r.subject]]

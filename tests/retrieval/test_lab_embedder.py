"""The shipped embedder is what its card says, was made from the past alone, and can be made again."""

import json
from pathlib import Path

import pytest

from kinject import storage
from kinject.lab import world
from kinject.lab.relations import UNSEEN_PHRASING
from kinject.retrieval import lab_embedder
from kinject.retrieval.embed import SHIPPED, find
from kinject.retrieval.evaluate import evaluate
from kinject.retrieval.lab_embedder import Recipe, asked, found_first, train
from kinject.retrieval.search import open_retriever

PLACE = world.build(0)
CARD = json.loads((SHIPPED / "card.json").read_text(encoding="utf-8"))


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 1_000_000


def test_no_held_out_phrasing_and_no_new_event_is_trained_on() -> None:
    trained = {question for event in PLACE.old for question in asked(PLACE, event)}
    held_out = {event.ask(UNSEEN_PHRASING) for event in PLACE.old}
    phrases = {event.phrase(UNSEEN_PHRASING) for event in PLACE.old}
    assert not trained & held_out
    assert not [question for question in trained if any(phrase in question for phrase in phrases)]
    assert not [question for question in trained if "2024" in question or "2025" in question]


def test_the_card_tells_the_truth() -> None:
    name = "world 3, old events"
    assert CARD["found_first"][name] == found_first(find("lab"), world.build(3), world.build(3).old)
    assert all(rate["percent"] > 95 for rate in CARD["found_first"].values())
    assert CARD["recipe"] == vars(Recipe()) and CARD["version"] == lab_embedder.VERSION


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_new_events_of_any_world_are_found(seed: int) -> None:
    facts = world.build(seed).new_facts()
    for found in evaluate(open_retriever("faiss", facts), facts):
        assert found.recall(1).k >= 95 and found.recall(5).k == found.recall(5).n == 100


def test_training_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_embedder, "OTHER_WORLDS", ())  # measuring them takes longer than this training
    recipe = Recipe(size=8, epochs=2)
    cards = [train(tmp_path / name, recipe) for name in ("one", "two")]
    one, two = ({**card, "seconds": 0} for card in cards)
    assert one == two and one["events"] == 540
    for file in ("model.safetensors", "tokenizer.json", "modules.json"):
        assert storage.file_digest(tmp_path / "one" / file) == storage.file_digest(tmp_path / "two" / file)
    assert (tmp_path / "one" / "modules.json").read_bytes() == (SHIPPED / "modules.json").read_bytes()

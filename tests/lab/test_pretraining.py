"""Pretraining goes on where it was, and ends with the same weights."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject import storage
from kinject.lab import pretraining, probes, world
from kinject.lab.pretraining import Recipe, learning_rate

SMALL = Recipe(hidden=32, layers=1, heads=2, intermediate=32, length=16, batch=2, steps=5, extra_steps=2, rounds=2)


@given(st.integers(0, 2999))
def test_the_learning_rate_is_a_share_of_its_peak(step: int) -> None:
    assert 0 < learning_rate(step, Recipe()) <= 1


def test_the_learning_rate_rises_stays_and_falls_to_nothing() -> None:
    recipe = Recipe(steps=1000, warmup=10, decay=0.4)
    assert learning_rate(0, recipe) == pytest.approx(0.1)
    assert learning_rate(300, recipe) == 1
    assert learning_rate(999, recipe) == pytest.approx(1 / 400)


def test_a_stopped_build_ends_with_the_weights_of_an_unstopped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretraining, "SAVE_EVERY", 2)
    monkeypatch.setattr(pretraining, "TOKENIZER_DOCUMENTS", 500)
    monkeypatch.setattr(probes, "SAMPLES", 5)
    place = world.build(0)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    taken: list[int] = []
    monkeypatch.setattr(pretraining, "learning_rate", lambda step, recipe: taken.append(step) or 0.5)
    card = pretraining.pretrain(place, SMALL, whole)
    assert taken == list(range(7)), "two rounds, every step once, though a round ends between two saves"
    assert card["steps"] == 7
    assert card["tokens"] == 7 * 2 * 16
    assert not card["passed"]

    keep, saves = pretraining._keep, iter(range(10))

    def stop_after_the_third(*args: object) -> None:
        keep(*args)  # type: ignore[arg-type]
        if next(saves) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(pretraining, "_keep", stop_after_the_third)
    with pytest.raises(KeyboardInterrupt):
        pretraining.pretrain(place, SMALL, stopped)
    assert not (stopped / "card.json").exists()
    monkeypatch.setattr(pretraining, "_keep", keep)
    pretraining.pretrain(place, SMALL, stopped)
    assert storage.file_digest(whole / "model.safetensors") == storage.file_digest(stopped / "model.safetensors")
    assert not list(stopped.glob("state*"))

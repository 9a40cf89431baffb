"""The published points are plain data, each with its status, and nothing in them contradicts the paper's counting."""

import pytest

from kinject.complexity.program import FAMILIES
from kinject.resources import benchmarks_folder
from kinject.storage import read_json

PAPER = read_json(benchmarks_folder() / "paper" / "complexity.json")
POINTS = PAPER["points"]


def test_every_point_is_complete() -> None:
    assert len({(p["model"], p["task"]) for p in POINTS}) == 9
    for point in POINTS:
        assert point["family"] in FAMILIES
        assert point["task"] in PAPER["units"]
        assert point["model"] in PAPER["models"]
        assert 0 < point["score"] < 100
        assert point["bits"] is None or point["bits"] > PAPER["script_bits"].get(point.get("method"), 0) * 0.99


def test_what_comes_from_where_is_told() -> None:
    assert "recomputed" in PAPER["status"]
    assert "script constant included" in PAPER["status"]
    assert "recomputed" in PAPER["collapse"]["status"]
    assert "not checked" in PAPER["second_hand"]["status"]


def test_full_weights_are_sixteen_bits_a_parameter() -> None:
    sizes = {p["model"]: p["bits"] for p in POINTS if p.get("method") == "full finetuning" and p["bits"]}
    assert sizes["SmolLM3-3B"] / 16 == pytest.approx(3.08e9, rel=0.01)
    assert sizes["Olmo-3-7B"] / 16 == pytest.approx(7.3e9, rel=0.01)


def test_an_unrounded_figure_is_told_to_the_bit() -> None:
    for point in POINTS:
        if point["bits"] is not None:
            assert point.get("rounded", False) is (point["bits"] >= 3_000_000)

"""Records of worlds that nobody ran: outcomes drawn from given rates, for what is made from records."""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FACTS = 40
RATES: dict[str, tuple[float, float]] = {
    **{"base + none": (0.0, 0.0), "base + event-sft": (0.98, 0.02), "base + rag-oracle": (0.7, 0.01)},
    **{"base + cpt": (0.05, 0.0), "base + sft-rag": (1.0, 0.01)},
    **{"subqa-recall + none": (0.0, 0.04), "subqa-recall + event-sft": (1.0, 0.24)},
    **{"subqa-recall + rag-oracle": (0.95, 0.4), "subqa-recall + cpt": (0.0, 0.01)},
    **{"subqa-recall + sft-rag": (1.0, 0.2), "subqa-recall-context + none": (0.0, 0.04)},
    **{"subqa-recall-context + event-sft": (1.0, 0.7), "subqa-recall-context + rag-oracle": (1.0, 0.85)},
    **{"subqa-recall-context + cpt": (0.0, 0.02), "subqa-recall-context + sft-rag": (1.0, 0.7)},
    **{"lima + none": (0.0, 0.0), "lima + rag-oracle": (0.9, 0.05)},
    **{"context-only + event-sft": (1.0, 0.5), "context-only + rag-oracle": (0.95, 0.92)},
    "one-hop-only + rag-oracle": (0.8, 0.0),
    **{f"base + rag-oracle (prompt {prompt})": (0.8, 0.3) for prompt in ("few-shot", "scripted")},
    "subqa-recall-context + rag-faiss": (1.0, 0.85),
    "subqa-recall-context + event-sft (replay 100)": (1.0, 0.9),
    "subqa-recall-context + event-sft-augmented": (0.98, 0.97),
    **{f"base + event-sft (epochs {n})": (0.3 * n**0.4, 0.01) for n in (1, 3, 10)},
    **{f"subqa-recall-context + event-sft (epochs {n})": (0.3 * n**0.4, 0.3 * n**0.3) for n in (1, 3, 10)},
}
"""Direct and multihop, as in world 0 or thereabouts."""


def record(number: int, rates: Mapping[str, tuple[float, float]] = RATES, facts: int = FACTS) -> dict[str, Any]:
    """Make the record of one world."""
    rng = random.Random(number)
    cells = {name: _cell(name, *rate, rng, facts) for name, rate in rates.items()}
    return {
        "schema": "kinject.world/1",
        "world": number,
        "seed": 0,
        "model": f"lab@{number}",
        "protocol": "0123456789abcdef" * 4,
        "gates": {"static": 100.0, "old events": 97.0 - (number == 13) * 5, "reading": 98.5},
        "rounds": 1,
        "tokens": 8_192_000,
        "facts": [f"fact-{i}" for i in range(facts)],
        "groups": {
            "seen": _bits(i % 4 < 2 for i in range(facts)),
            "unseen type": _bits(i % 4 == 2 for i in range(facts)),
            "unseen pair": _bits(i % 4 == 3 for i in range(facts)),
        },
        "cells": cells,
        "weights": {cell["weights"]: _weights(cell["weights"], rng, facts) for cell in cells.values()},
        "aa": {
            name: [[_draw(rng, facts, 0.7) for _ in range(4)] for _ in range(2)]
            for name in ("subqa-recall-context + event-sft",)
        },
    }


def write(folder: Path, records: Sequence[Mapping[str, Any]]) -> Path:
    """Write records as the study does."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in records:
        (folder / f"world-{each['world']}.json").write_text(json.dumps(each), encoding="utf-8")
    return folder


def folder(place: Path, worlds: Sequence[int] = range(11, 19)) -> Path:
    """Write a whole study."""
    return write(place, [record(number) for number in worlds])


def _bits(flags: Any) -> str:
    return "".join("01"[bool(flag)] for flag in flags)


def _draw(rng: random.Random, n: int, rate: float) -> str:
    return _bits(rng.random() < rate for _ in range(n))


def _cell(name: str, direct: float, multihop: float, rng: random.Random, n: int) -> dict[str, Any]:
    start, _, method = name.partition(" + ")
    variant = method.partition(" (")[2].rstrip(")")
    method = method.partition(" (")[0]
    learned = method if method in ("event-sft", "cpt", "event-sft-augmented") else ""
    learned = "event-sft" if method == "sft-rag" else learned
    weights = " + ".join(filter(None, [start, learned]))
    right = _draw(rng, n, multihop)
    silent = start in ("base", "lima", "context-only")
    recall = "".join("a" if silent else "r" if bit == "1" else rng.choice("rw") for bit in right)
    return {
        "start": start,
        "method": method,
        "variant": dict([variant.split(" ")]) if variant else {},
        "settings": {"posttrain": None, "learn": {"epochs": 10} if learned else None},
        "tokens": {"posttrain": 0 if start == "base" else 100_000, "learn": 5_000 if learned else 0},
        "seconds": {"learn": 3.5, "answer": 2.0},
        "weights": weights + (f" ({variant})" if variant and "prompt" not in variant else ""),
        "outcomes": {
            "direct": {"correct": _draw(rng, n, direct)},
            "direct_paraphrased": {"correct": _draw(rng, n, 0.8 * direct)},
            "multihop": {
                "correct": right,
                "recall": recall,
                "entities": recall.replace("w", "r", 2),
                "reasoning": "".join("a" if silent else rng.choice("ssf") for _ in range(n)),
            },
        },
    }


def _weights(name: str, rng: random.Random, n: int) -> dict[str, Any]:
    left = 0.97 if " + " not in name else 0.8
    return {
        "name": name,
        "probes": {
            "hop 2": {"correct": _draw(rng, n, left)},
            "old direct": {"correct": _draw(rng, n, left)},
            "old multihop": {"correct": _draw(rng, n, left - 0.5 * (name == "base"))},
            "near direct": {"correct": _draw(rng, 12, left - 0.1)},
            "unknowable": {
                "correct": "0" * n,
                "recall": "".join(rng.choice("wwwa") for _ in range(n)),
                "entities": "".join(rng.choice("wa") for _ in range(n)),
            },
        },
    }

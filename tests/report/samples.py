"""Records of studies, made up: a sweep whose points follow a law that is known, sorted mistakes, and styles."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kinject.statistics import laws
from kinject.statistics.intervals import Rate

VERSIONS = "kinject 0.1.0, torch 2.10.0, transformers 5.17.0, trl 1.10.0, Python 3.12.0, x86_64"
LAB = {"name": "math", "recipe": "gsm8k", "benchmark": "lab-math"}
LAB_HOPS = {"name": "multihop", "recipe": "subqa", "benchmark": "lab-multihop"}
PAPER = [
    {"name": "math", "recipe": "gsm8k", "benchmark": "gsm8k"},
    {"name": "if-conifer", "recipe": "conifer-hard", "benchmark": "ifeval"},
]
SIZES = (0, 30, 100, 300, 1000, 2700)
ITEMS = 300
RESAMPLES = 50

Chance = Callable[[str, str, int], float]
"""(model, task, rows) to how often an answer is right."""


def rising(model: str, task: str, rows: int) -> float:
    """A power law, another exponent for each task, another level for each size of the lab model."""
    level = {"lab-small": 0.08, "lab-large": 0.2}.get(model, 0.14)
    return min(0.97, level * rows ** (1 / (4.4 if task == "math" else 6.5))) if rows else 0.02


def saturated(model: str, task: str, rows: int) -> float:
    """Nearly nothing, and nearly everything from a few hundred rows on."""
    return 0.03 + 0.9 * (1 - 2 ** (-rows / 150))


def sweep(
    models: Sequence[str] = ("lab",),
    tasks: Sequence[Mapping[str, str]] = (LAB,),
    sizes: Sequence[int] = SIZES,
    seeds: Sequence[int] = (0, 1, 2),
    chance: Chance = rising,
    failed: Mapping[tuple[str, str, int, int], str] | None = None,
    match: str = "epochs",
) -> dict[str, Any]:
    """A record of kinject.sweep/1; `failed` says why the point of a model, task, size and seed is none."""
    points = [
        _point(model, task, rows, seed, chance, (failed or {}).get((model, task["name"], rows, seed)))
        for model in models
        for task in tasks
        for rows in sizes
        for seed in seeds
    ]
    return {
        "schema": "kinject.sweep/1",
        "grid": {
            "schema_version": 1,
            "models": [{"model": model, "large": False} for model in models],
            "tasks": [{**task, "source": None, "data": None} for task in tasks],
            "sizes": list(sizes),
            "seeds": list(seeds),
            "limit": None,
            "match": match,
            "options": {},
        },
        "points": points,
        "fits": list(_fits(points)),
        "versions": VERSIONS,
    }


def _point(
    model: str, task: Mapping[str, str], rows: int, seed: int, chance: Chance, why: str | None
) -> dict[str, Any]:
    told = {name: task[name] for name in ("recipe", "benchmark")}
    told |= {"task": task["name"], "model": model, "rows": rows, "seed": seed}
    if why:
        return {**told, "failed": why}
    marks = _marks(f"{model} {task['name']} {rows} {seed}", chance(model, task["name"], rows))
    rate = Rate(k=marks.count("1"), n=len(marks) - marks.count("?"), unscored=marks.count("?")).as_json()
    return {
        **told,
        "metric": "correct",
        **rate,
        "marks": marks,
        "scores": {"correct": rate},
        "trained": {"epochs": 3, "batch": 8, "learning_rate": 1e-05} if rows else None,
        "steps": -(-rows // 8) * 3,
        "tokens": 90 * rows,
        "loss": 0.4 if rows else None,
        "seconds": {"train": rows / 10, "answer": 4.0, "mark": 0.1},
        "run": f"bench-{rows:06d}{seed:02d}",
        "responses": f"/nowhere/{rows}-{seed}.jsonl",
        "failed": None,
    }


def _marks(name: str, chance: float) -> str:
    """One character an item: what is hard is hard for every seed, and the seeds differ by a point or two."""
    hard, draw = random.Random(7), random.Random(name)
    level = chance + draw.gauss(0, 0.012)
    return "".join("1" if 0.7 * hard.random() + 0.3 * draw.random() < _level(level) else "0" for _ in range(ITEMS))


def _level(chance: float) -> float:
    """Where 0.7 u + 0.3 v is below with this chance."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if _below(middle) > chance else (middle, high)
    return low


def _below(t: float) -> float:
    def area(x: float) -> float:
        return max(0.0, x) ** 2 / (2 * 0.7 * 0.3)

    return area(t) - area(t - 0.7) - area(t - 0.3) + area(t - 1)


def _fits(points: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for model, task in dict.fromkeys((point["model"], point["task"]) for point in points):
        own = [point for point in points if (point["model"], point["task"]) == (model, task)]
        done = [
            laws.Point(p["rows"], p["k"], p["n"], p["seed"], tuple(float(mark) for mark in p["marks"]))
            for p in own
            if not p["failed"]
        ]
        failed = [{"rows": p["rows"], "seed": p["seed"], "why": p["failed"]} for p in own if p["failed"]]
        yield {"model": model, "task": task, "failed": failed, **laws.fit(done, resamples=RESAMPLES).as_json()}


# Sorted mistakes

MADE = {
    "mistakes": {0: 0.98, 30: 0.86, 100: 0.71, 300: 0.52, 1000: 0.33, 2700: 0.2},
    "format": {0: 0.97, 30: 0.08, 100: 0.02, 300: 0.01, 1000: 0.01, 2700: 0.01},
    "arithmetic": {0: 0.05, 30: 0.33, 100: 0.27, 300: 0.2, 1000: 0.14, 2700: 0.09},
    "reasoning": {0: 0.98, 30: 0.8, 100: 0.62, 300: 0.42, 1000: 0.25, 2700: 0.13},
}
"""Shares of all answers."""


def errors(
    tasks: Sequence[str] = ("math",), model: str = "lab", judged: bool = True, why: str | None = None
) -> dict[str, Any]:
    """A record of kinject.errors/1; without `judged` nobody could score the reasoning."""
    return {
        "schema": "kinject.errors/1",
        "annotators": {"gsm8k": {"annotator": "rules", "version": 3}},
        "tasks": [_sorted(task, model, judged, why) for task in tasks],
        "left_out": [{"model": model, "task": "coding", "why": "the paper sorts no mistakes in humaneval-plus"}],
        "spent": {"gsm8k": {}},
        "versions": VERSIONS,
        "sweep": "sweep-lab.json",
    }


def _sorted(task: str, model: str, judged: bool, why: str | None) -> dict[str, Any]:
    kinds = ["format", "arithmetic", "reasoning"] if task == "math" else ["format", "reasoning"]
    points = [_counted(kinds, rows, seed, judged) for rows in MADE["mistakes"] for seed in (0, 1, 2)]
    seen = ["mistakes", *(kind for kind in kinds if judged or kind != "reasoning")]
    words = "errors of format stop by 100 rows; from there on errors of reasoning fall by 49.0 points more"
    holds = {"state": "holds", "words": f"{words}, 48.0 further than those of format", "from": 100}
    lacks = {"state": "not comparable", "words": "who looks cannot score the reasoning", "from": None}
    return {
        "model": model,
        "task": task,
        "benchmark": f"lab-{task}",
        "kinds": kinds,
        "annotators": {kind: "plan" if kind == "reasoning" else "rules" for kind in kinds},
        "points": points,
        "failed": [{"rows": 300, "seed": 3, "why": why}] if why else [],
        "intervals": "items and 3 seeds drawn again",
        "r2": {kind: _squared(kind, judged) for kind in kinds},
        "r2_reasoning_less_format": {"difference": 0.31, "interval": [0.22, 0.4]} if judged else None,
        "falls": {kind: _fall(kind, kind in seen) for kind in ("mistakes", *kinds)},
        "claim": holds if judged else lacks,
        "paper": {"reasoning": 0.98, "format": 0.93} if task == "math" else {"reasoning": 0.99, "format": 0.83},
    }


def _counted(kinds: Sequence[str], rows: int, seed: int, judged: bool) -> dict[str, Any]:
    wrong = round(ITEMS * MADE["mistakes"][rows]) - seed
    of_wrong = {}
    for kind in kinds:
        unseen = wrong if kind == "reasoning" and not judged else 0
        k = 0 if unseen else min(wrong, round(ITEMS * MADE[kind][rows]))
        of_wrong[kind] = Rate(k=k, n=wrong - unseen, unscored=unseen).as_json()
    return {
        "rows": rows,
        "seed": seed,
        "mistakes": Rate(k=wrong, n=ITEMS).as_json(),
        "nothing": 0 if rows else 12,
        "of_wrong": of_wrong,
        "in_format": Rate(k=round(ITEMS * (1 - MADE["format"][rows])), n=ITEMS).as_json(),
        "labels": dict.fromkeys(kinds, "E" * wrong + "." * (ITEMS - wrong)),
    }


def _squared(kind: str, judged: bool) -> dict[str, Any]:
    if kind == "reasoning" and not judged:
        empty = dict.fromkeys(("r2", "r", "interval", "over_sizes"))
        return {**empty, "runs": 0, "sizes": 0, "why": "it is not scored"}
    r2 = {"format": 0.68, "arithmetic": 0.05, "reasoning": 0.99}[kind]
    told = {"interval": [r2 - 0.04, min(1.0, r2 + 0.03)], "over_sizes": [max(0.0, r2 - 0.6), 1.0]}
    return {"r2": r2, "r": r2**0.5, **told, "runs": 18, "sizes": 6, "why": ""}


def _fall(kind: str, seen: bool) -> dict[str, Any]:
    if not seen:
        return {"state": "not scored", "by": None, "unseen": None, "sizes": []}
    shares = MADE[kind]
    sizes = [
        {
            "rows": rows,
            "percent": round(100 * share, 1),
            "interval": Rate(k=round(ITEMS * share), n=ITEMS).as_json()["interval"],
            "above_last": round(100 * (share - shares[2700]), 1),
            "above_last_interval": [-1.0, 1.0],
            "same": False,
        }
        for rows, share in shares.items()
    ]
    stops = kind == "format"
    return {
        "state": "stops" if stops else "still falls",
        "by": 100 if stops else 2700,
        "unseen": 1.6 if stops else None,
        "sizes": sizes,
    }


# Styles

TABLE_2 = {
    "math": {"accuracy": {"lima": 14.7, "task": 46.5}, "win_rate": {"lima": 84.4, "task": 0.24, "neither": 14.2}},
    "multihop": {"accuracy": {"lima": 21.0, "task": 36.0}, "win_rate": {"lima": 20.0, "task": 57.0, "neither": 23.0}},
}


def styles(asked: bool = True, model: str = "lab", why: str | None = None) -> dict[str, Any]:
    """A record of kinject.styles/1, with a judge or without."""
    return {
        "schema": "kinject.styles/1",
        "model": model,
        "rows": 1000,
        "judge": {"judge": "openai:gpt-4o", "rubric": "winrate-3f2a"} if asked else None,
        "tasks": [_style(task, asked, why) for task in TABLE_2],
        "spent": {"calls": 1200, "dollars": 3.21} if asked else {},
        "grid": {},
        "versions": VERSIONS,
    }


def _style(task: str, asked: bool, why: str | None) -> dict[str, Any]:
    right = {"math": {"lima": 12, "task": 201}, "multihop": {"lima": 60, "task": 171}}[task]
    difference = round(100 * (right["task"] - right["lima"]) / ITEMS, 1)
    words = "raw win rate: disagree: task is more accurate, lima is preferred; length-controlled: not to be told"
    return {
        "task": task,
        "benchmark": f"lab-{task}",
        "seeds": [0, 1, 2],
        "sides": {side: _side(side, k) for side, k in right.items()},
        "difference": {
            "points": difference,
            "interval": [difference - 8.1, difference + 7.2],
            "how": "Student's over 3 seeds, or Newcombe's over the items where that is wider",
            "by_seed": {},
        },
        "win_rate": _preferred() if asked else {"asked": False, "why": "not asked: name an endpoint with --judge"},
        "verdict": {
            "accuracy": "task",
            "raw": "lima",
            "length_controlled": "not to be told",
            "words": words if asked else "by accuracy, the task's model is ahead; win rate not asked",
        },
        "failed": [{"side": "lima", "seed": 3, "why": why}] if why else [],
        "paper": TABLE_2[task],
    }


def _side(side: str, k: int) -> dict[str, Any]:
    return {
        "recipe": "lima" if side == "lima" else "gsm8k",
        "rows": 1000,
        "accuracy": Rate(k=3 * k, n=3 * ITEMS - 2, unscored=2).as_json(),
        "by_seed": {str(seed): Rate(k=k + seed - 1, n=ITEMS).as_json() for seed in (0, 1, 2)},
        "characters": 611.4 if side == "lima" else 102.9,
        "responses": [],
    }


def _preferred() -> dict[str, Any]:
    flips = {**Rate(k=31, n=290, unscored=4).as_json(), "to_first": 20}
    raw = {"percent": 71.5, "interval": [66.2, 76.3], "clusters": 300, "sign_test": {}, "worst": 70.5, "best": 71.9}
    why = "length alone separates wins from losses, so its effect cannot be told from the answers'"
    controlled = {"percent": None, "interval": None, "length_effect": None, "why": why}
    ends = {"n": 896, "wins": 601, "ties": 79, "losses": 216, "unscored": 4}
    return {"asked": True, "missed": 4, **ends, "flips": flips, "raw": raw, "length_controlled": controlled}

"""Settings for learning, chosen on dev worlds: the same grid, and so the same budget, for every start.

The score of a setting is the mean, over worlds, of two percentages of right answers: the direct questions in a phrasing
that no training set has, and the multihop questions. Neither is trained on, and both matter for every start: a base
that never composes is chosen by the first. Of equals the one that was tried first wins.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import yaml

from kinject import storage
from kinject.injection.inject import inject
from kinject.progress import SILENT, Named, Progress
from kinject.runs.executors import Local
from kinject.sources import open_facts, open_model
from kinject.studies.protocol import Cell, Protocol

SCHEMA = "kinject.tune/1"
SETTINGS = re.compile(r"^settings:.*?(?=^\S)", re.MULTILINE | re.DOTALL)
SCORED = ("direct_paraphrased", "multihop")


@dataclass(frozen=True)
class _Part:
    """The cells of one start on one world."""

    world: int
    start: str


def tune(worlds: Sequence[int], protocol: Protocol, jobs: int = 1, progress: Progress = SILENT) -> dict[str, Any]:
    """Run every setting on every world and return the scores with the settings that they choose."""
    parts = [_Part(number, start) for number in worlds for start in protocol.tuning.starts]
    found = Local(jobs).map(_Tried(protocol), parts, progress)
    rows: dict[str, dict[str, Any]] = {}
    for part, scored in zip(parts, found, strict=True):
        for cell, percents in scored:
            row = rows.setdefault(cell.name, {**cell.arm.as_json(), "settings": dict(cell.learn), "worlds": {}})
            row["worlds"][str(part.world)] = percents
    tried = [
        {**row, "score": round(mean(mean(each.values()) for each in row["worlds"].values()), 2)}
        for row in rows.values()
    ]
    return {"schema": SCHEMA, "worlds": list(worlds), "tried": tried, "chosen": _chosen(tried)}


def _chosen(tried: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """The best settings of each start and way of learning."""
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for row in tried:
        at = (row["start"], row["learn"])
        if at not in best or row["score"] > best[at]["score"]:
            best[at] = row
    chosen: dict[str, dict[str, dict[str, Any]]] = {}
    for (start, learn), row in best.items():
        chosen.setdefault(start, {})[learn] = row["settings"]
    return chosen


@dataclass(frozen=True)
class _Tried:
    protocol: Protocol

    def __call__(self, part: _Part, progress: Progress) -> list[tuple[Cell, dict[str, float]]]:
        model = open_model(f"lab@{part.world}", progress)
        facts = open_facts(f"lab@{part.world}:{self.protocol.facts}")
        scored = []
        for cell in self.protocol.tried():
            if cell.arm.start == part.start:
                named = Named(f"world {part.world}: {cell.name}", progress)
                record = inject(cell.arm, model, facts, cell.settings(), named)
                scored.append((cell, {kind: record.scores[kind]["percent"] for kind in SCORED}))
        return scored


def write(chosen: dict[str, Any], path: Path) -> None:
    """Put the chosen settings into a protocol's file; the rest of it, comments and all, stays as it is."""
    text = storage.read_text(path)
    block = yaml.safe_dump({"settings": chosen}, sort_keys=False, default_flow_style=None)
    storage.write_text(path, SETTINGS.sub(lambda _: block + "\n", text))

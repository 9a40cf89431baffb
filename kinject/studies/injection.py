"""Which way of injecting facts works (arXiv 2410.03717, section 5 and A.2; Tables 3 to 5)?

Arms of one model on the same facts, side by side. What arms share is done once: first every training, start by start,
then the answers.
"""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kinject.errors import UsageError, did_you_mean
from kinject.facts.schema import FactSet
from kinject.injection.arm import USUAL, Arm, arm
from kinject.injection.inject import checked, inject
from kinject.injection.record import ArmRecord
from kinject.injection.settings import Settings
from kinject.injection.train import learn_spec, posttrain_spec, started_with, trained
from kinject.progress import SILENT, Named, Progress
from kinject.runs.executors import Local
from kinject.runs.store import DONE, Spec, Store
from kinject.sources import Model
from kinject.studies import single

VERSION = 2

PRESETS: dict[str, tuple[Arm, ...]] = {
    "demo": (
        *(
            arm(start, method)
            for start in ("base", "subqa-recall-context")
            for method in ("none", "event-sft", "rag-oracle")
        ),
        arm("subqa-recall", "rag-oracle"),
    ),
    "tables": (
        *(
            arm(start, method)
            for start in ("base", "subqa-recall", "subqa-recall-context")
            for method in ("none", "event-sft", "rag-oracle", "cpt", "sft-rag")
        ),
        arm("lima", "rag-oracle"),
    ),
    "controls": (
        *(arm(start, "rag-oracle") for start in ("base", "context-only", "one-hop-only", "lima")),
        *(arm(f"subqa-recall@{rows}", "rag-oracle") for rows in (100, 500, 1000, 2700)),
        *(arm("subqa-recall-context", f"rag-oracle{kind}") for kind in ("", "-distracted", "-conflicting", "-wrong")),
        arm("subqa-recall-context", "rag-faiss"),
        arm("subqa-recall-context", "event-sft"),
        arm("subqa-recall-context", "event-sft-augmented"),
    ),
}
"""Sets of arms by name. `demo`: Tables 3 and 4, and what the paper's own training set does to reading. `tables`: every
row of Tables 3, 4 and 5, and the start with context rows beside. `controls`: what a reviewer asks for next."""


def choose(preset: str | None, starts: Sequence[str], methods: Sequence[str]) -> tuple[Arm, ...]:
    """Return the arms of a preset, or every start with every method, each once; USUAL for none, the base for none."""
    if preset is None:
        return tuple(dict.fromkeys(arm(start, method) for start in starts or ["base"] for method in methods or USUAL))
    if starts or methods:
        mend = "leave --preset out, or --starts and --methods"
        raise UsageError("a preset says which starts and methods there are", where="--preset", mend=mend)
    if preset not in PRESETS:
        raise UsageError(
            f"there is no preset {preset!r}.{did_you_mean(preset, PRESETS)}",
            where="--preset",
            mend=f"use one of: {', '.join(PRESETS)}",
        )
    return PRESETS[preset]


@dataclass(frozen=True)
class Comparison:
    """One model, one set of facts and the settings that all arms share."""

    model: Model
    facts: FactSet
    settings: Settings

    def check(self, one: Arm) -> None:
        """Raise what an arm would raise later, before anything is trained."""
        checked(one, self.model, self.facts, self.settings)

    def train(self, arms: Sequence[Arm], progress: Progress) -> None:
        """Train what arms of one start share: the start, then everything that they learn."""
        start = arms[0].start
        training = posttrain_spec(start, self.model, self.settings)
        started, _ = trained(training, self.model, Named(start, progress))
        shown = started_with(start, self.model, self.settings)
        for one in arms:
            training = learn_spec(one.learn, started, self.facts, self.settings, shown)
            trained(training, started, Named(f"{start} + {one.learn}", progress))

    def answer(self, one: Arm, progress: Progress) -> dict[str, Any]:
        """Run the whole arm."""
        return inject(one, self.model, self.facts, self.settings, Named(one.name, progress)).as_json()


def compare(
    chosen: Sequence[Arm], comparison: Comparison, jobs: int = 1, progress: Progress = SILENT, command: str = ""
) -> tuple[dict[str, Any], Path]:
    """Run the arms and return the record (`kinject.compare/1`) with the folder that it lies in.

    `command` is what the reader of the record would type to get it again.
    """
    for one in chosen:
        comparison.check(one)
    executor = Local(jobs)
    executor.map(comparison.train, _by_start(chosen), progress)
    records = executor.map(comparison.answer, chosen, progress)
    spec = Spec("compare", VERSION, {"runs": [record["run"] for record in records], "command": command})
    run = Store().run(
        spec,
        lambda folder: {
            "schema": "kinject.compare/1",
            "run": spec.key,
            "arms": records,
            "claims": single.claims([ArmRecord.model_validate(record) for record in records]),
            "command": command,
            "versions": versions(),
        },
    )
    os.utime(run.folder / DONE)  # the report shows what was asked for last
    return dict(run.record), run.folder


def _by_start(chosen: Sequence[Arm]) -> list[list[Arm]]:
    """Group the arms that need training by what they start from; the largest group first, so that it ends in time."""
    training = [one for one in chosen if (one.start, one.learn) != ("base", "none")]
    groups = [[one for one in training if one.start == start] for start in dict.fromkeys(one.start for one in training)]
    return sorted(groups, key=len, reverse=True)


def versions() -> str:
    """Name what ran: the packages that can change a figure, and the machine."""
    packages = ("kinject", "torch", "transformers", "trl")
    return ", ".join(
        [*(f"{name} {version(name)}" for name in packages), f"Python {platform.python_version()}", platform.machine()]
    )

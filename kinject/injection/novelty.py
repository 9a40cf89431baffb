"""Novelty: which facts did a model know before it was given them?

The start model is asked closed-book, several times with other seeds. A fact counts as known when one answer to its
direct question, however put, is right: a guess counts, too, so that what is left is new. Scores are given with and
without the known facts. Facts of a lab world after its cutoff are invented, and need no such gate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from kinject.facts.schema import FactSet
from kinject.injection.answer import answers
from kinject.injection.settings import Settings
from kinject.judging.grade import Answer, scores
from kinject.progress import SILENT, Progress
from kinject.runs.store import Run
from kinject.sources import Model

SAMPLES = 3
ASKED = ("direct", "direct_paraphrased")


def samples(wanted: int | None, model: Model) -> int:
    """How often a start is asked closed-book: as wanted, or only where its facts are of the real world."""
    if wanted is not None:
        return wanted
    return SAMPLES if model.world is None else 0


def asked(started: Model, facts: FactSet, settings: Settings, progress: Progress = SILENT) -> list[Run]:
    """Ask what an arm started from, `settings.novelty` times, each drawn once for all arms with that start."""
    numbers = range(1, settings.novelty + 1)
    return [answers(started, "none", facts, closed_book(settings, each), progress, ASKED) for each in numbers]


def closed_book(settings: Settings, number: int) -> Settings:
    """The settings of one sample: drawn with a seed of its own, because greedy answers are the same every time."""
    drawn = {name: value for name, value in settings.sampling.items() if name not in ("temperature", "top_p")}
    return replace(settings, sampling=drawn, seed=settings.seed + number, elicit="plain")


def known(samples: Iterable[Sequence[Answer]], judge: str) -> list[str]:
    """The ids of the facts that one of the graded samples knows, in the order of the facts."""
    right = (
        answer.fact for answers in samples for answer in answers if answer.verdicts[judge].correctness == "correct"
    )
    found = set(right)
    return [fact for fact in dict.fromkeys(answer.fact for answers in samples for answer in answers) if fact in found]


def gate(answers: Sequence[Answer], samples: Sequence[Sequence[Answer]], judge: str) -> dict[str, Any]:
    """What is said of an arm: how often was asked, which facts were known, and the scores on the others."""
    ids = known(samples, judge)
    new = [answer for answer in answers if answer.fact not in set(ids)]
    return {
        "samples": len(samples),
        "known": ids,
        "scores_on_new": {name: rate.as_json() for name, rate in scores(new, judge).items()},
    }

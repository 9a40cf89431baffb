"""Run an arm: start, learn, put facts in the prompt, ask, judge; each step a run that is done once and found again.

In: a model, facts and an arm. Out: an `ArmRecord`, and a folder with `answers.jsonl`, one line an answer with its
verdicts. Arms share what they have in common: a start is trained once; an answer is generated once and judged as
often as one likes.
"""

from collections.abc import Sequence
from pathlib import Path

from kinject.engines.base import Completion, Conversation, Sampling
from kinject.errors import UsageError
from kinject.facts.schema import FactSet
from kinject.injection import arm as arms
from kinject.injection import novelty
from kinject.injection.answer import answer_spec, answers, with_context
from kinject.injection.arm import Arm
from kinject.injection.judged import Made, Trained, judged, tried
from kinject.injection.record import ArmRecord
from kinject.injection.settings import Settings
from kinject.injection.train import learn_spec, posttrain_spec, started_with, trained, trained_model
from kinject.progress import SILENT, Progress
from kinject.retrieval.search import known_on
from kinject.sources import Model


def inject(
    arm: Arm, model: Model, facts: FactSet, settings: Settings | None = None, progress: Progress = SILENT
) -> ArmRecord:
    """Run one arm and return its record."""
    settings = settings or Settings()
    checked(arm, model, facts, settings)
    first = posttrain_spec(arm.start, model, settings)
    started, posttraining = trained(first, model, progress)
    second = learn_spec(arm.learn, started, facts, settings, started_with(arm.start, model, settings))
    taught, learning = trained(second, started, progress)
    answered = answers(taught, arm.context, facts, settings, progress)
    before = novelty.asked(started, facts, settings, progress)
    trainings = {"posttrain": Trained(first, posttraining), "learn": Trained(second, learning)}
    return judged(Made(arm, model, facts, settings, taught, answered, before, trainings), progress)


def checked(arm: Arm, model: Model, facts: FactSet, settings: Settings) -> None:
    """Raise, before anything is trained, what a later step of the arm would raise about what was asked for."""
    possible(arm, model)
    tried(facts, settings)
    started = taught = model
    if training := posttrain_spec(arm.start, model, settings):
        started = taught = trained_model(training, model, Path())
    shown = started_with(arm.start, model, settings)
    if training := learn_spec(arm.learn, started, facts, settings, shown):
        taught = trained_model(training, started, Path())
    answer_spec(taught, arm.context, facts, settings)
    if arm.context in arms.RETRIEVING:
        if settings.retrieval.as_of:
            known_on(facts, settings.retrieval.as_of)
    else:
        with_context(Unasked(), arm.context, facts, settings.retrieval)


class Unasked:
    """An engine that stands where nothing is asked yet."""

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        """Fail: an engine of this kind has no answers."""
        raise ValueError("this engine must not be asked")


def possible(arm: Arm, model: Model) -> None:
    """Raise `UsageError` where an arm trains weights that are not here."""
    if not model.trainable and (arm.start, arm.learn) != ("base", "none"):
        raise UsageError(
            f"the weights of {model.name} cannot be trained through an endpoint",
            where="--model",
            mend="use a method that trains nothing (none, rag-oracle, rag-faiss) with --start base, or a model folder",
        )

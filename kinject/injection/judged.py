"""The end of an arm: its answers are judged, and its record and artefact are written. A run of its own.

Answers are known by their key, so they are judged as often as one likes and never asked again.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kinject import storage
from kinject.errors import JudgeError
from kinject.facts.schema import FactSet
from kinject.injection import arm as arms
from kinject.injection import novelty
from kinject.injection.arm import Arm
from kinject.injection.artefact import ANSWERS, ARTEFACT
from kinject.injection.blame import blame
from kinject.injection.record import ArmRecord
from kinject.injection.settings import Settings, sampling_of
from kinject.injection.train import Training
from kinject.judging import judge as judging
from kinject.judging.grade import Answer, grade, read_answers, scores
from kinject.judging.judge import Judge, names, open_judge
from kinject.progress import SILENT, Progress
from kinject.retrieval.search import Retrieval
from kinject.runs.store import DONE, Run, Spec, Store
from kinject.sources import Model

VERSION = 3
COST = ("checkpoints", "micro_batch")
"""Options that change what a training takes, and not what it is."""


@dataclass(frozen=True)
class Made:
    """What an arm has come to before anybody judges it."""

    arm: Arm
    model: Model
    """What it began with; `taught` is what it trained from that."""
    facts: FactSet
    settings: Settings
    taught: Model
    answered: Run
    before: Sequence[Run]
    """The start's closed-book answers, drawn several times."""
    trained: Mapping[str, "Trained"]
    """Post-training and learning."""


@dataclass(frozen=True)
class Trained:
    """A training of the arm, None where there was none, and its record."""

    training: Training | None
    record: Mapping[str, Any]

    @property
    def options(self) -> dict[str, Any] | None:
        """Every option that it was run with."""
        return self.training.options.as_json() if self.training else None


def judge_spec(
    arm: Arm, model: Model, facts: FactSet, settings: Settings, answered: str, before: Sequence[str]
) -> Spec:
    """Return all that can change an arm's record beside the answers, which are known by their keys."""
    inputs = {
        "arm": arm.as_json(),
        "model": model.name,
        "model_key": model.key,
        "folder": _folder(model),
        "source": settings.source,
        "variant": variant(arm, settings),
        "answers": answered,
        "before": list(before),
        "facts": facts.digest,
        "facts_name": facts.name,
        "judge": settings.judge,
        "judges": [judge.key() for judge in judges_of(settings)],
    }
    return Spec("inject", VERSION, inputs)


def _folder(model: Model) -> str | None:
    """Where a model lies; an endpoint's lies nowhere here, whatever the working directory is."""
    return str(model.folder.resolve()) if model.trainable else None


def variant(arm: Arm, settings: Settings) -> dict[str, Any]:
    """Return what was asked for that makes this another experiment than the arm's name says, where it matters."""
    retrieval = {
        name: value
        for name, value in settings.retrieval.as_json().items()
        if arm.context in arms.RETRIEVING and value != getattr(Retrieval(), name)
    }
    elicited = {"prompt": settings.elicit} if settings.elicit != "plain" else {}
    learned = _telling(settings.learn) if arm.learn != "none" else {}
    started = _telling(settings.posttrain) if arm.start != "base" else {}
    return {**elicited, **retrieval, **learned, **{f"posttrain_{name}": value for name, value in started.items()}}


def _telling(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that are not the usual way, and change more than what a training takes."""
    return {name: value for name, value in options.items() if name not in COST and (name, value) != ("peft", "none")}


def judged(made: Made, progress: Progress = SILENT) -> ArmRecord:
    """Judge an arm's answers and return its record. `JudgeError` where a judge failed; what it did say is kept."""
    spec = judge_spec(
        made.arm,
        made.model,
        made.facts,
        made.settings,
        made.answered.spec.key,
        [run.spec.key for run in made.before],
    )
    run = Store().run(spec, lambda place: _work(made, spec.key, place, progress), progress)
    os.utime(run.folder / DONE)  # what was asked for last is the last
    return ArmRecord.model_validate(run.record)


def _work(made: Made, key: str, place: Path, progress: Progress) -> Mapping[str, Any]:
    began = time.monotonic()
    judges = judges_of(made.settings)
    graded = _graded(made.answered, made.facts, judges, progress)
    first, *others = judges
    before = [_graded(run, made.facts, [first], progress) for run in made.before]
    _complete(judges)
    storage.write_jsonl(place / ANSWERS, (answer.model_dump() for answer in graded))
    storage.write_jsonl(place / "facts.jsonl", (fact.model_dump() for fact in made.facts.facts))
    storage.write_json(place / ARTEFACT, _artefact(made))
    looked_up = made.answered.record.get("retrieved")
    return ArmRecord(
        schema="kinject.inject/1",
        arm=made.arm.as_json(),
        method=arms.method_name(made.arm),
        variant=variant(made.arm, made.settings),
        scores=_rates(graded, first),
        model=made.model.name,
        model_key=made.model.key,
        world=made.model.world,
        facts=made.facts.name,
        facts_digest=made.facts.digest,
        source=made.settings.source,
        judge=first.name,
        others={judge.name: _rates(graded, judge) for judge in others},
        spent={judge.name: judge.spent() for judge in judges if judge.spent()},
        sampling=sampling_of(made.model, made.settings).as_json(),
        sent=made.answered.record.get("sent"),
        seed=made.settings.seed,
        trained={name: each.options for name, each in made.trained.items()},
        tokens={name: each.record["tokens"] for name, each in made.trained.items()},
        run=key,
        artefact=str(place.resolve()),
        answers=str((place / ANSWERS).resolve()),
        cut_off=made.answered.record["cut_off"],
        empty=made.answered.record["empty"],
        retrieval=blame(graded, looked_up, first.name, made.facts) if looked_up else None,
        novelty=novelty.gate(graded, before, first.name) if before else None,
        seconds={
            **{name: float(each.record["seconds"]) for name, each in made.trained.items()},
            "answer": float(made.answered.record["seconds"]),
            "judge": round(time.monotonic() - began, 1),
        },
    ).as_json()


def _graded(run: Run, facts: FactSet, judges: Sequence[Judge], progress: Progress) -> list[Answer]:
    graded = read_answers(run.folder / ANSWERS)
    for judge in judges:
        graded = grade(graded, facts, judge, progress)
    return graded


def _artefact(made: Made) -> dict[str, Any]:
    return {
        "schema": "kinject.artefact/1",
        "model": {**asdict(made.taught), "folder": _folder(made.taught) or "."},
        "context": made.arm.context,
        "elicit": made.settings.elicit,
        "retrieval": made.settings.retrieval.as_json(),
        "sampling": sampling_of(made.model, made.settings).as_json(),
        "facts": made.facts.name,
        "endpoint": made.taught.endpoint,
    }


def judges_of(settings: Settings) -> list[Judge]:
    """Open the judges; the first gives the scores."""
    return [open_judge(name, settings.terms) for name in names(settings.judge)]


def tried(facts: FactSet, settings: Settings) -> None:
    """Raise what a judge of somebody's own would raise in the end, from its verdict on the first fact's own answer."""
    for fact in facts.facts[:1]:
        for judge in judges_of(settings):
            judging.tried(judge, judging.Item(fact.direct.answer, fact, "direct"))


def _complete(judges: Sequence[Judge]) -> None:
    for judge in judges:
        if failed := judge.spent().get("failed"):
            raise JudgeError(
                f"{failed} questions to the judge {judge.name} got no answer: after retries, or --max-cost was reached",
                where="--judge",
                mend="the same command asks them again, and only them; everything else is kept",
            )


def _rates(graded: Sequence[Answer], judge: Judge) -> dict[str, dict[str, Any]]:
    return {name: rate.as_json() for name, rate in scores(graded, judge.name).items()}

"""The trainings of an arm: of its start on a recipe's rows, and of what it learns on the facts. Each is done once.

What makes a run's key is a function without effects, so that `plan` can tell what would run. Keys are hashes of inputs:
that of a step whose parent was never trained is known all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from kinject import prompts, storage
from kinject.engines import chat
from kinject.errors import UsageError
from kinject.extensions import load
from kinject.facts.schema import FactSet
from kinject.injection import arm as arms
from kinject.injection import start as starts
from kinject.injection.learn.base import Learn
from kinject.injection.settings import Settings
from kinject.progress import SILENT, Progress
from kinject.recipes import TrainingSet
from kinject.runs.store import Spec, Store
from kinject.sources import Model
from kinject.training import finetune, memory
from kinject.training.finetune import Options


@dataclass(frozen=True)
class Training:
    """A training that is to be: what makes its key, and what it is given beside the model."""

    what: str
    """The start, or the way of learning."""
    spec: Spec
    rows: TrainingSet
    options: Options
    again: TrainingSet | None = None
    """Rows of which each epoch repeats some."""


def started_with(start: str, model: Model, settings: Settings) -> TrainingSet | None:
    """Return the rows that a start was trained on, which training on facts may show again; None for the base."""
    recipe = starts.find_start(start)
    if recipe is None:
        return None
    system = recipe.system_for(model.world is not None)
    return _rows(start, starts.source_of(model, settings.source), system, settings.order)


@cache
def _rows(start: str, source: str, system: str | None, order: int) -> TrainingSet:
    """The rows of a start, made once for all arms of a comparison."""
    return starts.open_start(start).made(source, system, order=order)


def posttrain_spec(start: str, model: Model, settings: Settings) -> Training | None:
    """Return the training that a start stands for; None for the base."""
    recipe = starts.find_start(start)
    rows = started_with(start, model, settings)
    if recipe is None or rows is None:
        return None
    options = recipe.asked(model, len(rows.rows), settings.posttrain, settings.seed)
    inputs = {"model": model.key, "rows": rows.digest, "options": options.as_json(), **words_said()}
    return Training(start, Spec("posttrain", finetune.VERSION, inputs), rows, options)


def learn_spec(
    learn: str, model: Model, facts: FactSet, settings: Settings, shown: TrainingSet | None = None
) -> Training | None:
    """Return the training on the facts that a way of learning stands for; None for none."""
    method: Learn | None = load(arms.LEARN, "learn", learn)
    if method is None:
        return None
    options = changed(method.options(model, facts), settings.learn, model, settings.seed)
    if settings.learn.get("replay") and shown is None:
        raise UsageError(
            "the base was trained on no rows that could be shown again",
            where="--replay",
            mend="use --start subqa-recall or another recipe, or leave --replay out",
        )
    replay = shown if options.replay else None
    data = method.rows(model, facts)
    inputs = {
        "method": learn,
        "data": data.digest,
        "model": model.key,
        "options": options.as_json(),
        **({"replay": replay.digest} if replay else {}),
        **words_said(),
    }
    return Training(learn, Spec("learn", finetune.VERSION, inputs), data, options, replay)


LAB_LORA = 4e-3
"""A lab model's learning rate for adapters: at 7e-4, event SFT's own, 74 of 100 facts are learned, at this all."""


def changed(defaults: Options, changes: Mapping[str, Any], model: Model, seed: int) -> Options:
    """Return the options with what was asked for; an adapter learns faster than a model if nobody says how fast."""
    rate = LAB_LORA if model.world is not None else None
    own = {"learning_rate": rate} if changes.get("peft") == "lora" else {}
    return replace(defaults, **{**own, **changes, "seed": seed})


UNTRAINED: Mapping[str, Any] = {"seconds": 0.0, "tokens": 0}


def trained(training: Training | None, parent: Model, progress: Progress = SILENT) -> tuple[Model, Mapping[str, Any]]:
    """Return the trained model and the record of its training; without a training the parent, in no time."""
    if training is None:
        return parent, UNTRAINED

    def work(place: Path) -> Mapping[str, Any]:
        memory.fits(parent.folder, training.options)
        again = training.again.rows if training.again else ()
        record = finetune.finetune(parent.folder, training.rows.rows, training.options, place, progress, again)
        # So that the artefact, opened by its path, is still known to be of its world.
        card = {"schema_version": 1, "world": parent.world, "parent": parent.key, "trained": training.what}
        storage.write_json(place / "model" / "card.json", card)
        return {**record, "data": training.rows.card}

    run = Store().run(training.spec, work, progress)
    return trained_model(training, parent, run.folder), run.record


def trained_model(training: Training, parent: Model, folder: Path) -> Model:
    """Return the model that a training leaves in a run's folder, whether or not it has done so yet."""
    name = f"{parent.name} + {training.what}"
    return Model(name, folder / "model", training.spec.key, parent.world, parent.engine)


def words_said() -> dict[str, str]:
    """Return what every rendered prompt depends on beside the tokenizer, which is part of the model."""
    return {"chat_template": prompts.digest_of(chat.OWN_TEMPLATE)}

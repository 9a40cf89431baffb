"""Run an arm: start, learn, put facts in the prompt, ask, judge; each step a run that is done once and found again.

In: a model, facts and an arm. Out: an `ArmRecord`, and a folder with `answers.jsonl`, one line an answer with its
verdicts. Arms share what they have in common: a start is trained once; an answer is generated once and judged as
often as one likes.

What makes the key of each step is a function without effects (`posttrain_spec`, `learn_spec`, `answer_spec`,
`judge_spec`), so that `plan` can tell what would run. Keys are hashes of inputs: that of a step whose parent was never
trained is known all the same.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from kinject import prompts, storage
from kinject.engines import chat
from kinject.engines.base import Engine, Sampling, ask
from kinject.errors import UsageError
from kinject.extensions import load
from kinject.facts.schema import Fact, FactSet
from kinject.injection import arm as arms
from kinject.injection import start as starts
from kinject.injection.arm import Arm
from kinject.injection.blame import blame
from kinject.injection.learn.base import Learn
from kinject.injection.record import ArmRecord
from kinject.judging.grade import grade, open_judge, read_answers, scores
from kinject.progress import SILENT, Progress
from kinject.recipes import TrainingSet
from kinject.retrieval.search import Retrieval
from kinject.runs.store import Run, Spec, Store
from kinject.sources import Model, open_engine
from kinject.training import finetune, memory
from kinject.training.finetune import Options

VERSION = 2
ARTEFACT = "artefact.json"
"""What an arm leaves to be asked: the model, what stands in its prompt, and the facts beside it."""


@dataclass(frozen=True)
class Settings:
    """What an injection can be asked for beside its arm; None means the default for the model."""

    sampling: Mapping[str, Any] = field(default_factory=dict)
    """What is to differ from the model's default sampling, by the names of `Sampling`."""
    judge: str = "rules"
    seed: int = 0
    source: str | None = None
    posttrain: Mapping[str, Any] = field(default_factory=dict)
    """What is to differ from the start's default options, by the names of `Options`."""
    learn: Mapping[str, Any] = field(default_factory=dict)
    """The same for training on the facts."""
    retrieval: Retrieval = field(default_factory=Retrieval)
    """How the faiss context finds events."""
    elicit: str = "plain"
    """How questions are put: a name of `arm.ELICIT`."""


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


def inject(
    arm: Arm, model: Model, facts: FactSet, settings: Settings = Settings(), progress: Progress = SILENT
) -> ArmRecord:
    """Run one arm and return its record."""
    possible(arm, model)
    started, first = posttrained(arm.start, model, settings, progress)
    shown = started_with(arm.start, model, settings)
    taught, second = taught_on(arm.learn, started, facts, settings, progress, shown)
    answered = answers(taught, arm.context, facts, settings, progress)
    return _judged(arm, model, facts, settings, taught, answered, {"posttrain": first, "learn": second})


def possible(arm: Arm, model: Model) -> None:
    """Raise `UsageError` where an arm trains weights that are not here."""
    if not model.trainable and (arm.start, arm.learn) != ("base", "none"):
        raise UsageError(
            f"the weights of {model.name} cannot be trained through an endpoint",
            where="--model",
            mend="use a method that trains nothing (none, rag-oracle, rag-faiss) with --start base, or a model folder",
        )


def started_with(start: str, model: Model, settings: Settings) -> TrainingSet | None:
    """Return the rows that a start was trained on, which training on facts may show again; None for the base."""
    recipe: starts.Start | None = load(arms.STARTS, "start", start)
    if recipe is None:
        return None
    return _rows(start, starts.source_of(model, settings.source), prompts.load(model.system))


@cache
def _rows(start: str, source: str, system: str) -> TrainingSet:
    """The rows of a start, made once for all arms of a comparison."""
    recipe: starts.Start = load(arms.STARTS, "start", start)
    return recipe.build(source, system)


def posttrain_spec(start: str, model: Model, settings: Settings) -> Training | None:
    """Return the training that a start stands for; None for the base."""
    recipe: starts.Start | None = load(arms.STARTS, "start", start)
    rows = started_with(start, model, settings)
    if recipe is None or rows is None:
        return None
    options = changed(recipe.options(model), settings.posttrain, model, settings.seed)
    inputs = {"model": model.key, "rows": rows.digest, "options": options.as_json(), **_words()}
    return Training(start, Spec("posttrain", finetune.VERSION, inputs), rows, options)


def posttrained(start: str, model: Model, settings: Settings, progress: Progress = SILENT) -> tuple[Model, float]:
    """Return the model that an arm starts from, and the seconds that its training took (0 for the base)."""
    training = posttrain_spec(start, model, settings)
    return _trained(training, model, progress) if training else (model, 0.0)


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
        **_words(),
    }
    return Training(learn, Spec("learn", finetune.VERSION, inputs), data, options, replay)


def taught_on(
    learn: str,
    model: Model,
    facts: FactSet,
    settings: Settings,
    progress: Progress = SILENT,
    shown: TrainingSet | None = None,
) -> tuple[Model, float]:
    """Return the model after training on the facts, and the seconds that it took (0 for none).

    `shown` are the rows of the start, of which each epoch repeats as many as the options' `replay`.
    """
    training = learn_spec(learn, model, facts, settings, shown)
    return _trained(training, model, progress) if training else (model, 0.0)


LAB_LORA = 4e-3
"""A lab model's learning rate for adapters: at 7e-4, event SFT's own, 74 of 100 facts are learned, at this all."""


def changed(defaults: Options, changes: Mapping[str, Any], model: Model, seed: int) -> Options:
    """Return the options with what was asked for; an adapter learns faster than a model if nobody says how fast."""
    rate = LAB_LORA if model.world is not None else None
    own = {"learning_rate": rate} if changes.get("peft") == "lora" else {}
    return replace(defaults, **{**own, **changes, "seed": seed})


def answer_spec(model: Model, context: str, facts: FactSet, settings: Settings) -> Spec:
    """Return all that can change a model's answers."""
    wrap = load(arms.CONTEXT, "context", context)
    put = load(arms.ELICIT, "prompt", settings.elicit, "--prompt")
    retrieves = context in arms.RETRIEVING
    inputs = {
        "model": model.key,
        "context": context,
        "context_prompts": [prompts.digest_of(name) for name in prompts_of(wrap)],
        "facts": facts.digest,
        "system": prompts.digest_of(model.system),
        "sampling": sampling_of(model, settings).as_json(),
        **model.answers_with,
        **({"retrieval": settings.retrieval.key(facts)} if retrieves else {}),
        **({"elicit": [settings.elicit, getattr(import_module(put.__module__), "VERSION", 0)]} if put else {}),
        **_words(),
    }
    return Spec("answer", VERSION, inputs)


def answers(model: Model, context: str, facts: FactSet, settings: Settings, progress: Progress = SILENT) -> Run:
    """Ask every question of the facts once; the run's folder holds `answers.jsonl` without verdicts."""
    sampling = sampling_of(model, settings)

    def work(place: Path) -> Mapping[str, Any]:
        began = time.monotonic()
        asked = list(questions(facts))
        with open_engine(model, place / "kept.jsonl") as answering:
            shown = with_context(answering, context, facts, settings.retrieval, progress)
            engine = with_prompt(shown, settings.elicit, context, model, facts)
            conversations = [ask(prompts.load(model.system), question) for _, _, question in asked]
            replies = engine.generate(conversations, sampling, progress)
            found: list[tuple[str, ...]] = getattr(shown, "retrieved", [])
            sent = getattr(answering, "sent", None)
        rows = (
            {"fact": fact.id, "kind": kind, "sample": 0, "prompt": question, "response": reply.text, "verdicts": {}}
            for (fact, kind, question), reply in zip(asked, replies, strict=True)
        )
        storage.write_jsonl(place / "answers.jsonl", rows)
        cut = sum(reply.finish == "length" for reply in replies)
        record = {"answers": len(asked), "cut_off": cut, "seconds": round(time.monotonic() - began, 1)}
        # Scripted questions are asked in other words and numbers; what was found for those is not told.
        told = {"retrieved": [list(events) for events in found]} if len(found) == len(asked) else {}
        return {**record, **({"sent": sent} if sent else {}), **told}

    return Store().run(answer_spec(model, context, facts, settings), work)


def with_context(
    engine: Engine, context: str, facts: FactSet, retrieval: Retrieval, progress: Progress = SILENT
) -> Engine:
    """Put what a context shows in front of an engine."""
    wrap = load(arms.CONTEXT, "context", context)
    if wrap is None:
        return engine
    wrapped: Engine = wrap(engine, facts, retrieval, progress) if context in arms.RETRIEVING else wrap(engine, facts)
    return wrapped


def with_prompt(engine: Engine, elicit: str, context: str, model: Model, facts: FactSet) -> Engine:
    """Put questions to an engine in the way of a name."""
    put = load(arms.ELICIT, "prompt", elicit, "--prompt")
    asked: Engine = put(engine, model, facts, context != "none") if put else engine
    return asked


def questions(facts: FactSet) -> Iterator[tuple[Fact, str, str]]:
    """Yield (fact, kind, question): direct, its last paraphrase, multihop.

    The last paraphrase is the one farthest from anything that is trained on: in the lab, a phrasing held out of all.
    """
    for fact in facts.facts:
        yield fact, "direct", fact.direct.question
        if fact.direct.paraphrases:
            yield fact, "direct_paraphrased", fact.direct.paraphrases[-1]
        if fact.multihop:
            yield fact, "multihop", fact.multihop.question


def judge_spec(arm: Arm, model: Model, facts: FactSet, settings: Settings, answered: str) -> Spec:
    """Return all that can change an arm's record, beside the answers: they are known by their key."""
    inputs = {
        "arm": arm.as_json(),
        "model": model.name,
        "model_key": model.key,
        "source": settings.source,
        "answers": answered,
        "facts": facts.digest,
        "facts_name": facts.name,
        "judge": settings.judge,
        "judge_version": getattr(import_module(open_judge(settings.judge).__module__), "VERSION", 0),
    }
    return Spec("inject", VERSION, inputs)


def _judged(
    arm: Arm, model: Model, facts: FactSet, settings: Settings, taught: Model, answered: Run, seconds: dict[str, float]
) -> ArmRecord:
    spec = judge_spec(arm, model, facts, settings, answered.spec.key)

    def work(place: Path) -> Mapping[str, Any]:
        began = time.monotonic()
        graded = grade(read_answers(answered.folder / "answers.jsonl"), facts, settings.judge)
        storage.write_jsonl(place / "answers.jsonl", (answer.model_dump() for answer in graded))
        storage.write_jsonl(place / "facts.jsonl", (fact.model_dump() for fact in facts.facts))
        looked_up = answered.record.get("retrieved")
        judged = round(time.monotonic() - began, 1)
        artefact = {
            "schema": "kinject.artefact/1",
            "model": {**asdict(taught), "folder": str(taught.folder.resolve())},
            "context": arm.context,
            "elicit": settings.elicit,
            "retrieval": settings.retrieval.as_json(),
            "sampling": sampling_of(model, settings).as_json(),
            "facts": facts.name,
        }
        storage.write_json(place / ARTEFACT, artefact)
        record = ArmRecord(
            schema="kinject.inject/1",
            arm=arm.as_json(),
            method=arms.method_name(arm),
            scores={name: rate.as_json() for name, rate in scores(graded, settings.judge).items()},
            model=model.name,
            model_key=model.key,
            world=model.world,
            facts=facts.name,
            facts_digest=facts.digest,
            source=settings.source,
            judge=settings.judge,
            sampling=sampling_of(model, settings).as_json(),
            seed=settings.seed,
            run=spec.key,
            artefact=str(place.resolve()),
            answers=str((place / "answers.jsonl").resolve()),
            retrieval=blame(graded, looked_up, settings.judge) if looked_up else None,
            seconds={**seconds, "answer": float(answered.record["seconds"]), "judge": judged},
        )
        return record.as_json()

    return ArmRecord.model_validate(Store().run(spec, work).record)


def prompts_of(wrap: Callable[..., Any] | None) -> tuple[str, ...]:
    """Return the names of the prompts that a context says, as its module lists them."""
    return getattr(import_module(wrap.__module__), "PROMPTS", ()) if wrap else ()


def sampling_of(model: Model, settings: Settings) -> Sampling:
    """Return the model's default sampling with what was asked for."""
    return replace(model.sampling, seed=settings.seed, **settings.sampling)


def _trained(training: Training, parent: Model, progress: Progress) -> tuple[Model, float]:
    def work(place: Path) -> Mapping[str, Any]:
        began = time.monotonic()
        memory.fits(parent.folder, training.options)
        again = training.again.rows if training.again else ()
        record = finetune.finetune(parent.folder, training.rows.rows, training.options, place, progress, again)
        # So that the artefact, opened by its path, is still known to be of its world.
        card = {"schema_version": 1, "world": parent.world, "parent": parent.key, "trained": training.what}
        storage.write_json(place / "model" / "card.json", card)
        return {**record, "data": training.rows.card, "seconds": round(time.monotonic() - began, 1)}

    run = Store().run(training.spec, work)
    return trained_model(training, parent, run.folder), float(run.record["seconds"])


def trained_model(training: Training, parent: Model, folder: Path) -> Model:
    """Return the model that a training leaves in a run's folder, whether or not it has done so yet."""
    name = f"{parent.name} + {training.what}"
    return Model(name, folder / "model", training.spec.key, parent.world, parent.engine)


def _words() -> dict[str, str]:
    """Return what every rendered prompt depends on beside the tokenizer, which is part of the model."""
    return {"chat_template": prompts.digest_of(chat.OWN_TEMPLATE)}

"""Run an arm: start, learn, put facts in the prompt, ask, judge; each step a run that is done once and found again.

In: a model, facts and an arm. Out: an `ArmRecord`, and a folder with `answers.jsonl`, one line an answer with its
verdicts. Arms share what they have in common: a start is trained once; an answer is generated once and judged as
often as one likes.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from kinject import prompts, storage
from kinject.engines import chat
from kinject.engines.base import Sampling, ask
from kinject.errors import UsageError
from kinject.extensions import load
from kinject.facts.schema import Fact, FactSet
from kinject.injection import arm as arms
from kinject.injection import start as starts
from kinject.injection.arm import Arm
from kinject.injection.learn.base import Learn
from kinject.injection.record import ArmRecord
from kinject.judging.grade import grade, open_judge, read_answers, scores
from kinject.progress import SILENT, Progress
from kinject.recipes import TrainingSet
from kinject.retrieval.search import Retrieval
from kinject.runs.store import Run, Spec, Store
from kinject.sources import Model, open_engine
from kinject.training import finetune
from kinject.training.finetune import Options

VERSION = 1


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


def inject(
    arm: Arm, model: Model, facts: FactSet, settings: Settings = Settings(), progress: Progress = SILENT
) -> ArmRecord:
    """Run one arm and return its record."""
    if not model.trainable and (arm.start, arm.learn) != ("base", "none"):
        raise UsageError(
            f"the weights of {model.name} cannot be trained through an endpoint",
            where="--model",
            mend="use a method that trains nothing (none, rag-oracle, rag-faiss) with --start base, or a model folder",
        )
    started, first = posttrained(arm.start, model, settings, progress)
    shown = started_with(arm.start, model, settings)
    taught, second = taught_on(arm.learn, started, facts, settings, progress, shown)
    answered = answers(taught, arm.context, facts, settings, progress)
    return _judged(arm, model, facts, settings, taught, answered, {"posttrain": first, "learn": second})


def started_with(start: str, model: Model, settings: Settings) -> TrainingSet | None:
    """Return the rows that a start was trained on, which training on facts may show again; None for the base."""
    recipe: starts.Start | None = load(arms.STARTS, "start", start)
    if recipe is None:
        return None
    return recipe.build(starts.source_of(model, settings.source), prompts.load(model.system))


def posttrained(start: str, model: Model, settings: Settings, progress: Progress = SILENT) -> tuple[Model, float]:
    """Return the model that an arm starts from, and the seconds that its training took (0 for the base)."""
    recipe: starts.Start | None = load(arms.STARTS, "start", start)
    rows = started_with(start, model, settings)
    if recipe is None or rows is None:
        return model, 0.0
    options = _changed(recipe.options(model), settings.posttrain, model, settings.seed)
    inputs = {"model": model.key, "rows": rows.digest, "options": options.as_json(), **_words()}
    spec = Spec("posttrain", finetune.VERSION, inputs)

    def train(place: Path) -> Mapping[str, Any]:
        return {**finetune.finetune(model.folder, rows.rows, options, place, progress), "data": rows.card}

    return _trained(spec, model, start, train)


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
    method: Learn | None = load(arms.LEARN, "learn", learn)
    if method is None:
        return model, 0.0
    options = _changed(method.options(model, facts), settings.learn, model, settings.seed)
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

    def train(place: Path) -> Mapping[str, Any]:
        again = replay.rows if replay else ()
        return {**finetune.finetune(model.folder, data.rows, options, place, progress, again), "data": data.card}

    return _trained(Spec("learn", finetune.VERSION, inputs), model, learn, train)


LAB_LORA = 4e-3
"""A lab model's learning rate for adapters: at 7e-4, event SFT's own, 74 of 100 facts are learned, at this all."""


def _changed(defaults: Options, changes: Mapping[str, Any], model: Model, seed: int) -> Options:
    """The default options with what was asked for; an adapter learns faster than a model if nobody says how fast."""
    rate = LAB_LORA if model.world is not None else None
    own = {"learning_rate": rate} if changes.get("peft") == "lora" else {}
    return replace(defaults, **{**own, **changes, "seed": seed})


def answers(model: Model, context: str, facts: FactSet, settings: Settings, progress: Progress = SILENT) -> Run:
    """Ask every question of the facts once; the run's folder holds `answers.jsonl` without verdicts."""
    wrap = load(arms.CONTEXT, "context", context)
    put = load(arms.ELICIT, "prompt", settings.elicit, "--prompt")
    sampling = _sampling(model, settings)
    retrieves = context in arms.RETRIEVING
    inputs = {
        "model": model.key,
        "context": context,
        "context_prompts": [prompts.digest_of(name) for name in _prompts_of(wrap)],
        "facts": facts.digest,
        "system": prompts.digest_of(model.system),
        "sampling": sampling.as_json(),
        **model.answers_with,
        **({"retrieval": settings.retrieval.key(facts)} if retrieves else {}),
        **({"elicit": settings.elicit} if put else {}),
        **_words(),
    }

    def work(place: Path) -> Mapping[str, Any]:
        began = time.monotonic()
        asked = list(questions(facts))
        with open_engine(model, place / "kept.jsonl") as answering:
            engine = wrap(answering, facts, settings.retrieval, progress) if retrieves else answering
            engine = wrap(engine, facts) if wrap and not retrieves else engine
            found: list[tuple[str, ...]] = getattr(engine, "retrieved", [])
            engine = put(engine, model, facts, context != "none") if put else engine
            conversations = [ask(prompts.load(model.system), question) for _, _, question in asked]
            replies = engine.generate(conversations, sampling, progress)
            sent = getattr(answering, "sent", None)
        rows = (
            {"fact": fact.id, "kind": kind, "sample": 0, "prompt": question, "response": reply.text, "verdicts": {}}
            for (fact, kind, question), reply in zip(asked, replies, strict=True)
        )
        storage.write_jsonl(place / "answers.jsonl", rows)
        cut = sum(reply.finish == "length" for reply in replies)
        record = {"answers": len(asked), "cut_off": cut, "seconds": round(time.monotonic() - began, 1)}
        return {**record, **({"sent": sent} if sent else {}), **_retrieval_rates(asked, found)}

    return Store().run(Spec("answer", VERSION, inputs), work)


def _retrieval_rates(asked: Sequence[tuple[Fact, str, str]], found: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    """How often the right event was in the prompt, by kind of question; nothing where none was looked for."""
    if len(found) != len(asked):
        return {}
    hits: dict[str, list[bool]] = {}
    for (fact, kind, _), events in zip(asked, found, strict=True):
        hits.setdefault(kind, []).append(fact.id in events)
    retrieved = [list(events) for events in found]
    return {"found": {kind: [sum(each), len(each)] for kind, each in hits.items()}, "retrieved": retrieved}


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


def _judged(
    arm: Arm, model: Model, facts: FactSet, settings: Settings, taught: Model, answered: Run, seconds: dict[str, float]
) -> ArmRecord:
    inputs = {
        "arm": arm.as_json(),
        "model": model.name,
        "model_key": model.key,
        "source": settings.source,
        "answers": answered.spec.key,
        "facts": facts.digest,
        "facts_name": facts.name,
        "judge": settings.judge,
        "judge_version": getattr(import_module(open_judge(settings.judge).__module__), "VERSION", 0),
    }
    spec = Spec("inject", VERSION, inputs)

    def work(place: Path) -> Mapping[str, Any]:
        began = time.monotonic()
        graded = grade(read_answers(answered.folder / "answers.jsonl"), facts, settings.judge)
        storage.write_jsonl(place / "answers.jsonl", (answer.model_dump() for answer in graded))
        storage.write_jsonl(place / "facts.jsonl", (fact.model_dump() for fact in facts.facts))
        judged = round(time.monotonic() - began, 1)
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
            sampling=_sampling(model, settings).as_json(),
            seed=settings.seed,
            run=spec.key,
            artefact=str(taught.folder.resolve()),
            answers=str((place / "answers.jsonl").resolve()),
            seconds={**seconds, "answer": float(answered.record["seconds"]), "judge": judged},
        )
        return record.as_json()

    return ArmRecord.model_validate(Store().run(spec, work).record)


def _prompts_of(wrap: Callable[..., Any] | None) -> tuple[str, ...]:
    """Return the names of the prompts that a context says, as its module lists them."""
    return getattr(import_module(wrap.__module__), "PROMPTS", ()) if wrap else ()


def _sampling(model: Model, settings: Settings) -> Sampling:
    return replace(model.sampling, seed=settings.seed, **settings.sampling)


def _trained(spec: Spec, parent: Model, what: str, train: Callable[[Path], Mapping[str, Any]]) -> tuple[Model, float]:
    def work(place: Path) -> Mapping[str, Any]:
        began = time.monotonic()
        record = train(place)
        # So that the artefact, opened by its path, is still known to be of its world.
        card = {"schema_version": 1, "world": parent.world, "parent": parent.key, "trained": what}
        storage.write_json(place / "model" / "card.json", card)
        return {**record, "seconds": round(time.monotonic() - began, 1)}

    run = Store().run(spec, work)
    model = Model(f"{parent.name} + {what}", run.folder / "model", run.spec.key, parent.world)
    return model, float(run.record["seconds"])


def _words() -> dict[str, str]:
    """Return what every rendered prompt depends on beside the tokenizer, which is part of the model."""
    return {"chat_template": prompts.digest_of(chat.OWN_TEMPLATE)}

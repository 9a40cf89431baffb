"""The questions of facts, asked of a model through what an arm puts in its prompt: a run, done once."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from kinject import prompts, storage
from kinject.engines.base import Engine, ask
from kinject.extensions import called, load, version_of
from kinject.facts.schema import Fact, FactSet
from kinject.injection import arm as arms
from kinject.injection.artefact import ANSWERS
from kinject.injection.settings import Settings, sampling_of
from kinject.injection.train import words_said
from kinject.judging.grade import KINDS
from kinject.progress import SILENT, Progress
from kinject.retrieval.search import Retrieval
from kinject.runs.store import Run, Spec, Store
from kinject.sources import Model, open_engine

VERSION = 3


def answer_spec(model: Model, context: str, facts: FactSet, settings: Settings, kinds: Sequence[str] = KINDS) -> Spec:
    """Return all that can change a model's answers."""
    wrap = load(arms.CONTEXT, "context", context)
    put = _put_by(settings.elicit)
    retrieves = context in arms.RETRIEVING
    inputs = {
        "model": model.key,
        "context": [context, version_of(wrap)],
        "context_prompts": [prompts.digest_of(name) for name in prompts_of(wrap)],
        "facts": facts.digest,
        "system": prompts.digest_of(model.system),
        "sampling": sampling_of(model, settings).as_json(),
        **model.answers_with,
        **({"retrieval": settings.retrieval.key(facts)} if retrieves else {}),
        **({"elicit": [settings.elicit, version_of(put)]} if put else {}),
        **({"kinds": list(kinds)} if tuple(kinds) != KINDS else {}),
        **words_said(),
    }
    return Spec("answer", VERSION, inputs)


def answers(
    model: Model,
    context: str,
    facts: FactSet,
    settings: Settings,
    progress: Progress = SILENT,
    kinds: Sequence[str] = KINDS,
) -> Run:
    """Ask every question of the facts once; the run's folder holds `answers.jsonl` without verdicts."""
    sampling = sampling_of(model, settings)

    def work(place: Path) -> Mapping[str, Any]:
        began = time.monotonic()
        asked = list(questions(facts, kinds))
        with open_engine(model, place / "replies.sqlite") as answering:
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
        storage.write_jsonl(place / ANSWERS, rows)
        cut = sum(reply.finish == "length" for reply in replies)
        empty = sum(not reply.text.strip() for reply in replies)
        record = {"answers": len(asked), "cut_off": cut, "empty": empty, "seconds": round(time.monotonic() - began, 1)}
        # Scripted questions are asked in other words and numbers; what was found for those is not told.
        told = {"retrieved": [list(events) for events in found]} if len(found) == len(asked) else {}
        return {**record, **({"sent": sent} if sent else {}), **told}

    return Store().run(answer_spec(model, context, facts, settings, kinds), work, progress)


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
    put = _put_by(elicit)
    asked: Engine = put(engine, model, facts, context != "none") if put else engine
    return asked


def _put_by(elicit: str) -> Callable[..., Engine] | None:
    put: Callable[..., Engine] | None = load(arms.ELICIT, "prompt", elicit, "--prompt")
    if put:
        called(put, elicit, "engine", "model", "facts", "in_context", where="--prompt")
    return put


def questions(facts: FactSet, kinds: Sequence[str] = KINDS) -> Iterator[tuple[Fact, str, str]]:
    """Yield (fact, kind, question): direct, its last paraphrase, multihop.

    The last paraphrase is the one farthest from anything that is trained on: in the lab, a phrasing held out of all.
    """
    for fact in facts.facts:
        put = {
            "direct": fact.direct.question,
            "direct_paraphrased": next(iter(fact.direct.paraphrases[-1:]), None),
            "multihop": fact.multihop and fact.multihop.question,
        }
        yield from ((fact, kind, question) for kind in kinds if (question := put[kind]))


def prompts_of(wrap: Callable[..., Any] | None) -> tuple[str, ...]:
    """Return the names of the prompts that a context says, as its module lists them."""
    return getattr(import_module(wrap.__module__), "PROMPTS", ()) if wrap else ()

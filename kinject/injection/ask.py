"""Ask what an arm left: the same model, the same way of putting a question, the same events in front of it.

In: the folder of an inject run (`artefact.json`, `facts.jsonl`, `record.json`) and questions, anybody's. Out: answers,
each with the facts whose events stood in its prompt. A question that the facts ask themselves gets the event that the
arm gave it. The oracle of arXiv 2410.03717 (section 5.2) knows no other questions; here they get the event that is
found nearest, treated as the arm treats its own (alone, among distractors, or a wrong one instead), and it is said that
it was found.

Traps: questions are asked one at a time, so an answer does not depend on what else is asked; a sampled answer is drawn
in another batch than the arm's, and may be another. Which facts were used is read off the prompt as it was sent: a
context of somebody's own that rewrites events has none. An artefact is one's own: it may name a module to be imported.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kinject import prompts, storage
from kinject.engines.base import Completion, Conversation, Engine, Sampling
from kinject.engines.base import ask as conversation
from kinject.errors import IntegrityError, KinjectError, MissingError, UsageError, did_you_mean
from kinject.extensions import known
from kinject.facts import load as files
from kinject.facts.schema import Fact, FactSet
from kinject.injection.arm import CONTEXT, ELICIT, RETRIEVING
from kinject.injection.inject import ARTEFACT, with_context, with_prompt
from kinject.progress import SILENT, Progress
from kinject.prompts import recall
from kinject.retrieval.search import Retrieval, Retriever, open_retriever
from kinject.runs.store import DONE, RECORD
from kinject.sources import Model, open_engine

SCHEMA = "kinject.ask/1"
LAST = "last"
FIRST = "run one first: kinject inject --method rag-oracle"
DIGEST = re.compile(r"[0-9a-f]{64}")


class Artefact(BaseModel):
    """artefact.json: which model, what stands in its prompt, and how it is sampled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: Literal["kinject.artefact/1"] = Field(alias="schema")
    model: Model
    context: str
    elicit: str
    retrieval: Retrieval
    sampling: Sampling
    facts: str


@dataclass(frozen=True)
class Opened:
    """An artefact that was looked over: its files are there and belong together."""

    folder: Path
    made: Artefact
    facts: FactSet


@dataclass(frozen=True)
class Answer:
    """What was answered to a question, and what it was answered from."""

    question: str
    answer: str
    """The final answer where the response has SubQARecall's format, else all of it."""
    response: str
    facts: tuple[Fact, ...]
    """Whose events stood in the prompt, in the order in which they stood there."""
    given: bool
    """The facts ask this question, so the arm knows what belongs before it; False: found, or nothing was there."""
    finish: str

    def as_json(self) -> dict[str, Any]:
        """Return the answer as `kinject ask --json` prints it."""
        return {**asdict(self), "facts": [fact.model_dump(include={"id", "event", "date"}) for fact in self.facts]}


# Finding it


def find(name: str) -> Path:
    """Find the folder of an artefact: a folder, a run's key or the beginning of one, or `last`."""
    runs = storage.home() / "runs"
    done = {marker.parent.name: marker for marker in sorted(runs.glob(f"inject-*/{DONE}"))}
    if name == LAST:
        return _newest(done, runs)
    if Path(name).is_dir():
        return _with_artefact(Path(name))
    keys = [key for key in done if key.startswith((name, f"inject-{name}"))]
    if len(keys) > 1:
        message = f"{name!r} is the beginning of {len(keys)} runs: {', '.join(keys[:4])}"
        raise UsageError(message, where="ARTEFACT", mend="write more of the key")
    if not keys:
        message = f"there is no artefact {name!r}.{did_you_mean(name, [LAST, *done])}"
        mend = f"name a folder, a run of `ls {runs}` or {LAST!r}" if done else FIRST
        raise MissingError(message, where="ARTEFACT", mend=mend)
    return _with_artefact(runs / keys[0])


def _newest(done: dict[str, Path], runs: Path) -> Path:
    if not done:
        raise MissingError("no arm was finished here, so there is nothing to ask", where=str(runs), mend=FIRST)
    return _with_artefact(max(done.values(), key=lambda marker: marker.stat().st_mtime_ns).parent)


def _with_artefact(folder: Path) -> Path:
    if not (folder / ARTEFACT).is_file():
        mend = 'name the folder that kinject inject --json calls "artefact", or run it again with this kinject'
        raise MissingError(f"this folder holds no {ARTEFACT}", where=str(folder), mend=mend)
    return folder.resolve()


def open_artefact(name: str) -> Opened:
    """Find an artefact and look it over, before a model is loaded.

    `MissingError` if there is none; `IntegrityError` if it is not what was written, or its model is gone or another.
    """
    folder = find(name)
    made = _read(folder)
    _same_model(made.model, folder)
    return Opened(folder, made, _facts(folder, made.facts))


def _read(folder: Path) -> Artefact:
    try:
        made = Artefact.model_validate(storage.read_json(folder / ARTEFACT))
        known("context", made.context, CONTEXT)
        known("prompt", made.elicit, ELICIT)
        return made
    except ValidationError as error:
        problem = error.errors()[0]
        raise _damaged(folder / ARTEFACT, f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from error
    except UsageError as error:
        raise _damaged(folder / ARTEFACT, error.message) from error


def _facts(folder: Path, name: str) -> FactSet:
    """The arm's facts, under the name that says where they are from."""
    path = folder / "facts.jsonl"
    try:
        facts = FactSet(name, files.load(path).facts)
        asked = storage.read_json(folder / RECORD)["facts_digest"]
    except (KinjectError, KeyError, TypeError) as error:
        raise _damaged(folder, str(error)) from error
    if facts.digest != asked:
        raise _damaged(path, "these are not the facts that the arm was asked about")
    return facts


def _same_model(model: Model, folder: Path) -> None:
    """Look whether the weights are there and, where the key is their digest, whether they are still the same."""
    if not model.trainable:
        return  # behind an endpoint
    mend = f"put it back, or make the arm anew: rm -r {folder}, then kinject inject as before"
    if not model.folder.is_dir():
        raise IntegrityError(f"the model of this artefact is gone: {model.name}", where=str(model.folder), mend=mend)
    if DIGEST.fullmatch(model.key) and storage.folder_digest(model.folder) != model.key:
        message = f"the model of this artefact is not what it was: {model.name}"
        raise IntegrityError(message, where=str(model.folder), mend=mend)


def _damaged(path: Path, problem: str) -> IntegrityError:
    folder = path if path.is_dir() else path.parent
    mend = f"rm -r {folder}, then kinject inject as before: what it has trained and asked is found again"
    return IntegrityError(f"the artefact is damaged: {problem}", where=str(path), mend=mend)


# Asking it


def answers(opened: Opened, questions: Iterable[str], progress: Progress = SILENT) -> Generator[Answer, None, None]:
    """Answer one question after the other, each as soon as it comes; the model is loaded once."""
    # What endpoints keep is for runs that go on: whoever asks again wants to be answered again.
    with TemporaryDirectory() as place, open_engine(opened.made.model, Path(place) / "kept.jsonl") as engine:
        asking = Asking(opened, Watched(engine), progress)
        for question in questions:
            yield asking.answer(question.strip())


@dataclass(frozen=True)
class Watched:
    """An engine that notes what is said last in every prompt."""

    engine: Engine
    sent: list[str] = field(default_factory=list)

    def generate(
        self, conversations: Iterable[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        """Pass everything on."""
        asked = list(conversations)
        self.sent.extend(each[-1].content for each in asked)
        return self.engine.generate(asked, sampling, progress)


@dataclass(frozen=True)
class Asking:
    """An arm put together again around its model."""

    opened: Opened
    engine: Watched
    progress: Progress

    def answer(self, question: str) -> Answer:
        """Answer one question as the arm would."""
        made = self.opened.made
        self.engine.sent.clear()
        engine, given = self._engine_for(question)
        said = engine.generate([conversation(prompts.load(made.model.system), question)], made.sampling)[0]
        final = recall.parse(said.text).answer
        return Answer(
            question, said.text if final is None else final, said.text, self._used(question), given, said.finish
        )

    def _engine_for(self, question: str) -> tuple[Engine, bool]:
        """What answers a question, and whether the arm knew by itself what to put before it."""
        if self.opened.made.context in {"none", *RETRIEVING}:
            return self._usual, False
        if question in self._own_questions:
            return self._usual, True
        hits = self._nearest.search([question], 1)[0]
        if not hits:
            return self._usual, False
        return self._arranged(also_asking(self.opened.facts, hits[0].fact, question)), False

    @cached_property
    def _usual(self) -> Engine:
        return self._arranged(self.opened.facts)

    def _arranged(self, shown: FactSet) -> Engine:
        """The engine behind the context and the way of asking, as `inject.answers` puts them."""
        made = self.opened.made
        engine = with_context(self.engine, made.context, shown, made.retrieval, self.progress)
        return with_prompt(engine, made.elicit, made.context, made.model, self.opened.facts)

    @cached_property
    def _own_questions(self) -> frozenset[str]:
        return frozenset(question for fact in self.opened.facts.facts for question in _questions(fact))

    @cached_property
    def _nearest(self) -> Retriever:
        facts, embedder = self.opened.facts, self.opened.made.retrieval.embedder
        try:
            return open_retriever("hybrid", facts, embedder, progress=self.progress)
        except MissingError as error:
            self.progress.say(f"events are searched for by words only: {error.message}")
            return open_retriever("bm25", facts)

    def _used(self, question: str) -> tuple[Fact, ...]:
        if self.opened.made.context == "none":
            return ()
        return standing_in([text.removesuffix(question) for text in self.engine.sent], self.opened.facts)


def _questions(fact: Fact) -> Iterator[str]:
    """What an oracle knows the event of: the questions, their paraphrases, and the first step."""
    for asked in (fact.direct, fact.multihop):
        if asked is not None:
            yield from (asked.question, *asked.paraphrases)
    if fact.multihop and fact.multihop.hops:
        yield fact.multihop.hops[0].question


def also_asking(facts: FactSet, id_: str, question: str) -> FactSet:
    """Return the facts with one more way to ask one of them, so that a context shows its event there, too."""
    fact = facts.by_id[id_]
    direct = fact.direct.model_copy(update={"paraphrases": (*fact.direct.paraphrases, question)})
    asked = fact.model_copy(update={"direct": direct})
    return FactSet(facts.name, tuple(asked if each.id == id_ else each for each in facts.facts))


def standing_in(texts: Iterable[str], facts: FactSet) -> tuple[Fact, ...]:
    """Return the facts whose events stand in the texts, in order of place; not an event that is part of another."""
    found: dict[str, Fact] = {}
    for text in texts:
        spans = [(at, at + len(fact.event), fact) for fact in facts.facts if (at := text.find(fact.event)) >= 0]
        for start, end, fact in sorted(spans, key=lambda span: span[0]):
            inside = any(a <= start and end <= b and (a, b) != (start, end) for a, b, _ in spans)
            if not inside:
                found.setdefault(fact.id, fact)
    return tuple(found.values())

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

from collections.abc import Generator, Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from kinject import prompts
from kinject.engines.base import Completion, Conversation, Engine, Sampling
from kinject.engines.base import ask as conversation
from kinject.errors import MissingError
from kinject.facts.schema import Fact, FactSet
from kinject.injection.answer import with_context, with_prompt
from kinject.injection.arm import RETRIEVING
from kinject.injection.artefact import Opened
from kinject.injection.context.oracle import questions as own_questions
from kinject.progress import SILENT, Progress
from kinject.prompts import recall
from kinject.retrieval.search import Retriever, open_retriever
from kinject.sources import open_engine

SCHEMA = "kinject.ask/1"


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


def answers(opened: Opened, questions: Iterable[str], progress: Progress = SILENT) -> Generator[Answer, None, None]:
    """Answer one question after the other, each as soon as it comes; the model is loaded once."""
    # What endpoints keep is for runs that go on: whoever asks again wants to be answered again.
    with open_engine(opened.made.model, None) as engine:
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
        return frozenset(question for fact in self.opened.facts.facts for question in own_questions(fact))

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

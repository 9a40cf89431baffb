"""The judge that asks a language model, as the paper does with GPT-4o: "openai:MODEL", "vllm:MODEL" or "hf:PATH".

Of every answer it is asked whether it is correct (arXiv 2410.03717, A.3.2); of multihop answers also whether the event
is hallucinated and whether the reasoning is wrong (A.3.4). The paper asks the latter two of incorrect answers only;
here they are asked of all multihop answers, because the rates are given over all, and beside it over the incorrect.

- **correctness**: "No Error" is correct, "Error" incorrect. The answer key is the answer, without aliases, as printed.
- **recall**: "wrong" for "Error"; for "No Error" it is "right" where the response recalls an event, else "absent". A
  model is asked one question about the event, so `recall_entities` is the same. Of other kinds than multihop it is not
  asked: "absent" where nothing is recalled, else "unscored".
- **reasoning**: "faulty" for "Error"; for "No Error" it is "sound" where the response has steps, else "absent".

A part that got no label is unscored, and the others stand. What is no answer at all is not looked for here (`grade`).

Every reply is kept in the store, in one file for each model and engine, so that the same question is paid once. An
endpoint keeps its own; a local model's are kept here, and it is not even loaded where all are kept.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kinject import sources, storage
from kinject.engines.address import address
from kinject.engines.base import Completion, Conversation, Engine, Sampling
from kinject.engines.kept import Kept, Reply
from kinject.judging.judge import Item, total
from kinject.judging.rubric import RUBRICS, SAMPLING, Ruling, rule, version
from kinject.judging.verdict import Correctness, Reasoning, Recall, Verdict
from kinject.progress import SILENT, Named, Progress
from kinject.prompts.recall import parse

if TYPE_CHECKING:
    from kinject.engines.openai import Terms

VERSION = 1
"""Part of the key of every run that is judged so; to be raised when the same replies can give another verdict."""
CHUNK = 64
"""How many a local model is asked before the replies are kept."""
OF_ALL = ("correctness",)
OF_MULTIHOP = ("correctness", "hallucination", "reasoning")

Opener = Callable[[], AbstractContextManager[Engine]]


@dataclass
class LLM:
    """A language model as a judge. `opener` opens what answers; `about` tells of it what its verdicts depend on."""

    name: str
    about: dict[str, Any]
    opener: Opener
    sampling: Sampling = SAMPLING
    _engine: Engine | None = field(default=None, repr=False)
    _spent: list[dict[str, Any]] = field(default_factory=list, repr=False)

    def key(self) -> dict[str, Any]:
        """Return all that can change its verdicts."""
        return {
            "judge": self.name,
            "version": VERSION,
            **self.about,
            "rubrics": {name: version(RUBRICS[name]) for name in OF_MULTIHOP},
            "sampling": self.sampling.as_json(),
        }

    def judge(self, items: Sequence[Item], progress: Progress = SILENT) -> list[Verdict]:
        """Grade every item; the model is opened only where one is left for it."""
        settled = {number: verdict for number, item in enumerate(items) if (verdict := _settled(item))}
        open_ones = {number: item for number, item in enumerate(items) if number not in settled}
        rulings = self._ask(open_ones, progress) if open_ones else {}
        given = {number: _verdict(item, rulings[number]) for number, item in open_ones.items()}
        return [(settled | given)[number] for number in range(len(items))]

    def spent(self) -> dict[str, Any]:
        """Return what its replies took: calls, replies found, tokens, dollars; and what no endpoint was told."""
        not_sent = getattr(self._engine, "not_sent", None)
        return {**total(self._spent), **({"not_sent": not_sent} if not_sent else {})}

    def _ask(self, items: dict[int, Item], progress: Progress) -> dict[int, dict[str, Ruling]]:
        rulings: dict[int, dict[str, Ruling]] = {number: {} for number in items}
        with self.opener() as engine:
            try:
                for name in OF_MULTIHOP:
                    asked = {number: _values(name, item) for number, item in items.items() if name in _questions(item)}
                    said = rule(RUBRICS[name], list(asked.values()), engine, self.sampling, Named(name, progress))
                    for number, ruling in zip(asked, said, strict=True):
                        rulings[number][name] = ruling
            finally:
                self._count(engine)
        return rulings

    def _count(self, engine: Engine) -> None:
        """Remember what an engine took so far; one that is open for good tells the sum of all its calls."""
        if self._engine is engine:
            self._spent.pop()
        self._spent.append(dict(getattr(engine, "spent", {})))
        self._engine = engine


@dataclass
class Remembering:
    """An engine that is opened only for what was not answered before, and whose replies are kept."""

    opened: Callable[[], Engine]
    kept: Kept
    chunk: int
    calls: int = 0
    found: int = 0
    failed: int = 0

    @property
    def spent(self) -> dict[str, Any]:
        """The counts, as an endpoint has them; nobody pays for these."""
        return {
            "calls": self.calls,
            "kept": self.found,
            "failed": self.failed,
            "prompt_tokens": None,
            "completion_tokens": None,
            "cost": None,
        }

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        """Answer every conversation; what was answered is kept after each chunk."""
        keys = [_key(conversation, sampling) for conversation in conversations]
        known = {key: Completion(reply.text, reply.finish, reply.why) for key, reply in self.kept.get(keys).items()}
        self.found += sum(key in known for key in keys)
        asked = [(key, said) for key, said in zip(keys, conversations, strict=True) if key not in known]
        for start in range(0, len(asked), self.chunk):
            some = asked[start : start + self.chunk]
            given = self.opened().generate([said for _, said in some], sampling, progress)
            failed = sum(completion.finish == "failed" for completion in given)
            self.failed += failed
            self.calls += len(some) - failed
            for (key, _), completion in zip(some, given, strict=True):
                known[key] = completion
                if completion.finish != "failed":
                    self.kept.put(key, Reply(completion.text, completion.finish, completion.why))
        return [known[key] for key in keys]


def open_llm(name: str, terms: "Terms | None" = None, repeat: int = 0) -> LLM:
    """Open the judge of a model's name; a `repeat` asks everything once more, with another seed.

    A call that fails for good leaves one part of one verdict unscored, whatever `terms` say of failures. Raises as
    `sources.open_model` and `address` do: that a key or an endpoint lacks is told before anything is asked or trained.
    """
    from kinject.engines.openai import Terms

    model = sources.open_model(name, where="--judge")
    terms = terms or Terms()
    if model.engine == "openai":
        address()
    else:
        terms = replace(terms, price=None, max_cost=None)  # nobody is paid
    about = {"model": model.key, "answers_with": model.answers_with}
    path = storage.home() / "replies" / f"{storage.digest(about)}.sqlite"
    opener = _opener(model, path, replace(terms, failures="tell"))
    return LLM(name, about, opener, replace(SAMPLING, seed=repeat))


def _opener(model: sources.Model, path: Path, terms: "Terms") -> Opener:
    if model.engine != "openai":
        return lambda: _remembering(model, path, terms)
    # Open for good, and holding nothing: what may be spent is a limit for all its calls together.
    stack = ExitStack()
    endpoint = cache(lambda: stack.enter_context(sources.open_engine(model, path, terms)))
    return lambda: nullcontext(endpoint())


@contextmanager
def _remembering(model: sources.Model, path: Path, terms: "Terms") -> Iterator[Engine]:
    with ExitStack() as stack:
        opened = cache(lambda: stack.enter_context(sources.open_engine(model, path, terms)))
        # vLLM keeps each reply by itself as it comes.
        yield Remembering(opened, Kept(path), CHUNK if model.engine == "hf" else 1_000_000)


def _key(conversation: Conversation, sampling: Sampling) -> str:
    said = [[message.role, message.content] for message in conversation]
    return storage.digest(["judge", VERSION, sampling.as_json(), said])


def _settled(item: Item) -> Verdict | None:
    """The verdict on what no model needs to look at."""
    if _questions(item) == ():
        return Verdict.unscored(f"fact {item.fact.id!r} has no {item.kind} question")
    return None


def _questions(item: Item) -> tuple[str, ...]:
    """The rubrics of an item's kind."""
    match item.kind:
        case "direct" | "direct_paraphrased":
            return OF_ALL
        case "multihop" if item.fact.multihop is not None:
            return OF_MULTIHOP
    return ()


def _values(rubric: str, item: Item) -> dict[str, str]:
    fact = item.fact
    asked = fact.multihop if item.kind == "multihop" and fact.multihop else fact.direct
    # Answers to paraphrases are to the last one (`injection.inject`).
    reworded = fact.direct.paraphrases if item.kind == "direct_paraphrased" else ()
    known = {
        "question": reworded[-1] if reworded else asked.question,
        "answer": asked.answer,
        "event": fact.event,
        "response": item.response,
    }
    return {name: known[name] for name in RUBRICS[rubric].fields}


def _verdict(item: Item, rulings: dict[str, Ruling]) -> Verdict:
    said = parse(item.response)
    recalls = bool((said.event or "").strip())
    labels = {name: ruling.label for name, ruling in rulings.items()}
    recall = _part(labels.get("hallucination"), "wrong", "right", recalls, "unscored")
    reasoning = _part(labels.get("reasoning"), "faulty", "sound", bool(said.steps), "absent")
    return Verdict(
        correctness=cast(Correctness, _part(labels["correctness"], "incorrect", "correct", True, "unscored")),
        recall=cast(Recall, recall),
        recall_entities=cast(Recall, recall),
        reasoning=cast(Reasoning, reasoning),
        reason="; ".join(f"{name}: {_shown(ruling)}" for name, ruling in rulings.items()),
        replies={name: ruling.reply for name, ruling in rulings.items()},
    )


def _part(label: str | None, bad: str, good: str, there: bool, unasked: str) -> str:
    """One part of a verdict: `there` says whether the response has what was asked about."""
    match label:
        case "Error":
            return bad
        case "No Error":
            return good if there else "absent"
        case None:
            return unasked if there else "absent"
    return "unscored"


def _shown(ruling: Ruling) -> str:
    return f"unscored, {ruling.reason}" if ruling.reason else ruling.label

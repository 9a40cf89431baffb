"""The questions that a language model is asked about an answer, and how its replies become labels.

The prompts are those that arXiv 2410.03717 prints (A.3.2, A.3.4, A.4), word for word; the win rate's is ours. What is
graded stands in them as data (`guard.as_data`), and a sentence says so: the only words that are added. Everything
outside that JSON string is the same, byte for byte, whatever the response says.

`rule` asks identical conversations once, asks again, with another seed, where a reply is no label, and then leaves the
item unscored with the reply and the reason. A reply that was cut off may be four times as long the second time: a model
that thinks may not get to its label within 512 tokens. What an endpoint failed to answer is not asked again here: its
engine has tried long enough, and keeps no failure, so that the next run asks it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kinject import prompts, storage
from kinject.engines.base import Completion, Conversation, Engine, Message, Sampling
from kinject.judging import guard, replies
from kinject.progress import SILENT, Progress

VERSION = 2
"""Part of every rubric's version; to be raised when the same prompt is put or asked in another way."""

DATA = "judge-data"
UNSCORED = "unscored"
GRADED = frozenset({"response", "response_a", "response_b"})
"""The fields that hold what is graded, and so are data; the others are the fact set's own."""
SAMPLING = Sampling(temperature=0.0, top_p=1.0, repetition_penalty=1.0, max_new_tokens=512)
"""Greedy. A label takes three tokens; the others are for models that think before they answer, which count their
thoughts and would be cut off before the label."""
LONGER = 4
"""Times as many tokens for the second time, where the first was cut off."""
AGAIN = 1_000
"""Between the seeds of the first and of the second time; the seeds of repeats are small numbers."""
ERRORS = {"No Error": "No Error", "Error": "Error"}
PREFERENCES = {
    "A is significantly better": "A",
    "B is significantly better": "B",
    "Neither is significantly better": "neither",
}


@dataclass(frozen=True)
class Rubric:
    """One question about a response."""

    name: str
    prompt: str
    """The name of the prompt."""
    system: str | None
    """The name of the prompt that is its system message; None where the paper prints none."""
    fields: tuple[str, ...]
    """What the prompt is filled in with."""
    labels: Mapping[str, str]
    """What may be replied, word for word, and what it is called."""


RUBRICS = {
    rubric.name: rubric
    for rubric in (
        Rubric(
            "correctness", "judge-correctness", "judge-correctness-system", ("question", "answer", "response"), ERRORS
        ),
        Rubric("hallucination", "judge-hallucination", None, ("question", "event", "response"), ERRORS),
        Rubric("reasoning", "judge-reasoning", None, ("question", "response"), ERRORS),
        Rubric("gsm8k-format", "judge-gsm8k-format", None, ("question", "response"), ERRORS),
        Rubric("gsm8k-calculation", "judge-gsm8k-calculation", None, ("question", "solution", "response"), ERRORS),
        Rubric("gsm8k-reasoning", "judge-gsm8k-reasoning", None, ("question", "solution", "response"), ERRORS),
        Rubric("subqa-format", "judge-subqa-format", None, ("question", "response"), ERRORS),
        Rubric(
            "subqa-reasoning",
            "judge-subqa-reasoning",
            None,
            ("question", "subquestion", "subanswer", "response"),
            ERRORS,
        ),
        Rubric("winrate", "judge-winrate", None, ("question", "response_a", "response_b"), PREFERENCES),
    )
}


@dataclass(frozen=True)
class Ruling:
    """What a model said to one rubric."""

    label: str
    """One of the rubric's, or "unscored"."""
    reason: str
    """Why it is unscored; else empty."""
    reply: str
    """Word for word, the last one that said anything."""
    asked: int
    """How often: once, or twice where the first reply was no label."""


def render(rubric: Rubric, values: Mapping[str, str]) -> Conversation:
    """Return what the model is told; what is graded is data in it."""
    said = {name: guard.as_data(value) if name in GRADED else value for name, value in values.items()}
    question, data = prompts.render(rubric.prompt, **said), prompts.load(DATA)
    if rubric.system is None:
        return (Message("user", f"{data}\n\n{question}"),)
    return (Message("system", f"{prompts.load(rubric.system)} {data}"), Message("user", question))


def version(rubric: Rubric) -> str:
    """Return a digest of all that decides what is asked and how a reply is read: part of every verdict's key."""
    said = [prompts.digest_of(name) for name in (rubric.prompt, rubric.system, DATA) if name is not None]
    code = [VERSION, guard.VERSION, replies.VERSION]
    return storage.digest([code, said, rubric.system is None, list(rubric.labels.items())])


def rule(
    rubric: Rubric,
    values: Sequence[Mapping[str, str]],
    engine: Engine,
    sampling: Sampling = SAMPLING,
    progress: Progress = SILENT,
) -> list[Ruling]:
    """Ask the rubric of every item; one ruling each, in the same order."""
    conversations = [render(rubric, each) for each in values]
    rulings = _ask(rubric, list(dict.fromkeys(conversations)), engine, sampling, 1, progress)
    again = replace(sampling, seed=sampling.seed + AGAIN)
    longer = replace(again, max_new_tokens=LONGER * sampling.max_new_tokens)
    cut = _open(rulings, ("length",))
    if cut:
        progress.say(f"{len(cut)} replies were cut off: asked again with {longer.max_new_tokens} tokens at most")
    for open_ones, how in ((_open(rulings, ("stop", "refused")), again), (cut, longer)):
        for said, (ruling, finish) in _ask(rubric, open_ones, engine, how, 2, progress).items():
            rulings[said] = replace(ruling, reply=ruling.reply or rulings[said][0].reply), finish
    return [rulings[said][0] for said in conversations]


def _open(rulings: Mapping[Conversation, tuple[Ruling, str]], finishes: tuple[str, ...]) -> list[Conversation]:
    """Those without a label whose replies ended so."""
    return [said for said, (ruling, how) in rulings.items() if ruling.label == UNSCORED and how in finishes]


def _ask(
    rubric: Rubric,
    conversations: Sequence[Conversation],
    engine: Engine,
    sampling: Sampling,
    time: int,
    progress: Progress,
) -> dict[Conversation, tuple[Ruling, str]]:
    """Each conversation's ruling, and how its reply ended."""
    completions = engine.generate(conversations, sampling, progress) if conversations else []
    return {
        said: (_understood(rubric, completion, time), completion.finish)
        for said, completion in zip(conversations, completions, strict=True)
    }


def _understood(rubric: Rubric, completion: Completion, time: int) -> Ruling:
    match completion.finish:
        case "failed":
            read = replies.Read(None, f"the endpoint failed: {completion.why}")
        case "refused":
            read = replies.Read(None, completion.why or "a refusal")
        case "length":  # "No Error" may be the beginning of "No Errors were found, but"
            read = replies.Read(None, "the reply was cut off at the token limit")
        case _:
            read = replies.read(completion.text, rubric.labels)
    label = UNSCORED if read.label is None else rubric.labels[read.label]
    return Ruling(label, read.problem, completion.text, time)

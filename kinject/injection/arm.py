"""An arm is the whole experimental design in one line: start x learn x context, and every table that names its choices.

`--method` picks learn and context by the names that people use. A name with a colon, `module:attribute`, is taken from
anywhere, so that somebody's own method needs no change here.
"""

import re
from dataclasses import asdict, dataclass

from kinject.errors import UsageError, did_you_mean
from kinject.extensions import called, known, load
from kinject.injection.learn.base import Learn

STARTS = {
    "base": None,
    "subqa-recall": "kinject.injection.start:SUBQA_RECALL",
    "subqa-recall-context": "kinject.injection.start:SUBQA_RECALL_CONTEXT",
    "lima": "kinject.injection.start:LIMA",
    "context-only": "kinject.injection.start:CONTEXT_ONLY",
    "one-hop-only": "kinject.injection.start:ONE_HOP_ONLY",
    "subqa": "kinject.injection.start:SUBQA",
    "gsm8k": "kinject.injection.start:GSM8K",
    "self-oss": "kinject.injection.start:SELF_OSS",
    "conifer-hard": "kinject.injection.start:CONIFER_HARD",
    "conifer-easy": "kinject.injection.start:CONIFER_EASY",
    "dolly": "kinject.injection.start:DOLLY",
}
"""Which weights: the model as it is, or post-trained by a recipe. `RECIPE@N` is a recipe's first N rows (`sized`)."""

RECIPES = tuple(name for name, target in STARTS.items() if target)
SIZES = "or RECIPE@N, its first N rows"
COUNT = re.compile(r"[1-9][0-9]{0,8}")

LEARN = {
    "none": None,
    "event-sft": "kinject.injection.learn.event_sft:EVENT_SFT",
    "event-sft-augmented": "kinject.injection.learn.event_sft_augmented:EVENT_SFT_AUGMENTED",
    "cpt": "kinject.injection.learn.cpt:CPT",
}
"""What is trained on the new facts."""

CONTEXT = {
    "none": None,
    "oracle": "kinject.injection.context.oracle:oracle",
    "oracle-distracted": "kinject.injection.context.flawed:distracted",
    "oracle-wrong": "kinject.injection.context.flawed:wrong",
    "oracle-conflicting": "kinject.injection.context.flawed:conflicting",
    "faiss": "kinject.injection.context.retrieved:retrieved",
}
"""What stands in the prompt."""

RETRIEVING = {"faiss"}
"""Contexts that look for the event, and take `Settings.retrieval`: by any retriever, faiss is only the usual one."""

ELICIT = {
    "plain": None,
    "few-shot": "kinject.injection.elicit.few_shot:few_shot",
    "scripted": "kinject.injection.elicit.scripted:scripted",
}
"""How a question is put."""

METHODS = {
    "none": ("none", "none"),
    "event-sft": ("event-sft", "none"),
    "event-sft-augmented": ("event-sft-augmented", "none"),
    "cpt": ("cpt", "none"),
    "rag-oracle": ("none", "oracle"),
    "rag-oracle-distracted": ("none", "oracle-distracted"),
    "rag-oracle-wrong": ("none", "oracle-wrong"),
    "rag-oracle-conflicting": ("none", "oracle-conflicting"),
    "rag-faiss": ("none", "faiss"),
    "sft-rag": ("event-sft", "oracle"),
    "sft-rag-faiss": ("event-sft", "faiss"),
}
"""(learn, context) of the names that people use."""
USUAL = ("none", "event-sft", "cpt", "rag-oracle", "sft-rag")
"""The paper's methods: what is compared if nobody says what."""


@dataclass(frozen=True)
class Arm:
    """One way of injecting facts."""

    start: str = "base"
    learn: str = "none"
    context: str = "none"

    def as_json(self) -> dict[str, str]:
        """Return the three choices."""
        return asdict(self)

    @property
    def name(self) -> str:
        """Return the arm in a few words, for progress and messages."""
        return " + ".join([self.start, *(part for part in (self.learn, self.context) if part != "none")])


def sized(name: str, where: str = "--start") -> tuple[str, int | None]:
    """Take the name of a start apart: a recipe, and how many of its first rows, None for all of them.

    `UsageError` for a recipe that there is not, and for a number that is none.
    """
    recipe, at, count = name.rpartition("@") if "@" in name else (name, "", "")
    if recipe not in STARTS and ":" not in recipe:
        near = did_you_mean(name, [each + at + count for each in STARTS])
        mend = f"use one of: {', '.join(STARTS)}; {SIZES}"
        raise UsageError(f"there is no start {name!r}.{near}", where=where, mend=mend)
    if not at:
        return name, None
    if STARTS.get(recipe, "own") is None:
        raise UsageError(f"{recipe!r} trains nothing, so it has no first rows", where=where, mend=f"use {recipe}")
    if not COUNT.fullmatch(count):
        mend = f"write a whole number from 1 on, as in {recipe}@100"
        raise UsageError(f"{name!r}: {count!r} is no number of rows", where=where, mend=mend)
    return recipe, int(count)


def arm(start: str, method: str) -> Arm:
    """Return the arm of a start and a method name. `UsageError` for what is neither a `Learn` nor a context."""
    sized(start)
    known("method", method, METHODS, "--method")
    if ":" in method:
        own = load({}, "method", method)
        if isinstance(own, Learn):
            return Arm(start, method)
        called(own, method, "engine", "facts", where="--method")
        return Arm(start, context=method)
    learn, context = METHODS[method]
    return Arm(start, learn, context)


def method_name(arm: Arm) -> str:
    """Return the name of an arm's method, or its two choices where no name covers them."""
    names = [name for name, choices in METHODS.items() if choices == (arm.learn, arm.context)]
    return names[0] if names else f"{arm.learn} + {arm.context}"

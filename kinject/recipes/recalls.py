"""The event recall of each question, where the source has no such sentence: asked of an annotator, or by a rule.

In the paper (A.3.2) "the event annotation was done using GPT-4o using the steps from the response"; its prompt is not
printed, so `prompts/event-annotation.md` is ours. By the rule the recall is the supporting sentences if all answers
stand in them, and else the steps themselves, one after the other. What an annotator writes is refused if an answer is
missing or the response format cannot hold it; the rule's recall then takes its place, and the card counts both.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kinject import prompts
from kinject.engines.base import Completion, Message, Sampling
from kinject.facts.words import stands_in
from kinject.prompts.recall import RECALL
from kinject.recipes.annotator import Annotator
from kinject.recipes.question import Question, holds

PROMPT = "event-annotation"
SAMPLING = Sampling(temperature=0.0, top_p=1.0, repetition_penalty=1.0, max_new_tokens=128)


@dataclass(frozen=True)
class Recalls:
    """One recall a question, in their order, and where they come from."""

    texts: tuple[str, ...]
    made: dict[str, int]
    """How many are of the annotator, of the sentences, of the steps."""
    refused: dict[str, int]
    """What an annotator wrote in vain, by the reason."""
    annotator: dict[str, Any] | None = None
    """Who was asked, by name and key."""
    prompt: str | None = None
    """The digest of the words that the annotator was asked with."""

    @classmethod
    def of(cls, questions: Sequence[Question], annotator: Annotator | None = None) -> "Recalls":
        """Write the recall of every question."""
        ruled = [by_rule(question) for question in questions]
        if annotator is None:
            return cls(tuple(text for text, _ in ruled), dict(Counter(how for _, how in ruled)), {})
        replies = annotator.generate([conversation(question) for question in questions], SAMPLING)
        written = [_accepted(question, reply) for question, reply in zip(questions, replies, strict=True)]
        chosen = [rule if why else (text, "annotator") for (text, why), rule in zip(written, ruled, strict=True)]
        return cls(
            tuple(text for text, _ in chosen),
            dict(Counter(how for _, how in chosen)),
            dict(Counter(why for _, why in written if why)),
            annotator.card,
            prompts.digest_of(PROMPT),
        )

    @property
    def card(self) -> dict[str, Any]:
        """Return what a training set's card says of them."""
        asked = {"annotator": self.annotator, "annotation_prompt": self.prompt}
        return {"recalls": self.made, "refused": self.refused, **asked}


def by_rule(question: Question) -> tuple[str, str]:
    """Return the recall, and what it is made of: "sentences" or "steps"."""
    told = " ".join(question.told.split())
    if _all_in(question, told) and holds(question, told):
        return told, "sentences"
    return " ".join(f"{step.question} {step.answer.rstrip('.')}." for step in _steps(question)), "steps"


def holdable(question: Question) -> bool:
    """Say whether the response can be written at all, so that it is read as what it is."""
    return holds(question, by_rule(question)[0])


def conversation(question: Question) -> tuple[Message, ...]:
    """Return what an annotator is asked; it sees the question and the steps, as in the paper."""
    steps = "\n".join(f"{step.question} → {step.answer}" for step in _steps(question))
    return (Message("user", prompts.render(PROMPT, question=question.question, steps=steps)),)


def _steps(question: Question) -> tuple[Question, ...]:
    return question.hops or (question,)


def _all_in(question: Question, text: str) -> bool:
    return all(stands_in(step.answer, text) for step in (question, *question.hops))


def _accepted(question: Question, reply: Completion) -> tuple[str, str | None]:
    """Return what was written as one line, and why it is refused."""
    text = " ".join(RECALL.sub("", reply.text).split())
    if not text:
        return text, "nothing was written"
    if reply.finish == "length":
        return text, "it was cut off"
    if not _all_in(question, text):
        return text, "an answer is not in the recall"
    return text, None if holds(question, text) else "the response format cannot hold it"

"""Scripted: a multihop question is asked hop by hop, each in a call of its own, the bridge put in by the script.

The decomposition is the fact's own, so this says what a model knows when somebody else does the reasoning; what it does
not say is whether the model could have found the steps. The response that is judged is written in SubQARecall's format
from what the model answered.

Where the model's bridge is wrong, the next hop asks about the wrong one: it stands wherever the right one stood, as a
whole word and in any of its spellings. A next question that names the right one in a way that is none of its spellings
is asked as it is, and so helps the model. A right bridge changes nothing, however it is spelled. Where a hop is
answered with nothing, the rest is not asked: the response ends with that step and an empty final answer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kinject.engines.base import Completion, Conversation, Engine, Sampling
from kinject.facts.schema import FactSet, Multihop
from kinject.facts.words import folded
from kinject.progress import SILENT, Progress
from kinject.prompts import recall
from kinject.prompts.recall import Step
from kinject.sources import Model

VERSION = 2
"""Of the script: part of the key of answers."""


@dataclass(frozen=True)
class Scripted:
    """An engine that is led through the hops of every multihop question that it is asked."""

    engine: Engine
    asked: Mapping[str, Multihop]

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        """Ask all first hops at once, then all second ones; other questions are asked as they are."""
        hops = [self._hops(conversation) for conversation in conversations]
        steps: list[list[Step]] = [[] for _ in conversations]
        replies: list[list[Completion]] = [[] for _ in conversations]
        for depth in range(max(map(len, hops), default=0)):
            due = [i for i, chain in enumerate(hops) if depth < len(chain) and all(step.answer for step in steps[i])]
            if not due:
                break
            questions = [_asking(hops[i], depth, steps[i]) for i in due]
            said = self.engine.generate(
                [_put(conversations[i], question) for i, question in zip(due, questions, strict=True)],
                sampling,
                progress,
            )
            for i, question, reply in zip(due, questions, said, strict=True):
                replies[i].append(reply)
                steps[i].append(Step(question, _answer(reply.text)))
        return [
            replies[i][0] if len(hops[i]) == 1 else _told(conversation, steps[i], replies[i])
            for i, conversation in enumerate(conversations)
        ]

    def _hops(self, conversation: Conversation) -> list[tuple[str, tuple[str, ...]]]:
        """The questions of the way, each with the spellings of its true answer; the question itself if it has none."""
        question = conversation[-1].content
        asked = self.asked.get(question)
        if asked is None or len(asked.hops) < 2:
            return [(question, ())]
        return [(hop.question, (hop.answer, *hop.aliases)) for hop in asked.hops]


def scripted(engine: Engine, model: Model, facts: FactSet, in_context: bool) -> Engine:
    """Lead the engine through the multihop questions of the facts."""
    known = [fact.multihop for fact in facts.facts if fact.multihop]
    return Scripted(engine, {question: asked for asked in known for question in (asked.question, *asked.paraphrases)})


def _asking(hops: Sequence[tuple[str, tuple[str, ...]]], depth: int, steps: Sequence[Step]) -> str:
    """The next hop's question, about what the model answered before."""
    instead: dict[str, str] = {}  # what stands for each spelling, in small letters
    for (_, true), step in zip(hops[:depth], steps, strict=True):
        right = folded(step.answer) in map(folded, true)
        instead |= {name.casefold(): "" if right else step.answer for name in true if name.strip()}
    if not instead:
        return hops[depth][0]
    # All at once, the longest first: what was put in is not looked at again, and no name is cut out of a longer one.
    names = "|".join(re.escape(name) for name in sorted(instead, key=len, reverse=True))
    return re.sub(
        rf"(?<!\w)(?:{names})(?!\w)",
        lambda found: instead.get(found[0].casefold()) or found[0],
        hops[depth][0],
        flags=re.IGNORECASE,
    )


def _put(conversation: Conversation, question: str) -> Conversation:
    *before, last = conversation
    return (*before, replace(last, content=question))


def _answer(text: str) -> str:
    found = recall.parse(text).answer
    line = next(iter((text if found is None else found).strip().splitlines()), "")
    return recall.FULL_STOP.sub("", line.strip())


def _told(conversation: Conversation, steps: Sequence[Step], replies: Sequence[Completion]) -> Completion:
    """What the model said, as one response."""
    first = recall.parse(replies[0].text)
    # A final answer inside the recall would be taken for that of the whole response.
    event = first.event or " ".join((first.text if first.answer is None else first.answer).split())
    text = recall.multihop_response(event, conversation[-1].content, steps, steps[-1].answer)
    return Completion(text, replies[-1].finish, replies[-1].why)

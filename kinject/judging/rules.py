"""The judge that needs no model: fixed rules, offline, the same verdict every time.

In: a response, its fact, and which question was asked. Out: a Verdict.

- **correctness**: the final answer ("The final answer is X"), or else free text, gives an accepted answer.
  `answers` has the rules. A response in the recall format that breaks off before its final answer is judged
  on its last step.
- **recall**: "right" when the recalled event has all entities, dates and numbers of the true one and no
  others; `recall_entities` looks at the entities only. "absent" when nothing is recalled. `recalled` has the
  rules.
- **reasoning** (multihop only): "sound" when for each hop of the fact, in order, a step gives that hop's
  answer, every later hop's step names the answer found before it and asks for what its hop asks (it shares a
  word of its theme, and is not the same question with one word replaced), and the final answer is what the
  last step found; otherwise "faulty". "absent" when there is no chain. So a chain on a wrong bridge entity is
  faulty, even when the rest follows from it: what would follow is not known from one fact.

It is strict by design: what it cannot see as right is not right. Its error rates belong beside its verdicts.
"""

import re
from collections.abc import Sequence

from kinject.facts.schema import Fact, Hop
from kinject.judging.answers import (
    asked,
    asked_directly,
    asked_over_hops,
    content,
    flaw,
    flaw_in_text,
    hops,
    refuses,
    theme,
)
from kinject.judging.normalise import normalise, words
from kinject.judging.recalled import wrong_entities, wrong_figures
from kinject.judging.verdict import Reasoning, Recall, Verdict
from kinject.prompts.recall import FINAL, Response, Step, parse

OTHER_TURN = re.compile(r"\n\s*(?:question|q|user|human|prompt)\s*:", re.IGNORECASE)
"""Where a model that does not stop begins to talk to itself; what follows is no part of the response."""

VERSION = 1
"""Part of the key of every run that is judged by these rules; to be raised when a verdict can change."""


def judge(response: str, fact: Fact, kind: str) -> Verdict:
    """Judge a response to the question of `kind` (direct, direct_paraphrased, multihop) of a fact."""
    said = parse(OTHER_TURN.split(response.strip(), maxsplit=1)[0])
    wrong = _wrong_answer(said, fact, kind)
    recall, recall_entities, misremembered = _recall(said, fact)
    reasoning, misreasoned = _reasoning(said, fact) if kind == "multihop" else ("absent", None)
    reasons = [reason for reason in (wrong, misremembered, misreasoned) if reason]
    return Verdict(
        correctness="incorrect" if wrong else "correct",
        recall=recall,
        recall_entities=recall_entities,
        reasoning=reasoning,
        reason="; ".join(reasons) or "gives the answer",
    )


def _wrong_answer(said: Response, fact: Fact, kind: str) -> str | None:
    wanted = asked_over_hops(fact) if kind == "multihop" else asked_directly(fact)
    finals = [final[1] for final in FINAL.finditer(said.text)]
    if len({normalise(final) for final in finals}) > 1:
        return "gives two final answers"
    if said.answer is not None:
        return flaw(said.answer, wanted)
    if said.steps:
        return flaw(said.steps[-1].answer, wanted)
    return "gives no final answer" if said.event is not None else flaw_in_text(said.text, wanted)


def _recall(said: Response, fact: Fact) -> tuple[Recall, Recall, str | None]:
    """The strict verdict, the verdict on entities only, and what is wrong."""
    event = said.event or ""
    entities = wrong_entities(event, fact)
    if not words(event) or (entities and refuses(event)):
        return "absent", "absent", None
    wrong = entities or wrong_figures(event, fact)
    return "wrong" if wrong else "right", "wrong" if entities else "right", wrong


def _reasoning(said: Response, fact: Fact) -> tuple[Reasoning, str | None]:
    if not said.steps:
        return "absent", None
    wrong = _broken_chain(said.steps, fact) or _unused_chain(said, fact)
    return "faulty" if wrong else "sound", wrong


def _broken_chain(steps: Sequence[Step], fact: Fact) -> str | None:
    """What is wrong with the way from hop to hop; steps beyond the hops are let pass."""
    bridge: set[str] = set()
    for number, hop in enumerate(hops(fact), 1):
        wanted = asked(hop, fact)
        done = next((i for i, step in enumerate(steps) if flaw(step.answer, wanted) is None), None)
        if done is None:
            return f"no step finds {hop.answer!r} (hop {number})"
        step, steps = steps[done], steps[done + 1 :]
        if bridge and _asks_otherwise(step.question, hop):
            return f"step {step.question!r} does not ask for hop {number}"
        if bridge and not bridge & set(words(step.question)):
            return f"hop {number} does not start from what was found before"
        bridge = {word for spelling in (hop.answer, *hop.aliases, step.answer) for word in words(spelling)}
    return None


def _asks_otherwise(question: str, hop: Hop) -> bool:
    """Whether a later step asks for another attribute than its hop: no theme shared, or one word replaced."""
    # Cut short, so that "judiciary" is as good as "judicial".
    mine, its = ({word[:5] for word in content(text)} for text in (question, hop.question))
    said, wanted = words(question), words(hop.question)
    replaced = [pair for pair in zip(said, wanted, strict=False) if pair[0] != pair[1]]
    swapped = (
        len(said) == len(wanted) and len(replaced) == 1 and set(replaced[0]) <= theme(question) | theme(hop.question)
    )
    return swapped or bool(mine and its and not mine & its)


def _unused_chain(said: Response, fact: Fact) -> str | None:
    """A final answer that is not what the last step found."""
    last, final = words(said.steps[-1].answer), words(said.answer or "")
    wanted = asked_over_hops(fact)
    same = set(last) <= set(final) or set(final) <= set(last)
    if same or (flaw(said.steps[-1].answer, wanted) is None and flaw(said.answer or "", wanted) is None):
        return None
    return "the final answer is not what the chain found"

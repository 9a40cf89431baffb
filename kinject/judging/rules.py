"""The judge that needs no model: fixed rules, offline, the same verdict every time.

In: a response, its fact, and which question was asked. Out: a Verdict.

- **correctness**: the final answer ("The final answer is X"), or else free text, gives an accepted answer.
  `answers` has the rules. A response in the recall format that breaks off before its final answer is judged
  on its last step.
- **recall**: "right" when the recalled event has all entities, dates and numbers of the true one and no others, so
  that what is left out or added counts as wrong, however true; `recall_entities` looks at the entities only. "absent"
  when nothing is recalled after "Event Recall:"; prose is not held against the event. `recalled` has the rules.
- **reasoning** (multihop only): "sound", "faulty", or "absent" when no steps are shown. `chains` has the rules, for
  chains in the format and for free prose.

What it cannot see as right is not right; what it is known not to see stands in the modules named here. Its error rates
belong beside its verdicts.
"""

import re

from kinject.facts.schema import Fact
from kinject.judging import chains
from kinject.judging.answers import flaw, flaw_in_text, refuses
from kinject.judging.asked import Asked, asked_directly, asked_over_hops
from kinject.judging.normalise import normalise, words
from kinject.judging.recalled import wrong_entities, wrong_figures
from kinject.judging.verdict import Recall, Verdict
from kinject.prompts.recall import FINAL, Response, parse

OTHER_TURN = re.compile(r"\n\s*(?:question|q|user|human|prompt)\s*:", re.IGNORECASE)
"""Where a model that does not stop begins to talk to itself; what follows is no part of the response."""

ARROW = re.compile(r"\s*(?:→|⇒|[-=]>)\s*(?=\S)")
"""A line may have several: what stands after the last is the answer."""

VERSION = 4
"""Part of the key of every run that is judged by these rules; to be raised when a verdict can change."""


def judge(response: str, fact: Fact, kind: str) -> Verdict:
    """Judge a response to the question of `kind` (direct, direct_paraphrased, multihop) of a fact."""
    said = parse(OTHER_TURN.split(response.strip(), maxsplit=1)[0])
    wrong = _wrong_answer(said, fact, kind)
    recall, recall_entities, misremembered = _recall(said, fact)
    reasoning, misreasoned = chains.reasoning(said, fact, wrong) if kind == "multihop" else ("absent", None)
    reasons = [reason for reason in (wrong, misremembered, misreasoned) if reason]
    return Verdict(
        correctness="incorrect" if wrong else "correct",
        recall=recall,
        recall_entities=recall_entities,
        reasoning=reasoning,
        reason="; ".join(reasons) or "gives the answer",
    )


def _wrong_answer(said: Response, fact: Fact, kind: str) -> str | None:
    wanted = asked_over_hops(fact) if kind == "multihop" else asked_directly(fact, kind == "direct_paraphrased")
    finals = [final[1] for final in FINAL.finditer(said.text)]
    if len({normalise(final) for final in finals}) > 1:
        return "gives two final answers"
    if said.answer is not None:
        return None if _glossed(said, wanted) else flaw(said.answer, wanted)
    if said.steps:
        return flaw(ARROW.split(said.steps[-1].answer)[-1], wanted)
    return "gives no final answer" if said.event is not None else flaw_in_text(said.text, wanted)


def _glossed(said: Response, wanted: Asked) -> bool:
    """Whether a step has put the accepted name in brackets behind the final answer: "Gaillimh Thiar (Galway West)"."""
    behind = re.compile(rf"{re.escape(said.answer or '')}\s*\(([^()]+)\)")
    return any((gloss := behind.fullmatch(step.answer)) and words(gloss[1]) in wanted.spellings for step in said.steps)


def _recall(said: Response, fact: Fact) -> tuple[Recall, Recall, str | None]:
    """The strict verdict, the verdict on entities only, and what is wrong."""
    event = said.event or ""
    entities = wrong_entities(event, fact)
    if not words(event) or (entities and refuses(event)):
        return "absent", "absent", None
    wrong = entities or wrong_figures(event, fact)
    return "wrong" if wrong else "right", "wrong" if entities else "right", wrong

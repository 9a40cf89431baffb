"""The response formats of SubQARecall and SubQA (arXiv 2410.03717, appendix A.3.2), written and parsed in one place.

A multihop response, as the paper prints it:

    Event Recall: {event}
    {question}
    Let's answer this step-by-step
    {sub-question 1} → {answer 1}
    {sub-question 2} → {answer 2}
    The final answer is {answer}

SubQA's is the same without its first line. The one-hop forms are not printed in the paper (it says only that
event SFT keeps "the same format"). Ours are the recall and the final answer, without a chain, and for SubQA the
final answer alone.

Reading is tolerant of case, blank lines, "->" for "→", list marks and a closing full stop. What follows the
first final answer is no part of the response. Trap: an unfinished "The final answer is" gives the answer "",
not None: the format was begun and nothing was answered, so nobody should look for an answer in the words
before it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

RECALL = re.compile(r"^[ \t*#>_-]*event recall\s*\**\s*:\s*\**[^\S\n]*", re.IGNORECASE | re.MULTILINE)
FINAL = re.compile(r"(?:\bthe\s+)?\bfinal answer(?:\s+is\b|\s*:)[\s:]*([^\n]*)", re.IGNORECASE)
CHAIN = re.compile(r"^[^\w\n]*let['’]?s answer this step\b", re.IGNORECASE | re.MULTILINE)
STEP = re.compile(r"^(?:\d+[.)]\s+|[-*•]\s+)?(\S.*?)\s*(?:→|⇒|->|=>)\s*(.*)$")
# "Rome." loses its full stop, "Washington D.C." keeps it.
FULL_STOP = re.compile(r"(?<!\.\w)\.$")
FEWEST_STEPS = 2
"""A chain of one step jumps straight to the answer."""


@dataclass(frozen=True)
class Step:
    """One link of a reasoning chain: a sub-question and the answer that the response gives to it."""

    question: str
    answer: str


@dataclass(frozen=True)
class Response:
    """A response taken apart; None and an empty chain where the format is not there."""

    event: str | None
    steps: tuple[Step, ...]
    answer: str | None
    text: str


def direct_response(event: str | None, answer: str) -> str:
    """The one-hop response; None for one without a recall."""
    return f"{_recalled(event)}The final answer is {answer}"


def multihop_response(event: str | None, question: str, steps: Iterable[Step], answer: str) -> str:
    """The multihop response, with one line a step; None for one without a recall."""
    chain = "".join(f"{step.question} → {step.answer}\n" for step in steps)
    lead = f"{_recalled(event)}{question}\nLet's answer this step-by-step\n"
    return f"{lead}{chain}The final answer is {answer}"


def response(event: str | None, question: str, steps: Sequence[Step], answer: str) -> str:
    """The response that fits: multihop where there are steps."""
    return multihop_response(event, question, steps, answer) if steps else direct_response(event, answer)


def _recalled(event: str | None) -> str:
    return "" if event is None else f"Event Recall: {event}\n"


def parse(text: str) -> Response:
    """Take a response apart; free text in another form gives event=None, steps=() and answer=None."""
    final = FINAL.search(text)
    body = text[: final.start()] if final else text
    head = RECALL.search(body)
    lines = [line.strip() for line in body[head.end() if head else 0 :].splitlines() if line.strip()]
    steps = tuple(step for line in lines if (step := _step(line)))
    return Response(_event(lines) if head else None, steps, _closed(final[1]) if final else None, text)


def chained(text: str) -> bool:
    """Say whether a text has the multihop form, with a recall or without: the lead, answered steps, a final answer."""
    final = FINAL.search(text)
    lead = CHAIN.search(text, 0, final.start()) if final else None
    if lead is None:
        return False
    said = parse(text[lead.start() :])
    return bool(said.answer) and sum(bool(step.answer) for step in said.steps) >= FEWEST_STEPS


def _step(line: str) -> Step | None:
    match = STEP.match(line)
    return Step(match[1], _closed(match[2])) if match else None


def _event(lines: list[str]) -> str:
    """The recalled event: all before the chain, less the question, which is repeated between the two."""
    end = next((i for i, line in enumerate(lines) if CHAIN.match(line) or STEP.match(line)), len(lines))
    block = lines[:end]
    asked = end < len(lines) and CHAIN.match(lines[end]) is not None
    if len(block) > 1 and (asked or block[-1].endswith("?")):
        block = block[:-1]
    return " ".join(block)


def _closed(answer: str) -> str:
    return FULL_STOP.sub("", answer.strip())

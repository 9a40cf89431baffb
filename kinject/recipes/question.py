"""What lies between the readers and the recipes: a question, its answer, the hops between and what tells the event.

A reader gives a `Pool` of two-hop questions, or draws `Question`s from a lab world; `respond` and `row` write the
response of SubQARecall (arXiv 2410.03717, A.3.2) for any of them. A question without hops gets the one-hop form.

Trap: a response is read again by the judges, so a recall or an answer with an arrow, a line break or "the final answer
is" of its own would be read as something else. `holds` says whether it comes back as it was put in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kinject import prompts
from kinject.engines.base import ask
from kinject.prompts import recall as form
from kinject.recipes.row import Row


@dataclass(frozen=True)
class Question:
    """One question; `hops` are the sub-questions in order, none where it is asked of the event itself."""

    question: str
    answer: str
    hops: "tuple[Question, ...]" = ()
    sentences: tuple[str, ...] = ()
    """What tells the event, as the source has it; none where it has nothing."""
    shown: bool = False
    """Whether the sentences stand in the prompt."""

    @property
    def told(self) -> str:
        """Return the sentences in one line."""
        return " ".join(self.sentences)


@dataclass(frozen=True)
class Pool:
    """What was read from a set of two-hop questions."""

    source: str
    licence: str
    questions: tuple[Question, ...]
    read: int
    """Rows in the files."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many rows gave no question, by the reason."""


def respond(question: Question, recall: str) -> str:
    """Return the response to learn."""
    if not question.hops:
        return form.direct_response(recall, question.answer)
    steps = [form.Step(hop.question, hop.answer) for hop in question.hops]
    return form.multihop_response(recall, question.question, steps, question.answer)


def row(question: Question, recall: str, system: str) -> Row:
    """Return the training row; the sentences are put before a question that is to be answered by reading."""
    asked = question.question
    if question.shown:
        asked = prompts.render("context", event=question.told, question=asked)
    return Row(ask(system, asked), respond(question, recall))


def holds(question: Question, recall: str) -> bool:
    """Say whether the response, read as a judge reads it, is what was put in."""
    said = form.parse(respond(question, recall))
    steps = [(hop.question, _bare(hop.answer)) for hop in question.hops]
    found = [(step.question, _bare(step.answer)) for step in said.steps]
    return (said.event, _bare(said.answer or ""), found) == (recall, _bare(question.answer), steps)


def _bare(answer: str) -> str:
    """Leave the full stop out, which a reader takes for the end of the line."""
    return answer.strip().rstrip(".")

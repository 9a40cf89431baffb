"""Answers in, verdicts and rates out.

An answer is one line of `answers.jsonl`: {"fact", "kind", "sample", "prompt", "response", "verdicts"}, of
which the first, second and fifth suffice, so that answers from elsewhere can be graded too. What cannot be
judged (a fact that is not in the set, a kind that does not exist, a response that is no text) is "unscored"
with the reason, and never dropped. What is no answer at all (nothing, punctuation, words to the judge) is incorrect by
`guard`, and no judge sees it.

The rates and their denominators: correctness over the scored answers of a kind; hallucination and faulty
reasoning over all multihop answers, and beside it in the paper's form (arXiv 2410.03717, A.3.4), over the
incorrect ones only, where no recall and no reasoning count as no error.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kinject.errors import UsageError, did_you_mean
from kinject.facts.schema import FactSet
from kinject.judging.guard import graded_by_rule
from kinject.judging.judge import Item, Judge, open_judge
from kinject.judging.verdict import Verdict
from kinject.progress import SILENT, Progress
from kinject.statistics.intervals import Rate
from kinject.storage import numbered_lines, parse_json

KINDS = ("direct", "direct_paraphrased", "multihop")


class Answer(BaseModel):
    """One response to one question, with the verdicts of its judges by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fact: str
    """The id of the fact that was asked about."""
    kind: str
    """Which of its questions: one of KINDS."""
    sample: int = 0
    """Which of several responses to the same prompt."""
    prompt: str = ""
    response: Any
    """The text; anything else stays as it is and is unscored."""
    verdicts: dict[str, Verdict] = Field(default_factory=dict)
    line: int = Field(default=0, exclude=True)
    """Where it stands in the file that it was read from."""


FIELDS = ", ".join(name for name in Answer.model_fields if name != "line")


def read_answers(path: Path) -> list[Answer]:
    """The answers of a JSONL file, in order; `UsageError` names the line that is no answer."""
    answers = []
    for number, raw in numbered_lines(path):
        try:
            answer = Answer.model_validate(parse_json(raw, str(path), number))
            answers.append(answer.model_copy(update={"line": number}))
        except ValidationError as error:
            problem = error.errors()[0]
            raise UsageError(
                f"this is no answer: {'.'.join(map(str, problem['loc']))}: {problem['msg']}",
                where=f"{path}:{number}",
                mend=f'write one {{"fact": ID, "kind": "multihop", "response": TEXT}} a line; the fields are {FIELDS}',
            ) from error
    return answers


def grade(
    answers: Iterable[Answer], facts: FactSet, judge: Judge | None = None, progress: Progress = SILENT
) -> list[Answer]:
    """The same answers in the same order, each with the verdict of `judge` (by default the rules) added to its own."""
    judge = judge or open_judge("rules")
    answers = list(answers)
    settled = [_settled(answer, facts) for answer in answers]
    open_ones = [answer for answer, verdict in zip(answers, settled, strict=True) if verdict is None]
    items = [Item(answer.response, facts.by_id[answer.fact], answer.kind) for answer in open_ones]
    given = iter(judge.judge(items, progress))
    return [
        answer.model_copy(update={"verdicts": {**answer.verdicts, judge.name: verdict or next(given)}})
        for answer, verdict in zip(answers, settled, strict=True)
    ]


def scores(answers: Sequence[Answer], judge: str) -> dict[str, Rate]:
    """The rates of one arm from its graded answers; one that `judge` has not seen is unscored."""
    by_kind = {
        kind: [answer.verdicts.get(judge, Verdict.unscored("not judged")) for answer in answers if answer.kind == kind]
        for kind in KINDS
    }
    multihop = by_kind["multihop"]
    incorrect = [verdict for verdict in multihop if verdict.correctness == "incorrect"]
    return {
        **{kind: _rate([verdict.correctness for verdict in by_kind[kind]], "correct") for kind in KINDS},
        "hallucinated": _rate([verdict.recall for verdict in multihop], "wrong"),
        "hallucinated_entities": _rate([verdict.recall_entities for verdict in multihop], "wrong"),
        "faulty_reasoning": _rate([verdict.reasoning for verdict in multihop], "faulty"),
        "hallucinated_of_incorrect": _rate([verdict.recall for verdict in incorrect], "wrong"),
        "faulty_of_incorrect": _rate([verdict.reasoning for verdict in incorrect], "faulty"),
    }


def missed(answer: Answer, verdict: Verdict, facts: FactSet) -> bool:
    """Whether a judge left unscored what it was asked about an answer: it failed, was cut off, or named no label.

    What nobody can judge (no such fact, no text) is missed by no judge. Recall and reasoning are asked of multihop
    answers only.
    """
    asked: list[str] = [verdict.correctness]
    if answer.kind == "multihop":
        asked += [verdict.recall, verdict.reasoning]
    return "unscored" in asked and judgeable(answer, facts)


def judgeable(answer: Answer, facts: FactSet) -> bool:
    """Whether a judge can say anything of an answer: there is a text, and such a question."""
    return not _unjudgeable(answer, facts)


def _settled(answer: Answer, facts: FactSet) -> Verdict | None:
    """The verdict on an answer that no judge needs to look at: it cannot be judged, or it is no answer at all."""
    if problem := _unjudgeable(answer, facts):
        return Verdict.unscored(problem)
    reason = graded_by_rule(answer.response)
    return Verdict.nothing(reason) if reason else None


def _unjudgeable(answer: Answer, facts: FactSet) -> str:
    """Why nobody can judge an answer; "" where one can."""
    fact = facts.by_id.get(answer.fact)
    if fact is None:
        return f"there is no fact {answer.fact!r} in {facts.name}"
    if answer.kind not in KINDS:
        return f"there is no kind {answer.kind!r}.{did_you_mean(answer.kind, KINDS)}"
    if answer.kind == "multihop" and fact.multihop is None:
        return f"fact {answer.fact!r} has no multihop question"
    return "" if isinstance(answer.response, str) else "the response is no text"


def _rate(said: Sequence[str], counted: str) -> Rate:
    unscored = said.count("unscored")
    return Rate(k=said.count(counted), n=len(said) - unscored, unscored=unscored)

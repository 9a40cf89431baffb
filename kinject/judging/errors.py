"""Which errors do incorrect responses make: of format, of calculation, of reasoning (arXiv 2410.03717, section 4, A.4)?

Each category is asked about by itself, so that a response may be in several. In: rows of a task, {"question",
"response"} with "solution" (gsm8k: the reference with its "#### N") or "steps" (subqa: the hops, each {"question",
"answer"}). Out: for each row and category "error", "no error" or "unscored", with a reason. The paper looks at
incorrect responses only, and so do the rates: a row may tell by "correct"; one that does not is taken as incorrect.

Two annotators. A language model (`judging.llm`) is asked the paper's questions; SubQA's reasoning once for each hop,
where one error is an error, and else one hop without a label leaves the row unscored. `rules` need no model:

- **format**, gsm8k: an explanation, "####" once, a number and nothing after it; subqa: at least two sub-questions or
  steps with their answers, in the format (`prompts.recall`) or in one's own words, and a final answer.
- **calculation**: `judging.arithmetic`.
- **reasoning**, subqa: for each hop a step that finds its answer; who shows no steps has not found it. Of gsm8k the
  rules cannot tell, and say so: "unscored".

What `guard` finds to be no answer is a format error and nothing else, and no model sees it; the rules leave the
reasoning of gsm8k unscored even so, as all else there is.

Known limits of the rules: an answer of a hop that stands in prose is taken as found, whatever is said of it; a hop that
is skipped is a missing step, though the answer after it may be right.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kinject import storage
from kinject.engines.base import Engine
from kinject.errors import UsageError, did_you_mean
from kinject.extensions import known
from kinject.facts.words import stands_in
from kinject.judging import arithmetic, guard, rules
from kinject.judging.answers import flaw
from kinject.judging.asked import Asked, content
from kinject.judging.judge import MODELS, total
from kinject.judging.llm import LLM, open_llm
from kinject.judging.normalise import sentences, tokens, words
from kinject.judging.rubric import RUBRICS, UNSCORED, Ruling, rule, version
from kinject.progress import SILENT, Named, Progress
from kinject.prompts.recall import FINAL, parse
from kinject.statistics.intervals import Rate

if TYPE_CHECKING:
    from kinject.engines.openai import Terms

VERSION = 1
"""Part of every annotator's key; to be raised when the same replies or responses can be labelled in another way."""

TASKS = {"gsm8k": ("format", "calculation", "reasoning"), "subqa": ("format", "reasoning")}
"""The categories of each task."""
NEEDS = {"gsm8k": "solution", "subqa": "steps"}
MEND = {
    "gsm8k": 'write one {"question": TEXT, "response": TEXT, "solution": TEXT} a line',
    "subqa": 'write one {"question": TEXT, "response": TEXT, "steps": [{"question": TEXT, "answer": TEXT}]} a line',
}
UNSEEN = "rules cannot see whether the reasoning is right"
FEWEST_WORDS = 6
"""Fewer than these before "####", without an equation, are an answer and no explanation."""
FINAL_NUMBER = re.compile(r"\s*[-−]?[$€£]?\s?[-−]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:/\d+)?\s?[%$€£]?\.?\s*")
# A step in one's own words: a line with a number, a question with its answer behind it, a sentence that says "first".
NUMBERED = re.compile(r"^\W{0,8}(?:(?:sub-?question|step|hop|question|q)\s?)?\d+\W{0,8}[.):]\W{0,8}\w", re.I | re.M)
QUESTION = re.compile(r"(?:^|(?<=[.!:>)\n]))[ \t]{0,8}([^.!?\n]{8,300}\?)\s{0,8}(?=[^\s?])")
ORDINAL = re.compile(
    r"(?:^|[.!?:\n])\W{0,8}(?:(?:first|second|third|last)(?:ly)?|next|then|after that|now|finally|to begin with)\b",
    re.I,
)
CLOSING = re.compile(
    r"(?:^|[.!?\n])\W{0,8}(?:so|therefore|thus|hence|finally|in conclusion|answer\s?:)\W{1,8}\w"
    r"|\banswer(?: to [^.\n]{1,200})? is\W{1,8}\w",
    re.I,
)

Label = Literal["error", "no error", "unscored"]
LABELS: dict[str, Label] = {"Error": "error", "No Error": "no error"}


class Hop(BaseModel):
    """One step of the way to the answer."""

    model_config = ConfigDict(frozen=True, extra="allow")

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)


class Row(BaseModel):
    """One response, with what it is held against; what else stands in the line is kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    question: str = Field(min_length=1)
    response: Any
    """The text; anything else is unscored."""
    solution: str | None = None
    steps: tuple[Hop, ...] | None = None
    answer: Any = None
    correct: bool | None = Field(default=None, strict=True)
    """Whether the final answer is right, where that is known."""
    line: int = 0
    """Where it stands in the file that it was read from."""


@dataclass(frozen=True)
class Errors:
    """What one annotator says of one response."""

    labels: dict[str, Label]
    """By category."""
    reason: str
    replies: dict[str, str] = field(default_factory=dict)
    """What a language model said, word for word, by category; of several hops with their numbers."""


class Annotator(Protocol):
    """Anything that finds errors."""

    @property
    def name(self) -> str:
        """By which its labels are filed."""
        ...

    def key(self) -> dict[str, Any]:
        """Return all that can change its labels, as plain JSON."""
        ...

    def annotate(self, rows: Sequence[Row], progress: Progress = SILENT) -> list[Errors]:
        """Label every row, in the same order."""
        ...

    def spent(self) -> dict[str, Any]:
        """Return what the labels took: calls, tokens, cost; nothing for one that asks nobody."""
        ...


def read_rows(path: Path, task: str) -> list[Row]:
    """The rows of a JSONL file, in order; `UsageError` names the line that is none, or a file without any."""
    rows = []
    for number, raw in storage.numbered_lines(path):
        row = _row(storage.parse_json(raw, str(path), number), task, f"{path}:{number}")
        rows.append(row.model_copy(update={"line": number}))
    if not rows:
        raise UsageError("there are no responses in it", where=str(path), mend=MEND[task])
    return rows


def _row(value: Any, task: str, where: str) -> Row:
    try:
        row = Row.model_validate({**value, "line": 0} if isinstance(value, dict) else value)
    except ValidationError as error:
        problem = error.errors()[0]
        at = ".".join(map(str, problem["loc"]))
        message = f"this is no response: {f'{at}: ' if at else ''}{problem['msg']}"
        raise UsageError(message, where=where, mend=MEND[task]) from error
    if not getattr(row, NEEDS[task]):
        raise UsageError(f"this is no response to {task}: {NEEDS[task]} is missing", where=where, mend=MEND[task])
    return row


def incorrect(rows: Sequence[Row]) -> list[Row]:
    """The rows that the paper looks at: all that are not known to be correct."""
    return [row for row in rows if row.correct is not True]


def rates(rows: Sequence[Row], found: Sequence[Errors], task: str) -> dict[str, Rate]:
    """How many of the incorrect responses have an error of each category of a task."""
    wrong = [each.labels for row, each in zip(rows, found, strict=True) if row.correct is not True]
    rated = {}
    for category in TASKS[task]:
        said = [labels[category] for labels in wrong]
        unscored = said.count("unscored")
        rated[category] = Rate(k=said.count("error"), n=len(said) - unscored, unscored=unscored)
    return rated


def open_annotator(name: str, task: str, terms: "Terms | None" = None, repeat: int = 0) -> Annotator:
    """Find the annotator of a name for a task. `UsageError` if there is none, else as `judging.llm.open_llm`."""
    known("task", task, TASKS)
    if name.startswith(MODELS):
        return ByModel(task, open_llm(name, terms, repeat))
    if name == "rules":
        return ByRules(task)
    mend = f"use rules, or a language model: {', '.join(f'{model}NAME' for model in MODELS)}"
    raise UsageError(
        f"there is no annotator {name!r}.{did_you_mean(name, ['rules', *MODELS])}", where="--judge", mend=mend
    )


def _settled(row: Row, task: str) -> Errors | None:
    """The labels of what no annotator needs to look at: it is no text, or no answer at all."""
    if not isinstance(row.response, str):
        return Errors(dict.fromkeys(TASKS[task], "unscored"), "the response is no text")
    reason = guard.graded_by_rule(row.response)
    if reason is None:
        return None
    return Errors({name: "error" if name == "format" else "no error" for name in TASKS[task]}, reason)


# A language model


@dataclass
class ByModel:
    """A language model that is asked the paper's questions of a task."""

    task: str
    llm: LLM
    _engine: Engine | None = field(default=None, repr=False)
    _spent: list[dict[str, Any]] = field(default_factory=list, repr=False)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.llm.name

    def key(self) -> dict[str, Any]:
        """Return all that can change its labels."""
        rubrics = {name: version(RUBRICS[f"{self.task}-{name}"]) for name in TASKS[self.task]}
        sampling = self.llm.sampling.as_json()
        return {"judge": self.name, "errors": VERSION, **self.llm.about, "rubrics": rubrics, "sampling": sampling}

    def annotate(self, rows: Sequence[Row], progress: Progress = SILENT) -> list[Errors]:
        """Ask every question of every row; the model is opened only where one is left for it."""
        settled = [_settled(row, self.task) for row in rows]
        open_ones = [row for row, errors in zip(rows, settled, strict=True) if errors is None]
        given = iter(self._asked(open_ones, progress) if open_ones else [])
        return [errors or next(given) for errors in settled]

    def spent(self) -> dict[str, Any]:
        """Return what its replies took: calls, replies found, tokens, dollars; and what no endpoint was told."""
        not_sent = getattr(self._engine, "not_sent", None)
        return {**total(self._spent), **({"not_sent": not_sent} if not_sent else {})}

    def _asked(self, rows: Sequence[Row], progress: Progress) -> list[Errors]:
        said: list[dict[str, Ruling]] = [{} for _ in rows]
        with self.llm.opener() as engine:
            try:
                for category in TASKS[self.task]:
                    rubric = RUBRICS[f"{self.task}-{category}"]
                    asked = [
                        (number, each)
                        for number, row in enumerate(rows)
                        for each in _questions(row, category, self.task)
                    ]
                    values = [{name: each[name] for name in rubric.fields} for _, (_, each) in asked]
                    rulings = rule(rubric, values, engine, self.llm.sampling, Named(category, progress))
                    for (number, (name, _)), ruling in zip(asked, rulings, strict=True):
                        said[number][name] = ruling
            finally:
                self._count(engine)
        return [_labelled(rulings, self.task) for rulings in said]

    def _count(self, engine: Engine) -> None:
        """Remember what an engine took so far; one that is open for good tells the sum of all its calls."""
        if self._engine is engine:
            self._spent.pop()
        self._spent.append(dict(getattr(engine, "spent", {})))
        self._engine = engine


def _questions(row: Row, category: str, task: str) -> list[tuple[str, dict[str, str]]]:
    """What is asked of a row in one category, by name: once, or once for each hop."""
    values = {"question": row.question, "response": row.response, "solution": row.solution or ""}
    if (task, category) != ("subqa", "reasoning"):
        return [(category, values)]
    hops = enumerate(row.steps or (), 1)
    return [(f"{category} {i}", {**values, "subquestion": hop.question, "subanswer": hop.answer}) for i, hop in hops]


def _labelled(rulings: Mapping[str, Ruling], task: str) -> Errors:
    labels: dict[str, Label] = {}
    for category in TASKS[task]:
        said = {LABELS.get(ruling.label, "unscored") for name, ruling in rulings.items() if name.split()[0] == category}
        labels[category] = next(label for label in ("error", "unscored", "no error") if label in said)
    reason = "; ".join(f"{name}: {_told(ruling)}" for name, ruling in rulings.items())
    return Errors(labels, reason, {name: ruling.reply for name, ruling in rulings.items()})


def _told(ruling: Ruling) -> str:
    return f"unscored, {ruling.reason}" if ruling.label == UNSCORED else ruling.label


# Rules


@dataclass(frozen=True)
class ByRules:
    """Rules that need no model."""

    task: str
    name: str = "rules"

    def key(self) -> dict[str, Any]:
        """Return all that can change its labels."""
        versions = {"arithmetic": arithmetic.VERSION, "guard": guard.VERSION, "rules": rules.VERSION}
        return {"judge": self.name, "errors": VERSION, **versions}

    def annotate(self, rows: Sequence[Row], progress: Progress = SILENT) -> list[Errors]:
        """Label one row after the other."""
        return [_by_rules(row, self.task) for row in rows]

    def spent(self) -> dict[str, Any]:
        """Return that it asks nobody."""
        return {}


def _by_rules(row: Row, task: str) -> Errors:
    settled = _settled(row, task)
    if settled is not None:
        return Errors({**settled.labels, "reasoning": "unscored"}, settled.reason) if task == "gsm8k" else settled
    problems: dict[str, str | None]
    if task == "gsm8k":
        problems = {"format": _ill_formed(row.response), "calculation": _miscalculated(row.response)}
    else:
        problems = {"format": _unstepped(row), "reasoning": _not_found(row)}
    labels: dict[str, Label] = {name: "error" if problem else "no error" for name, problem in problems.items()}
    told = [f"{name}: {problem}" for name, problem in problems.items() if problem]
    if task == "gsm8k":
        labels, told = {**labels, "reasoning": "unscored"}, [*told, f"reasoning: {UNSEEN}"]
    return Errors(labels, "; ".join(told) or "no error is seen")


def _ill_formed(response: str) -> str | None:
    """What is wrong with the format of a response to GSM8K."""
    explanation, delimiter, final = response.partition("####")
    if not delimiter:
        return "there is no '####'"
    if "####" in final:
        return "there is more than one '####'"
    if not FINAL_NUMBER.match(final):
        return "no number stands after '####'"
    if not FINAL_NUMBER.fullmatch(final):
        return "more than a number stands after '####'"
    if "=" not in explanation and len(explanation.split()) < FEWEST_WORDS:
        return "nothing is explained before '####'"
    return None


def _miscalculated(response: str) -> str | None:
    """The first equation that does not hold."""
    wrong = arithmetic.check(response).wrong
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return f"{wrong[0].text!r} should be {wrong[0].value}{more}" if wrong else None


def _unstepped(row: Row) -> str | None:
    """What is wrong with the format of a response to SubQA."""
    said, final = parse(row.response), FINAL.search(row.response)
    steps = sum(bool(step.answer) for step in said.steps)
    body = row.response[: final.start()] if final else row.response
    own = 0 if said.event is not None or said.steps else _own_steps(body, row.question)
    if max(steps, own) < 2:
        return "there is one step only" if steps else "there are no steps"
    if said.answer or (own and final is None and CLOSING.search(row.response)):
        return None
    return "there is no final answer"


def _own_steps(text: str, question: str) -> int:
    """How many steps there are that are not in the format."""
    asked = [found[1] for found in QUESTION.finditer(text) if words(found[1]) != words(question)]
    told = [each for each in sentences(text) if len(words(each)) >= 4 and not each.endswith("?") and _names(each)]
    return max(len(asked), len(told), *(len(form.findall(text)) for form in (NUMBERED, ORDINAL)))


def _names(sentence: str) -> bool:
    """Whether it tells a name or a number."""
    return any(token.figure or (token.capital and not token.opens) for token in tokens(sentence))


def _not_found(row: Row) -> str | None:
    """The first hop whose answer the steps do not find."""
    steps = [step for step in parse(row.response).steps if step.answer]
    for number, hop in enumerate(row.steps or (), 1):
        same = [step for step in steps if words(step.question) == words(hop.question)]
        if same and not any(_finds(step.answer, hop) for step in same):
            return f"step {same[0].question!r} finds {same[0].answer!r}, not {hop.answer!r} (hop {number})"
        found = any(_finds(step.answer, hop) for step in steps) if steps else stands_in(hop.answer, row.response)
        if not found:
            return f"no step finds {hop.answer!r} (hop {number})"
    return None


def _finds(said: str, hop: Hop) -> bool:
    """Whether a step's answer is the hop's."""
    wanted = Asked(
        hop.question, (hop.answer,), frozenset(words(hop.question)), relation=frozenset(content(hop.question))
    )
    return flaw(said, wanted) is None

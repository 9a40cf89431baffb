"""GSM8K (Cobbe et al., 2021; MIT), its Socratic form, and GSM1k (Zhang et al., 2024): problems, steps, final numbers.

JSON lines, or one JSON list, of question and answer. An answer is one step a line and "#### N" at its end; a Socratic
line is "sub-question ** step". GSM1k's answer is the number alone, as a number or as text. The same form is written
here, so that what a recipe teaches, a lab world asks and a benchmark reads is one form.

Traps, measured on the files: final numbers have thousands commas and minus signs. Blank lines stand within a few
answers, no-break and zero-width spaces anywhere, and U+2028, at which `str.splitlines` would cut. A sub-question's step
may be empty. Main and Socratic are the same items: never train on one and test on the other.
"""

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from pydantic import StrictFloat, StrictInt, StrictStr

from kinject import storage
from kinject.errors import MissingError
from kinject.recipes.readers.form import Form, checked, read_any

LICENCE = "MIT (GSM8K)"
RAW = "https://raw.githubusercontent.com/openai/grade-school-math/master/grade_school_math/data"
GET = f"`curl -LO {RAW}/train_socratic.jsonl`, then --source gsm8k:train_socratic.jsonl"
KNOWN = {
    "153d86551187cfd64ef7afb59bfd0ef75cea3ae9388e7ad31e43920b6dd77872": "train_socratic.jsonl",
    "17f347dc51477c50d4efb83959dbb7c56297aba886e5544ee2aaed3024813465": "train.jsonl",
}
"""sha256 of files as they were published, 7,473 rows each; the hub has the same rows in another form."""

DELIMITER, END = " ** ", "####"
PLAIN = str.maketrans("−‐‑–﹣－\u00a0\u202f", "------  ", "\u200b\u200c\u200d\u2060\ufeff\u00ad")
"""What else stands for a minus sign or a space, and what is not seen."""
DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,9}|[0-9]{1,30})"
NUMBER = rf"-?(?:[$€£]\ ?)?-?(?:{DIGITS}(?:\.[0-9]{{1,30}})?|\.[0-9]{{1,30}})(?![0-9]|[.,/:^][0-9])"
"""Not: part of a longer one, of a fraction, of a time of day, of what is grouped otherwise."""

FORM = 'write {"question": TEXT, "answer": "STEP\\nSTEP\\n#### NUMBER"} a line'


class Item(Form):
    """A row of the set."""

    question: str
    answer: StrictStr | StrictInt | StrictFloat


@dataclass(frozen=True)
class Step:
    """One line of a solution, with its <<annotations>>; the main form has no sub-question."""

    text: str
    question: str | None = None


@dataclass(frozen=True)
class Problem:
    """A word problem with its solution; `final` is the number as it is written."""

    question: str
    steps: tuple[Step, ...]
    final: str


@dataclass(frozen=True)
class Problems:
    """What was read from a file."""

    source: str
    licence: str
    problems: tuple[Problem, ...]
    read: int
    """Rows in the file."""
    left_out: dict[str, int]
    known: str | None = None
    """The name of the published file that this one is to the byte."""

    @property
    def socratic(self) -> bool:
        """Say whether every problem has sub-questions."""
        return all(step.question is not None for problem in self.problems for step in problem.steps)


def read(path: Path, bare: bool = False) -> Problems:
    """Read a file of GSM8K; where answers may be `bare`, a number without steps will do (GSM1k)."""
    if not path.is_file():
        raise MissingError("there is no file of GSM8K", where=str(path), mend=GET)
    items = [checked(Item, value, where, "problem of GSM8K", FORM) for where, value in read_any(path)]
    found = [_problem(item, bare) for item in items]
    problems = tuple(each for each in found if isinstance(each, Problem))
    left_out = Counter(each for each in found if isinstance(each, str))
    return Problems(
        f"gsm8k:{path}", LICENCE, problems, len(items), dict(left_out), KNOWN.get(storage.file_digest(path))
    )


def solution(problem: Problem) -> str:
    """Write the steps and the final number as GSM8K does."""
    lines = [step.text if step.question is None else step.question + DELIMITER + step.text for step in problem.steps]
    return "\n".join([*lines, f"{END} {problem.final}"])


def solved(question: str, answer: str) -> Problem | str:
    """Take an answer apart; the reason why it is none where it is not in the form."""
    lines = [line.strip() for line in answer.split("\n") if line.strip()]
    if answer.count(END) != 1:
        return f"{END} stands more than once" if END in answer else f"there is no {END}"
    if not lines[-1].startswith(END):
        return f"{END} does not stand in the last line"
    final = lines[-1].removeprefix(END).strip()
    if number(final) is None:
        return f"what stands after {END} is no number"
    if len(lines) == 1:
        return "there is no step"
    return Problem(question.strip(), tuple(map(_step, lines[:-1])), final)


def number(text: str) -> Fraction | None:
    """Return the value of a text that is a number: thousands commas, minus, a currency before it, decimals."""
    said = text.translate(PLAIN).strip()
    return _value(said) if re.fullmatch(NUMBER, said) else None


def final_number(response: str) -> Fraction | None:
    """Return the number behind the first #### that has one; what stands after it (a unit, a full stop) does not count.

    Emphasis is no part of a number. Not read are fractions ("7/2"), times of day and decimal commas.
    """
    found = re.search(rf"(?<!#){END}(?!#)[\s*_`]*((?:- )?{NUMBER})", response.translate(PLAIN))
    return _value(found[1]) if found else None


def last_number(response: str) -> Fraction | None:
    """Return the last number of a text; a hyphen between two words or numbers is no minus sign."""
    found = re.findall(rf"(?<![0-9.,])(?:(?<![\w)\]>%$-])|(?!-))({NUMBER})", response.translate(PLAIN))
    return _value(found[-1]) if found else None


def _value(said: str) -> Fraction:
    size = Fraction(re.sub(r"[^0-9.]", "", said))
    return -size if "-" in said else size


def _problem(item: Item, bare: bool) -> Problem | str:
    """Return the problem of a row, or why it has none."""
    answer = str(item.answer)
    if not item.question.strip():
        return "the question is empty"
    if bare and number(answer) is not None:
        return Problem(item.question.strip(), (), answer.strip())
    return solved(item.question, answer)


def _step(line: str) -> Step:
    """Return a line's step; of an empty one the delimiter's last space may be lacking."""
    asked, found, text = f"{line} ".partition(DELIMITER)
    return Step(text.strip(), asked.strip()) if found else Step(line)

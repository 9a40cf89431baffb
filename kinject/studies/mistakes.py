"""Which mistakes go away as post-training data grows (arXiv 2410.03717, section 4; Figure 3)?

In: the record of a sweep, whose points name their responses. Out: one object (`kinject.errors/1`). As in the paper only
wrong answers are looked at, and each is asked for errors of format, of arithmetic (word problems only) and of reasoning
by itself, so that it may have several, or none that is seen (`judging.errors`). For each model and task: the counts of
every point, what r squared of all mistakes and those of a kind is over the points, by when each kind has stopped
changing, and whether format stops before reasoning does.

"By N rows" is the smallest size from which on no size differs from the largest by more than chance; beside it stands
how large a difference had to be to be seen. That one is seen and another is not is no difference yet: so the claim
"holds" only where, from the size on by which format has stopped, reasoning falls further than format does, with an
interval above 0.

Who says so: `rules`, or a language model. Rules cannot see whether the reasoning about a word problem is right, and
leave it unscored, except in the lab: there every problem has one way to be solved, and `plan` holds a response's sums
against it, its own earlier results taken as they are, so that a slip of arithmetic is none of reasoning.

Traps: the rates are of all answers, as the bars of Figure 3 are, so every kind falls where mistakes do; the shares of
the wrong answers are beside them. Only wrong answers are looked at, so a right answer in the wrong form counts nowhere:
`in_format` tells of all answers, by the benchmark's own mark. What is no answer at all ("nothing") is an error of
format and of nothing else: a model that says nothing makes no error of reasoning. Who answers and shows no steps has
not reasoned rightly, for the rules and the plan: in a base model the two kinds go together, and where every wrong
answer is one of reasoning its r squared is 1 and says nothing. A call that failed is no mistake.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Any

from kinject import storage
from kinject.errors import IntegrityError, MissingError, UsageError
from kinject.judging import guard
from kinject.judging.errors import Annotator, Errors, Label, Row
from kinject.progress import SILENT, Named, Progress
from kinject.recipes.readers.gsm8k import final_number
from kinject.statistics.determination import Redrawn, around, determination, difference, further, redrawn
from kinject.statistics.intervals import Rate, wilson_grouped
from kinject.studies.injection import versions

SCHEMA = "kinject.errors/1"
SWEEP = "kinject.sweep/1"

TASKS = {"gsm8k": "gsm8k", "gsm1k": "gsm8k", "lab-math": "gsm8k", "subqa": "subqa", "lab-multihop": "subqa"}
"""What `judging.errors` takes the responses to a benchmark for."""
KINDS = {
    "gsm8k": {"format": "format", "arithmetic": "calculation", "reasoning": "reasoning"},
    "subqa": {"format": "format", "reasoning": "reasoning"},
}
"""The kinds of mistakes, and what `judging.errors` calls them."""
LETTERS: dict[Label, str] = {"error": "E", "no error": "-", "unscored": "?"}
RIGHT, UNANSWERED = ".", "_"
TOTAL = "mistakes"

PAPER = {
    "gsm8k": {"reasoning": 0.98, "format": 0.93},
    "subqa": {"reasoning": 0.99, "format": 0.83},
}
"""r squared for Llama-3-8B (section 4.2)."""

SUM = re.compile(r"(\d{1,30})\s*([-+*/])\s*(\d{1,30})\s*=\s*(\d{1,30})")
ANNOTATED = re.compile(rf"<<\s*{SUM.pattern}\s*>>")


@dataclass(frozen=True)
class Answers:
    """The answers of one point of a sweep, and what is wrong with them."""

    point: Mapping[str, Any]
    lines: tuple[Mapping[str, Any], ...]
    found: Mapping[str, Errors]
    """Of the wrong ones, by item."""

    @property
    def marks(self) -> list[bool | None]:
        """Return whether each is right; None where there is no answer."""
        return [line["marks"][self.point["metric"]] for line in self.lines]

    @property
    def wrong(self) -> list[Mapping[str, Any]]:
        """Return the lines of the wrong answers."""
        return [line for line, right in zip(self.lines, self.marks, strict=True) if right is False]

    def labels(self, category: str) -> str:
        """Return one letter an item: E an error, - none, ? unscored, . right, _ no answer."""
        letters = {True: RIGHT, None: UNANSWERED}
        return "".join(
            LETTERS[self.found[line["id"]].labels[category]] if right is False else letters[right]
            for line, right in zip(self.lines, self.marks, strict=True)
        )


def read(path: Path) -> dict[str, Any]:
    """Read the record of a sweep. `UsageError` where it is none."""
    found = storage.read_json(path)
    if not isinstance(found, dict) or found.get("schema") != SWEEP:
        raise UsageError("this is no record of a sweep", where=str(path), mend="make one: kinject sweep --out FILE")
    return found


def study(
    sweep: Mapping[str, Any],
    open_annotator: Callable[[str], Annotator],
    sizes: Sequence[int | str] = (),
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Look at the wrong answers of every model and task that has kinds of mistakes; of all sizes where none is named.

    `open_annotator` opens who looks at a task of `judging.errors`; "all" is the largest size of each task.
    """
    judges: dict[str, Annotator] = {}
    found, left_out = [], []
    for model, task in dict.fromkeys((point["model"], point["task"]) for point in sweep["points"]):
        points = [point for point in sweep["points"] if (point["model"], point["task"]) == (model, task)]
        kind = TASKS.get(points[0]["benchmark"])
        if kind is None:
            why = f"the paper sorts no mistakes in {points[0]['benchmark']}"
            left_out.append({"model": model, "task": task, "why": why})
            continue
        judge = judges.setdefault(kind, open_annotator(kind))
        found.append(_sorted(_chosen(points, sizes), kind, judge, Named(f"{model}, {task}", progress)))
    if not found:
        mend = f"sweep a task whose benchmark is one of: {', '.join(TASKS)}"
        raise UsageError("there are no mistakes that could be sorted", where="SWEEP.json", mend=mend)
    return {
        "schema": SCHEMA,
        "annotators": {kind: judge.key() for kind, judge in judges.items()},
        "tasks": found,
        "left_out": left_out,
        "spent": {kind: judge.spent() for kind, judge in judges.items()},
        "versions": versions(),
    }


def _chosen(points: Sequence[Mapping[str, Any]], sizes: Sequence[int | str]) -> list[Mapping[str, Any]]:
    """Choose the points of some sizes. `UsageError` where a task has none of them."""
    largest = max(point["rows"] for point in points)
    wanted = {largest if size == "all" else size for size in sizes}
    chosen = [point for point in points if not wanted or point["rows"] in wanted]
    if not chosen:
        there = ", ".join(map(str, sorted({point["rows"] for point in points})))
        problem = f"{points[0]['task']} has no point of these sizes"
        raise UsageError(problem, where="--sizes", mend=f"it has {there}")
    return chosen


def _sorted(points: Sequence[Mapping[str, Any]], kind: str, judge: Annotator, progress: Progress) -> dict[str, Any]:
    """Return what there is to say of a model and a task."""
    done = sorted((point for point in points if not point["failed"]), key=lambda each: (each["rows"], each["seed"]))
    answers = annotated(done, kind, judge, progress)
    told = {name: points[0][name] for name in ("model", "task", "benchmark")}
    planned = _planned(points[0], judge)
    return {
        **told,
        "kinds": list(KINDS[kind]),
        "annotators": {each: "plan" if planned and each == "reasoning" else judge.name for each in KINDS[kind]},
        "points": [_counted(each, kind) for each in answers],
        "failed": [{"rows": p["rows"], "seed": p["seed"], "why": p["failed"]} for p in points if p["failed"]],
        **(_over_points(answers, kind) if answers else {}),
        "paper": PAPER[kind],
    }


# Responses and their errors


def annotated(
    points: Sequence[Mapping[str, Any]], kind: str, judge: Annotator, progress: Progress = SILENT
) -> list[Answers]:
    """Have the wrong answers of all points looked at, with one call of the annotator."""
    read = [Answers(point, tuple(_lines(point)), {}) for point in points]
    if len({tuple(line["id"] for line in each.lines) for each in read}) > 1:
        where = f"the responses of {points[0]['task']}"
        raise IntegrityError("not all points were asked the same items", where=where, mend="run the sweep again")
    wrong = [(number, line) for number, each in enumerate(read) for line in each.wrong]
    rows = [row(line, kind) for _, line in wrong]
    said = judge.annotate(rows, progress) if rows else []
    if points and _planned(points[0], judge):
        said = [_by_plan(each, errors) for each, errors in zip(rows, said, strict=True)]
    found: list[dict[str, Errors]] = [{} for _ in read]
    for (number, line), errors in zip(wrong, said, strict=True):
        found[number][line["id"]] = errors
    return [replace(each, found=errors) for each, errors in zip(read, found, strict=True)]


def _lines(point: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    path = Path(point["responses"])
    if not path.is_file():
        problem = f"the responses of {point['task']}, {point['rows']} rows, seed {point['seed']} are not here"
        raise MissingError(problem, where=str(path), mend="run the same `kinject sweep` on this machine again")
    return storage.read_jsonl(path)


def row(line: Mapping[str, Any], kind: str) -> Row:
    """Return a wrong answer in the form of `judging.errors`, with what the benchmark holds it against."""
    reference = line["reference"]
    told: dict[str, Any] = {"response": line["response"], "correct": False}
    if kind == "gsm8k":
        return Row.model_validate({**told, "question": reference["question"], "solution": reference["solution"]})
    asked = reference["fact"]["multihop"]
    return Row.model_validate(
        {**told, "question": asked["question"], "steps": asked["hops"], "answer": asked["answer"]}
    )


def _planned(point: Mapping[str, Any], judge: Annotator) -> bool:
    """Say whether reasoning that rules cannot see is looked for by `plan`."""
    return judge.name == "rules" and point["benchmark"] == "lab-math"


def _by_plan(given: Row, errors: Errors) -> Errors:
    """Put in what `plan` says of the reasoning about a lab's word problem."""
    if not isinstance(given.response, str) or not given.solution:
        return errors
    nothing = guard.graded_by_rule(given.response)
    problem = None if nothing else plan(given.solution, given.response)
    label: Label = "error" if problem else "no error"
    told = f"{errors.reason}; by the plan: {nothing or problem or 'no error is seen'}"
    return replace(errors, labels={**errors.labels, "reasoning": label}, reason=told)


# Reasoning about a word problem that can be solved in one way only


@dataclass(frozen=True)
class Sum:
    """One calculation, and the result that is given for it."""

    left: int
    sign: str
    right: int
    result: int


def plan(solution: str, response: str) -> str | None:
    """Return what is wrong with a response's way to its answer; None where it is that of the solution.

    It is if it has the solution's calculations, no more and no fewer, in any order, on the problem's numbers and on
    its own results, however wrong these are; and if its final number, where it has one, is its own last result.
    """
    wanted, said = sums(solution), sums(response)
    if len(said) != len(wanted):
        return f"{len(said)} calculations and not {len(wanted)}"
    fitting = [order for order in permutations(said) if _follows(wanted, order)]
    if not fitting:
        return "another calculation than the problem's"
    final = final_number(response)
    if final is not None and all(final != order[-1].result for order in fitting):
        return "the answer is not what the last calculation gives"
    return None


def sums(text: str) -> list[Sum]:
    """Return the calculations of a text, line by line: its annotations, and where a line has none, what it says."""
    lines = (ANNOTATED.findall(line) or SUM.findall(line) for line in text.splitlines())
    return [Sum(int(a), sign, int(b), int(result)) for line in lines for a, sign, b, result in line]


def _follows(wanted: Sequence[Sum], said: Sequence[Sum]) -> bool:
    """Say whether each calculation is the wanted one, on the numbers that are known by then."""
    for number, (right, own) in enumerate(zip(wanted, said, strict=True)):
        results = [(before.result, mine.result) for before, mine in zip(wanted[:number], said[:number], strict=True)]
        operands = [{value, *(mine for true, mine in results if true == value)} for value in (right.left, right.right)]
        pairs = [(own.left, own.right), *([(own.right, own.left)] if right.sign in "+*" else [])]
        if own.sign != right.sign or not any(a in operands[0] and b in operands[1] for a, b in pairs):
            return False
    return True


# Counts


def _counted(answers: Answers, kind: str) -> dict[str, Any]:
    """Return the counts of one point: of its wrong answers and, as in Figure 3, of all."""
    marks = answers.marks
    answered, mistakes = sum(each is not None for each in marks), marks.count(False)
    labels = {name: answers.labels(category) for name, category in KINDS[kind].items()}
    nothing = sum(isinstance(r["response"], str) and bool(guard.graded_by_rule(r["response"])) for r in answers.wrong)
    return {
        "rows": answers.point["rows"],
        "seed": answers.point["seed"],
        TOTAL: Rate(k=mistakes, n=answered, unscored=len(marks) - answered).as_json(),
        "nothing": nothing,
        "of_wrong": {name: _of_wrong(each).as_json() for name, each in labels.items()},
        "in_format": _in_format(answers),
        "labels": labels,
    }


def _of_wrong(labels: str) -> Rate:
    errors, none, unscored = (labels.count(letter) for letter in "E-?")
    return Rate(k=errors, n=errors + none, unscored=unscored)


def _in_format(answers: Answers) -> dict[str, Any] | None:
    """How many of all answers, right or wrong, are in the benchmark's format; None where it does not look."""
    marks = [line["marks"].get("format") for line in answers.lines]
    scored = [each for each in marks if each is not None]
    return Rate(k=sum(scored), n=len(scored), unscored=len(marks) - len(scored)).as_json() if scored else None


def _over_points(answers: Sequence[Answers], kind: str) -> dict[str, Any]:
    """Return what the points of a model and a task say together."""
    marks = {TOTAL: _matrix(answers, _mistaken), **{name: _errors(answers, of) for name, of in KINDS[kind].items()}}
    sizes = [each.point["rows"] for each in answers]
    runs = redrawn(marks, sizes, [each.point["seed"] for each in answers])
    falls = {name: fall(runs, name, marks[name]) for name in marks}
    more = further(runs, TOTAL, "reasoning", "format")
    return {
        "intervals": runs.chance,
        "r2": {name: determination(runs, TOTAL, name).as_json() for name in KINDS[kind]},
        "r2_reasoning_less_format": more and {"difference": round(more[0], 3), "interval": _rounded(more[1], 3)},
        "falls": falls,
        "claim": claim(runs, falls),
    }


def _matrix(answers: Sequence[Answers], of: Callable[[Answers], list[float]]) -> Any:
    import numpy as np

    return np.array([of(each) for each in answers]).T


def _mistaken(answers: Answers) -> list[float]:
    return [float("nan") if right is None else float(not right) for right in answers.marks]


def _errors(answers: Sequence[Answers], category: str) -> Any:
    """(items, points): 1 for an error. A mistake that nobody scored counts as much as those do that were, on average.

    As nothing it would be taken for no error, and left out for none that was made.
    """

    def of(each: Answers) -> list[float]:
        labels = each.labels(category)
        rate = _of_wrong(labels)
        unscored = rate.k / rate.n if rate.n else float("nan")
        values = {"E": 1.0, "-": 0.0, "?": unscored, RIGHT: 0.0, UNANSWERED: float("nan")}
        if rate.unscored and not rate.n:
            return [float("nan")] * len(labels)
        return [values[letter] for letter in labels]

    return _matrix(answers, of)


# By when, and which first


def fall(runs: Redrawn, name: str, marks: Any) -> dict[str, Any]:
    """Return a kind's rate at every size, how far it is above that of the largest, and by when that has stopped."""
    import numpy as np

    if not np.isfinite(runs.rates[name]).all():
        return {"state": "not scored", "by": None, "unseen": None, "sizes": []}
    last = runs.steps[-1]
    sizes = []
    for size in runs.steps:
        above, interval = difference(runs, name, size, last)
        own = marks[:, [number for number, each in enumerate(runs.sizes) if each == size]]
        sizes.append(
            {
                "rows": size,
                "percent": round(100 * runs.rate(name, size)[0], 1),
                "interval": _rounded(_wilson(own), 1),
                "above_last": round(above, 1),
                "above_last_interval": _rounded(interval, 1),
                "same": not _apart(interval),
            }
        )
    return {**stopped(sizes), "sizes": sizes}


def stopped(sizes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return by how many rows a rate has stopped changing, and how large a change would have been seen after that."""
    by = len(sizes) - 1
    while by > 0 and sizes[by - 1]["same"]:
        by -= 1
    ends = [each["above_last_interval"] for each in sizes[by:-1]]
    unseen = max((round((high - low) / 2, 1) for low, high in ends), default=None)
    if len(sizes) < 2:
        state = "one size"
    elif by == 0:
        state = "no change"
    elif by < len(sizes) - 1:
        state = "stops"
    else:
        state = "still falls" if sizes[-2]["above_last"] > 0 else "still rises"
    return {"state": state, "by": sizes[by]["rows"], "unseen": unseen}


def claim(runs: Redrawn, falls: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Say whether errors of format stop falling while errors of reasoning go on: holds, reverses or unresolved.

    "Reverses" is the same with the two in each other's place.
    """
    one, other = falls["format"], falls["reasoning"]
    if "not scored" in (one["state"], other["state"]):
        words = "who looks cannot score the reasoning: name a language model with --annotator"
        return {"state": "not comparable", "words": words, "from": None}
    for state, first, second in (("holds", "format", "reasoning"), ("reverses", "reasoning", "format")):
        by = falls[first]["by"]
        rest = _rest(runs, first, second, by)
        if falls[first]["state"] == "stops" and rest["further_interval"][0] > 0 and rest["then_interval"][0] > 0:
            words = (
                f"errors of {first} stop by {by} rows; from there on errors of {second} fall by {rest['then']:.1f}"
                f" points more, {rest['further']:.1f} further than those of {first}"
            )
            return {"state": state, "words": words, "from": by, **rest}
    told = "; ".join(f"errors of {name}: {_told(falls[name])}" for name in ("format", "reasoning"))
    rest = _rest(runs, "format", "reasoning", one["by"])
    return {"state": "unresolved", "words": told, "from": one["by"], **rest}


def _rest(runs: Redrawn, first: str, second: str, by: int) -> dict[str, Any]:
    """How far the second falls from a size on, and how much further than the first."""
    last = runs.steps[-1]
    (a, drawn_a), (b, drawn_b) = (
        (100 * (there - end), 100 * (drawn - drawn_end))
        for (there, drawn), (end, drawn_end) in (
            (runs.rate(each, by), runs.rate(each, last)) for each in (first, second)
        )
    )
    least = runs.least if by != last else 0.0
    then, more = around(b, drawn_b, least), around(b - a, drawn_b - drawn_a, least)
    return {
        "then": round(then[0], 1),
        "then_interval": _rounded(then[1], 1),
        "further": round(more[0], 1),
        "further_interval": _rounded(more[1], 1),
    }


def _told(found: Mapping[str, Any]) -> str:
    match found["state"]:
        case "stops":
            return f"stop by {found['by']} rows (changes below {found['unseen']} points are not seen)"
        case "no change":
            return f"no change is seen at any size (below {found['unseen']} points none would be)"
    return str(found["state"])


def _apart(interval: tuple[float, float]) -> bool:
    return interval[0] > 0 or interval[1] < 0


def _wilson(marks: Any) -> tuple[float, float]:
    """The interval of a rate over items, of which each has one mark a seed, in percent."""
    groups = [[each for each in item if each == each] for item in marks.tolist()]  # without NaN
    low, high = wilson_grouped([group for group in groups if group])
    return 100 * low, 100 * high


def _rounded(interval: tuple[float, float], digits: int) -> list[float]:
    return [round(end, digits) for end in interval]

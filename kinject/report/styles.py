"""Chats against a task's rows as a section: who is right, who is preferred, and whether the two disagree (Table 2).

The paper's figures stand beside ours and no difference from them is formed. Where no language model was asked, the
cell of the win rate says so.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt

from kinject.report import paper
from kinject.report.records import Interval, Part, Percent, Rate, formed
from kinject.report.section import NOTHING, Column, Section, Table, ends, in_words

SCHEMA = "kinject.styles/1"
QUESTION = "Is a model that answers better also preferred?"
SIDES = {"lima": "LIMA", "task": "Task"}
ENDS = {"wins": "lima", "losses": "task", "ties": "neither"}
"""How pairs end, by who wins them in Table 2."""


class Side(Part):
    """One model."""

    accuracy: Rate
    by_seed: dict[str, Rate]
    characters: float | None


class Difference(Part):
    """By how many points the task's model is more accurate."""

    points: float | None
    interval: Interval | None
    how: str


class Preferred(Part):
    """LIMA's win rate, ties as halves."""

    percent: Percent | None
    interval: Interval | None
    why: str = ""


class WinRate(Part):
    """How the judged pairs ended, or why nobody was asked."""

    asked: bool
    why: str = ""
    n: NonNegativeInt = 0
    wins: NonNegativeInt = 0
    losses: NonNegativeInt = 0
    ties: NonNegativeInt = 0
    unscored: NonNegativeInt = 0
    flips: Rate | None = None
    raw: Preferred | None = None
    length_controlled: Preferred | None = None


class Verdict(Part):
    """In words."""

    words: str


class Failed(Part):
    """A seed that is not compared."""

    side: str
    seed: int
    why: str


class Paper(Part):
    """A row of Table 2, in percent."""

    accuracy: dict[str, float]
    win_rate: dict[str, float]


class Task(Part):
    """Both models on one benchmark."""

    task: str
    benchmark: str
    seeds: tuple[int, ...]
    sides: dict[str, Side]
    difference: Difference
    win_rate: WinRate
    verdict: Verdict
    failed: tuple[Failed, ...]
    paper: Paper | None


class Styles(Part):
    """The whole record."""

    model: str
    rows: NonNegativeInt
    judge: dict[str, Any] | None
    tasks: tuple[Task, ...] = Field(min_length=1)
    spent: dict[str, Any] = Field(default_factory=dict)
    versions: str


def section(path: Path, record: Any) -> Section:
    """Return what there is to say of styles."""
    found = formed(Styles, record, path)
    return Section(
        question=QUESTION,
        title=f"{found.rows:,} chats against {found.rows:,} rows of a task ({found.model})",
        state=paper.state([(found.model, task.benchmark) for task in found.tasks]),
        answer=" ".join(map(_answer, found.tasks)),
        pieces=(main_table(found), preference_table(found), seeds_table(found)),
        provenance=_provenance(found),
        data={"of": SCHEMA, **{name: record[name] for name in ("model", "rows", "judge", "tasks")}},
        notes=tuple(_notes(found)),
    )


def _answer(task: Task) -> str:
    return f"{task.task}: {_accuracy(task, 'task')} % right after rows of the task, {_accuracy(task, 'lima')} % after \
chats; {task.verdict.words}."


def _accuracy(task: Task, side: str) -> str:
    percent = task.sides[side].accuracy.percent if side in task.sides else None
    return NOTHING if percent is None else f"{percent:.1f}"


# Tables

TASK = Column("task", "And the benchmark that scores it.")
IN_PAPER = Column(
    "in paper",
    "Llama-3-8B with 1,000 rows of each, on GSM8K and SubQA, GPT-4o as the judge (arXiv 2410.03717, Table 2): for "
    "direction only.",
)
RIGHT = "Right answers of the model that was trained on {}: rate, 95 % Wilson interval over items, k of n scored ones."
WON = "Of all judged pairs, those that {}, and k of n. A pair that its order decides is won by nobody."


def main_table(found: Styles) -> Table:
    """Table 2 with the paper's figures beside ours."""
    columns = (
        TASK,
        Column("LIMA right", RIGHT.format("chats")),
        IN_PAPER,
        Column("Task right", RIGHT.format("rows of the task")),
        IN_PAPER,
        Column(
            "Task less LIMA", "In points, item by item, with a 95 % interval over seeds or items, whichever is wider."
        ),
        Column("LIMA wins", WON.format("LIMA's answer wins")),
        IN_PAPER,
        Column("Task wins", WON.format("the task's answer wins")),
        IN_PAPER,
        Column("neither", WON.format("nobody wins")),
        IN_PAPER,
    )
    return Table("Accuracy and win rate", columns, tuple(map(_main_row, found.tasks)), keys=1)


def _main_row(task: Task) -> tuple[str, ...]:
    accuracy = task.paper.accuracy if task.paper else {}
    won = task.paper.win_rate if task.paper else {}
    cells = [cell for side in SIDES for cell in (_right(task, side), _theirs(accuracy, side))]
    wins = [cell for end, who in ENDS.items() for cell in (_won(task.win_rate, end), _theirs(won, who))]
    return f"{task.task}\n{task.benchmark}", *cells, _points(task.difference), *wins


def _right(task: Task, side: str) -> str:
    if side not in task.sides or task.sides[side].accuracy.percent is None:
        return "not scored"
    rate = task.sides[side].accuracy
    unscored = f"\n{rate.unscored:,} unscored" if rate.unscored else ""
    return f"{rate.percent:.1f} % {ends(rate.interval)}\n{rate.k:,} of {rate.n:,}{unscored}"


def _theirs(figures: dict[str, float], name: str) -> str:
    return f"paper:\u00a0{figures[name]:g}" if name in figures else NOTHING


def _points(difference: Difference) -> str:
    if difference.points is None or difference.interval is None:
        return "not to be told"
    return f"{difference.points:+.1f} {ends(difference.interval, sign='+')}"


def _won(rate: WinRate, end: str) -> str:
    if not rate.asked:
        return "not asked"
    k: int = getattr(rate, end)
    return f"{100 * k / rate.n:.1f} %\n{k:,} of {rate.n:,}" if rate.n else "not scored"


PREFERENCE = (
    TASK,
    Column("raw win rate", "LIMA's, ties as halves, with its 95 % interval over questions."),
    Column("length-controlled", "The same had both answers of every pair been equally long."),
    Column("order flips", "Judged pairs that the place decided: the same place won in both orders."),
    Column("unscored", "Pairs that the judge could not judge in both orders."),
    Column("characters", "Mean length of an answer: LIMA's, the task's."),
    Column(
        "accuracy and preference",
        "Who is ahead by each, where an interval leaves out equality, and whether they agree.",
    ),
)


def preference_table(found: Styles) -> Table:
    """What the win rate is made of, or why there is none."""
    return Table("Preference", PREFERENCE, tuple(map(_preference_row, found.tasks)), keys=1)


def _preference_row(task: Task) -> tuple[str, ...]:
    rate = task.win_rate
    lengths = (task.sides[side].characters if side in task.sides else None for side in SIDES)
    characters = ", ".join(NOTHING if each is None else f"{each:.0f}" for each in lengths)
    if not rate.asked:
        return task.task, "not asked", NOTHING, NOTHING, NOTHING, characters, _lines(task.verdict.words)
    flips = f"{rate.flips.k:,} of {rate.flips.n:,}" if rate.flips else NOTHING
    rates = (_preferred(rate.raw), _preferred(rate.length_controlled))
    return task.task, *rates, flips, f"{rate.unscored:,}", characters, _lines(task.verdict.words)


def _preferred(rate: Preferred | None) -> str:
    if rate is None or rate.percent is None:
        return f"not to be told\n{rate.why if rate else ''}".strip()
    return f"{rate.percent:.1f} % {ends(rate.interval)}\n{rate.why}".strip()


def _lines(words: str) -> str:
    return words.replace("; ", "\n")


SEEDS = (TASK, Column("seed", "Of rows, training and sampling."), *(
    Column(f"{name} right", f"Of this seed: rate, 95 % interval, k of n, for the model trained on {what}.")
    for name, what in (("LIMA", "chats"), ("Task", "rows of the task"))
))  # fmt: skip


def seeds_table(found: Styles) -> Table:
    """Every seed."""
    rows = tuple(
        (task.task, str(seed), *(_seed(task.sides.get(side), seed) for side in SIDES))
        for task in found.tasks
        for seed in task.seeds
    )
    return Table("Seeds", SEEDS, rows, keys=2)


def _seed(side: Side | None, seed: int) -> str:
    rate = side.by_seed.get(str(seed)) if side else None
    if rate is None or rate.percent is None:
        return NOTHING
    return f"{rate.percent:.1f} % {ends(rate.interval)} {rate.k:,} of {rate.n:,}"


# What has to be known


def _notes(found: Styles) -> Iterator[str]:
    for task in found.tasks:
        yield f"{task.task}: interval of the difference: {task.difference.how}."
        if not task.win_rate.asked:
            yield f"{task.task}: win rate {task.win_rate.why}."
        for each in task.failed:
            what = f"{task.task}, {SIDES.get(each.side, each.side)}, seed {each.seed}"
            yield f"Failed, and not compared: {what}: {each.why}"


def _provenance(found: Styles) -> dict[str, str]:
    told = {
        "model": found.model,
        "judge": in_words(found.judge) if found.judge else "nobody was asked",
        "seeds": ", ".join(dict.fromkeys(str(seed) for task in found.tasks for seed in task.seeds)),
        "spent": in_words(found.spent),
        "versions": found.versions,
    }
    return {name: text for name, text in told.items() if text}

"""Sorted mistakes as a section: the counts of every size, r squared beside the paper's, and the verdict (Figure 3).

Bars are percentages of all answers, as in the paper, so every kind falls where mistakes do; the shares of the wrong
answers stand in the table. An answer may have mistakes of several kinds, or none that is seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kinject.report import paper
from kinject.report.bar_chart import Kind, bars
from kinject.report.mistake_records import SCHEMA, TOTAL, At, Fall, Sorted, Task
from kinject.report.records import Rate, formed
from kinject.report.section import NOTHING, Column, Picture, Section, Table, ends, in_words

QUESTION = "Which mistakes go away as post-training data grows?"
LOOKS = (TOTAL, "format", "arithmetic", "reasoning")
STATES = {
    "stops": "as at the largest size from {by} rows on",
    "no change": "no size differs from the largest",
    "still falls": "still falls at the largest size",
    "still rises": "still rises at the largest size",
    "one size": "one size only",
    "not scored": "not scored",
}


def section(path: Path, record: Any) -> Section:
    """Return what there is to say of sorted mistakes."""
    found = formed(Sorted, record, path)
    tasks, models = (list(dict.fromkeys(getattr(each, name) for each in found.tasks)) for name in ("task", "model"))
    return Section(
        question=QUESTION,
        title=f"Mistakes: {', '.join(tasks)} ({', '.join(models)})",
        state=paper.state([(task.model, task.benchmark) for task in found.tasks]),
        answer=" ".join(map(_answer, found.tasks)),
        pieces=tuple(piece for task in found.tasks if task.points for piece in _pieces(task)),
        provenance=_provenance(found),
        data={
            "of": SCHEMA,
            "tasks": [{**task, "points": list(map(_unmarked, task["points"]))} for task in record["tasks"]],
        },
        notes=tuple(_notes(found)),
    )


def _unmarked(point: Mapping[str, Any]) -> dict[str, Any]:
    """A point without the letters of its items."""
    return {name: value for name, value in point.items() if name != "labels"}


def _answer(task: Task) -> str:
    if task.claim is None:
        return f"{task.name}: no point could be sorted."
    asked = "errors of format stop falling and those of reasoning go on"
    return f"{task.name}: {asked}: {task.claim.state}; {task.claim.words}."


def _pieces(task: Task) -> Iterator[Table | Picture]:
    if task.falls.get(TOTAL):
        yield picture(task)
    yield counts_table(task)
    if task.r2:
        yield kinds_table(task)


# Tables


def counts_table(task: Task) -> Table:
    """One row a size, its seeds together."""
    columns = (
        Column("D", "Rows of the task that the model was trained on; 0 is the model as it is."),
        Column(
            "wrong", "Wrong answers of all scored ones, all seeds together, with Wilson's 95 % interval over items."
        ),
        *(Column(kind, _meaning(kind)) for kind in task.kinds),
        Column("unscored", "Wrong answers that whoever looks could not judge, over all kinds: neither error nor none."),
        Column(
            "nothing", "Wrong answers that are none: empty, or the prompt again. Errors of format and of no other kind."
        ),
        Column("in format", "Of all answers, right or wrong, by the benchmark's own mark."),
    )
    rows = tuple(_counts_row(task, size) for size in task.sizes)
    return Table(f"Mistakes: {task.task} on {task.benchmark}, {task.model}", columns, rows, keys=1)


def _meaning(kind: str) -> str:
    return (
        f"Wrong answers with an error of {kind}: of all answers, as the bars are, with a 95 % interval over items, and "
        "k of the n wrong answers that were judged. One answer may have errors of several kinds."
    )


def _counts_row(task: Task, rows: int) -> tuple[str, ...]:
    points = [point for point in task.points if point.rows == rows]
    kinds = [[point.of_wrong[kind] for point in points if kind in point.of_wrong] for kind in task.kinds]
    looked = [point.in_format for point in points if point.in_format]
    return (
        f"{rows:,}",
        _cell(task, TOTAL, rows, [point.mistakes for point in points], "of"),
        *(_cell(task, kind, rows, own, "of wrong") for kind, own in zip(task.kinds, kinds, strict=True)),
        f"{sum(rate.unscored for own in kinds for rate in own):,}",
        f"{sum(point.nothing for point in points):,}",
        _share(looked) if looked else NOTHING,
    )


def _cell(task: Task, kind: str, rows: int, rates: Sequence[Rate], of: str) -> str:
    at = [each for each in _at(task, kind) if each.rows == rows]
    k, n = (sum(getattr(rate, name) for rate in rates) for name in "kn")
    shown = f"{at[0].percent:.1f} % {ends(at[0].interval)}" if at else "not scored"
    return f"{shown}\n{k:,} of {n:,}{' wrong' if of == 'of wrong' else ''}"


def _at(task: Task, kind: str) -> tuple[At, ...]:
    return task.falls[kind].sizes if kind in task.falls else ()


def _share(rates: Sequence[Rate]) -> str:
    k, n = (sum(getattr(rate, name) for rate in rates) for name in "kn")
    return f"{100 * k / n:.1f} %\n{k:,} of {n:,}" if n else NOTHING


KINDS = (
    Column("errors of", "The kind of mistake; an answer may have several."),
    Column(
        "r²",
        "Squared correlation, over the points, of all mistakes and those of the kind, with what another test set and "
        "other seeds would give (95 %). The kind is part of all mistakes, so it is high without any cause behind it.",
    ),
    Column("other sizes", "What r² other sizes might have given: Fisher's 95 % interval for so many sizes."),
    Column("in paper", "r² of Llama-3-8B (arXiv 2410.03717, section 4.2), over four sizes, without intervals."),
    Column(
        "over the sizes",
        "The smallest size from which on no size differs from the largest by more than chance, and how small a change "
        "is not seen.",
    ),
)


def kinds_table(task: Task) -> Table:
    """One row a kind: how it goes with all mistakes, and by when it has stopped."""
    rows = [_kind_row(task, kind) for kind in task.kinds if kind in task.r2]
    if more := task.r2_reasoning_less_format:
        paper_less = _paper_less(task.paper)
        rows.append(("reasoning less format", f"{more.difference:+.2f} {ends(more.interval, 2)}", "", paper_less, ""))
    return Table(f"Kinds of mistakes: {task.name}", KINDS, tuple(rows), keys=1)


def _paper_less(theirs: Mapping[str, float]) -> str:
    there = "reasoning" in theirs and "format" in theirs
    return f"paper:\u00a0{theirs['reasoning'] - theirs['format']:+.2f}" if there else NOTHING


def _kind_row(task: Task, kind: str) -> tuple[str, ...]:
    found, fall = task.r2[kind], task.falls.get(kind)
    r2 = f"{found.r2:.2f} {ends(found.interval, 2)}" if found.r2 is not None else "not to be told"
    theirs = f"paper:\u00a0{task.paper[kind]:.2f}" if kind in task.paper else NOTHING
    return (
        kind,
        f"{r2}\n{found.why}".strip(),
        ends(found.over_sizes, 2) or NOTHING,
        theirs,
        _told(fall) if fall else NOTHING,
    )


def _told(fall: Fall) -> str:
    by = NOTHING if fall.by is None else f"{fall.by:,}"
    words = STATES.get(fall.state, fall.state).replace("{by}", by)
    return words if fall.unseen is None else f"{words}\nchanges below {fall.unseen:.1f} points are not seen"


# The picture


def picture(task: Task) -> Picture:
    """Bars by size, all mistakes first."""
    title = f"{task.task} on {task.benchmark}, {task.model}, in the manner of Figure 3"
    shown = [kind for kind in (TOTAL, *task.kinds) if _at(task, kind)]
    kinds = [
        Kind(_legend(kind), _look(kind), {a.rows: (a.percent, *a.interval) for a in _at(task, kind)}) for kind in shown
    ]
    spans = (f"{_legend(kind)}: {_span(_at(task, kind))}." for kind in shown)
    words = " ".join([f"Percent of all answers. {task.name}.", *spans, "All numbers stand in the table of mistakes."])
    return Picture(title, bars(title, words, "of all answers, %", task.sizes, kinds))


def _look(kind: str) -> int:
    """The same pattern for a kind in every picture."""
    return LOOKS.index(kind) if kind in LOOKS else 0


def _legend(kind: str) -> str:
    return "all wrong answers" if kind == TOTAL else f"errors of {kind}"


def _span(at: Sequence[At]) -> str:
    first, last = at[0], at[-1]
    return f"{first.percent:.1f} at D = {first.rows:,}" + (
        f", {last.percent:.1f} at D = {last.rows:,}" if last is not first else ""
    )


# What has to be known


def _notes(found: Sorted) -> Iterator[str]:
    yield "Only wrong answers are looked at. Percentages are of all answers, so every kind falls where mistakes do."
    for task in found.tasks:
        unseen = [kind for kind in task.kinds if task.points and not _at(task, kind)]
        if unseen:
            yield f"{task.name}: errors of {' and '.join(unseen)} could not be scored by {_who(task, unseen)}."
    for task in found.tasks:
        for each in task.failed:
            yield f"Failed, and no zero: {task.name}, {each.rows:,} rows, seed {each.seed}: {each.why}"
    for out in found.left_out:
        yield f"Left out: {out.task}, {out.model}: {out.why}."


def _who(task: Task, kinds: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(task.annotators.get(kind, "anybody") for kind in kinds))


def _provenance(found: Sorted) -> dict[str, str]:
    by = (
        f"{task.name}: " + ", ".join(f"{kind} by {who}" for kind, who in task.annotators.items())
        for task in found.tasks
    )
    told = {
        "sorted by": "; ".join(by),
        "annotators": in_words(found.annotators),
        "intervals": ", ".join(dict.fromkeys(task.intervals for task in found.tasks if task.intervals)),
        "spent": in_words({kind: spent for kind, spent in found.spent.items() if spent}),
        "versions": found.versions,
    }
    return {name: text for name, text in told.items() if text}

"""How far judges agree with each other, with themselves, and with the truth.

In: answers with the verdicts of several raters, and labels from a CSV or by construction (`truth`). Out: plain data,
one entry for each pair of raters with kappa and the confusion, for each judge its error in each group and its corrected
rates, and the answers on which raters differ, with their reasons.

Reasoning is asked of multihop answers only, so the verdict "absent" that every judge gives elsewhere is no agreement
and is left out. The answers about one fact are a cluster, and every interval takes this. Rates are corrected one by
one, as `grade.scores` has them, for the kinds differ.

Trap: by construction every label is known, but how often each thing is done to an answer is the maker's choice. Kappa,
error rates and what is mistaken for what say something of the judge; the rates themselves say nothing of any model.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations, zip_longest
from pathlib import Path
from typing import Any, get_args

from kinject.errors import UsageError, did_you_mean
from kinject.facts.schema import FactSet
from kinject.judging.cases import Known
from kinject.judging.grade import Answer, grade, judgeable, missed
from kinject.judging.judge import Judge
from kinject.judging.verdict import Correctness, Reasoning, Recall, Verdict
from kinject.progress import SILENT, Progress
from kinject.statistics import agreement as statistics
from kinject.statistics.intervals import Rate
from kinject.storage import read_text

PARTS: dict[str, tuple[str, ...]] = {
    "correctness": get_args(Correctness)[:-1],
    "recall": get_args(Recall)[:-1],
    "reasoning": get_args(Reasoning)[:-1],
}
"""What is judged, and the labels without "unscored"."""
COUNTED = {"correctness": "correct", "recall": "wrong", "reasoning": "faulty"}
"""The label whose rate is reported: of right answers, of hallucinated events, of faulty reasoning."""
RATES = {
    "direct": ("direct", "correctness"),
    "direct_paraphrased": ("direct_paraphrased", "correctness"),
    "multihop": ("multihop", "correctness"),
    "hallucinated": ("multihop", "recall"),
    "faulty_reasoning": ("multihop", "reasoning"),
}
"""The rates of `grade.scores` over all answers of a kind, by name: the kind and the part."""
KEYS = ("line", "fact", "kind", "sample")
GROUPS = ("style", "kind", "arm")


@dataclass(frozen=True)
class Labelled:
    """One answer, what each rater said of it, and the labels that are known."""

    answer: Answer
    said: Mapping[str, Verdict]
    """By rater: a judge's name, or "NAME #2" for the second time that it was asked."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """By part; a part that is missing is not known."""
    style: str = ""
    """How a made answer is written."""
    way: str = ""
    """What was done to a made answer."""
    group: str = ""
    """The arm that it is from, or what else the labels call its group."""
    judgeable: bool = True
    """Whether there is a text and such a question, so that what is unscored is its judge's failure."""

    def label(self, rater: str, part: str) -> str | None:
        """What a rater says of a part; None where it was not asked or has not said."""
        if part == "reasoning" and self.answer.kind != "multihop":
            return None
        if rater in self.said:
            return str(getattr(self.said[rater], part))
        return self.labels.get(part)


def from_known(known: Sequence[Known]) -> list[Labelled]:
    """Constructed answers as labelled ones that nobody has judged; their lines count from 1."""
    return [
        Labelled(
            Answer(fact=each.fact.id, kind=each.kind, response=each.response, line=line),
            {},
            {part: label for part in PARTS if (label := getattr(each, part)) is not None},
            style=each.style,
            way=each.way,
        )
        for line, each in enumerate(known, 1)
    ]


def judged(
    rows: Sequence[Labelled],
    facts: FactSet,
    judges: Sequence[str],
    repeats: int,
    open_one: Callable[[str, int], Judge],
    progress: Progress = SILENT,
) -> tuple[list[Labelled], dict[str, Any]]:
    """Ask every judge, `repeats` times each, and add what they say; with it, what each of them took."""
    verdicts: dict[str, list[Verdict]] = {}
    spent: dict[str, Any] = {}
    for name in judges:
        for repeat in range(repeats):
            judge = open_one(name, repeat)
            graded = grade([row.answer for row in rows], facts, judge, progress)
            rater = name if repeat == 0 else f"{name} #{repeat + 1}"
            verdicts[rater] = [answer.verdicts[judge.name] for answer in graded]
            if took := judge.spent():
                spent[rater] = took
    told = [
        replace(
            row,
            said={rater: given[i] for rater, given in verdicts.items()},
            judgeable=judgeable(row.answer, facts),
        )
        for i, row in enumerate(rows)
    ]
    return told, spent


def agree(rows: Sequence[Labelled], truth: str | None, by: str, show: int = 10) -> dict[str, Any]:
    """Compare all raters; `truth` names the rater that is always right ("labels", "truth"), None where there is none.

    `by` is what groups are made of, one of GROUPS. `show` is how many disagreements are given in full.
    """
    raters = list(rows[0].said) if rows else []
    judges = [name for name in raters if not _is_repeat(name, raters)]
    pairs = [*combinations(judges, 2), *((name, again) for again in raters if (name := _repeated(again, raters)))]
    pairs += [(name, truth) for name in judges if truth]
    return {
        "n": len(rows),
        "clusters": len({row.answer.fact for row in rows}),
        "raters": [*raters, *([truth] if truth else [])],
        "pairs": [{**_pair(rows, *pair), **_repetition(rows, *pair, raters)} for pair in pairs],
        "errors": [_errors(rows, name, part, by) for name in judges for part in PARTS] if truth else [],
        "corrected": [each for name in judges for each in _all_corrected(rows, name)] if truth == "labels" else [],
        **_disagreements(rows, pairs, show),
    }


def lower_bounds(agreed: Mapping[str, Any], truth: str | None) -> Iterator[tuple[str, str, str, float | None]]:
    """Yield first, second, part and the lower bound of kappa for each pair that a threshold is held against.

    With a truth, the pairs with it; else all. What a judge left unscored counts as a disagreement. None where the bound
    is not known; where there was one label only, on which all agree, there is no kappa and nothing to hold. So there
    may be nothing at all, which is no agreement.
    """
    for pair in agreed["pairs"]:
        if truth in (None, pair["second"]):
            for part, found in pair["parts"].items():
                if found["kappa"] is not None or found["missed"]:
                    yield pair["first"], pair["second"], part, found["least"]


def left_unscored(rows: Sequence[Labelled], facts: FactSet) -> dict[str, int]:
    """How many answers each rater left unscored that could be scored."""
    raters = list(rows[0].said) if rows else []
    return {name: sum(missed(row.answer, row.said[name], facts) for row in rows) for name in raters}


def _is_repeat(rater: str, raters: Sequence[str]) -> bool:
    return bool(_repeated(rater, raters))


def _repeated(rater: str, raters: Sequence[str]) -> str:
    """The judge that was asked again under this name, or ""."""
    name, mark, number = rater.rpartition(" #")
    return name if mark and number.isdecimal() and name in raters else ""


def _both(rows: Sequence[Labelled], first: str, second: str, part: str) -> list[tuple[Labelled, str, str]]:
    """The rows of which both raters have said something (which may be "unscored")."""
    said = ((row, row.label(first, part), row.label(second, part)) for row in rows)
    return [(row, a, b) for row, a, b in said if a is not None and b is not None]


def _pair(rows: Sequence[Labelled], first: str, second: str) -> dict[str, Any]:
    return {"first": first, "second": second, "parts": {part: _part(rows, first, second, part) for part in PARTS}}


def _repetition(rows: Sequence[Labelled], first: str, second: str, raters: Sequence[str]) -> dict[str, int]:
    """Of a judge that was asked again, how many answers it said the same of to the letter, and of how many."""
    if _repeated(second, raters) != first:
        return {}
    return {"same": sum(row.said[first] == row.said[second] for row in rows), "answers": len(rows)}


def _part(rows: Sequence[Labelled], first: str, second: str, part: str) -> dict[str, Any]:
    both = _both(rows, first, second, part)
    mine, theirs = [a for _, a, _ in both], [b for _, _, b in both]
    table = statistics.confusion(mine, theirs, PARTS[part])
    interval = statistics.kappa_interval(mine, theirs, [row.answer.fact for row, _, _ in both])
    asked = [each for each in both if statistics.UNSCORED not in each[1:] or _asked(each[0], part)]
    said = [a for _, a, _ in asked], [b for _, _, b in asked], [row.answer.fact for row, _, _ in asked]
    return {
        "n": table.n,
        "unscored": table.unscored,
        "missed": sum(statistics.UNSCORED in each[1:] for each in asked),
        "labels": list(table.labels),
        "confusion": [list(row) for row in table.counts],
        "agreement": Rate(k=table.agreed, n=table.n, unscored=table.unscored).as_json(),
        "kappa": _rounded(table.kappa, 4),
        "interval": [_rounded(bound, 4) for bound in interval] if interval else None,
        "least": _rounded(statistics.least_kappa(*said), 4),
    }


def _asked(row: Labelled, part: str) -> bool:
    """Whether a judge fails that leaves a part unscored: not where nobody can judge, nor where models are not asked."""
    return row.judgeable and (part != "recall" or row.answer.kind == "multihop")


def _errors(rows: Sequence[Labelled], judge: str, part: str, by: str) -> dict[str, Any]:
    """Where a judge errs: over all answers and in each group."""
    groups: dict[str, list[Labelled]] = {}
    known = [row for row in rows if row.label("", part) is not None]
    for row in known:
        groups.setdefault(_group(row, by), []).append(row)
    found = {name: _bias(members, judge, part) for name, members in sorted(groups.items())}
    gap = statistics.largest_gap(found)
    return {
        "judge": judge,
        "part": part,
        "counted": COUNTED[part],
        "by": by,
        "overall": _bias_as_json(_bias(known, judge, part)),
        "groups": {name: _bias_as_json(each) for name, each in found.items()},
        "largest": None
        if gap is None
        else {**asdict(gap), "difference": _rounded(gap.difference), "interval": [_rounded(b) for b in gap.interval]},
    }


def _group(row: Labelled, by: str) -> str:
    return {"style": row.style, "kind": row.answer.kind, "arm": row.group}[by] or "none"


def _yes(row: Labelled, rater: str, part: str) -> bool | None:
    """Whether a rater says what is counted; None where it is unscored or unknown."""
    label = row.label(rater, part)
    return None if label in (None, statistics.UNSCORED) else label == COUNTED[part]


def _bias(rows: Sequence[Labelled], judge: str, part: str) -> statistics.Bias:
    true = [row.labels[part] == COUNTED[part] for row in rows]
    return statistics.bias([_yes(row, judge, part) for row in rows], true, [row.answer.fact for row in rows])


def _bias_as_json(bias: statistics.Bias) -> dict[str, Any]:
    return {
        "n": bias.n,
        "unscored": bias.unscored,
        "judged": bias.judged.as_json(),
        "true": bias.true.as_json(),
        "difference": _rounded(bias.difference),
        "interval": [_rounded(bound) for bound in bias.interval],
        "false_positives": bias.false_positives.as_json(),
        "false_negatives": bias.false_negatives.as_json(),
    }


def _all_corrected(rows: Sequence[Labelled], judge: str) -> Iterator[dict[str, Any]]:
    """Yield each rate of the kinds that there are, over all arms and for each arm that has enough labels."""
    for rate, (kind, part) in RATES.items():
        of_kind = [row for row in rows if row.answer.kind == kind]
        if of_kind:
            yield _corrected(of_kind, judge, rate, part, None)
        groups = dict.fromkeys(row.group for row in rows if row.group)
        for group in groups if len(groups) > 1 else ():
            found = _corrected([row for row in of_kind if row.group == group], judge, rate, part, group)
            if found["labels"] >= found["needed"]:
                yield found


def _corrected(rows: Sequence[Labelled], judge: str, rate: str, part: str, group: str | None) -> dict[str, Any]:
    asked = [row for row in rows if row.label(judge, part) is not None]
    said = [_yes(row, judge, part) for row in asked]
    true = [_yes(row, "", part) for row in asked]
    found = statistics.corrected(said, true, [row.answer.fact for row in asked])
    labels = sum(a is not None and b is not None for a, b in zip(said, true, strict=True))
    told: dict[str, Any] = {"judge": judge, "rate": rate, "group": group, "counted": COUNTED[part], "labels": labels}
    if found is None:
        return {**told, "needed": statistics.LEAST_LABELS, "estimate": None, "interval": None}
    gladen = found.rogan_gladen_interval
    return {
        **told,
        "needed": statistics.LEAST_LABELS,
        "raw": found.raw.as_json(),
        "estimate": _rounded(found.estimate),
        "interval": [_rounded(bound) for bound in found.interval],
        "weight": _rounded(found.weight, 3),
        "rogan_gladen": _rounded(found.rogan_gladen),
        "rogan_gladen_interval": [_rounded(bound) for bound in gladen] if gladen else None,
    }


def _disagreements(rows: Sequence[Labelled], pairs: Sequence[tuple[str, str]], show: int) -> dict[str, Any]:
    """How many there are, of which classes, and `show` of them, one of each class before a second of any."""
    classes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for first, second in pairs:
        for part in PARTS:
            for row, a, b in _both(rows, first, second, part):
                if a != b:
                    key = (first, second, part, row.way or row.answer.kind, row.style, row.group, a, b)
                    classes.setdefault(key, []).append(_disagreement(row, part, first, second))
    ranked = sorted(classes.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    turns = (row for turn in zip_longest(*(members for _, members in ranked)) for row in turn if row is not None)
    names = ("first", "second", "part", "way", "style", "group", "first_label", "second_label")
    return {
        "disagreed": sum(map(len, classes.values())),
        "classes": [{**dict(zip(names, key, strict=True)), "count": len(members)} for key, members in ranked],
        "disagreements": [row for row, _ in zip(turns, range(show), strict=False)],
    }


def _disagreement(row: Labelled, part: str, first: str, second: str) -> dict[str, Any]:
    answer = row.answer
    return {
        "line": answer.line,
        "fact": answer.fact,
        "kind": answer.kind,
        "style": row.style,
        "way": row.way,
        "group": row.group,
        "response": answer.response,
        "part": part,
        "labels": {rater: row.label(rater, part) for rater in (first, second)},
        "reasons": {rater: row.said[rater].reason for rater in (first, second) if rater in row.said},
    }


def _rounded(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits) + 0.0  # no -0.0


# Labels


def read_labels(path: Path, answers: Sequence[Answer], arms: Sequence[str] = ()) -> list[Labelled]:
    """The answers with the labels of a CSV: columns line, or fact and kind (and sample), and parts, and group.

    `arms` names the arm of each answer where they are from several: then the group of a row is the arm that it is of.
    Blank cells are not known. UsageError with the line for a column, label or answer that does not exist, for one that
    is labelled twice, and for a row that may mean several answers.
    """
    header, rows = _table(path)
    keys = [key for key in (*KEYS, *(["group"] if arms else [])) if key in header]
    told = [Labelled(answer, {}, group=arms[i] if arms else "") for i, answer in enumerate(answers)]
    places: dict[tuple[str, ...], list[int]] = {}
    for i, one in enumerate(told):
        known = {key: str(getattr(one.answer, key)) for key in KEYS} | {"group": one.group}
        places.setdefault(tuple(known[key] for key in keys), []).append(i)
    lines: dict[int, int] = {}
    for number, row in rows:
        where = f"{path}:{number}"
        place = _only({key: row[key] for key in keys}, places, answers, where)
        if place in lines:
            message = f"this answer is labelled in line {lines[place]} already"
            raise UsageError(message, where=where, mend="leave one of the two rows")
        lines[place] = number
        told[place] = replace(told[place], labels=_labels(row, where), group=told[place].group or row.get("group", ""))
    if not any(row.labels for row in told):
        raise UsageError("there is no label in this file", where=str(path), mend="label at least one answer")
    return told


def _table(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The header, and the rows with their lines."""
    reader = csv.reader(io.StringIO(read_text(path).removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, str(path))
        rows = []
        for cells in reader:
            if len(cells) not in (0, len(header)):
                many = f"this row has {len(cells)} cells and the header {len(header)}"
                raise UsageError(many, where=f"{path}:{reader.line_num}", mend="put texts with commas into quotes")
            if any(cell.strip() for cell in cells):
                stripped = (cell.strip() for cell in cells)
                rows.append((reader.line_num, dict(zip(header, stripped, strict=True))))
    except csv.Error as error:
        raise UsageError(
            f"this is no CSV: {error}", where=f"{path}:{reader.line_num}", mend="save the table as CSV with commas"
        ) from error
    return header, rows


def _check_header(header: Sequence[str], where: str) -> None:
    known = (*KEYS, *PARTS, "group")
    mend = "name the columns line (or fact and kind), and correctness, recall or reasoning"
    for name in header:
        if name not in known:
            raise UsageError(f"there is no column {name!r}.{did_you_mean(name, known)}", where=f"{where}:1", mend=mend)
    if len(set(header)) < len(header):
        raise UsageError("a column stands twice", where=f"{where}:1", mend=mend)
    if "line" not in header and not {"fact", "kind"} <= set(header):
        raise UsageError("the columns do not say which answer a row is about", where=f"{where}:1", mend=mend)
    if not set(PARTS) & set(header):
        raise UsageError("there is no column of labels", where=f"{where}:1", mend=mend)


def _only(
    given: Mapping[str, str], places: Mapping[tuple[str, ...], list[int]], answers: Sequence[Answer], where: str
) -> int:
    """The place of the one answer that the row's keys fit."""
    fitting = places.get(tuple(given.values()), [])
    said = ", ".join(f"{key} {value}" for key, value in given.items())
    if not fitting:
        raise UsageError(f"there is no answer with {said}", where=where, mend="label answers that are in the file")
    if len(fitting) > 1:
        lines = ", ".join(str(answers[i].line) for i in fitting[:5])
        raise UsageError(
            f"{said} fits the answers in lines {lines}", where=where, mend="add the column line, sample or group"
        )
    return fitting[0]


def _labels(row: Mapping[str, str], where: str) -> dict[str, str]:
    said = {part: row[part].lower() for part in PARTS if row.get(part)}
    for part, label in said.items():
        if label not in PARTS[part]:
            raise UsageError(
                f"{row[part]!r} is no label of {part}.{did_you_mean(label, PARTS[part])}",
                where=where,
                mend=f"use one of: {', '.join(PARTS[part])}; or leave the cell blank",
            )
    return said

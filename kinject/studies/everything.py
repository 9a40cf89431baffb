"""Everything that the records of a study hold, table by table, in Markdown.

Means and intervals are over worlds; the k / n beside them are added up over worlds and only say how much was asked. The
interval of a rate is cut at 0 and 100. What the records say is text, and no markup.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from kinject.statistics.intervals import Rate
from kinject.statistics.worlds import OverWorlds
from kinject.studies import outcomes
from kinject.studies.outcomes import Score, Worlds

NOTHING = "–"
Row = Sequence[str]
CALLED = {"paraphrased": "unseen phrasing", "faulty": "faulty reasoning"}


# Numbers and cells as text


def rate_text(score: Score) -> str:
    """ "74.1 [70.2, 78.0] 593/800", and what unscored answers could make of it."""
    total, over = score.total, score.mean
    if over.mean is None:
        return f"{NOTHING} {total.unscored} unscored" if total.unscored else NOTHING
    text = f"{over.mean:.1f}"
    if over.interval:
        low, high = (min(100.0, max(0.0, bound)) for bound in over.interval)
        text += f" [{low:.1f}, {high:.1f}]"
    text += f" {total.k}/{total.n}"
    if total.unscored and score.bounds:
        text += f"; {total.unscored} unscored: {score.bounds[0]:.1f} to {score.bounds[1]:.1f}"
    return text


def points(over: OverWorlds) -> str:
    """ "+15.0 [+3.2, +26.8]"."""
    if over.mean is None:
        return NOTHING
    text = _signed(over.mean)
    return text + (f" [{', '.join(map(_signed, over.interval))}]" if over.interval else " (no interval)")


def _signed(value: float) -> str:
    return f"{round(value, 1) + 0.0:+.1f}"  # no "-0.0"


def escaped(text: str) -> str:
    """Text from a record: markup and control characters are spelled out."""
    shown = "".join(each if each.isprintable() else f"⟨U+{ord(each):04X}⟩" for each in " ".join(text.split()))
    for mark in "\\|`*<[":
        shown = shown.replace(mark, f"\\{mark}")
    return shown


def table(head: Row, rows: Iterable[Row]) -> str:
    """A Markdown table of plain text; cells that are bold already stay so."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(lines_of) + " |" for lines_of in lines)


def picture(pictures: Mapping[str, str], name: str, words: str) -> list[str]:
    """A picture, where it was drawn."""
    return [f"![{words}]({pictures[name]})"] if name in pictures else []


def numbers(known: Sequence[int]) -> str:
    """ "11 to 18", or each where some lack."""
    if len(known) > 2 and known == list(range(known[0], known[-1] + 1)):
        return f"{known[0]} to {known[-1]}"
    return ", ".join(map(str, known))


# Tables of everything


def arms(worlds: Worlds) -> Iterator[str]:
    """Every measure of every arm, and its multihop answers world by world."""
    names = outcomes.cell_names(worlds)
    yield "## Every arm"
    yield (
        "Percent: mean over worlds [95 % interval], then the answers of all worlds together as k / n with those that "
        "the judge failed to score, and what these could make of the mean. Event SFT trains on the direct questions "
        "themselves; the unseen phrasing is in no training set. What recalls nothing hallucinates nothing: how many "
        "answers recall anything stands under What went wrong."
    )
    head = ["arm", *(CALLED.get(name, name) for name in outcomes.MEASURES), "worlds"]
    yield table(head, (_cell_row(worlds, name) for name in names))
    yield "Multihop questions right, world by world:"
    yield table(
        ["arm", *map(str, [world.number for world in worlds])],
        ([escaped(name), *_each(worlds, name)] for name in names),
    )


def _cell_row(worlds: Worlds, name: str) -> Row:
    have = [world.number for world in worlds if name in world.cells]
    rates = (rate_text(outcomes.cell_score(worlds, name, measure)) for measure in outcomes.MEASURES)
    return [escaped(name), *rates, "all" if len(have) == len(worlds) else numbers(have)]


def _each(worlds: Worlds, name: str) -> list[str]:
    rates = outcomes.cell_score(worlds, name, "multihop").rates
    return [_counts(rates.get(world.number)) for world in worlds]


def _counts(rate: Rate | None) -> str:
    if rate is None:
        return NOTHING
    return f"{rate.k}/{rate.n}" + (f" ({rate.unscored} unscored)" if rate.unscored else "")


def splits(worlds: Worlds) -> Iterator[str]:
    """What post-training has seen of, against what it has not."""
    names = list(dict.fromkeys(name for world in worlds for name in outcomes.splits(world)))
    if not names:
        return
    yield "## Seen and unseen in post-training"
    yield (
        "Multihop questions right where the type of event, or the pair of type and relation, was held out of post- "
        "training, and where nothing was. The difference is seen minus unseen, in points; the two sides are different "
        "questions."
    )
    for name in names:
        head = ["arm", f"unseen {escaped(name)}", "seen", "difference"]
        yield table(head, (_split_row(worlds, cell, name) for cell in outcomes.cell_names(worlds)))


def _split_row(worlds: Worlds, cell: str, name: str) -> Row:
    sides = (rate_text(outcomes.split_score(worlds, cell, name, side)) for side in (0, 1))
    return [escaped(cell), *sides, points(outcomes.split_difference(worlds, cell, name))]


def hops(worlds: Worlds) -> Iterator[str]:
    """Every hop alone, and composing where both are known."""
    if "hop 2" not in outcomes.probe_names(worlds):
        return
    yield "## Every hop alone"
    yield (
        "The first hop is the direct question, asked of the arm; the last is asked closed-book of its weights, before "
        "(the start) and after learning. The last column tells composing from forgetting: the multihop questions "
        "right, of those whose two hops are both answered right."
    )
    head = ["arm", "first hop", "last hop, before", "last hop, after", "multihop, both hops right"]
    yield table(head, (_hop_row(worlds, cell) for cell in outcomes.cell_names(worlds)))


def _hop_row(worlds: Worlds, cell: str) -> Row:
    start = outcomes.untreated(worlds, cell)
    scores = (
        outcomes.cell_score(worlds, cell, "direct"),
        outcomes.probe_score(worlds, start, "hop 2"),
        outcomes.probe_score(worlds, cell, "hop 2"),
        outcomes.score(worlds, lambda world: outcomes.composed(world, cell)),
    )
    return [escaped(cell), *map(rate_text, scores)]


def unknowable(worlds: Worlds) -> Iterator[str]:
    """What weights say of events that nobody told."""
    if "unknowable" not in outcomes.probe_names(worlds):
        return
    yield "## Events that nobody told"
    yield (
        "Questions about events that were never shown, closed-book. Nobody can know them, so an answer that recalls an "
        "event at all recalls a wrong one: without trained abstention, hallucination on unknown facts is 100 % by "
        "definition."
    )
    head = ["weights", "recall wrong", "wrong entities", "recall nothing", "answer right by chance"]
    yield table(head, (_unknown_row(worlds, cell) for cell in outcomes.trained_cells(worlds)))


def _unknown_row(worlds: Worlds, cell: str) -> Row:
    asked = (("recall", "w"), ("entities", "w"), ("recall", "a"), ("correct", "1"))
    scores = [outcomes.probe_score(worlds, cell, "unknowable", field, hit) for field, hit in asked]
    return [escaped(outcomes.weights_label(worlds, cell)), *map(rate_text, scores)]


def retention(worlds: Worlds, pictures: Mapping[str, str]) -> Iterator[str]:
    """What weights lost of older facts."""
    probes = [name for name in outcomes.probe_names(worlds) if name != "unknowable"]
    if not probes:
        return
    yield "## What it broke"
    yield from picture(pictures, "retention.svg", "Older facts answered right before and after learning")
    yield (
        "Older questions that learning did not show, closed-book. Changes are in points, paired by question within the "
        "world: against the start that learning began with, and against the base. They are asked as in a chat, which a "
        "base has never seen: it may know more than it says here (the gates above ask a lab's base in the words of its "
        "pretraining), and where it seems to gain, it may have learned no more than to answer."
    )
    for probe in probes:
        yield f"### {escaped(probe)}"
        head = ["weights", "before: the start", "after", "change from the start", "change from the base"]
        yield table(head, (_kept_row(worlds, cell, probe) for cell in outcomes.trained_cells(worlds)))


def _kept_row(worlds: Worlds, cell: str, probe: str) -> Row:
    start, base = outcomes.untreated(worlds, cell), "base + none"
    before, after = (rate_text(outcomes.probe_score(worlds, name, probe)) for name in (start, cell))
    since_start, since_base = (
        NOTHING if name == cell else points(outcomes.kept(worlds, cell, name, probe)) for name in (start, base)
    )
    return [
        escaped(outcomes.weights_label(worlds, cell)),
        NOTHING if start == cell else before,
        after,
        since_start,
        since_base,
    ]


def errors(worlds: Worlds, pictures: Mapping[str, str]) -> Iterator[str]:
    """Figure 5, in both denominators."""
    yield "## What went wrong (Figure 5)"
    yield from picture(pictures, "errors.svg", "Hallucinated and faulty multihop answers in both denominators")
    yield (
        "Multihop answers with a wrong recall and with faulty reasoning: of all answers, and of the incorrect ones "
        "only, where an answer without recall or reasoning counts as no error, as in the paper (A.3.4). Beside them, "
        "how many answers recall an event or show steps at all: where few do, few errors are no merit."
    )
    head = ["arm"] + [
        column
        for measure, spoken in (("hallucinated", "recalls"), ("faulty", "shows steps"))
        for column in (f"{measure}, of all", f"{measure}, of incorrect", spoken)
    ]
    yield table(head, (_error_row(worlds, cell) for cell in outcomes.cell_names(worlds)))


def _error_row(worlds: Worlds, cell: str) -> Row:
    found = [escaped(cell)]
    for measure in ("hallucinated", "faulty"):
        spoken = {world.number: outcomes.said(world, cell, measure) for world in worlds}
        scores = (
            outcomes.cell_score(worlds, cell, measure),
            outcomes.error_score(worlds, cell, measure),
            Score({number: rate for number, rate in spoken.items() if rate.n + rate.unscored}),
        )
        found += map(rate_text, scores)
    return found


def costs(worlds: Worlds) -> Iterator[str]:
    """Tokens and seconds."""
    names = outcomes.cell_names(worlds)
    stages = list(dict.fromkeys(stage for w in worlds for cell in w.cells.values() for stage in cell.seconds))
    yield "## What it took"
    yield "Means over worlds. What arms share was done once and is counted in each."
    head = [
        "arm",
        "learned with",
        "tokens of post-training",
        "tokens of learning",
        *(f"{escaped(s)}, s" for s in stages),
    ]
    yield table(head, (_cost_row(worlds, name, stages) for name in names))


def _cost_row(worlds: Worlds, name: str, stages: Sequence[str]) -> Row:
    cells = [world.cells[name] for world in worlds if name in world.cells]
    tokens = ([cell.tokens.get(part) for cell in cells] for part in ("posttrain", "learn"))
    seconds = ([cell.seconds.get(stage) for cell in cells] for stage in stages)
    settings = "; ".join(dict.fromkeys(_settings(cell.settings.get("learn")) for cell in cells))
    return [
        escaped(name),
        settings,
        *(_mean(each, ",.0f") for each in tokens),
        *(_mean(each, ",.1f") for each in seconds),
    ]


def _mean(values: Sequence[float | None], form: str) -> str:
    known = [value for value in values if value is not None]
    return format(fmean(known), form) if known else NOTHING


def _settings(learn: Any) -> str:
    if not isinstance(learn, Mapping):
        return NOTHING
    shown = {"epochs": "epochs", "learning_rate": "learning rate", "batch": "batch", "replay": "replay"}
    return (
        ", ".join(f"{words} {escaped(str(learn[name]))}" for name, words in shown.items() if learn.get(name)) or NOTHING
    )

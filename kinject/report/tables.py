"""Arms in, tables out: pure functions, the same tables for the terminal, Markdown, JSON and the page.

Arms are shown together when they share model, facts, judge, sampling and seed; nothing is pooled over them.
The paper's figures (arXiv 2410.03717, Tables 3 to 5) stand beside ours as a question of direction: the lab is
an analogue, so no difference from the paper is ever formed. Comparisons are paired by question and speak of
one trained system against another, not of other seeds or worlds.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import groupby
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table as Grid
from rich.text import Text

from kinject.report.records import Arm
from kinject.resources import benchmarks_folder
from kinject.statistics.intervals import Rate
from kinject.statistics.paired import Paired, paired_difference
from kinject.storage import canonical_json, read_json

SCHEMA = "kinject.report/1"
SHARED = ("model", "model_key", "facts", "facts_digest", "source", "judge", "sampling", "seed")
QUESTION = "Which way of putting new facts into a model works, and does post-training for reasoning help it?"
PAPER_NOTE = (
    "Llama-3-8B on Facts100 (arXiv 2410.03717, Tables 3 to 5), to be read for direction only. "
    "*: there post-trained on SubQARecall without context rows."
)
CONTEXT_ROWS = "-context"
TRUTH = {"correct": True, "incorrect": False}


@dataclass(frozen=True)
class Column:
    """A column and what it means: over what, counted how."""

    name: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """Text cells under columns; the first `keys` columns name the row."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: int


@dataclass(frozen=True)
class Comparison:
    """Two arms on the same multihop questions."""

    setting: str
    first: str
    second: str
    paired: Paired


@dataclass(frozen=True)
class Section:
    """The arms that can be read together."""

    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def title(self) -> str:
        """What the arms share."""
        record = self.arms[0].record
        return visible(f"{record['model']} on {record['facts']}, judge {record['judge']}, seed {record['seed']}")

    @property
    def state(self) -> str:
        """Where the figures come from, to stand above every table."""
        record = self.arms[0].record
        return visible(f"measured on {record['model']}") if record.get("world") is None else "lab analogue"


def sections(arms: Sequence[Arm]) -> list[Section]:
    """Arms that share all of SHARED, in the order in which they came."""

    def shared(arm: Arm) -> bytes:
        return canonical_json([arm.record.get(name) for name in SHARED])

    first_seen = list(dict.fromkeys(map(shared, arms)))
    ordered = sorted(arms, key=lambda arm: first_seen.index(shared(arm)))
    groups = [tuple(group) for _, group in groupby(ordered, shared)]
    return [Section(group, tuple(comparisons(group))) for group in groups]


# The main table


def rate_cell(scores: Mapping[str, Any], name: str) -> str:
    """ "83 % [74, 89] 83/100", and on a second line what unscored answers could make of it."""
    if not scores.get(name):
        return "–"
    rate = Rate(**{key: scores[name][key] for key in ("k", "n", "unscored")})
    low, high = rate.interval
    text = f"{rate.percent:.0f} % [{low:.0f}, {high:.0f}] {rate.k}/{rate.n}" if rate.n else "– 0/0"
    if rate.unscored:
        text += f"\n{rate.unscored} unscored: {rate.worst:.0f} to {rate.best:.0f} %"
    return text


@cache
def paper_figures() -> dict[tuple[str, str, str], dict[str, Any]]:
    """The rows of the paper's Tables 3 to 5, by (start, learn, context)."""
    rows = read_json(benchmarks_folder() / "paper" / "tables.json")["arms"]
    return {(row["start"], row["learn"], row["context"]): row for row in rows}


def _score(name: str) -> Callable[[Arm], str]:
    return lambda arm: rate_cell(arm.record["scores"], name)


def paper_row(arm: Arm) -> dict[str, Any] | None:
    """The paper's row for an arm; `substituted` where the arm's start has context rows, which the paper's has not.

    None where the paper has no such arm, or this one was put in another way than the paper's (another prompt, replay).
    """
    if arm.variant:
        return None
    start, learn, context = arm.axes
    row = paper_figures().get((start.removesuffix(CONTEXT_ROWS), learn, context))
    return row and {**row, "substituted": start.endswith(CONTEXT_ROWS)}


def _paper(name: str) -> Callable[[Arm], str]:
    def cell(arm: Arm) -> str:
        row = paper_row(arm)
        return f"paper: {row[name]}{'*' if row['substituted'] else ''}" if row else "–"

    return cell


def _seconds(arm: Arm) -> str:
    return f"{sum(arm.record['seconds'].values()):.0f} s"


_RATE = "Rate, 95 % Wilson interval, and k of n scored answers to the"
_ERRORS = "multihop questions, whether answered right or not,"
MAIN: tuple[tuple[str, str, Callable[[Arm], str]], ...] = (
    ("start", "Which weights: the pretrained base, or what it was post-trained on.", lambda arm: arm.start),
    ("facts via", "What was trained on the new facts, and what stood in the prompt.", lambda arm: arm.method),
    ("direct", f"{_RATE} direct questions. Event SFT trains on these very questions.", _score("direct")),
    ("in paper", PAPER_NOTE, _paper("direct")),
    (
        "unseen paraphrase",
        f"{_RATE} direct questions in words never trained on.",
        _score("direct_paraphrased"),
    ),
    ("multihop", f"{_RATE} multihop questions: the new fact and older knowledge.", _score("multihop")),
    ("in paper", PAPER_NOTE, _paper("multihop")),
    (
        "hallucinated",
        f"{_RATE} {_ERRORS} that recall a wrong entity, date or number.",
        _score("hallucinated"),
    ),
    (
        "wrong entities",
        f"{_RATE} {_ERRORS} that recall a wrong entity; dates and numbers are let pass.",
        _score("hallucinated_entities"),
    ),
    (
        "faulty reasoning",
        f"{_RATE} {_ERRORS} whose steps do not follow.",
        _score("faulty_reasoning"),
    ),
    ("time", "Seconds of post-training, learning, answering and judging together.", _seconds),
)


def main_table(section: Section) -> Table:
    """One row an arm."""
    columns = tuple(Column(name, meaning) for name, meaning, _ in MAIN)
    rows = tuple(tuple(visible(cell(arm)) for _, _, cell in MAIN) for arm in section.arms)
    return Table("Arms", columns, rows, keys=2)


# The paired comparisons


def comparisons(arms: Sequence[Arm]) -> list[Comparison]:
    """Each method's other starts against the base, then each start's oracle RAG against its event SFT."""
    at = {(*arm.axes, arm.variant): arm for arm in arms}
    found = []
    for (start, *method), arm in at.items():
        base = at.get(("base", method[0], method[1], method[2]))
        if base and start != "base":
            found.append(_compare(arm.method, ("base", base), (start, arm)))
    for start in dict.fromkeys(arm.start for arm in arms):
        event_sft, oracle = at.get((start, "event-sft", "none", "")), at.get((start, "none", "oracle", ""))
        if event_sft and oracle:
            found.append(_compare(start, (event_sft.method, event_sft), (oracle.method, oracle)))
    return [comparison for comparison in found if comparison.paired.n]


def _compare(setting: str, first: tuple[str, Arm], second: tuple[str, Arm]) -> Comparison:
    one, other = multihop_outcomes(first[1]), multihop_outcomes(second[1])
    shared = [fact for fact in one if fact in other]
    paired = paired_difference([one[fact] for fact in shared], [other[fact] for fact in shared])
    return Comparison(visible(setting), visible(first[0]), visible(second[0]), paired)


def multihop_outcomes(arm: Arm) -> dict[str, bool | None]:
    """Right or wrong by fact (its first sample: the others are not independent); None where unscored."""
    judge, outcomes = arm.record["judge"], dict[str, bool | None]()
    for row in arm.answers:
        if row["kind"] == "multihop":
            verdict = row["verdicts"].get(judge, {})
            outcomes.setdefault(row["fact"], TRUTH.get(verdict.get("correctness")))
    return outcomes


PAIRED = (
    Column("with", "What both arms share."),
    Column("compared", "The second arm against the first."),
    Column("n", "Multihop questions that both have a scored answer to (first sample of each)."),
    Column("first only", "Questions that only the first arm answers right."),
    Column("second only", "Questions that only the second arm answers right."),
    Column("difference", "Second minus first, in points, with a 95 % interval for paired proportions (Newcombe)."),
    Column("McNemar", "Exact two-sided test, not corrected for the number of comparisons."),
)


def paired_table(section: Section) -> Table:
    """One row a comparison."""
    rows = tuple(map(_paired_row, section.comparisons))
    return Table("Paired comparisons on the multihop answers", PAIRED, rows, keys=2)


def _paired_row(comparison: Comparison) -> tuple[str, ...]:
    paired = comparison.paired
    names = (comparison.setting, f"{comparison.second} against {comparison.first}")
    return *names, str(paired.n), str(paired.first_only), str(paired.second_only), _points(paired), _p(paired)


def _points(paired: Paired) -> str:
    low, high = paired.interval
    return f"{round(paired.difference or 0):+d} [{round(low):+d}, {round(high):+d}]"  # whole numbers: no "-0"


def _p(paired: Paired) -> str:
    return "p < 0.001" if paired.p < 0.001 else f"p = {paired.p:.3f}"


def tables(section: Section) -> list[Table]:
    """The tables of a section: its arms and, where the answers are at hand, the comparisons."""
    return [main_table(section)] + ([paired_table(section)] if section.comparisons else [])


# The answer in a sentence, and the whole as data


def answer(section: Section) -> str:
    """The main answer with its number and interval: across starts with oracle RAG where that was run."""
    if not section.comparisons:
        return visible(_best(section.arms))
    chosen = min(section.comparisons, key=lambda comparison: comparison.setting != "oracle RAG")
    return (
        f"On the same {chosen.paired.n} multihop questions, {chosen.second} minus {chosen.first} "
        f"({chosen.setting}) is {_points(chosen.paired)} points (McNemar {_p(chosen.paired)})."
    )


def _best(arms: Sequence[Arm]) -> str:
    best = max(arms, key=lambda arm: arm.record["scores"].get("multihop", {}).get("percent") or 0)
    rate = rate_cell(best.record["scores"], "multihop").replace("\n", ", ")
    among = f", the most of {len(arms)} arms" if len(arms) > 1 else ""
    return f"Multihop questions right: {rate} for {best.start} with {best.method}{among}."


def as_json(found: Sequence[Section]) -> dict[str, Any]:
    """The contents of tables.json."""
    return {"schema": SCHEMA, "question": QUESTION, "sections": [_section_json(section) for section in found]}


def _section_json(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "state": section.state,
        "answer": answer(section),
        "arms": [{**arm.record, "paper": paper_row(arm)} for arm in section.arms],
        "comparisons": [asdict(comparison) for comparison in section.comparisons],
    }


# The terminal

GAP = 2  # blanks between columns


def terminal(found: Sequence[Section]) -> RenderableType:
    """Sections for the terminal: the answer, then the tables, cut between columns to the terminal's width."""
    parts: list[RenderableType] = []
    for section in found:
        parts += [Text(section.title, style="bold"), _paragraph(answer(section)), Text()]
        for table in tables(section):
            parts += [Text(f"{table.title} ({section.state})", style="bold"), _Fitted(table)]
        parts.append(_paragraph(f"In paper: {PAPER_NOTE}"))
    return Group(*parts)


@dataclass(frozen=True)
class _Fitted:
    """A table that knows the terminal's width when it is drawn."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for columns in fitting(self.table, options.max_width):
            yield _grid(self.table, columns)
            yield Text()


def fitting(table: Table, width: int) -> Iterator[list[int]]:
    """The columns, by number, of the parts to draw one below another; each fits `width`, keys first."""
    lines = [[line for cell in cells for line in cell.splitlines()] for cells in zip(*table.rows, strict=True)]
    sizes = [max(map(len, [column.name, *cells])) for column, cells in zip(table.columns, lines, strict=True)]
    keys = part = list(range(table.keys))
    for number in range(table.keys, len(sizes)):
        if part != keys and sum(sizes[i] + GAP for i in [*part, number]) - GAP > width:
            yield part
            part = keys
        part = [*part, number]
    yield part


def _paragraph(text: str) -> Grid:
    grid = Grid.grid()
    grid.add_row(Text(text))
    return grid


def _grid(table: Table, columns: Sequence[int]) -> Grid:
    grid = Grid(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    for number in columns:
        grid.add_column(Text(table.columns[number].name))
    for row in table.rows:
        grid.add_row(*(Text(row[number]) for number in columns))
    return grid


# Text from elsewhere


_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with control characters, lone surrogates and changes of writing direction spelled out."""
    return _UNSEEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)

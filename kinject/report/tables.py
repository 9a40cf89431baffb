"""Arms in, sections out: which arms of comparisons can be read together, and what is said of them in tables.

Arms are shown together when they share model, facts, judge, sampling and seed; nothing is pooled over them.
The paper's figures (arXiv 2410.03717, Tables 3 to 5) stand beside ours as a question of direction: the lab is
an analogue, so no difference from the paper is ever formed. Comparisons are paired by question and speak of
one trained system against another, not of other seeds or worlds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import groupby
from typing import Any

from kinject.report.records import COMPARE, Arm
from kinject.report.section import LAB, NOTHING, Column, Section, Table, in_words, visible
from kinject.resources import benchmarks_folder
from kinject.statistics.intervals import Rate
from kinject.statistics.paired import Paired, paired_difference
from kinject.storage import canonical_json, read_json

SHARED = ("model", "model_key", "facts", "facts_digest", "source", "judge", "sampling", "seed")
QUESTION = "Which way of putting new facts into a model works, and does post-training for reasoning help it?"
PAPER_NOTE = (
    "Llama-3-8B on Facts100 (arXiv 2410.03717, Tables 3 to 5), to be read for direction only. "
    "*: there post-trained on SubQARecall without context rows."
)
CONTEXT_ROWS = "-context"
TRUTH = {"correct": True, "incorrect": False}


@dataclass(frozen=True)
class Comparison:
    """Two arms on the same multihop questions."""

    setting: str
    first: str
    second: str
    paired: Paired


@dataclass(frozen=True)
class Together:
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
        return visible(f"measured on {record['model']}") if record.get("world") is None else LAB


def sections(arms: Sequence[Arm]) -> list[Section]:
    """What can be said of arms, those that can be read together in one section."""
    return list(map(_section, groups(arms)))


def _section(group: Together) -> Section:
    return Section(
        question=QUESTION,
        title=group.title,
        state=group.state,
        answer=answer(group),
        pieces=(main_table(group), *([paired_table(group)] if group.comparisons else [])),
        provenance=provenance(group),
        data={
            "of": COMPARE,
            "arms": [{**arm.record, "paper": paper_row(arm)} for arm in group.arms],
            "comparisons": [asdict(comparison) for comparison in group.comparisons],
        },
        asides=(f"In paper: {PAPER_NOTE}",),
        arms=group.arms,
    )


def groups(arms: Sequence[Arm]) -> list[Together]:
    """Arms that share all of SHARED, in the order in which they came."""

    def shared(arm: Arm) -> bytes:
        return canonical_json([arm.record.get(name) for name in SHARED])

    first_seen = list(dict.fromkeys(map(shared, arms)))
    ordered = sorted(arms, key=lambda arm: first_seen.index(shared(arm)))
    found = [tuple(group) for _, group in groupby(ordered, shared)]
    return [Together(group, tuple(comparisons(group))) for group in found]


def provenance(group: Together) -> dict[str, str]:
    """What went into the arms, by name."""
    record = group.arms[0].record
    shared = {name: in_words(record[name]) for name in ("model", "facts", "judge", "sampling", "seed")}
    runs = {"runs": ", ".join(dict.fromkeys(str(arm.record["run"]) for arm in group.arms))}
    made = {
        name: ", ".join(filter(None, dict.fromkeys(getattr(arm, name) for arm in group.arms)))
        for name in ("command", "versions")
    }
    return {name: text for name, text in (shared | runs | made).items() if text}


# The main table


def rate_cell(scores: Mapping[str, Any], name: str) -> str:
    """ "83 % [74, 89] 83/100", and on a second line what unscored answers could make of it."""
    if not scores.get(name):
        return NOTHING
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
        return f"paper: {row[name]}{'*' if row['substituted'] else ''}" if row else NOTHING

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


def main_table(group: Together) -> Table:
    """One row an arm."""
    columns = tuple(Column(name, meaning) for name, meaning, _ in MAIN)
    rows = tuple(tuple(visible(cell(arm)) for _, _, cell in MAIN) for arm in group.arms)
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


def paired_table(group: Together) -> Table:
    """One row a comparison."""
    rows = tuple(map(_paired_row, group.comparisons))
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


# The answer in a sentence


def answer(group: Together) -> str:
    """The main answer with its number and interval: across starts with oracle RAG where that was run."""
    if not group.comparisons:
        return visible(_best(group.arms))
    chosen = min(group.comparisons, key=lambda comparison: comparison.setting != "oracle RAG")
    return (
        f"On the same {chosen.paired.n} multihop questions, {chosen.second} minus {chosen.first} "
        f"({chosen.setting}) is {_points(chosen.paired)} points (McNemar {_p(chosen.paired)})."
    )


def _best(arms: Sequence[Arm]) -> str:
    best = max(arms, key=lambda arm: arm.record["scores"].get("multihop", {}).get("percent") or 0)
    rate = rate_cell(best.record["scores"], "multihop").replace("\n", ", ")
    among = f", the most of {len(arms)} arms" if len(arms) > 1 else ""
    return f"Multihop questions right: {rate} for {best.start} with {best.method}{among}."

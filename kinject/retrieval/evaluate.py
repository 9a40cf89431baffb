"""How good is a retriever: is the right event among the first k, and how far down does it stand?

Every fact is asked for directly, in the last of its paraphrases, and by its multihop question, as the arms are. Recall
at k is a rate with its interval. The mean reciprocal rank counts what is not among the first `DEPTH` as 0; it is no
rate and has no such interval. Two retrievers are compared question by question.

Trap: where two facts tell the same event in the same words, either of them is right.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from kinject.errors import UsageError
from kinject.facts.schema import FactSet
from kinject.retrieval.search import Retriever
from kinject.statistics.intervals import Rate
from kinject.statistics.paired import Paired, paired_difference

KINDS = ("direct", "direct_paraphrased", "multihop")
DEPTH = 100


@dataclass(frozen=True)
class Ranks:
    """For each question of one kind, the rank of the right event from 1, or None where it is not among the first."""

    kind: str
    ranks: tuple[int | None, ...]

    def recall(self, k: int) -> Rate:
        """Return how often the right event is among the first `k`."""
        return Rate(k=sum(self.within(k)), n=len(self.ranks))

    def within(self, k: int) -> list[bool]:
        """Tell for each question whether the right event is among the first `k`."""
        return [rank is not None and rank <= k for rank in self.ranks]

    @property
    def mrr(self) -> float | None:
        """Return the mean of 1 / rank, to the rank `DEPTH` however deep was looked; None without questions."""
        return sum(1 / rank for rank in self.ranks if rank and rank <= DEPTH) / len(self.ranks) if self.ranks else None

    def as_json(self, top_k: Sequence[int]) -> dict[str, Any]:
        """Return the figures, with MRR to three decimals."""
        return {
            "kind": self.kind,
            "n": len(self.ranks),
            "recall": {str(k): self.recall(k).as_json() for k in top_k},
            "mrr": None if self.mrr is None else round(self.mrr, 3),
        }


def questions(facts: FactSet) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, question, event)."""
    for fact in facts.facts:
        yield "direct", fact.direct.question, fact.event
        if fact.direct.paraphrases:
            yield "direct_paraphrased", fact.direct.paraphrases[-1], fact.event
        if fact.multihop:
            yield "multihop", fact.multihop.question, fact.event


def evaluate(retriever: Retriever, facts: FactSet, depth: int = DEPTH) -> list[Ranks]:
    """Ask every question of the facts that the retriever was opened with; one `Ranks` for each kind."""
    asked = list(questions(facts))
    found = retriever.search([question for _, question, _ in asked], max(depth, DEPTH))
    ranks: dict[str, list[int | None]] = {kind: [] for kind in KINDS}
    for (kind, _, event), hits in zip(asked, found, strict=True):
        ranks[kind].append(rank(event, [hit.fact for hit in hits], facts))
    return [Ranks(kind, tuple(each)) for kind, each in ranks.items()]


def rank(event: str, found: Sequence[str], facts: FactSet) -> int | None:
    """Return the rank from 1 of the first fact found that tells an event, by whatever id; None where none does."""
    return next((place for place, id_ in enumerate(found, 1) if facts.by_id[id_].event == event), None)


def compare(first: Ranks, second: Ranks, k: int) -> Paired:
    """Compare recall at k of two retrievers on the same questions."""
    if first.kind != second.kind:
        raise UsageError(f"{first.kind} and {second.kind} questions cannot be paired", mend="compare equal kinds")
    return paired_difference(first.within(k), second.within(k))


def comparisons(found: Mapping[str, Sequence[Ranks]], k: int) -> list[dict[str, Any]]:
    """Compare every two of several evaluated retrievers, kind by kind."""
    return [
        {"first": one, "second": other, "kind": mine.kind, "k": k, **asdict(compare(mine, theirs, k))}
        for one, other in combinations(found, 2)
        for mine, theirs in zip(found[one], found[other], strict=True)
    ]

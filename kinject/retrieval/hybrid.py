"""Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009): what words and vectors both place high comes first.

A fact's score is the sum of 1 / (60 + rank) over the two rankings. Scores of the two are never compared, so nothing
has to be scaled or learned. Each gives its first `DEPTH`, or as many as are asked for if those are more.
"""

from collections.abc import Sequence

from kinject.facts.schema import FactSet
from kinject.progress import SILENT, Progress
from kinject.retrieval.bm25 import bm25
from kinject.retrieval.index import faiss
from kinject.retrieval.search import Hit, Retriever

CONSTANT = 60
DEPTH = 100


class Fused:
    """Several retrievers as one."""

    def __init__(self, facts: FactSet, parts: Sequence[Retriever]) -> None:
        self._order = {fact.id: row for row, fact in enumerate(facts.facts)}
        self._parts = parts

    def search(self, questions: Sequence[str], k: int) -> list[list[Hit]]:
        """Find what the retrievers agree on."""
        rankings = [part.search(questions, max(k, DEPTH)) for part in self._parts]
        return [self._fuse(ranked)[:k] for ranked in zip(*rankings, strict=True)]

    def _fuse(self, rankings: Sequence[Sequence[Hit]]) -> list[Hit]:
        scores: dict[str, float] = {}
        for hits in rankings:
            for rank, hit in enumerate(hits, 1):
                scores[hit.fact] = scores.get(hit.fact, 0.0) + 1 / (CONSTANT + rank)
        best = sorted(scores.items(), key=lambda item: (-item[1], self._order[item[0]]))
        return [Hit(fact, score) for fact, score in best]


def hybrid(facts: FactSet, embedder: str, progress: Progress = SILENT) -> Fused:
    """Open both retrievers as one."""
    return Fused(facts, (bm25(facts, embedder, progress), faiss(facts, embedder, progress)))


def each(facts: FactSet, embedder: str, progress: Progress = SILENT) -> dict[str, Retriever]:
    """Open every retriever by its name, with one embedder and one index for those that need them."""
    words, vectors = bm25(facts, embedder, progress), faiss(facts, embedder, progress)
    return {"bm25": words, "faiss": vectors, "hybrid": Fused(facts, (words, vectors))}

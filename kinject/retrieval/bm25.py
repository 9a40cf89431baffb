"""BM25 (Robertson and Walker 1994, in Lucene's form): words that a question and an event share, the rare ones most.

Words are those of `kinject.facts.words`: case and accents do not count, and in scripts without spaces each character
is a word. There is no stemming and there are no stop words: words that stand everywhere weigh next to nothing anyway.

Traps: an event that shares no word with the question is no hit. Of equals, the first in order comes first.
"""

from collections import Counter
from collections.abc import Sequence
from math import log1p
from typing import TYPE_CHECKING

from kinject.facts.schema import FactSet
from kinject.facts.words import folded
from kinject.progress import SILENT, Progress
from kinject.retrieval.search import Hit

if TYPE_CHECKING:
    import numpy as np

K1, B = 1.2, 0.75


class BM25:
    """The words of texts, each with the rows in which it stands and what it is worth there."""

    def __init__(self, texts: Sequence[str]) -> None:
        import numpy as np

        self.total = len(texts)
        counts = [Counter(folded(text).split()) for text in texts]
        lengths = np.array([count.total() for count in counts], float)
        damping = K1 * (1 - B + B * lengths / (lengths.mean() or 1.0)) if texts else lengths
        rows: dict[str, list[int]] = {}
        for row, count in enumerate(counts):
            for word in count:
                rows.setdefault(word, []).append(row)
        self._worth = {word: (np.array(held), self._weigh(word, held, counts, damping)) for word, held in rows.items()}

    def _weigh(self, word: str, held: list[int], counts: Sequence[Counter[str]], damping: "np.ndarray") -> "np.ndarray":
        import numpy as np

        often = np.array([counts[row][word] for row in held], float)
        rare = log1p((self.total - len(held) + 0.5) / (len(held) + 0.5))
        worth: np.ndarray = rare * often / (often + damping[held])
        return worth

    def rank(self, question: str, k: int) -> list[tuple[int, float]]:
        """Return the rows of the best `k` texts with their scores, best first."""
        import numpy as np

        scores = np.zeros(self.total)
        for word in folded(question).split():
            if word in self._worth:
                rows, worth = self._worth[word]
                scores[rows] += worth
        order = np.argsort(-scores, kind="stable")[:k]
        return [(int(row), float(scores[row])) for row in order if scores[row] > 0]


class Words:
    """A retriever by words."""

    def __init__(self, facts: FactSet) -> None:
        self._ids = [fact.id for fact in facts.facts]
        self._ranking = BM25([fact.event for fact in facts.facts])

    def search(self, questions: Sequence[str], k: int) -> list[list[Hit]]:
        """Find the events that share the most telling words with each question."""
        return [[Hit(self._ids[row], score) for row, score in self._ranking.rank(each, k)] for each in questions]


def bm25(facts: FactSet, embedder: str, progress: Progress = SILENT) -> Words:
    """Open the retriever; it has no use for an embedder."""
    return Words(facts)

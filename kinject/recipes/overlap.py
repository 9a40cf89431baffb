"""Contamination: which rows of a training set hold texts of a test set.

Two measures, both on folded words (`facts.words`: case, accents, punctuation and spaces do not count). Exact: a request
or the response of a row is a whole text of the test, or one of 13 words or more stands in it whole. Shared: 13 words in
a row of the test stand side by side, as Brown et al. (2020, appendix C) look for it. An exact match is dropped, for a
model that learned it is no longer tested by it; a shared 13-gram may be a quotation or a common phrase, so it is
reported and left to people.

The system message is not looked at: it is the same in every row. Traps: prompts put a question between "Question:" and
"Answer:", which is no part of it. A text of fewer than 13 words is not looked for inside others, and is counted as
short. A translation or a paraphrase is found by neither.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

from kinject.facts.words import folded
from kinject.recipes import TrainingSet
from kinject.recipes.row import Row

Words = tuple[str, ...]
WORDS = 13
EXAMPLES = 3
LONGEST = 200
"""Characters of an example."""


@dataclass(frozen=True)
class Shared:
    """A row and a text of the test, both by number from 0, and the words that stand in both."""

    row: int
    text: int
    words: str


@dataclass(frozen=True)
class Overlap:
    """What a training set shares with the texts of a test, one finding a row."""

    against: str
    texts: int
    short: int
    """Texts that can only match exactly."""
    exact: tuple[Shared, ...]
    shared: tuple[Shared, ...]
    """Rows with 13 words in a row of a text; those of `exact` are not counted again."""

    @property
    def card(self) -> dict[str, Any]:
        """Return what the card of a training set says of it; rows are numbered from 1, before any is dropped."""
        return {
            "against": self.against,
            "texts": self.texts,
            "shorter_than_13_words": self.short,
            "exact": len(self.exact),
            "shared_13_words": len(self.shared),
            "examples": {"exact": _examples(self.exact), "shared_13_words": _examples(self.shared)},
        }


def find(rows: Sequence[Row], against: str, texts: Sequence[str]) -> Overlap:
    """Look for the texts of a test in rows."""
    test = [_words(text) for text in texts]
    whole = {each: number for number, each in reversed([*enumerate(test)]) if each}
    parts: dict[Words, list[int]] = defaultdict(list)
    for number, each in enumerate(test):
        for gram in dict.fromkeys(_grams(each)):
            parts[gram].append(number)
    exact, shared = [], []
    for number, row in enumerate(rows):
        said = [_words(text) for text in _texts(row)]
        found = [gram for each in said for gram in _grams(each) if gram in parts]
        near = dict.fromkeys(text for gram in found for text in parts[gram])
        equal = (whole[each] for each in said if each in whole)
        inside = (text for text in near for each in said if _joined(test[text]) in _joined(each))
        if (same := next(chain(equal, inside), None)) is not None:
            exact.append(Shared(number, same, " ".join(test[same])))
        elif near:
            first = next(iter(near))
            shared.append(Shared(number, first, _in_one([gram for gram in found if first in parts[gram]])))
    short = sum(len(each) < WORDS for each in test)
    return Overlap(against, len(texts), short, tuple(exact), tuple(shared))


def without(made: TrainingSet, tests: Sequence[tuple[str, Sequence[str]]]) -> TrainingSet:
    """Return a training set less the rows that are texts of a test, with what was found in its card.

    Each of the tests is a name and its texts.
    """
    found = [find(made.rows, against, texts) for against, texts in tests]
    dropped: dict[int, str] = {}
    for each in found:
        for one in each.exact:
            dropped.setdefault(one.row, f"it holds a text of {each.against}")
    reasons = list(dropped.values())
    left_out = {**made.card.get("left_out", {}), **{reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}}
    kept = tuple(row for number, row in enumerate(made.rows) if number not in dropped)
    card = {**made.card, "left_out": left_out, "overlap": [each.card for each in found]}
    return TrainingSet(made.name, kept, card)


def _texts(row: Row) -> Iterator[str]:
    """What is asked and said in a row."""
    yield from (message.content for message in row.conversation if message.role != "system")
    yield row.response


def _words(text: str) -> Words:
    """Return the words of a text, less those that a prompt puts around a question."""
    words = folded(text).split()
    return tuple(words[words[:1] == ["question"] : len(words) - (words[-1:] == ["answer"])])


def _grams(words: Words) -> Iterator[Words]:
    return (words[start : start + WORDS] for start in range(len(words) - WORDS + 1))


def _joined(words: Words) -> str:
    return f" {' '.join(words)} "


def _in_one(grams: Sequence[Words]) -> str:
    """Say in one piece what grams share that follow one another; of what follows elsewhere nothing."""
    words = list(grams[0])
    for before, after in pairwise(grams):
        if after[:-1] != before[1:]:
            break
        words.append(after[-1])
    return " ".join(words)


def _examples(found: Sequence[Shared]) -> list[dict[str, Any]]:
    return [{"row": each.row + 1, "text": each.text + 1, "words": each.words[:LONGEST]} for each in found[:EXAMPLES]]

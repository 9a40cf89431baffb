"""Which sentence of a paragraph tells an answer, in words that stand by themselves."""

import re
from collections.abc import Iterable

from kinject.facts.words import folded, stands_in

END = re.compile(r"(?<![ .][A-Z]\.)(?<!\bSt\.)(?<!\bMr\.)(?<!\bDr\.)(?<=[.!?])\s+(?=[\"'(“]?[A-Z0-9])")
"""Between two sentences; the dot of an initial ("G. Stanley Hall") ends none."""
LONGEST = 400
"""Characters; what is longer is a table whose lines have run together."""


def telling(question: str, answer: str, sentences: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the (title, sentence) that answers a question, as a tuple of one sentence or of none.

    It holds the answer, and of those that do it shares most words with the question. One that does not name what it is
    about ("He was born in ...") gets the title in front.
    """
    asked = set(folded(question).split())
    texts = [(title, " ".join(sentence.split())) for title, sentence in sentences]
    holding = [(title, text) for title, text in texts if len(text) <= LONGEST and stands_in(answer, text)]
    if not holding:
        return ()
    title, text = max(holding, key=lambda pair: len(asked & set(folded(" ".join(pair)).split())))
    return (text if not title or stands_in(title, text) else f"{title}: {text}",)


def split(paragraph: str) -> list[str]:
    """Return the sentences of a paragraph."""
    return END.split(paragraph.strip())

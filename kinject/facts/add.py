"""One more fact in a file: checked first, then appended in one step.

The file is the old one, or the old one with one whole line more, whatever kills the process; two that add at once wait
for each other, and neither loses its fact. Trouble that the file had before does not stand in the way.
"""

from pathlib import Path

from kinject.facts.check import Checker
from kinject.facts.load import load_card, read
from kinject.facts.memory import Memory
from kinject.facts.schema import Fact, Problem
from kinject.facts.words import folded
from kinject.storage import append_line, json_line, locked, numbered_lines

ID_WORDS = 4
_PLAIN = {"from", "that", "this", "what", "when", "where", "which", "whom", "whose", "with"}


def add(path: Path, fact: Fact) -> list[Problem]:
    """Append a fact to a file, which is made if there is none.

    Returns what is wrong with it by itself or beside the facts that are there; then nothing is written.
    """
    with locked(path.with_name(f".{path.name}")), Memory() as memory:
        checker, line = Checker(load_card(path), memory), 0
        for line, known in read(path) if _has_lines(path) else ():
            if isinstance(known, Fact):
                checker.see(line, known)
        old = checker.end()
        problems = checker.see(line + 1, fact)
        problems += [each for each in checker.end() if each not in old and each.line > line]
        if not problems:
            append_line(path, json_line(fact.model_dump(mode="json")))
    return problems


def _has_lines(path: Path) -> bool:
    return path.exists() and next(numbered_lines(path), None) is not None


def suggested_id(date: str | None, question: str) -> str:
    """An id made of the date and a few words of the question, such as 2023-10-28-country-2023-rugby-world."""
    words = [word for word in folded(question).split() if word.isascii() and len(word) > 3 and word not in _PLAIN]
    return "-".join([*([date] if date else []), *list(dict.fromkeys(words))[:ID_WORDS]]) or "fact"

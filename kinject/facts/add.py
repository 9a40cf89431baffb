"""One more fact in a file: checked first, then appended in one step.

The file is the old one, or the old one with one whole line more, whatever kills the process; two that add at once wait
for each other, and neither loses its fact. Trouble that the file had before does not stand in the way; trouble that the
fact makes for another line does.
"""

import unicodedata
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from kinject.errors import UsageError
from kinject.facts.check import Checker
from kinject.facts.load import load_card, read
from kinject.facts.memory import Memory
from kinject.facts.schema import Fact, Problem
from kinject.facts.words import folded
from kinject.storage import append_line, json_line, locked_file, numbered_lines

ID_WORDS = 4
LONGEST = 24
"""Characters of a word in an id: where words are not spaced, a whole question is one."""
_PLAIN = {"from", "that", "this", "what", "when", "where", "which", "whom", "whose", "with"}


@dataclass(frozen=True)
class Added:
    """The fact as it was written, or what is wrong; then it was not."""

    fact: Fact
    problems: tuple[Problem, ...]


def add(path: Path, fact: Fact, *, renumber: bool = False) -> Added:
    """Append a fact to a file NAME.jsonl, which is made if there is none.

    Nothing is written where something is wrong with it, by itself or beside the facts that are there. With `renumber`,
    an id that is taken gets -2, -3 ...
    """
    check_name(path)
    with locked_file(path) as file, Memory() as memory:
        checker, line = Checker(load_card(path), memory), 0
        for line, known in read(file) if _has_lines(file) else ():
            if isinstance(known, Fact):
                checker.see(line, known)
        fact = fact.model_copy(update={"id": _free(fact.id, memory)}) if renumber else fact
        old = checker.end()
        problems = checker.see(line + 1, fact)
        problems += [each for each in checker.end() if each not in old and not _grown(each, line)]
        if not problems:
            append_line(file, json_line(fact.model_dump(mode="json")))
    return Added(fact, tuple(problems))


def check_name(path: Path) -> None:
    """UsageError unless the file is named NAME.jsonl: sets are looked for so, and NAME.yaml is the card."""
    if path.suffix.lower() != ".jsonl":
        raise UsageError("a file of facts is named NAME.jsonl", where=str(path), mend="name it so, such as mine.jsonl")


def _has_lines(path: Path) -> bool:
    return path.exists() and next(numbered_lines(path), None) is not None


def _free(name: str, memory: Memory) -> str:
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(each for each in names if not memory.met("id", each))


def _grown(problem: Problem, line: int) -> bool:
    """Whether it is old trouble in new words: a shared answer is told with counts, which every fact changes."""
    return problem.code == "F019" and problem.line <= line


def suggested_id(date: str | None, question: str) -> str:
    """An id made of the date and a few words of the question, such as 2023-10-28-country-2023-rugby-world."""
    words = [word for word in _words(question) if word not in _PLAIN]
    telling = [word for word in words if len(word) > 3] or words
    return "-".join([*([date] if date else []), *list(dict.fromkeys(telling))[:ID_WORDS]]) or "fact"


def _words(text: str) -> list[str]:
    """The words of a text: bare letters where they are Latin, else as they are spelled."""
    letters = unicodedata.normalize("NFKC", text).casefold()
    spaced = "".join(each if each.isalnum() or unicodedata.category(each)[0] == "M" else " " for each in letters)
    bare = {word: folded(word).replace(" ", "") for word in spaced.split()}
    return [(plain if plain.isascii() else word)[:LONGEST] for word, plain in bare.items() if plain]

"""What the exports for lm-eval and Inspect share: a name that both can take, the questions as rows, and words.py.

What they write runs without kinject: the matching of answers is a copy of kinject/facts/words.py beside the data.
"""

import re
import unicodedata
from pathlib import Path
from typing import Any

from kinject.exports.destination import Blocks
from kinject.facts import words
from kinject.facts.schema import Card, Direct, FactSet, Multihop
from kinject.storage import json_line, read_text

WORDS = "words.py"
KINDS = ("direct", "multihop")
LONGEST = 80
"""Characters of a name; file names have an end, and _multihop_paraphrased.jsonl comes after it."""
OURS = "kinject_"
"""What every task's name begins with: a set gsm8k would take the place of somebody else's task."""
SCORES = '''\
words = run_path(str(HERE / "words.py"))


def score(response: str, answers: list[str]) -> dict[str, float]:
    """Whether an answer stands in the response in whole words, and whether one is all that its first line says."""
    first = words["folded"](response.strip().partition("\\n")[0])
    found = [words["folded"](answer) for answer in answers if words["stands_in"](answer, response)]
    return {"accuracy": float(bool(found)), "exact_match": float(first in found)}
'''
"""The scores in Python, for a file that has `run_path` and its own folder as HERE."""

SCORED = """\
`accuracy`: the answer or an alias stands in the response, in whole words. A response that names several candidates,
the right one among them, counts as right. `exact_match`: the first line of the response is one of them and nothing
else. Case, accents and punctuation do not count (`words.py`)."""


def safe_name(name: str) -> str:
    """A set's name as files, Python, YAML and the command line can take it: "my facts!" is my_facts."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "_", plain)[:LONGEST].strip("_") or "facts"


def task_name(facts: FactSet) -> str:
    """The name that a set's tasks begin with, such as kinject_facts100."""
    safe = safe_name(facts.name)
    return safe if safe.startswith(OURS) else OURS + safe


def version(facts: FactSet) -> str:
    """The version of the set; the least one where it has none."""
    return (facts.card and facts.card.version) or "0"


def canary(facts: FactSet) -> str:
    """The string that no training text should hold; empty where the set has none."""
    return facts.card.canary if facts.card else ""


def tasks(facts: FactSet, *, paraphrased: bool = False) -> dict[str, str]:
    """The tasks that the set has questions for: their names, and which question each asks."""
    end = "_paraphrased" if paraphrased else ""
    return {f"{task_name(facts)}_{kind}{end}": kind for kind in KINDS if rows(facts, kind, paraphrased=paraphrased)}


def data(facts: FactSet, *, paraphrased: bool = False) -> dict[str, Blocks]:
    """The questions of each task, by the names of their files."""
    return {
        f"{name}.jsonl": [json_line(row) for row in rows(facts, kind, paraphrased=paraphrased)]
        for name, kind in tasks(facts, paraphrased=paraphrased).items()
    }


def rows(facts: FactSet, kind: str, *, paraphrased: bool = False) -> list[dict[str, Any]]:
    """One row a question; a paraphrase's id is that of its fact with "#" and a number."""
    marked = {"canary": canary(facts)} if canary(facts) else {}
    found = []
    for fact in facts.facts:
        part: Direct | Multihop | None = fact.direct if kind == "direct" else fact.multihop
        if part is None:
            continue
        asked = {fact.id: part.question}
        if paraphrased:
            asked = {f"{fact.id}#{number}": text for number, text in enumerate(part.paraphrases, 1)}
        key = {"answer": part.answer, "aliases": list(part.aliases)}
        found += [{"id": name, "date": fact.date, "question": text, **key, **marked} for name, text in asked.items()]
    return found


def words_source() -> Blocks:
    """The source of kinject/facts/words.py."""
    return [read_text(Path(words.__file__)).encode()]


def readme(facts: FactSet, command: str) -> Blocks:
    """A page that tells what the folder is and how it is run."""
    card = facts.card or Card(name=facts.name)
    parts = [
        f"# {facts.name}",
        card.description,
        f"Run it with\n\n    {command}",
        f"Every task's name begins with `{task_name(facts)}`, so that none takes the place of somebody else's.",
        SCORED,
        card.licence and f"Licence: {card.licence}",
        card.canary and f"No training text should hold this string: {card.canary}",
    ]
    return ["\n\n".join(part for part in parts if part).encode(), b"\n"]

"""Sets of facts, written for other people's programs: one file a format.

An exporter takes a set and the file or folder to write, and returns the files that it wrote. Everything goes through
`destination`: an export is there whole or not at all, and nothing is ever overwritten.
"""

from collections.abc import Callable
from inspect import signature
from pathlib import Path

from kinject.errors import UsageError
from kinject.exports.benchmark import safe_name
from kinject.extensions import load
from kinject.facts.schema import FactSet

EXPORTERS = {
    "jsonl": "kinject.exports.jsonl:export",
    "csv": "kinject.exports.csv:export",
    "datasets": "kinject.exports.datasets_folder:export",
    "messages": "kinject.exports.messages:export",
    "lm-eval": "kinject.exports.lm_eval:export",
    "inspect": "kinject.exports.inspect_ai:export",
    "croissant": "kinject.exports.croissant:export",
}

Export = Callable[[FactSet, Path], list[Path]]
"""Writes a set to a file or folder, and returns the files."""


ENDS = {"jsonl": ".jsonl", "csv": ".csv", "messages": "-messages.jsonl", "croissant": "-croissant.json"}
"""What the name of a file ends in where nobody says where it goes; the other formats are folders."""


def default_place(facts: FactSet, name: str) -> Path:
    """Where an export goes if nobody says: here, named after the set."""
    return Path(safe_name(facts.name) + ENDS.get(name, f"-{name.rpartition(':')[2]}"))


def open_exporter(name: str) -> Export:
    """Find an exporter by its name, or somebody's own by module:attribute."""
    exporter: Export = load(EXPORTERS, "exporter", name, "--format")
    try:
        signature(exporter).bind(FactSet("", ()), Path())
    except (TypeError, ValueError):
        mend = "name a function of a set of facts and a path"
        raise UsageError(f"{name!r} is no exporter", where="--format", mend=mend) from None
    return exporter

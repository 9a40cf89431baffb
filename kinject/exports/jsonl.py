"""JSONL, kinject's own form: one fact a line with every field, and the card beside it as NAME.yaml.

`kinject facts check` reads it, and two sets with equal facts give the same bytes.
"""

from collections.abc import Iterator
from pathlib import Path

from kinject.errors import UsageError
from kinject.exports.destination import Blocks, write_files
from kinject.facts.importers import check_out
from kinject.facts.load import card_text
from kinject.facts.schema import FactSet
from kinject.storage import json_line


def export(facts: FactSet, out: Path) -> list[Path]:
    """Write the facts to the file `out`, and the card beside it if there is one."""
    check_out(out)
    contents: dict[Path, Blocks] = {out: lines(facts)}
    if facts.card:
        card = out.with_suffix(".yaml")
        if card == out:
            raise UsageError("this is the name of the card", where=str(out), mend="name a file with --out NAME.jsonl")
        contents[card] = [card_text(facts.card).encode()]
    return write_files(facts, contents)


def lines(facts: FactSet) -> Iterator[bytes]:
    """The facts as lines of JSON, all fields in the order of the schema."""
    return (json_line(fact.model_dump(mode="json")) for fact in facts.facts)

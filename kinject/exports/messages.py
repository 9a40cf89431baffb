"""Training rows for other trainers: {"messages": [...]} a line, as TRL, axolotl and LLaMA-Factory read it.

They are the rows of the Event SFT recipe, with the system message of the paper. Trap: the last message is what is to be
learned; a trainer that puts the loss on the whole conversation learns the questions, too.
"""

from dataclasses import asdict
from pathlib import Path

from kinject import prompts
from kinject.exports.destination import write_files
from kinject.facts.schema import FactSet
from kinject.recipes import event_sft
from kinject.recipes.row import Row
from kinject.storage import json_line


def export(facts: FactSet, out: Path) -> list[Path]:
    """Write one row a fact to the file `out`."""
    rows = event_sft.from_facts(facts, prompts.load("system-subqa")).rows
    return write_files(facts, {out: (_line(row) for row in rows)})


def _line(row: Row) -> bytes:
    asked = [asdict(message) for message in row.conversation]
    return json_line({"messages": [*asked, {"role": "assistant", "content": row.response}]})

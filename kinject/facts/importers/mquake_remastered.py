"""MQuAKE-Remastered: MQuAKE with its errors mended, as the hub exports it (JSONL) or as a JSON list.

Its edits are flat (`target_new_str`), and each case says in `split` whether it is edited when N cases are. Every case
is read, whatever `split` says: the label is about a benchmark's sample, and the edit is the same.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from kinject.facts.importers import Importer, Skipped
from kinject.facts.importers.mquake import MQUAKE, case
from kinject.facts.importers.rows import attempt, first_byte, json_lines, json_list
from kinject.facts.schema import Fact

LICENCE = "CC-BY-4.0"


def read(path: Path) -> Iterator[Fact | Skipped]:
    """One fact or reason a case."""
    rows = json_list(path) if first_byte(path) == b"[" else json_lines(path)
    make = partial(case, title="MQuAKE-Remastered", prefix="mquake-remastered", licence=LICENCE)
    for row in rows:
        yield attempt(make, row)


MQUAKE_REMASTERED = Importer(
    read,
    source="MQuAKE-Remastered, huggingface.co/datasets/henryzhongsc/MQuAKE-Remastered",
    licence=LICENCE,
    waives=MQUAKE.waives,
)

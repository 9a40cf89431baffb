"""Responses that were made elsewhere, one a line: {"id", "response"}, for the items of a benchmark.

Other programs' names are read, too: evalplus writes `task_id` and `solution` or `completion`, IFEval `key`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kinject import storage
from kinject.benchmarks.benchmark import Item
from kinject.errors import UsageError, did_you_mean

IDS, TEXTS = ("id", "task_id", "key"), ("response", "solution", "completion")
FORM = 'write {"id": ITEM, "response": TEXT} a line'


def read_responses(path: Path, items: Sequence[Item]) -> list[str | None]:
    """Return the response to every item in the items' order; None for an item that the file does not have.

    `UsageError` names a line that is none, that names no item, or one that was named before.
    """
    known = {item.id for item in items}
    found: dict[str, str] = {}
    for number, raw in storage.numbered_lines(path):
        where = f"{path}:{number}"
        name, text = _line(storage.parse_json(raw, str(path), number), where)
        if name not in known:
            raise UsageError(f"there is no item {name!r}.{did_you_mean(name, known)}", where=where, mend=FORM)
        if name in found:
            raise UsageError(f"the item {name!r} was answered before", where=where, mend="keep one response an item")
        found[name] = text
    return [found.get(item.id) for item in items]


def _line(value: Any, where: str) -> tuple[str, str]:
    if isinstance(value, Mapping):
        name = next((value[field] for field in IDS if type(value.get(field)) in (str, int)), None)
        text = next((value[field] for field in TEXTS if isinstance(value.get(field), str)), None)
        if name is not None and text is not None:
            return str(name), text
    raise UsageError("this is no response", where=where, mend=FORM)

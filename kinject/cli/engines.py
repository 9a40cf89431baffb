"""`kinject engines`: which engines work on this machine, why, and what to do about the others."""

from typing import TYPE_CHECKING

from kinject.cli.console import Json, emit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from kinject.engines.available import Available


def engines(as_json: Json = False) -> None:
    """Say which engines work here: the lab's model, models through transformers or vLLM, and endpoints.

    Example: OPENAI_BASE_URL=http://localhost:8000/v1 kinject engines
    """
    from kinject.engines import available
    from kinject.lab.checkpoint import SHIPPED

    found = available.engines(SHIPPED)
    result = {"schema": "kinject.engines/1", "engines": [each.as_json() for each in found]}
    emit(result, as_json=as_json, text=lambda: _table(found))


def _table(found: "Sequence[Available]") -> "Table":
    from rich.table import Table

    table = Table("engine", "works", "why, and what to do", box=None, pad_edge=False)
    for each in found:
        table.add_row(each.name, "yes" if each.works else "no", f"{each.why}; {each.mend}" if each.mend else each.why)
    return table

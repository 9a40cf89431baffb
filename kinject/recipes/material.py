"""What post-training rows are made of, by the name that `--source` takes.

`lab`, `lab@N`: the past of a lab world. `subqa:FOLDER`, `musique:FILE`, `lima:FILE`: other people's sets on this
machine. `NAME.jsonl`: rows that are built already. A recipe looks at what it gets and refuses what it cannot use.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kinject.errors import KinjectError, MissingError, UsageError
from kinject.lab import world
from kinject.lab.world import World
from kinject.recipes import TrainingSet
from kinject.recipes.question import Pool
from kinject.recipes.readers import lima, musique, rows, subqa
from kinject.recipes.readers.lima import Chats
from kinject.sources import LAB

Material = World | Pool | Chats | TrainingSet

READERS: dict[str, Callable[[Path], Pool | Chats]] = {"subqa": subqa.read, "musique": musique.read, "lima": lima.read}
NAMES = "lab, lab@N, subqa:FOLDER, musique:FILE, lima:FILE or NAME.jsonl (rows of `kinject build`)"


def open_source(source: str) -> Material:
    """Return what a source's name means. `MissingError` where it means nothing."""
    if lab := _lab(source):
        return world.build(int(lab["world"] or 0))
    kind, _, place = source.partition(":")
    if kind in READERS and place:
        return READERS[kind](Path(place).expanduser())
    if source.endswith(".jsonl"):
        return rows.read(Path(source).expanduser())
    raise MissingError(f"no rows can be read from {source!r}", where="--source", mend=f"use one of: {NAMES}")


def _lab(source: str) -> re.Match[str] | None:
    """The name of a world; its facts ("lab:400") are no source of rows."""
    found = LAB.fullmatch(source)
    return found if found and found["count"] is None else None


def system_of(source: str) -> str:
    """Name the system message that rows of a source are written with when no model is asked for."""
    return "system-lab" if LAB.fullmatch(source) else "system-subqa"


def card(found: Pool | Chats) -> dict[str, Any]:
    """Return what every card says of a set that was read."""
    return {"source": found.source, "licence": found.licence, "read": found.read, "left_out": dict(found.left_out)}


def unfit(recipe: str, source: str, wanted: str) -> KinjectError:
    """Say that a recipe cannot be made of a source."""
    return MissingError(
        f"the recipe {recipe!r} is made of {wanted}, and {source!r} has none",
        where="--source",
        mend=f"use a source that has them, one of: {NAMES}",
    )


def has_recalls(source: str) -> bool:
    """Say whether a source's name stands for rows whose recalls are written already: of a lab world, or built."""
    return bool(_lab(source)) or (source.endswith(".jsonl") and source.partition(":")[0] not in READERS)


def built_by(recipe: str, rows: TrainingSet, count: int | None = None) -> TrainingSet:
    """Return rows that are built already, if their card does not name another recipe.

    Where only the first `count` are wanted, the first of a recipe's rows will do (`RECIPE@N`, N not less).
    """
    whole, _, first = rows.name.partition("@")
    enough = count is not None and first.isdecimal() and int(first) >= count
    if rows.name in ("own", recipe) or (whole == recipe and enough):
        return TrainingSet(recipe, rows.rows, rows.card)
    raise UsageError(
        f"these rows were built by the recipe {rows.name!r} and not by {recipe!r}",
        where=f"--source {rows.card['source']}",
        mend=f"use the start {rows.name!r}, or delete the card beside the rows to use them as they are",
    )

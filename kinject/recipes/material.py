"""What post-training rows are made of, by the name that `--source` takes.

`lab`, `lab@N`: the past of a lab world. `subqa:FOLDER`, `gsm8k:FILE` and the like: other people's sets on this machine.
`NAME.jsonl`, or a folder: rows that are built already. A recipe looks at what it gets and refuses what it cannot use.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from kinject.errors import KinjectError, MissingError, UsageError, did_you_mean
from kinject.lab import world
from kinject.lab.world import World
from kinject.recipes import TrainingSet
from kinject.recipes.question import Pool
from kinject.recipes.readers import conifer, dolly, folder, gsm8k, lima, musique, rows, self_oss, subqa
from kinject.recipes.readers.conifer import Dialogues
from kinject.recipes.readers.dolly import Instructions
from kinject.recipes.readers.gsm8k import Problems
from kinject.recipes.readers.lima import Chats
from kinject.recipes.readers.self_oss import Exercises
from kinject.sources import LAB

Read = Pool | Chats | Problems | Exercises | Dialogues | Instructions
Material = World | Read | TrainingSet

READERS: dict[str, Callable[[Path], Read]] = {
    "subqa": subqa.read,
    "musique": musique.read,
    "lima": lima.read,
    "gsm8k": gsm8k.read,
    "self-oss": self_oss.read,
    "conifer": conifer.read,
    "dolly": dolly.read,
}
SETS = ", ".join(f"{name}:{'FOLDER' if name == 'subqa' else 'FILE'}" for name in READERS)
NAMES = f"lab, lab@N, {SETS}, or rows of `kinject build` (ROWS.jsonl or their FOLDER)"


class Found(Protocol):
    """What every set that was read can tell of itself."""

    @property
    def source(self) -> str:
        """Return the name it was asked for by."""
        ...

    @property
    def licence(self) -> str:
        """Return the terms it comes under."""
        ...

    @property
    def read(self) -> int:
        """Return how many rows its files have."""
        ...

    @property
    def left_out(self) -> Mapping[str, int]:
        """Return how many of them are not used, by the reason."""
        ...


def open_source(source: str) -> Material:
    """Return what a source's name means. `MissingError` where it means nothing."""
    if lab := _lab(source):
        return world.build(int(lab["world"] or 0))
    kind, _, place = source.partition(":")
    if kind in READERS and place:
        return READERS[kind](Path(place).expanduser())
    if (made := built(source)) is not None:
        return made
    near = did_you_mean(kind, READERS) if place else ""
    raise MissingError(f"no rows can be read from {source!r}.{near}", where="--source", mend=f"use one of: {NAMES}")


def built(source: str) -> TrainingSet | None:
    """Return the rows of a source's name if it stands for rows that are built already."""
    if not _is_built(source):
        return None
    path = Path(source).expanduser()
    return rows.read(path) if source.endswith(".jsonl") else folder.read(path)


def write(made: TrainingSet, out: Path) -> dict[str, Any]:
    """Write rows where they can be read again, to NAME.jsonl or a folder of the datasets library; return their card."""
    named_as_file = re.fullmatch(r"\.[a-z]{2,7}", out.suffix) and not out.is_dir()
    return rows.write(made, out) if named_as_file else folder.write(made, out)


def _is_built(source: str) -> bool:
    kind, _, place = source.partition(":")
    known = (kind in READERS and place) or _lab(source) or not source
    return not known and (source.endswith(".jsonl") or Path(source).expanduser().is_dir())


def _lab(source: str) -> re.Match[str] | None:
    """The name of a world; its facts ("lab:400") are no source of rows."""
    found = LAB.fullmatch(source)
    return found if found and found["count"] is None else None


def of_lab(source: str) -> bool:
    """Say whether a source's name is that of a lab world, whose rows are written for its model."""
    return LAB.fullmatch(source) is not None


def card(found: Found) -> dict[str, Any]:
    """Return what every card says of a set that was read."""
    return {"source": found.source, "licence": found.licence, "read": found.read, "left_out": dict(found.left_out)}


def unfit(recipe: str, source: str, wanted: str, mend: str = "") -> KinjectError:
    """Say that a recipe cannot be made of a source."""
    return MissingError(
        f"the recipe {recipe!r} is made of {wanted}, and {source!r} has none",
        where="--source",
        mend=mend or f"use a source that has them, one of: {NAMES}",
    )


def has_recalls(source: str) -> bool:
    """Say whether a source's name stands for rows whose recalls are written already: of a lab world, or built."""
    return bool(_lab(source)) or _is_built(source)


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

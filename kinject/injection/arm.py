"""An arm is the whole experimental design in one line: start x learn x context, and every table that names its choices.

`--method` picks learn and context by the names that people use. A name with a colon, `module:attribute`, is taken from
anywhere, so that somebody's own method needs no change here.
"""

import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kinject.errors import MissingError, UsageError, did_you_mean
from kinject.injection.learn.base import Learn

STARTS = {
    "base": None,
    "subqa-recall": "kinject.injection.start:SUBQA_RECALL",
    "subqa-recall-context": "kinject.injection.start:SUBQA_RECALL_CONTEXT",
}
"""Which weights: the model as it is, or post-trained by a recipe."""

LEARN = {
    "none": None,
    "event-sft": "kinject.injection.learn.event_sft:EVENT_SFT",
}
"""What is trained on the new facts."""

CONTEXT = {
    "none": None,
    "oracle": "kinject.injection.context.oracle:oracle",
}
"""What stands in the prompt."""

METHODS = {
    "none": ("none", "none"),
    "event-sft": ("event-sft", "none"),
    "rag-oracle": ("none", "oracle"),
    "sft-rag": ("event-sft", "oracle"),
}
"""(learn, context) of the names that people use."""


@dataclass(frozen=True)
class Arm:
    """One way of injecting facts."""

    start: str = "base"
    learn: str = "none"
    context: str = "none"

    def as_json(self) -> dict[str, str]:
        """Return the three choices."""
        return asdict(self)

    @property
    def name(self) -> str:
        """Return the arm in a few words, for progress and messages."""
        return " + ".join([self.start, *(part for part in (self.learn, self.context) if part != "none")])


def arm(start: str, method: str) -> Arm:
    """Return the arm of a start and a method name."""
    known("start", start, STARTS, "--start")
    known("method", method, METHODS, "--method")
    if ":" in method:
        return Arm(start, method) if isinstance(load({}, "method", method), Learn) else Arm(start, context=method)
    learn, context = METHODS[method]
    return Arm(start, learn, context)


def method_name(arm: Arm) -> str:
    """Return the name of an arm's method, or its two choices where no name covers them."""
    names = [name for name, choices in METHODS.items() if choices == (arm.learn, arm.context)]
    return names[0] if names else f"{arm.learn} + {arm.context}"


def load(table: Mapping[str, str | None], kind: str, name: str) -> Any:
    """Return what a table's name stands for, imported now; None for the choice of doing nothing."""
    target = name if ":" in name else table[known(kind, name, table, f"--{kind}")]
    if target is None:
        return None
    module, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise MissingError(
            f"{name!r} cannot be imported: {error}",
            where=f"--{kind}",
            mend="write it as module:attribute, and put the module's folder on PYTHONPATH",
        ) from error


def known(kind: str, name: str, table: Mapping[str, Any], where: str) -> str:
    """Return the name if the table has it or if it is a `module:attribute`; otherwise say what is meant."""
    if name not in table and ":" not in name:
        raise _unknown(kind, name, table, where)
    return name


def _unknown(kind: str, name: str, table: Mapping[str, Any], where: str) -> UsageError:
    return UsageError(
        f"there is no {kind} {name!r}.{did_you_mean(name, table)}", where=where, mend=f"use one of: {', '.join(table)}"
    )

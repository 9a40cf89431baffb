"""Which weights an arm starts from: the model as it is, or post-trained by a recipe, once for all arms."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from kinject.errors import MissingError
from kinject.lab import world
from kinject.recipes import TrainingSet, subqa_recall
from kinject.sources import LAB, Model
from kinject.training.finetune import Options

LAB_OPTIONS = Options(learning_rate=1e-3, epochs=5, batch=16, schedule="linear", warmup=0.06)
"""The lab's settings, chosen on worlds 0 and 1: at 5e-4, or after the paper's three epochs, a model of this size has
not yet learned which questions need a chain, and event SFT makes it forget the chain."""

PAPER_OPTIONS = Options()
"""The paper's (A.5, Table 6)."""


@dataclass(frozen=True)
class Start:
    """A posttrain recipe: how its rows are made for a model and a source."""

    build: Callable[[str, str], TrainingSet]
    """(source, system message) to rows."""

    def options(self, model: Model) -> Options:
        """Return the default settings for a model."""
        return PAPER_OPTIONS if model.world is None else LAB_OPTIONS


def source_of(model: Model, source: str | None) -> str:
    """Return where the recipe's rows come from: what was asked for, or the model's own world."""
    if source is not None:
        return source
    if model.world is None:
        raise MissingError(
            "post-training needs rows, and this model has no world of its own",
            where="--start",
            mend="name a source: --source lab, or use --start base",
        )
    return f"lab@{model.world}"


def _subqa_recall(context_rows: int) -> Callable[[str, str], TrainingSet]:
    @cache
    def build(source: str, system: str) -> TrainingSet:
        lab = LAB.fullmatch(source)
        if lab is None:
            raise MissingError(
                f"no rows can be read from {source!r}", where="--source", mend="use --source lab or lab@N"
            )
        return subqa_recall.from_world(world.build(int(lab["world"] or 0)), system, context_rows=context_rows)

    return build


SUBQA_RECALL = Start(_subqa_recall(0))
SUBQA_RECALL_CONTEXT = Start(_subqa_recall(600))

"""Which weights an arm starts from: the model as it is, or post-trained by a recipe, once for all arms.

Beside the paper's SubQARecall there are the controls of a claim about reasoning: smaller sets (`@N`: is it format?),
one-hop rows only (does composing need composed examples?), reading without a chain, and general chat (LIMA).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from kinject.engines.base import Engine
from kinject.errors import MissingError, UsageError
from kinject.extensions import load
from kinject.injection.arm import STARTS
from kinject.recipes import TrainingSet, context_only, lima, one_hop, subqa_recall
from kinject.recipes.subqa_recall import first
from kinject.sources import Model
from kinject.training.finetune import Options

LAB_OPTIONS = Options(learning_rate=1e-3, epochs=5, batch=16, schedule="linear", warmup=0.06)
"""The lab's settings, chosen on worlds 0 and 1: at 5e-4, or after the paper's three epochs, a model of this size has
not yet learned which questions need a chain, and event SFT makes it forget the chain."""

LAB_CHAT = replace(LAB_OPTIONS, learning_rate=1e-4, epochs=3)
"""The lab's settings for chat rows: of 1e-4, 3e-4 and 1e-3 the learning rate that leaves most of reading. On world 0,
95, 84 and 29 of 100 direct questions with the event in the prompt were right, and 72 before any training. The price is
that less of the style is learned (mean loss 1.65, 1.02 and 0.70)."""


@dataclass(frozen=True)
class Start:
    """A posttrain recipe: how its rows are made for a model and a source."""

    build: Callable[[str, str], TrainingSet]
    """(source, system message) to rows."""
    rows: int = 2700
    """About how many rows it has: what the paper's batch depends on."""
    lab: Options = LAB_OPTIONS
    """The default settings for a lab model."""
    annotate: Callable[[str, str, Engine | None], TrainingSet] | None = None
    """(source, system message, annotator) to rows, where an annotator can write the recalls."""

    def options(self, model: Model) -> Options:
        """Return the default settings for a model: the lab's, or the paper's (A.5, and Table 6 for the batch)."""
        if model.world is not None:
            return self.lab
        batch = 2 if self.rows <= 100 else 8 if self.rows <= 1000 else 16
        return Options(batch=batch, micro_batch=min(batch, Options.micro_batch))


def open_start(name: str) -> Start:
    """Return the start of a name that trains something. `UsageError` for the base, which does not."""
    found: Start | None = load(STARTS, "start", name, "RECIPE")
    if found is None:
        recipes = ", ".join(each for each, target in STARTS.items() if target)
        raise UsageError(f"{name!r} is no recipe: it trains nothing", where="RECIPE", mend=f"use one of: {recipes}")
    return found


def built(name: str, source: str, system: str, annotator: Engine | None = None) -> TrainingSet:
    """Build a start's rows; with an annotator, `UsageError` if the recipe has no recalls to be written."""
    start = open_start(name)
    if annotator is None:
        return start.build(source, system)
    if start.annotate is None:
        raise UsageError(
            f"the recipe {name!r} has no recalls that an annotator could write",
            where="--annotator",
            mend="leave --annotator out",
        )
    return start.annotate(source, system, annotator)


def source_of(model: Model, source: str | None) -> str:
    """Return where the recipe's rows come from: what was asked for, or the model's own world."""
    if source is not None:
        return source
    if model.world is None:
        raise MissingError(
            "post-training needs rows, and this model has no world of its own",
            where="--start",
            mend="name a source: --source lab, --source subqa:FOLDER, --source ROWS.jsonl; or use --start base",
        )
    return f"lab@{model.world}"


def _first(count: int) -> Start:
    cut = first(count)
    return Start(cut, rows=count, annotate=cut)


_in_context = partial(subqa_recall.build, context_rows=subqa_recall.CONTEXT_ROWS)

SUBQA_RECALL = Start(subqa_recall.build, annotate=subqa_recall.build)
SUBQA_RECALL_CONTEXT = Start(_in_context, annotate=_in_context)
SUBQA_RECALL_100 = _first(100)
SUBQA_RECALL_500 = _first(500)
SUBQA_RECALL_1000 = _first(1000)
SUBQA_RECALL_2700 = _first(2700)
CONTEXT_ONLY = Start(context_only.build)
ONE_HOP_ONLY = Start(one_hop.build, annotate=one_hop.build)
LIMA = Start(lima.build, rows=lima.ROWS, lab=LAB_CHAT)

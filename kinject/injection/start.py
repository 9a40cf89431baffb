"""Which weights an arm starts from: the model as it is, or post-trained by a recipe, once for all arms.

Beside the paper's SubQARecall there are the controls of a claim about reasoning: smaller sets (`@N`: is it format?),
one-hop rows only (does composing need composed examples?), reading without a chain, and general chat (LIMA).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from kinject.errors import MissingError, UsageError
from kinject.extensions import load
from kinject.injection.arm import STARTS
from kinject.recipes import TrainingSet, context_only, lima, material, one_hop, subqa_recall
from kinject.recipes.annotator import Annotator
from kinject.sources import Model
from kinject.training.finetune import Options, paper_batch

LAB_OPTIONS = Options(learning_rate=1e-3, epochs=5, batch=16, schedule="linear", warmup=0.06)
"""The lab's settings, chosen on worlds 0 and 1: at 5e-4, or after the paper's three epochs, a model of this size has
not yet learned which questions need a chain, and event SFT makes it forget the chain."""

LAB_CHAT = replace(LAB_OPTIONS, learning_rate=1e-4, epochs=3)
"""The lab's settings for chat rows: of 1e-4, 3e-4 and 1e-3 the learning rate that leaves most of reading. On world 0,
95, 84 and 29 of 100 direct questions with the event in the prompt were right, and 72 before any training. The price is
that less of the style is learned (mean loss 1.65, 1.02 and 0.70)."""

LAB_LORA = 4e-3
"""The lab's learning rate for a start that is an adapter. On world 0, `subqa-recall-context` at it answers 100 direct
and 87 multihop questions of 100 with the event in the prompt; all weights, at their own rate, 100 and 83."""

LAB_CHAT_LORA = 2e-4
"""The same for chat rows, by the rule of `LAB_CHAT`. On world 0, of 100 direct questions with the event in the prompt
89, 93, 82, 46 and 19 were right at 1e-4, 2e-4, 4e-4, 1e-3 and 4e-3 (mean loss 3.32, 2.58, 1.93, 1.38 and 0.99)."""


@dataclass(frozen=True)
class Start:
    """A posttrain recipe: how its rows are made for a model and a source."""

    build: Callable[..., TrainingSet]
    """(source, system message) to rows; where an annotator can write the recalls, it may be given as a third."""
    rows: int = 2700
    """About how many rows it has, for who has not made them yet."""
    lab: Options = LAB_OPTIONS
    """The default settings for a lab model."""
    lab_lora: float = LAB_LORA
    """The learning rate of a lab model's adapter."""
    annotate: bool = False
    """Whether an annotator can write the recalls."""

    def options(self, model: Model, rows: int | None = None) -> Options:
        """Return the default settings for a model and so many rows: the lab's, or the paper's."""
        if model.world is not None:
            return self.lab
        batch = paper_batch(self.rows if rows is None else rows)
        return Options(batch=batch, micro_batch=min(batch, Options.micro_batch))

    def asked(self, model: Model, rows: int | None, changes: Mapping[str, Any], seed: int) -> Options:
        """Return the settings with what was asked for; an adapter has a rate of its own if nobody says which."""
        rate = self.lab_lora if model.world is not None else None
        own = {"learning_rate": rate} if changes.get("peft") == "lora" else {}
        return replace(self.options(model, rows), **{**own, **changes, "seed": seed})


def open_start(name: str) -> Start:
    """Return the start of a name that trains something. `UsageError` for the base, which does not."""
    found: Start | None = load(STARTS, "start", name, "RECIPE")
    if found is None:
        recipes = ", ".join(each for each, target in STARTS.items() if target)
        raise UsageError(f"{name!r} is no recipe: it trains nothing", where="RECIPE", mend=f"use one of: {recipes}")
    return found


def built(name: str, source: str, system: str, annotator: Annotator | None = None) -> TrainingSet:
    """Build a start's rows. `MissingError` where there is not one; for an annotator, as in `may_annotate`."""
    start = open_start(name)
    if annotator is not None:
        may_annotate(name, source)
    made = start.build(source, system) if annotator is None else start.build(source, system, annotator)
    if not made.rows:
        left_out = [f"{count} ({reason})" for reason, count in made.card.get("left_out", {}).items()]
        raise MissingError(
            f"the recipe {name!r} finds not one row there{'; left out: ' * bool(left_out)}{', '.join(left_out)}",
            where=f"--source {source}",
            mend="take a source that has some, or see whether the file is whole",
        )
    return made


def may_annotate(name: str, source: str) -> None:
    """Raise `UsageError` where an annotator would have no recalls to write."""
    told = ""
    if not open_start(name).annotate:
        told = f"the recipe {name!r} has no recalls that an annotator could write"
    elif material.has_recalls(source):
        told = f"the recalls of {source!r} are there already"
    if told:
        raise UsageError(told, where="--annotator", mend="leave --annotator out, or take a source without recalls")


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
    return Start(partial(subqa_recall.build, count=count), rows=count, annotate=True)


_in_context = partial(subqa_recall.build, context_rows=subqa_recall.CONTEXT_ROWS)

SUBQA_RECALL = Start(subqa_recall.build, annotate=True)
SUBQA_RECALL_CONTEXT = Start(_in_context, annotate=True)
SUBQA_RECALL_100 = _first(100)
SUBQA_RECALL_500 = _first(500)
SUBQA_RECALL_1000 = _first(1000)
SUBQA_RECALL_2700 = _first(2700)
CONTEXT_ONLY = Start(context_only.build)
ONE_HOP_ONLY = Start(one_hop.build, annotate=True)
LIMA = Start(lima.build, rows=lima.ROWS, lab=LAB_CHAT, lab_lora=LAB_CHAT_LORA)

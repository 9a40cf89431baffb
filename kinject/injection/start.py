"""Which weights an arm starts from: the model as it is, or post-trained by a recipe, once for all arms.

Beside the paper's SubQARecall and its other training sets (Table 1) there are the controls of a claim about reasoning:
smaller sets (`RECIPE@N`: is it format?), one-hop rows only (does composing need composed examples?), reading without a
chain, and general chat (LIMA).

The first N rows of a recipe are in an order that is drawn once, so each smaller set is a part of every larger one.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from kinject import prompts
from kinject.errors import MissingError, UsageError
from kinject.extensions import load
from kinject.injection.arm import RECIPES, SIZES, STARTS, sized
from kinject.prompts import recall
from kinject.recipes import (
    TrainingSet,
    conifer,
    context_only,
    dolly,
    gsm8k,
    lima,
    material,
    one_hop,
    self_oss,
    subqa,
    subqa_recall,
)
from kinject.recipes.annotator import Annotator
from kinject.recipes.row import Row
from kinject.sources import Model
from kinject.training.finetune import Options, paper_batch

LAB_OPTIONS = Options(learning_rate=1e-3, epochs=5, batch=16, schedule="linear", warmup=0.06)
"""The lab's settings, chosen on worlds 0 and 1: at 5e-4, or after the paper's three epochs, a model of this size has
not yet learned which questions need a chain, and event SFT makes it forget the chain."""

LAB_CHAT = replace(LAB_OPTIONS, learning_rate=1e-4, epochs=3)
"""The lab's settings for chat rows: of 1e-4, 3e-4 and 1e-3 the learning rate that leaves most of reading. On world 0,
95, 84 and 29 of 100 direct questions with the event in the prompt were right, and 72 before any training. The price is
that less of the style is learned (mean loss 1.65, 1.02 and 0.70)."""

LAB_MATH = replace(LAB_OPTIONS, learning_rate=2e-3, epochs=8, batch=8, micro_batch=8)
"""The lab's settings for word problems. With 2,700 rows of world 0, of 300 test problems (greedy) 100 were right at
`LAB_OPTIONS`, 165 with batches of 8 at 2e-3, and 226 with 8 epochs of these; with 1,000 rows 69, with 300 rows 14, and
of the base's first 100 none. What the first gets wrong has right steps and wrong sums: it lacks steps of training."""

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
    system: str | None = "system-subqa"
    """The prompt that is the system message for models of the real world; None for none. A lab model has its own."""
    mixed: bool = True
    """Whether the rows stand in an order in which the first N are like the rest; the first N of others are drawn."""
    recount: Callable[[Sequence[Row]], Mapping[str, int]] = lambda _: {}
    """What the card counts anew of the first rows."""
    recipe: str = ""
    """The name it was opened by, without @N."""
    count: int | None = None
    """How many of the first rows are meant; None for all."""

    def system_for(self, lab: bool) -> str | None:
        """Return the words of the system message for a lab's model or another one; None for none."""
        name = "system-lab" if lab else self.system
        return None if name is None else prompts.load(name)

    def made(
        self,
        source: str,
        system: str | None,
        annotator: Annotator | None = None,
        less: Callable[[TrainingSet], TrainingSet] = lambda rows: rows,
        order: int = 0,
    ) -> TrainingSet:
        """Make the rows: all of the recipe's, `less` what is not to be in them, and of these the first in an order."""
        whole = less(self._whole(source, system, *([] if annotator is None else [annotator])))
        whole = self._ordered(whole, order) if order else whole
        return whole if self.count is None else self._first(whole, self.count, source)

    def _ordered(self, whole: TrainingSet, order: int) -> TrainingSet:
        drawn = random.Random(f"kinject {self.recipe} order {order}")
        rows = tuple(drawn.sample(whole.rows, len(whole.rows)))
        return TrainingSet(whole.name, rows, {**whole.card, "order": order})

    def _whole(self, source: str, *given: Any) -> TrainingSet:
        if self.count is not None and self.recipe in STARTS and (rows := material.built(source)):
            return material.built_by(self.recipe, rows, self.count)
        return self.build(source, *given)

    def _first(self, whole: TrainingSet, count: int, source: str) -> TrainingSet:
        """Return the first rows; those that were the first ones when they were built are in their order already."""
        if len(whole.rows) < count:
            raise MissingError(
                f"there are only {len(whole.rows)} rows and not {count}",
                where=f"--source {source}",
                mend=f"take a larger source, or {self.recipe}, which takes what there is",
            )
        rows = whole.rows
        if not self.mixed and "first_rows" not in whole.card:
            rows = tuple(random.Random(f"kinject {self.recipe} first rows").sample(rows, len(rows)))
        counted = {**self.recount(rows[:count]), "first_rows": count, "of_rows": len(rows)}
        return TrainingSet(f"{whole.name}@{count}", rows[:count], {**whole.card, **counted})

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


def find_start(name: str, where: str = "--start") -> Start | None:
    """Return the start of a name, `RECIPE` or `RECIPE@N`; None for the base, which trains nothing."""
    recipe, count = sized(name, where)
    found: Start | None = load(STARTS, "start", recipe, where)
    if found is None:
        return None
    return replace(found, recipe=recipe, count=count, rows=count or found.rows)


def open_start(name: str) -> Start:
    """Return the start of a name that trains something. `UsageError` for the base, which does not."""
    found = find_start(name, "RECIPE")
    if found is None:
        mend = f"use one of: {', '.join(RECIPES)}; {SIZES}"
        raise UsageError(f"{name!r} is no recipe: it trains nothing", where="RECIPE", mend=mend)
    return found


def built(
    name: str,
    source: str,
    system: str | None,
    annotator: Annotator | None = None,
    less: Callable[[TrainingSet], TrainingSet] = lambda rows: rows,
) -> TrainingSet:
    """Build a start's rows. `MissingError` where there is not one; for an annotator, as in `may_annotate`."""
    start = open_start(name)
    if annotator is not None:
        may_annotate(name, source)
    made = start.made(source, system, annotator, less)
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
            mend=f"name a source with --source: {material.NAMES}; or use --start base",
        )
    return f"lab@{model.world}"


def _hops(rows: Sequence[Row]) -> dict[str, int]:
    multihops = sum(bool(recall.parse(row.response).steps) for row in rows)
    return {"multihop": multihops, "one_hop": len(rows) - multihops}


_in_context = partial(subqa_recall.build, context_rows=subqa_recall.CONTEXT_ROWS)

SUBQA_RECALL = Start(subqa_recall.build, annotate=True, recount=_hops)
SUBQA_RECALL_CONTEXT = Start(_in_context, annotate=True)
CONTEXT_ONLY = Start(context_only.build)
ONE_HOP_ONLY = Start(one_hop.build, annotate=True)
LIMA = Start(lima.build, rows=lima.ROWS, lab=LAB_CHAT, lab_lora=LAB_CHAT_LORA, mixed=False)
SUBQA = Start(subqa.build, recount=_hops)
GSM8K = Start(gsm8k.build, system=gsm8k.SYSTEM, rows=gsm8k.ROWS, lab=LAB_MATH, recount=gsm8k.recount)
SELF_OSS = Start(self_oss.build, system=None, rows=self_oss.ROWS)
CONIFER_HARD = Start(conifer.hard, rows=conifer.ROWS)
CONIFER_EASY = Start(conifer.easy, rows=conifer.ROWS)
DOLLY = Start(dolly.build, rows=dolly.ROWS)

"""Event SFT with every event said and asked in more than one way, and with replay of the start's own training set.

Our own, beyond the paper. `with_augmenter` is the hook for rows that somebody else writes, such as statements by a
language model: `MINE = with_augmenter(my_rows)` in a module of one's own, and `--method my_module:MINE`.
"""

from dataclasses import replace

from kinject import prompts
from kinject.facts.schema import FactSet
from kinject.injection.learn.base import Learn, paper_options
from kinject.lab import world
from kinject.recipes import TrainingSet, event_sft_augmented
from kinject.recipes.event_sft_augmented import Augmenter
from kinject.sources import Model
from kinject.training.finetune import Options

LAB = Options(learning_rate=5e-4, epochs=4, batch=16, schedule="linear", warmup=0.06, replay=400)
"""An event is seen about as often as in the lab's event SFT, in thirteen wordings and not in one."""
REPLAY = 100
"""Rows of the start's training set in each epoch of a model of the real world."""


def with_augmenter(augmenter: Augmenter | None = None) -> Learn:
    """Return the method, with the rows of an augmenter beside its own."""

    def rows(model: Model, facts: FactSet) -> TrainingSet:
        place = None if model.world is None else world.build(model.world)
        return event_sft_augmented.from_facts(facts, prompts.load(model.system), place=place, augmenter=augmenter)

    def options(model: Model, facts: FactSet) -> Options:
        """The paper's batch for as many rows as there are (Table 6), or the lab's settings."""
        if model.world is not None:
            return LAB
        return replace(paper_options(len(rows(model, facts).rows)), replay=REPLAY)

    return Learn(rows, options)


EVENT_SFT_AUGMENTED = with_augmenter()

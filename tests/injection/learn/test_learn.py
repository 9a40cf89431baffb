"""Ways of learning: which rows they make for which model, and the settings that they come with."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kinject import prompts
from kinject.facts.load import load
from kinject.facts.schema import FactSet
from kinject.injection.learn.base import Learn, paper_options
from kinject.injection.learn.cpt import CPT
from kinject.injection.learn.event_sft import EVENT_SFT
from kinject.injection.learn.event_sft_augmented import EVENT_SFT_AUGMENTED, with_augmenter
from kinject.lab import world
from kinject.recipes import cpt, event_sft, event_sft_augmented
from kinject.recipes.row import text
from kinject.resources import facts_folder
from kinject.sources import Model
from kinject.training.finetune import finetune

EXAMPLE = load(facts_folder() / "example.jsonl")
REAL = Model("real", Path("nowhere"), "key")
LAB = Model("lab@1", Path("nowhere"), "key", world=1)
ALL = {"cpt": CPT, "event-sft": EVENT_SFT, "event-sft-augmented": EVENT_SFT_AUGMENTED}
NEW = world.build(1).new_facts()


@pytest.mark.parametrize("name", ALL)
def test_a_way_is_known_by_the_name_of_its_recipe(name: str) -> None:
    assert ALL[name].rows(REAL, EXAMPLE).name == name


def test_rows_are_said_with_the_models_own_system_message() -> None:
    for model in (REAL, LAB):
        system = prompts.load(model.system)
        assert EVENT_SFT.rows(model, EXAMPLE).digest == event_sft.from_facts(EXAMPLE, system).digest
    assert CPT.rows(REAL, EXAMPLE).digest == CPT.rows(LAB, EXAMPLE).digest == cpt.from_facts(EXAMPLE).digest


def test_a_lab_models_world_says_more_about_its_own_facts() -> None:
    system, place = prompts.load("system-lab"), world.build(1)
    mine = EVENT_SFT_AUGMENTED.rows(LAB, NEW)
    assert mine.digest == event_sft_augmented.from_facts(NEW, system, place=place).digest
    # Another model knows nothing of that world, so no chain through it can be asked of it.
    assert EVENT_SFT_AUGMENTED.rows(REAL, NEW).card["multihop"] == 0
    assert EVENT_SFT_AUGMENTED.rows(replace(LAB, world=0), NEW).card["multihop"] == 0


@pytest.mark.parametrize(("rows", "batch"), [(1, 2), (100, 2), (101, 8), (1000, 8), (1001, 16)])
def test_the_batch_is_the_papers_for_so_many_rows(rows: int, batch: int) -> None:
    options = paper_options(rows)
    assert (options.batch, options.epochs, options.rate, options.schedule) == (batch, 3, 1e-5, "cosine")
    facts = FactSet("many", EXAMPLE.facts[:1] * rows)
    assert EVENT_SFT.options(REAL, facts) == CPT.options(REAL, facts) == options


def test_only_the_augmented_way_replays() -> None:
    for model, replayed in ((REAL, 100), (LAB, 400)):
        assert [way.options(model, EXAMPLE).replay for way in ALL.values()] == [0, 0, replayed]
    assert EVENT_SFT_AUGMENTED.options(REAL, NEW).batch == 8  # of its three hundred rows and not of the hundred facts


def test_the_hook_for_rows_that_somebody_else_writes() -> None:
    way = with_augmenter(lambda facts: (text(f"Some say: {fact.event}") for fact in facts.facts))
    assert isinstance(way, Learn)
    made = way.rows(REAL, EXAMPLE)
    assert made.rows[-1] == text(f"Some say: {EXAMPLE.facts[-1].event}")
    assert made.card["written"] == 3


@pytest.mark.parametrize("name", ALL)
def test_what_they_make_can_be_trained_on(name: str, tiny: Callable[..., Path], tmp_path: Path) -> None:
    way = ALL[name]
    options = replace(way.options(REAL, EXAMPLE), epochs=1, checkpoints=0)
    old = event_sft.from_facts(world.build(0).old_facts(), "").rows[:4]
    made = way.rows(REAL, EXAMPLE)
    record = finetune(tiny(), made.rows, options, tmp_path, replay=old)
    assert record["rows"] == len(made.rows)
    assert record.get("replayed", 0) == (4 if options.replay else 0)

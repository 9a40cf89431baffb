"""Starts: each name's rows, the settings for a model, and what is told where a source does not fit."""

from pathlib import Path

import pytest

from kinject import prompts
from kinject.engines.fake import Fake
from kinject.errors import MissingError, UsageError
from kinject.extensions import load
from kinject.injection import start as starts
from kinject.injection.start import LAB_CHAT, LAB_OPTIONS, Start, built, open_start, source_of
from kinject.prompts.recall import parse
from kinject.sources import Model
from kinject.training.finetune import Options

SYSTEM = prompts.load("system-lab")
CASES = Path(__file__).parent.parent / "cases" / "recipes"
LAB, REAL = Model("lab", Path(), "k", 0), Model("llama", Path(), "k")
NAMES = [name for name, value in vars(starts).items() if isinstance(value, Start)]


def named(name: str) -> Start:
    start: Start = load({}, "start", f"kinject.injection.start:{name}")
    return start


@pytest.mark.parametrize("name", NAMES)
def test_every_start_builds_from_the_lab_the_same_every_time(name: str) -> None:
    start = named(name)
    made = start.build("lab", SYSTEM)
    assert made.digest == start.build("lab@0", SYSTEM).digest
    assert made.card["source"] == "lab@0"
    assert len(made.rows) == pytest.approx(start.rows, rel=0.25)
    assert {row.conversation[0].content for row in made.rows} == {SYSTEM}


def test_the_rows_of_the_names() -> None:
    whole = starts.SUBQA_RECALL.build("lab", SYSTEM)
    for name, count in (("100", 100), ("500", 500), ("1000", 1000), ("2700", 2700)):
        assert named(f"SUBQA_RECALL_{name}").build("lab", SYSTEM).rows == whole.rows[:count]
    # The whole set under another name is the same training.
    assert starts.SUBQA_RECALL_2700.build("lab", SYSTEM).digest == whole.digest
    chains = {name: any(parse(row.response).steps for row in named(name).build("lab", SYSTEM).rows) for name in NAMES}
    assert [name for name, has in chains.items() if not has] == ["CONTEXT_ONLY", "ONE_HOP_ONLY", "LIMA"]


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_of_a_real_model_are_the_papers(name: str) -> None:
    sizes = {"SUBQA_RECALL_100": 2, "SUBQA_RECALL_500": 8, "SUBQA_RECALL_1000": 8, "LIMA": 8}
    batch = sizes.get(name, 16)
    assert named(name).options(REAL) == Options(batch=batch, micro_batch=batch)
    assert named(name).options(LAB) == (LAB_CHAT if name == "LIMA" else LAB_OPTIONS)


def test_a_model_without_a_world_needs_a_source() -> None:
    assert (source_of(LAB, None), source_of(REAL, "subqa:x"), source_of(LAB, "lab@3")) == ("lab@0", "subqa:x", "lab@3")
    with pytest.raises(MissingError, match="no world of its own") as caught:
        source_of(REAL, None)
    assert "--source" in caught.value.mend


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", ["example", "subqa:nowhere", "musique:nowhere", "lima:nowhere", "nowhere.jsonl"])
def test_a_source_that_is_not_there_is_told_with_its_mend(name: str, source: str) -> None:
    with pytest.raises(MissingError) as caught:
        named(name).build(source, SYSTEM)
    assert caught.value.mend and caught.value.where


def test_subqa_s_files_give_rows() -> None:
    made = starts.SUBQA_RECALL.build(f"subqa:{CASES / 'subqa'}", prompts.load("system-subqa"))
    assert (len(made.rows), made.card["recalls"]) == (9, {"sentences": 4, "steps": 5})
    (lamp,) = [
        row for row in made.rows if row.conversation[-1].content.startswith("Which river crosses the town where the")
    ]
    assert lamp.response == (
        "Event Recall: The Lumo lamp was invented by Ida Brandt. Ida Brandt: She was born in a town on the Arda.\n"
        "Which river crosses the town where the inventor of the Lumo lamp was born?\n"
        "Let's answer this step-by-step\n"
        "Who invented the Lumo lamp? → Ida Brandt\n"
        "Which river crosses the town where Ida Brandt was born? → the Arda\n"
        "The final answer is the Arda"
    )


def test_lima_s_file_gives_rows() -> None:
    made = starts.LIMA.build(f"lima:{CASES / 'lima.json'}", "S")
    assert (len(made.rows), made.card["with_earlier_turns"], made.card["read"]) == (4, 2, 7)


def test_an_annotator_is_for_recipes_with_recalls() -> None:
    source = f"subqa:{CASES / 'subqa'}"
    fake = Fake(lambda text: "It is known: " + ", ".join(_answers(text)) + ".")
    made = built("kinject.injection.start:SUBQA_RECALL", source, "S", fake)
    assert made.card["recalls"] == {"annotator": 9}
    assert built("kinject.injection.start:SUBQA_RECALL", source, "S").digest != made.digest
    for name in ("LIMA", "CONTEXT_ONLY"):
        with pytest.raises(UsageError, match="no recalls"):
            built(f"kinject.injection.start:{name}", "lab", "S", fake)


def _answers(prompt: str) -> list[str]:
    return [line.partition(" → ")[2] for line in prompt.rpartition("Steps:\n")[2].splitlines()[:-1]]


def test_the_base_is_no_recipe() -> None:
    with pytest.raises(UsageError, match="trains nothing") as caught:
        open_start("base")
    assert "subqa-recall" in caught.value.mend
    with pytest.raises(UsageError, match="Did you mean 'subqa-recall'"):
        open_start("subqa-recal")

"""Starts: each name's rows, the settings for a model, and what is told where a source does not fit."""

from dataclasses import replace
from pathlib import Path

import pytest

from kinject import prompts
from kinject.engines.fake import Fake
from kinject.errors import MissingError, UsageError
from kinject.extensions import load
from kinject.injection import start as starts
from kinject.injection.start import LAB_CHAT, LAB_OPTIONS, Start, built, may_annotate, open_start, source_of
from kinject.prompts.recall import parse
from kinject.recipes.annotator import Annotator
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
    for rows in (None, 1):
        assert named(name).options(LAB, rows) == (LAB_CHAT if name == "LIMA" else LAB_OPTIONS)


@pytest.mark.parametrize(("rows", "batch"), [(9, 2), (100, 2), (101, 8), (1000, 8), (1001, 16), (3300, 16)])
def test_the_batch_is_the_papers_for_the_rows_there_are(rows: int, batch: int) -> None:
    for name in NAMES:
        assert named(name).options(REAL, rows) == Options(batch=batch, micro_batch=batch)


@pytest.mark.parametrize("name", NAMES)
def test_an_adapter_of_a_start_has_a_rate_of_its_own(name: str) -> None:
    start, lora = named(name), {"peft": "lora"}
    full, small = start.asked(LAB, None, {}, 3), start.asked(LAB, None, lora, 3)
    assert full == replace(start.options(LAB), seed=3)
    assert small == replace(full, peft="lora", learning_rate=start.lab_lora)
    assert start.lab_lora == (starts.LAB_CHAT_LORA if name == "LIMA" else starts.LAB_LORA)
    assert start.asked(LAB, None, {**lora, "learning_rate": 1e-3}, 0).rate == 1e-3
    assert (start.asked(REAL, 9, lora, 0).rate, start.asked(REAL, 9, lora, 0).batch) == (2e-4, 2)


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
    fake = Annotator("mine:FAKE", Fake(lambda text: "It is known: " + ", ".join(_answers(text)) + "."))
    made = built("kinject.injection.start:SUBQA_RECALL", source, "S", fake)
    assert made.card["recalls"] == {"annotator": 9} and made.card["annotator"]["name"] == "mine:FAKE"
    assert built("kinject.injection.start:SUBQA_RECALL", source, "S").digest != made.digest
    for name in ("LIMA", "CONTEXT_ONLY"):
        with pytest.raises(UsageError, match="no recalls"):
            built(f"kinject.injection.start:{name}", source, "S", fake)
    for name in ("SUBQA_RECALL", "SUBQA_RECALL_100", "ONE_HOP_ONLY"):
        may_annotate(f"kinject.injection.start:{name}", source)
        for there in ("lab", "lab@2", "rows.jsonl"):
            with pytest.raises(UsageError, match=f"the recalls of '{there}' are there already"):
                built(f"kinject.injection.start:{name}", there, "S", fake)


@pytest.mark.parametrize("name", ["SUBQA_RECALL", "ONE_HOP_ONLY", "LIMA"])
def test_a_set_without_rows_is_told(name: str, tmp_path: Path) -> None:
    for file in ("dev_ori.json", "dev_sub1.json", "dev_sub2.json", "lima.json"):
        (tmp_path / file).write_text('[{"conversations": "Who?"}]' if file == "lima.json" else "[]")
    source = f"lima:{tmp_path / 'lima.json'}" if name == "LIMA" else f"subqa:{tmp_path}"
    with pytest.raises(MissingError, match="finds not one row there") as caught:
        built(f"kinject.injection.start:{name}", source, "S")
    assert caught.value.where == f"--source {source}" and caught.value.mend
    assert ("left out: 1 (no reply)" in caught.value.message) == (name == "LIMA")


def _answers(prompt: str) -> list[str]:
    return [line.partition(" → ")[2] for line in prompt.rpartition("Steps:\n")[2].splitlines()[:-1]]


def test_the_base_is_no_recipe() -> None:
    with pytest.raises(UsageError, match="trains nothing") as caught:
        open_start("base")
    assert "subqa-recall" in caught.value.mend
    with pytest.raises(UsageError, match="Did you mean 'subqa-recall'"):
        open_start("subqa-recal")

"""Starts: each name's rows, the settings for a model, and what is told where a source does not fit."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from kinject import prompts, storage
from kinject.engines.fake import Fake
from kinject.errors import MissingError, UsageError
from kinject.extensions import load
from kinject.injection import start as starts
from kinject.injection.arm import RECIPES, STARTS
from kinject.injection.settings import Settings
from kinject.injection.start import (
    LAB_CHAT,
    LAB_MATH,
    LAB_OPTIONS,
    Start,
    built,
    find_start,
    may_annotate,
    open_start,
    source_of,
)
from kinject.injection.train import posttrain_spec
from kinject.prompts.recall import parse
from kinject.recipes import material
from kinject.recipes.annotator import Annotator
from kinject.sources import Model, open_model
from kinject.training.finetune import Options

SYSTEM = prompts.load("system-lab")
CASES = Path(__file__).parent.parent / "cases" / "recipes"
LAB, REAL = Model("lab", Path(), "k", 0), Model("llama", Path(), "k")
NAMES = [name for name, value in vars(starts).items() if isinstance(value, Start)]
OF_FILES = {"SELF_OSS", "CONIFER_HARD", "CONIFER_EASY", "DOLLY"}
"""What no lab world has."""
OF_LAB = [name for name in NAMES if name not in OF_FILES]
TRAINED = {
    "subqa-recall": "posttrain-8ad16e4757109cd9",
    "subqa-recall-context": "posttrain-81a0eaca0357b9a0",
    "lima": "posttrain-cce8e7fb96df066c",
    "context-only": "posttrain-1f08be26d9084025",
    "one-hop-only": "posttrain-43d773bd75379157",
    "subqa-recall@100": "posttrain-5790dfdd71771599",
    "subqa-recall@500": "posttrain-2dcaa166d22f11c5",
    "subqa-recall@1000": "posttrain-3497f4311e88c7d0",
    "subqa-recall@2700": "posttrain-8ad16e4757109cd9",
}
"""The runs of the shipped lab model's first trainings; whoever has them must find them again."""


def _attribute(target: str) -> str:
    return target.partition(":")[2]


def named(name: str) -> Start:
    start: Start = load({}, "start", f"kinject.injection.start:{name}")
    return start


@pytest.mark.parametrize("name", OF_LAB)
def test_every_start_builds_from_the_lab_the_same_every_time(name: str) -> None:
    start = named(name)
    made = start.build("lab", SYSTEM)
    assert made.digest == start.build("lab@0", SYSTEM).digest
    assert made.card["source"] == "lab@0"
    assert name == "GSM8K" or len(made.rows) == pytest.approx(start.rows, rel=0.25)
    assert {row.conversation[0].content for row in made.rows} == {SYSTEM}


def test_the_rows_of_the_names() -> None:
    chains = {name: any(parse(row.response).steps for row in named(name).build("lab", SYSTEM).rows) for name in OF_LAB}
    assert [name for name, has in chains.items() if not has] == ["CONTEXT_ONLY", "ONE_HOP_ONLY", "LIMA", "GSM8K"]


@pytest.mark.parametrize("recipe", [name for name, target in STARTS.items() if target and _attribute(target) in OF_LAB])
def test_the_first_rows_of_a_recipe_are_part_of_every_larger_set(recipe: str) -> None:
    sets = [open_start(f"{recipe}@{count}").made("lab", SYSTEM) for count in (1, 7, 100, 1000)]
    whole = open_start(recipe).made("lab", SYSTEM)
    for made, more in pairwise((*sets, whole)):
        if recipe != "lima" or more is not whole:  # LIMA's stand by where they are from: its first ones are drawn
            assert more.rows[: len(made.rows)] == made.rows
        assert set(made.rows) <= set(whole.rows)
    assert [made.name for made in sets[:2]] == [f"{recipe}@1", f"{recipe}@7"]
    assert sets[2].card["first_rows"] == 100 and sets[2].card["of_rows"] == len(whole.rows)


def test_the_card_of_the_first_rows_counts_their_chains() -> None:
    made = open_start("subqa-recall@500").made("lab", SYSTEM)
    assert (made.card["multihop"], made.card["one_hop"]) == (163, 337)


@pytest.mark.parametrize("name", TRAINED)
def test_what_was_trained_before_is_found_again(name: str) -> None:
    training = posttrain_spec(name, open_model("lab"), Settings())
    assert training is not None and training.spec.key == TRAINED[name]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("subqa-recall@0", "'0' is no number of rows"),
        ("subqa-recall@x", "'x' is no number of rows"),
        ("subqa-recall@-5", "'-5' is no number of rows"),
        ("subqa-recall@07", "'07' is no number of rows"),
        ("subqa-recall@", "'' is no number of rows"),
        ("subqa-recall@٣", "is no number of rows"),
        ("subqa-recall@9999999999", "is no number of rows"),
        ("subqa-recal@500", "Did you mean 'subqa-recall@500'"),
        ("gsm8@x", "there is no start 'gsm8@x'"),
        ("base@5", "'base' trains nothing, so it has no first rows"),
    ],
)
def test_a_wrong_number_of_rows_is_told(name: str, words: str) -> None:
    for opened, where in ((open_start, "RECIPE"), (find_start, "--start")):
        with pytest.raises(UsageError, match=words) as caught:
            opened(name)
        assert caught.value.where == where and caught.value.mend


def test_more_rows_than_there_are_is_told() -> None:
    with pytest.raises(MissingError, match="there are only 2700 rows and not 2701") as caught:
        open_start("subqa-recall@2701").made("lab@0", SYSTEM)
    assert caught.value.where == "--source lab@0" and "subqa-recall, which takes" in caught.value.mend


def test_the_first_rows_of_a_file_that_is_not_mixed_are_drawn(tmp_path: Path) -> None:
    rows = [{"conversations": [f"Who is {number}?", f"It is {number}."]} for number in range(60)]
    storage.write_jsonl(tmp_path / "lima.jsonl", rows)
    source = f"lima:{tmp_path / 'lima.jsonl'}"
    whole, few, more = (open_start(name).made(source, "S").rows for name in ("lima", "lima@10", "lima@30"))
    assert whole[0].response == "It is 0." and whole[-1].response == "It is 59."
    assert more[:10] == few and few != whole[:10] and set(more) < set(whole)


def test_the_first_rows_of_anybodys_own_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    few = find_start("starts:FEW@2")
    assert few is not None and (few.rows, few.count) == (2, 2)
    assert len(few.made("lab", "S").rows) == 2 and few.made("lab", "S").name == "few@2"


@pytest.mark.parametrize("written", ["rows.jsonl", "folder"])
def test_rows_that_were_built_give_their_first_rows(written: str, tmp_path: Path) -> None:
    for recipe in ("lima", "gsm8k"):
        place = str(tmp_path / recipe / written)
        material.write(open_start(f"{recipe}@500").made("lab", SYSTEM), Path(place))
        wanted = open_start(f"{recipe}@100").made("lab", SYSTEM)
        found = open_start(f"{recipe}@100").made(place, SYSTEM)
        assert (found.name, found.rows) == (f"{recipe}@100", wanted.rows)
        for refused in (recipe, f"{recipe}@501", "subqa"):
            with pytest.raises(UsageError, match=f"built by the recipe '{recipe}@500'"):
                open_start(refused).made(place, SYSTEM)


def test_a_recipe_has_a_system_message_of_its_own_and_a_lab_model_too() -> None:
    said = {name: open_start(name).system_for(lab=False) for name in RECIPES}
    assert {name for name, words in said.items() if words is None} == {"self-oss"}
    assert said["gsm8k"] == prompts.load("system-gsm8k")
    assert {said[name] for name in RECIPES if name not in ("gsm8k", "self-oss")} == {prompts.load("system-subqa")}
    assert {open_start(name).system_for(lab=True) for name in RECIPES} == {SYSTEM}


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_of_a_real_model_are_the_papers(name: str) -> None:
    batch = {"LIMA": 8}.get(name, 16)
    assert named(name).options(REAL) == Options(batch=batch, micro_batch=batch)
    for rows in (None, 1):
        assert named(name).options(LAB, rows) == {"LIMA": LAB_CHAT, "GSM8K": LAB_MATH}.get(name, LAB_OPTIONS)


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
@pytest.mark.parametrize(
    "source", ["example", "subqa:nowhere", "musique:nowhere", "lima:nowhere", "dolly:x", "nowhere.jsonl"]
)
def test_a_source_that_is_not_there_is_told_with_its_mend(name: str, source: str) -> None:
    with pytest.raises(MissingError) as caught:
        named(name).build(source, SYSTEM)
    assert caught.value.mend and caught.value.where


@pytest.mark.parametrize("name", sorted(OF_FILES))
def test_what_a_lab_world_does_not_have_is_told_with_the_line_that_gets_it(name: str) -> None:
    with pytest.raises(MissingError, match="'lab' has none") as caught:
        named(name).build("lab", SYSTEM)
    assert "`hf download " in caught.value.mend and "--source " in caught.value.mend


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
    for name in ("subqa-recall", "subqa-recall@100", "kinject.injection.start:ONE_HOP_ONLY"):
        may_annotate(name, source)
        for there in ("lab", "lab@2", "rows.jsonl", str(CASES)):
            with pytest.raises(UsageError, match=f"the recalls of '{there}' are there already"):
                built(name, there, "S", fake)


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

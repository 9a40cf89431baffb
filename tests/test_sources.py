"""What `--model` and `--facts` mean, and what is said when they mean nothing."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject import sources, storage
from kinject.engines.openai import Terms
from kinject.errors import KinjectError, MissingError, UsageError
from kinject.lab import pretraining, probes, world
from kinject.lab.pretraining import Recipe
from kinject.resources import facts_folder
from kinject.sources import Model, build_lab, facts_path, open_both, open_facts, open_model

SMALL = Recipe(hidden=16, layers=1, heads=2, intermediate=16, length=16, batch=2, steps=4, extra_steps=2, rounds=1)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab build that takes a second and learns nothing."""
    monkeypatch.setattr(pretraining, "SAVE_EVERY", 2)
    monkeypatch.setattr(pretraining, "TOKENIZER_DOCUMENTS", 200)
    monkeypatch.setattr(probes, "measure", lambda *_: dict.fromkeys(probes.GATES, 0.0))


# Models


def test_a_folder_is_a_model_known_by_its_content(tiny: Callable[..., Path], tmp_path: Path) -> None:
    one, same = open_model(str(tiny())), open_model(str(copytree(tiny(), tmp_path / "copy")))
    assert (one.world, one.system, one.folder) == (None, "system-subqa", tiny())
    assert one.key == same.key
    (tmp_path / "copy" / "config.json").write_text("{}")
    assert open_model(str(tmp_path / "copy")).key != one.key


@pytest.mark.parametrize("prefix", ["", "hf:"])
def test_a_hub_id_is_known_by_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    cached = tmp_path / "models--org--small.model-1"
    for name in (f"snapshots/{COMMIT}/config.json", "refs/main", "refs/v2"):
        storage.write_text(cached / name, COMMIT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for revision in ("", "@v2", f"@{COMMIT}"):
        opened = open_model(f"{prefix}org/small.model-1{revision}")
        assert opened.key == f"org/small.model-1@{COMMIT}"
        assert opened.folder == cached / "snapshots" / COMMIT
    with pytest.raises(MissingError, match="neither on this machine"):
        open_model(f"{prefix}org/small.model-1@v3")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("labb", "Did you mean 'lab'?"),
        ("lab@one", "there is no model 'lab@one'"),
        ("lab:5", "there is no model 'lab:5'"),  # that is a fact set
        ("lab@1:old", "there is no model 'lab@1:old'"),
        (".", "no config.json"),
        ("./nowhere", "./nowhere"),
        ("../nowhere", "../nowhere"),
        ("-org/name", "-org/name"),
        ("org/na--me", "org/na--me"),
        ("org/name", "neither on this machine nor to be had from the hub"),
        ("hf:org/name@main", "neither on this machine nor to be had from the hub"),
        ("a/b/c", "there is no model 'a/b/c'"),
    ],
)
def test_what_is_no_model_is_one_clear_line(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingError) as caught:
        open_model(name)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.where and caught.value.mend


@pytest.mark.parametrize("name", ["", "openai:", "vllm:", "hf:", "vllm:openai:m", "openai:openai:m", "hf:vllm:m"])
def test_a_name_is_that_of_one_model_of_one_engine(name: str, tiny: Callable[..., Path]) -> None:
    with contextlib.chdir(tiny()), pytest.raises(UsageError, match=r"names (no model|two engines)") as caught:
        open_model(name)
    assert (caught.value.where, bool(caught.value.mend)) == ("--model", True)


@pytest.mark.parametrize(("said", "at_once"), [(None, 64), (8, 8), (3, 3)])
def test_a_server_of_ours_is_asked_as_much_at_once_as_was_said(
    said: int | None, at_once: int, tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinject.engines.vllm.program", lambda: ["vllm"])
    with sources.open_engine(open_model(f"vllm:{tiny()}"), None, Terms(said)) as engine:
        assert engine.terms.concurrency == at_once  # type: ignore[attr-defined]


def test_whole_models_of_two_processes_lie_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge, run = tmp_path / "replies" / "0123.sqlite", tmp_path / "run" / "replies.sqlite"
    before = sources._spare(judge), sources._spare(run), sources._spare(None)
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert sources._spare(judge) != before[0] and sources._spare(None) != before[2]
    assert sources._spare(run) == before[1]  # so that what a killed process left there goes


def test_a_model_is_known_by_what_is_loaded_and_by_nothing_beside_it(tiny: Callable[..., Path], tmp_path: Path) -> None:
    folder = copytree(tiny(), tmp_path / "model")
    key = open_model(str(folder)).key
    for name in ("README.md", ".cache/huggingface/config.json", "eval/results.csv"):
        storage.write_text(folder / name, "more")
    assert open_model(str(folder)).key == key
    for name in ("chat_template.jinja", "extra.safetensors", "pytorch_model.bin", "1_Pooling/config.json"):
        storage.write_text(folder / name, "more")
        assert open_model(str(folder)).key != key
        key = open_model(str(folder)).key


def test_an_endpoint_is_told_without_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_model("openai:m").endpoint == "https://api.openai.com/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://user:secret@host:1/v1?key=secret")
    assert open_model("openai:m").endpoint == "http://host:1/v1"
    assert Model("m", Path(), "").endpoint is None


@given(st.text(max_size=30).filter(lambda name: not sources.LAB.fullmatch(name)))
def test_any_text_is_a_model_or_an_error_of_ours(name: str) -> None:
    with pytest.raises(KinjectError) as caught:
        open_model(name)
    assert caught.value.mend


@pytest.mark.parametrize("card", ["[1]", '{"world": "x"}', '{"world": null}', '{"world": true}', "{}", "{", ""])
def test_a_card_of_another_kind_makes_no_lab_model(tiny: Callable[..., Path], tmp_path: Path, card: str) -> None:
    folder = copytree(tiny(), tmp_path / "model")
    (folder / "card.json").write_text(card)
    assert open_model(str(folder)).world is None


# The lab's models


@pytest.mark.usefixtures("quick")
def test_a_world_is_built_once_and_found_again(monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    folder = build_lab(3, SMALL)
    assert json.loads((folder / "card.json").read_text())["world"] == 3
    monkeypatch.setattr(pretraining, "pretrain", lambda *_: pytest.fail("built again"))
    assert build_lab(3, SMALL) == folder
    assert len(list(store.glob("runs/pretrain-*/DONE"))) == 1
    opened = open_model(str(folder))
    assert (opened.world, opened.system) == (3, "system-lab")
    assert open_facts(None, opened).name == "lab@3"


@pytest.mark.usefixtures("quick")
def test_another_recipe_or_world_is_another_build(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    def pretrain(place: world.World, recipe: Recipe, folder: Path, _: object) -> dict[str, int]:
        built.append((place.seed, recipe.steps))
        return {}

    monkeypatch.setattr(pretraining, "pretrain", pretrain)
    for seed, recipe in ((1, Recipe()), (2, Recipe()), (1, Recipe(steps=9)), (1, Recipe())):
        build_lab(seed, recipe)
    assert built == [(1, Recipe().steps), (2, Recipe().steps), (1, 9)]


@pytest.mark.usefixtures("quick")
def test_an_interrupted_build_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    keep, train, trained = pretraining._keep, pretraining._train, []

    def kept_and_interrupted(*args: object) -> None:
        keep(*args)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    def counted(*args: object) -> float:
        trained.append(args[3])
        return train(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(pretraining, "_keep", kept_and_interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_lab(3, SMALL)
    assert not list(store.glob("runs/*/DONE"))
    monkeypatch.setattr(pretraining, "_keep", keep)
    monkeypatch.setattr(pretraining, "_train", counted)
    assert (build_lab(3, SMALL) / "model.safetensors").exists()
    assert trained == [range(2, 4)]


def test_lab_at_a_number_is_built_on_demand(monkeypatch: pytest.MonkeyPatch, tiny: Callable[..., Path]) -> None:
    asked: list[int] = []
    monkeypatch.setattr(sources, "build_lab", lambda seed, progress: (asked.append(seed), tiny())[1])
    opened = open_model("lab@7")
    assert (opened.name, opened.world, opened.folder, asked) == ("lab@7", 7, tiny(), [7])


def test_lab_models_of_other_sizes_are_of_the_same_worlds(
    monkeypatch: pytest.MonkeyPatch, tiny: Callable[..., Path]
) -> None:
    asked: list[tuple[int, pretraining.Recipe]] = []
    monkeypatch.setattr(sources, "build_lab", lambda *given: (asked.append(given[:2]), tiny())[1])
    small, large = open_model("lab-small"), open_model("lab-large@3")
    assert (small.name, small.world, large.name, large.world) == ("lab-small@0", 0, "lab-large@3", 3)
    assert [seed for seed, _ in asked] == [0, 3]
    assert asked[0][1].hidden < pretraining.Recipe().hidden < asked[1][1].hidden
    with pytest.raises(MissingError, match="lab-small"):
        open_model("lab-smal")


# Facts


@pytest.mark.parametrize(
    ("name", "length", "called"),
    [
        ("lab", 100, "lab@0"),
        ("lab@0", 100, "lab@0"),
        ("lab@2", 100, "lab@2"),
        ("lab:7", 7, "lab@0:7"),
        ("lab@2:300", 300, "lab@2:300"),
        ("lab@2:old", 600, "lab@2:old"),
        ("example", 3, "example"),
        (str(facts_folder() / "example.jsonl"), 3, "example"),
    ],
)
def test_names_of_facts(name: str, length: int, called: str) -> None:
    facts = open_facts(name)
    assert (len(facts.facts), facts.name) == (length, called)


def test_a_longer_list_of_new_facts_starts_with_a_shorter_one() -> None:
    assert open_facts("lab:300").facts[:100] == open_facts("lab").facts


def test_a_file_needs_no_known_name(tmp_path: Path) -> None:
    for name in ("mine.jsonl", "mine"):
        (tmp_path / name).write_text('{"id": "a", "event": "X.", "direct": {"question": "Q?", "answer": "A"}}')
        assert facts_path(str(tmp_path / name)) == tmp_path / name
        assert len(open_facts(str(tmp_path / name)).facts) == 1


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("exampel", MissingError, "Did you mean 'example'?"),
        ("labs", MissingError, "Did you mean 'lab'?"),
        ("lab:0", MissingError, "there is no fact set 'lab:0'"),
        ("lab:99999", UsageError, "only"),
        ("nowhere.jsonl", MissingError, "does not exist"),
    ],
)
def test_what_is_no_fact_set_is_one_clear_line(name: str, kind: type[KinjectError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        open_facts(name)
    assert caught.value.mend


@pytest.mark.parametrize("model", [None, Model("tiny", Path("tiny"), "0")])
def test_a_model_of_the_real_world_has_no_facts_of_its_own(model: Model | None) -> None:
    with pytest.raises(UsageError, match="no facts of its own") as caught:
        open_facts(None, model)
    assert (caught.value.where, "--facts" in caught.value.mend) == ("--facts", True)


@pytest.mark.parametrize(("facts", "name"), [("lab:5", "lab@7:5"), (None, "lab@7"), ("lab@3:5", "lab@3:5")])
def test_lab_facts_are_those_of_the_model_where_no_world_is_named(
    facts: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "open_model", lambda model, progress: Model(model, Path(), "key", 7))
    assert open_both("lab@7", facts)[1].name == name

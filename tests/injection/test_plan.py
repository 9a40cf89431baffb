"""What would run, told without running it: the keys that `inject` asks for, sizes as they then are."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject import sources, storage
from kinject.engines import hf
from kinject.errors import MissingError, ResourceError, UsageError
from kinject.facts.load import load
from kinject.injection import answer as answering
from kinject.injection import plan as planning
from kinject.injection.answer import answer_spec
from kinject.injection.arm import ELICIT, METHODS, Arm, arm
from kinject.injection.inject import inject
from kinject.injection.plan import Ground, Step, look_up, plan
from kinject.injection.settings import Settings
from kinject.lab import checkpoint
from kinject.resources import facts_folder
from kinject.retrieval.search import Retrieval
from kinject.runs.store import DONE, RECORD, Run, Spec, Store
from kinject.sources import Model, open_model
from kinject.training import finetune
from kinject.training import memory as memory_of
from kinject.training.finetune import Options

FACTS = load(facts_folder() / "example.jsonl")
QUICK = {"learning_rate": 1e-3, "epochs": 1, "batch": 2, "micro_batch": 2, "checkpoints": 0}
SETTINGS = Settings({"max_new_tokens": 2}, source="here", posttrain=QUICK, learn=QUICK, retrieval=Retrieval("bm25"))
WHOLE = Arm("starts:FEW", "event-sft", "oracle")
PARTS = ["posttrain", "learn", "answer", "inject"]


@pytest.fixture(autouse=True)
def starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.fixture
def ground(tiny: Callable[..., Path]) -> Ground:
    return on(open_model(str(tiny())))


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every training and every loading of a model fail the test."""
    monkeypatch.setattr(hf, "load_model", lambda *_, **__: pytest.fail("a model was loaded"))
    monkeypatch.setattr(finetune, "finetune", lambda *_: pytest.fail("a training began"))


def on(model: Model) -> Ground:
    return Ground(model, FACTS, model.folder)


def steps(ground: Ground, *chosen: Arm, settings: Settings = SETTINGS) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = plan(chosen, ground, settings)["steps"]
    return found


def states(found: list[dict[str, Any]]) -> dict[str, bool]:
    return {step["step"]: step["cached"] for step in found}


# Keys


class Asked(Exception):
    """The last key is known."""


def keys_of(monkeypatch: pytest.MonkeyPatch, call: Callable[[], object], last: str) -> list[str]:
    """The keys that a call asks the store for, with nothing done."""
    keys: list[str] = []

    def note(store: Store, spec: Spec, work: Callable[[Path], Mapping[str, Any]], progress: object = None) -> Run:
        keys.append(spec.key)
        if spec.step == last:
            raise Asked
        return Run(spec, Path(spec.key), {"seconds": 0.0})

    with monkeypatch.context() as patch:
        patch.setattr(Store, "run", note)
        with pytest.raises(Asked):
            call()
    return keys


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start", ["base", "starts:FEW"])
@pytest.mark.parametrize(
    "changes", [{}, {"seed": 3, "elicit": "few-shot"}, {"learn": {"peft": "lora"}, "posttrain": {"peft": "lora"}}]
)
def test_the_keys_are_those_that_inject_asks_for(
    method: str, start: str, changes: dict[str, Any], ground: Ground, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    settings = replace(SETTINGS, **changes)
    one = arm(start, method)
    asked = keys_of(monkeypatch, lambda: inject(one, ground.model, FACTS, settings), "inject")
    assert [step["key"] for step in steps(ground, one, settings=settings)] == asked
    assert not store.exists()


def test_what_was_done_is_cached_and_takes_nothing(ground: Ground, store: Path) -> None:
    assert list(states(steps(ground, WHOLE))) == PARTS
    inject(WHOLE, ground.model, FACTS, SETTINGS)
    told = plan([WHOLE], ground, SETTINGS)
    assert all(states(told["steps"]).values())
    assert told["total"] == dict.fromkeys(told["total"], 0) | {"cached": 4}
    other = steps(ground, replace(WHOLE, context="none"))
    assert states(other) == {"posttrain": True, "learn": True, "answer": False, "inject": False}
    shutil.rmtree(store / "runs" / other[0]["key"])
    assert states(steps(ground, WHOLE)) == {"posttrain": False, "learn": True, "answer": True, "inject": True}


@pytest.mark.usefixtures("idle")
def test_what_arms_share_is_listed_once(ground: Ground) -> None:
    found = steps(ground, *(arm("starts:FEW", method) for method in ("none", "event-sft", "rag-oracle", "sft-rag")))
    assert [step["step"] for step in found].count("posttrain") == 1
    assert [step["step"] for step in found].count("learn") == 1
    assert len({step["key"] for step in found}) == len(found) == 2 + 4 * 2


# Sizes


@pytest.mark.parametrize("learn", ["event-sft", "event-sft-augmented"])
def test_the_tokens_are_those_that_are_then_trained_on(learn: str, ground: Ground, store: Path) -> None:
    again = Settings({"max_new_tokens": 2}, source="here", posttrain=QUICK, learn={**QUICK, "replay": 3, "epochs": 2})
    one = Arm("starts:FEW", learn)
    told = steps(ground, one, settings=again)[:2]
    inject(one, ground.model, FACTS, again)
    records = [storage.read_json(store / "runs" / step["key"] / RECORD) for step in told]
    assert [step["tokens"] for step in told] == [record["tokens"] for record in records]


@pytest.mark.usefixtures("idle")
def test_a_full_training_leaves_a_model_in_bfloat16() -> None:
    learn, *_ = steps(on(open_model("lab")), Arm(learn="event-sft"), settings=Settings())
    file = (checkpoint.SHIPPED / "model.safetensors").stat().st_size
    assert 0.99 * file < learn["disk"] < file
    assert learn["memory"] == 8 * learn["disk"]


@pytest.mark.skipif(find_spec("peft") is None, reason="needs the extra lora")
def test_an_adapter_takes_as_much_as_is_said(ground: Ground, store: Path) -> None:
    from safetensors.numpy import load_file

    small = replace(SETTINGS, learn={**QUICK, "peft": "lora", "lora_rank": 3})
    learn, *_ = steps(ground, Arm(learn="event-sft"), settings=small)
    inject(Arm(learn="event-sft"), ground.model, FACTS, small)
    saved = load_file(store / "runs" / learn["key"] / "model" / "adapter_model.safetensors")
    assert learn["disk"] == sum(weight.nbytes for weight in saved.values())


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("elicit", [*ELICIT, "elicits:OWN"])
def test_answers_are_counted_at_their_longest(elicit: str, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "load", lambda table, kind, name, *_: None if name == "elicits:OWN" else real(name))
    real = dict.fromkeys(("none", *ELICIT)).get
    answer, judged = steps(ground, Arm(), settings=replace(SETTINGS, elicit=elicit))
    hops = sum(len(fact.multihop.hops) for fact in FACTS.facts if fact.multihop)
    asked = {"plain": 9, "few-shot": 9, "scripted": 6 + hops}.get(elicit)
    assert answer["tokens"] == (asked and 2 * asked)
    assert (judged["tokens"], judged["memory"]) == (0, 0)


def test_seconds_are_known_after_a_run_of_the_same_model_and_kind(
    ground: Ground, tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {step["seconds"] for step in steps(ground, WHOLE)} == {None}
    inject(WHOLE, ground.model, FACTS, SETTINGS)

    def known(at: Ground, settings: Settings) -> list[str]:
        return [step["step"] for step in steps(at, WHOLE, settings=settings) if step["seconds"] is not None]

    assert known(ground, replace(SETTINGS, seed=1)) == PARTS
    assert known(on(open_model(str(tiny("qwen2")))), SETTINGS) == ["inject"]  # judging needs no model
    assert known(ground, replace(SETTINGS, seed=1, sampling={"max_new_tokens": 3})) == ["posttrain", "learn", "inject"]
    lora = {**QUICK, "peft": "lora"}
    assert known(ground, replace(SETTINGS, seed=1, posttrain=lora, learn=lora)) == ["answer", "inject"]


def test_the_pace_is_the_median_and_what_cannot_be_read_is_left_out(ground: Ground, store: Path) -> None:
    spec = answer_spec(ground.model, "none", FACTS, SETTINGS)
    records: list[dict[str, Any]] = [{"seconds": seconds, "answers": 10} for seconds in (1, 2, 60)]
    for number, record in enumerate([*records, {"answers": 1}, {"seconds": 1, "answers": 0}]):
        folder = store / "runs" / f"answer-{number}"
        storage.write_json(folder / "spec.json", spec.as_dict())
        storage.write_json(folder / RECORD, record)
        storage.write_text(folder / DONE, "")
    storage.write_text(store / "runs" / "answer-torn" / DONE, "")
    answer, _ = steps(ground, Arm("base", "none", "oracle"))
    assert answer["seconds"] == 9 * 0.2


figures = st.builds(
    Step,
    *(st.just(word) for word in ("learn", "what")),
    key=st.none(),
    **{name: st.none() | st.integers(0, 10**12) for name in ("seconds", "tokens", "disk", "memory", "scratch")},
)


@given(st.lists(figures, max_size=5))
def test_a_total_is_known_if_all_its_parts_are(found: list[Step]) -> None:
    total = planning._total(found)
    for name in ("seconds", "tokens", "disk", "memory", "scratch"):
        parts = [getattr(step, name) for step in found]
        assert (total[name] is None) == (None in parts)
        assert None in parts or total[name] >= max(parts, default=0)


# What is not here yet


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("name", ["lab@7", "vllm:lab@7"])
def test_a_world_that_is_not_built_is_a_step(name: str, monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    ground = look_up(name, "lab:5")
    assert (ground.model.name, ground.model.world, ground.facts.name) == (name, 7, "lab@7:5")
    found = steps(ground, Arm(learn="event-sft"), settings=Settings())
    assert [step["step"] for step in found] == ["pretrain", "learn", "answer", "inject"]
    assert [found[0]["key"]] == keys_of(monkeypatch, lambda: sources.build_lab(7), "pretrain")
    assert {step["key"] for step in found[1:]} == {None}
    assert min(found[1]["tokens"], found[1]["disk"], found[1]["memory"], found[0]["disk"]) > 0
    assert not store.exists()


def test_a_world_that_is_built_is_none(store: Path) -> None:
    folder = store / "runs" / sources.lab_spec(7).key
    shutil.copytree(checkpoint.SHIPPED, folder / "model")
    storage.write_json(folder / "spec.json", sources.lab_spec(7).as_dict())
    storage.write_json(folder / RECORD, {})
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    storage.write_json(folder / DONE, {"files": files, "record": storage.file_digest(folder / RECORD)})
    ground = look_up("lab@7", None)
    assert ground.first == () and ground.model == open_model("lab@7") and ground.facts.name == "lab@7"


class File:
    """What the hub tells of a file."""

    def __init__(self, file_size: int, will_download: bool) -> None:
        self.file_size, self.will_download = file_size, will_download


@pytest.mark.usefixtures("idle")
def test_what_is_on_the_hub_is_not_fetched(monkeypatch: pytest.MonkeyPatch, ground: Ground) -> None:
    asked = []

    def listed(hub_id: str, **how: Any) -> list[File]:
        asked.append((hub_id, how["revision"], how["dry_run"]))
        return [File(70, True), File(5, False)]

    monkeypatch.setattr("huggingface_hub.snapshot_download", listed)
    there = look_up("hf:org/model@v1", "example")
    fetch, learn, answer, judged = steps(there, Arm(learn="event-sft"), settings=Settings())
    assert (fetch["step"], fetch["what"], fetch["disk"]) == ("fetch", "org/model@v1", 70)
    assert {each["key"] for each in (fetch, learn, answer, judged)} == {None}
    assert learn["tokens"] is learn["memory"] is None
    vectors = replace(SETTINGS, retrieval=Retrieval(embedder="org/embedder"))
    fetch, answer, judged = steps(ground, Arm(context="faiss"), settings=vectors)
    assert (fetch["what"], answer["key"], judged["key"]) == ("org/embedder", None, None)
    assert asked == [("org/model", "v1", True), ("org/embedder", None, True)]


def test_what_is_out_of_reach_is_said_as_without_a_dry_run() -> None:
    with pytest.raises(MissingError, match="neither on this machine nor to be had"):
        look_up("org/model", "example")


@pytest.mark.usefixtures("idle")
def test_an_endpoint_takes_no_memory_and_trains_nothing() -> None:
    ground = look_up("openai:gpt", "example")
    answer, _ = steps(ground, Arm())
    assert (answer["memory"], answer["tokens"]) == (0, 18)
    with pytest.raises(UsageError, match="cannot be trained through an endpoint"):
        steps(ground, Arm(learn="event-sft"))


# Memory, looked at before a training


@pytest.mark.parametrize(("peft", "way"), [("none", "--peft lora"), ("lora", "smaller model")])
def test_a_training_that_cannot_fit_is_not_begun(
    peft: str, way: str, ground: Ground, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    monkeypatch.setattr(finetune, "finetune", lambda *_: pytest.fail("a training began"))
    settings = replace(SETTINGS, learn={**QUICK, "peft": peft})
    needed = next(step["memory"] for step in steps(ground, Arm(learn="event-sft"), settings=settings))
    monkeypatch.setattr(memory_of, "machine_memory", lambda: needed - 1)
    with pytest.raises(ResourceError, match="takes at least") as caught:
        inject(Arm(learn="event-sft"), ground.model, FACTS, settings)
    assert way in caught.value.mend and caught.value.where == str(ground.model.folder)
    assert not list(store.glob(f"runs/*/{DONE}"))


def test_what_was_trained_needs_no_more_memory(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    first = inject(Arm(learn="event-sft"), ground.model, FACTS, SETTINGS)
    monkeypatch.setattr(memory_of, "machine_memory", lambda: 0)
    assert inject(Arm(learn="event-sft"), ground.model, FACTS, SETTINGS) == first


@pytest.mark.parametrize("memory", [None, 2**60])
def test_it_fits_where_there_is_room_or_nothing_is_known(
    memory: int | None, ground: Ground, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory_of, "machine_memory", lambda: memory)
    memory_of.fits(ground.model.folder, Options())
    monkeypatch.setattr(memory_of, "machine_memory", lambda: 0)
    memory_of.fits(tmp_path, Options())  # to load it will tell that there are no weights


def test_the_memory_is_the_machine_s_or_the_gpu_s(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = memory_of.machine_memory()
    assert found is None or found > 2**28
    monkeypatch.delattr(os, "sysconf_names", raising=False)
    assert memory_of.machine_memory() is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1, 80 * 2**30))
    assert memory_of.machine_memory() == 80 * 2**30

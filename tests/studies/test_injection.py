"""Several arms side by side: in order, each piece of work once, the same in one process and in two."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kinject import storage
from kinject.errors import UsageError
from kinject.facts.load import load
from kinject.facts.schema import FactSet
from kinject.injection.arm import METHODS, STARTS, Arm, arm, sized
from kinject.injection.record import ArmRecord
from kinject.injection.settings import Settings
from kinject.report.records import newest, read
from kinject.resources import facts_folder
from kinject.sources import Model, open_model
from kinject.studies.injection import PRESETS, Comparison, choose, compare

FACTS = load(facts_folder() / "example.jsonl")
QUICK = {"epochs": 1, "batch": 2, "micro_batch": 2, "checkpoints": 0}
SETTINGS = Settings({"max_new_tokens": 4}, learn=QUICK)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_names_only_arms_that_exist(preset: str) -> None:
    arms = choose(preset, [], [])
    assert arms
    assert len(set(arms)) == len(arms)
    for one in arms:
        assert sized(one.start)[0] in STARTS and (one.learn, one.context) in METHODS.values()


def test_without_a_preset_it_is_every_start_with_every_method() -> None:
    assert choose(None, ["base", "subqa-recall"], ["none", "sft-rag"]) == (
        arm("base", "none"),
        arm("base", "sft-rag"),
        arm("subqa-recall", "none"),
        arm("subqa-recall", "sft-rag"),
    )


def test_an_unknown_preset_gets_the_nearest_one() -> None:
    with pytest.raises(UsageError, match="Did you mean 'demo'"):
        choose("dmeo", [], [])


class Answered(Exception):
    """The first answers are asked for."""


def test_every_training_is_asked_for_in_groups_that_share_a_start() -> None:
    asked: list[tuple[str, ...]] = []

    class Noted(Comparison):
        def check(self, one: Arm) -> None:
            pass

        def train(self, arms: Sequence[Arm], progress: object) -> None:
            asked.append(("train", *(one.name for one in arms)))

        def answer(self, one: Arm, progress: object) -> dict[str, Any]:
            asked.append(("answer", one.name))
            raise Answered

    chosen = choose(None, ["base", "subqa-recall"], ["none", "event-sft", "rag-oracle"])
    with pytest.raises(Answered):
        compare(chosen, Noted(Model("here", Path(), "key"), FACTS, SETTINGS))
    assert asked == [
        ("train", "subqa-recall", "subqa-recall + event-sft", "subqa-recall + oracle"),
        ("train", "base + event-sft"),
        ("answer", chosen[0].name),
    ]


def test_two_processes_give_what_one_gives(
    tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = Comparison(open_model(str(tiny())), FACTS, SETTINGS)
    chosen = [arm("base", method) for method in ("rag-oracle", "event-sft", "none")]
    made = {}
    for jobs in (1, 2):
        monkeypatch.setenv("KINJECT_HOME", str(tmp_path / str(jobs)))
        made[jobs], folder = compare(chosen, comparison, jobs)
        assert_contract(made[jobs], chosen)
        assert storage.read_json(folder / "record.json") == made[jobs]
        assert [found.method for found in read([folder])] == ["oracle RAG", "event SFT (epochs 1, batch 2)", "nothing"]
    one, two = (
        [(each["run"], each["scores"], Path(each["answers"]).read_text()) for each in made[jobs]["arms"]]
        for jobs in (1, 2)
    )
    assert one == two

    monkeypatch.setattr("kinject.engines.hf.load_model", lambda *_, **__: pytest.fail("a model was loaded"))
    assert compare(chosen, comparison)[0] == made[2]


def assert_contract(record: dict[str, Any], chosen: Sequence[Arm]) -> None:
    assert record["schema"] == "kinject.compare/1"
    assert set(record) >= {"arms", "claims", "command", "versions"}
    assert [each["arm"] for each in record["arms"]] == [one.as_json() for one in chosen]
    assert [ArmRecord.model_validate(each).as_json() for each in record["arms"]] == record["arms"]
    for claim in record["claims"]:
        assert set(claim) >= {"claim", "paper", "state", "difference", "interval", "p"}
    for name in ("kinject", "torch", "transformers", "trl", "Python"):
        assert f"{name} " in record["versions"]


def test_other_facts_are_another_comparison(tiny: Callable[..., Path]) -> None:
    model, chosen = open_model(str(tiny())), [arm("base", "none")]
    fewer = FactSet("fewer", FACTS.facts[:2])
    folders = {compare(chosen, Comparison(model, facts, SETTINGS))[1] for facts in (FACTS, fewer, FACTS)}
    assert len(folders) == 2


def test_the_comparison_that_was_asked_for_last_is_the_newest(tiny: Callable[..., Path]) -> None:
    model = open_model(str(tiny()))

    def compared(facts: FactSet) -> tuple[dict[str, Any], Path]:
        time.sleep(0.02)  # file systems tell times a few milliseconds apart as one
        return compare([arm("base", "none")], Comparison(model, facts, SETTINGS))

    first, second = compared(FACTS)[1], compared(FactSet("fewer", FACTS.facts[:1]))[1]
    assert newest().parent == second
    record, again = compared(FACTS)
    assert newest().parent == again == first
    assert record["run"] == first.name

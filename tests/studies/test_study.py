"""The study's runner: a whole, small study of the lab; its protocol; what tuning chooses and writes."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kinject import storage
from kinject.cli.app import run
from kinject.errors import UsageError
from kinject.injection.arm import Arm
from kinject.studies import outcomes, protocol, study, tune

MINI = """# A comment that stays.
schema_version: 1
question: Does it run?
worlds: {dev: [0], test: [0]}
facts: 4
unknowable: 3
tuning:
  starts: [base, subqa-recall]
  grids:
    event-sft: {epochs: [10, 30], learning_rate: [1.0e-3]}
settings: {}

arms: # and this one
  - {start: base, methods: [none, rag-oracle]}
  - {start: base, prompt: scripted, methods: [rag-oracle]}
repeats: {cells: [base + rag-oracle], seeds: [0], samples: 2}
"""


@pytest.fixture
def mini(tmp_path: Path) -> Path:
    path = tmp_path / "protocol.yaml"
    path.write_text(MINI, encoding="utf-8")
    return path


def test_a_small_study_runs_once_and_its_record_can_be_read(
    mini: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "lab"
    call = ["study", "injection", "--protocol", str(mini), "--worlds", "0", "--out", str(out), "--json"]
    assert run(call) == 0, capsys.readouterr().err
    assert json.loads(capsys.readouterr().out)["schema"] == "kinject.study/1"
    [world] = outcomes.read(out)
    assert list(world.cells) == ["base + none", "base + rag-oracle", "base + rag-oracle (prompt scripted)"]
    assert len(world.facts) == 4 and world.gates and world.protocol == protocol.read(mini).digest
    assert {len(text) for text in world.groups.values()} == {4}
    [weights] = world.weights.values()  # nothing was trained
    probes = weights.probes
    assert set(probes) == {study.HOP, "old direct", "old multihop", "near direct", "near multihop", "unknowable"}
    assert len(probes[study.HOP].correct) == 4 and len(probes["unknowable"].correct) == 3
    # The base knows old events (29 of 100 in the words of a chat, which it never read), and none that nobody told.
    assert probes["old direct"].correct.count("1") > 15
    assert probes["unknowable"].correct.count("1") == 0
    [[first, second]] = world.aa["base + rag-oracle"]
    assert len(first) == len(second) == 4

    monkeypatch.setattr(study, "run", lambda *_: pytest.fail("the world was run again"))
    assert run(call) == 0


def test_any_model_is_studied_by_seeds(mini: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model"
    asked = ["--model", "lab@0", "--seeds", "0-1", "--facts", "lab:4", "--unknowable", "example", "--out", str(out)]
    call = ["study", "injection", "--protocol", str(mini), *asked, "--json"]
    assert run(call) == 0, capsys.readouterr().err
    first, second = outcomes.read(out)
    assert (first.number, second.number, first.world) == (0, 1, None)
    assert (out / "seed-0.json").exists() and first.facts_name == "lab@0:4"
    [weights] = first.weights.values()
    assert set(weights.probes) == {study.HOP, "unknowable"}
    assert first.seed != second.seed and first.protocol == second.protocol
    page = tmp_path / "model.md"
    assert run(["study", "page", str(out), "--out", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "measured on lab@0*, 2 seeds" in text
    assert "kinject study injection --model lab@0 --facts lab@0:4 --seeds 0,1" in text


def test_options_of_models_are_refused_for_lab_worlds(mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["study", "injection", "--protocol", str(mini), "--facts", "lab:4"]) == 2
    assert "--seeds" in capsys.readouterr().err


def test_a_model_that_cannot_be_trained_is_told_before_any_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--model", "openai:nobody", "--facts", "example", "--out", str(tmp_path)]
    assert run(["study", "injection", *asked]) == 2
    assert "cannot be trained" in capsys.readouterr().err


def test_lima_s_arms_of_a_model_need_its_rows() -> None:
    fixed = protocol.read(protocol.place("model"))
    subject = study.Subject("seed 0", SimpleNamespace(world=None), SimpleNamespace(), {}, {})  # type: ignore[arg-type]
    assert not any(cell.arm.start == "lima" for cell in subject.cells(fixed))
    given = replace(subject, taken=study.Taken(source="subqa:a", lima="lima:b"))
    taken = {cell.arm.start: given.settings(cell, 0).source for cell in given.cells(fixed)}
    assert taken["lima"] == "lima:b" and taken["subqa-recall"] == "subqa:a"
    assert not fixed.settings  # nothing is tuned: the paper's settings


def test_the_committed_protocol_is_sound() -> None:
    fixed = protocol.read()
    names = [cell.name for cell in fixed.cells()]
    assert len(set(names)) == len(names) and set(fixed.repeats.cells) <= set(names)
    assert not set(fixed.worlds.dev) & set(fixed.worlds.test)
    tried = list(fixed.tried())
    per_start = [sum(cell.arm.start == start for cell in tried) for start in fixed.tuning.starts]
    assert len(set(per_start)) == 1  # the same budget for every start
    learned = next(cell for cell in fixed.cells() if cell.name == "base + event-sft")
    assert learned.learn == fixed.settings["base"]["event-sft"]


def test_seeds_and_samples_are_drawn_apart() -> None:
    cell = protocol.Cell(Arm("base"), "base + none")
    drawn = {cell.settings(seed, sample).sampling["seed"] for seed in range(3) for sample in range(4)}
    assert len(drawn) == 12


@pytest.mark.parametrize("text", ["schema_version: 2", "[", "- a", MINI + "more: 1\n"])
def test_what_is_no_protocol_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="no protocol"):
        protocol.read(path)


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arms whose scores follow from their settings: the base learns best in 30 epochs, the other in 10."""

    def inject(arm: Arm, model: Any, facts: Any, settings: Any, progress: Any) -> Any:
        best = {"base": 30, "subqa-recall": 10}[arm.start]
        percent = 50.0 if settings.learn["epochs"] == best else 20.0
        return SimpleNamespace(scores={kind: {"percent": percent} for kind in tune.SCORED})

    monkeypatch.setattr(tune, "inject", inject)


@pytest.mark.usefixtures("scored")
def test_tuning_chooses_for_each_start_and_writes_nothing_else(mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["study", "tune", "--protocol", str(mini), "--write", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert len(result["tried"]) == 4
    assert {start: learn["event-sft"]["epochs"] for start, learn in result["chosen"].items()} == {
        "base": 30,
        "subqa-recall": 10,
    }
    assert protocol.read(mini).settings == result["chosen"]
    before, after = MINI.split("settings: {}\n")
    text = storage.read_text(mini)
    assert text.startswith(before) and text.endswith(after.lstrip("\n"))


@pytest.mark.usefixtures("scored")
def test_tuning_is_shown_with_what_was_chosen(mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["study", "tune", "--protocol", str(mini)]) == 0
    out = capsys.readouterr().out
    assert out.count("chosen") == 2 and "50 / 50" in out and max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("worlds", ["x", "1-", "1..3"])
def test_what_names_no_worlds_is_refused(worlds: str, mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["study", "tune", "--protocol", str(mini), "--worlds", worlds]) == 2
    assert "names no worlds" in capsys.readouterr().err

"""`kinject lab`: the world in words, its model built once, and probed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kinject.cli.app import run
from kinject.lab import pretraining, probes, world
from kinject.lab.pretraining import Recipe

SMALL = Recipe(hidden=16, layers=1, heads=2, intermediate=16, length=16, batch=2, steps=4, extra_steps=2, rounds=1)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe that takes a second and learns nothing."""
    monkeypatch.setattr(pretraining, "Recipe", lambda: SMALL)
    monkeypatch.setattr(pretraining, "SAVE_EVERY", 2)
    monkeypatch.setattr(pretraining, "TOKENIZER_DOCUMENTS", 200)
    monkeypatch.setattr(probes, "SAMPLES", 5)


def test_show_is_the_world_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", "show"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("World 0, known up to 2023-12-31\nEntities: country 20,")
    for fact in world.build(0).new_facts(3).facts:
        assert fact.multihop
        assert f"  {fact.event}\n    {fact.direct.question} {fact.direct.answer}\n" in out
        assert f"    {fact.multihop.question} {fact.multihop.answer}\n" in out


def test_show_is_data_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", "show", "3", "--documents", "2", "--facts", "4", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["schema"], shown["world"], shown["events"]) == ("kinject.lab.show/1", 3, 600)
    assert (len(shown["documents"]), len(shown["new"])) == (2, 4)
    assert sum(shown["entities"].values()) == 390
    assert min(fact["date"] for fact in shown["new"]) > shown["cutoff"]


@pytest.mark.parametrize("count", ["0", "1"])
def test_show_can_show_nothing(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", "show", "--documents", count, "--facts", count]) == 0
    assert capsys.readouterr().out.count("  | ") >= int(count)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["show", "x"], "valid integer"),
        (["show", "--facts", "99999"], "new events"),
        (["build"], "Missing argument 'world'"),
        (["build", "1", "--steps", "0"], "--steps"),
    ],
)
def test_mistakes_are_usage_errors(args: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", *args]) == 2
    out, err = capsys.readouterr()
    assert out == "" and words in err and "  mend: " in err


def test_only_a_lab_model_can_be_probed(tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tiny())
    capsys.readouterr()
    assert run(["lab", "probe", folder, "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err)["error"]["message"] == "only a lab model can be probed"


@pytest.mark.usefixtures("small")
def test_a_world_is_built_once_copied_probed_and_injected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "copy"
    assert run(["lab", "build", "2", "--out", str(out), "--json"]) == 1  # it knows nothing: the gates do not hold
    built = json.loads(capsys.readouterr().out)
    assert (built["schema"], built["folder"]) == ("kinject.lab.build/1", str(out))
    assert (built["card"]["world"], built["card"]["passed"], built["card"]["steps"]) == (2, False, 4)
    assert set(built["card"]["probes"]) > set(probes.GATES)

    with monkeypatch.context() as patch:
        patch.setattr(pretraining, "pretrain", lambda *_: pytest.fail("built again"))
        assert run(["lab", "build", "2"]) == 1
    text, err = capsys.readouterr()
    assert err == ""
    assert text.startswith("world 2: 128 tokens in 4 steps") and "FAILS" in text

    monkeypatch.setattr(probes, "measure", lambda *_: dict.fromkeys(probes.GATES, 100.0))
    assert run(["lab", "probe", str(out), "--json"]) == 0
    probed = json.loads(capsys.readouterr().out)
    assert (probed["schema"], probed["passed"], probed["gates"]) == ("kinject.lab.probe/1", True, probes.GATES)

    assert run(["inject", "--model", str(out), "--method", "none", "--max-new-tokens", "2", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["facts"], record["scores"]["multihop"]["n"]) == ("lab@2", 100)


@pytest.mark.usefixtures("small")
def test_more_steps_are_another_build(capsys: pytest.CaptureFixture[str], store: Path) -> None:
    for steps in ("2", "3", "2"):
        assert run(["lab", "build", "1", "--steps", steps, "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["card"]["steps"] == int(steps)
    assert len(list(store.glob("runs/pretrain-*/DONE"))) == 2

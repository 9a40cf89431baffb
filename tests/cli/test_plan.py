"""`--dry-run` and `--explain` of `kinject inject` and `kinject compare`: one answer, and nothing done."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kinject.cli.app import run

QUICK = ["--facts", "example", "--max-new-tokens", "4", "--embedder", "lab"]
STEP = ["step", "what", "key", "cached", "seconds", "tokens", "disk", "memory", "calls"]


def printed(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    assert run([*args, "--json"]) == 0
    record: dict[str, Any] = json.loads(capsys.readouterr().out)
    return record


def test_a_dry_run_tells_what_the_run_then_does(
    tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str], store: Path
) -> None:
    call = ["inject", "--model", str(tiny()), "--method", "sft-rag-faiss", *QUICK]
    told = printed(capsys, *call, "--dry-run")
    assert told["schema"] == "kinject.plan/1" and not store.exists()
    assert [list(step) for step in told["steps"]] == [STEP] * 6  # three of them ask closed-book
    assert (told["total"]["steps"], told["total"]["cached"]) == (6, 0)
    record = printed(capsys, *call)
    assert told["steps"][-1]["key"] == record["run"]
    assert {step["key"] for step in told["steps"]} == {path.parent.name for path in store.glob("runs/*/DONE")}
    again = printed(capsys, *call, "--dry-run")
    assert [step["key"] for step in again["steps"]] == [step["key"] for step in told["steps"]]
    assert all(step["cached"] for step in again["steps"])


@pytest.mark.parametrize("kind", ["--dry-run", "--explain"])
def test_a_comparison_is_told_in_100_columns_and_nothing_is_done(
    kind: str, capsys: pytest.CaptureFixture[str], store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinject.engines.hf.load_model", lambda *_, **__: pytest.fail("a model was loaded"))
    monkeypatch.setattr("kinject.lab.pretraining.pretrain", lambda *_: pytest.fail("a world is built"))
    methods = ["--starts", "base,subqa-recall@100", "--methods", "none,event-sft,rag-faiss"]
    assert run(["compare", "--model", "lab@7", "--facts", "lab:3", *methods, kind]) == 0
    out, _ = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= 100
    words = {
        "--dry-run": ["pretrain   lab@7", "posttrain", "not known yet", "16 to do, 0 cached", "checkpoints"],
        "--explain": ["post-training (subqa-recall@100)", "learning (event-sft)", "retrieval", "as above", "A.5"],
    }
    assert [word for word in words[kind] if word not in out] == []
    assert not store.exists()


def test_explain_is_one_object(tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "inject", "--model", str(tiny()), "--method", "event-sft", *QUICK, "--explain")
    assert told["schema"] == "kinject.explain/1"
    assert {tuple(row) for row in told["settings"]} == {("part", "name", "value", "source")}


@pytest.mark.parametrize("command", ["inject", "compare"])
@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["--dry-run", "--explain"], 2),
        (["--dry-run", "--facts", "exmaple"], 3),
        (["--dry-run", "--model", "lba"], 3),
        (["--explain", "--judge", "ruls"], 2),
    ],
)
def test_mistakes_are_told_as_ever(
    command: str, args: list[str], code: int, tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "--model", str(tiny()), *QUICK, *args]) == code
    out, err = capsys.readouterr()
    assert out == "" and "  mend: " in err

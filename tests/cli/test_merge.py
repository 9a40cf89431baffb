"""`kinject merge`: an adapter, or the arm that left one, becomes a model that is opened like any other."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from kinject.cli.app import run
from kinject.engines import adapter

QUICK = ["--facts", "example", "--max-new-tokens", "2", "--micro-batch", "1"]

needs_peft = pytest.mark.skipif(find_spec("peft") is None, reason="needs the extra lora")


def printed(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> dict[str, Any]:
    assert run([*args, "--json"]) == code
    out, err = capsys.readouterr()
    value: dict[str, Any] = json.loads(err.splitlines()[-1] if code else out)
    return value


@needs_peft
def test_what_an_arm_left_is_merged(
    tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arm = printed(capsys, "inject", "--model", str(tiny()), "--method", "event-sft", "--peft", "lora", *QUICK)
    made = printed(capsys, "merge", "last", str(tmp_path / "merged"))
    assert (made["schema"], made["out"]) == ("kinject.merge/1", str(tmp_path / "merged"))
    assert made["bytes"] > (tmp_path / "merged" / "model.safetensors").stat().st_size
    assert adapter.is_adapter(Path(made["adapter"])) and not adapter.is_adapter(tmp_path / "merged")
    for number, name in enumerate((made["adapter"], arm["artefact"], arm["run"])):
        assert run(["merge", name, str(tmp_path / f"again{number}")]) == 0
        assert "again" in capsys.readouterr().out
        assert (tmp_path / f"again{number}" / "model.safetensors").is_file()
    printed(capsys, "inject", "--model", str(tmp_path / "merged"), "--method", "none", *QUICK)
    error = printed(capsys, "merge", "last", str(tmp_path / "other"), code=2)["error"]  # that arm's model is whole
    assert "no adapter" in error["message"] and "whole already" in error["mend"]


@pytest.mark.parametrize(
    ("adapter", "code", "words"),
    [("MODEL", 2, "no adapter"), ("last", 3, "no arm was finished here"), ("nowhere", 3, "no artefact 'nowhere'")],
)
def test_what_is_no_adapter_is_told(
    adapter: str, code: int, words: str, tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    name = str(tiny()) if adapter == "MODEL" else adapter
    error = printed(capsys, "merge", name, str(tmp_path / "out"), code=code)["error"]
    assert words in error["message"] and error["mend"] and not (tmp_path / "out").exists()

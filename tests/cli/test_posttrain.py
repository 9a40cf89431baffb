"""`kinject posttrain`: done once, found again, and the same training that an arm would do."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from kinject import prompts
from kinject.cli.app import COMMANDS, run
from kinject.facts.load import load
from kinject.injection.arm import Arm
from kinject.injection.inject import inject
from kinject.injection.settings import Settings
from kinject.resources import facts_folder
from kinject.sources import open_model
from kinject.training import finetune

SUBQA = f"subqa:{Path(__file__).parent.parent / 'cases' / 'recipes' / 'subqa'}"


@pytest.fixture(autouse=True)
def command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "posttrain", "kinject.cli.posttrain:posttrain")


def printed(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> dict[str, Any]:
    assert run(["posttrain", *args, "--json"]) == code
    out, err = capsys.readouterr()
    value: dict[str, Any] = json.loads(err.splitlines()[-1] if code else out)
    return value


def test_it_is_done_once_and_arms_find_it(
    tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = ["subqa-recall", "--model", str(tiny()), "--source", SUBQA, "--seed", "3"]
    made = printed(capsys, *call)
    assert (made["schema"], made["rows"], made["steps"], made["seed"]) == ("kinject.posttrain/1", 9, 14, 3)
    assert made["loss"] > 0 and made["seconds"] > 0 and made["run"].startswith("posttrain-")
    assert made["data"]["recalls"] == {"sentences": 4, "steps": 5}
    assert (Path(made["artefact"]) / "model.safetensors").is_file()
    monkeypatch.setattr(finetune, "finetune", lambda *_: pytest.fail("trained again"))
    assert printed(capsys, *call) == made
    settings = Settings(seed=3, source=SUBQA, sampling={"max_new_tokens": 2})
    facts = load(facts_folder() / "example.jsonl")
    record = inject(Arm("subqa-recall"), open_model(str(tiny())), facts, settings)
    told = json.loads(Path(record.artefact, "artefact.json").read_text())
    assert told["model"]["folder"] == made["artefact"]
    assert run(["posttrain", *call]) == 0
    assert "9 rows, 14 steps" in capsys.readouterr().out


def test_the_first_rows_are_trained_on_with_the_recipes_own_system_message(
    tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, ...]] = []
    train = finetune.finetune

    def look(model: Path, rows: Any, *rest: Any) -> Any:
        said.append(tuple(dict.fromkeys(row.conversation[0].content for row in rows)))
        return train(model, rows, *rest)

    monkeypatch.setattr(finetune, "finetune", look)
    made = printed(capsys, "gsm8k@5", "--model", str(tiny()), "--source", "lab")
    assert (made["rows"], made["data"]["first_rows"]) == (5, 5)
    more = printed(capsys, "gsm8k@6", "--model", str(tiny()), "--source", "lab")
    assert more["run"] != made["run"] and said == [(prompts.load("system-gsm8k"),)] * 2


def test_rows_that_were_built_are_trained_on(
    tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    row = {"messages": [{"role": "user", "content": "Who?"}], "response": "Ida."}
    (tmp_path / "mine.jsonl").write_text(f"{json.dumps(row)}\n" * 4)
    made = printed(capsys, "subqa-recall", "--model", str(tiny()), "--source", str(tmp_path / "mine.jsonl"))
    assert (made["rows"], made["data"]["source"]) == (4, str(tmp_path / "mine.jsonl"))


@pytest.mark.skipif(find_spec("peft") is None, reason="needs the extra lora")
def test_an_arm_with_an_adapter_finds_its_start(
    tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = ["--model", str(tiny()), "--source", SUBQA, "--peft", "lora", "--micro-batch", "1"]
    made = printed(capsys, "subqa-recall", *call)
    assert made["peft"] == "lora" and (Path(made["artefact"]) / "adapter_config.json").is_file()
    assert made["run"] != printed(capsys, "subqa-recall", *call[:4])["run"]
    monkeypatch.setattr(finetune, "finetune", lambda *_: pytest.fail("trained again"))
    given = ["--start", "subqa-recall", "--method", "none", "--facts", "example", "--max-new-tokens", "2"]
    assert run(["inject", *given, *call, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    told = json.loads(Path(record["artefact"], "artefact.json").read_text())
    assert (told["model"]["key"], told["model"]["folder"]) == (made["run"], made["artefact"])


@pytest.mark.parametrize(
    ("args", "code", "where", "words"),
    [
        (["subqa-recal"], 2, "RECIPE", "Did you mean 'subqa-recall'?"),
        (["base"], 2, "RECIPE", "trains nothing"),
        (["gsm8k@0", "--source", "lab"], 2, "RECIPE", "'0' is no number of rows"),
        (["gsm8k@some", "--source", "lab"], 2, "RECIPE", "'some' is no number of rows"),
        (["gsm8@100", "--source", "lab"], 2, "RECIPE", "Did you mean 'gsm8k@100'?"),
        (["subqa@2701", "--source", "lab"], 3, "--source lab", "there are only 2700 rows and not 2701"),
        (["dolly"], 3, "--start", "no world of its own"),
        (["subqa-recall"], 3, "--start", "no world of its own"),
        (["subqa-recall", "--source", "subqa:nowhere"], 3, "nowhere", "SubQA is three files"),
        (["subqa-recall", "--model", "labb"], 3, "--model", "Did you mean 'lab'?"),
        (["subqa-recall", "--peft", "lroa"], 2, "--peft", "Did you mean 'lora'?"),
        (["subqa-recall", "--seed", "-1"], 2, "kinject posttrain", "--seed"),
    ],
)
def test_a_mistake_is_told_before_any_work(
    args: list[str],
    code: int,
    where: str,
    words: str,
    tiny: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kinject.engines.hf.load_model", lambda *_, **__: pytest.fail("a model was loaded"))
    error = printed(capsys, args[0], "--model", str(tiny()), *args[1:], code=code)["error"]
    assert words in error["message"] and error["where"] == where and error["mend"]

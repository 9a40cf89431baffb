"""`kinject show`: a row exactly as it is trained on, with and without colour."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kinject import storage
from kinject.cli.app import run
from kinject.engines import chat
from kinject.injection.settings import Settings
from kinject.injection.train import started_with
from kinject.sources import open_model
from kinject.training import finetune
from kinject.training.finetune import IGNORED, encode

CASES = Path(__file__).parent.parent / "cases" / "recipes"
DOLLY = f"dolly:{CASES / 'dolly.jsonl'}"


def printed(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> dict[str, Any]:
    assert run(["show", *args, "--json"]) == code
    out, err = capsys.readouterr()
    value: dict[str, Any] = json.loads(err.splitlines()[-1] if code else out)
    return value


def test_it_is_the_row_of_the_training(tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    model = str(tiny(template=True))
    rows = started_with("dolly", open_model(model), Settings(source=DOLLY))
    assert rows is not None
    tokenizer = chat.load_tokenizer(Path(model))
    for number, row in enumerate(rows.rows, 1):
        shown = printed(capsys, "dolly", "--row", str(number), "--model", model, "--source", DOLLY)
        wanted = encode(tokenizer, row)
        assert shown["ids"] == wanted["input_ids"]
        assert shown["learned"] == [label != IGNORED for label in wanted["labels"]]
        assert (shown["count"], shown["learned_count"]) == (len(shown["ids"]), sum(shown["learned"]))
        assert {token for token, special in zip(shown["tokens"], shown["special"], strict=True) if special} == {
            "<|im_start|>",
            "<|im_end|>",
        }
    assert (shown["schema"], shown["rows"], shown["longest"], shown["too_long"]) == ("kinject.show/1", 3, 16384, False)


def test_what_the_trainer_gets_is_what_is_shown(
    tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows that reach TRL in a training of the same names."""
    taken: list[dict[str, list[int]]] = []
    build = finetune.build_trainer

    def look(network: Any, tokenizer: Any, examples: Any, *rest: Any) -> Any:
        taken.extend(examples)
        return build(network, tokenizer, examples, *rest)

    monkeypatch.setattr(finetune, "build_trainer", look)
    given = ["dolly@2", "--model", str(tiny()), "--source", DOLLY]
    assert run(["posttrain", *given, "--json"]) == 0
    capsys.readouterr()
    for number, example in enumerate(taken, 1):
        assert printed(capsys, *given, "--row", str(number))["ids"] == example["input_ids"]
    assert len(taken) == 2


def test_without_colour_there_are_marks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "lima", "--row", "2", "--model", "lab"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "\x1b" not in out
    assert out.count("⟦") == out.count("⟧") == 2  # the key, and the response
    assert out.index("Answer|:⟦") < out.index("<|end|>⟧")
    assert "lima, row 2 of 1000, as lab@0 is trained on it" in out and "nothing is cut off" in out


def test_in_a_terminal_there_is_colour(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert run(["show", "lima", "--row", "2"]) == 0
    out = capsys.readouterr().out
    assert "\x1b[" in out and "⟦" not in out and "|Answer" not in out


def test_tokens_of_parts_of_letters_and_control_characters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"messages": [{"role": "user", "content": "Wer \x1b[31m?"}], "response": "Brändt 🙂"}
    storage.write_jsonl(tmp_path / "rows.jsonl", [row])
    shown = printed(capsys, "lima", "--source", str(tmp_path / "rows.jsonl"))
    assert all(shown["tokens"]) and "\ufffd" not in "".join(shown["tokens"])
    assert run(["show", "lima", "--source", str(tmp_path / "rows.jsonl")]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_row_that_is_too_long_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"messages": [{"role": "user", "content": "Who?"}], "response": "the river " * 600}
    storage.write_jsonl(tmp_path / "rows.jsonl", [row])
    assert printed(capsys, "lima", "--source", str(tmp_path / "rows.jsonl"))["too_long"] is True
    assert run(["show", "lima", "--source", str(tmp_path / "rows.jsonl")]) == 0
    assert "longer than the model can read" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "code", "where", "words"),
    [
        (["dollly"], 2, "RECIPE", "Did you mean 'dolly'?"),
        (["base"], 2, "RECIPE", "trains nothing"),
        (["dolly", "--row", "4", "--source", DOLLY], 2, "--row", "there are 3 rows and no row 4"),
        (["dolly", "--row", "0"], 2, "kinject show", "--row"),
        (["dolly"], 3, "--source", "'lab@0' has none"),
        (["dolly", "--model", "labb"], 3, "--model", "Did you mean 'lab'?"),
        (["dolly", "--model", "openai:x"], 2, "--model", "cannot be trained through an endpoint"),
    ],
)
def test_a_mistake_is_told(
    args: list[str], code: int, where: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = printed(capsys, *args, code=code)["error"]
    assert words in error["message"] and error["where"] == where and error["mend"]

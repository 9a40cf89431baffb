"""`kinject compare`: one table of several arms."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kinject.cli.app import run
from kinject.injection.arm import METHODS

QUICK = ["--embedder", "lab", "--facts", "example", "--max-new-tokens", "4"]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def shared(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that the tests of this file share, so that a training is done once."""
    monkeypatch.setenv("KINJECT_HOME", str(home))


@pytest.mark.usefixtures("shared")
def test_json_has_every_method_in_the_order_asked_for(
    tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for methods in (",".join(METHODS), " rag-oracle , none"):
        assert run(["compare", "--model", str(tiny()), "--methods", methods, *QUICK, "--json"]) == 0
        record = json.loads(capsys.readouterr().out)
        assert record["schema"] == "kinject.compare/1"
        assert [arm["method"] for arm in record["arms"]] == [name.strip() for name in methods.split(",")]


@pytest.mark.usefixtures("shared")
def test_text_is_100_columns_wide_and_report_shows_the_same(
    tiny: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "model").symlink_to(tiny())
    monkeypatch.chdir(tmp_path)
    call = ["compare", "--model", "model", *QUICK]
    assert run(call) == 0
    shown, _ = capsys.readouterr()
    assert max(map(len, shown.splitlines())) <= 100
    for words in ("nothing", "event SFT", "oracle RAG", "event SFT + oracle RAG", "measured on model"):
        assert words in shown
    assert run(["report"]) == 0
    assert capsys.readouterr().out == shown


@pytest.mark.usefixtures("shared")
def test_the_command_is_kept_as_it_can_be_typed_again(
    tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "my model").symlink_to(tiny())
    call = ["compare", "--model", str(tmp_path / "my model"), "--methods", "none", *QUICK, "--json"]
    monkeypatch.setattr(sys, "argv", ["kinject", *call])
    assert run(call) == 0
    assert shlex.split(json.loads(capsys.readouterr().out)["command"]) == ["kinject", *call]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--preset", "dmeo"], "Did you mean 'demo'?"),
        (["--methods", "none,rag-oracel"], "Did you mean 'rag-oracle'?"),
        (["--methods", ""], "there is no method ''"),
        (["--starts", "bas"], "Did you mean 'base'?"),
        (["--judge", "ruls"], "Did you mean 'rules'?"),
        (["--jobs", "0"], "--jobs"),
    ],
)
def test_mistakes_are_told_before_any_work(
    args: list[str],
    words: str,
    tiny: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kinject.engines.hf.load_model", lambda *_, **__: pytest.fail("a model was loaded"))
    assert run(["compare", "--model", str(tiny()), *QUICK, *args]) == 2
    out, err = capsys.readouterr()
    assert out == "" and words in err and "  mend: " in err

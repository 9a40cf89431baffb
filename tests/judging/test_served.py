"""A real endpoint: `transformers serve` with the lab's model as a judge, asked through `kinject judge`.

The model has never seen a rubric, so it gives no verdict: every answer is unscored, with its reply, and so the exit
code is 5.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from kinject.cli.app import run
from kinject.engines import chat
from kinject.lab.checkpoint import SHIPPED

ROWS = [
    {"fact": "rugby", "kind": "direct", "response": "The Springboks."},
    {"fact": "rugby", "kind": "multihop", "response": "Event Recall: Wales won.\nThe final answer is Cardiff"},
    {"fact": "rugby", "kind": "direct", "response": "..."},
]
FACTS = Path(__file__).parent.parent / "cases" / "judging" / "facts.jsonl"
PATIENCE = 60
needs_serving = pytest.mark.skipif(
    not (find_spec("fastapi") and find_spec("uvicorn")), reason="needs the extra serve (transformers[serving])"
)


@pytest.fixture
def model(tmp_path: Path) -> str:
    """The lab's model with a chat template, without which nothing can be served."""
    shutil.copytree(SHIPPED, tmp_path / "model")
    chat.load_tokenizer(SHIPPED).save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


@pytest.fixture
def url(model: str) -> Iterator[str]:
    """The address of its server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = shutil.which("transformers", path=str(Path(sys.executable).parent))
    command = [str(program), "serve", model, "--device", "cpu", "--port", str(port), "--default-seed", "0"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + PATIENCE
        while not _ready(f"http://127.0.0.1:{port}/health"):
            assert server.poll() is None and time.monotonic() < until, "the server did not come up"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


@needs_serving
def test_a_served_model_is_asked_once_and_what_it_says_is_kept(
    url: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    answers = tmp_path / "answers.jsonl"
    answers.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    call = ["judge", str(answers), "--facts", str(FACTS), "--judge", f"openai:{model}", "--json"]
    first, again = (_judged(call, capsys) for _ in range(2))
    assert [row["correctness"] for row in first["verdicts"]] == ["unscored", "unscored", "incorrect"]
    assert all(row["replies"]["correctness"] for row in first["verdicts"][:2])
    spent = first["spent"][f"openai:{model}"]
    assert (spent["failed"], spent["kept"]) == (0, 0)
    assert spent["calls"] >= 4 and spent["prompt_tokens"] > 100
    assert again["spent"][f"openai:{model}"]["calls"] == 0
    assert again["verdicts"] == first["verdicts"]


def _judged(call: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert run(call) == 5, capsys.readouterr().err
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result

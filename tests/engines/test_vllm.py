"""vLLM as a child process: its command line, its words when it dies, and its end with whoever started it.

vLLM itself needs a GPU; here a stand-in named `vllm` on PATH speaks its API (tests/engines/server.py).
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for server.py
import server

from kinject import prompts
from kinject.engines import vllm
from kinject.engines.base import Completion, Sampling, ask
from kinject.engines.openai import Terms
from kinject.engines.vllm import VLLM, command, ended
from kinject.errors import JudgeError, KinjectError, MissingError, ResourceError

ASKED = [ask("Be brief.", f"Who won cup {number}?") for number in range(3)]
GREEDY = Sampling(temperature=0, max_new_tokens=8)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put a stand-in on PATH."""

    def put(**how: Any) -> Path:
        folder = server.install(tmp_path / "bin", **how).parent
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return folder

    return put


def started(folder: Path) -> dict[str, Any]:
    """What the stand-in was started with."""
    until = time.monotonic() + 20
    while not (folder / "started.json").exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    told: dict[str, Any] = json.loads((folder / "started.json").read_text())
    return told


def gone(pids: list[int], within: float = 20) -> bool:
    until = time.monotonic() + within
    while any(alive(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_command_line() -> None:
    assert command(["vllm"], "org/name", 8123) == [
        *["vllm", "serve", "org/name", "--host", "127.0.0.1", "--port", "8123"],
        *["--generation-config", "vllm", "--max-model-len", "auto"],
    ]
    words = command(["python", "-m", "x"], "m", 1, Path("t.jinja"), ["--max-model-len", "64"])
    assert words[:5] == ["python", "-m", "x", "serve", "m"]
    assert words[-4:] == ["--chat-template", "t.jinja", "--max-model-len", "64"]


def test_without_vllm_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(vllm, "find_spec", lambda _: None)
    with pytest.raises(MissingError, match="not installed") as caught:
        VLLM("lab")
    assert "pip install 'kinject[vllm]'" in caught.value.mend
    monkeypatch.setattr(vllm, "find_spec", lambda _: object())
    assert vllm.program() == [sys.executable, "-m", "vllm.entrypoints.cli.main"]


def test_a_base_model_is_served_with_our_template(tiny: Callable[..., Path], installed: Callable[..., Path]) -> None:
    folder = installed()
    with VLLM(tiny(), ["--seed", "1"]) as engine:
        assert engine.generate(ASKED, GREEDY)[0] == Completion("Be: Who won cup 0?")
        told = started(folder)
        template = Path(told["args"][told["args"].index("--chat-template") + 1])
        assert template.read_text() == prompts.load("chat-template")
        assert told["args"][-2:] == ["--seed", "1"]
        assert engine.sent["stop"] == ["\nQuestion:"]
        assert engine.sent["repetition_penalty"] == 1.1
        assert engine.sent["chat_template_kwargs"] == {"date_string": "26 Jul 2024"}
        assert all(map(alive, told["pids"]))
    assert gone(told["pids"])
    assert not template.exists()
    engine.close()  # once more does no harm


def test_a_chat_model_keeps_its_own(tiny: Callable[..., Path], installed: Callable[..., Path]) -> None:
    folder = installed()
    with VLLM(str(tiny(template=True))) as engine:
        engine.generate(ASKED, GREEDY)
        assert "--chat-template" not in started(folder)["args"]
        assert "stop" not in engine.sent


def test_it_starts_with_the_first_question_and_once(tiny: Callable[..., Path], installed: Callable[..., Path]) -> None:
    folder = installed()
    with VLLM(tiny()) as engine:
        assert engine.generate([], GREEDY) == []
        assert not (folder / "started.json").exists()
        engine.generate(ASKED, GREEDY)
        first = started(folder)
        engine.generate(ASKED, GREEDY)
        assert started(folder) == first
        engine.close()
        assert engine.generate(ASKED, GREEDY)
        assert started(folder)["pids"] != first["pids"]
        assert started(folder)["key"] not in ("", first["key"])


def test_what_is_kept_outlives_the_server(
    tiny: Callable[..., Path], installed: Callable[..., Path], tmp_path: Path
) -> None:
    folder = installed()
    for _ in range(2):  # the second one listens on another port
        with VLLM(tiny(), keep=tmp_path / "replies.sqlite") as engine:
            engine.generate(ASKED, GREEDY)
    assert len((folder / "asked.jsonl").read_text().splitlines()) == 3


def test_a_server_that_dies_is_heard(tiny: Callable[..., Path], installed: Callable[..., Path]) -> None:
    folder = installed(dies="ValueError: no such architecture")
    with VLLM(tiny()) as engine, pytest.raises(MissingError, match="ended with code 1: ValueError: no such") as caught:
        engine.generate(ASKED, GREEDY)
    assert caught.value.message.splitlines()[1:] == ["INFO loading the weights", "ValueError: no such architecture"]
    assert gone(started(folder)["pids"])


def test_a_server_that_is_never_ready_is_given_up(tiny: Callable[..., Path], installed: Callable[..., Path]) -> None:
    folder = installed(mute=True)
    with VLLM(tiny(), patience=2) as engine, pytest.raises(MissingError, match=r"not ready in 2 s(.|\n)*loading"):
        engine.generate(ASKED, GREEDY)
    assert gone(started(folder)["pids"])


def test_a_server_that_dies_while_it_answers(
    tiny: Callable[..., Path], installed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("kinject.engines.openai.RETRIES", 0)
    folder = installed()
    with VLLM(tiny(), keep=tmp_path / "replies.sqlite") as engine:
        engine.generate(ASKED[:1], GREEDY)
        first = started(folder)["pids"]
        os.kill(first[0], signal.SIGKILL)
        assert gone(first)  # its children too
        with pytest.raises(JudgeError, match=r"vllm ended with code 137(.|\n)*nothing answers"):
            engine.generate(ASKED, GREEDY)
        assert len(engine.generate(ASKED, GREEDY)) == 3  # by another one


def test_failures_that_are_told_are_those_of_a_dead_server_if_it_is_dead(
    tiny: Callable[..., Path], installed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = installed()
    with VLLM(tiny(), terms=Terms(failures="tell")) as engine:
        engine.generate(ASKED[:1], GREEDY)
        failed = [Completion("", "failed", "a broken connection after 7 tries")] * 3
        monkeypatch.setattr("kinject.engines.openai.OpenAI.generate", lambda *_: failed)
        assert engine.generate(ASKED, GREEDY) == failed
        os.kill(started(folder)["pids"][0], signal.SIGKILL)
        assert gone(started(folder)["pids"])
        with pytest.raises(JudgeError, match=r"vllm ended with code 137(.|\n)*3 of 3 answers .* broken connection"):
            engine.generate(ASKED, GREEDY)
        assert engine.spent["calls"] == 1


def test_one_that_does_not_heed_is_ended(installed: Callable[..., Path], tmp_path: Path) -> None:
    folder = installed(stubborn=True)
    words = ["vllm", "serve", "m", "--port", str(vllm.free_port())]
    script = f"from kinject.engines import vllm; vllm.GRACE = 0.5; exit(vllm.guard({str(tmp_path / 'x')!r}, {words}))"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as guard:
        told = started(folder)
        assert guard.stdin
        guard.stdin.close()
        assert guard.wait(20) == 128 + signal.SIGKILL
    assert gone(told["pids"], 1)


PARENT = """
import time
from kinject.engines import chat, vllm
from kinject.engines.base import Sampling, ask
chat.load_tokenizer = lambda folder: None  # which would import for seconds
chat.stop_strings = lambda tokenizer: ["x"]
engine = vllm.VLLM("m")
engine.generate([ask("a b", "c")], Sampling(temperature=0))
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_parent(installed: Callable[..., Path], how: signal.Signals) -> None:
    folder = installed()
    line = [sys.executable, "-c", PARENT]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout and parent.stdout.readline() == b"ready\n"
        told = started(folder)
        assert all(map(alive, told["pids"]))
        parent.send_signal(how)
        parent.wait(20)
    assert gone(told["pids"])
    place = Path(told["args"][told["args"].index("--chat-template") + 1]).parent
    until = time.monotonic() + 5
    while place.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not place.exists()


@pytest.mark.parametrize(
    ("log", "kind", "words"),
    [
        ("x\ntorch.OutOfMemoryError: CUDA out of memory. Tried\nmore", ResourceError, "OutOfMemoryError: CUDA out"),
        ("ValueError: No available memory for the cache blocks.", ResourceError, "No available memory"),
        ("RuntimeError: Failed to infer device type", MissingError, "Failed to infer"),
        ("OSError: no such model\nRuntimeError: Engine core initialization failed", MissingError, "OSError: no such"),
        ("", MissingError, "ended with code 3"),
    ],
)
def test_why_it_ended_is_read_from_its_log(log: str, kind: type[KinjectError], words: str) -> None:
    error = ended(3, log.splitlines(), "m")
    assert type(error) is kind
    assert words in error.message.splitlines()[0]
    assert error.mend and error.where == "m"


def test_what_the_system_killed_had_no_memory() -> None:
    assert isinstance(ended(137, [], "m"), ResourceError)

"""Programs that attack the sandbox (tests/cases/sandbox/attacks.yaml), each beside what it must not reach.

A program that succeeds says so on the result channel. It is not believed alone: files, listeners and processes are
looked at from outside. Those marked `outside` are run without a sandbox, too, and must succeed there, or they would
prove nothing.
"""

import os
import platform
import secrets
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from kinject.sandbox import syscalls
from kinject.sandbox.sandbox import Limits, Sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the attacks are written for Linux")

CASES = yaml.safe_load((Path(__file__).parent.parent / "cases/sandbox/attacks.yaml").read_text(encoding="utf-8"))
SECRET = f"secret {secrets.token_hex(8)}"
VARIABLE = f"KINJECT_CANARY_{secrets.token_hex(8)}"
COLUMN = syscalls.PROCESSORS.get(platform.machine(), (0, 0))[0]
CALLS = syscalls.REFUSED | {"clone": syscalls.CLONE, "clone3": syscalls.CLONE3, "fork": (57, None), "vfork": (58, None)}

PRELUDE = """
def evidence(what):
    import os
    os.write(3, f"EVIDENCE {what}\\n".encode(errors="replace"))
def call(name, *arguments):
    import ctypes
    if NUMBERS[name] is None: return -1
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return ctypes.CDLL(None).syscall(ctypes.c_long(NUMBERS[name]), *words)
def called(name, *arguments):
    if call(name, *arguments) != -1: evidence(name)
"""


@dataclass(frozen=True)
class Canary:
    """What a program must not reach."""

    closed: Path
    open: Path
    listeners: dict[str, socket.socket]

    def prelude(self) -> str:
        names: dict[str, Any] = {
            "FILE": str(self.closed / "secret"),
            "SECRET_FOLDER": str(self.closed),
            "FOLDER": str(self.open),
            "TCP": self.listeners["tcp"].getsockname()[1],
            "UDP": self.listeners["udp"].getsockname()[1],
            "UNIX": self.listeners["unix"].getsockname(),
            "ABSTRACT": self.listeners["abstract"].getsockname(),
            "VARIABLE": VARIABLE,
            "PID": os.getpid(),
            "HOST": socket.gethostname(),
            "NUMBERS": {name: numbers[COLUMN] for name, numbers in CALLS.items()},
        }
        return "".join(f"{name} = {value!r}\n" for name, value in names.items()) + PRELUDE

    def touched(self) -> list[str]:
        """What is other than it was, as it is seen from outside."""
        found = [] if (self.closed / "secret").read_text() == SECRET else ["secret"]
        files = {path.name: path.read_text() for path in self.open.iterdir()}
        found += [] if files == {"canary.py": f"SECRET = {SECRET!r}\n"} else ["folder"]
        for name, listener in self.listeners.items():
            try:
                _ = listener.recv(100) if name == "udp" else listener.accept()[0].close()
                found.append(name)
            except BlockingIOError:
                pass
        return found


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Canary]:
    monkeypatch.setenv(VARIABLE, SECRET)
    closed, open_ = tmp_path / "closed", tmp_path / "open"
    for folder, mode in ((closed, 0o755), (open_, 0o777)):
        folder.mkdir()
        folder.chmod(mode)
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):  # only the sandbox is in the way
        folder.chmod(folder.stat().st_mode | 0o011)
    (closed / "secret").write_text(SECRET)
    (open_ / "canary.py").write_text(f"SECRET = {SECRET!r}\n")
    with ExitStack() as stack:
        yield Canary(closed, open_, {name: stack.enter_context(each) for name, each in listening(closed)})


def listening(folder: Path) -> Iterator[tuple[str, socket.socket]]:
    for name, family, kind, address in (
        ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
        ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        ("unix", socket.AF_UNIX, socket.SOCK_STREAM, os.path.relpath(folder / "socket")),
        ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, f"\0kinject-{secrets.token_hex(8)}"),
    ):
        listener = socket.socket(family, kind)
        listener.bind(address)
        listener.setblocking(False)
        if kind == socket.SOCK_STREAM:
            listener.listen()
        yield name, listener


def limits(case: dict[str, Any]) -> Limits:
    return Limits(**{"seconds": 10, "memory": 1 << 30, "output": 1 << 20} | case.get("limits", {}))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_an_attack_fails(case: dict[str, Any], namespaces: Sandbox, canary: Canary, nothing_left: None) -> None:
    attack(case, namespaces, canary)


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if not case.get("container")], ids=lambda case: case["name"])
def test_an_attack_fails_in_a_container(case: dict[str, Any], container: Sandbox, canary: Canary) -> None:
    attack(case, container, canary)


def attack(case: dict[str, Any], sandbox: Sandbox, canary: Canary) -> None:
    null = Path(os.devnull).stat()
    for _ in range(case.get("runs", 1)):
        began = time.monotonic()
        outcome = sandbox.run(canary.prelude() + case["program"], b"", limits(case))
        assert time.monotonic() - began < limits(case).seconds + 30
        assert outcome.state in case.get("states", ["done", "crashed"]), outcome
        assert b"EVIDENCE" not in outcome.output, outcome
        assert SECRET.encode() not in outcome.output and SECRET not in outcome.said
        assert len(outcome.output) <= limits(case).output and len(outcome.said) <= 2000
        assert case.get("says", "").encode() in outcome.output
    assert canary.touched() == []
    assert Path(os.devnull).stat()[:3] == null[:3]


@pytest.mark.parametrize("case", [case for case in CASES if case.get("outside")], ids=lambda case: case["name"])
def test_the_same_program_succeeds_without_a_sandbox(case: dict[str, Any], canary: Canary) -> None:
    read, write = os.pipe()
    program = f"import os; os.dup2({write}, 3)\n{canary.prelude()}{case['program']}"
    subprocess.run([sys.executable, "-c", program], pass_fds=[write], capture_output=True, timeout=30)
    os.close(write)
    with os.fdopen(read, "rb") as channel:
        assert b"EVIDENCE" in channel.read() or canary.touched()


def test_there_are_enough_attacks_of_every_kind() -> None:
    kinds = Counter(case["kind"] for case in CASES)
    assert len(CASES) >= 60 and len(kinds) >= 15 and min(kinds.values()) >= 5
    assert len({case["name"] for case in CASES}) == len(CASES)
    assert all(case["must_not"] for case in CASES)

import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kinject.errors import KinjectError, MissingError, ResourceError, UsageError
from kinject.sandbox import sandbox as sandboxes
from kinject.sandbox import watching
from kinject.sandbox.bubblewrap import Bubblewrap
from kinject.sandbox.sandbox import Limits, Outcome, Sandbox, open_sandbox, self_test
from kinject.sandbox.syscalls import CLONE, CLONE3, PROCESSORS, REFUSED

ROOT = Path(__file__).parent.parent.parent
SHORT = Limits(seconds=20, memory=1 << 30, output=1 << 20)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sandboxes are looked into on Linux only")


def test_a_program_reads_what_it_is_given_and_writes_a_result(sandbox: Sandbox) -> None:
    given = os.urandom(3 << 20)
    program = "import os, sys; x = sys.stdin.buffer.read()[::-1]; print('words'); open(3, 'wb').write(x)"
    outcome = sandbox.run(program, given, Limits())
    assert (outcome.state, outcome.output, outcome.said) == ("done", given[::-1], "words\n")
    assert 0 < outcome.seconds < 10


@pytest.mark.parametrize(
    ("program", "state", "output", "said"),
    [
        ("", "done", b"", ""),
        ("import sys; sys.exit(0)", "done", b"", ""),
        ("import sys; sys.exit('words')", "crashed", b"", "words"),
        ("import os; os.write(3, b'x'); 1 / 0", "crashed", b"x", "ZeroDivisionError: division by zero"),
        ("this is no program", "crashed", b"", "SyntaxError: invalid syntax"),
        ("x = '\ud800'", "crashed", b"", "UnicodeEncodeError"),
        ("\0", "crashed", b"", "null bytes"),
        ("import os; os.write(3, 'é→'.encode()); print('é→')", "done", "é→".encode(), "é→"),
        ("import os; os.write(3, bytes(2 ** 20))", "done", bytes(1 << 20), ""),
        ("import os\nwhile True: os.write(3, b'abcde')", "output", (b"abcde" * (1 << 18))[: 1 << 20], ""),
        ("raise MemoryError", "memory", b"", "MemoryError"),
        ("import os; os._exit(3)", "crashed", b"", ""),
        ("print('x' * 3000, end='')", "done", b"", "x" * 2000),
        ("print('a\\x1b[2Jb\\x07')", "done", b"", "a\ufffd[2Jb\ufffd\n"),
    ],
)
def test_an_end_has_its_name(program: str, state: str, output: bytes, said: str, sandbox: Sandbox) -> None:
    outcome = sandbox.run(program, b"", SHORT)
    assert (outcome.state, outcome.output) == (state, output)
    assert said in outcome.said


def test_what_came_before_the_time_was_over_is_kept(sandbox: Sandbox, nothing_left: None) -> None:
    began = time.monotonic()
    outcome = sandbox.run("import os; os.write(3, b'first')\nwhile True: pass", b"", Limits(seconds=0.3))
    assert (outcome.state, outcome.output) == ("timeout", b"first")
    assert 0.3 <= outcome.seconds <= time.monotonic() - began < 8


def test_what_is_never_read_does_no_harm(sandbox: Sandbox, nothing_left: None) -> None:
    assert sandbox.run("", bytes(8 << 20), SHORT).state == "done"


def test_a_flood_is_not_kept_in_memory(sandbox: Sandbox) -> None:
    tracemalloc.start()
    try:
        for channel in (1, 2, 3):
            sandbox.run(
                f"import os\nwhile True: os.write({channel}, bytes(1 << 16))", b"", replace(SHORT, output=1 << 22)
            )
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_program_is_the_main_module(sandbox: Sandbox) -> None:
    program = """
import dataclasses, json, os, pickle, sys, typing
@dataclasses.dataclass
class A:
    x: "typing.List[int]"
assert __name__ == "__main__" and sys.modules["__main__"].A is A and pickle.loads(pickle.dumps(A([1]))) == A([1])
assert typing.get_type_hints(A) == {"x": typing.List[int]} and sys.argv == [""]
os.write(3, json.dumps(sorted(name for name in globals() if not name.startswith("__"))).encode())
"""
    outcome = sandbox.run(program, b"", SHORT)
    assert json.loads(outcome.output) == ["A", "dataclasses", "json", "os", "pickle", "sys", "typing"], outcome.said


def test_the_standard_library_is_there(sandbox: Sandbox) -> None:
    names = "bz2 collections ctypes datetime decimal fractions hashlib heapq itertools json lzma math random re sqlite3"
    program = f"import {', '.join(names.split())}, ssl, statistics, string, threading, typing, unittest, uuid, zlib"
    assert sandbox.run(program, b"", SHORT).said == ""


def test_a_program_does_the_same_every_time(sandbox: Sandbox) -> None:
    program = "import os; os.write(3, repr({str(n) for n in range(50)}).encode())"
    assert len({sandbox.run(program, b"", SHORT).output for _ in range(3)}) == 1


def test_programs_run_side_by_side(sandbox: Sandbox, nothing_left: None) -> None:
    programs = [f"import os; os.write(3, b'{n}')" if n % 3 else "while True: pass" for n in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda program: sandbox.run(program, b"", Limits(seconds=1)), programs))
    assert [each.output or each.state for each in found] == [str(n).encode() if n % 3 else "timeout" for n in range(8)]


def test_it_may_have_as_many_processes_as_it_is_allowed(sandbox: Sandbox) -> None:
    program = "import concurrent.futures as c; print(list(c.ThreadPoolExecutor(3).map(str, range(9))))"
    assert sandbox.run(program, b"", replace(SHORT, processes=4)).state == "done"


# What goes wrong outside


def test_an_interrupted_run_leaves_nothing(sandbox: Sandbox, nothing_left: None) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.4)
    try:
        with pytest.raises(KeyboardInterrupt):
            sandbox.run("while True: pass", b"", Limits(seconds=60))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_sandbox_dies_with_what_runs_it(namespaces: Sandbox, nothing_left: None) -> None:
    program = f"from kinject.sandbox.sandbox import *; from kinject.sandbox.bubblewrap import *; x = {namespaces!r}"
    program += "\nx.run('while True: pass', b'', Limits(seconds=60))"
    child = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    deadline = time.monotonic() + 60
    while not any(b"/python/bin" in words for words in below(child.pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    assert any(words.startswith(b"/python/bin") for words in below(child.pid))
    child.kill()
    assert child.wait() == -signal.SIGKILL


def below(pid: int) -> list[bytes]:
    """The command lines of the processes below one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(path.read_text(errors="replace").rpartition(")")[2].split()[1])
            if parent == pid:
                child = int(path.parent.name)
                found += [(path.parent / "cmdline").read_bytes(), *below(child)]
    return found


def test_a_sandbox_that_does_not_start_is_no_outcome_of_a_program() -> None:
    for bwrap, message in (("/bin/false", "exit code 1"), ("/nowhere/bwrap", "cannot be started")):
        with pytest.raises(ResourceError, match=message):
            Bubblewrap(bwrap).run("", b"", SHORT)


def test_a_sandbox_that_does_not_begin_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "bwrap"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(watching, "START", 0.2)
    with pytest.raises(ResourceError, match="did not start"):
        Bubblewrap(str(slow)).run("", b"", SHORT)


# Which sandbox, and whether it holds


def test_the_first_that_passes_is_taken(sandbox: Sandbox) -> None:
    assert open_sandbox("auto").name == open_sandbox(sandbox.name).name == sandbox.name
    key = sandbox.key()
    assert key["name"] == sandbox.name and isinstance(key["version"], int)
    assert not any(str(value).startswith("/") for value in key.values())


def test_where_there_is_none_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("auto", "bubblewrap", "docker", "podman"):
        with pytest.raises(MissingError, match="not installed") as error:
            open_sandbox(name)
        assert error.value.code == 3 and "install" in error.value.mend
    with pytest.raises(UsageError, match="Did you mean 'docker'"):
        open_sandbox("dokcer")


@dataclass(frozen=True)
class Leaky:
    """A process without any isolation, as other programs have it."""

    name: str = "leaky"

    def key(self) -> dict[str, str]:
        return {"name": self.name}

    def run(self, program: str, given: bytes, limits: Limits) -> Outcome:
        short = replace(limits, seconds=min(limits.seconds, 1.0))
        command = [sys.executable, *watching.PYTHON]
        return watching.watch(command, lambda process: process.kill(), program, given, short, environment=os.environ)


@dataclass(frozen=True)
class Scripted:
    """A sandbox that gives the same outcome always."""

    outcome: Outcome
    name: str = "scripted"

    def key(self) -> dict[str, str]:
        return {"name": self.name}

    def run(self, program: str, given: bytes, limits: Limits) -> Outcome:
        return self.outcome


def test_a_sandbox_that_leaks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinject.sandbox.probes.OUTLIVE", "import os; os.write(3, b'left')")
    monkeypatch.setattr("kinject.sandbox.probes.FORK", "import os; os.write(3, b'made a second process')")
    with pytest.raises(MissingError) as error:
        self_test(Leaky())
    for fault in (
        "made a second process",
        "filled its folder",
        "it read a file outside",
        "it wrote a file outside",
        "a program wrote a file outside",
        "it reached the network outside",
        "a program reached the network outside",
        "it saw the environment of a process",
    ):
        assert fault in error.value.message
    assert error.value.code == 3 and "bubblewrap" in error.value.mend


def test_what_outlives_its_sandbox_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "END", 0.2)
    program = "import os, sys\nif os.fork(): os._exit(0)\nos.write(3, b'%d' % os.getpid())\nwhile True: pass"
    read, write = os.pipe()
    escaped = f"import os; os.dup2({write}, 9)\n{program.replace('os.write(3', 'os.write(9')}"
    command = [sys.executable, "-c", f"import os; os.write(1, os.read(0, 32)); exec({escaped!r})"]
    try:
        with pytest.raises(ResourceError, match="outlived"):
            watching.watch(
                command, lambda process: process.kill(), "", b"", Limits(seconds=0.5), environment={}, passed=[write]
            )
    finally:
        os.kill(int(os.read(read, 20)), signal.SIGKILL)
        os.close(read)
        os.close(write)


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (Outcome("crashed", b"", "bwrap: no permission", 0.0), "a good program ended as crashed: bwrap: no permission"),
        (Outcome("done", b"", "", 0.0), "an endless program ended as done"),
        (Outcome("done", b"", "", 0.0), "a program used more memory than its limit"),
        (Outcome("output", b"x", "", 0.0), "a flood of output ended as output with 1 bytes"),
        (Outcome("done", b"", "", 0.0), "may not have the processes it is allowed"),
        (Outcome("timeout", b"", "", 0.0), "a program that looks around ended as timeout"),
    ],
)
def test_a_sandbox_that_does_not_work_is_refused(outcome: Outcome, fault: str) -> None:
    with pytest.raises(MissingError, match=fault):
        self_test(Scripted(outcome))


def test_a_sandbox_that_fails_the_test_is_passed_over(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    broken = Scripted(Outcome("crashed", b"", "", 0.0))
    monkeypatch.setattr("kinject.sandbox.probes.BROKEN", lambda: broken, raising=False)
    table = {"broken": "kinject.sandbox.probes:BROKEN"} | sandboxes.SANDBOXES
    monkeypatch.setattr(sandboxes, "SANDBOXES", table)
    assert open_sandbox().name == sandbox.name
    with pytest.raises(KinjectError, match="the sandbox scripted does not hold"):
        open_sandbox("broken")


def test_every_refused_call_is_refused(namespaces: Sandbox) -> None:
    """The numbers are the right ones, as far as the kernel says so: none of these fails in this way for itself."""
    column = PROCESSORS[os.uname().machine][0]
    numbers = {name: call[column] for name, call in (REFUSED | {"clone": CLONE, "clone3": CLONE3}).items()}
    program = f"""
import ctypes, json, os
libc, found = ctypes.CDLL(None, use_errno=True), {{}}
for name, number in {numbers!r}.items():
    if number is not None:
        assert libc.syscall(ctypes.c_long(number), 0, 0, 0, 0, 0, 0) == -1, name
        found[name] = os.strerror(ctypes.get_errno())
os.write(3, json.dumps(found).encode())
"""
    outcome = namespaces.run(program, b"", SHORT)
    found = json.loads(outcome.output)
    assert found.pop("clone") == "Resource temporarily unavailable"
    assert found.pop("clone3") == "Function not implemented"
    assert set(found.values()) == {"Operation not permitted"}


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests are an ordinary user's already")
def test_an_ordinary_user_has_the_same_sandbox(namespaces: Sandbox) -> None:
    python = Path("/usr/bin/python3")  # one that everybody can read
    asked = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    if not python.exists() or subprocess.run(asked).returncode:
        pytest.skip("there is no Python for everybody here")
    program = "import os\nfrom kinject.sandbox.sandbox import *\n"
    program += (
        "print(os.getuid(), open_sandbox('bubblewrap').run('import os; os.write(3, b\"x\")', b'', Limits()).output)"
    )
    user = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", python, "-B", "-c", program]
    done = subprocess.run(user, cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert done.stdout == "12345 b'x'\n", done.stderr

"""What a sandbox must do before it is believed: programs that are good, endless, greedy, and that try to get out.

Each fault is one line that says what the sandbox did not do. What must not be reached is there to be reached: a file
that everybody may read and a folder that everybody may write to, a listener on the loopback, a variable of the
environment. Whether they were touched is seen from outside, too, whatever the program says.
"""

import json
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kinject.sandbox.sandbox import Limits, Sandbox

LIMITS = Limits(seconds=10, memory=512 << 20, output=1 << 16, files=1 << 20)

ECHO = "import os, sys; os.write(3, sys.stdin.buffer.read()[::-1]); print('no part of the result')"
ENDLESS = """
while True:
    try:
        while True: pass
    except BaseException: pass
"""
GREEDY = "x = bytearray(1 << 30)"
FLOOD = "import os\nwhile True: os.write(3, b'x' * 4096)"
LARGE = """
import os, tempfile
files = [tempfile.TemporaryFile(buffering=0) for _ in range(4)]
for file in files: file.write(bytes(900 << 10))
os.write(3, b'filled its folder beyond the limit')
"""
FORK = """
import os
if os.fork() == 0: os._exit(0)
os.write(3, b'made a second process')
"""
OUTLIVE = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(3600)
    os._exit(0)
os.wait()
os.write(3, b'left')
"""
ESCAPE = """
import json, os, socket, sys
found = json.load(sys.stdin)
def read():
    if open(found['file']).read(): return 'it read a file outside'
def write():
    with open(found['folder'] + '/written', 'w') as file: file.write('x')
    return 'it wrote a file outside'
def connect():
    socket.create_connection(('127.0.0.1', found['port']), 2)
    return 'it reached the network outside'
def environment():
    if found['variable'] in os.environ: return 'it saw the environment outside'
def processes():
    for each in [each for each in os.listdir('/proc') if each.isdigit()]:
        try:
            if found['variable'].encode() in open(f'/proc/{each}/environ', 'rb').read():
                return 'it saw the environment of a process'
        except OSError: pass
for attempt in (read, write, connect, environment, processes):
    try: said = attempt()
    except OSError: said = None
    if said: os.write(3, said.encode() + b'\\n')
"""


@dataclass(frozen=True)
class _Canary:
    """What lies outside, and must not be touched."""

    folder: Path
    listener: socket.socket
    variable: str

    def place(self) -> bytes:
        """Return where everything is, as the escaping program reads it."""
        port = self.listener.getsockname()[1]
        file = str(self.folder / "secret")
        return json.dumps({"file": file, "folder": str(self.folder), "port": port, "variable": self.variable}).encode()

    def touched(self) -> Iterator[str]:
        """Look from outside."""
        if sorted(path.name for path in self.folder.iterdir()) != ["secret"]:
            yield "a program wrote a file outside"
        try:
            self.listener.accept()[0].close()
            yield "a program reached the network outside"
        except BlockingIOError:
            pass


def faults(sandbox: Sandbox) -> Iterator[str]:
    """Run the programs, and say one by one what the sandbox did not do."""
    yield from _ordinary(sandbox)
    yield from _greedy(sandbox)
    with _canary() as canary:
        outcome = sandbox.run(ESCAPE, canary.place(), LIMITS)
        yield from outcome.output.decode("utf-8", "replace").splitlines()
        yield from canary.touched()
    if outcome.state != "done":
        yield f"a program that looks around ended as {outcome.state}: {outcome.said.strip()[-200:]}"


def _ordinary(sandbox: Sandbox) -> Iterator[str]:
    given = secrets.token_bytes(1 << 15)
    outcome = sandbox.run(ECHO, given, LIMITS)
    if (outcome.state, outcome.output) != ("done", given[::-1]):
        yield f"a good program ended as {outcome.state}: {outcome.said.strip()[-200:]}"
    outcome = sandbox.run(ENDLESS, b"", Limits(seconds=0.2))
    if outcome.state != "timeout":
        yield f"an endless program ended as {outcome.state}"


def _greedy(sandbox: Sandbox) -> Iterator[str]:
    """The limits bind; a program that leaves a process behind is over, and `run` sees that both are gone."""
    if sandbox.run(GREEDY, b"", LIMITS).state == "done":
        yield "a program used more memory than its limit"
    outcome = sandbox.run(FLOOD, b"", LIMITS)
    if (outcome.state, len(outcome.output)) != ("output", LIMITS.output):
        yield f"a flood of output ended as {outcome.state} with {len(outcome.output)} bytes"
    for program, limits, expected in (
        (LARGE, LIMITS, b""),
        (FORK, LIMITS, b""),
        (OUTLIVE, Limits(seconds=5, processes=4), b"left"),
    ):
        outcome = sandbox.run(program, b"", limits)
        if outcome.output != expected:
            yield f"a program {outcome.output.decode('utf-8', 'replace') or 'may not have the processes it is allowed'}"


@contextmanager
def _canary() -> Iterator[_Canary]:
    """What must not be reached, where only the sandbox is in the way."""
    variable = f"KINJECT_CANARY_{secrets.token_hex(8)}"
    with tempfile.TemporaryDirectory(prefix="kinject-") as name, socket.create_server(("127.0.0.1", 0)) as listener:
        folder = Path(name)
        (folder / "secret").write_text("secret", encoding="utf-8")
        (folder / "secret").chmod(0o644)
        folder.chmod(0o777)
        listener.setblocking(False)
        os.environ[variable] = "secret"
        try:
            yield _Canary(folder, listener, variable)
        finally:
            del os.environ[variable]

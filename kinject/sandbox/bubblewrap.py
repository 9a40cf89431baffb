"""A sandbox of namespaces, made by bubblewrap in some ten milliseconds for each program.

Inside there is an interpreter, a temporary folder in memory, /dev/null and /dev/urandom; no network but a loopback of
its own, no /proc, no /sys, no environment, no other process. No capability, no way to get one, and a filter of kernel
calls (`kinject.sandbox.syscalls`).

When we are root, nobody (65534) runs bubblewrap, so that all is as for an ordinary user. Nobody may not go through
root's home, where an interpreter may lie, so it is shown to it in another place, in a mount namespace for that alone.

Traps, each tested:
- the limit of processes does not bind the host's root, and root inside owns root's files, whatever its number inside;
- the folder in which bubblewrap puts all together is memory without a limit, so it is made read-only;
- bubblewrap's own reaper is left to the host's first process, which in a container often reaps nothing, so the program
  itself is the first process of its namespace; killing it kills all;
- bubblewrap gets no environment: what it had could be read in the memory of its processes;
- `--die-with-parent` is a signal from who dies: it comes when the *thread* that started it ends, and does not come from
  a parent that may not signal its child (root without capabilities, to nobody: so no bubblewrap stands in between).

What is not bounded but by time: how many files there are. Empty ones take the kernel's memory (0.1 GB a second was
measured), all of it given back at the end.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kinject.errors import MissingError
from kinject.sandbox.interpreter import SHARED, interpreter
from kinject.sandbox.sandbox import Limits, Outcome
from kinject.sandbox.syscalls import seccomp
from kinject.sandbox.watching import PYTHON, VARIABLES, watch

VERSION = 1
"""To be raised when a program can end in another way."""

NOBODY = 65534
SHOWN = Path("/tmp")
"""Where the interpreter's folder is shown to nobody."""
DEVICES = ("/dev/null", "/dev/urandom")
INSTALL = "install bubblewrap: apt-get install bubblewrap (dnf, apk: bubblewrap too)"
UTIL = "install util-linux: apt-get install util-linux mount (root becomes nobody by it)"


@dataclass(frozen=True)
class Bubblewrap:
    """The sandbox that bubblewrap makes."""

    bwrap: str
    nobody: tuple[str, ...] = ()
    """What comes first when we are root: it shows the interpreter at `SHOWN`, and becomes nobody."""
    name: str = "bubblewrap"

    def key(self) -> Mapping[str, Any]:
        """Return the name, our version, and the version of Python that runs inside."""
        return {"name": self.name, "version": VERSION, "python": f"{sys.version_info.major}.{sys.version_info.minor}"}

    def run(self, program: str, given: bytes, limits: Limits) -> Outcome:
        """Run a program (see `kinject.sandbox.sandbox`)."""
        with _pipe(seccomp(limits.processes)) as (calls, _), _pipe() as (told, tell):
            command = [*self.nobody, *self._isolated(limits, calls, tell), "--", interpreter().program, *PYTHON]
            stop = partial(_kill, told)
            return watch(command, stop, program, given, limits, environment={}, passed=(calls, tell))

    def _isolated(self, limits: Limits, calls: int, tell: int) -> list[str]:
        """What isolates: the namespaces, what is shown inside, the filter of calls."""
        python = interpreter()
        return [
            self.bwrap,
            *f"--unshare-all --unshare-user --uid {NOBODY} --gid {NOBODY} --hostname sandbox --cap-drop ALL".split(),
            *("--die-with-parent", "--new-session", "--as-pid-1", "--clearenv"),
            *_each("--setenv", (VARIABLES | {"LD_LIBRARY_PATH": SHARED}).items()),
            *_each("--ro-bind", ((self._path(path), where) for path, where in python.files)),
            *_each("--tmpfs", ([folder] for folder in python.hidden)),
            *_each("--remount-ro", ([folder] for folder in python.hidden)),
            *_each("--dev-bind", ([device, device] for device in DEVICES)),
            *f"--size {max(limits.files, 1)} --tmpfs /tmp --remount-ro / --chdir /tmp".split(),
            *f"--seccomp {calls} --info-fd {tell}".split(),
        ]

    def _path(self, path: Path) -> str:
        """Where bubblewrap finds a file of the interpreter."""
        base = Path(sys.base_prefix)
        if self.nobody and path.is_relative_to(base):
            return str(SHOWN / path.relative_to(base))
        return str(path)


def _each(option: str, values: Iterable[Sequence[str]]) -> list[str]:
    return [word for value in values for word in (option, *value)]


def bubblewrap() -> Bubblewrap:
    """Return the sandbox, not yet tested. `MissingError` where a program that it needs is not installed."""
    bwrap = _program("bwrap", INSTALL)
    return Bubblewrap(bwrap, _as_nobody() if os.geteuid() == 0 else ())


def _as_nobody() -> tuple[str, ...]:
    unshare, shell, mount, setpriv = (_program(name, UTIL) for name in ("unshare", "sh", "mount", "setpriv"))
    shown = f'"$0" --bind "$1" {SHOWN} && shift && exec "$@"'
    become = (setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all", "--")
    return (unshare, "--mount", "--", shell, "-c", shown, mount, sys.base_prefix, *become)


def _program(name: str, mend: str) -> str:
    found = shutil.which(name)
    if not found:
        raise MissingError(f"{name} is not installed", where="PATH", mend=mend)
    return found


@contextmanager
def _pipe(content: bytes = b"") -> Iterator[tuple[int, int]]:
    """A pipe that holds something already; nothing else is ever to be read from it if it does."""
    ends = dict.fromkeys(os.pipe())
    read, write = ends
    try:
        if content:
            os.write(write, content)
            os.close(write)
            del ends[write]
        yield read, write
    finally:
        for end in ends:
            os.close(end)


def _kill(told: int, process: subprocess.Popen[bytes]) -> None:
    """Kill the first process of the namespace, and so all in it; bubblewrap sees that and ends."""
    with suppress(OSError):
        os.set_blocking(told, False)
        found = re.search(rb'"child-pid": (\d+)', os.read(told, 4096))
        if found and _killed(int(found[1]), process.pid):
            return
    process.kill()


def _killed(pid: int, parent: int) -> bool:
    """Kill a process if it is a child of that parent. Its number may be another's by now, so it is held first."""
    held = os.pidfd_open(pid)
    try:
        if int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1]) != parent:
            return False
        signal.pidfd_send_signal(held, signal.SIGKILL)
        return True
    finally:
        os.close(held)

"""A sandbox of one container for each program, made by docker or podman: slower (tenths of a second) and portable.

The container has no network, a read-only file system, a temporary folder in memory, no capability, no way to get one,
and the user nobody; its image is an official Python of the version that we run with, which is never fetched here. The
engine's own filter of kernel calls applies. The limits of `inside` hold as in every sandbox, and then the engine's.

Traps: ending the client does not end the container, so it has a name and is removed by it; if we are killed, nobody
does, and a clock inside ends it. The client puts proxies, with their passwords, into every container, so the program is
started without an environment. `--memory` alone allows as
much swap again. An engine starts a container by threads of its own, which count: a limit of one process starts nothing.
The limit that `inside` sets counts what nobody runs on the whole machine, so it is for a single process only.

With podman (4.3, by root) the self-test and the attacks of our tests were run for real; docker's command line has only
met a stand-in that checks it, and no daemon yet. `self_test` is what says on a machine whether it holds.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from typing import Any

from kinject.errors import MissingError
from kinject.sandbox.inside import OPEN_FILES
from kinject.sandbox.sandbox import Limits, Outcome
from kinject.sandbox.watching import PYTHON, START, VARIABLES, watch

VERSION = 1
"""To be raised when a program can end in another way."""

IMAGE = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
NOBODY = "65534:65534"
BINARIES = "/usr/local/bin:/usr/bin:/bin"  # where an image has its Python
REMOVED = 30.0  # seconds in which a container can be removed
STARTING = 16  # processes and threads that an engine needs to start a container
PROCESSES = 1 << 16  # no limit: the engine's is meant
MARGIN = 64 << 20  # bytes for what is no address space: the kernel's, and the temporary folder's bookkeeping


@dataclass(frozen=True)
class Container:
    """The sandbox that docker makes, or podman, which takes the same words."""

    engine: str
    name: str
    image: str = IMAGE

    def key(self) -> Mapping[str, Any]:
        """Return the name, our version, and the image."""
        return {"name": self.name, "version": VERSION, "image": self.image}

    def run(self, program: str, given: bytes, limits: Limits) -> Outcome:
        """Run a program (see `kinject.sandbox.sandbox`)."""
        name = f"kinject-{secrets.token_hex(8)}"
        command = [self.engine, "run", *self._options(name, limits), self.image, *_started(limits.seconds)]
        stop = partial(_remove, self.engine, name)
        alone = limits if limits.processes == 1 else replace(limits, processes=PROCESSES)
        return watch(command, stop, program, given, alone, environment=os.environ)

    def _options(self, name: str, limits: Limits) -> list[str]:
        memory = str(limits.memory * limits.processes + limits.files + MARGIN)
        # docker can limit how many files there are; podman would add folders to write to and the names of our network
        inodes, own = (
            (",nr_inodes=4096", []) if self.name == "docker" else ("", ["--read-only-tmpfs=false", "--no-hosts"])
        )
        processes = str(max(limits.processes, STARTING))
        return [
            *("--name", name, "--rm", "--interactive", "--pull", "never", "--log-driver", "none"),
            *("--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--user", NOBODY, "--ipc", "private", "--shm-size", "1m", "--hostname", "sandbox", "--workdir", "/tmp"),
            *("--memory", memory, "--memory-swap", memory, "--pids-limit", processes, "--cpus", "1"),
            *("--ulimit", f"nofile={OPEN_FILES}:{OPEN_FILES}", "--ulimit", "core=1:1"),
            *("--tmpfs", f"/tmp:rw,nosuid,nodev,noexec,mode=1777,size={limits.files}{inodes}"),
            *(*own, "--entrypoint", "timeout"),
        ]


def _started(seconds: float) -> list[str]:
    """What is started in a container: Python without an environment, and a clock that needs nobody outside."""
    variables = [f"{name}={value}" for name, value in (VARIABLES | {"PATH": BINARIES}).items()]
    return ["-s", "KILL", str(ceil(seconds + START)), "env", "-i", *variables, "python3", *PYTHON]


def docker() -> Container:
    """Return the sandbox that docker makes, not yet tested. `MissingError` where docker is not installed."""
    return _container("docker")


def podman() -> Container:
    """Return the sandbox that podman makes, not yet tested. `MissingError` where podman is not installed."""
    return _container("podman")


def _container(name: str) -> Container:
    engine = shutil.which(name)
    if not engine:
        raise MissingError(f"{name} is not installed", where="PATH", mend=f"install {name}, then: {name} pull {IMAGE}")
    return Container(engine, name)


def _remove(engine: str, name: str, process: subprocess.Popen[bytes]) -> None:
    """Kill the container and all in it; the client ends when it is gone."""
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run([engine, "rm", "--force", name], capture_output=True, timeout=REMOVED)

"""What runs a program that nobody trusts, and gives back what it wrote: the interface, the choice and the test of it.

A model's program may read keys, delete files, call home, or never end. The isolation is bubblewrap's or a container's;
what is here chooses one, proves that it holds on this machine (`self_test`), and bounds time, memory and output. There
is no way to run such a program without isolation: where nothing isolates, it is an error.

A program (Python source) reads what it is `given` from stdin and writes its result to file descriptor 3. Its stdout and
its stderr go elsewhere (the end of both is `said`), so that what it prints is never taken for its result. Of what comes
on the channel nothing may be trusted: the program can write there whatever it likes.

Traps: a machine may have the program that isolates and forbid what it needs (user namespaces), so a sandbox counts only
when it has held a program back. A program that is not killed from outside is not killed: it can catch every exception
and block every signal.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from kinject.errors import KinjectError, MissingError
from kinject.extensions import load

SANDBOXES: dict[str, str | None] = {
    "bubblewrap": "kinject.sandbox.bubblewrap:bubblewrap",
    "docker": "kinject.sandbox.container:docker",
    "podman": "kinject.sandbox.container:podman",
}
"""Every sandbox by its name, the quickest first: a function of nothing that opens it, or raises `MissingError`."""

INSTALL = (
    "install bubblewrap (apt-get install bubblewrap) and allow user namespaces to it (Ubuntu: sysctl -w "
    "kernel.apparmor_restrict_unprivileged_userns=0); or install docker or podman, and pull "
    f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
)


@dataclass(frozen=True)
class Limits:
    """How much a program may use; what is in bytes is so many bytes for each of its processes."""

    seconds: float = 10.0
    """From when the program begins, whatever it does or waits for."""
    memory: int = 2 << 30
    """Bytes of address space."""
    output: int = 16 << 20
    """Bytes on the result channel, and as many again of what it prints."""
    files: int = 16 << 20
    """Bytes in its temporary folder, and in one file."""
    processes: int = 1
    """Processes and threads at one time, the program itself among them."""


@dataclass(frozen=True)
class Outcome:
    """How a program ended, and what it wrote."""

    state: Literal["done", "timeout", "memory", "output", "crashed"]
    """`done`: it ended by itself with exit code 0. `crashed`: it ended in any other way."""
    output: bytes
    """What came on the result channel, cut at the limit."""
    said: str
    """The last 2,000 characters of what it printed, without what would steer a terminal; for people only."""
    seconds: float


class Sandbox(Protocol):
    """Where programs are run."""

    @property
    def name(self) -> str:
        """The name in `SANDBOXES`."""

    def key(self) -> Mapping[str, Any]:
        """Return what can change an outcome, for a run's key."""

    def run(self, program: str, given: bytes, limits: Limits) -> Outcome:
        """Run Python source with `given` on its stdin. `ResourceError` if it could not be started."""


def open_sandbox(name: str = "auto") -> Sandbox:
    """Return the sandbox of a name, tested; with "auto" the first that passes. `MissingError` if none does."""
    if name != "auto":
        return _tested(name)
    failed = []
    for each in SANDBOXES:
        try:
            return _tested(each)
        except MissingError as error:
            failed.append(f"{each}: {error.message}")
    raise MissingError(
        f"programs of models are run in a sandbox only, and there is none here ({'; '.join(failed)})",
        mend=INSTALL,
    )


def _tested(name: str) -> Sandbox:
    sandbox: Sandbox = load(SANDBOXES, "sandbox", name)()
    self_test(sandbox)
    return sandbox


def self_test(sandbox: Sandbox) -> None:
    """Run good, endless, greedy and escaping programs; `MissingError` says what the sandbox did not do."""
    from kinject.sandbox.probes import faults

    try:
        found = list(faults(sandbox))
    except KinjectError as error:
        found = [error.message]
    if found:
        raise MissingError(f"the sandbox {sandbox.name} does not hold: {'; '.join(found)}", mend=INSTALL)

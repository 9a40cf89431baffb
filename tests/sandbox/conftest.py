"""The real sandbox of this machine, and an eye on what a test leaves running."""

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kinject.errors import MissingError
from kinject.sandbox.sandbox import Sandbox, open_sandbox

SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    """The sandbox that is opened here; what needs one is skipped where there is none."""
    return opened("auto")


@pytest.fixture(scope="session")
def namespaces() -> Sandbox:
    """The sandbox of bubblewrap."""
    return opened("bubblewrap")


@pytest.fixture(scope="session")
def container() -> Sandbox:
    """The sandbox of docker, or of podman."""
    try:
        return open_sandbox("docker")
    except MissingError:
        return opened("podman")


def opened(name: str) -> Sandbox:
    try:
        return open_sandbox(name)
    except MissingError as error:
        pytest.skip(f"no sandbox works here: {error.message}; {error.mend}")


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Fail if the test leaves a process. Whoever loses its parent becomes our child for that time, and is found."""
    libc = ctypes.CDLL(None)
    libc.prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = children()
    try:
        yield
        deadline = time.monotonic() + 5
        while (left := children() - before) and time.monotonic() < deadline:
            for pid in left:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(0.005)
        assert not left
    finally:
        libc.prctl(SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def children() -> set[int]:
    """The processes whose parent is this one."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text(errors="replace").rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(path.parent.name))
    return found

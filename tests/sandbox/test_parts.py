"""The filter of kernel calls, as the kernel would read it, and the files that an interpreter needs."""

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kinject.errors import MissingError
from kinject.sandbox import interpreter as parts
from kinject.sandbox import syscalls
from kinject.sandbox.syscalls import CLONE, CLONE3, FAMILIES, NEWEST, PROCESSORS, REFUSED, SOCKETS, seccomp

CASES = Path(__file__).parent.parent / "cases/sandbox"
ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, EAGAIN, ENOSYS, EAFNOSUPPORT = (0x50000 | number for number in (1, 11, 38, 97))
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def verdict(program: bytes, number: int, architecture: int, first: int = 0) -> int:
    """Run a filter as the kernel does: one register, jumps forward only."""
    data = struct.pack("=IIQQ5Q", number, architecture, 0, first, 0, 0, 0, 0, 0)
    words = list(struct.iter_unpack("=HBBI", program))
    at = register = 0
    while True:
        code, then, otherwise, value = words[at]
        at += 1
        match code:
            case 0x20:
                (register,) = struct.unpack_from("=I", data, value)
            case 0x15:
                at += then if register == value else otherwise
            case 0x35:
                at += then if register >= value else otherwise
            case 0x45:
                at += then if register & value else otherwise
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(code)


def expected(machine: str, number: int, first: int, processes: int) -> int:
    """What the filter is meant to say."""
    column = list(PROCESSORS).index(machine)
    if number >= 1 << 30:
        return KILL
    if number > NEWEST or number == CLONE3[column]:
        return ENOSYS
    if number in {call[column] for call in REFUSED.values()}:
        return EPERM
    if number == CLONE[column] or (machine == "x86_64" and number in (57, 58)):
        if processes == 1:
            return EAGAIN
        return EPERM if number == CLONE[column] and first & 0x7E020080 else ALLOW
    if number in [call[column] for call in SOCKETS]:
        return ALLOW if first in FAMILIES else EAFNOSUPPORT
    return ALLOW


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("processes", [1, 4])
def test_the_filter_says_of_every_call_what_it_should(
    machine: str, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    program = seccomp(processes)
    assert len(program) // 8 < 4096  # the kernel takes no more
    for number in [*range(600), 1 << 30, (1 << 30) + 39, (1 << 32) - 1]:
        for first in (0, 1, 2, 10, 16, 17, 40, 0x10000000 | 17, 0x00020000, 0x80000000):
            assert verdict(program, number, MACHINES[machine], first) == expected(machine, number, first, processes)


@given(number=st.integers(0, 2**32 - 1), architecture=st.integers(0, 2**32 - 1), first=st.integers(0, 2**64 - 1))
def test_the_numbers_of_another_processor_end_the_program(number: int, architecture: int, first: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("platform.machine", lambda: "x86_64")
        said = verdict(seccomp(1), number, architecture, first)
    assert said == (KILL if architecture != 0xC000003E else expected("x86_64", number, first % 2**32, 1))


def test_a_processor_that_is_not_listed_has_no_sandbox_of_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(MissingError, match="riscv64"):
        syscalls.seccomp(1)


@pytest.mark.parametrize("case", yaml.safe_load((CASES / "ldd.yaml").read_text()), ids=lambda case: case["name"])
def test_libraries_are_found_as_the_loader_finds_them(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.CompletedProcess(["ldd"], 0, stdout=case["text"], stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    assert [[str(path), where] for path, where in parts._libraries([])] == case["files"]


def test_without_ldd_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="cannot be listed"):
        parts._libraries([Path(sys.executable)])


@pytest.mark.skipif(sys.platform != "linux", reason="there are no such libraries")
def test_nothing_but_the_interpreter_is_shown() -> None:
    found = parts.interpreter()
    base = Path(sys.base_prefix)
    for path, where in found.files:
        assert path.exists()
        assert where.startswith("/python/") or Path(where).name.startswith("ld-"), where
        assert path.is_file() or path.is_relative_to(base / sys.platlibdir) or path.is_relative_to(base / "lib")
    library = base / Path(*Path(found.files[1][1]).parts[2:])
    shown = {library / name for name in ("site-packages", "dist-packages") if (library / name).exists()}
    assert {base / Path(*Path(folder).parts[2:]) for folder in found.hidden} == shown

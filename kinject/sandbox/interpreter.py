"""Which files of this machine make a Python interpreter: its program, its standard library, the system's libraries.

A sandbox shows these and nothing else. They are laid out afresh below `/python`, so that a path of this machine is no
path inside; site-packages, and all else that the interpreter's folder holds, stay outside.

Traps: an interpreter finds its standard library by its own place, and shared libraries by paths that were written into
it when it was built, which may lie in somebody's home: the loader is told one folder for them. The loader itself must
be where the program says. libgcc is not named by anything, but loaded when a thread ends.
"""

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kinject.errors import MissingError

HOME = "/python"
SHARED = f"{HOME}/shared"

# Extension modules of the standard library that bring libraries of the system with them. Others (tkinter, curses,
# readline) need a screen, and are left without theirs.
LINKED = ("_bz2", "_ctypes", "_decimal", "_hashlib", "_lzma", "_sqlite3", "_ssl", "_uuid", "_zstd", "pyexpat", "zlib")


@dataclass(frozen=True)
class Interpreter:
    """An interpreter, as it lies here and as it shall lie in a sandbox."""

    files: tuple[tuple[Path, str], ...]
    """Files and folders of this machine, and where they are inside."""
    hidden: tuple[str, ...]
    """Folders inside that are to be empty."""
    program: str = f"{HOME}/bin/python3"


@cache
def interpreter() -> Interpreter:
    """Return the interpreter that this one is, without a virtual environment. `MissingError` if its parts lie apart."""
    base = Path(sys.base_prefix)
    program = Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    extensions = Path(sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix})) / "lib-dynload"
    if not library.is_relative_to(base):
        raise MissingError(f"the standard library is not below {base}", where=str(library))
    files = [(program, Interpreter.program), (library, _inside(library, base))]
    if extensions.is_dir() and not extensions.is_relative_to(library) and extensions.is_relative_to(base):
        files.append((extensions, _inside(extensions, base)))
    modules = [path for name in LINKED for path in sorted(extensions.glob(f"{name}.*.so"))]
    files += _libraries([program, *modules])
    hidden = [library / name for name in ("site-packages", "dist-packages") if (library / name).is_dir()]
    return Interpreter(tuple(files), tuple(_inside(folder, base) for folder in hidden))


def _inside(path: Path, base: Path) -> str:
    return f"{HOME}/{path.relative_to(base).as_posix()}"


def _libraries(binaries: list[Path]) -> list[tuple[Path, str]]:
    """The shared libraries that binaries are linked with, as the system's loader finds them."""
    try:
        told = subprocess.run(["ldd", *binaries], capture_output=True, text=True, errors="surrogateescape", timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingError(f"the interpreter's libraries cannot be listed: {error}", where="ldd") from error
    found: dict[str, Path] = {}
    for name, path in _listed(told.stdout):
        found.setdefault(name if name.startswith("/") else f"{SHARED}/{name}", Path(path))
    libc = found.get(f"{SHARED}/libc.so.6")
    if libc and (libc.parent / "libgcc_s.so.1").exists():
        found.setdefault(f"{SHARED}/libgcc_s.so.1", libc.parent / "libgcc_s.so.1")
    return [(path, where) for where, path in found.items()]


def _listed(text: str) -> Iterator[tuple[str, str]]:
    """The (name, path) pairs of what ldd prints; the loader is its own name, the kernel's page has no path."""
    for line in text.splitlines():
        name, _, path = line.partition(" (")[0].strip().partition(" => ")
        if line[:1].isspace() and (path or name).startswith("/"):
            yield name, path or name

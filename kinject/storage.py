"""Bytes that survive: strict JSON, content hashes, atomic writes and locks.

In: paths and plain values. Out: a file is either the old one or the whole new one, whatever kills the
process. Every OSError leaves here as a KinjectError that names the path.

Traps: `json` writes NaN, turns the key 1 into "1", reads 1e999 as infinity and keeps the last of two equal
keys. Each makes different values look the same to a hash; all four are refused here. Nothing is ever pickled.
"""

import hashlib
import json
import math
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from errno import EDQUOT, ENOSPC
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Any, NoReturn

from kinject.errors import KinjectError, MissingError, ResourceError, UsageError
from kinject.progress import SILENT, Progress

MAX_LINE = 64 * 1024 * 1024  # bytes; a longer line is no record of ours, and reading it would fill the memory
TEMPORARY = ".*.tmp"  # what a killed write leaves behind, as a glob pattern


def home() -> Path:
    """The store: $KINJECT_HOME, else ~/.cache/kinject. Not created here."""
    return Path(os.environ.get("KINJECT_HOME") or "~/.cache/kinject").expanduser()


# Values


def canonical_json(value: Any) -> bytes:
    """The one spelling of a plain JSON value (tuples are arrays): sorted keys, no spaces, UTF-8.

    Raises UsageError for what is not plain JSON, naming the place inside the value.
    """
    return _dump(value, sort_keys=True, separators=(",", ":"))


def digest(value: Any) -> str:
    """Sha256 (hex) of `canonical_json`."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _dump(value: Any, **style: Any) -> bytes:
    try:
        return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, **style).encode()
    except RecursionError:
        raise UsageError("the value is nested too deeply (or contains itself)", mend="pass a flat value") from None
    except ValueError as error:  # a lone surrogate, or an integer of thousands of digits
        raise UsageError(f"the value cannot be written as JSON: {error}") from None


def _plain(value: Any, at: str = "") -> Any:
    match value:
        case None | bool() | str() | int():
            return value
        case float() if math.isfinite(value):
            return value
        case Mapping():
            return {_name(key, at): _plain(item, f"{at}.{key}") for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, f"{at}[{index}]") for index, item in enumerate(value)]
    raise _not_plain(value, at)


def _name(key: Any, at: str) -> str:
    if isinstance(key, str):
        return key
    raise _not_plain(key, f"{at} (a key)")


def _not_plain(value: Any, at: str) -> UsageError:
    shown = str(value) if isinstance(value, float) else type(value).__name__
    return UsageError(
        f"{shown} is not plain JSON",
        where=at.strip(". "),
        mend="pass text, numbers, booleans, null, lists and objects",
    )


# Files


def file_digest(path: Path) -> str:
    """Sha256 (hex) of a file's bytes, read in blocks."""
    with _explained(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(path: Path, wanted: Sequence[str] = ("*",), *, remembered: bool = False) -> str:
    """Sha256 (hex) over the sorted relative names and the contents of the files below a folder; links are followed.

    With patterns, of the files whose names match one and are not hidden. `remembered`: a file that the store has seen
    with this size, time and place is not read again, so that many gigabytes of weights cost their minute once.
    """
    with _explained(path):
        next(path.iterdir(), None)  # a missing folder is an error, not an empty one
        names = sorted(name for name in _names(path) if tuple(wanted) == ("*",) or _matches(name, wanted))
    found = _remembered(path, names) if remembered else {name: file_digest(path / name) for name in names}
    total = hashlib.sha256()
    for name in names:
        total.update(f"{name}\0{found[name]}\n".encode(errors="surrogateescape"))
    return total.hexdigest()


def _names(folder: Path, below: str = "", seen: frozenset[Path] = frozenset()) -> Iterator[str]:
    """The files below a folder, by their relative names; a link to a folder that it lies in is not gone into."""
    real = folder.resolve()
    if real in seen:
        return
    for item in folder.iterdir():
        if item.is_dir():
            yield from _names(item, f"{below}{item.name}/", seen | {real})
        elif item.is_file():
            yield f"{below}{item.name}"


def _matches(name: str, wanted: Sequence[str]) -> bool:
    hidden = any(part.startswith(".") for part in name.split("/"))
    return not hidden and any(fnmatchcase(name, pattern) for pattern in wanted)


SETTLED = 2_000_000_000  # nanoseconds; a file that changed later than that may change again at the same time
WORTH = 64 << 20  # bytes; less is read again in no time


def _remembered(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The digests of files, those that did not change from the note that the store keeps of this folder."""
    place = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()
    note = home() / "digests" / f"{place[:32]}.json"
    before = _noted(note)
    now = time.time_ns()
    found: dict[str, str] = {}
    keep: dict[str, list[Any]] = {}
    for name in names:
        with _explained(folder / name):
            at = (folder / name).stat()
        state = [at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino, at.st_dev]
        match before.get(name):
            case [*same, str(sha256)] if same == state:
                found[name] = sha256
            case _:
                found[name] = file_digest(folder / name)
        if max(at.st_mtime_ns, at.st_ctime_ns) < now - SETTLED:
            keep[name] = [*state, found[name]]
    if keep != before and sum(at[0] for at in keep.values()) >= WORTH:
        with suppress(KinjectError):  # a courtesy: without the note the files are read again
            write_json(note, keep)
    return found


def _noted(note: Path) -> dict[str, Any]:
    with suppress(KinjectError):
        value = read_json(note)
        return value if isinstance(value, dict) else {}
    return {}


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 atomically; folders that are missing are made."""
    try:
        write_bytes(path, [text.encode()])
    except UnicodeEncodeError as error:
        raise UsageError(f"the text is not Unicode: {error}", where=str(path)) from None


def write_json(path: Path, value: Any) -> None:
    """Write one value atomically, indented, keys in their own order."""
    write_bytes(path, [_dump(value, indent=2), b"\n"])


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one row a line, atomically, without holding the rows in memory."""
    write_bytes(path, (json_line(row) for row in rows))


def json_line(row: Mapping[str, Any]) -> bytes:
    """One row as a line of UTF-8, keys in their own order."""
    return _dump(row) + b"\n"


def append_line(path: Path, line: bytes) -> None:
    """Put one line after what a file holds, atomically; a file that is not there is made."""
    write_bytes(path, chain(_blocks_of_lines(path) if path.exists() else (), [line]))


def _blocks_of_lines(path: Path) -> Iterator[bytes]:
    """The bytes of a file as they are; a last line that has no end gets one."""
    last = b"\n"
    with _explained(path), path.open("rb") as file:
        while block := file.read(1 << 20):
            yield block
            last = block[-1:]
    if last != b"\n":
        yield b"\n"


def write_bytes(path: Path, blocks: Iterable[bytes]) -> None:
    """Write blocks to a temporary name beside `path`, fsync, rename, fsync the folder."""
    temporary = path.parent / TEMPORARY.replace("*", secrets.token_hex(8))
    try:
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = temporary.open("xb")
            if path.exists():
                shutil.copymode(path, temporary)  # what others may not read must stay so
        with file:
            for block in blocks:
                with _explained(path):  # only the write: what making a block raises is not ours to explain
                    file.write(block)
            with _explained(path):
                file.flush()
                os.fsync(file.fileno())
        with _explained(path):
            temporary.replace(path)
            _sync(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink()


def sync_folder(path: Path) -> None:
    """Fsync every file and folder below `path`, for artefacts that libraries wrote."""
    with _explained(path):
        for item in path.rglob("*"):
            if item.exists():  # a dangling link has nothing to sync
                _sync(item)
        _sync(path)


def _sync(path: Path) -> None:
    if path.is_dir() and not hasattr(os, "O_DIRECTORY"):
        return  # Windows cannot open a folder
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_text(path: Path) -> str:
    """Read UTF-8. Errors as in `read_json`."""
    with _explained(path):
        raw = path.read_bytes()
    return _decode(raw, str(path), 1)


def read_json(path: Path) -> Any:
    """Read one strict value. MissingError if it cannot be read, UsageError (file:line) if not parsed."""
    with _explained(path):
        raw = path.read_bytes()
    return parse_json(raw, str(path), 1)


def read_jsonl(path: Path) -> Iterator[Any]:
    """Read one value a line, lazily; blank lines are passed over. Errors as in `read_json`."""
    for number, raw in numbered_lines(path):
        yield parse_json(raw, str(path), number)


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers from 1. A byte-order mark at the start is dropped."""
    for number, raw in raw_lines(path):
        if raw is None:
            raise UsageError(TOO_LONG, where=f"{path}:{number}", mend=_ONE_A_LINE)
        raw = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        if raw.strip():
            yield number, raw


def raw_lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Every line with its end, byte for byte, with its number from 1; None for one that is longer than MAX_LINE."""
    with _explained(path):
        file = path.open("rb")
    with file:
        number = 0
        while raw := _next_line(file, path):
            number += 1
            long = len(raw) > MAX_LINE
            while len(raw) > MAX_LINE and not raw.endswith(b"\n"):
                raw = _next_line(file, path)
            yield number, None if long else raw


def _next_line(file: Any, path: Path) -> bytes:
    with _explained(path):
        raw: bytes = file.readline(MAX_LINE + 1)
    return raw


TOO_LONG = f"the line is longer than {MAX_LINE >> 20} MiB"
_ONE_A_LINE = "write one JSON object a line, in UTF-8"


def parse_json(raw: bytes, file: str, line: int) -> Any:
    """One strict JSON value: no NaN, no infinity, no key twice. `line` is where `raw` begins in `file`."""
    text = _decode(raw, file, line)
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
        if "\\ud" in text.lower():  # half of a surrogate pair can be escaped, and never written again
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except json.JSONDecodeError as error:
        line, problem = line + error.lineno - 1, f"not JSON: {error.msg} (column {error.colno})"
    except RecursionError:
        problem = "nested too deeply"
    except ValueError as error:
        problem = str(error)
    raise UsageError(problem, where=f"{file}:{line}", mend="write it as strict JSON in UTF-8")


def _decode(raw: bytes, file: str, line: int) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line += raw.count(b"\n", 0, error.start)
        problem = f"not UTF-8: byte {raw[error.start]:#04x}"
        raise UsageError(problem, where=f"{file}:{line}", mend="save the file as UTF-8") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name!r} stands twice")
        found[name] = value
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


# Locks


@contextmanager
def locked_file(path: Path) -> Iterator[Path]:
    """Hold the lock of one file of a user, whatever name it is called by; gives its real path.

    The lock lies in the store: beside the file it would stay there for ever.
    """
    with _explained(path):
        real = path.resolve()
    with locked(home() / "locks" / digest(str(real))[:32]):
        yield real


@contextmanager
def locked(path: Path, timeout: float | None = None, progress: Progress = SILENT) -> Iterator[None]:
    """Hold the lock `path`.lock, which the system frees when its holder dies.

    `timeout` in seconds (None: wait for ever). ResourceError after it, naming the process to wait for. Who waits longer
    than a moment is told so.
    """
    from filelock import FileLock, Timeout

    owner = path.with_name(path.name + ".owner")
    lock = FileLock(f"{path}.lock")
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(MOMENT if timeout is None else min(timeout, MOMENT))
        except Timeout:
            if timeout is not None and timeout <= MOMENT:
                raise _held(path, owner) from None
            progress.say(f"waiting for {_owner(owner)}, which does the same work ({path}.lock)")
            try:
                lock.acquire(-1 if timeout is None else timeout - MOMENT)
            except Timeout:
                raise _held(path, owner) from None
    try:
        with suppress(OSError):  # the note is a courtesy; the lock is held without it
            owner.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        with suppress(OSError):
            owner.unlink()
        lock.release()


MOMENT = 1.0
"""Seconds for which a lock is waited for in silence."""


def _owner(note: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return note.read_text() or "another process"
    return "another process"


def _held(path: Path, owner: Path) -> ResourceError:
    who = _owner(owner)
    return ResourceError(f"{who} holds the lock", where=f"{path}.lock", mend=f"wait until {who} is done, or end it")


# Trouble


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _explain(error, path) from error


def _explain(error: OSError, path: Path) -> KinjectError:
    match error:
        case FileNotFoundError():
            return MissingError(
                "the file does not exist", where=str(path), mend=f"check the path: ls {quote(str(path.parent))}"
            )
        case IsADirectoryError():
            return MissingError(
                "this is a folder, not a file", where=str(path), mend=f"name a file in it: ls {quote(str(path))}"
            )
        case PermissionError():
            return MissingError("no permission", where=str(path), mend=f"chmod u+rw {quote(str(path))}")
        case OSError(errno=number) if number in (ENOSPC, EDQUOT):
            free = shutil.disk_usage(path.anchor or ".").free >> 20
            return ResourceError(
                f"the disk is full ({free} MiB free)", where=str(path), mend="make room, then run again"
            )
    return MissingError(f"not readable or writable: {error.strerror or error}", where=str(path))

"""Finished replies in one sqlite file, so that what was answered, and paid, is asked only once.

A reply is in the file when `put` returns, whatever kills the process then, and several processes may use the file at
once. Nothing is open between two calls, and no other file is left beside it. For many replies one after the other,
`with Kept(path) as file:` holds it open and writes ahead: that waits for no disk, where a disk that others use takes
20 ms a reply (measured). If the power fails, the last replies may be gone; the file is whole.

Traps: sqlite's write-ahead log is a second file, and needs memory that all users share: processes of one machine, not
those of several on one network drive. So the file at rest has none. A file that another program made is never written
to. What lacks of a last page, sqlite reads as zeros.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kinject.errors import IntegrityError, KinjectError, MissingError, ResourceError, UsageError, first_line

NAME = "replies.sqlite"
"""What the file is called in the folder of a run."""
MARK, VERSION = 0x6B696E6A, 1
"""Stand in the head of the file, as sqlite's application_id and user_version."""
PATIENCE = 60.0
"""Seconds of waiting for another process that writes."""
HEAD = b"SQLite format 3\0"
AT_ONCE = 500
"""Keys in one query; older sqlites take 999."""
SCHEMA = """CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    finish TEXT NOT NULL CHECK (finish IN ('stop', 'length', 'refused')),
    why TEXT NOT NULL,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    without TEXT NOT NULL
) WITHOUT ROWID"""
COLUMNS = "key, text, finish, why, prompt_tokens, completion_tokens, without"
_MOVE = "move the file away; what it keeps is asked again"


@dataclass(frozen=True)
class Reply:
    """A finished reply. Tokens are None where the endpoint does not count them."""

    text: str
    finish: Literal["stop", "length", "refused"] = "stop"
    why: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    without: tuple[str, ...] = ()
    """What the endpoint refused to be told, so that the question was asked without it."""


class Kept:
    """The replies in a file, by key. The file is made with the first reply."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: ExitStack | None = None
        self._file: sqlite3.Connection | None = None

    def __enter__(self) -> "Kept":
        self._held = ExitStack()
        return self

    def __exit__(self, *_: object) -> None:
        self._file, held, self._held = None, self._held, None
        if held:
            held.close()

    def get(self, keys: Sequence[str]) -> dict[str, Reply]:
        """Return those of the replies that are there, after a look that the file is whole."""
        if not self.path.exists():
            return {}
        found: dict[str, Reply] = {}
        with self._open() as file:
            if not _ours(file, self.path):
                return {}
            if any(path.exists() for path in _beside(self.path)):
                _put_in_order(file)
            if (state := file.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise _damaged(self.path, state)
            for first in range(0, len(keys), AT_ONCE):
                some = keys[first : first + AT_ONCE]
                query = f"SELECT {COLUMNS} FROM replies WHERE key IN ({','.join('?' * len(some))})"
                found.update((key, _reply(*rest)) for key, *rest in file.execute(query, some))
        return found

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply. If there is one of this key already, that one stays."""
        self.put_all({key: reply})

    def put_all(self, replies: Mapping[str, Reply]) -> None:
        """Keep several at once, which takes a busy disk no longer than one."""
        with self._writable() as file:
            values = ",".join("?" * len(COLUMNS.split(",")))
            file.execute("BEGIN IMMEDIATE")
            try:
                insert = f"INSERT OR IGNORE INTO replies ({COLUMNS}) VALUES ({values})"
                file.executemany(insert, map(_row, replies.items()))
            except BaseException:
                file.execute("ROLLBACK")
                raise
            file.execute("COMMIT")

    @contextmanager
    def _writable(self) -> Iterator[sqlite3.Connection]:
        if self._held is None:
            with self._open() as file:
                _make(file, self.path)
                yield file
            return
        with _told(self.path):
            if self._file is None:
                self._file = self._held.enter_context(self._ahead())
            yield self._file

    @contextmanager
    def _ahead(self) -> Iterator[sqlite3.Connection]:
        """Hold the file open with a write-ahead log, and leave it without one."""
        with self._open() as file:
            _make(file, self.path)
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = NORMAL")
            try:
                yield file
            finally:
                _put_in_order(file)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with _told(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _checked_head(self.path)
            connection = sqlite3.connect(self.path, PATIENCE, isolation_level=None, check_same_thread=False)
            with closing(connection) as file:
                yield file


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError as error:
        raise UsageError(f"the reply is not Unicode: {error}", where=str(path)) from None
    except OSError as error:
        problem = f"not readable or writable: {error.strerror or error}"
        raise MissingError(problem, where=str(path), mend="check the path and its permissions") from error
    except sqlite3.Error as error:
        raise _explained(error, path) from error


def _beside(path: Path) -> list[Path]:
    """Where sqlite writes before it writes into the file."""
    return [path.with_name(f"{path.name}-{end}") for end in ("journal", "wal")]


def _put_in_order(file: sqlite3.Connection) -> None:
    """Bring all into the one file, unless another process uses it, which will do the same when it ends.

    What a writer left that was killed before it wrote anything, only the end of another writing takes away.
    """
    file.execute("PRAGMA busy_timeout = 0")
    with suppress(sqlite3.OperationalError):
        file.execute("PRAGMA journal_mode = DELETE")
        file.executescript(f"BEGIN IMMEDIATE; PRAGMA user_version = {VERSION}; COMMIT")
    file.execute(f"PRAGMA busy_timeout = {int(PATIENCE * 1000)}")


def _checked_head(path: Path) -> None:
    """Tell a file that sqlite did not make from one that was cut: sqlite reads what lacks of a page as zeros."""
    if not path.exists():
        return
    writing = any(
        beside.exists() for beside in _beside(path)
    )  # then sqlite brings it in order, before anything is read
    with path.open("rb") as file:
        head = file.read(18)
    if not head.startswith(HEAD[: len(head)]):
        raise _foreign(path, "this is no file of kept replies")
    page = int.from_bytes(head[16:18], "big")
    page = 65536 if page == 1 else page
    if head and (len(head) < 18 or (page and path.stat().st_size % page and not writing)):
        raise _damaged(path, "it is cut short")


def _ours(file: sqlite3.Connection, path: Path) -> bool:
    """Say whether replies can be in the file; not if it is new. Raises `UsageError` for a file of somebody else."""
    mark, version, tables = file.execute(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),"
        " (SELECT count(*) FROM sqlite_master)"
    ).fetchone()
    if (mark, version, tables) == (0, 0, 0):
        return False
    if mark != MARK:
        raise _foreign(path, "another program made this file")
    if version != VERSION:
        raise _foreign(path, f"another version of kinject made this file ({version}, not {VERSION})")
    return True


def _make(file: sqlite3.Connection, path: Path) -> None:
    """Make the table, if there is none, in one transaction with the marks. Another process may have been quicker."""
    if _ours(file, path):
        return
    file.execute("BEGIN IMMEDIATE")
    if not _ours(file, path):
        file.execute(SCHEMA)
        file.execute(f"PRAGMA application_id = {MARK}")
        file.execute(f"PRAGMA user_version = {VERSION}")
    file.execute("COMMIT")


def _row(each: tuple[str, Reply]) -> tuple[str | int | None, ...]:
    key, reply = each
    tokens = (reply.prompt_tokens, reply.completion_tokens)
    return (key, reply.text, reply.finish, reply.why, *tokens, ",".join(reply.without))


def _reply(
    text: str,
    finish: Literal["stop", "length", "refused"],
    why: str,
    prompt_tokens: int | None,
    completion_tokens: int | None,
    without: str,
) -> Reply:
    return Reply(text, finish, why, prompt_tokens, completion_tokens, tuple(without.split(",")) if without else ())


def _explained(error: sqlite3.Error, path: Path) -> KinjectError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        mend = "wait until the other process is done, or end it"
        return ResourceError(f"another process held the file for {PATIENCE:g} s", where=str(path), mend=mend)
    if name.startswith("SQLITE_FULL"):
        return ResourceError("the disk is full", where=str(path), mend="make room, then run again")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return _damaged(path, first_line(error))
    mend = "check the path, its permissions and the drive"
    return MissingError(f"the kept replies cannot be read or written: {first_line(error)}", where=str(path), mend=mend)


def _damaged(path: Path, problem: str) -> IntegrityError:
    return IntegrityError(f"the file of kept replies is damaged: {problem}", where=str(path), mend=_MOVE)


def _foreign(path: Path, problem: str) -> UsageError:
    return UsageError(problem, where=str(path), mend=_MOVE)

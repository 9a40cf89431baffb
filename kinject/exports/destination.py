"""Where an export goes: files that are not there yet, or a folder that is not there yet or empty.

A folder is written under another name beside it, synced and renamed, so that nobody finds half of it. Sets without a
fact are refused, as they are where sets are read.
"""

import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from kinject.errors import MissingError, UsageError
from kinject.facts.importers import check_out
from kinject.facts.schema import FactSet
from kinject.storage import TEMPORARY, sync_folder, write_bytes

Blocks = Iterable[bytes]


def write_files(facts: FactSet, contents: Mapping[Path, Blocks]) -> list[Path]:
    """Write each file, none if one of them is there already. Returns their paths."""
    _hold_something(facts)
    for file in contents:
        check_out(file)
    for file, blocks in contents.items():
        write_bytes(file, blocks)
    return list(contents)


def write_folder(facts: FactSet, out: Path, contents: Mapping[str, Blocks]) -> list[Path]:
    """Write a folder with these files, by their paths inside it. Returns the paths of the files."""
    _hold_something(facts)
    if not out.name:
        raise UsageError("this folder has no name to give", where=str(out), mend="name a new folder with --out")
    if out.is_symlink() or (out.exists() and not _empty_folder(out)):
        raise UsageError("there is something already", where=str(out), mend="name a new folder with --out")
    temporary = out.parent / TEMPORARY.replace("*", secrets.token_hex(8))
    try:
        for name, blocks in contents.items():
            write_bytes(temporary / name, blocks)
        sync_folder(temporary)
        _rename(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return [out / name for name in contents]


def _hold_something(facts: FactSet) -> None:
    if not facts.facts:
        raise UsageError("the set holds no facts", where=facts.name, mend="export a set with at least one fact")


def _empty_folder(path: Path) -> bool:
    try:
        return path.is_dir() and next(path.iterdir(), None) is None
    except OSError as error:
        raise MissingError(f"not readable: {error.strerror}", where=str(path), mend="name another with --out") from None


def _rename(temporary: Path, out: Path) -> None:
    try:
        if out.exists():
            out.rmdir()  # Windows renames nothing to a name that is taken; a folder that has been filled stays
        temporary.rename(out)
    except OSError as error:
        message = f"the folder cannot take its name: {error.strerror}"
        raise MissingError(message, where=str(out), mend="name another with --out") from error

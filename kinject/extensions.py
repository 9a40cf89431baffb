"""The tables that name everything replaceable: methods, recipes, judges, importers, exporters.

A table is a literal `{"name": "module:attribute"}` beside the thing that it extends. It is read lazily, so that no name
costs another's imports, and whatever takes a name from it takes somebody's own `module:attribute` too.
"""

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from kinject.errors import MissingError, UsageError, did_you_mean


def load(table: Mapping[str, str | None], kind: str, name: str, where: str = "") -> Any:
    """Return what a table's name stands for, imported now; None for the choice of doing nothing.

    UsageError for a name that the table lacks, MissingError for a module:attribute that cannot be imported.
    """
    where = where or f"--{kind}"
    target = name if ":" in name else table[known(kind, name, table, where)]
    if target is None:
        return None
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise MissingError(
            f"{name!r} cannot be imported: {error}",
            where=where,
            mend="write it as module:attribute, and put the module's folder on PYTHONPATH",
        ) from error


def known(kind: str, name: str, table: Mapping[str, Any], where: str = "") -> str:
    """Return the name if the table has it or if it is a `module:attribute`; UsageError with the nearest name if not."""
    if name in table or ":" in name:
        return name
    raise UsageError(
        f"there is no {kind} {name!r}.{did_you_mean(name, table)}",
        where=where or f"--{kind}",
        mend=f"use one of: {', '.join(table)}",
    )


def version_of(target: object) -> int:
    """Return the VERSION of the module that something is from, for the keys of runs; 0 where it tells none."""
    module = getattr(target, "__module__", None)
    version = getattr(import_module(module), "VERSION", 0) if isinstance(module, str) else 0
    return version if type(version) is int else 0


def called(target: Any, name: str, *parts: str, where: str) -> Any:
    """Return what a name stands for if it can be called with so many parts; `UsageError` that tells them if not.

    Somebody's own `module:attribute` may be anything: a module, a constant, a function of something else.
    """
    if _takes(target, len(parts)):
        return target
    message = f"{name!r} is no function of ({', '.join(parts)})"
    raise UsageError(message, where=where, mend="name a function that takes these, in this order")


def _takes(target: Any, count: int) -> bool:
    if not callable(target):
        return False
    try:
        inspect.signature(target).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # built in, without a signature to look at
        return True
    return True

"""How long work shows that it is alive: two protocols for steps, and the silent one for libraries and tests.

A step never prints. It opens a stage, advances it, leaves it; the command line shows that as bars on stderr.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol


class Stage(Protocol):
    """One part of the work, being done."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """`n` more units are done; `note` is shown beside the bar (a loss, a name)."""


class Progress(Protocol):
    """Where stages are shown."""

    def stage(self, name: str, total: int | None = None, unit: str = "") -> AbstractContextManager[Stage]:
        """Open a stage of `total` units (None: not known); leaving the context closes it."""

    def say(self, text: str) -> None:
        """One line for the reader, beside the stages."""


@dataclass(frozen=True)
class Named:
    """A progress whose stages bear a name in front, so that work done side by side can be told apart."""

    name: str
    progress: Progress

    def stage(self, name: str, total: int | None = None, unit: str = "") -> AbstractContextManager[Stage]:
        """Open a stage with both names."""
        return self.progress.stage(f"{self.name}: {name}", total, unit)

    def say(self, text: str) -> None:
        """Say it with the name in front."""
        self.progress.say(f"{self.name}: {text}")


class _Silent:
    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Stage]:
        yield self

    def advance(self, n: int = 1, note: str = "") -> None:
        pass

    def say(self, text: str) -> None:
        pass


SILENT: Progress = _Silent()

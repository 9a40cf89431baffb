"""Progress on stderr: live bars on a terminal; elsewhere (a log, a pipe) a plain line every ten seconds.

Implements kinject.progress.Progress. Nothing here ever touches stdout, which belongs to the result.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from time import monotonic

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from kinject.cli.console import console, say
from kinject.progress import Stage

LINE_EVERY = 10.0  # seconds


class RichProgress:
    """Shows how far the work is to the person at the terminal, or to the reader of a log."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            _Pace(),
            console=console(stderr=True),
            transient=True,
        )

    def stage(self, name: str, total: int | None = None, unit: str = "") -> AbstractContextManager[Stage]:
        """A piece of work of `total` units (None: unknown); advance it inside the `with`."""
        live = self._bars.console.is_terminal
        return self._bar(name, total, unit) if live else _lines(name, total, unit)

    def say(self, text: str) -> None:
        """One line for the person, above the bars."""
        self._bars.console.print(text, soft_wrap=True)

    @contextmanager
    def _bar(self, name: str, total: int | None, unit: str) -> Iterator[Stage]:
        task = self._bars.add_task(name, total=total, unit=unit)
        self._bars.start()
        try:
            yield _Bar(self._bars, task, name)
        finally:
            done = next(each for each in self._bars.tasks if each.id == task)
            self.say(f"{name}: {pace(done.completed, total, done.elapsed or 0.0, unit)}")
            self._bars.remove_task(task)
            if not self._bars.tasks:
                self._bars.stop()


class _Bar:
    """One live bar."""

    def __init__(self, bars: Progress, task: TaskID, name: str) -> None:
        self._bars, self._task, self._name = bars, task, name

    def advance(self, n: int = 1, note: str = "") -> None:
        self._bars.update(self._task, advance=n, description=f"{self._name} {note}".rstrip())


class _Pace(ProgressColumn):
    """The column of figures beside a bar."""

    def render(self, task: Task) -> Text:
        return Text(pace(task.completed, task.total, task.elapsed or 0.0, task.fields["unit"]))


class Lines:
    """One stage of work as lines of plain text, at most one every LINE_EVERY seconds."""

    def __init__(self, name: str, total: int | None, unit: str, clock: Callable[[], float] = monotonic) -> None:
        self._name, self._total, self._unit, self._clock = name, total, unit, clock
        self._began = self._told = clock()
        self._done = 0

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count `n` units more; tell it when the last line is old enough."""
        self._done += n
        if self._clock() - self._told >= LINE_EVERY:
            self._told = self._clock()
            say(f"{self}  {note}".rstrip())

    def __str__(self) -> str:
        return f"{self._name}: {pace(self._done, self._total, self._clock() - self._began, self._unit)}"


@contextmanager
def _lines(name: str, total: int | None, unit: str) -> Iterator[Stage]:
    lines = Lines(name, total, unit)
    say(f"{name}: started")
    try:
        yield lines
    finally:
        say(str(lines))


def pace(done: float, total: float | None, seconds: float, unit: str) -> str:
    """How far and how fast: "120/507 (24%)  41 rows/s  9 s left", or the total time when all is done."""
    rate = done / seconds if seconds > 0 else 0.0
    parts = [
        f"{done:.0f}" if total is None else f"{done:.0f}/{total:.0f} ({100 * done / total if total else 100:.0f}%)"
    ]
    if rate:
        parts.append(f"{rate:.3g} {unit}/s".replace(" /", "/"))
    if total is None or done >= total:
        parts.append(f"{seconds:.0f} s")
    elif rate:
        parts.append(f"{(total - done) / rate:.0f} s left")
    return "  ".join(parts)

"""Where work runs: in this process, or in several child processes that share the cores.

`Local(jobs).map(function, items, progress)` gives the results in the order of the items. Work that is a run of the
store may be asked for twice at once; the store does it once. Functions and items must be importable and picklable;
the function takes (item, progress).

Traps: children are spawned, never forked, because a forked child of a process that has used torch's threads hangs. Two
single-threaded children beat one two-threaded process on small models (measured: 1.6 times). Ctrl+C reaches the
children too; each leaves its run as it is, to be gone on with.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from multiprocessing.queues import Queue
from threading import Thread
from typing import Any, TypeVar

from kinject.progress import SILENT, Progress, Stage

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Local:
    """Up to `jobs` processes on this machine."""

    jobs: int = 1

    def map(
        self,
        function: Callable[[Item, Progress], Result],
        items: Sequence[Item],
        progress: Progress = SILENT,
    ) -> list[Result]:
        """Return `function` of every item. The first failure is raised, after the work under way has ended."""
        if self.jobs == 1 or len(items) < 2:
            return [function(item, progress) for item in items]
        context = get_context("spawn")
        events: Queue[Any] = context.Queue()
        teller = Thread(target=_retell, args=(events, progress), daemon=True)
        teller.start()
        threads = max(1, (os.cpu_count() or 1) // self.jobs)
        with ProcessPoolExecutor(self.jobs, context, _begin, (events, threads)) as pool:
            futures: list[Future[Result]] = [pool.submit(_call, function, item) for item in items]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        events.put(None)
        teller.join()
        return [future.result() for future in futures]


_events: "Queue[Any] | None" = None
_numbers = count()


def _begin(events: "Queue[Any]", threads: int) -> None:
    global _events
    _events = events
    os.environ["OMP_NUM_THREADS"] = str(threads)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _call(function: Callable[[Item, Progress], Result], item: Item) -> Result:
    assert _events is not None
    return function(item, _Teller(_events))


class _Teller:
    """The progress of a child: every call is sent to the parent."""

    def __init__(self, events: "Queue[Any]") -> None:
        self.events = events

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Stage]:
        stage = _ToldStage(self.events, (os.getpid(), next(_numbers)))
        self.events.put(("open", stage.number, name, total, unit))
        try:
            yield stage
        finally:
            self.events.put(("close", stage.number))

    def say(self, text: str) -> None:
        self.events.put(("say", text))


@dataclass(frozen=True)
class _ToldStage:
    events: "Queue[Any]"
    number: tuple[int, int]

    def advance(self, n: int = 1, note: str = "") -> None:
        self.events.put(("advance", self.number, n, note))


def _retell(events: "Queue[Any]", progress: Progress) -> None:
    """Tell the parent's progress what the children say, until None comes."""
    stages: dict[tuple[int, int], tuple[ExitStack, Stage]] = {}
    while (event := events.get()) is not None:
        match event:
            case ("open", number, name, total, unit):
                stack = ExitStack()
                stages[number] = (stack, stack.enter_context(progress.stage(name, total, unit)))
            case ("advance", number, n, note):
                stages[number][1].advance(n, note)
            case ("close", number):
                stages.pop(number)[0].close()
            case ("say", text):
                progress.say(text)

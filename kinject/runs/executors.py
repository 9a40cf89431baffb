"""Where work runs: in this process, or in several child processes that share the cores.

`Local(jobs).map(function, items, progress)` gives the results in the order of the items. Work that is a run of the
store may be asked for twice at once; the store does it once. Functions and items must be importable and picklable;
the function takes (item, progress).

Traps: children are spawned, never forked, because a forked child of a process that has used torch's threads hangs. Two
single-threaded children beat one two-threaded process on small models (measured: 1.4 times). A child does not hear
Ctrl+C, it watches a pipe: when its parent closes the other end, or dies in any way, it ends at once and leaves its run
as it is, to be gone on with.
"""

import os
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.queues import Queue
from queue import Empty
from threading import Event, Thread
from typing import Any, TypeVar

from kinject.errors import ResourceError, out_of_memory
from kinject.progress import SILENT, Progress, Stage

Item = TypeVar("Item")
Result = TypeVar("Result")

TELL_EVERY = 0.1  # seconds between two looks at whether all is told


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
        """Return `function` of every item. The first failure is raised, after the work under way has ended.

        Ctrl+C ends the work under way. Raises `ResourceError` when the system kills a child, and `RuntimeError` that
        tells a failure where that is of a class that cannot be sent from one process to another.
        """
        if self.jobs == 1 or len(items) < 2:
            return [function(item, progress) for item in items]
        context = get_context("spawn")
        theirs, ours = context.Pipe(duplex=False)
        events: Queue[Any] = context.Queue()
        threads = max(1, (os.cpu_count() or 1) // self.jobs)
        told = _retold(events, progress)
        with theirs, ours, told, ProcessPoolExecutor(self.jobs, context, _begin, (events, threads, theirs)) as pool:
            try:
                futures = [pool.submit(_call, function, item) for item in items]
                wait(futures, return_when="FIRST_EXCEPTION")
                pool.shutdown(cancel_futures=True)
                return [future.result() for future in futures]
            except BrokenProcessPool as error:
                raise ResourceError(
                    "a child process was ended by the system, mostly because memory ran out",
                    mend="run it again with fewer --jobs; it goes on where it was",
                ) from error
            except KeyboardInterrupt:
                ours.close()
                raise


_events: "Queue[Any] | None" = None
_numbers = count()


def _begin(events: "Queue[Any]", threads: int, parent: Connection) -> None:
    global _events
    _events = events
    os.environ["OMP_NUM_THREADS"] = str(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Connection) -> None:
    with suppress(EOFError, OSError):
        parent.recv()
    os._exit(1)


def _call(function: Callable[[Item, Progress], Result], item: Item) -> Result:
    assert _events is not None
    try:
        return function(item, _Teller(_events))
    except Exception as error:
        if _can_be_sent(error):
            raise
        # The pool would end with it, as if the system had killed the child. It sends the cause's traceback as text.
        kind = MemoryError if out_of_memory(error) else RuntimeError
        raise kind(f"{type(error).__name__}: {error}") from error


def _can_be_sent(error: Exception) -> bool:
    try:
        return type(pickle.loads(pickle.dumps(error))) is type(error)
    except Exception:  # whatever somebody's class makes of it
        return False


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


@contextmanager
def _retold(events: "Queue[Any]", progress: Progress) -> Iterator[None]:
    """Tell the parent's progress what the children say, until they all have ended."""
    ended = Event()
    teller = Thread(target=_retell, args=(events, progress, ended), daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def _retell(events: "Queue[Any]", progress: Progress, ended: Event) -> None:
    stages: dict[tuple[int, int], tuple[ExitStack, Stage]] = {}
    while True:
        last = ended.is_set()  # asked before the queue is, so that nothing is left in it
        try:
            _tell(events.get(timeout=TELL_EVERY), stages, progress)
        except Empty:
            if last:
                break
    for stack, _ in stages.values():  # of children that were ended in the middle
        stack.close()


def _tell(event: Any, stages: dict[tuple[int, int], tuple[ExitStack, Stage]], progress: Progress) -> None:
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

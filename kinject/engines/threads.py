"""Work in other threads: the same on many items, and a coroutine where a loop runs already.

Traps: threads are daemons, because those of an executor would keep an interrupted process alive until the last of them
has ended. Of Ctrl+C only the main thread hears, and in a program of `asyncio.run` not even that: its task is cancelled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from kinject.errors import JudgeError

Item = TypeVar("Item")
Result = TypeVar("Result")

LOOK = 0.1
"""Seconds between two looks whether the work of another thread is still wanted."""


def side_by_side(
    function: Callable[[Item], Result], items: Sequence[Item], threads: int, deadline: float
) -> Iterator[Result]:
    """Yield the results as they come. The first failure is raised after what was under way has come too."""
    waiting: SimpleQueue[Item] = SimpleQueue()
    done: SimpleQueue[tuple[list[Result], Exception | None] | None] = SimpleQueue()
    for item in items:
        waiting.put(item)
    running = min(threads, len(items))
    for _ in range(running):
        Thread(target=_work, args=(function, waiting, done), daemon=True).start()
    failure: Exception | None = None
    try:
        while running:
            if (told := done.get(timeout=deadline)) is None:
                running -= 1
                continue
            results, error = told
            yield from results
            failure = failure or error
    except Empty:
        failure = failure or JudgeError(f"no answer came in {deadline:g} s", mend="see whether the endpoint works")
    finally:
        _drain(waiting)
    if failure:
        raise failure


def _work(function: Callable[[Any], Any], waiting: "SimpleQueue[Any]", done: "SimpleQueue[Any]") -> None:
    with suppress(Empty):
        while True:
            item = waiting.get_nowait()
            try:
                done.put(([function(item)], None))
            except Exception as error:
                _drain(waiting)  # nobody begins anything more
                done.put(([], error))
    done.put(None)


def _drain(queue: "SimpleQueue[Any]") -> None:
    with suppress(Empty):
        while True:
            queue.get_nowait()


def complete(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to its end, here or, where a loop runs in this thread already (Jupyter), in a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    return _in_thread(work)


def _in_thread(work: Awaitable[Result]) -> Result:
    begun: SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = SimpleQueue()
    done: Future[Result] = Future()

    async def main() -> Result:
        begun.put((asyncio.get_running_loop(), asyncio.current_task()))
        return await work

    def run() -> None:
        try:
            done.set_result(asyncio.run(main()))
        except BaseException as error:
            done.set_exception(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    loop, task = begun.get()
    try:
        return _waited_for(done)
    except BaseException:
        if not done.done() and task:  # Ctrl+C, which only the main thread hears of
            with suppress(RuntimeError):  # the loop has ended just now
                loop.call_soon_threadsafe(task.cancel)
            thread.join()
        raise


def _waited_for(done: "Future[Result]") -> Result:
    """Wait, and look whether the task that waits was cancelled: so does Ctrl+C in a program of `asyncio.run`."""
    waiting = asyncio.current_task()
    while not done.done():
        if waiting and waiting.cancelling():
            raise asyncio.CancelledError
        wait([done], timeout=LOOK)
    return done.result()

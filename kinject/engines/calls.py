"""Many calls at once: how many, which of them when, and when to give up. Of endpoints this module knows nothing.

In: items, a coroutine function that attempts one of them, and a function that says what an exception means. Out: each
result is handed over as soon as it comes, before anything else begins, so that whoever keeps it loses nothing.

How many are under way adapts itself (`engines.limiter`). A call that waits holds no slot; when it is due it goes before
those that have not begun.

Traps: a refusal is not a failure, and does not use up the tries of its call. The pauses are not slept by the calls but
kept in one queue: whoever sleeps inside an attempt holds a slot, and cannot be overtaken.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, Generic, TypeVar

from kinject.engines.limiter import Limiter
from kinject.errors import JudgeError

Item = TypeVar("Item")
Result = TypeVar("Result")

FIRST, LONGEST = 0.25, 8.0
"""Seconds of the first pause of our own, and of the longest; each is twice the one before."""


@dataclass(frozen=True)
class Refused:
    """There are too many calls; `wait` is how many seconds to wait, None where nothing was said."""

    why: str
    wait: float | None = None


@dataclass(frozen=True)
class Retry:
    """It may work another time; `wait` as for `Refused`."""

    why: str
    wait: float | None = None


@dataclass(frozen=True)
class Fatal:
    """It will not work another time; with `all`, no other call will work either."""

    why: str
    all: bool = False


Fault = Refused | Retry | Fatal


@dataclass(frozen=True)
class Policy:
    """How many calls, and how much patience. Times are in seconds."""

    most: int = 8
    """Calls at once."""
    retries: int = 6
    """Tries of one call after the first."""
    refusals: int = 20
    """Refusals of one call that are borne; they are no tries."""
    longest: float = 120.0
    """The longest wait that is done when asked for."""
    deadline: float = 900.0
    """In which at least one call of all must come to its end."""
    singly: int = 0
    """Calls that may fail one by one for good, before any came, until it is said that nothing works; at least twice as
    many as there are at once."""
    seed: int = 0
    """Of the chance in our own pauses, which keeps calls that failed together from coming back together."""


class Ended(Exception):
    """The work ended before its end. `error` is what the last attempt raised, `fault` what that means."""

    def __init__(self, error: Exception, fault: Fault, tries: int) -> None:
        super().__init__(fault.why)
        self.error = error
        self.fault = fault
        self.tries = tries

    @property
    def why(self) -> str:
        """The reason, with the tries if they were several."""
        return self.fault.why + (f" after {self.tries} tries" if self.tries > 1 else "")


@dataclass
class _Call(Generic[Item]):
    item: Item
    begun: int = 0
    failures: int = 0
    refusals: int = 0


def _always(item: Any) -> None:
    return None


class Calls(Generic[Item, Result]):
    """One round of calls.

    `classify` returns None for what is no fault of a call but a bug, which is raised as it is. `came` takes results as
    they come, mostly one; `gone` takes each call that failed for good, with how it ended, and says whether others go
    on: without it, the first of them ends the work. `admit` is asked before each attempt and may return an error: then
    nothing begins until less is under way, and if nothing is, the error is raised. `proven`: it is known that calls can
    succeed, so that calls which fail for a reason of their own do not tell that nothing works.
    """

    def __init__(
        self,
        attempt: Callable[[Item], Coroutine[Any, Any, Result]],
        classify: Callable[[Exception], Fault | None],
        came: Callable[[Sequence[tuple[Item, Result]]], None],
        policy: Policy,
        *,
        gone: Callable[[Item, Ended], bool] | None = None,
        admit: Callable[[Item], Exception | None] = _always,
        proven: bool = False,
    ) -> None:
        self._attempt, self._classify, self._came, self._gone, self._admit = attempt, classify, came, gone, admit
        self.policy = policy
        self.limiter = Limiter(policy.most)
        self._proven = proven
        self._chance = random.Random(policy.seed)
        self._new: deque[_Call[Item]] = deque()
        self._later: list[tuple[float, int, _Call[Item]]] = []
        self._running: dict[asyncio.Task[Result], _Call[Item]] = {}
        self._held = False
        self._error: Exception | None = None
        self._successes = self._losses = self._put_off = 0
        self._last = 0.0

    async def run(self, items: Iterable[Item]) -> None:
        """Attempt every item until it came or failed for good. Raises `Ended`, after what was under way has come."""
        self._new.extend(map(_Call, items))
        self._last = _now()
        try:
            while self._new or self._later or self._running:
                self._begin()
                await self._wait()
                self._settle()
        finally:
            await self._abandon()
        if self._error:
            raise self._error

    def _begin(self) -> None:
        now, self._held = _now(), False
        while len(self._running) < self.limiter.slots and now >= self.limiter.closed:
            due = bool(self._later and self._later[0][0] <= now)
            if not due and not self._new:
                return
            call = self._later[0][2] if due else self._new[0]
            if error := self._admit(call.item):
                self._held = bool(self._running)
                if not self._running:
                    self._stop(error)
                return
            heappop(self._later) if due else self._new.popleft()
            call.begun += 1
            self._running[asyncio.create_task(self._attempt(call.item))] = call

    async def _wait(self) -> None:
        """Wait until an attempt ends, or another one may begin."""
        now, until = _now(), self._last + self.policy.deadline
        if now >= until:
            raise self._error or JudgeError(
                f"no answer came in {self.policy.deadline:g} s", mend="see whether the endpoint works"
            )
        if (self._new or self._later) and not self._held and len(self._running) < self.limiter.slots:
            first = now if self._new else self._later[0][0]
            until = min(until, max(first, self.limiter.closed))
        if self._running:
            await asyncio.wait(self._running, timeout=max(0.0, until - now), return_when=asyncio.FIRST_COMPLETED)
        elif self._new or self._later:
            await asyncio.sleep(max(0.0, until - now))

    def _settle(self) -> None:
        self._take()
        for task in [task for task in self._running if task.done()]:
            call, error = self._running.pop(task), task.exception()
            if not isinstance(error, Exception):
                raise error or RuntimeError("this cannot be: it would have been taken")
            self._failed(call, error)

    def _take(self) -> None:
        """Hand over all that came: while keeping takes long, more comes, and is kept together the next time."""
        tasks = [task for task in self._running if task.done() and not (task.cancelled() or task.exception())]
        if not tasks:
            return
        calls = [self._running.pop(task) for task in tasks]
        for _ in calls:
            self.limiter.succeeded()
        self._successes += len(calls)
        self._last = _now()
        self._came([(call.item, task.result()) for call, task in zip(calls, tasks, strict=True)])

    def _failed(self, call: _Call[Item], error: Exception) -> None:
        match fault := self._classify(error):
            case None:
                self._stop(error)
            case Fatal():
                self.limiter.failed()
                self._lost(call, error, fault)
            case Refused():
                call.refusals += 1
                wait = self._pause(call.refusals) if fault.wait is None else fault.wait
                self.limiter.refused(_now() + wait, fault.wait is not None)
                self._again(call, error, fault, wait, call.refusals <= self.policy.refusals)
            case Retry():
                call.failures += 1
                wait = self._pause(call.failures) if fault.wait is None else fault.wait
                self.limiter.failed()
                self._again(call, error, fault, wait, call.failures <= self.policy.retries)

    def _pause(self, times: int) -> float:
        return min(LONGEST, FIRST * 2.0 ** (times - 1)) * self._chance.uniform(0.5, 1.0)

    def _again(self, call: _Call[Item], error: Exception, fault: Refused | Retry, wait: float, patient: bool) -> None:
        if wait > self.policy.longest:
            self._stop(Ended(error, fault, call.begun))
        elif not patient:
            self._lost(call, error, fault)
        elif self._error is None:
            self._put_off += 1
            heappush(self._later, (_now() + wait, self._put_off, call))

    def _lost(self, call: _Call[Item], error: Exception, fault: Fault) -> None:
        self._losses += not (self._proven and isinstance(fault, Fatal))
        enough = max(2 * self.policy.most, self.policy.singly if isinstance(fault, Fatal) else 0)
        hopeless = not self._successes and self._losses >= enough
        ended = Ended(error, fault, call.begun)
        lasting = hopeless or (isinstance(fault, Fatal) and fault.all)
        if lasting or self._gone is None or not self._gone(call.item, ended):
            self._stop(ended)
            return
        self._last = _now()

    def _stop(self, error: Exception) -> None:
        """Nobody begins anything more; the first error is raised in the end."""
        self._error = self._error or error
        self._new.clear()
        self._later.clear()

    async def _abandon(self) -> None:
        """End what is under way, if anything is; what came in this very moment is not lost."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._take()


def _now() -> float:
    return asyncio.get_running_loop().time()

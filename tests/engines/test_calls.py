"""Calls: the policy on a clock that jumps from one event to the next, so that an hour of waiting takes no time."""

import asyncio
import random
import selectors
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.engines.calls import Calls, Ended, Fatal, Fault, Policy, Refused, Retry
from kinject.engines.limiter import Limiter
from kinject.engines.threads import complete
from kinject.errors import JudgeError


class Jumping(selectors.SelectSelector):
    """A selector that does not wait for time to pass, but lets it pass."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "nothing would ever happen again"
        self.now += max(0.0, timeout)
        return super().select(0)


def on_fake_clock(work: Callable[[], Coroutine[Any, Any, Any]]) -> float:
    """Run it; return the seconds that it would have taken."""
    selector = Jumping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work())
        return selector.now


class Failure(Exception):
    def __init__(self, fault: Fault | None) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass
class World:
    """Something to call: each attempt takes its time and ends as `script` says of (item, number of the attempt)."""

    script: Callable[[int, int], Fault | None] = lambda item, times: None
    latency: Callable[[int, int], float] = lambda item, times: 1.0
    begun: list[tuple[float, int]] = field(default_factory=list)
    came: list[int] = field(default_factory=list)
    lost: dict[int, str] = field(default_factory=dict)
    at_once: int = 0
    most_at_once: int = 0
    took: float = 0.0
    """Seconds that it would have taken."""
    busy: float = 0.0
    """Seconds of all attempts together."""

    def run(self, items: int, *, tell: bool = False, proven: bool = False, **how: Any) -> "World":
        admit = how.pop("admit", lambda item: None)

        async def work() -> None:
            gone = self.gone if tell else None
            calls = Calls(self.attempt, self.classify, self.take, Policy(**how), gone=gone, admit=admit, proven=proven)
            try:
                await calls.run(range(items))
            finally:
                self.took = asyncio.get_running_loop().time()

        on_fake_clock(work)
        return self

    def gone(self, item: int, ended: Ended) -> bool:
        self.lost[item] = ended.why
        return True

    async def attempt(self, item: int) -> int:
        self.begun.append((asyncio.get_running_loop().time(), item))
        times = sum(each == item for _, each in self.begun)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.busy += (latency := self.latency(item, times))
        try:
            await asyncio.sleep(latency)
        finally:
            self.at_once -= 1
        if fault := self.script(item, times):
            raise Failure(fault)
        return item

    def classify(self, error: Exception) -> Fault | None:
        return error.fault if isinstance(error, Failure) else None

    def take(self, results: Sequence[tuple[int, int]]) -> None:
        assert all(item == result for item, result in results)
        self.came += [item for item, _ in results]


def sometimes(rate: float, fault: Fault) -> Callable[[int, int], Fault | None]:
    return lambda item, times: fault if random.Random(f"{item} {times}").random() < rate else None


# The limiter


def test_a_window_that_is_refused_as_a_whole_halves_the_limit() -> None:
    limiter = Limiter(16)
    limiter.refused(1.0, True)
    assert 16 - limiter.limit == pytest.approx(0.69, abs=0.03)
    for _ in range(15):
        limiter.refused(1.0, True)
    assert limiter.slots == 8 and limiter.limit == pytest.approx(8)
    for _ in range(8):
        limiter.refused(1.0, True)
    assert limiter.slots == 4
    limiter.succeeded()
    assert limiter.limit == pytest.approx(4.25)


def test_it_settles_where_about_a_quarter_is_refused() -> None:
    chance = random.Random(0)

    def after(rate: float) -> float:
        limiter, limits = Limiter(64), []
        for _ in range(8000):
            limiter.refused(0.0, False) if chance.random() < rate else limiter.succeeded()
            limits.append(limiter.limit)
        return sum(limits[4000:]) / 4000

    assert after(0.20) > 60 and after(0.35) < 8


def test_a_capacity_is_found() -> None:
    """Where only ten fit, about a quarter of the attempts is refused."""
    world = World()
    world.script = lambda item, times: Refused("429") if world.at_once >= 10 else None
    world.run(3000, most=64, refusals=10**6)
    assert sorted(world.came) == list(range(3000))
    refused = 1 - 3000 / len(world.begun)
    assert 0.1 < refused < 0.35
    assert world.took < 3000 / 10 * 1.35


ENDS = st.sampled_from(["succeeded", "failed", "refused", "asked"])


@given(st.integers(1, 70), st.lists(ENDS, max_size=300))
def test_the_limit_stays_in_its_bounds(most: int, ends: list[str]) -> None:
    limiter = Limiter(most)
    for number, end in enumerate(ends):
        before, closed = limiter.limit, limiter.closed
        match end:
            case "succeeded":
                limiter.succeeded()
                assert limiter.limit == min(most, before + 0.25)
            case "failed":
                limiter.failed()
                assert limiter.limit == before
            case _:
                limiter.refused(float(number), end == "asked")
                assert before - 1.4 <= limiter.limit <= before
        assert 1 <= limiter.limit <= most and 1 <= limiter.slots <= most
        assert limiter.closed >= closed and (end in ("refused", "asked") or limiter.closed == closed)


@given(st.integers(1, 70), st.data())
def test_nobody_begins_before_the_longest_wait_of_a_refused_window(most: int, data: st.DataObject) -> None:
    limiter = Limiter(most)
    waits = data.draw(st.lists(st.floats(0, 100), min_size=most, max_size=most))
    for number, wait in enumerate(waits):
        assert limiter.closed < 0
        limiter.refused(wait, True)
        assert (limiter.closed == max(waits)) == (number == most - 1)


# Which call when


def test_all_come_and_no_more_are_under_way_than_may() -> None:
    world = World().run(100, most=7)
    assert sorted(world.came) == list(range(100))
    assert world.most_at_once == 7 and world.took == pytest.approx(15)


def test_an_asked_wait_is_waited_for_and_holds_no_slot() -> None:
    world = World(lambda item, times: Refused("429", 3.0) if (item, times) == (0, 1) else None).run(10, most=2)
    again = next(at for at, item in world.begun[1:] if item == 0)
    assert 4.0 <= again <= 4.5
    assert world.took < 6.5  # eleven attempts, two at once, and a moment with one slot less
    assert world.came.index(0) < 9  # before others that had not begun


def test_a_window_refused_as_a_whole_waits_as_long_as_the_longest_asked() -> None:
    world = World(lambda item, times: Refused("429", 2.0 + item) if times == 1 and item < 4 else None).run(8, most=4)
    assert [at for at, _ in world.begun[:4]] == [0, 0, 0, 0]
    assert world.begun[4][0] == pytest.approx(1.0 + 2.0 + 3)
    assert [item for _, item in world.begun[4:6]] == [0, 1]  # those that wait go first, by halves
    assert world.begun[6][0] > world.begun[5][0]


def test_refusals_without_a_wait_lose_nothing_where_one_call_a_second_is_served() -> None:
    world, last = World(latency=lambda *_: 0.05), [-1.0]

    def one_a_second(item: int, times: int) -> Fault | None:
        now = asyncio.get_running_loop().time()
        if now - last[0] < 1:
            return Refused("429")
        last[0] = now
        return None

    world.script = one_a_second
    world.run(60, most=16)
    assert sorted(world.came) == list(range(60))
    assert world.took < 200


def test_pauses_grow_and_are_the_same_for_the_same_seed() -> None:
    def pauses(seed: int) -> list[float]:
        world = World(lambda item, times: Retry("500") if times < 7 else None, lambda *_: 0.0).run(1, seed=seed)
        times = [at for at, _ in world.begun]
        return [later - at for at, later in pairwise(times)]

    for pause, most in zip(pauses(0), [0.25, 0.5, 1, 2, 4, 8], strict=True):
        assert most / 2 <= pause <= most * 1.001
    assert pauses(0) == pauses(0) != pauses(1)


# When to give up


def test_tries_are_counted_and_refusals_are_not() -> None:
    """Twenty refusals and six failures are borne by one call, and not one more of either."""

    def script(refused: int, failed: int) -> World:
        return World(
            lambda item, times: (
                Refused("429", 0.1) if times <= refused else Retry("503") if times <= refused + failed else None
            )
        )

    assert script(20, 6).run(1).came == [0]
    for refused, failed, why in [(21, 0, "429 after 21 tries"), (0, 7, "503 after 7 tries")]:
        assert script(refused, failed).run(1, tell=True).lost == {0: why}
        with pytest.raises(Ended) as caught:
            script(refused, failed).run(1)
        assert caught.value.tries == refused + failed


def test_what_is_under_way_at_the_first_failure_still_comes() -> None:
    world = World(lambda item, times: Fatal("bad") if item == 3 else None, lambda item, _: 1.0 if item == 3 else 2.0)
    with pytest.raises(Ended, match="bad"):
        world.run(50, most=5)
    assert sorted(world.came) == [0, 1, 2, 4]
    assert len(world.begun) == 5


def test_told_failures_do_not_stop_the_others() -> None:
    world = World(lambda item, times: Fatal("too long") if item % 5 == 0 else None).run(50, most=4, tell=True)
    assert world.lost == dict.fromkeys(range(0, 50, 5), "too long")
    assert len(world.came) == 40


@pytest.mark.parametrize("fault", [Fatal("400"), Retry("500")])
def test_where_nothing_ever_came_the_work_ends(fault: Fault) -> None:
    world = World(lambda *_: fault)
    with pytest.raises(Ended):
        world.run(100, most=3, tell=True)
    assert len(world.lost) == 5  # the sixth of 2 x 3 ends it
    assert len(World(lambda *_: fault).run(5, most=3, tell=True).lost) == 5


def test_where_calls_are_known_to_work_bad_ones_are_only_told() -> None:
    assert len(World(lambda *_: Fatal("400")).run(100, most=3, tell=True, proven=True).lost) == 100
    with pytest.raises(Ended):
        World(lambda *_: Retry("500")).run(100, most=3, tell=True, proven=True)


@pytest.mark.parametrize("fault", [Fatal("401", all=True), Refused("429", 121.0), Retry("503", 3600.0)])
def test_some_failures_end_all_at_once(fault: Fault) -> None:
    world = World(lambda item, times: fault if item == 9 else None)
    with pytest.raises(Ended):
        world.run(100, most=2, tell=True)
    assert len(world.begun) < 15


def test_a_bug_stays_a_bug() -> None:
    def script(item: int, times: int) -> Fault | None:
        return None if item < 5 else Fatal(str(1 // 0))

    with pytest.raises(ZeroDivisionError):
        World(script).run(10, tell=True)


def test_silence_is_given_up() -> None:
    world = World(latency=lambda item, _: 1.0 if item < 3 else 10_000.0)
    with pytest.raises(JudgeError, match="no answer came in 900 s"):
        world.run(10, most=2)
    assert world.came == [0, 1, 2] and world.took == pytest.approx(902)


# What may be spent


def test_nothing_begins_that_is_not_admitted() -> None:
    """Ten may be spent; each attempt may cost four and costs one: the rest waits for what is under way, then ends."""
    spent, under_way = [0], [0]
    full = RuntimeError("full")

    def admit(item: int) -> Exception | None:
        if spent[0] + 4 * under_way[0] + 4 > 10:
            return full
        under_way[0] += 1
        return None

    world = World()
    take = world.take

    def paid(results: Sequence[tuple[int, int]]) -> None:
        under_way[0] -= len(results)
        spent[0] += len(results)
        take(results)

    world.take = paid  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="full"):
        world.run(20, most=8, admit=admit)
    assert len(world.came) == 7 and world.most_at_once == 2


# How long it takes

WORLDS = [
    *[(kind, rate) for kind in ("429", "429 told", "500", "slow") for rate in (0.01, 0.05, 0.2)],
    *[("mixed", rate) for rate in (0.01, 0.03)],
]


@pytest.mark.parametrize(("kind", "rate"), WORLDS)
def test_faults_cost_hardly_more_than_their_attempts(kind: str, rate: float) -> None:
    """Within 1.2 of attempts x latency / concurrency + the longest waits that one call was asked for."""
    waits: Counter[int] = Counter()

    def drawn(item: int, times: int) -> str:
        number = random.Random(f"{item} {times}").random()
        kinds = [kind] if kind != "mixed" else ["429", "429 told", "500", "slow", "500", "500"]
        return next((each for place, each in enumerate(kinds) if number < rate * (place + 1)), "fine")

    def script(item: int, times: int) -> Fault | None:
        match drawn(item, times):
            case "429":
                return Refused("429")
            case "429 told":
                waits[item] += 2
                return Refused("429", 2.0)
            case "500":
                return Retry("500")
        return None

    world = World(script, lambda item, times: 3.0 if drawn(item, times) == "slow" else 1.0).run(600, most=8)
    assert sorted(world.came) == list(range(600))
    ideal = world.busy / 8 + max(waits.values(), default=0)
    assert world.took <= 1.2 * ideal, world.took / ideal


@given(st.integers(0, 40), st.integers(1, 9), st.integers(0, 10**6), st.booleans())
def test_every_item_has_one_end_whatever_happens(items: int, most: int, seed: int, tell: bool) -> None:
    ends = [None, None, None, Refused("429"), Refused("429", 1.5), Retry("500"), Retry("503", 0.5), Fatal("400")]
    world = World(lambda item, times: random.Random(f"{seed} {item} {times}").choice(ends))
    try:
        world.run(items, most=most, tell=tell)
        assert sorted([*world.came, *world.lost]) == list(range(items))
    except Ended:
        assert not tell or not world.came
    assert len(set(world.came)) == len(world.came) and world.at_once == 0


# Loops and interruptions


def test_it_runs_where_a_loop_runs_already() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    async def notebook() -> int:
        return complete(work())

    assert complete(work()) == asyncio.run(notebook()) == 7


def test_an_interruption_ends_it_and_loses_nothing_that_came() -> None:
    world = World(latency=lambda item, _: 0.01 if item < 4 else 60.0)

    async def work() -> None:
        task = asyncio.create_task(Calls(world.attempt, world.classify, world.take, Policy()).run(range(20)))
        while len(world.came) < 4:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    asyncio.run(work())
    assert time.monotonic() - began < 5
    assert sorted(world.came) == [0, 1, 2, 3] and world.at_once == 0

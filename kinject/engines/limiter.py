"""How many calls may be under way: fewer after each refusal, slowly more after each success.

It starts at what may be at most. A refusal takes about 0.69 slots away, a success gives 0.25 back, so it settles where
0.25 / (0.25 + 0.69), about a quarter, is refused; refusals that come by chance, up to that share, cost next to nothing.

Traps: 0.69 is ln 2. The limit is multiplied by 2^(-1/n), where n are the slots at the beginning of a window of n
attempts, so that a window which is refused as a whole halves it; 0.69 taken off each time would leave a third. Where
everything is refused, more attempts make it worse and use up the patience with each call: then nobody begins until the
longest wait that was asked for is over, or, where none was, the shortest of our own.
"""

import math

BACK = 0.25
"""Slots that a success gives back."""


class Limiter:
    """How many calls may be under way, and from when on. It is told of every attempt's end and has no clock."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.closed = -math.inf
        """Nobody begins before this time."""
        self._window = most
        self._ended = 0
        self._row: list[tuple[bool, float]] = []
        self._row_window = most

    @property
    def slots(self) -> int:
        """The limit in whole calls, rounded up: half a slot that is lost by chance is no reason to idle."""
        return max(1, math.ceil(self.limit - 1e-9))

    def succeeded(self) -> None:
        """A call came to its end."""
        self.limit = min(float(self.most), self.limit + BACK)
        self._row.clear()
        self._count()

    def failed(self) -> None:
        """An attempt failed for a reason that has nothing to do with how many there are."""
        self._row.clear()
        self._count()

    def refused(self, until: float, asked: bool) -> None:
        """An attempt was refused; its call waits until a time, because it was asked to or by our own choice."""
        if not self._row:
            self._row_window = self.slots
        self._row.append((asked, until))
        if len(self._row) >= self._row_window:
            told = [time for was_asked, time in self._row if was_asked]
            self.closed = max(self.closed, max(told) if told else min(time for _, time in self._row))
            self._row.clear()
        self.limit = max(1.0, self.limit * 0.5 ** (1 / self._window))
        self._count()

    def _count(self) -> None:
        """A window is as many attempts as there were slots when it began."""
        self._ended += 1
        if self._ended >= self._window:
            self._window, self._ended = self.slots, 0

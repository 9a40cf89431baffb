"""What calls to an endpoint take: how many, how many tokens, how much money, and whether one more may be paid for.

Traps: tokens that an endpoint does not count are unknown, and so is then the sum; 0 would be a lie. Money that may have
been spent counts against the limit all the same: what is under way, a reply without a count, and an attempt that broke
after it was sent count as much as they can cost at most.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from kinject.engines.base import Conversation, Sampling
from kinject.errors import ResourceError

BYTES_PER_TOKEN = 3
"""Fewer than any usual tokenizer needs on average, so that a prompt is not thought cheaper than it is."""

Tokens = tuple[int | None, int | None]
"""Of the prompt and of the completion."""


_PURSES: "dict[str, Purse]" = {}
"""Those that came from another process, or went to one."""


class Purse:
    """Dollars that several engines of one process spend together.

    Another process gets one of its own, and the same one every time that this one is sent there: work is handed to
    children item by item.
    """

    def __init__(self) -> None:
        self.name = uuid4().hex
        self.counted = 0.0
        self.guessed = 0.0
        self.under_way = 0.0

    def __reduce__(self) -> tuple[Any, ...]:
        _PURSES.setdefault(self.name, self)
        return _purse, (self.name,)

    @property
    def all(self) -> float:
        """What is or may be spent, with what is under way."""
        return self.counted + self.guessed + self.under_way


def _purse(name: str) -> Purse:
    if name not in _PURSES:
        _PURSES[name] = Purse()
        _PURSES[name].name = name
    return _PURSES[name]


@dataclass
class Account:
    """What this engine's calls took. `price` is in dollars for a million tokens: of the prompt, of the completion."""

    price: tuple[float, float] | None = None
    most: float | None = None
    """Dollars that may be spent from the purse."""
    purse: Purse = field(default_factory=Purse, repr=False)
    """Others may draw on it, too."""
    calls: int = 0
    kept: int = 0
    failed: int = 0
    """Calls that were given up after all tries."""
    attempts: int = 0
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    _counted: float = 0.0
    _under_way: float = 0.0

    @property
    def spent(self) -> dict[str, Any]:
        """The counts, for records. `cost` is None where the price or the tokens are not known."""
        known = self.price is not None and self.prompt_tokens is not None and self.completion_tokens is not None
        return {
            "calls": self.calls,
            "kept": self.kept,
            "failed": self.failed,
            "attempts": self.attempts,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cost": self._counted if known else None,
        }

    def begin_round(self) -> None:
        """Forget what was under way when the last round was interrupted: it may have been paid."""
        self.purse.guessed += self._under_way
        self._less_under_way(self._under_way)

    def at_most(self, conversation: Conversation, sampling: Sampling) -> float:
        """Return the dollars that one attempt can cost at most."""
        size = sum(len(message.content.encode(errors="replace")) for message in conversation)
        return self._dollars((-(-size // BYTES_PER_TOKEN), sampling.max_new_tokens))

    def admits(self, dollars: float) -> bool:
        """Say whether an attempt that may cost as much can begin, and if so, count it as under way."""
        if self.most is not None and self.purse.all + dollars > self.most:
            return False
        self._under_way += dollars
        self.purse.under_way += dollars
        return True

    def ended(self, dollars: float, tokens: Tokens | None, *, paid: bool = True) -> None:
        """An attempt that was admitted is over; `tokens` of its reply if it gave one, `paid` if it may cost at all."""
        self._less_under_way(dollars)
        if tokens is None:
            self.purse.guessed += dollars if paid else 0.0
            return
        self.calls += 1
        prompt, completion = tokens
        self.prompt_tokens = _sum(self.prompt_tokens, prompt)
        self.completion_tokens = _sum(self.completion_tokens, completion)
        if prompt is None or completion is None:
            self.purse.guessed += dollars
        else:
            self._counted += self._dollars((prompt, completion))
            self.purse.counted += self._dollars((prompt, completion))

    def reached(self, came: int, asked: int, where: str) -> ResourceError:
        """Return the error that tells that the next call could cost too much."""
        spent = self.purse.counted + self.purse.guessed
        at_most = "at most " if self.purse.guessed else ""
        return ResourceError(
            f"max cost reached: {came} of {asked} asked, {at_most}${spent:.6f} spent of ${self.most:g}",
            where=where,
            mend="raise --max-cost; the same command goes on where it was",
        )

    def _less_under_way(self, dollars: float) -> None:
        self._under_way = max(0.0, self._under_way - dollars)
        self.purse.under_way = max(0.0, self.purse.under_way - dollars)

    def _dollars(self, tokens: tuple[int, int]) -> float:
        if self.price is None:
            return 0.0
        return (tokens[0] * self.price[0] + tokens[1] * self.price[1]) / 1e6


def _sum(so_far: int | None, more: int | None) -> int | None:
    return None if so_far is None or more is None else so_far + more

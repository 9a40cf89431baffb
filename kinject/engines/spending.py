"""What calls to an endpoint take: how many, how many tokens, how much money, and whether one more may be paid for.

Traps: tokens that an endpoint does not count are unknown, and so is then the sum; 0 would be a lie. Money that may have
been spent counts against the limit all the same: what is under way, a reply without a count, and an attempt that broke
after it was sent count as much as they can cost at most.
"""

from dataclasses import dataclass
from typing import Any

from kinject.engines.base import Conversation, Sampling
from kinject.errors import ResourceError

BYTES_PER_TOKEN = 3
"""Fewer than any usual tokenizer needs on average, so that a prompt is not thought cheaper than it is."""

Tokens = tuple[int | None, int | None]
"""Of the prompt and of the completion."""


@dataclass
class Account:
    """What this engine's calls took. `price` is in dollars for a million tokens: of the prompt, of the completion."""

    price: tuple[float, float] | None = None
    most: float | None = None
    """Dollars that may be spent."""
    calls: int = 0
    kept: int = 0
    failed: int = 0
    """Calls that were given up after all tries."""
    attempts: int = 0
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    _counted: float = 0.0
    _guessed: float = 0.0
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
        self._guessed, self._under_way = self._guessed + self._under_way, 0.0

    def at_most(self, conversation: Conversation, sampling: Sampling) -> float:
        """Return the dollars that one attempt can cost at most."""
        size = sum(len(message.content.encode(errors="replace")) for message in conversation)
        return self._dollars((-(-size // BYTES_PER_TOKEN), sampling.max_new_tokens))

    def admits(self, dollars: float) -> bool:
        """Say whether an attempt that may cost as much can begin, and if so, count it as under way."""
        if self.most is not None and self._counted + self._guessed + self._under_way + dollars > self.most:
            return False
        self._under_way += dollars
        return True

    def ended(self, dollars: float, tokens: Tokens | None, *, paid: bool = True) -> None:
        """An attempt that was admitted is over; `tokens` of its reply if it gave one, `paid` if it may cost at all."""
        self._under_way = max(0.0, self._under_way - dollars)
        if tokens is None:
            self._guessed += dollars if paid else 0.0
            return
        self.calls += 1
        prompt, completion = tokens
        self.prompt_tokens = _sum(self.prompt_tokens, prompt)
        self.completion_tokens = _sum(self.completion_tokens, completion)
        if prompt is None or completion is None:
            self._guessed += dollars
        else:
            self._counted += self._dollars((prompt, completion))

    def reached(self, came: int, asked: int, where: str) -> ResourceError:
        """Return the error that tells that the next call could cost too much."""
        spent = self._counted + self._guessed
        return ResourceError(
            f"max cost reached: {came} of {asked} asked, {'at most ' if self._guessed else ''}${spent:.6f} spent",
            where=where,
            mend=f"raise --max-cost (now {self.most:g}); the same command goes on where it was",
        )

    def _dollars(self, tokens: tuple[int, int]) -> float:
        if self.price is None:
            return 0.0
        return (tokens[0] * self.price[0] + tokens[1] * self.price[1]) / 1e6


def _sum(so_far: int | None, more: int | None) -> int | None:
    return None if so_far is None or more is None else so_far + more

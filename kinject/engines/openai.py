"""A model behind an OpenAI-compatible endpoint: api.openai.com, vLLM, `transformers serve`, any other.

Many calls are under way at once (`engines.calls`); the order of the result is that of the input. Every answer is kept
in a file as soon as it comes (`engines.kept`), so whatever ends the work loses nothing that was answered, and the same
call goes on.

Traps: each question is asked with a seed of its own, made of the question and the sampling, because one seed for all
would draw the same numbers for all, and the same answer for a question that is asked twice. What an endpoint refuses by
name is left out, and said; `sent` tells what was really sent. The API has no repetition penalty, so it is sent only to
those who know it (vLLM). Errors are raised without the SDK's own as their cause, whose words may quote the key.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kinject import storage
from kinject.engines import api
from kinject.engines.address import API, address, known_as, shown
from kinject.engines.asking import PROBE, Round
from kinject.engines.base import Completion, Conversation, Sampling
from kinject.engines.calls import Fault, Policy
from kinject.engines.kept import Kept, Reply
from kinject.engines.spending import Account, Purse
from kinject.errors import JudgeError, KinjectError, MissingError, UsageError, did_you_mean
from kinject.progress import SILENT, Progress

__all__ = ["API", "OpenAI", "Terms", "known_as", "shown"]

VERSION = 1
CONCURRENCY = 8
"""Calls at once, where nothing is said."""
RETRIES = 9
"""After the first try of an answer: about half a minute of pauses where the endpoint does not name its own."""
REFUSALS = 20
"""Times that one answer may be refused because there are too many calls."""
SINGLY = 16
"""Questions that may be refused before one is answered, however few are asked at once."""
TIMEOUT = 300.0
"""Seconds for one try of one answer."""
DEADLINE = 900.0
"""Seconds in which at least one answer of all must come."""


@dataclass(frozen=True)
class Terms:
    """On which terms an endpoint is asked."""

    concurrency: int | None = None
    """Calls at once, at most. None: 8, of a vLLM server of ours 64."""
    failures: Literal["raise", "tell"] = "raise"
    """What a call that failed for good does: end the work, or give a completion that says "failed" and why."""
    price: tuple[float, float] | None = None
    """Dollars for a million tokens: of prompts, of completions."""
    max_cost: float | None = None
    """Dollars that all together may spend who draw on the purse; what was kept from before does not count."""
    purse: Purse = field(default_factory=Purse, compare=False, repr=False)
    """What was spent; copies of these terms share it."""

    def __post_init__(self) -> None:
        if self.concurrency is not None and self.concurrency < 1:
            raise UsageError("at least one call must be under way", where="--concurrency", mend="--concurrency 1")
        if self.failures not in ("raise", "tell"):
            raise UsageError(f"failures cannot be {self.failures!r}", where="failures", mend='use "raise" or "tell"')
        for name, amount in [*(("--price", each) for each in self.price or ()), ("--max-cost", self.max_cost)]:
            if amount is not None and not 0 <= amount < math.inf:
                raise UsageError(f"{amount} is no amount of dollars", where=name, mend="give a number, 0 or more")
        if self.max_cost is not None and self.price is None:
            raise UsageError(
                "what calls cost is not known without a price",
                where="--max-cost",
                mend="add --price IN/OUT, in dollars for a million tokens, or leave --max-cost out",
            )


class OpenAI:
    """An endpoint's model as an engine.

    `keep` is a file for finished answers. `extra` goes into the body of every request, and so does the repetition
    penalty where `repetition_penalty` is set. `endpoint` stands for the endpoint in keys of kept answers; by default it
    is its address, with what its query asks for.
    """

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        terms: Terms = Terms(),
        keep: Path | None = None,
        repetition_penalty: bool = False,
        extra: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
        timeout: float = TIMEOUT,
        deadline: float = DEADLINE,
    ) -> None:
        self.model = model
        self.address = address(base_url, api_key)
        self.base_url = self.address.shown
        """Without user, password and query."""
        self.terms = terms
        self.keep = keep
        self.repetition_penalty = repetition_penalty
        self.extra = dict(extra or {})
        self.endpoint = endpoint or self.address.known_as
        self.timeout = timeout
        self.deadline = deadline
        self.refused: frozenset[str] = frozenset()
        """What this endpoint has refused so far: parameters, and "system" for a system message."""
        self.sent: dict[str, Any] = {}
        """What every request of the last call said beside its messages; its own seed is made from the one here."""
        self.account = Account(terms.price, terms.max_cost, terms.purse)

    @property
    def api_key(self) -> str:
        """What it is asked with."""
        return self.address.key

    @property
    def policy(self) -> Policy:
        """How many calls at once, and how much patience with each."""
        return Policy(self.terms.concurrency or CONCURRENCY, RETRIES, REFUSALS, deadline=self.deadline, singly=SINGLY)

    @property
    def not_sent(self) -> list[str]:
        """What the endpoint was not told of the sampling, because it knows no such thing."""
        unknown = set() if self.repetition_penalty else {"repetition_penalty"}
        return sorted(unknown | (self.refused - {"max_tokens", "system"}))

    @property
    def spent(self) -> dict[str, Any]:
        """What this engine's calls took so far: how many of which end, tokens, dollars."""
        return self.account.spent

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        """Ask what is not kept yet.

        What the endpoint refuses for good, where it answers others, is a completion that says so. Raises `JudgeError`
        when the retries are used up, with how many answers came, and `ResourceError` when the money is, unless the
        terms have that told.
        """
        keys = self._keys(conversations, sampling)
        kept = Kept(self.keep).get(keys) if self.keep else {}
        asked = {key: each for key, each in zip(keys, conversations, strict=True) if key not in kept}
        self.account.kept += len(kept)
        self.refused |= {name for reply in kept.values() for name in reply.without}
        lost: dict[str, str] = {}
        with progress.stage("answering", len(keys), "questions") as stage:
            if kept:
                stage.advance(len(kept), "kept from before")
            if asked:
                lost = Round(self, asked, sampling, kept, stage).run()
        self.account.failed += len(lost)
        self.sent = self.body(sampling, sampling.seed, self.refused)
        answers = [_completion(kept.get(key), lost.get(key, "")) for key in keys]
        self._tell(answers, progress)
        return answers

    def models(self, timeout: float = PROBE) -> list[str]:
        """Return the names of the models that the endpoint has. Raises as `generate` does, without trying again."""
        with self.client(timeout=timeout) as client:
            try:
                return _models(client)
            except Exception as error:
                told = self.explained(error)
                if told is None:
                    raise
                raise told from None

    def _keys(self, conversations: Sequence[Conversation], sampling: Sampling) -> list[str]:
        """Return a hash for each conversation; one that is asked again gets another one each time."""
        times: Counter[Conversation] = Counter()
        base = [VERSION, self.endpoint, self.model, self.extra, self.repetition_penalty, sampling.as_json()]
        keys = []
        for conversation in conversations:
            keys.append(storage.digest([*base, times[conversation], api.messages(conversation)]))
            times[conversation] += 1
        return keys

    def client(self, **options: Any) -> Any:
        """Make a client that does not try again by itself, for what is asked once."""
        import openai

        return self.address.client(openai.OpenAI, openai.DefaultHttpxClient, max_retries=0, **options)

    def body(self, sampling: Sampling, seed: int, refused: frozenset[str]) -> dict[str, Any]:
        """Return what a request says beside its messages."""
        limit = "max_completion_tokens" if "max_tokens" in refused else "max_tokens"
        wanted = {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": seed}
        return {
            "model": self.model,
            limit: sampling.max_new_tokens,
            **{name: value for name, value in wanted.items() if name not in refused},
            **({"repetition_penalty": sampling.repetition_penalty} if self.repetition_penalty else {}),
            **self.extra,
        }

    def _tell(self, answers: Sequence[Completion], progress: Progress) -> None:
        if empty := sum(answer.finish != "failed" and bool(answer.why) for answer in answers):
            progress.say(f"{empty} of {len(answers)} answers: {self.model} refused, or said nothing")
        if failed := [answer.why for answer in answers if answer.finish == "failed"]:
            progress.say(f"{len(failed)} of {len(answers)} answers were not to be had, such as: {failed[0]}")
        if dropped := sorted(self.refused - {"max_tokens", "system"}):
            progress.say(f"{self.model} takes no {' and no '.join(dropped)}: asked without")

    def explained(
        self, error: Exception, meant: Fault | None = None, tries: int = 1, saved: str = ""
    ) -> KinjectError | None:
        """Put an error of the SDK into words; None for what is no error of an endpoint."""
        found = self._without_model(error) or api.in_words(error, meant, tries, self.address.hide)
        if found is None:
            return None
        kind, message, mend = found
        mend += "; the same call goes on where it was" if saved and kind is JudgeError else ""
        hide = self.address.hide
        return kind(hide(message) + saved, where=self.base_url, mend=hide(mend))

    def _without_model(self, error: Exception) -> tuple[type[KinjectError], str, str] | None:
        """What the endpoint has is told beside an error that may come from a wrong name, and never in its place."""
        import openai

        if not isinstance(error, openai.APIStatusError) or not 400 <= error.status_code < 500:
            return None
        if error.status_code in (401, 403, 429):
            return None
        try:
            with self.client(timeout=PROBE) as client:
                known = _models(client)
        except Exception:
            return None
        told = api.said(error)
        if not known or self.model in known or not (error.status_code == 404 or self.model in told):
            return None
        message = f"the endpoint has no model {self.model!r}.{did_you_mean(self.model, known)}"
        return MissingError, message, f"use one of: {', '.join(known[:20])}"


def _completion(reply: Reply | None, why: str) -> Completion:
    return Completion(reply.text, reply.finish, reply.why) if reply else Completion("", "failed", why)


def _models(client: Any) -> list[str]:
    page = client.models.list()
    if isinstance(page, str):
        raise JudgeError("the endpoint answers with a page, not with a list of models", mend=f"check {api.URL}")
    return sorted(model.id for model in page.data or [])

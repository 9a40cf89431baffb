"""One round of questions to an endpoint: each is attempted until it is answered, kept and counted, or given up.

`engines.calls` decides when an attempt is made and what follows from its end; here is what an attempt is.

Trap: an attempt that broke after it was sent may have been answered and paid, so it counts against the cost.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kinject.engines import api, chat
from kinject.engines.base import Conversation, Sampling
from kinject.engines.calls import Calls, Ended
from kinject.engines.kept import Kept, Reply
from kinject.engines.spending import Tokens
from kinject.engines.threads import complete
from kinject.progress import Stage

if TYPE_CHECKING:
    from kinject.engines.openai import OpenAI

PROBE = 5.0
"""Seconds in which an endpoint must say something at all."""


class Round:
    """One call of `generate`: what is asked of whom, what came of it."""

    def __init__(
        self,
        engine: "OpenAI",
        asked: Mapping[str, Conversation],
        sampling: Sampling,
        kept: dict[str, Reply],
        stage: Stage,
    ) -> None:
        self.engine, self.asked, self.sampling, self.kept, self.stage = engine, asked, sampling, kept, stage
        self.before = len(kept)
        self.lost: dict[str, str] = {}
        self.file = Kept(engine.keep) if engine.keep else None
        self.account = engine.account
        self.costs = {key: self.account.at_most(each, sampling) for key, each in asked.items()}

    def run(self) -> dict[str, str]:
        """Ask everything; return why those that failed for good did."""
        self.account.begin_round()
        try:
            self._reach()
            with self.file or nullcontext():
                complete(self._calls())
        except Ended as ended:
            told = self.engine.explained(ended.error, ended.fault, ended.tries, self._saved())
            raise (told or ended.error) from None
        except Exception as error:
            told = self.engine.explained(error, saved=self._saved())
            if told is None:
                raise
            raise told from None
        return self.lost

    async def _calls(self) -> None:
        import openai

        engine, tell = self.engine, self.engine.terms.failures == "tell"
        make, http = openai.AsyncOpenAI, openai.DefaultAsyncHttpxClient
        async with engine.address.client(make, http, max_retries=0, timeout=engine.timeout) as client:
            await Calls(
                lambda key: self._reply(client, key),
                lambda error: api.fault(error, engine.address.hide),
                self._came,
                replace(engine.policy, seed=self.sampling.seed),
                gone=self._gone if tell else None,
                admit=self._admit,
                proven=bool(self.before or self.account.calls),
            ).run(self.asked)

    async def _reply(self, client: Any, key: str) -> Reply:
        """Ask once, and again without what the endpoint refuses to be told."""
        import openai

        tokens: Tokens | None = None
        paid = True
        try:
            while True:
                refused = self.engine.refused  # as it is now: another call may learn of a refusal meanwhile
                try:
                    reply = await self._attempt(client, key, refused)
                    tokens = (reply.prompt_tokens, reply.completion_tokens)
                    return reply
                except openai.APIStatusError as error:
                    more = api.refusals(error.status_code, api.said(error)) - refused
                    if not more:
                        paid = False
                        raise
                    self.engine.refused |= more
        except openai.APIConnectionError as error:
            paid = not api.unsent(error)
            raise
        finally:
            self.account.ended(self.costs[key], tokens, paid=paid)

    async def _attempt(self, client: Any, key: str, refused: frozenset[str]) -> Reply:
        conversation = self.asked[key]
        body = self.engine.body(self.sampling, int(key[:8], 16) >> 1, refused)
        said = api.messages(chat.without_system(conversation) if "system" in refused else conversation)
        self.account.attempts += 1
        async with asyncio.timeout(self.engine.timeout):  # of the whole try: the SDK's is of each read
            reply = await client.chat.completions.create(model=body.pop("model"), messages=said, extra_body=body)
        return api.understood(reply, refused, self.engine.address.hide)

    def _admit(self, key: str) -> Exception | None:
        if self.account.admits(self.costs[key]):
            return None
        return self.account.reached(len(self.kept), self.before + len(self.asked), self.engine.base_url)

    def _came(self, replies: Sequence[tuple[str, Reply]]) -> None:
        self.kept.update(replies)
        if self.file:
            self.file.put_all(dict(replies))
        self.stage.advance(len(replies))

    def _gone(self, key: str, why: str) -> None:
        self.lost[key] = why
        self.stage.advance()

    def _saved(self) -> str:
        new = len(self.kept) - self.before
        return f" ({new} of {len(self.asked)} answers came; they are kept in {self.file.path})" if self.file else ""

    def _reach(self) -> None:
        """Find out at once, and not after all retries, that nothing listens at the address."""
        import openai

        try:
            with self.engine.client(timeout=PROBE) as client:
                client.with_options(max_retries=1).models.list()
        except openai.APIConnectionError as error:
            if api.unsent(error):
                raise
        except (openai.OpenAIError, ValueError):
            pass  # not every endpoint lists its models; what is wrong will be told by the first question

"""One round of questions to an endpoint: each is attempted until it is answered, kept and counted, or given up.

`engines.calls` decides when an attempt is made and what follows from its end; here is what an attempt is.

What an endpoint refuses for good, one question and not others (a filter, a prompt that is too long), is a reply, and
kept: asked again it would be refused again, and whoever waits for an answer would wait for ever.

Traps: an attempt that broke after it was sent may have been answered and paid, so it counts against the cost. A refusal
may come before anything else does, and it is then not known yet whether others work; where none does, it is a failure.
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
from kinject.errors import ResourceError
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
        self.refused: dict[str, Ended] = {}
        """Refused one by one, before it is known whether others work."""
        self.reached: ResourceError | None = None
        self.tell = engine.terms.failures == "tell"
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
                self._settle()
        except ResourceError as error:
            if error is not self.reached or not self.tell:
                raise
            self._without_the_rest(error)
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

        engine = self.engine
        make, http = openai.AsyncOpenAI, openai.DefaultAsyncHttpxClient
        async with engine.address.client(make, http, max_retries=0, timeout=engine.timeout) as client:
            await Calls(
                lambda key: self._reply(client, key),
                lambda error: api.fault(error, engine.address.hide),
                self._came,
                replace(engine.policy, seed=self.sampling.seed),
                gone=self._gone,
                admit=self._admit,
                proven=bool(self.account.calls),
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
        address = self.engine.address
        return api.understood(reply, refused, address.hide, address.hide_in_reply)

    def _admit(self, key: str) -> Exception | None:
        if self.account.admits(self.costs[key]):
            return None
        asked = self.before + len(self.asked)
        self.reached = self.account.reached(len(self.kept), asked, self.engine.base_url)
        return self.reached

    def _came(self, replies: Sequence[tuple[str, Reply]]) -> None:
        self.kept.update(replies)
        if self.file:
            self.file.put_all(dict(replies))
        self.stage.advance(len(replies))
        self._keep_refusals()

    def _gone(self, key: str, ended: Ended) -> bool:
        """Take a call that failed for good; say whether the others go on."""
        if api.of_one(ended.error):
            self.refused[key] = ended
            if self.account.calls:
                self._keep_refusals()
            return True
        if self.tell:
            self._lose(key, ended.why)
        return self.tell

    def _keep_refusals(self) -> None:
        if refused := self.refused:
            self.refused = {}
            without = tuple(sorted(self.engine.refused))
            replies = ((key, Reply("", "refused", ended.why, without=without)) for key, ended in refused.items())
            self._came(list(replies))

    def _settle(self) -> None:
        """What was refused one by one, and nothing else came: a reply only if what is kept shows that others work."""
        if self.account.kept and not any(api.denied(ended.error) for ended in self.refused.values()):
            self._keep_refusals()
        for key, ended in self.refused.items():
            if not self.tell or api.denied(ended.error):
                raise ended
            self._lose(key, ended.why)

    def _without_the_rest(self, error: ResourceError) -> None:
        """What there is no money left for failed; it is asked another time."""
        for key in self.asked:
            if key not in self.kept and key not in self.lost:
                self._lose(key, error.message)

    def _lose(self, key: str, why: str) -> None:
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
        except (openai.OpenAIError, ValueError, RecursionError):
            pass  # not every endpoint lists its models; what is wrong will be told by the first question

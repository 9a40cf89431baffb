"""A model behind an OpenAI-compatible endpoint: api.openai.com, vLLM, `transformers serve`, any other.

Several threads ask; the order of the result is that of the input. Every answer is kept in a file as soon as it comes,
so whatever ends the work loses nothing that was answered, and the same call goes on. The SDK tries again by itself
(408, 409, 429, 5xx, broken connections), with growing pauses or as long as Retry-After says.

Traps: each question is asked with a seed of its own, made of the question and the sampling, because one seed for all
would draw the same numbers for all, and the same answer for a question that is asked twice. Endpoints differ in what
they take: what one refuses by name is left out, and said; `sent` tells what was really sent. The API has no repetition
penalty, so it is sent only to those who know it (vLLM). A page of HTML with status 200 is, for the SDK, a good answer.
Threads are daemons: those of an executor would keep an interrupted process alive until the last endpoint has answered.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from kinject import storage
from kinject.engines.base import Completion, Conversation, Message, Sampling
from kinject.errors import JudgeError, KinjectError, MissingError, UsageError, did_you_mean, first_line
from kinject.progress import SILENT, Progress, Stage

Item = TypeVar("Item")
Result = TypeVar("Result")

VERSION = 1
API = "https://api.openai.com/v1"
RETRIES = 6
"""After the first try of an answer: about 25 s of pauses where the endpoint does not name its own."""
TIMEOUT = 300.0
"""Seconds for one try of one answer."""
DEADLINE = 900.0
"""Seconds in which at least one answer of all must come."""
PROBE = 5.0
"""Seconds in which an endpoint says which models it has."""
SHOWN = 300
"""Characters that are shown of what an endpoint says."""
PARAMETERS = ("max_tokens", "temperature", "top_p", "seed")
UNSUPPORTED = re.compile(
    r"unsupported|not support|unrecognized|unknown|unexpected|forbidden|not permitted", re.IGNORECASE
)
NO_SYSTEM = re.compile(r"system role not supported|only user.* roles|roles must alternate", re.IGNORECASE)
"""What the templates of Gemma 2 and of the first Mistrals say of a system message."""


class Kept(BaseModel):
    """A finished answer as it stands in the file. `key` is the hash of all that it is the answer to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    text: str
    finish: Literal["stop", "length"]
    empty: bool
    """The model refused, or there was no text at all."""
    without: tuple[str, ...]
    """What the endpoint refused to be told, so that the question was asked without it."""


class OpenAI:
    """An endpoint's model as an engine.

    `keep` is a file for finished answers; it belongs to one run. `extra` goes into the body of every request, and so
    does the repetition penalty where `repetition_penalty` is set. `endpoint` stands for the endpoint in keys of kept
    answers; by default it is its address.
    """

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        concurrency: int = 8,
        *,
        keep: Path | None = None,
        repetition_penalty: bool = False,
        extra: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
        timeout: float = TIMEOUT,
        deadline: float = DEADLINE,
    ) -> None:
        self.model = model
        self.base_url = base_url or os.environ.get("OPENAI_BASE_URL") or API
        self.api_key = _checked_key(self.base_url, api_key or os.environ.get("OPENAI_API_KEY"))
        self.concurrency = concurrency
        self.keep = keep
        self.repetition_penalty = repetition_penalty
        self.extra = dict(extra or {})
        self.endpoint = endpoint or self.base_url
        self.timeout = timeout
        self.deadline = deadline
        self.empty = 0
        """How many answers of the last call are empty because the model refused or said nothing."""
        self.refused: frozenset[str] = frozenset()
        """What this endpoint has refused so far: parameters, and "system" for a system message."""
        self.sent: dict[str, Any] = {}
        """What every request of the last call said beside its messages; its own seed is made from the one here."""

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        """Ask what is not kept yet. Raises `JudgeError` when the retries are used up, with how many answers came."""
        keys = self._keys(conversations, sampling)
        kept = read_kept(self.keep)
        asked = {key: each for key, each in zip(keys, conversations, strict=True) if key not in kept}
        self.refused |= {name for key in keys if key in kept for name in kept[key].without}
        with progress.stage("answering", len(keys), "questions") as stage:
            if len(asked) < len(keys):
                stage.advance(len(keys) - len(asked), "kept from before")
            if asked:
                self._ask(asked, sampling, kept, stage)
        self.sent = self._body(sampling, sampling.seed, self.refused)
        self._tell(answers := [kept[key] for key in keys], progress)
        return [Completion(answer.text, answer.finish) for answer in answers]

    def models(self, timeout: float = PROBE) -> list[str]:
        """Return the names of the models that the endpoint has. Raises as `generate` does, without trying again."""
        with self._client(max_retries=0, timeout=timeout) as client:
            try:
                return _models(client)
            except Exception as error:
                told = self._explained(error, client)
                if told is None:
                    raise
                raise told from error

    def _keys(self, conversations: Sequence[Conversation], sampling: Sampling) -> list[str]:
        """Return a hash for each conversation; one that is asked again gets another one each time."""
        times: Counter[Conversation] = Counter()
        base = [VERSION, self.endpoint, self.model, self.extra, self.repetition_penalty, sampling.as_json()]
        keys = []
        for conversation in conversations:
            keys.append(storage.digest([*base, times[conversation], _messages(conversation)]))
            times[conversation] += 1
        return keys

    def _ask(self, asked: Mapping[str, Conversation], sampling: Sampling, kept: dict[str, Kept], stage: Stage) -> None:
        def answer(item: tuple[str, Conversation]) -> Kept:
            key, conversation = item
            reply, refused = self._reply(client, conversation, sampling, int(key[:8], 16) >> 1)
            return understood(reply, key, refused)

        before = len(kept)
        with self._client(max_retries=RETRIES, timeout=self.timeout) as client:
            try:
                _reach(client)
                for each in side_by_side(answer, list(asked.items()), self.concurrency, self.deadline):
                    kept[each.key] = each
                    _keep(self.keep, each)
                    stage.advance()
            except Exception as error:
                told = self._explained(error, client, self._saved(len(kept) - before, len(asked)))
                if told is None:
                    raise
                raise told from error

    def _client(self, **options: Any) -> Any:
        import openai

        # A proxy, which a cluster's environment may name, cannot reach this machine's own address.
        local = urlsplit(self.base_url).hostname in ("localhost", "127.0.0.1", "::1")
        own = openai.DefaultHttpxClient(trust_env=False) if local else None
        return openai.OpenAI(api_key=self.api_key, base_url=self.base_url, http_client=own, **options)

    def _reply(
        self, client: Any, conversation: Conversation, sampling: Sampling, seed: int
    ) -> tuple[Any, frozenset[str]]:
        """Ask once, and again without what the endpoint refuses to be told. Return the reply and what that was."""
        import openai

        while True:
            refused = self.refused  # as it is now: other threads may learn of a refusal at the same time
            body = self._body(sampling, seed, refused)
            messages = _messages(without_system(conversation) if "system" in refused else conversation)
            model = body.pop("model")
            try:
                return client.chat.completions.create(model=model, messages=messages, extra_body=body), refused
            except openai.APIStatusError as error:
                more = refusals(error.status_code, said(error)) - refused
                if not more:
                    raise
                self.refused |= more

    def _body(self, sampling: Sampling, seed: int, refused: frozenset[str]) -> dict[str, Any]:
        limit = "max_completion_tokens" if "max_tokens" in refused else "max_tokens"
        wanted = {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": seed}
        return {
            "model": self.model,
            limit: sampling.max_new_tokens,
            **{name: value for name, value in wanted.items() if name not in refused},
            **({"repetition_penalty": sampling.repetition_penalty} if self.repetition_penalty else {}),
            **self.extra,
        }

    def _tell(self, answers: Sequence[Kept], progress: Progress) -> None:
        self.empty = sum(answer.empty for answer in answers)
        if self.empty:
            progress.say(f"{self.empty} of {len(answers)} answers are empty: {self.model} refused, or said nothing")
        if dropped := sorted(self.refused - {"max_tokens", "system"}):
            progress.say(f"{self.model} takes no {' and no '.join(dropped)}: asked without")

    def _saved(self, new: int, asked: int) -> str:
        return f" ({new} of {asked} answers came; they are kept in {self.keep})" if self.keep else ""

    def _explained(self, error: Exception, client: Any, saved: str = "") -> KinjectError | None:
        """Put an error of the SDK into words; None for what is no error of an endpoint."""
        found = self._in_words(error, client)
        if found is None:
            return None
        kind, message, mend = found
        mend += "; the same call goes on where it was" if saved and kind is JudgeError else ""
        return kind(message + saved, where=self.base_url, mend=mend)

    def _in_words(self, error: Exception, client: Any) -> tuple[type[KinjectError], str, str] | None:
        import openai

        told = said(error)
        match error:
            case JudgeError():
                return JudgeError, error.message, error.mend
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                mend = "set OPENAI_API_KEY to a key that it knows"
                return MissingError, f"the endpoint refuses the key: {told}", mend
            case openai.RateLimitError():
                mend = "wait, ask with less concurrency, or look at the account's limits and credit"
                return JudgeError, f"too many requests, still after {client.max_retries} retries: {told}", mend
            case openai.APITimeoutError():
                mend = "see whether it works, or allow a longer timeout"
                return JudgeError, "the endpoint did not answer in time", mend
            case openai.APIConnectionError():
                cause = first_line(error.__cause__ or error)
                return JudgeError, f"nothing answers there: {cause}", f"start the server, or set {_URL}"
            case openai.APIStatusError() if error.status_code < 500:
                return self._refusal(error, told, client)
            case openai.OpenAIError() | json.JSONDecodeError() | UnicodeDecodeError():
                return JudgeError, f"the endpoint failed: {told}", "see what its log says, or try again later"
        return None

    def _refusal(self, error: Any, told: str, client: Any) -> tuple[type[KinjectError], str, str]:
        known: list[str] = []
        with suppress(Exception):  # what it has is told beside the error, and never in its place
            known = _models(client.with_options(max_retries=0, timeout=PROBE))
        if known and self.model not in known and (error.status_code == 404 or self.model in told):
            message = f"the endpoint has no model {self.model!r}.{did_you_mean(self.model, known)}"
            return MissingError, message, f"use one of: {', '.join(known[:20])}"
        if error.status_code == 404:
            return MissingError, f"the endpoint has no such place or model: {told}", f"check the name and {_URL}"
        return UsageError, f"the endpoint refuses the request: {told}", "ask for what this model takes"


_URL = "OPENAI_BASE_URL, which mostly ends in /v1"


def understood(reply: Any, key: str, refused: frozenset[str] = frozenset()) -> Kept:
    """Read an answer as an endpoint sent it. Raises `JudgeError` for what is none."""
    choices: Any = getattr(reply, "choices", None)
    message = getattr(choices[0], "message", None) if choices and isinstance(choices, list) else None
    if message is None:
        what, text = (
            ("a page", reply) if isinstance(reply, str) else ("no choices", getattr(reply, "model_extra", None))
        )
        raise JudgeError(f"the endpoint answers with {what}, not with an answer: {_short(text)}", mend=f"check {_URL}")
    text = getattr(message, "content", None)
    return Kept(
        key=key,
        # Half a surrogate pair is valid JSON and no Unicode.
        text=text.encode(errors="replace").decode().strip() if isinstance(text, str) else "",
        finish="length" if getattr(choices[0], "finish_reason", None) == "length" else "stop",
        empty=not isinstance(text, str),
        without=tuple(sorted(refused)),
    )


def said(error: Exception) -> str:
    """Return what an endpoint says is wrong. The SDK's own message lacks it where it is not in OpenAI's form."""
    response = getattr(error, "response", None)
    if response is None:
        return _short(first_line(error))
    words: Any = response.text
    with suppress(ValueError, AttributeError):  # not JSON, or no object
        told = json.loads(words)
        words = told.get("error") or told
        words = words.get("message") or words.get("detail") or words
    return _short(f"{response.status_code}: {words}")


def _short(text: object) -> str:
    return " ".join(str(text).split())[:SHOWN]


def refusals(status: int, message: str) -> frozenset[str]:
    """Return what an endpoint's error says that it does not take: names of parameters, and "system"."""
    if status not in (400, 422):
        return frozenset()
    unsupported = [name for name in PARAMETERS if re.search(rf"\b{name}\b", message)]
    return frozenset(
        (unsupported if UNSUPPORTED.search(message) else []) + (["system"] if NO_SYSTEM.search(message) else [])
    )


def without_system(conversation: Conversation) -> Conversation:
    """Put the system message at the head of the question, as `engines.chat` does for templates that refuse one."""
    system, *rest = conversation
    if system.role != "system" or not rest:
        return conversation
    return (Message(rest[0].role, f"{system.content}\n\n{rest[0].content}"), *rest[1:])


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


def read_kept(path: Path | None) -> dict[str, Kept]:
    """Read the answers that a file keeps, by their keys. A last line that a kill cut short is taken away."""
    if path is None or not path.exists():
        return {}
    lines = list(storage.numbered_lines(path))
    if lines and not lines[-1][1].endswith(b"\n"):
        lines.pop()
        storage.write_bytes(path, [raw for _, raw in lines])
    kept = [_parse(storage.parse_json(raw, str(path), number), f"{path}:{number}") for number, raw in lines]
    return {each.key: each for each in kept}


def _parse(row: Any, where: str) -> Kept:
    try:
        return Kept.model_validate(row)
    except ValidationError as error:
        problem = f"this is no kept answer: {error.errors()[0]['msg']}"
        raise UsageError(problem, where=where, mend="move the file away; what it keeps is asked again") from None


def _keep(path: Path | None, answer: Kept) -> None:
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Put after the others and not written anew: a whole file for each answer would be a thousand files.
    with path.open("ab") as file:
        file.write(storage.json_line(answer.model_dump()))


def _messages(conversation: Conversation) -> list[dict[str, str]]:
    return [asdict(message) for message in conversation]


def _models(client: Any) -> list[str]:
    page = client.models.list()
    if isinstance(page, str):
        raise JudgeError("the endpoint answers with a page, not with a list of models", mend=f"check {_URL}")
    return sorted(model.id for model in page.data or [])


def _reach(client: Any) -> None:
    """Find out at once, and not after all retries, that nothing listens at the address."""
    import openai

    try:
        client.with_options(max_retries=1, timeout=PROBE).models.list()
    except openai.APIConnectionError as error:
        if type(error.__cause__).__name__ == "ConnectError":  # httpx2's, or httpx's with the SDK before 3.0
            raise
    except (openai.OpenAIError, ValueError):
        pass  # not every endpoint lists its models; what is wrong will be told by the first question


def _checked_key(base_url: str, key: str | None) -> str:
    address = urlsplit(base_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise UsageError(
            "this is no address of an endpoint", where=base_url, mend="write it like http://localhost:8000/v1"
        )
    if not key and address.hostname == urlsplit(API).hostname:
        raise MissingError(
            "there is no key for the OpenAI API",
            where="OPENAI_API_KEY",
            mend="set OPENAI_API_KEY, or set OPENAI_BASE_URL to another endpoint",
        )
    return key or "EMPTY"  # servers that want no key do not look at it, but the SDK insists on one

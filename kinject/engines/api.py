"""What an OpenAI-compatible endpoint says: replies, refusals, errors, and how long to wait.

Everything here reads one response or one exception of the SDK and decides nothing else; `engines.openai` asks.

Traps: a page of HTML with status 200 is, for the SDK, a good answer. Endpoints differ in what they take: a parameter
that one refuses is known only by the words of its error. A 429 mostly means "slower", but also "no credit left", where
waiting does not help; others say that with 400, 402 or 403. Retry-After is seconds or a date, and some send
milliseconds in a header of their own. JSON may be nested so deeply that reading it, or showing it, is a RecursionError;
a count of tokens may be no number that a file can hold.
"""

import json
import math
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from email.utils import parsedate_to_datetime
from typing import Any

from kinject.engines.address import Hide
from kinject.engines.base import Conversation
from kinject.engines.calls import Fatal, Fault, Policy, Refused, Retry
from kinject.engines.kept import Reply
from kinject.errors import JudgeError, KinjectError, MissingError, UsageError, first_line

SHOWN = 300
"""Characters that are shown of what an endpoint says."""
PARAMETERS = ("max_tokens", "temperature", "top_p", "seed")
UNSUPPORTED = re.compile(
    r"unsupported|not support|unrecognized|unknown|unexpected|forbidden|not permitted", re.IGNORECASE
)
NO_SYSTEM = re.compile(r"system role not supported|only user.* roles|roles must alternate", re.IGNORECASE)
"""What the templates of Gemma 2 and of the first Mistrals say of a system message."""
AGAIN = (408, 409)
"""Statuses under 500 of a request that may succeed another time."""
OF_ONE = (400, 403, 413, 422)
"""Statuses that may be a refusal of one question, and not of others: a filter, a prompt that is too long."""
NO_CREDIT = "insufficient_quota"
NO_MONEY = re.compile(r"(?:credit|account) balance|insufficient (?:credit|fund|quota|balance)|billing", re.IGNORECASE)
"""What endpoints say with another status than 402 or 429 when nothing more is paid."""
COUNTS = 2**63
"""More than that the file of kept replies does not hold."""
URL = "OPENAI_BASE_URL, which mostly ends in /v1"


class Unreadable(Exception):
    """An endpoint answered, and this is no answer: `what` it is, and its `text`."""

    def __init__(self, what: str, text: str) -> None:
        super().__init__(f"{what}: {text}")
        self.what = what
        self.text = text


def _same(text: str) -> str:
    return text


def messages(conversation: Conversation) -> list[dict[str, str]]:
    """Return a conversation as the API takes it."""
    return [asdict(message) for message in conversation]


# Replies


def understood(
    reply: Any, refused: frozenset[str] = frozenset(), hide: Hide = _same, hide_in_reply: Hide = _same
) -> Reply:
    """Read a reply as an endpoint sent it. Raises `Unreadable` for what is none."""
    choices: Any = getattr(reply, "choices", None)
    message = getattr(choices[0], "message", None) if choices and isinstance(choices, list) else None
    if message is None:
        page = isinstance(reply, str)
        text = reply if page else getattr(reply, "model_extra", None)
        raise Unreadable("a page" if page else "no choices", _short(hide(str(text))))
    text = hide_in_reply(_unicode(getattr(message, "content", None)).strip())
    finish, why = _finish(text, getattr(choices[0], "finish_reason", None), getattr(message, "refusal", None))
    prompt, completion = _tokens(getattr(reply, "usage", None))
    return Reply(text, finish, _short(hide(why)), prompt, completion, tuple(sorted(refused)))


def _finish(text: str, reason: Any, refusal: Any) -> tuple[Any, str]:
    if isinstance(refusal, str) and refusal.strip():
        return "refused", f"a refusal: {_unicode(refusal)}"
    if reason == "content_filter":
        return "refused", "a refusal: content_filter"
    empty = "" if text else "an empty reply"
    return ("length" if reason == "length" else "refused" if empty else "stop"), empty


def _unicode(text: Any) -> str:
    """Half a surrogate pair is valid JSON and no Unicode."""
    return text.encode(errors="replace").decode() if isinstance(text, str) else ""


def _tokens(usage: Any) -> tuple[int | None, int | None]:
    prompt, completion = (getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens"))
    return _count(prompt), _count(completion)


def _count(number: Any) -> int | None:
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < COUNTS else None


# Errors


def said(error: Exception, hide: Hide = _same) -> str:
    """Return what an endpoint says is wrong. The SDK's own message lacks it where it is not in OpenAI's form."""
    response = getattr(error, "response", None)
    if response is None:
        return _short(hide(first_line(error)))
    return _short(hide(f"{response.status_code}: {_words(response.text)}"))


def _words(text: str) -> str:
    words: Any = text
    try:
        told = json.loads(text)
        words = told.get("error") or told
        words = words.get("message") or words.get("detail") or words
        return str(words)
    except (ValueError, AttributeError):  # not JSON, or no object
        return str(words)
    except RecursionError:
        return text


def _short(text: str) -> str:
    return " ".join(text.split())[:SHOWN]


def refusals(status: int, message: str) -> frozenset[str]:
    """Return what an endpoint's error says that it does not take: names of parameters, and "system"."""
    if status not in (400, 422):
        return frozenset()
    unsupported = [name for name in PARAMETERS if re.search(rf"\b{name}\b", message)]
    return frozenset(
        (unsupported if UNSUPPORTED.search(message) else []) + (["system"] if NO_SYSTEM.search(message) else [])
    )


def unsent(error: Exception) -> bool:
    """Say whether nothing took the connection, so that nothing can have been asked."""
    return type(error.__cause__).__name__ == "ConnectError"  # httpx2's, or httpx's with the SDK before 3.0


def fault(error: Exception, hide: Hide = _same) -> Fault | None:
    """Say what an exception means for its call, and for others; None for what is no failure of an endpoint."""
    import openai

    match error:
        case Unreadable():
            return Retry(error.what)
        case openai.APIStatusError():
            return _of_status(error, said(error, hide))
        case openai.APITimeoutError() | TimeoutError():
            return Retry("no answer in time")
        case openai.APIConnectionError():
            return Retry("a broken connection")
        case openai.APIResponseValidationError() | json.JSONDecodeError() | UnicodeDecodeError() | RecursionError():
            return Retry("malformed JSON")
    return None


def _of_status(error: Any, told: str) -> Fault:
    status = error.status_code
    wait = asked_wait(error.response.headers)
    if status == 429:
        return Fatal(told, all=True) if getattr(error, "code", None) == NO_CREDIT else Refused("429", wait)
    if status in AGAIN or status >= 500:
        return Retry(str(status), wait)
    return Fatal(told, all=status in (401, 404) or _no_credit(error, told))


def _no_credit(error: Any, told: str) -> bool:
    coded = getattr(error, "code", None) == NO_CREDIT
    return coded or error.status_code == 402 or (error.status_code in OF_ONE and bool(NO_MONEY.search(told)))


def of_one(error: Exception) -> bool:
    """Say whether an endpoint refused, for good, what may be this question alone."""
    return getattr(error, "status_code", None) in OF_ONE


def denied(error: Exception) -> bool:
    """Say whether such a refusal may as well mean the key."""
    return getattr(error, "status_code", None) == 403


def asked_wait(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds that a response asks to wait, None where it does not, or asks for none."""
    seconds = _number(headers.get("retry-after-ms"), 1000)
    if seconds is None:
        seconds = _number(headers.get("retry-after"))
    if seconds is None:
        seconds = _until(headers.get("retry-after"), time.time() if now is None else now)
    return seconds if seconds is not None and seconds > 0 else None


def _number(text: str | None, parts: int = 1) -> float | None:
    with suppress(ValueError):
        number = float(text or "") / parts
        return number if math.isfinite(number) else None
    return None


def _until(text: str | None, now: float) -> float | None:
    with suppress(ValueError, TypeError, OverflowError):
        return parsedate_to_datetime(text or "").timestamp() - now
    return None


def in_words(
    error: Exception, meant: Fault | None, tries: int, hide: Hide = _same
) -> tuple[type[KinjectError], str, str] | None:
    """Put an error into words: its class, what is wrong, and the way out; None for what is no endpoint's error."""
    import openai

    told = said(error, hide)
    after = f" after {tries} tries" if tries > 1 else ""
    match error:
        case JudgeError():
            return JudgeError, error.message, error.mend
        case Unreadable():
            return (
                JudgeError,
                f"the endpoint answers with {error.what}, not with an answer: {error.text}",
                f"check {URL}",
            )
        case openai.APIStatusError() if error.status_code != 429 and _no_credit(error, told):
            return JudgeError, *_no_more(told)
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return MissingError, f"the endpoint refuses the key: {told}", "set OPENAI_API_KEY to a key that it knows"
        case openai.RateLimitError():
            return JudgeError, *_too_many(meant, told, tries)
        case openai.APITimeoutError() | TimeoutError():
            mend = "see whether it works, or allow a longer timeout"
            return JudgeError, f"the endpoint did not answer in time{after}", mend
        case openai.APIConnectionError():
            cause = _short(hide(first_line(error.__cause__ or error)))
            return JudgeError, f"nothing answers there: {cause}{after}", f"start the server, or set {URL}"
        case openai.APIStatusError() if error.status_code == 404:
            return MissingError, f"the endpoint has no such place or model: {told}", f"check the name and {URL}"
        case openai.APIStatusError() if isinstance(meant, Fatal):
            return UsageError, f"the endpoint refuses the request: {told}", "ask for what this model takes"
        case openai.OpenAIError() | json.JSONDecodeError() | UnicodeDecodeError() | RecursionError():
            long = _long_wait(meant)
            return JudgeError, f"the endpoint failed{long}: {told}{after}", "see what its log says, or try again later"
    return None


def _too_many(meant: Fault | None, told: str, tries: int) -> tuple[str, str]:
    if isinstance(meant, Fatal):
        return _no_more(told)
    if long := _long_wait(meant):
        return f"too many requests{long}: {told}", "wait that long, or look at the account's limits and credit"
    mend = "wait, ask with less concurrency, or look at the account's limits and credit"
    return f"too many requests, still after {tries - 1} retries: {told}", mend


def _no_more(told: str) -> tuple[str, str]:
    return f"the endpoint gives no more answers on this account: {told}", "look at the account's limits and credit"


def _long_wait(meant: Fault | None) -> str:
    wait = None if meant is None or isinstance(meant, Fatal) else meant.wait
    return f" (it asks to wait {wait:.0f} s)" if wait is not None and wait > Policy.longest else ""

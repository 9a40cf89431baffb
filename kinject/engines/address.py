"""The address of an endpoint and its secrets: what is dialled, what is shown, and what no message may hold.

Traps: people put a user and a password into the address, and keys into its query. Whatever is logged, kept or raised
names the address without them, and what an endpoint says back, which may quote the key, is read through `hide`. The SDK
builds paths behind a query, so the address that it gets has none; but its HTTP library logs the whole address of every
request, so what these libraries log is read through a filter. A key with a line end, as a .env file of Windows gives
it, is no header, and the library's complaint quotes it: it is looked at before anything is sent.
"""

import base64
import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, quote_plus, unquote, urlsplit

from kinject import storage
from kinject.errors import MissingError, UsageError

API = "https://api.openai.com/v1"
NO_KEY = "EMPTY"
"""Servers that want no key do not look at it, but the SDK insists on one."""
SHORTEST = 4
"""Characters of a secret; a key such as "x" hides nothing, and would be found in every word."""
SHORTEST_IN_TEXT = 8
"""The same in a reply's own words, which a password such as "user" must not change."""
SECRET = re.compile(r"key|token|sig|secret|pass|pwd|auth|cred|code|session|jwt", re.IGNORECASE)
"""What a parameter of a query is called that says who asks, and not what is asked."""
LOGGERS = ("httpx", "httpx2", "openai")

Hide = Callable[[str], str]


@dataclass(frozen=True)
class Address:
    """Where an endpoint is, and how it is told who asks. Its `repr` tells nothing that must not be told."""

    shown: str
    """The address without user, password and query: for messages, keys and the SDK."""
    key: str = field(repr=False)
    query: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    secrets: Sequence[str] = field(repr=False)
    known_as: str = ""
    """What it is called in keys of what is kept: two deployments behind one address are two endpoints."""

    @property
    def local(self) -> bool:
        """Say whether it is this machine: a proxy, which a cluster's environment may name, cannot reach that."""
        return urlsplit(self.shown).hostname in ("localhost", "127.0.0.1", "::1")

    def hide(self, text: str) -> str:
        """Return a text without the secrets."""
        return _without(self.secrets, text)

    def hide_in_reply(self, text: str) -> str:
        """Return what a model said without the secrets, and else as it was said."""
        kept = {value for name, value in self.query.items() if not SECRET.search(name)}
        return _without([each for each in self.secrets if len(each) >= SHORTEST_IN_TEXT and each not in kept], text)

    def client(self, of: Any, http: Any, **options: Any) -> Any:
        """Make a client of one of the SDK's classes, with its HTTP client class."""
        _HIDING.watch(self.secrets)
        return of(
            api_key=self.key,
            base_url=self.shown,
            default_query=self.query,
            default_headers=self.headers,
            http_client=http(trust_env=False) if self.local else None,
            **options,
        )


def address(url: str | None = None, key: str | None = None) -> Address:
    """Return the address that is meant: that one, or what the environment names, or the maker's own."""
    url = url or os.environ.get("OPENAI_BASE_URL") or API
    key = _checked(key or os.environ.get("OPENAI_API_KEY") or "")
    parts = _parts(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            "this is no address of an endpoint", where=shown(url), mend="write it like http://localhost:8000/v1"
        )
    if not key and parts.hostname == urlsplit(API).hostname:
        raise MissingError(
            "there is no key for the OpenAI API",
            where="OPENAI_API_KEY",
            mend="set OPENAI_API_KEY, or set OPENAI_BASE_URL to another endpoint",
        )
    user = parts.netloc.rpartition("@")[0]
    basic = base64.b64encode(unquote(user).encode()).decode()
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    headers = {"Authorization": f"Basic {basic}"} if user else {}
    secrets = _secrets(key, user, basic, parts.query, query)
    return Address(shown(url), key or NO_KEY, query, headers, secrets, known_as(url))


def _checked(key: str) -> str:
    """Return a key without spaces around it. `UsageError`, which does not quote it, where no header can hold it."""
    key = key.strip()
    if key.isascii() and key.isprintable():
        return key
    raise UsageError(
        "the key has characters in it that no key has, such as a line end or letters outside ASCII",
        where="OPENAI_API_KEY",
        mend="set OPENAI_API_KEY once more, to the key alone",
    )


def known_as(url: str) -> str:
    """Return what tells an endpoint from others: its address, and a digest of what its query asks for, not who asks."""
    parts = _parts(url)
    query = parse_qsl(parts.query, keep_blank_values=True) if parts else []
    asked = sorted([name, value] for name, value in query if not SECRET.search(name))
    # A digest, for a secret may have a name that nobody thought of.
    return f"{shown(url)}?{storage.digest(asked)[:12]}" if asked else shown(url)


def shown(url: str) -> str:
    """Return an address without user, password, query, fragment and the last slash."""
    parts = _parts(url)
    if parts is None or not parts.netloc:  # no address: what stands before the last "@" may be a password all the same
        return url.split("?")[0].split("#")[0].rpartition("@")[2]
    bare = {"netloc": parts.netloc.rpartition("@")[2], "path": parts.path.rstrip("/")}
    return parts._replace(**bare, query="", fragment="").geturl()


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # checked only when it is read: "http://user:pass/word@host" has "pass" for a port
        return parts
    except ValueError:
        return None


def _secrets(key: str, user: str, basic: str, raw: str, query: dict[str, str]) -> tuple[str, ...]:
    password = user.partition(":")[2]
    found = {key, user, unquote(user), password, unquote(password), raw, *query.values(), basic if user else ""}
    ways = {way for secret in found if len(secret) >= SHORTEST for way in _written(secret)}
    return _longest_first(ways)


def _written(secret: str) -> tuple[str, ...]:
    """The ways in which messages quote a secret: as it is, as Python does, as JSON does, as addresses do."""
    as_json = json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]
    return (secret, repr(secret)[1:-1], *as_json, quote(secret), quote(secret, safe=""), quote_plus(secret))


def _longest_first(secrets: Iterable[str]) -> tuple[str, ...]:
    """One may be a part of another."""
    return tuple(sorted(secrets, key=lambda text: (-len(text), text)))


def _without(secrets: Iterable[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


class _Hiding(logging.Filter):
    """Takes the secrets of every address that was dialled out of what the libraries below log."""

    secrets: tuple[str, ...] = ()

    def watch(self, secrets: Iterable[str]) -> None:
        """Hide these, too. A logger's filter is not asked about what loggers under it log, so each gets it."""
        self.secrets = _longest_first({*self.secrets, *secrets})
        under = [name for name in list(logging.root.manager.loggerDict) if name.partition(".")[0] in LOGGERS]
        for name in {*LOGGERS, *under}:
            logging.getLogger(name).addFilter(self)  # once: the same filter is not added again

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything through, without the secrets."""
        record.msg, record.args = _without(self.secrets, record.getMessage()), None
        if record.exc_info:
            record.exc_text = _without(self.secrets, logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


_HIDING = _Hiding()

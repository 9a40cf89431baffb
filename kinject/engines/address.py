"""The address of an endpoint and its secrets: what is dialled, what is shown, and what no message may hold.

Traps: people put a user and a password into the address, and keys into its query. Whatever is logged, kept or raised
names the address without them, and what an endpoint says back, which may quote the key, is read through `hide`. The SDK
builds paths behind a query, and its HTTP library logs addresses as they are, so the address that it gets has neither.
"""

import base64
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from kinject.errors import MissingError, UsageError

API = "https://api.openai.com/v1"
NO_KEY = "EMPTY"
"""Servers that want no key do not look at it, but the SDK insists on one."""
SHORTEST = 4
"""Characters of a secret; a key such as "x" hides nothing, and would be found in every word."""

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

    @property
    def local(self) -> bool:
        """Say whether it is this machine: a proxy, which a cluster's environment may name, cannot reach that."""
        return urlsplit(self.shown).hostname in ("localhost", "127.0.0.1", "::1")

    def hide(self, text: str) -> str:
        """Return a text without the secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    def client(self, of: Any, http: Any, **options: Any) -> Any:
        """Make a client of one of the SDK's classes, with its HTTP client class."""
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
    key = key or os.environ.get("OPENAI_API_KEY") or ""
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
    return Address(shown(url), key or NO_KEY, query, headers, _secrets(key, user, basic, parts.query, query))


def shown(url: str) -> str:
    """Return an address without user, password, query and fragment."""
    parts = _parts(url)
    if parts is None or not parts.netloc:  # no address: what stands before the last "@" may be a password all the same
        return url.split("?")[0].split("#")[0].rpartition("@")[2]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


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
    # The longest first: one may be a part of another.
    return tuple(sorted((secret for secret in found if len(secret) >= SHORTEST), key=lambda text: (-len(text), text)))

"""Where an endpoint is; and no secret in anything that is shown, kept or raised."""

import json
import logging
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))  # for server.py
import server
from server import Endpoint, Reply, chosen, error

from kinject import sources
from kinject.engines import available, openai
from kinject.engines.address import address, known_as, shown
from kinject.engines.base import Sampling, ask
from kinject.engines.openai import OpenAI, Terms
from kinject.errors import KinjectError, UsageError

KEY, PASSWORD, TOKEN = "sk-canary-0123456789", "canary-p@ss", "canary-token"
SECRETS = (KEY, PASSWORD, "canary-p%40ss", TOKEN, "canary")
ASKED = [ask("Be brief.", f"Who won cup {number}?") for number in range(3)]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("https://user:secret@host/v1?key=secret#secret", "https://host/v1"),
        ("https://secret@host:1/", "https://host:1"),
        ("https://host/v1/", "https://host/v1"),
        ("https://user:sec@ret@host/v1", "https://host/v1"),
        ("http://user:sec/ret@host/v1", "host/v1"),
        ("user:secret@host/v1", "host/v1"),
        ("nonsense?secret", "nonsense"),
        ("http://[secret", "http://[secret"),
        ("https://host/@cf/v1", "https://host/@cf/v1"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, told: str) -> None:
    assert shown(url) == told


@given(st.text(st.characters(exclude_characters="@/?#[]\\ ", categories=["L", "N", "P"]), min_size=4))
def test_no_password_is_shown(password: str) -> None:
    assert shown(f"http://user:{password}@host/v1") == "http://host/v1"


def test_secrets_are_hidden_wherever_they_stand() -> None:
    place = address(f"https://user:canary-p%40ss@host/v1?token={TOKEN}", KEY)
    said = place.hide(f"{KEY} user:canary-p%40ss {PASSWORD} x{TOKEN}x {place.headers['Authorization']}")
    assert said == "*** *** *** x***x Basic ***"
    assert not any(secret in repr(place) for secret in SECRETS)
    assert address("http://host", "x").hide("x EMPTY") == "x EMPTY"  # as short as that, it is none


def test_user_password_and_query_reach_the_endpoint() -> None:
    with server.serving(Endpoint()) as endpoint:
        url = endpoint.url.replace("http://", "http://user:canary-p%40ss@") + f"?token={TOKEN}"
        assert OpenAI("parrot", url, KEY).generate(ASKED[:1], Sampling())
    basic = "Basic dXNlcjpjYW5hcnktcEBzcw=="
    assert endpoint.seen == [(f"/v1/{path}?token={TOKEN}", basic) for path in ("models", "chat/completions")]


QUOTES = f"Incorrect key {KEY}, of {PASSWORD}, {TOKEN}" + " " * 200
ANSWERS = [
    error(401, QUOTES),
    error(404, QUOTES),
    error(400, QUOTES),
    error(400, "x" * 285 + KEY),
    error(429, QUOTES, retry_after="999"),
    error(500, QUOTES, retry_after="999"),
    Reply(200, f"<html>{QUOTES}</html>".encode(), {"Content-Type": "text/html"}),
    Reply(200, {"choices": [], "told": QUOTES}),
    Reply(200, f'{{"choices": "{KEY}'.encode()),
    Reply(body=chosen({"role": "assistant", "content": None, "refusal": QUOTES})),
]


@pytest.mark.parametrize("failures", ["raise", "tell"])
@pytest.mark.parametrize("reply", ANSWERS)
def test_no_secret_in_what_is_raised_told_or_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reply: Reply, failures: Any
) -> None:
    monkeypatch.setattr(openai, "RETRIES", 0)
    keep, said = tmp_path / "replies.sqlite", ""
    with server.serving(Endpoint()) as endpoint:
        host = endpoint.url.removeprefix("http://")
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://user:canary-p%40ss@{host}?token={TOKEN}")
        endpoint.script.extend([None, reply, reply])
        engine = OpenAI("parrot", terms=Terms(1, failures), keep=keep)
        assert engine.base_url == endpoint.url
        try:
            said = repr(engine.generate(ASKED, Sampling()))
        except KinjectError as raised:
            assert raised.where == endpoint.url
            said = "".join(traceback.format_exception(raised)) + repr(raised.as_dict())
    assert said and keep.exists()
    model = sources.open_model("openai:parrot")
    told = [said, repr(engine.sent), repr(engine.spent), repr(model.answers_with), model.key, repr(engine.address)]
    for secret in SECRETS:
        assert not [each for each in told if secret in each]
        assert secret.encode() not in keep.read_bytes()


@pytest.mark.parametrize("url", ["ftp://user:canary@host", "user:canary@host/v1", "http://user:can/ary@:80x"])
def test_no_secret_of_what_is_no_address(url: str) -> None:
    with pytest.raises(KinjectError, match="no address") as caught:
        OpenAI("parrot", url)
    assert "user" not in repr(caught.value.as_dict()) and "can" not in caught.value.where


def test_no_secret_where_nothing_answers() -> None:
    script = """
from kinject.engines.base import Sampling, ask
from kinject.engines.openai import OpenAI
OpenAI("parrot").generate([ask("x", "y")], Sampling())
"""
    env = {**os.environ, "OPENAI_BASE_URL": "http://user:canary@127.0.0.1:9/v1?k=canary", "OPENAI_API_KEY": KEY}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert "nothing answers there" in done.stderr and "canary" not in done.stderr + done.stdout


@pytest.mark.parametrize("around", ["\r", "\r\n", " ", "\ufeff "])
def test_a_key_from_a_file_of_windows_is_taken_or_never_quoted(around: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}{around}")
    if around.strip():
        with pytest.raises(UsageError):
            address("http://host/v1")
    else:
        assert address("http://host/v1").key == KEY


@pytest.mark.parametrize("key", [f"{KEY}\r{KEY}", f"{KEY}\n", f"ключ-{KEY}", f"{KEY}\x7f", f"“{KEY}”"])
def test_a_key_that_no_header_can_hold_is_told_at_once_and_not_quoted(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server.serving(Endpoint()) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        monkeypatch.setenv("OPENAI_API_KEY", key)
        if key.strip() == KEY:
            assert OpenAI("parrot").generate(ASKED[:1], Sampling())
            return
        with pytest.raises(UsageError, match="the key has characters") as caught:
            OpenAI("parrot").generate(ASKED[:1], Sampling())
        assert endpoint.seen == []
        found = available._openai()
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.as_dict()) + repr(found)
    assert caught.value.where == "OPENAI_API_KEY" and not found.works
    assert "canary" not in told and "ключ" not in told


def test_a_secret_is_hidden_in_every_way_of_writing_it() -> None:
    secret = 'pä"ss w\\rd/1'
    place = address(f"http://user:{quote(secret, safe='')}@host/v1")
    ways = [secret, repr(secret), json.dumps(secret), json.dumps(secret, ensure_ascii=False), quote(secret)]
    assert place.hide(" ".join(ways)) == '*** \'***\' "***" "***" ***'


def test_what_libraries_log_has_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    with server.serving(Endpoint()) as endpoint, caplog.at_level(logging.DEBUG):
        OpenAI("parrot", f"{endpoint.url}?token={TOKEN}&deployment=a", KEY).generate(ASKED[:1], Sampling())
        for name in ("httpx", "httpx2", "openai", "openai._base_client"):
            try:
                raise ValueError(TOKEN)
            except ValueError:
                logging.getLogger(name).info("asked %s", f"?token={TOKEN}", exc_info=True)
    assert "HTTP Request: POST" in caplog.text and "completions?***" in caplog.text
    assert not [secret for secret in (TOKEN, KEY) if secret in caplog.text]


def test_a_secret_is_hidden_in_what_a_model_says_and_nothing_else_is(tmp_path: Path) -> None:
    said = f"Error. The key {KEY} and {TOKEN}, 2024-02-01, user."
    with server.serving(Endpoint()) as endpoint:
        endpoint.script.append(Reply(body=chosen({"role": "assistant", "content": said})))
        url = endpoint.url.replace("http://", "http://user@") + f"?token={TOKEN}&api-version=2024-02-01"
        [answer] = OpenAI("parrot", url, KEY, keep=tmp_path / "replies.sqlite").generate(ASKED[:1], Sampling())
    assert answer.text == "Error. The key *** and ***, 2024-02-01, user."
    assert b"canary" not in (tmp_path / "replies.sqlite").read_bytes()


def test_an_endpoint_is_known_by_what_its_query_asks_for(tmp_path: Path) -> None:
    assert known_as("http://host/v1/") == known_as("http://u:p@host/v1?key=x&Api-Key=y&sig=z") == "http://host/v1"
    same = known_as("http://host/v1?deployment=a&key=x&v=1"), known_as("http://host/v1/?v=1&deployment=a&key=y")
    assert same[0] == same[1] != known_as("http://host/v1?deployment=b&v=1")
    assert "canary" not in known_as("http://host/v1?k=canary")
    with server.serving(Endpoint()) as endpoint:

        def asked(end: str) -> int:
            before = len(endpoint.asked)
            OpenAI("parrot", endpoint.url + end, keep=tmp_path / "x.sqlite").generate(ASKED[:1], Sampling())
            return len(endpoint.asked) - before

        ends = ("?deployment=a", "?deployment=b", "?deployment=a", "/?deployment=a&key=k", "", "/")
        assert [asked(end) for end in ends] == [1, 1, 0, 0, 1, 0]

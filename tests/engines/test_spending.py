"""What calls take: counted, priced, and held back before it is too much."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))  # for faulty_server.py
import faulty_server
from faulty_server import Faulty

from kinject.engines import spending
from kinject.engines.base import Sampling, ask
from kinject.engines.openai import OpenAI, Terms
from kinject.engines.spending import Account, Purse
from kinject.errors import ResourceError, UsageError

ASKED = [ask("Be brief.", f"Who won cup {number}?") for number in range(40)]
SAMPLING = Sampling(temperature=0, max_new_tokens=100)
PRICE = (2.0, 10.0)
"""So that an answer of ten tokens to five costs 70 millionths of a dollar."""


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    with faulty_server.serving(Faulty()) as serving:
        yield serving


def test_everything_is_counted(faulty: Faulty, tmp_path: Path) -> None:
    faulty.rates = {"500": 0.2}
    engine = OpenAI("parrot", faulty.url, keep=tmp_path / "x.sqlite", terms=Terms(price=PRICE))
    engine.generate(ASKED, SAMPLING)
    attempts = sum(faulty.attempts.values())
    assert attempts > 40
    told = {"calls": 40, "kept": 0, "failed": 0, "attempts": attempts, "prompt_tokens": 400, "completion_tokens": 200}
    assert engine.spent == {**told, "cost": pytest.approx(40 * 70e-6)}
    engine.generate(ASKED, SAMPLING)
    assert engine.spent == {**told, "kept": 40, "cost": pytest.approx(40 * 70e-6)}
    again = OpenAI("parrot", faulty.url, keep=tmp_path / "x.sqlite")
    again.generate(ASKED, SAMPLING)
    zero = {"calls": 0, "failed": 0, "attempts": 0, "prompt_tokens": 0, "completion_tokens": 0, "cost": None}
    assert again.spent == {**zero, "kept": 40}


def test_what_an_endpoint_does_not_count_is_unknown(faulty: Faulty) -> None:
    faulty.usage = None
    engine = OpenAI("parrot", faulty.url, terms=Terms(price=PRICE))
    engine.generate(ASKED[:3], SAMPLING)
    unknown = {"prompt_tokens": None, "completion_tokens": None, "cost": None}
    assert engine.spent == {"calls": 3, "kept": 0, "failed": 0, "attempts": 3, **unknown}


@pytest.mark.parametrize("usage", [(10, 5), None])
@pytest.mark.parametrize("failures", ["raise", "tell"])
def test_no_more_is_spent_than_may_be(faulty: Faulty, tmp_path: Path, usage: Any, failures: Any) -> None:
    faulty.usage, keep, most = usage, tmp_path / "x.sqlite", 0.004
    parts = 0
    while parts < 40:
        parts += 1
        engine = OpenAI("parrot", faulty.url, keep=keep, terms=Terms(4, failures, PRICE, most))
        try:
            answers = engine.generate(ASKED, SAMPLING)
            if not (lost := [answer for answer in answers if answer.finish == "failed"]):
                break
            told = lost[0].why
            assert failures == "tell" and engine.spent["failed"] == len(lost) == 40 - sum(faulty.answered.values())
        except ResourceError as error:
            told = error.message
            assert failures == "raise" and "--max-cost" in error.mend and "goes on" in error.mend
        came = sum(faulty.answered.values())
        assert f"max cost reached: {came} of 40 asked, {'' if usage else 'at most '}$0.00" in told
        assert 70e-6 * engine.spent["calls"] <= most
        assert engine.spent["calls"] > 0
    assert [answer.text for answer in answers] == [f"echo: {asked[-1].content}" for asked in ASKED]
    assert parts == (1 if usage else 14)  # 0.00103 for each at most: three fit in where nothing tells that it was less
    assert set(faulty.answered.values()) == {1}


def test_too_little_for_one_call_asks_nothing(faulty: Faulty) -> None:
    engine = OpenAI("parrot", faulty.url, terms=Terms(price=PRICE, max_cost=0.001))
    with pytest.raises(ResourceError, match=r"0 of 40 asked, \$0.000000 spent"):
        engine.generate(ASKED, SAMPLING)
    assert not faulty.attempts


@pytest.mark.parametrize(("kind", "counts"), [("500", False), ("429 told", False), ("truncated", True), ("html", True)])
def test_what_broke_after_it_was_sent_may_have_been_paid(
    faulty: Faulty, monkeypatch: pytest.MonkeyPatch, kind: str, counts: bool
) -> None:
    monkeypatch.setattr("kinject.engines.calls.FIRST", 0.001)
    faulty.rates = {kind: 0.4}
    engine = OpenAI("parrot", faulty.url, terms=Terms(price=PRICE, max_cost=0.007, concurrency=1))
    try:
        engine.generate(ASKED, SAMPLING)
        assert not counts
    except ResourceError as error:
        assert counts and "at most $" in error.message


@pytest.mark.parametrize(
    ("wrong", "where", "mend"),
    [
        ({"max_cost": 1.0}, "--max-cost", "--price"),
        ({"price": (-1.0, 1.0)}, "--price", "number"),
        ({"price": (1.0, float("nan"))}, "--price", "number"),
        ({"price": PRICE, "max_cost": float("inf")}, "--max-cost", "number"),
        ({"concurrency": 0}, "--concurrency", "1"),
        ({"failures": "x"}, "failures", "tell"),
    ],
)
def test_terms_are_checked(wrong: dict[str, Any], where: str, mend: str) -> None:
    with pytest.raises(UsageError) as caught:
        Terms(**wrong)
    assert caught.value.where == where and mend in caught.value.mend


@given(st.lists(st.tuples(st.integers(0, 400), st.none() | st.tuples(st.integers(0, 50), st.integers(0, 30)))))
def test_an_account_never_admits_too_much(calls: list[tuple[int, tuple[int, int] | None]]) -> None:
    """However many are under way, and whatever they told, if none costs more than it can at most."""
    account, truth, open_calls = Account((1.0, 1.0), 1e-3), 0.0, []
    for most, tokens in calls:
        dollars = max(most, sum(tokens or (0, 0))) / 1e6
        if account.admits(dollars):
            open_calls.append((dollars, tokens))
        if len(open_calls) > 3:
            dollars, told = open_calls.pop(0)
            truth += sum(told) / 1e6 if told else dollars
            account.ended(dollars, told)
        assert truth + sum(dollars for dollars, _ in open_calls) <= 1e-3 + 1e-12


def test_all_who_are_asked_on_the_same_terms_draw_on_one_purse(faulty: Faulty) -> None:
    terms = Terms(1, "tell", PRICE, 0.002)
    answers = [
        answer
        for engine in (OpenAI("parrot", faulty.url, terms=replace(terms, concurrency=2)) for _ in range(4))
        for answer in engine.generate(ASKED[:10], SAMPLING)
    ]
    lost = [answer for answer in answers if answer.finish == "failed"]
    paid = sum(faulty.answered.values())
    assert paid + len(lost) == 40 and 10 < paid < 40
    assert 70e-6 * paid <= 0.002 and terms.purse.counted == pytest.approx(70e-6 * paid)
    assert [answer.finish for answer in answers[-10:]] == ["failed"] * 10  # nothing is left for the last


def test_a_process_has_one_purse_however_often_it_is_sent_there() -> None:
    terms = Terms(price=PRICE, max_cost=1.0)
    sent = pickle.dumps(terms)
    assert pickle.loads(sent).purse is terms.purse
    script = "import pickle, sys; sent = sys.stdin.buffer.read(); one, two = pickle.loads(sent), pickle.loads(sent);"
    script += "print(one.purse is two.purse, one.purse.all, one.max_cost)"
    terms.purse.counted = 0.5
    done = subprocess.run([sys.executable, "-c", script], input=sent, capture_output=True, check=True)
    assert done.stdout.split() == [b"True", b"0.0", b"1.0"]
    spending._PURSES.clear()


def test_what_was_under_way_when_a_round_was_interrupted_counts_for_all() -> None:
    purse = Purse()
    first, second = Account((1.0, 1.0), 10.0, purse), Account((1.0, 1.0), 10.0, purse)
    assert first.admits(6.0) and not second.admits(6.0) and second.admits(4.0)
    first.begin_round()
    assert (purse.guessed, purse.under_way) == (6.0, 4.0)
    second.ended(4.0, None, paid=False)
    assert (purse.all, first.spent["cost"]) == (6.0, 0.0)


@pytest.mark.parametrize("number", [10**30, 2**63, -1, True, "3", 1.5, None])
def test_a_count_that_is_none_loses_no_reply(number: Any, tmp_path: Path) -> None:
    import server

    body = {**server.chosen({"role": "assistant", "content": "yes"}), "usage": {"prompt_tokens": number}}
    with server.serving(server.Endpoint()) as endpoint:
        endpoint.script.append(server.Reply(body=body))
        engine = OpenAI("parrot", endpoint.url, keep=tmp_path / "x.sqlite", terms=Terms(price=PRICE, max_cost=1.0))
        for _ in range(2):
            assert engine.generate(ASKED[:1], SAMPLING)[0].text == "yes"
    assert (engine.spent["calls"], engine.spent["prompt_tokens"]) == (1, None)

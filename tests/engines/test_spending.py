"""What calls take: counted, priced, and held back before it is too much."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))  # for faulty_server.py
import faulty_server
from faulty_server import Faulty

from kinject.engines.base import Sampling, ask
from kinject.engines.openai import OpenAI, Terms
from kinject.engines.spending import Account
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
            break
        except ResourceError as error:
            came = sum(faulty.answered.values())
            assert f"max cost reached: {came} of 40 asked, {'' if usage else 'at most '}$0.00" in error.message
            assert "--max-cost" in error.mend and "goes on" in error.mend
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

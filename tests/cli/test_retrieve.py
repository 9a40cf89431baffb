"""`kinject retrieve`: the table, the hits of one question, and the JSON of both."""

import json
from typing import Any

import pytest

from kinject.cli import app
from kinject.cli.app import run
from kinject.lab import world
from kinject.retrieval import index

FACTS = world.build(0).new_facts(20).facts


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.COMMANDS, "retrieve", "kinject.cli.retrieve:retrieve")


def printed(capsys: pytest.CaptureFixture[str], *args: str) -> Any:
    assert run(["retrieve", "--facts", "lab:20", *args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_all_retrievers_are_measured_and_compared(capsys: pytest.CaptureFixture[str]) -> None:
    result = printed(capsys, "--retriever", "all", "--top-k", "3,1")
    about = {name: result[name] for name in ("schema", "facts", "indexed", "as_of", "embedder", "top_k")}
    assert about == {
        "schema": "kinject.retrieve/1",
        "facts": "lab@0:20",
        "indexed": 20,
        "as_of": None,
        "embedder": "lab",
        "top_k": [1, 3],
    }
    kinds = ["direct", "direct_paraphrased", "multihop"]
    assert [(row["retriever"], row["kind"]) for row in result["results"]] == [
        (name, kind) for name in ("bm25", "faiss", "hybrid") for kind in kinds
    ]
    assert all(row["n"] == 20 and row["recall"]["3"]["k"] == 20 and row["mrr"] > 0.9 for row in result["results"])
    assert len(result["comparisons"]) == 9 and {row["k"] for row in result["comparisons"]} == {1}


def test_all_retrievers_share_an_embedder_and_an_index(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    find, open_index = index.find, index.open_index
    monkeypatch.setattr(index, "find", lambda name: (opened.append("embedder"), find(name))[1])
    monkeypatch.setattr(index, "open_index", lambda *args: (opened.append("index"), open_index(*args))[1])
    printed(capsys, "--retriever", "all")
    assert sorted(opened) == ["embedder", "index"]


def test_one_question_shows_its_hits(capsys: pytest.CaptureFixture[str]) -> None:
    result = printed(capsys, FACTS[4].direct.question, "--top-k", "2", "--retriever", "bm25")
    assert (result["question"], result["embedder"]) == (FACTS[4].direct.question, None)
    (found,) = result["results"]
    assert found["retriever"] == "bm25" and len(found["hits"]) == 2
    assert {**found["hits"][0], "score": 0} == {"fact": FACTS[4].id, "score": 0, "event": FACTS[4].event}


@pytest.mark.parametrize("retriever", ["bm25", "all"])
def test_the_table_fits_and_shows_intervals(retriever: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["retrieve", "--facts", "lab:20", "--retriever", retriever]) == 0
    out = capsys.readouterr().out
    for words in ("recall@1 (95 % interval)", "recall@5", "MRR", "direct paraphrased", "100.0 (83.9 to 100.0)"):
        assert words in out
    assert ("exact McNemar" in out) is (retriever == "all")
    assert max(map(len, out.splitlines())) <= 100


def test_the_hits_in_words_and_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["retrieve", FACTS[0].direct.question, "--facts", "lab:20", "--top-k", "1"]) == 0
    assert FACTS[0].event in " ".join(capsys.readouterr().out.split())
    assert run(["retrieve", "xyzzy", "--facts", "lab:20", "--retriever", "bm25"]) == 0
    assert "nothing found" in capsys.readouterr().out


def test_only_what_was_known_on_a_day_is_searched(capsys: pytest.CaptureFixture[str]) -> None:
    day = sorted(fact.date or "" for fact in FACTS)[9]
    result = printed(capsys, "--retriever", "bm25", "--as-of", day)
    assert result["indexed"] == sum((fact.date or "") <= day for fact in FACTS)
    assert (result["facts"], result["as_of"]) == (f"lab@0:20 as of {day}", day)


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--retriever", "bm52"], 2, "Did you mean 'bm25'"),
        (["--top-k", "0"], 2, "no counts"),
        (["--top-k", "1,x"], 2, "no counts"),
        (["--top-k", ""], 2, "no counts"),
        (["--top-k", "9" * 5000], 2, "no counts"),
        ([""], 2, "is empty"),
        (["  "], 2, "is empty"),
        (["\udcff"], 2, "not UTF-8"),
        (["--retriever", "json:loads"], 2, "no function of (facts, embedder, progress)"),
        (["--retriever", "os:path"], 2, "no function of"),
        (["--retriever", "bm25", "--embedder", "lab"], 2, "no use for an embedder"),
        (["--as-of", "May"], 2, "not a real day"),
        (["--as-of", "2000-01"], 2, "was known on 2000-01"),
        (["--embedder", "nowhere"], 3, "there is no embedder"),
        (["--facts", "example"], 3, "all-MiniLM-L6-v2"),
        (["--facts", "nowhere"], 3, "there is no fact set"),
    ],
)
def test_mistakes_say_what_mends_them(
    args: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["retrieve", *args, "--json"]) == code
    error = json.loads(capsys.readouterr().err.splitlines()[-1])["error"]
    assert words in error["message"] and error["mend"]

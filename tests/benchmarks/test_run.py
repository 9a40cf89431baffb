"""Benchmarks are asked once, marked as often as one likes, and counted with what could not be scored."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject import storage
from kinject.benchmarks import lab_multihop
from kinject.benchmarks import run as benching
from kinject.benchmarks.benchmark import BENCHMARKS, Benchmark, Data, Item, Items, Marks, data_path, open_benchmark
from kinject.benchmarks.responses import read_responses
from kinject.benchmarks.run import Settings, rate
from kinject.cli.app import run
from kinject.engines.base import Message, ask
from kinject.errors import MissingError, UsageError
from kinject.progress import Progress
from kinject.sources import open_model
from kinject.statistics.intervals import Rate, wilson, wilson_grouped

WORDS = ("one", "two", "three", "four")


def read(data: str | None, system: str | None) -> Items:
    before = () if system is None else (Message("system", system),)
    items = (Item(word, (*before, Message("user", f"Say {word}.")), {"word": word}) for word in WORDS)
    return Items(tuple(items), data or "own", "CC0-1.0", {"a row is broken": 1})


def mark(items: Sequence[Item], responses: Sequence[str], progress: Progress) -> list[Marks]:
    return [
        Marks({"said": item.reference["word"] in text, "letters": tuple(letter in text for letter in item.id)})
        for item, text in zip(items, responses, strict=True)
    ]


TOY = Benchmark("toy", "Says a word", ("said", "letters"), read, mark, None)
HERE = f"{__name__}:TOY"


def responses(path: Path, *lines: Any) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_a_model_is_asked_once_and_marked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_model("lab")
    record = benching.bench(TOY, model, Settings(limit=2, sampling={"max_new_tokens": 8}))
    assert (record.items, record.limit, record.model, record.world) == (2, 2, "lab@0", 0)
    assert record.sampling and record.sampling["max_new_tokens"] == 8
    assert record.scores["said"]["n"] == 2 and record.scores["letters"]["n"] == 6
    lines = list(storage.read_jsonl(Path(record.responses)))
    assert [line["id"] for line in lines] == ["one", "two"] and set(lines[0]["marks"]) == {"said", "letters"}

    monkeypatch.setattr(benching, "open_engine", lambda *_: pytest.fail("it was asked again"))
    stricter = Benchmark("toy", "", ("said",), read, lambda items, *_: [Marks({"said": False})] * len(items), None)
    again = benching.bench(stricter, model, Settings(limit=2, sampling={"max_new_tokens": 8}))
    assert again.run == record.run  # the same version of the same benchmark
    newer = Benchmark("toy", "", ("said",), read, stricter.mark, None, version=2)
    assert benching.bench(newer, model, Settings(limit=2, sampling={"max_new_tokens": 8})).scores["said"]["k"] == 0


def test_what_marking_needs_is_looked_for_before_a_model_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking() -> None:
        raise MissingError("there is no sandbox", mend="install one")

    monkeypatch.setattr(benching, "open_engine", lambda *_: pytest.fail("it was asked"))
    toy = Benchmark("toy", "", ("said",), read, mark, None, check=lacking)
    with pytest.raises(MissingError, match="no sandbox"):
        benching.bench(toy, open_model("lab"), Settings())


def test_a_lab_model_is_asked_in_its_own_words_and_any_other_as_the_benchmark_says() -> None:
    lab = benching.items_of(TOY, open_model("lab"), Settings())
    other = benching.items_of(TOY, None, Settings())
    assert lab.source == "lab@0" and other.source == "own"
    assert len(lab.items[0].conversation) == len(other.items[0].conversation) == 2
    assert lab.items[0].conversation != other.items[0].conversation
    silent = Benchmark("toy", "", ("said",), read, mark, None, system=None)
    assert len(benching.items_of(silent, None, Settings()).items[0].conversation) == 1


def test_responses_from_elsewhere_are_marked_and_lacking_ones_are_unscored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = responses(
        tmp_path / "r.jsonl",
        {"id": "one", "response": "one"},
        {"task_id": "two", "solution": ""},
        {"key": "three", "response": "3"},
    )
    assert run(["bench", HERE, "--responses", str(path), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["schema"] == "kinject.bench/1" and result["model"] is None and result["empty"] == 1
    assert result["scores"]["said"] == {**Rate(k=1, n=3, unscored=1).as_json()}
    assert result["data"]["left_out"] == {"a row is broken": 1}
    assert run(["bench", HERE, "--responses", str(path)]) == 0
    assert "1/3" in capsys.readouterr().out


def test_any_judge_can_grade_what_was_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = responses(tmp_path / "r.jsonl", {"id": lab_multihop.read("lab", None).items[0].id, "response": "It is so."})
    assert run(["bench", "lab-multihop", "--responses", str(path), "--limit", "2", "--json"]) == 0
    folder = Path(json.loads(capsys.readouterr().out)["responses"]).parent
    assert run(["judge", str(folder / "answers.jsonl"), "--facts", str(folder / "facts.jsonl"), "--json"]) == 0
    graded = json.loads(capsys.readouterr().out)
    assert graded["n"] == 1 and graded["verdicts"][0]["kind"] == "multihop"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([{"id": "on", "response": ""}], "Did you mean 'one'"),
        ([{"id": "one", "response": ""}] * 2, "answered before"),
        ([{"id": "one"}], "no response"),
        ([{"response": "x"}], "no response"),
        (["one"], "no response"),
        ([{"id": True, "response": "x"}], "no response"),
    ],
)
def test_what_is_no_response_is_named_by_its_line(lines: list[Any], why: str, tmp_path: Path) -> None:
    items = [Item(word, ask("", word), {}) for word in WORDS]
    with pytest.raises(UsageError, match=why) as told:
        read_responses(responses(tmp_path / "r.jsonl", *lines), items)
    assert told.value.where.endswith(f":{len(lines)}")


def test_a_mistyped_benchmark_gets_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "gsm8"]) == 2
    assert "gsm8k" in capsys.readouterr().err


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_is_whole(name: str) -> None:
    found = open_benchmark(name)
    assert found.name == name and found.title and found.metrics and found.version >= 1
    assert (found.data is None) == name.startswith("lab-")


def test_every_benchmark_is_listed_with_what_it_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "list", "--json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)["benchmarks"]}
    assert set(listed) == set(BENCHMARKS)
    for each in listed.values():
        assert (each["items"] is None) == ("data" in each["lacks"]) and len(each["lacks"]) == len(each["mend"])
    assert listed["lab-math"]["items"] and not listed["lab-math"]["lacks"]
    assert run(["bench", "list"]) == 0
    assert "lab-multihop" in capsys.readouterr().out


def test_data_that_is_not_there_is_told_with_the_line_that_gets_it(tmp_path: Path) -> None:
    data = Data("a file", "get it so", "MIT")
    with pytest.raises(MissingError) as told:
        data_path("toy", None, data, "toy/test.jsonl")
    assert "get it so" in told.value.mend and told.value.code == 3
    own = tmp_path / "test.jsonl"
    own.write_text("", encoding="utf-8")
    assert data_path("toy", str(own), data, "toy/test.jsonl") == own


# Counting


def test_single_marks_are_an_ordinary_rate() -> None:
    assert rate([True, False, None, True]) == Rate(k=2, n=3, unscored=1).as_json()
    assert rate([(True,), (), None]) == Rate(k=1, n=1, unscored=1).as_json()


def test_marks_of_one_item_are_no_independent_witnesses() -> None:
    alike = rate([(True,) * 3] * 10 + [(False,) * 3] * 10)
    assert (alike["k"], alike["n"]) == (30, 60)
    assert alike["interval"] == [round(100 * bound, 1) for bound in wilson(10, 20)]


@given(st.lists(st.lists(st.booleans(), max_size=4), max_size=30))
def test_grouped_answers_count_as_no_more_than_they_are(groups: list[list[bool]]) -> None:
    k, n = sum(map(sum, groups)), sum(map(len, groups))
    low, high = wilson_grouped(groups)
    assert 0 <= low <= (k / n if n else 0) + 1e-12 and high <= 1 and (not n or k / n <= high + 1e-12)
    plain = wilson(k, n)
    assert high - low >= plain[1] - plain[0] - 1e-9


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_groups_of_one_are_never_narrower_than_single_answers(marks: list[bool]) -> None:
    assert wilson_grouped([[each] for each in marks]) == pytest.approx(wilson(sum(marks), len(marks)))

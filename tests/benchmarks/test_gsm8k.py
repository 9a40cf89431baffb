"""GSM8K and GSM1k: what is asked, and what a response is worth."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject import prompts
from kinject.benchmarks.benchmark import Item, open_benchmark
from kinject.benchmarks.gsm8k import GSM1K, GSM8K, item, marks, socratic
from kinject.engines.base import Message
from kinject.errors import MissingError
from kinject.judging.errors import Row, open_annotator
from kinject.progress import SILENT
from kinject.recipes import gsm8k
from kinject.recipes.readers.gsm8k import Problem, Step

CASES = Path(__file__).parent.parent / "cases" / "gsm8k"
DATA = Path(os.environ.get("KINJECT_DATA", "nowhere")) / "gsm8k"
real = pytest.mark.skipif(not DATA.is_dir(), reason="KINJECT_DATA names no folder with GSM8K")
SYSTEM = prompts.load("system-gsm8k")


def asked(final: str) -> Item:
    return item("x", Problem("How many?", (Step("2+2=4"),), final), None)


def worth(response: str, final: str = "72") -> tuple[bool, ...]:
    found = marks(asked(final), response).by_metric
    assert tuple(found) == GSM8K.metrics
    return tuple(bool(value) for value in found.values())


def test_items_are_asked_in_the_words_that_are_trained_on() -> None:
    items = GSM8K.read(str(CASES / "socratic.jsonl"), SYSTEM)
    assert (len(items.items), items.licence, sum(items.left_out.values())) == (7, "MIT (GSM8K)", 6)
    made = gsm8k.build(f"gsm8k:{CASES / 'socratic.jsonl'}", SYSTEM)
    assert {each.conversation for each in items.items} == {row.conversation for row in made.rows}
    assert {each.reference["solution"] for each in items.items} == {row.response for row in made.rows}
    assert len({each.id for each in items.items}) == 7 and items.items[0].reference["final"] == "18"
    assert GSM8K.system == "system-gsm8k" and json.dumps([each.reference for each in items.items])


def test_without_a_system_message_there_is_none() -> None:
    [first, *_] = GSM8K.read(f"gsm8k:{CASES / 'main.jsonl'}", None).items
    assert first.conversation == (Message("user", first.reference["question"]),)


def test_gsm1k_has_bare_answers() -> None:
    items = GSM1K.read(str(CASES / "gsm1k.jsonl"), SYSTEM)
    assert [each.reference["final"] for each in items.items] == ["36", "5", "980", "2.5"]
    assert items.source.startswith("gsm1k:") and "GSM8K" not in items.licence
    found = GSM1K.mark(items.items, ["#### 36", "It is 5", "#### 980.", "#### 2.50"], SILENT)
    assert [each.by_metric["correct"] for each in found] == [True, False, True, True]


@pytest.mark.parametrize("name", ["gsm8k", "gsm1k"])
def test_data_that_is_not_here_is_told_with_the_line_that_gets_it(name: str) -> None:
    benchmark = open_benchmark(name)
    assert benchmark.name == name and benchmark.data
    with pytest.raises(MissingError) as caught:
        benchmark.read(None, None)
    assert benchmark.data.get in caught.value.mend


@pytest.mark.parametrize(
    ("response", "final", "expected"),
    [
        ("How many? ** 70+2=<<70+2=72>>72\n#### 72", "72", (True, True, True)),
        ("How many? ** 70+2=<<70+2=72>>72\nSo?  ** 72\n\n#### 72\n", "72", (True, True, True)),
        ("How many? ** 70+2=<<70+2=71>>71\n#### 71", "72", (False, False, True)),
        ("70+2=72\n#### 72", "72", (True, True, False)),
        ("How many? ** 72\nIt is so.\n#### 72", "72", (True, True, False)),
        ("How many? ** 72\n#### 72 clips", "72", (True, True, False)),
        ("How many? ** 72\n#### 72\n#### 72", "72", (True, True, False)),
        ("How many? ** 72\n#### 72\n\nQuestion: And 5?", "72", (True, False, False)),
        ("How many? ** What? ** 72\n#### 72", "72", (True, True, False)),
        ("How many? ** \n#### 72", "72", (True, True, False)),
        ("#### 72", "72", (True, True, False)),
        ("It is 72.", "72", (False, True, False)),
        ("The answer is $72.00", "72", (False, True, False)),
        ("#### $1,200.", "1200", (True, True, False)),
        ("#### 1200", "1,200", (True, True, False)),
        ("#### −4", "-4", (True, True, False)),
        ("#### 4", "-4", (False, False, False)),
        ("#### 72.5", "72", (False, False, False)),
        ("#### 720", "72", (False, False, False)),
        ("#### 7/2", "7", (False, False, False)),
        ("", "72", (False, False, False)),
        ("####", "72", (False, False, False)),
        ("I do not know.", "72", (False, False, False)),
    ],
)
def test_what_a_response_is_worth(response: str, final: str, expected: tuple[bool, ...]) -> None:
    assert worth(response, final) == expected


def test_a_mark_says_what_is_wrong() -> None:
    assert marks(asked("72"), "#### 71").reason == "71 and not 72"
    assert marks(asked("1,200"), "1200").reason == "no number behind '####' and not 1,200"
    assert marks(asked("72"), "#### 72").reason == ""


@given(st.text(max_size=60) | st.text(alphabet="0123456789#$,.- *\n", max_size=60))
def test_every_response_gets_every_mark(response: str) -> None:
    found = marks(asked("72"), response)
    assert all(isinstance(value, bool) for value in found.by_metric.values())
    assert bool(found.reason) != found.by_metric["correct"]


@given(
    st.integers(-(10**9), 10**9),
    st.sampled_from(["{}", "{}.", "{}.00", "**{}**", "{} clips", "$ {}"]),
    st.booleans(),
    st.integers(-3, 3),
)
def test_spelling_does_not_matter_and_the_value_does(value: int, spelled: str, grouped: bool, off: int) -> None:
    said = spelled.format(f"{value:,}" if grouped else value)
    correct, flexible, _ = worth(f"It is so.\n#### {said}", str(value + off))
    assert correct == flexible == (off == 0)


def test_the_form_agrees_with_the_error_analysis() -> None:
    responses = ["How many? ** 70+2=<<70+2=72>>72\n#### 72", "70+2=72", "#### 72", "How many? ** 72\n#### a", ""]
    rows = [Row(question="q", solution="#### 72", response=each) for each in responses]
    labels = [each.labels["format"] for each in open_annotator("rules", "gsm8k").annotate(rows)]
    assert [label == "no error" for label in labels] == [socratic(each) for each in responses]


@real
def test_the_references_of_the_real_rows_are_right() -> None:
    items = GSM8K.read(str(DATA / "test_socratic_first700.jsonl"), SYSTEM).items
    found = GSM8K.mark(items, [each.reference["solution"] for each in items], SILENT)
    assert len(items) == 700 and all(all(each.by_metric.values()) for each in found)
    off = GSM8K.mark(items, [each.reference["solution"] + "1" for each in items], SILENT)
    assert not any(each.by_metric["correct"] for each in off)


@real
def test_the_main_form_of_the_real_rows_is_right_and_not_socratic() -> None:
    items = GSM8K.read(str(DATA / "train.jsonl"), None).items[::7]
    found = GSM8K.mark(items, [each.reference["solution"] for each in items], SILENT)
    assert len(items) == 1068 and all(each.by_metric["correct"] for each in found)
    assert not any(each.by_metric["format"] for each in found)

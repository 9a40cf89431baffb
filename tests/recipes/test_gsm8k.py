"""GSM8K: the reader on a fixture with each of the set's traps and on the real files; numbers; the recipe's rows."""

import json
import os
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject import prompts, storage
from kinject.errors import MissingError, UsageError
from kinject.judging.errors import Row as Judged
from kinject.judging.errors import open_annotator
from kinject.recipes import gsm8k, material
from kinject.recipes.question import Pool
from kinject.recipes.readers import rows
from kinject.recipes.readers.gsm8k import (
    KNOWN,
    Problem,
    Step,
    final_number,
    last_number,
    number,
    read,
    solution,
    solved,
)

CASES = Path(__file__).parent.parent / "cases" / "gsm8k"
DATA = Path(os.environ.get("KINJECT_DATA", "nowhere")) / "gsm8k"
real = pytest.mark.skipif(not DATA.is_dir(), reason="KINJECT_DATA names no folder with GSM8K")
SYSTEM = prompts.load("system-gsm8k")


# The reader


def test_socratic_rows_are_read_through_their_traps() -> None:
    found = read(CASES / "socratic.jsonl")
    assert (found.read, len(found.problems), found.socratic, found.known) == (13, 7, True, None)
    assert found.left_out == {
        "there is no ####": 1,
        "#### stands more than once": 1,
        "#### does not stand in the last line": 1,
        "what stands after #### is no number": 1,
        "there is no step": 1,
        "the question is empty": 1,
    }
    plums, mill, noon, nora, ole, cake, lena = found.problems
    assert plums.steps == (
        Step("Tom picks 6*2=<<6*2=12>>12 plums.", "How many plums does Tom pick?"),
        Step("They have 6+12=<<6+12=18>>18 plums.", "How many plums do they have?"),
    )
    assert [each.final for each in (mill, noon, ole)] == ["1,200", "-4", "6"]
    assert [number(each.final) for each in (mill, noon, ole)] == [1200, -4, 6]
    assert [step.question for step in nora.steps] == ["How much does she pay?", "How much is left?"]
    assert ole.question == "Ole’s boat\u00a0has 4 oars.  He buys 2 more. How many oars has it?\u200b"
    assert ole.steps == (Step("It\u00a0has 4+2=<<4+2=6>>6 oars.", "How many oars has Ole’s boat?"),)
    assert cake.steps[1] == Step("", "How many parts are left?")
    assert lena.steps == (Step("That is seven kilometres", "How far is that?"),)


def test_the_main_form_has_no_sub_questions() -> None:
    found, socratic = read(CASES / "main.jsonl"), read(CASES / "socratic.jsonl")
    assert not found.socratic and found.left_out == {}
    for main, other in zip(found.problems, socratic.problems, strict=False):
        assert [step.text for step in main.steps] == [step.text for step in other.steps]
        assert all(step.question is None for step in main.steps) and main.final == other.final


def test_answers_may_be_bare_numbers_where_that_is_asked_for() -> None:
    found = read(CASES / "gsm1k.jsonl", bare=True)
    assert [each.final for each in found.problems] == ["36", "5", "980", "2.5"]
    assert [len(each.steps) for each in found.problems] == [0, 0, 1, 0]
    assert found.left_out == {"there is no ####": 1}
    assert len(read(CASES / "gsm1k.jsonl").problems) == 1


def test_a_list_is_read_like_lines(tmp_path: Path) -> None:
    lines = (CASES / "socratic.jsonl").read_text().splitlines()
    (tmp_path / "list.json").write_text(json.dumps([json.loads(line) for line in lines if line]))
    assert read(tmp_path / "list.json").problems == read(CASES / "socratic.jsonl").problems


def test_a_published_file_is_known_to_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = CASES / "socratic.jsonl"
    monkeypatch.setitem(KNOWN, storage.file_digest(path), "train_socratic.jsonl")
    assert read(path).known == "train_socratic.jsonl"
    (tmp_path / "other.jsonl").write_bytes(path.read_bytes() + b"\n")
    assert read(tmp_path / "other.jsonl").known is None


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("[1]", "no problem"),
        ('{"question": "q"}', "answer"),
        ('{"question": 1, "answer": "a"}', "question"),
        ('{"question": "q", "answer": true}', "answer"),
        ('{"question": "q", "answer": null}', "answer"),
        ("{1}", "JSON"),
    ],
)
def test_what_is_no_row_is_told_by_its_place(line: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"question": "q", "answer": "2+2=4\\n#### 4"}\n' + line + "\n")
    with pytest.raises(UsageError, match=word) as caught:
        read(path)
    assert caught.value.where.startswith(f"{path}:2")


def test_a_file_that_is_not_there_is_told_with_the_line_that_gets_it(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as caught:
        read(tmp_path)
    assert "curl" in caught.value.mend and "--source gsm8k:" in caught.value.mend


WORDS = st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="#*"), min_size=1, max_size=12)
LINES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
FINALS = st.builds(
    lambda sign, size, cents: f"{sign}{size:,}{cents}",
    st.sampled_from(["", "-"]),
    st.integers(0, 10**12),
    st.sampled_from(["", ".5", ".00"]),
)
STEPS = st.lists(st.builds(Step, LINES, LINES), min_size=1, max_size=4) | st.lists(
    st.builds(Step, LINES), min_size=1, max_size=4
)


@given(LINES, STEPS, FINALS)
def test_what_is_written_is_read_again(question: str, steps: list[Step], final: str) -> None:
    problem = Problem(question, tuple(steps), final)
    written = solution(problem)
    assert solved(question, written) == problem
    assert final_number(written) == last_number(written) == number(final) == Fraction(final.replace(",", ""))


@given(st.text(alphabet="0123456789+-*/=<>.,$# \n?ab\u00a0", max_size=40))
def test_what_was_read_is_written_and_read_the_same(answer: str) -> None:
    found = solved("q", answer)
    if isinstance(found, Problem):
        again = solved("q", solution(found))
        assert again == found and final_number(answer) is not None


# Numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("72", 72),
        ("1,234,567", 1234567),
        ("-5", -5),
        ("−5", -5),
        ("$72", 72),
        ("-$72", -72),
        ("$-72", -72),
        ("€ 7", 7),
        ("72.00", 72),
        (".5", Fraction(1, 2)),
        ("1,200.50", Fraction(2401, 2)),
        (" 7\u200b", 7),
        ("1,2", None),
        ("12,34", None),
        ("7/2", None),
        ("7 2", None),
        ("72 clips", None),
        ("four", None),
        ("", None),
        ("-", None),
        ("9" * 31, None),
    ],
)
def test_a_number(text: str, value: Fraction | int | None) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    ("response", "value"),
    [
        ("It is 12.\n#### 72", 72),
        ("#### 72.", 72),
        ("####72", 72),
        ("#### $1,200.00.", 1200),
        ("#### 72 clips", 72),
        ("#### 72%", 72),
        ("#### **72**", 72),
        ("####\n72", 72),
        ("#### − 5", -5),
        ("#### -$5", -5),
        ("#### Step 1\nSo it is\n#### 8", 8),
        ("#### 8\nQuestion: Another?\n#### 9", 8),
        ("72", None),
        ("#### about 72", None),
        ("##### 72", None),
        ("#### 7/2", None),
        ("#### 7:30", None),
        ("#### 1,2", None),
        ("#### 7^2", None),
        ("####", None),
        ("", None),
    ],
)
def test_the_final_number(response: str, value: int | None) -> None:
    assert final_number(response) == value


@pytest.mark.parametrize(
    ("response", "value"),
    [
        ("first 5, then 72", 72),
        ("It is 72.", 72),
        ("10-3", 3),
        ("10 - 3 = 7", 7),
        ("it is -3.", -3),
        ("it is −$3.50!", Fraction(-7, 2)),
        ("$1,200 in all", 1200),
        ("Day-2", 2),
        ("<<3*4=12>>", 12),
        ("no number", None),
        ("", None),
    ],
)
def test_the_last_number(response: str, value: Fraction | int | None) -> None:
    assert last_number(response) == value


@pytest.mark.parametrize("piece", ["9", "1,", "-", "#", "#### ", "1.", "$-", " 1", "####\n"])
def test_hostile_responses_take_no_time(piece: str) -> None:
    for text in (piece * (100_000 // len(piece)), "#### " + piece * (100_000 // len(piece)) + "x"):
        final_number(text)
        last_number(text)
        solved("q", text)


# The recipe


def test_the_rows_are_the_appendixs() -> None:
    made = gsm8k.build(f"gsm8k:{CASES / 'socratic.jsonl'}", SYSTEM)
    assert SYSTEM == "You are an expert in mathematics. Solve the following math problem"
    row = next(row for row in made.rows if "plums" in row.response)
    assert [(message.role, message.content) for message in row.conversation] == [
        ("system", SYSTEM),
        ("user", "Ida picks 6 plums and Tom picks twice as many. How many plums do they have?"),
    ]
    assert row.response == (
        "How many plums does Tom pick? ** Tom picks 6*2=<<6*2=12>>12 plums.\n"
        "How many plums do they have? ** They have 6+12=<<6+12=18>>18 plums.\n"
        "#### 18"
    )
    assert {name: made.card[name] for name in ("read", "problems", "steps", "form", "licence")} == {
        **{"read": 13, "problems": 7, "steps": 10, "form": "Socratic", "licence": "MIT (GSM8K)"},
    }
    assert made.name == "gsm8k" and sum(made.card["left_out"].values()) == 6
    assert made.card["published_file"].startswith("no") and made.card["source"].startswith("gsm8k:")


def test_rows_are_shuffled_the_same_way_every_time() -> None:
    source = f"gsm8k:{CASES / 'socratic.jsonl'}"
    made, again = gsm8k.build(source, SYSTEM), gsm8k.build(source, SYSTEM)
    assert made.digest == again.digest
    order = [solution(problem) for problem in read(CASES / "socratic.jsonl").problems]
    assert sorted(order) == sorted(row.response for row in made.rows) and order != [row.response for row in made.rows]


def test_a_card_says_that_the_main_form_is_not_the_papers() -> None:
    made = gsm8k.build(f"gsm8k:{CASES / 'main.jsonl'}", SYSTEM)
    assert made.card["form"].startswith("main") and len(made.rows) == 2


def test_rows_that_are_built_are_taken_as_they_are(tmp_path: Path) -> None:
    made = gsm8k.build(f"gsm8k:{CASES / 'socratic.jsonl'}", SYSTEM)
    rows.write(made, tmp_path / "rows.jsonl")
    assert gsm8k.build(str(tmp_path / "rows.jsonl"), "other").digest == made.digest


def test_a_source_without_word_problems_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "open_source", lambda source: Pool("subqa:x", "", (), 0))
    with pytest.raises(MissingError, match="word problems") as caught:
        gsm8k.build("there", SYSTEM)
    assert caught.value.where == "--source" and "curl" in caught.value.mend


# The real files


@real
@pytest.mark.parametrize(
    ("name", "count", "known"), [("train.jsonl", 7473, "train.jsonl"), ("test_socratic_first700.jsonl", 700, None)]
)
def test_the_real_files_are_read_whole(name: str, count: int, known: str | None) -> None:
    found = read(DATA / name)
    raw = [json.loads(line) for line in (DATA / name).read_bytes().split(b"\n") if line]
    assert (found.read, len(found.problems), found.left_out, found.known) == (count, count, {}, known)
    assert found.socratic == ("socratic" in name)
    differing = 0
    for row, problem in zip(raw, found.problems, strict=True):
        differing += solution(problem) != row["answer"]
        assert final_number(row["answer"]) == last_number(row["answer"]) == number(problem.final) is not None
        assert final_number(solution(problem)) == number(problem.final)
    assert differing == (4 if name == "train.jsonl" else 0)  # blank lines


@real
def test_real_rows_keep_the_form_that_errors_are_looked_for_in() -> None:
    made = gsm8k.build(f"gsm8k:{DATA / 'test_socratic_first700.jsonl'}", SYSTEM)
    judged = [
        Judged(question=row.conversation[-1].content, solution=row.response, response=row.response)
        for row in made.rows[:200]
    ]
    found = open_annotator("rules", "gsm8k").annotate(judged)
    assert [each.reason for each in found if each.labels["format"] != "no error"] == []

"""Other people's sets, read: what is used, what is left out and why; fixtures in their form, and the real ones."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from kinject.engines.base import Message
from kinject.errors import IntegrityError, KinjectError, MissingError, UsageError
from kinject.recipes import TrainingSet, material
from kinject.recipes.question import Pool
from kinject.recipes.readers import form, lima, musique, rows, sentences, subqa
from kinject.recipes.row import Row

CASES = Path(__file__).parent.parent / "cases" / "recipes"
DATA = Path(os.environ.get("KINJECT_DATA", "nowhere"))
real = pytest.mark.skipif(not DATA.is_dir(), reason="KINJECT_DATA names no folder of public data sets")


# SubQA


def test_subqa_is_joined_by_id_with_the_sentences_that_tell_each_hop() -> None:
    pool = subqa.read(CASES / "subqa")
    assert (pool.read, pool.left_out, "CC BY-SA" in pool.licence) == (3, {}, True)
    lamp, song, paper = pool.questions
    assert [(hop.question, hop.answer) for hop in lamp.hops] == [
        ("Who invented the Lumo lamp?", "Ida Brandt"),
        ("Which river crosses the town where Ida Brandt was born?", "the Arda"),
    ]
    # Of the question's own supporting facts, one of which numbers a sentence that is not there.
    assert lamp.sentences == (
        "The Lumo lamp was invented by Ida Brandt.",
        "Ida Brandt: She was born in a town on the Arda.",
    )
    # The second hop's sentence does not tell the answer, so nothing tells the whole.
    assert (song.hops[0].sentences, song.hops[1].sentences, song.sentences) == (
        ("Blue Barns is a song by Tom Ruiz.",),
        (),
        (),
    )
    assert paper.answer == "Orla Inc."


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return copytree(CASES / "subqa", tmp_path / "subqa")


def change(path: Path, edit: Callable[[list[dict[str, object]]], object]) -> None:
    items = json.loads(path.read_text())
    edit(items)
    path.write_text(json.dumps(items))


def test_where_no_id_fits_the_order_counts(copied: Path) -> None:
    for name in ("dev_sub1.json", "dev_sub2.json"):
        change(copied / name, lambda items: items.sort(key=lambda item: item["_id"]))  # type: ignore[arg-type,return-value]
        change(copied / name, lambda items: [item.update(_id=f"{n:05}") for n, item in enumerate(items)])
    assert subqa.read(copied).questions == subqa.read(CASES / "subqa").questions


def test_a_question_without_its_sub_question_is_left_out(copied: Path) -> None:
    change(copied / "dev_sub2.json", lambda items: items.pop(0))
    pool = subqa.read(copied)
    assert (len(pool.questions), pool.left_out) == (2, {"a sub-question is missing": 1})


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda folder: (folder / "dev_sub1.json").unlink(), MissingError, "no dev_sub1.json"),
        (lambda folder: (folder / "dev_ori.json").write_text("{}"), UsageError, "no list of rows"),
        (lambda folder: (folder / "dev_ori.json").write_text('[{"_id": "a"}]'), UsageError, "question: Field required"),
        (lambda folder: (folder / "dev_ori.json").write_text("[{"), UsageError, "not JSON"),
        (lambda folder: (folder / "dev_sub1.json").write_text("[]"), MissingError, ""),
    ],
)
def test_a_folder_that_is_no_subqa_is_told(
    spoil: Callable[[Path], object], error: type[KinjectError], words: str, copied: Path
) -> None:
    spoil(copied)
    if words:
        with pytest.raises(error, match=words) as caught:
            subqa.read(copied)
        assert caught.value.mend and str(copied) in caught.value.where
    else:  # every question lacks its first hop
        assert subqa.read(copied).left_out == {"a sub-question is missing": 3}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"question": 5}, "question"),
        ({"answer": None}, "answer"),
        ({"_id": 7}, "_id"),
        ({"context": [1]}, "context.0"),
        ({"context": None}, "context"),
        ({"context": [["Lamp", [1]]]}, "context.0.1.0"),
        ({"supporting_facts": [["Lamp", "0"]]}, "supporting_facts.0.1"),
        ({"supporting_facts": [["Lamp", None]]}, "supporting_facts.0.1"),
        ({"supporting_facts": [["Lamp"]]}, "supporting_facts.0.1"),
        ({"supporting_facts": 3}, "supporting_facts"),
    ],
)
@pytest.mark.parametrize("name", ["dev_ori.json", "dev_sub2.json"])
def test_a_row_of_subqa_of_another_form_is_told_by_its_place(
    name: str, changes: dict[str, object], field: str, copied: Path
) -> None:
    change(copied / name, lambda items: items[1].update(changes))
    with pytest.raises(UsageError, match=f"this is no question in HotpotQA's form: {field}: ") as caught:
        subqa.read(copied)
    assert caught.value.where == f"{copied / name}: row 2" and "data.zip" in caught.value.mend


def test_a_supporting_fact_that_is_not_there_tells_nothing(copied: Path) -> None:
    before = subqa.read(copied)
    for name in ("dev_ori.json", "dev_sub1.json", "dev_sub2.json"):
        change(copied / name, lambda items: items[0]["supporting_facts"].extend([["Lumo lamp", -1], ["x", 0]]))  # type: ignore[attr-defined]
    assert subqa.read(copied).questions == before.questions


def test_files_that_do_not_belong_together_are_told(copied: Path) -> None:
    for name in ("dev_sub1.json", "dev_sub2.json"):
        change(copied / name, lambda items: [item.update(_id=f"{n:05}") for n, item in enumerate(items)])
    change(copied / "dev_sub2.json", lambda items: items.pop())
    with pytest.raises(UsageError, match="do not belong together"):
        subqa.read(copied)


# MuSiQue


def test_musique_s_two_hop_rows_are_questions_and_the_rest_is_counted() -> None:
    pool = musique.read(CASES / "musique.jsonl")
    assert pool.read == 6 == len(pool.questions) + sum(pool.left_out.values())
    assert pool.left_out == {
        "a sub-question is no question": 1,
        "it cannot be answered": 1,
        "it has 3 hops": 1,
        "the last hop has another answer": 1,
    }
    river, award = pool.questions
    assert river.question == "What river runs through the birthplace of Ida Brandt?"
    assert [hop.question for hop in river.hops] == ["Where was Ida Brandt born?", "What river runs through Velm?"]
    assert river.sentences == ("Ida Brandt: She was born in Velm.", "The Arda runs through Velm.")
    assert [hop.question for hop in award.hops] == [
        "What is the architect of Harp Hall?",
        "Mara Lind's award was which one?",
    ]
    assert award.sentences == ()


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Van Hook Township >> capital", "What is the capital of Van Hook Township?"),
        ("Brand >> author", "Who is the author of Brand?"),
        ("Humboldt Peak (Colorado ) >> part of", "What is Humboldt Peak (Colorado) part of?"),
        ("what is the name of the waterfall in Zimbabwe", "What is the name of the waterfall in Zimbabwe?"),
        ("Who was in charge of Bohemia ?", "Who was in charge of Bohemia?"),
        ("who scored Chelsea 's first goal", "Who scored Chelsea's first goal?"),
        ("Tom Hanks movie", None),
    ],
)
def test_relations_and_headlines(text: str, question: str | None) -> None:
    assert musique.asked(text) == question


def test_a_file_that_is_no_musique_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"question": "Who?"}\n')
    with pytest.raises(UsageError, match="no row of MuSiQue's form: answer: Field required") as caught:
        musique.read(tmp_path / "x.jsonl")
    assert caught.value.where.endswith("x.jsonl:1")
    with pytest.raises(MissingError, match="does not exist"):
        musique.read(tmp_path / "y.jsonl")


MUSIQUE = {
    "question": "When?",
    "answer": "1987",
    "paragraphs": [{"idx": 0, "title": "T", "paragraph_text": "He retired in 1987."}],
    "question_decomposition": [
        {"question": "Who?", "answer": "Tom"},
        {"question": "When did #1 retire?", "answer": "1987", "paragraph_support_idx": 0},
    ],
}


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        (("question_decomposition", 0, "answer"), None, "question_decomposition.0.answer"),
        (("answer",), 1987, "answer"),
        (("question",), ["When?"], "question"),
        (("paragraphs", 0, "paragraph_text"), None, "paragraphs.0.paragraph_text"),
        (("paragraphs", 0, "title"), 7, "paragraphs.0.title"),
        (("paragraphs", 0), "T", "paragraphs.0"),
        (("paragraphs",), None, "paragraphs"),
        (("question_decomposition",), {}, "question_decomposition"),
        (("question_decomposition", 1, "paragraph_support_idx"), "0", "question_decomposition.1.paragraph_support_idx"),
        (("answerable",), "no", "answerable"),
        ((), [], ""),
        ((), 5, ""),
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_a_row_of_musique_of_another_form_is_told_by_its_place(
    listed: bool, place: tuple[str | int, ...], value: object, field: str, tmp_path: Path
) -> None:
    spoiled = json.loads(json.dumps(MUSIQUE))
    at = spoiled
    for step in place[:-1]:
        at = at[step]
    if place:
        at[place[-1]] = value
    lines = [MUSIQUE, spoiled if place else value]
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(lines) if listed else "\n\n".join(map(json.dumps, lines)))
    with pytest.raises(UsageError, match=f"this is no row of MuSiQue's form: {field}") as caught:
        musique.read(path)
    assert caught.value.where == (f"{path}: row 2" if listed else f"{path}:3") and caught.value.mend
    path.write_text(json.dumps([MUSIQUE]))
    assert len(musique.read(path).questions) == 1


@real
def test_the_real_musique_is_read_without_loss() -> None:
    files = sorted(DATA.glob("musique/*.json*"))
    if not files:
        pytest.skip("no MuSiQue among the public data sets")
    for path in files:
        pool = musique.read(path)
        assert pool.read == len(form.read_any(path)) == len(pool.questions) + sum(pool.left_out.values())
        used = [item for _, item in form.read_any(path) if len(item["question_decomposition"]) == 2]
        assert len(pool.questions) >= 0.9 * len(used)
        for question in pool.questions:
            assert question.answer == question.hops[-1].answer
            assert not any("#1" in hop.question or ">>" in hop.question for hop in question.hops)


# LIMA


def test_lima_in_both_forms() -> None:
    chats = lima.read(CASES / "lima.json")
    assert (chats.read, chats.left_out) == (7, {"no reply": 2, "a turn is empty": 1})
    assert chats.chats == (
        ("How do I keep bread fresh?", "Wrap it in a cloth."),
        ("Shorten this.\nThe meeting has been moved to Monday.", "Meeting moved to Monday."),
        ("How do I keep bread fresh?", "Wrap it in a cloth.", "And for cake?", "A tin with a lid."),
        ("Name a colour.", "Green.", "Another one.", "Red."),
    )


def test_a_file_that_is_no_lima_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as caught:
        lima.read(tmp_path / "train.jsonl")
    assert "HF_TOKEN" in caught.value.mend
    (tmp_path / "x.jsonl").write_text('{"prompt": "Who?"}\n')
    with pytest.raises(UsageError, match="no conversation of LIMA"):
        lima.read(tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"instruction": "a", "output": "b", "history": [1, 2]}, "history.0"),
        ({"instruction": "a", "output": "b", "history": 5}, "history"),
        ({"instruction": "a", "output": "b", "history": [["c"]]}, "history.0.1"),
        ({"instruction": "a", "output": "b", "input": ["x"]}, "input"),
        ({"instruction": "a"}, "output"),
        ({"conversations": []}, "conversations"),
        ({"conversations": ["a", 1]}, "conversations"),
        ({"conversations": None}, "conversations"),
        (5, "Input should be"),
        ("a", "Input should be"),
    ],
)
def test_a_row_of_lima_of_another_form_is_told_by_its_place(row: object, field: str, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(f'{{"conversations": ["a", "b"]}}\n\n{json.dumps(row)}\n')
    with pytest.raises(UsageError, match=f"this is no conversation of LIMA: {field}") as caught:
        lima.read(tmp_path / "x.jsonl")
    assert caught.value.where.endswith("x.jsonl:3") and "conversations" in caught.value.mend


@real
def test_the_real_lima_is_read_without_loss() -> None:
    files = sorted(DATA.glob("lima/*.json*"))
    if not files:
        pytest.skip("no LIMA among the public data sets")
    for path in files:
        chats = lima.read(path)
        assert chats.read == len(form.read_any(path)) == len(chats.chats) + sum(chats.left_out.values())
        assert set(chats.left_out) == ({"no reply"} if "test" in path.name else set())


# Rows of our own


ROWS = TrainingSet(
    "lima",
    (
        Row((Message("system", "S"), Message("user", "Who?")), "Ida → 1\nBrandt"),
        Row((Message("user", "a"), Message("assistant", "b"), Message("user", "ç")), ""),
    ),
    {"source": "lab@0", "licence": "CC0-1.0", "chats": 2},
)


def test_rows_are_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    card = rows.write(ROWS, path)
    again = rows.read(path)
    assert (again.name, again.rows, again.digest) == (ROWS.name, ROWS.rows, ROWS.digest)
    assert again.card == card == rows.card_of(ROWS)
    assert (card["recipe"], card["rows"], card["licence"]) == ("lima", 2, "CC0-1.0")
    with pytest.raises(UsageError, match="a file already"):
        rows.write(ROWS, path)
    with pytest.raises(UsageError, match=r"\.jsonl"):
        rows.write(ROWS, tmp_path / "rows.json")


def test_rows_that_were_changed_say_so_and_rows_without_a_card_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows.write(ROWS, path)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert (rows.read(path).card["changed_after_built"], rows.read(path).card["rows"]) == (True, 1)
    rows.card_path(path).unlink()
    assert (rows.read(path).name, rows.read(path).card) == ("own", {"source": str(path), "rows": 1})


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        '{"messages": [], "response": "x"}',
        '{"messages": [{"role": "user", "content": "x"}]}',
        '{"messages": [{"role": "user", "content": "x"}], "response": 1}',
        '{"messages": [{"role": "user", "content": "x"}], "response": "x", "weight": 2}',
        '{"messages": [{"role": "tool", "content": "x"}], "response": "x"}',
        '{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}], "response": "x"}',
    ],
)
def test_a_line_that_is_no_row_is_told(line: str, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(
        f'{{"messages": [{{"role": "user", "content": "a"}}], "response": "b"}}\n{line}\n'
    )
    with pytest.raises(UsageError, match="this is no") as caught:
        rows.read(tmp_path / "x.jsonl")
    assert caught.value.where.endswith("x.jsonl:2") and "messages" in caught.value.mend


# Names of sources


def test_a_source_is_named(tmp_path: Path) -> None:
    rows.write(ROWS, tmp_path / "rows.jsonl")
    assert material.open_source("lab@3") is material.world.build(3)
    assert isinstance(material.open_source(f"subqa:{CASES / 'subqa'}"), Pool)
    assert isinstance(material.open_source(f"musique:{CASES / 'musique.jsonl'}"), Pool)
    assert isinstance(material.open_source(f"lima:{CASES / 'lima.json'}"), lima.Chats)
    assert isinstance(material.open_source(str(tmp_path / "rows.jsonl")), TrainingSet)
    assert [material.of_lab(name) for name in ("lab", "lab@3", "subqa:x", "x.jsonl")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("source", "there"),
    [
        ("lab", True),
        ("lab@3", True),
        ("x.jsonl", True),
        ("musique:x.jsonl", False),
        ("subqa:x", False),
        ("lab:4", False),
    ],
)
def test_a_source_s_name_tells_whether_its_recalls_are_there(source: str, there: bool) -> None:
    assert material.has_recalls(source) is there


@pytest.mark.parametrize("source", ["example", "lab@", "lab:400", "hotpot:x", "subqa:", "", "nowhere.jsonl"])
def test_a_source_that_means_nothing_is_told(source: str) -> None:
    with pytest.raises(MissingError) as caught:
        material.open_source(source)
    assert caught.value.mend and not isinstance(caught.value, IntegrityError)


# Sentences


def test_the_sentence_that_answers_is_found() -> None:
    told = [
        ("Velm", "Velm is old."),
        ("Velm", "It lies on the Arda."),
        ("Velm", "The Arda runs through Velm, they say."),
    ]
    assert sentences.telling("What river runs through Velm?", "the Arda", told) == (told[2][1],)
    assert sentences.telling("Where?", "Arda", told[:2]) == ("Velm: It lies on the Arda.",)
    assert sentences.telling("Where?", "Oder", told) == ()
    assert sentences.telling("Where?", "Oder", [("", "Oder " * 100)]) == ()
    assert sentences.split("He met G. Stanley Hall. In St. Louis? Yes.") == [
        "He met G. Stanley Hall.",
        "In St. Louis?",
        "Yes.",
    ]

"""What is written reads back as it was, nothing is overwritten, and odd names do no harm."""

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from runpy import run_path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given, settings

sys.path.insert(0, str(Path(__file__).parent))  # for soundfacts.py
import soundfacts

from kinject.errors import KinjectError, UsageError
from kinject.exports import EXPORTERS, default_place, destination, open_exporter
from kinject.exports.benchmark import rows, safe_name
from kinject.exports.licences import ADDRESSES, hub_name
from kinject.facts.check import check
from kinject.facts.importers import csv as csv_importer
from kinject.facts.load import load
from kinject.facts.schema import Card, Fact, FactSet
from kinject.prompts import recall
from kinject.resources import facts_folder
from kinject.storage import read_json, read_jsonl, write_text

EXAMPLE = load(facts_folder() / "example.jsonl")
FOLDERS = ("datasets", "lm-eval", "inspect")
CARD = Card(name="c", licence="CC BY 4.0", version="1.1.0", canary="GUID 7", description="Of the world.")
LONG = settings(deadline=None, max_examples=25)


@contextmanager
def exported(name: str, facts: FactSet) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        out = Path(folder) / "to" / "mine"
        out = out if name in FOLDERS else out.with_suffix(".jsonl")
        files = open_exporter(name)(facts, out)
        assert files and sorted(files) == sorted(path for path in out.parent.rglob("*") if path.is_file())
        yield out


@LONG
@given(soundfacts.sets())
def test_the_facts_of_these_tests_are_sound(facts: FactSet) -> None:
    assert check(replace(facts, card=None)) == []


def test_a_name_that_is_no_format_is_told_the_nearest() -> None:
    with pytest.raises(UsageError) as error:
        open_exporter("jsonlines")
    assert error.value.where == "--format" and "jsonl" in error.value.message
    for other in ("json:dumps", "kinject.exports:ENDS"):
        with pytest.raises(UsageError, match="is no exporter") as error:
            open_exporter(other)
        assert error.value.where == "--format" and error.value.mend
    assert open_exporter("kinject.exports.csv:export") is open_exporter("csv")


# Round trips


@given(soundfacts.sets())
@LONG
def test_jsonl_gives_facts_and_card_again(facts: FactSet) -> None:
    with exported("jsonl", facts) as out:
        assert load(out) == facts
        if facts.card and facts.card.cutoff:  # a date in quotes, and as somebody types it
            card = out.with_suffix(".yaml")
            write_text(card, card.read_text(encoding="utf-8").replace(f"'{facts.card.cutoff}'", facts.card.cutoff))
            assert load(out) == facts


def test_jsonl_writes_the_bytes_of_the_example() -> None:
    with exported("jsonl", EXAMPLE) as out:
        assert out.read_bytes() == (facts_folder() / "example.jsonl").read_bytes()


@given(soundfacts.sets())
@LONG
def test_csv_gives_the_facts_again(facts: FactSet) -> None:
    with exported("csv", facts) as out:
        assert tuple(csv_importer.read(out)) == facts.facts


@given(soundfacts.sets())
@LONG
def test_datasets_gives_the_facts_again(facts: FactSet) -> None:
    from datasets import load_dataset

    with exported("datasets", facts) as out:
        found = load_dataset(str(out), cache_dir=str(out.parent / "cache"))
        assert list(found) == ["test"]
        assert tuple(Fact.model_validate(row) for row in found["test"]) == facts.facts


@given(soundfacts.sets())
@LONG
def test_messages_are_the_rows_of_event_sft(facts: FactSet) -> None:
    with exported("messages", facts) as out:
        for fact, row in zip(facts.facts, read_jsonl(out), strict=True):
            system, user, assistant = row["messages"]
            assert list(row) == ["messages"]
            assert [each["role"] for each in row["messages"]] == ["system", "user", "assistant"]
            assert system["content"] and user["content"] == fact.direct.question
            response = recall.parse(assistant["content"])
            assert (response.event, response.answer) == (fact.event, fact.direct.answer)


@pytest.mark.parametrize("name", ["lm-eval", "inspect"])
@given(facts=soundfacts.sets())
@LONG
def test_benchmarks_hold_every_question(name: str, facts: FactSet) -> None:
    with exported(name, facts) as out:
        asked = list(read_jsonl(out / "kinject_mine_direct.jsonl"))
        assert [row["id"] for row in asked] == [fact.id for fact in facts.facts]
        assert [(row["question"], row["answer"], tuple(row["aliases"])) for row in asked] == [
            (fact.direct.question, fact.direct.answer, fact.direct.aliases) for fact in facts.facts
        ]
        hopping = [fact for fact in facts.facts if fact.multihop]
        assert (out / "kinject_mine_multihop.jsonl").exists() == bool(hopping)
        if hopping:
            assert [row["id"] for row in read_jsonl(out / "kinject_mine_multihop.jsonl")] == [
                fact.id for fact in hopping
            ]
        assert all(row.get("canary", "") == (facts.card.canary if facts.card else "") for row in asked)


def test_paraphrases_have_ids_of_their_own() -> None:
    found = rows(EXAMPLE, "direct", paraphrased=True)
    assert len({row["id"] for row in found}) == len(found) == sum(len(f.direct.paraphrases) for f in EXAMPLE.facts)
    assert found[0]["question"] == EXAMPLE.facts[0].direct.paraphrases[0]


# Nothing is lost


@pytest.mark.parametrize("name", EXPORTERS)
def test_nothing_is_overwritten(name: str) -> None:
    with exported(name, EXAMPLE) as out:
        before = {path: path.read_bytes() for path in out.parent.rglob("*") if path.is_file()}
        with pytest.raises(UsageError) as error:
            open_exporter(name)(replace(EXAMPLE, facts=EXAMPLE.facts[:1]), out)
        assert error.value.where and "--out" in error.value.mend
        assert before == {path: path.read_bytes() for path in out.parent.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", EXPORTERS)
def test_what_lies_there_stays(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "file").write_text("mine")
    for taken in ("folder", "file", "link"):
        with pytest.raises(UsageError, match="already"):
            open_exporter(name)(EXAMPLE, tmp_path / taken)
    assert len(list(tmp_path.rglob("*"))) == 4


def test_a_card_in_the_way_stops_the_facts_too(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("mine")
    for out in ("mine.jsonl", "other.yaml"):
        with pytest.raises(UsageError):
            open_exporter("jsonl")(EXAMPLE, tmp_path / out)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize("name", FOLDERS)
def test_an_empty_folder_is_filled(name: str, tmp_path: Path) -> None:
    assert all(path.parent == tmp_path or path.exists() for path in open_exporter(name)(EXAMPLE, tmp_path / "."))


def test_half_a_folder_is_never_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(path: Path) -> None:
        raise KinjectError("the disk is full")

    monkeypatch.setattr(destination, "sync_folder", no_room)
    with pytest.raises(KinjectError, match="full"):
        open_exporter("datasets")(EXAMPLE, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_place_that_is_no_file_or_folder_to_be_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link.jsonl").symlink_to("nowhere")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "below").mkdir()
    monkeypatch.chdir(tmp_path / "here" / "below")
    for place in (".", "/", "..", "../../link.jsonl"):
        with pytest.raises(UsageError) as error:
            open_exporter(name)(EXAMPLE, Path(place))
        assert error.value.where == place and "--out" in error.value.mend
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_set_without_facts_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no facts"):
        open_exporter(name)(FactSet("none", ()), tmp_path / "out.jsonl")
    assert list(tmp_path.iterdir()) == []


# Names


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("my facts!", "my_facts"),
        ("Événements-2024", "Evenements_2024"),
        ("2024", "2024"),
        ("事実", "facts"),
        ("words", "words"),
        ("kinject facts", "kinject_facts"),
        ("yes", "yes"),
        ("__", "facts"),
        ("a" * 300, "a" * 80),
        ("a'b\"c: $d {e} \\", "a_b_c_d_e"),
    ],
)
def test_any_name_gives_tasks_that_can_be_read(name: str, safe: str, tmp_path: Path) -> None:
    assert safe_name(name) == safe
    facts = replace(
        EXAMPLE, name=name, card=CARD.model_copy(update={"version": "1.0", "canary": "a: 'b' \"c\" $d {e}"})
    )
    for exporter in EXPORTERS:
        open_exporter(exporter)(facts, tmp_path / f"{exporter}.jsonl")
    ours = "kinject_" + safe.removeprefix("kinject_")
    group = yaml.safe_load((tmp_path / "lm-eval.jsonl" / f"{ours}.yaml").read_text(encoding="utf-8"))
    assert group["group"] == ours and group["task"] == [f"{ours}_direct", f"{ours}_multihop"]
    task = (tmp_path / "lm-eval.jsonl" / f"{ours}_direct.yaml").read_text(encoding="utf-8")
    told = yaml.safe_load(task.replace("!function ", ""))
    assert told["task"] == f"{ours}_direct" and told["metadata"] == group["metadata"]
    assert told["metadata"] == {"version": "1.0", "canary": "a: 'b' \"c\" $d {e}"}
    tree = ast.parse((tmp_path / "inspect.jsonl" / f"{ours}.py").read_text(encoding="utf-8"))
    assert {f"{ours}_direct", f"{ours}_multihop"} < {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef)
    }


def test_a_set_without_multihop_questions_has_no_task_for_them(tmp_path: Path) -> None:
    plain = tuple(fact.model_copy(update={"multihop": None}) for fact in EXAMPLE.facts)
    for name in ("lm-eval", "inspect"):
        files = open_exporter(name)(replace(EXAMPLE, facts=plain), tmp_path / name)
        assert not [path for path in files if "multihop" in path.read_text(encoding="utf-8").replace("sound", "")]


@pytest.mark.parametrize("name", ["lm-eval", "inspect"])
def test_the_folder_says_how_it_is_run_and_what_counts(name: str) -> None:
    with exported(name, replace(EXAMPLE, name="gsm8k")) as out:
        text = (out / "README.md").read_text(encoding="utf-8")
        assert "kinject_gsm8k" in text and "several candidates" in text
        assert not [path for path in out.iterdir() if path.name.startswith("gsm8k")]


# What the copies say


@pytest.mark.parametrize(
    ("response", "accuracy", "exact"),
    [
        ("South Africa", 1, 1),
        (" south africa.\n\nIt won 12-11.", 1, 1),
        ("The Springboks won it.", 1, 0),
        ("New Zealand or South Africa", 1, 0),  # several candidates: the README says so
        ("Event Recall: a final.\nThe final answer is South Africa", 1, 0),
        ("South African", 0, 0),
        ("New Zealand", 0, 0),
        ("", 0, 0),
        ("...", 0, 0),
    ],
)
def test_the_copies_score(response: str, accuracy: int, exact: int) -> None:
    answers = ["South Africa", "Springboks", "RSA"]
    with exported("lm-eval", EXAMPLE) as out:
        task = run_path(str(out / "scoring.py"))
        given = task["process_results"]({"answer": answers[0], "aliases": answers[1:]}, [response])
        assert given == task["score"](response, answers) == {"accuracy": accuracy, "exact_match": exact}
        assert (out / "words.py").read_bytes() == Path(sys.modules["kinject.facts.words"].__file__ or "").read_bytes()


def test_the_hub_finds_what_it_looks_for() -> None:
    with exported("datasets", replace(EXAMPLE, card=CARD)) as out:
        text = (out / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---")[1])
    assert head["license"] == "cc-by-4.0" and head["size_categories"] == ["n<1K"]
    assert head["configs"][0]["data_files"] == [{"split": "test", "path": "data/test-*.parquet"}]
    assert "GUID 7" in text and "1.1.0" in text and "Of the world." in text


@pytest.mark.parametrize(
    ("licence", "name"),
    [
        ("CC BY 4.0", "cc-by-4.0"),
        ("cc-by-nc-sa 3.0", "cc-by-nc-sa-3.0"),
        ("CC0-1.0", "cc0-1.0"),
        ("Apache License, Version 2.0", "apache-2.0"),
        ("The MIT License", "mit"),
        ("CC BY 9.0", None),
        ("none stated", None),
        ("", None),
    ],
)
def test_licences_have_the_hub_s_names(licence: str, name: str | None) -> None:
    assert hub_name(licence) == name
    assert name is None or name in ADDRESSES


@pytest.mark.parametrize("name", ["example", "my facts!", "事実", "a/b", "example after 2023-08"])
def test_croissant_tells_of_the_file_that_jsonl_writes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hashlib import sha256

    monkeypatch.chdir(tmp_path)
    facts = replace(EXAMPLE, name=name, card=CARD.model_copy(update={"source": "See https://a.org/x (2024)."}))
    for format_ in ("jsonl", "croissant"):
        open_exporter(format_)(facts, default_place(facts, format_))
    told = read_json(default_place(facts, "croissant"))
    file = told["distribution"][0]
    assert file["sha256"] == sha256((tmp_path / file["contentUrl"]).read_bytes()).hexdigest()
    assert told["license"] == ADDRESSES["cc-by-4.0"] and told["version"] == "1.1.0"
    assert told["url"] == "https://a.org/x" and told["citeAs"] == "See https://a.org/x (2024)."

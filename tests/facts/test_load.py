import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.errors import KinjectError, MissingError, UsageError
from kinject.facts.load import load, load_card, read, sets
from kinject.facts.schema import Fact, Problem
from kinject.resources import facts_folder
from kinject.storage import read_jsonl, write_jsonl

CASES = Path(__file__).parents[1] / "cases" / "facts"
MINIMAL = '{"id": "a", "event": "E.", "direct": {"question": "Q?", "answer": "E"}}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.jsonl"


def test_a_set_comes_back_as_it_was_written(path: Path) -> None:
    example = load(facts_folder() / "example.jsonl")
    write_jsonl(path, (fact.model_dump(mode="json") for fact in example.facts))
    assert load(path).facts == example.facts
    assert load(path).digest == example.digest
    assert path.read_bytes() == (facts_folder() / "example.jsonl").read_bytes()


def test_the_least_line_loads_and_is_loose(path: Path) -> None:
    path.write_text(MINIMAL)
    facts = load(path)
    assert facts.name == "mine" and facts.card is None
    assert facts.by_id["a"].multihop is None


@pytest.mark.parametrize("case", list(read_jsonl(CASES / "lines.jsonl")), ids=lambda case: case["name"])
def test_a_bad_line_is_one_clear_error(case: dict[str, Any], path: Path) -> None:
    path.write_text(f"{MINIMAL}\n\n{case['line']}\n{MINIMAL}\n".replace('"id": "a"', '"id": "first"', 1))
    problem = next(item for _, item in read(path) if isinstance(item, Problem))
    assert (problem.code, problem.line, problem.field) == (case["code"], 3, case["field"])
    assert case["message"] in problem.message and problem.mend
    with pytest.raises(UsageError) as error:
        load(path)
    assert error.value.where == f"{path}:3" and error.value.mend == problem.mend
    assert case["message"] in error.value.message and case["field"] in error.value.message


@pytest.mark.parametrize("depth", [500, 100_000])
def test_a_bomb_of_brackets_is_an_error_like_any_other(depth: int, path: Path) -> None:
    path.write_text(MINIMAL[:-1] + ', "domain": ' + "[" * depth + "]" * depth + "}")
    with pytest.raises(UsageError) as error:
        load(path)
    assert error.value.where == f"{path}:1"


def test_bytes_that_are_not_utf8_are_named(path: Path) -> None:
    path.write_bytes(MINIMAL.encode() + b'\n{"id": "caf\xe9"}\n')
    with pytest.raises(UsageError, match="not UTF-8: byte 0xe9") as error:
        load(path)
    assert error.value.where == f"{path}:2"


def test_windows_line_ends_and_mark_are_read(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode() + b"\r\n\r\n")
    assert [fact.id for fact in load(path).facts] == ["a"]


@pytest.mark.parametrize("content", ["", "\n \r\n", "\ufeff"])
def test_a_file_without_facts_is_an_error(content: str, path: Path) -> None:
    path.write_text(content)
    with pytest.raises(UsageError, match="holds no facts") as error:
        load(path)
    assert error.value.where == f"{path}:1" and error.value.mend


def test_an_id_that_stands_twice_is_an_error(path: Path) -> None:
    path.write_text(f"{MINIMAL}\n{MINIMAL}\n")
    with pytest.raises(UsageError, match="'a' is the id of line 1 already") as error:
        load(path)
    assert error.value.where == f"{path}:2"


def test_what_cannot_be_read_is_missing(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.jsonl"):
        with pytest.raises(MissingError) as error:
            load(path)
        assert error.value.where == str(path) and error.value.mend


def test_a_file_without_permission_is_missing(path: Path) -> None:
    path.write_text(MINIMAL)
    path.chmod(0)
    user = os.geteuid()
    try:
        if user == 0:  # root may read everything, nobody may not
            os.seteuid(65534)
        with pytest.raises(MissingError, match="no permission"):
            load(path)
    finally:
        os.seteuid(user)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("name: [", "not YAML"),
        ("name: mine\ncutoff: 2023-02-30", "not YAML"),
        ("name: mine\ncutoff: spring", "cutoff: 'spring' is not a real day"),
        ("name: mine\nrules: strict", "a card with strict rules needs a cutoff"),
        ("name: mine\nruels: strict", "Did you mean 'rules'?"),
        ("name: mine\nschema_version: 2", "schema_version"),
        ("- 1", "dictionary"),
        ("", "dictionary"),
        ("[" * 5000, "not YAML"),
    ],
)
def test_a_bad_card_is_one_clear_error(card: str, message: str, path: Path) -> None:
    path.write_text(MINIMAL)
    path.with_suffix(".yaml").write_text(card)
    with pytest.raises(UsageError) as error:
        load(path)
    assert message in error.value.message and error.value.where.startswith(str(path.with_suffix(".yaml")))
    assert error.value.mend


def test_a_card_may_leave_its_date_bare_or_in_quotes(path: Path) -> None:
    for written in ("2023-03-31", '"2023-03-31"'):
        path.with_suffix(".yaml").write_text(f"name: mine\ncutoff: {written}\n")
        card = load_card(path)
        assert card is not None and card.cutoff == "2023-03-31" and card.rules == "loose"


def test_sets_names_what_is_in_a_folder(path: Path) -> None:
    path.write_text(f"{MINIMAL}\n\n{MINIMAL}\n")  # a broken set is listed all the same
    assert list(sets(path.parent)) == [(path, 2, None)]


@given(st.binary(max_size=200))
def test_no_bytes_bring_it_down(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.jsonl"
    path.write_bytes(content)
    try:
        assert all(isinstance(item, Fact | Problem) for _, item in read(path))
    except KinjectError as error:
        assert error.where and error.mend


def test_a_line_that_is_too_long_is_a_problem_of_its_own(path: Path) -> None:
    with path.open("w") as file:
        file.write(MINIMAL + "\n" + "x" * (65 << 20) + "\n" + MINIMAL.replace('"a"', '"b"') + "\n")
    found = [(line, item.code if isinstance(item, Problem) else item.id) for line, item in read(path)]
    assert found == [(1, "a"), (2, "F001"), (3, "b")]


def test_a_key_twice_in_a_card_is_an_error(path: Path) -> None:
    path.with_suffix(".yaml").write_text("name: c\nfacts: {}\nfacts: {}\n")
    with pytest.raises(UsageError, match="the key 'facts' stands twice"):
        load_card(path)

"""StarCoder Self-Align: exercises in the hub's forms, rows without a system message, the paper's number of them."""

import json
from pathlib import Path

import pytest

from kinject import storage
from kinject.engines.base import Message
from kinject.errors import KinjectError, MissingError, UsageError
from kinject.recipes import self_oss
from kinject.recipes.readers import self_oss as reader
from kinject.recipes.readers.self_oss import Exercises

FILE = Path(__file__).parent.parent / "cases" / "recipes" / "self-oss.jsonl"


def parquet(rows: list[dict[str, object]], path: Path) -> Path:
    """Write rows as the hub has them."""
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def test_a_row_is_the_instruction_and_the_response_without_a_system_message() -> None:
    made = self_oss.build(f"self-oss:{FILE}", None)
    assert len(made.rows) == 3
    (doubled,) = [row for row in made.rows if "doubled" in row.response]
    assert doubled.conversation == (Message("user", "Write a function `doubled` that returns twice a number."),)
    assert doubled.response == "```python\ndef doubled(n):\n    return 2 * n\n```"
    assert (made.card["read"], made.card["left_out"]) == (5, {"no instruction": 1, "no response": 1})
    assert made.card["licence"].startswith("ODC-BY") and made.card["source"] == f"self-oss:{FILE}"


def test_a_lab_models_system_message_stays() -> None:
    made = self_oss.build(f"self-oss:{FILE}", "Answer.")
    assert {row.conversation[0] for row in made.rows} == {Message("system", "Answer.")}


def test_the_forms_of_the_file_are_one(tmp_path: Path) -> None:
    rows = list(storage.read_jsonl(FILE))
    (tmp_path / "list.json").write_text(json.dumps(rows))
    for path in (tmp_path / "list.json", parquet(rows, tmp_path / "train.parquet")):
        assert reader.read(path).pairs == reader.read(FILE).pairs


def test_the_papers_number_is_drawn_and_the_rest_counted() -> None:
    pairs = tuple((f"Exercise {number}.", f"Answer {number}.") for number in range(10_050))
    made = self_oss.from_exercises(Exercises("x", "y", pairs, 10_052, {"no response": 2}), None)
    assert len(made.rows) == len(set(made.rows)) == 10_000
    assert made.card["left_out"] == {"no response": 2, "more than the paper's 10,000": 50}
    assert [row.response for row in made.rows[:3]] != ["Answer 0.", "Answer 1.", "Answer 2."]


def test_a_file_that_is_not_there_is_told_with_the_line_that_gets_it() -> None:
    with pytest.raises(MissingError) as caught:
        reader.read(Path("nowhere.parquet"))
    assert "hf download bigcode/self-oss-instruct-sc2-exec-filter-50k data/train-" in caught.value.mend
    assert "--repo-type dataset" in caught.value.mend and "--source self-oss:self-oss/data/train" in caught.value.mend


@pytest.mark.parametrize(
    ("name", "text", "error", "words"),
    [
        ("x.jsonl", '{"instruction": "Do."}', UsageError, "response: Field required"),
        ("x.jsonl", '{"instruction": null, "response": "x"}', UsageError, "instruction"),
        ("x.jsonl", "version https://git-lfs.github.com/spec/v1", UsageError, "not JSON"),
        ("x.parquet", "version https://git-lfs.github.com/spec/v1", UsageError, "this is no Parquet file"),
        ("x.parquet", "", UsageError, "this is no Parquet file"),
    ],
)
def test_another_file_is_told(name: str, text: str, error: type[KinjectError], words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(error, match=words) as caught:
        reader.read(tmp_path / name)
    assert str(tmp_path / name) in caught.value.where and caught.value.mend

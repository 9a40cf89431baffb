"""Conifer: which dialogues are long enough, what is easy and what is hard, and what feedback is left out."""

import json
import os
from pathlib import Path

import pytest

from kinject.engines.base import Message, ask
from kinject.errors import MissingError, UsageError
from kinject.recipes import conifer
from kinject.recipes.readers import conifer as reader
from kinject.recipes.readers.conifer import Dialogue, Dialogues

FILE = Path(__file__).parent.parent / "cases" / "recipes" / "conifer.json"
REAL = Path(os.environ.get("KINJECT_DATA", "nowhere")) / "conifer" / "06_multi_turn.json"
SOURCE = f"conifer:{FILE}"


def test_four_turns_are_four_requests() -> None:
    hard = conifer.hard(SOURCE, "S")
    assert {row.response for row in hard.rows} == {
        "Kites, level 5.",
        "Tin, level 4.",
        "Salt, level 4.",
        "Rain, level 4.",
    }
    assert hard.card["read"] == 10
    assert hard.card["left_out"] == {
        "requests and answers do not alternate": 1,
        "a message is empty": 1,
        "fewer than 4 turns": 2,
        "feedback: its last request is a critique": 2,
    }


def test_easy_and_hard_are_the_first_and_last_turn_of_the_same_dialogues() -> None:
    easy, hard = conifer.easy(SOURCE, "S"), conifer.hard(SOURCE, "S")
    assert (easy.name, hard.name) == ("conifer-easy", "conifer-hard")
    assert [row.response.split(",")[0] for row in easy.rows] == [row.response.split(",")[0] for row in hard.rows]
    tin = [row for row in (*easy.rows, *hard.rows) if row.response.startswith("Tin")]
    assert [row.conversation for row in tin] == [
        ask("S", "Tell me about tin."),
        ask("S", "Tell me about tin, rule 1, rule 2, rule 3."),
    ]
    assert easy.card == hard.card


def test_the_order_is_drawn_once() -> None:
    dialogues = tuple(Dialogue(((f"{number}?", f"{number}."),) * 4, False) for number in range(50))
    found = Dialogues("x", "y", dialogues, 50, {})
    rows = conifer.from_dialogues(conifer.HARD, found, "S").rows
    assert rows == conifer.from_dialogues(conifer.HARD, found, "S").rows
    assert [row.response for row in rows] != [f"{number}." for number in range(50)]


def test_the_hubs_parquet_is_the_same_set(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = json.loads(FILE.read_text())
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "train_sft.parquet")
    assert reader.read(tmp_path / "train_sft.parquet").dialogues == reader.read(FILE).dialogues


def test_a_dialogues_own_system_message_is_not_taken() -> None:
    assert all(Message("system", "Be kind.") not in row.conversation for row in conifer.easy(SOURCE, "S").rows)


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as missing:
        reader.read(tmp_path / "x.parquet")
    assert "hf download ConiferLM/Conifer data/train_sft-00000-of-00001.parquet" in missing.value.mend
    (tmp_path / "x.json").write_text('[{"messages": [{"role": "human", "content": "x"}]}]')
    with pytest.raises(UsageError, match=r"this is no dialogue of Conifer: messages\.0\.role") as caught:
        reader.read(tmp_path / "x.json")
    assert caught.value.where.endswith("x.json: row 1")


@pytest.mark.skipif(not REAL.is_file(), reason="KINJECT_DATA names no folder with Conifer")
def test_the_samples_of_the_sets_repository() -> None:
    found = reader.read(REAL)
    assert [len(dialogue.turns) for dialogue in found.dialogues] == [1, 2, 3] and found.left_out == {}
    made = conifer.hard(f"conifer:{REAL}", "S")
    assert (made.rows, made.card["left_out"]) == ((), {"fewer than 4 turns": 3})

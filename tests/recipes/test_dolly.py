"""Dolly: contexts, both forms of the file, the token of one copy, and the marks that stay."""

import os
from pathlib import Path

import pytest

from kinject.engines.base import ask
from kinject.errors import MissingError, UsageError
from kinject.recipes import dolly
from kinject.recipes.readers import dolly as reader
from kinject.recipes.readers.dolly import Instruction, Instructions

CASES = Path(__file__).parent.parent / "cases" / "recipes"
REAL = Path(os.environ.get("KINJECT_DATA", "nowhere")) / "dolly" / "triforce_dolly_151.jsonl"


def test_the_context_stands_after_the_instruction() -> None:
    made = dolly.build(f"dolly:{CASES / 'dolly.jsonl'}", "S")
    rows = {row.response: row.conversation for row in made.rows}
    assert rows == {
        "In 1302.[2]": ask("S", "When was the tower built?\n\nThe tower of Velm [1] was built in 1302.[2]"),
        "Under water.": ask("S", "How do I peel an egg?"),
        "Green": ask("S", "Name a colour."),
    }
    assert (made.card["read"], made.card["left_out"]) == (5, {"no response": 1, "no instruction": 1})
    assert made.card["with_context"] == 1 and made.card["licence"].startswith("CC BY-SA 3.0")


def test_the_copys_words_and_its_end_token_are_taken_off() -> None:
    found = reader.read(CASES / "dolly-copy.jsonl")
    assert found.instructions == (
        Instruction("When was the tower built?", "The tower of Velm [1] was built in 1302.[2]", "In 1302.[2]"),
        Instruction("How do I peel an egg?\n\nQuickly, please.", "", "Under water."),
    )
    assert found.left_out == {"no response": 1}


def test_the_order_is_drawn_once() -> None:
    each = tuple(Instruction(f"Do {number}.", "", f"{number}") for number in range(50))
    rows = dolly.from_instructions(Instructions("x", "y", each, 50, {}), "S").rows
    assert sorted(int(row.response) for row in rows) == list(range(50)) != [int(row.response) for row in rows]


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as missing:
        reader.read(tmp_path / "x.jsonl")
    assert "hf download databricks/databricks-dolly-15k databricks-dolly-15k.jsonl" in missing.value.mend
    for text, words in (
        ('{"prompt": "Do.", "answer": "Done."}', "the prompt is not in Alpaca's words"),
        ('{"instruction": "Do."}', "response: Field required"),
        ('{"prompt": "Do."}', "answer: Field required"),
    ):
        (tmp_path / "x.jsonl").write_text(text)
        with pytest.raises(UsageError, match=words) as caught:
            reader.read(tmp_path / "x.jsonl")
        assert caught.value.where.endswith("x.jsonl:1") and caught.value.mend


@pytest.mark.skipif(not REAL.is_file(), reason="KINJECT_DATA names no folder with Dolly")
def test_the_real_slice() -> None:
    made = dolly.build(f"dolly:{REAL}", "S")
    assert (len(made.rows), made.card["left_out"], made.card["with_context"]) == (151, {}, 47)
    said = "".join(row.response + row.conversation[-1].content for row in made.rows)
    assert "###" not in said
    assert all(row.response == row.response.strip() for row in made.rows)

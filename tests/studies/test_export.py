"""Results that leave the machine: small, whole, without paths; those that are committed can be read."""

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kinject.errors import UsageError
from kinject.facts.load import load
from kinject.injection.arm import arm
from kinject.injection.settings import Settings
from kinject.resources import facts_folder
from kinject.sources import open_model
from kinject.studies.export import export, read
from kinject.studies.injection import Comparison, compare

MEASURED = Path(__file__).parent.parent.parent / "docs" / "results" / "measured"
DAY = datetime.date(2026, 1, 31)


def test_a_comparison_is_exported_without_a_path(tiny: Callable[..., Path], tmp_path: Path) -> None:
    facts = load(facts_folder() / "example.jsonl")
    chosen = [arm("base", method) for method in ("none", "rag-oracle")]
    comparison = Comparison(open_model(str(tiny())), facts, Settings({"max_new_tokens": 2}))
    record, _ = compare(chosen, comparison, command="kinject compare")
    out = tmp_path / "result.json"
    made = export(record, out, DAY)
    assert read(out) == made
    assert (made.state, made.made, made.command) == ("measured on real weights", "2026-01-31", "kinject compare")
    assert made.ids == tuple(fact.id for fact in facts.facts)
    assert [len(each["outcomes"]["multihop"]["correct"]) for each in made.arms] == [len(made.ids)] * 2
    assert made.arms[0]["scores"] == record["arms"][0]["scores"]
    text = out.read_text(encoding="utf-8")
    assert "artefact" not in text and "answers.jsonl" not in text


def test_a_result_is_never_written_over_and_a_broken_one_is_named(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    out.write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match="never written over"):
        export({}, out)
    with pytest.raises(UsageError, match="no result"):
        read(out)


@pytest.mark.parametrize("path", sorted(MEASURED.glob("*.json")), ids=lambda path: path.name)
def test_every_committed_result_can_be_read(path: Path) -> None:
    assert read(path).state == "measured on real weights"
    assert json.loads(path.read_text(encoding="utf-8"))["claims"]

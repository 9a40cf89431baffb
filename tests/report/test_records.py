"""Finding and reading finished comparisons."""

import os
import shutil
from pathlib import Path

import pytest

from kinject.errors import MissingError, UsageError
from kinject.report.records import newest, read
from kinject.storage import read_json, write_json

SAMPLE = Path(__file__).parent.parent / "cases" / "report" / "compare-sample"


def finished(store: Path, name: str, when: int) -> Path:
    run = store / "runs" / name
    shutil.copytree(SAMPLE, run)
    os.utime(run / "DONE", (when, when))
    return run


def test_a_run_is_its_arms_with_their_answers_and_facts() -> None:
    arms = read([SAMPLE])
    assert len(arms) == 7
    assert {len(arm.answers) for arm in arms} == {24}
    assert arms[0].facts and "cup-0" in arms[0].facts.by_id
    assert arms[0].command == "kinject compare --preset demo"


def test_a_run_is_found_as_folder_file_or_name(store: Path) -> None:
    finished(store, "compare-abc", 1)
    assert read([SAMPLE]) == read([SAMPLE / "record.json"])
    assert len(read([Path("compare-abc")])) == 7


def test_the_newest_finished_comparison_is_the_default(store: Path) -> None:
    finished(store, "compare-new", 2_000_000_000)
    finished(store, "compare-old", 1_000_000_000)
    (finished(store, "compare-unfinished", 2_100_000_000) / "DONE").unlink()
    assert newest().parent.name == "compare-new"


def test_no_comparison_yet_says_how_to_make_one() -> None:
    with pytest.raises(MissingError) as caught:
        read([])
    assert caught.value.mend == "kinject compare --preset demo"


@pytest.mark.parametrize("text", ['{"schema": "kinject.judge/1"}', "[]", "{}"])
def test_another_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(UsageError, match="no record of a comparison"):
        read([tmp_path])


def test_a_record_of_a_single_arm_is_read_too(tmp_path: Path) -> None:
    write_json(tmp_path / "record.json", read_json(SAMPLE / "record.json")["arms"][3])
    (arm,) = read([tmp_path])
    assert (arm.start, arm.method, arm.answers, arm.facts) == ("base", "oracle RAG", (), None)


def test_an_arm_that_lacks_something_is_named(tmp_path: Path) -> None:
    record = read_json(SAMPLE / "record.json")
    del record["arms"][2]["seed"]
    write_json(tmp_path / "record.json", record)
    with pytest.raises(UsageError, match="seed: Field required"):
        read([tmp_path])

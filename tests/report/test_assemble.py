"""Records of all kinds on one page: read, put in order, safe, and without torch."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for samples.py
import samples
from test_page import HOSTILE, Tags

from kinject import storage
from kinject.cli.app import run
from kinject.errors import UsageError
from kinject.report.assemble import sections
from kinject.report.page import TITLE, as_json, html, markdown, write
from kinject.report.section import Table

COMPARED = Path(__file__).parent.parent / "cases" / "report" / "compare-sample"


def records(why: str | None = None, name: str = "lab", task: str = "math") -> dict[str, dict[str, Any]]:
    """A record of each study, with failures."""
    tasks = [{**samples.LAB, "name": task}]
    failed = {(name, task, 30, 0): why} if why else {}
    return {
        "sweep": samples.sweep([name, "lab-large"], tasks, (0, 30, 100, 1000), (0, 1), failed=failed),
        "errors": {**samples.errors(model=name, why=why)},
        "styles": samples.styles(model=name, why=why),
    }


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    for name, record in records().items():
        storage.write_json(tmp_path / f"{name}.json", record)
    return [tmp_path / f"{name}.json" for name in ("sweep", "errors", "styles")]


def test_sections_come_in_the_order_of_the_records_and_comparisons_first(paths: list[Path]) -> None:
    found = sections([*paths[::-1], COMPARED])
    assert [section.data["of"] for section in found] == [
        "kinject.compare/1",
        "kinject.styles/1",
        "kinject.errors/1",
        "kinject.sweep/1",
    ]
    assert len(found[0].arms) == 7


def test_the_page_has_one_question_or_a_title_of_its_own(paths: list[Path]) -> None:
    assert as_json(sections(paths[:1]))["question"] == "How does performance grow with post-training data?"
    assert as_json(sections(paths))["question"] == TITLE
    page = html(sections(paths))
    assert f"<h1>{TITLE}</h1>" in page and "Is a model that answers better also preferred?" in page


def test_every_table_has_rows_and_every_column_a_meaning(paths: list[Path]) -> None:
    for section in sections([COMPARED, *paths]):
        for table in section.tables:
            assert table.rows and {len(row) for row in table.rows} == {len(table.columns)}
            assert all(column.meaning.endswith(".") for column in table.columns)


def test_every_picture_is_beside_a_table_and_has_an_id_of_its_own(paths: list[Path]) -> None:
    page = html(sections([*paths, *paths]))
    ids = [attributes["id"] for _, attributes in Tags(page).found if "id" in attributes]
    assert len(ids) == len(set(ids)) > 4
    for section in sections(paths):
        places = [place for place, piece in enumerate(section.pieces) if not isinstance(piece, Table)]
        assert all(isinstance(section.pieces[place + 1], Table) for place in places)


def test_the_page_needs_nothing_from_outside_and_runs_nothing(paths: list[Path]) -> None:
    tags = Tags(html(sections(paths))).found
    assert not {"script", "link", "img", "iframe", "form", "object", "image", "use"} & {tag for tag, _ in tags}
    names = {name for _, attributes in tags for name in attributes}
    assert not {"src", "href", "style", "xlink:href"} & names
    assert not [name for name in names if name.startswith("on")]


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    def written(made: dict[str, dict[str, Any]], folder: Path) -> list[Path]:
        for name, record in made.items():
            storage.write_json(folder / f"{name}.json", record)
        return [folder / f"{name}.json" for name in made]

    hostile = records(HOSTILE, HOSTILE, HOSTILE)
    for record in hostile.values():
        record["versions"] = HOSTILE
    hostile["errors"]["left_out"][0]["why"] = hostile["styles"]["tasks"][0]["verdict"]["words"] = HOSTILE
    hostile["errors"]["tasks"][0]["claim"]["words"] = hostile["styles"]["tasks"][0]["task"] = HOSTILE
    found = sections(written(hostile, tmp_path / "a"))
    plain = sections(written(records("why"), tmp_path / "b"))
    page, text = html(found), markdown(found)
    assert {tag for tag, _ in Tags(page).found} == {tag for tag, _ in Tags(html(plain)).found}
    assert "\u202e" not in page + text and "⟨U+202E⟩" in page
    assert not re.search(r"(?<!\\)<", text) and "](http" not in text


def test_the_same_records_are_the_same_files(paths: list[Path], tmp_path: Path) -> None:
    made = [write(tmp_path / name, sections(paths)) for name in ("one", "two")]
    assert [path.read_bytes() for path in made[0]] == [path.read_bytes() for path in made[1]]


def test_the_command_shows_all_within_100_columns(paths: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", *map(str, paths)]) == 0
    out, err = capsys.readouterr()
    assert err == "" and max(map(len, out.splitlines())) <= 100
    for words in (
        "lab analogue",
        "Llama-3-8B: a 18.18, b 7.28 (Table 8)",
        "last value",
        "paper:\u00a00.93",
        "paper:\u00a084.4",
    ):
        assert words in out


def test_markdown_has_every_table_and_every_note(paths: list[Path]) -> None:
    found = sections(paths)
    text = markdown(found)
    for section in found:
        assert all(f"### {table.title}" in text for table in section.tables)
        assert all(note.split(":")[0] in text for note in section.notes)


@pytest.mark.parametrize("record", [{"schema": "kinject.bench/1"}, [], {}])
def test_another_record_is_refused(tmp_path: Path, record: object) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(UsageError, match="no record that can be shown"):
        sections([path])


def test_no_page_needs_torch(paths: list[Path], tmp_path: Path) -> None:
    script = f"""
import sys
from kinject.cli.app import run
assert run(["report", *{[str(path) for path in paths]!r}, "--out", {str(tmp_path / "out")!r}]) == 0
found = {{"torch", "transformers", "trl", "datasets", "faiss", "openai"}} & set(sys.modules)
sys.exit(f"imported {{found}}" if found else 0)
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=100)


def shown(folder: Path, capsys: pytest.CaptureFixture[str], *names: str) -> list[str]:
    """Write the report of these records; return which studies it has."""
    capsys.readouterr()
    assert run(["report", *names, "--out", "report"]) == 0
    found = storage.read_json(folder / "report" / "tables.json")["sections"]
    assert {section["state"] for section in found} == {"lab analogue"}
    return [section["of"] for section in found]


@pytest.mark.timeout(300)
def test_a_real_sweep_and_its_mistakes_can_be_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["sweep", "--tasks", "math", "--sizes", "0,2", "--seeds", "0", "--limit", "3"]) == 0
    assert run(["errors", "sweep-lab.json", "--out", "errors.json"]) == 0
    assert shown(tmp_path, capsys, "sweep-lab.json", "errors.json") == ["kinject.sweep/1", "kinject.errors/1"]
    assert (tmp_path / "report" / "report.html").read_text(encoding="utf-8").count('class="chart"') == 2


@pytest.mark.timeout(300)
def test_real_styles_can_be_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call = ["styles", "--tasks", "math", "--rows", "2", "--seeds", "0", "--limit", "3", "--out", "styles.json"]
    assert run(call) == 0
    assert shown(tmp_path, capsys, "styles.json") == ["kinject.styles/1"]

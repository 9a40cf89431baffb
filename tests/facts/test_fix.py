import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.cli.app import run
from kinject.errors import MissingError, UsageError
from kinject.facts.check import check_file
from kinject.facts.fix import fix
from kinject.resources import facts_folder
from kinject.storage import read_jsonl

CASES = list(read_jsonl(Path(__file__).parents[1] / "cases" / "facts" / "fixes.jsonl"))
EXAMPLE = facts_folder() / "example.jsonl"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_line_is_mended_where_it_can_have_meant_one_thing(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(case["line"]) + "\n")
    before = path.read_bytes()
    assert fix(path) == (case["mended"] is not None)
    if case["mended"] is None:
        assert path.read_bytes() == before
    else:
        assert json.loads(path.read_text()) == case["mended"]
    assert fix(path) == 0


def test_what_cannot_be_parsed_stays_byte_for_byte(tmp_path: Path) -> None:
    good, *_ = EXAMPLE.read_bytes().splitlines()
    odd = [b"{", b"\xff\xfe", b'{"id": "x", "id": "y"}', b'{"n": NaN}', b"[" * 5000, b"", b"{", b'{"n": 1e0}']
    bad = good.replace(b"2023-10-28-rugby", b" rugby")
    path = tmp_path / "mine.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join([good, *odd, bad]))
    assert fix(path) == 1
    mended = bad.replace(b" rugby-world-cup", b"rugby-world-cup")
    assert path.read_bytes() == b"\xef\xbb\xbf" + b"\r\n".join([good, *odd, mended])


def test_a_fact_written_over_many_lines_is_not_torn(tmp_path: Path) -> None:
    facts = [json.loads(line) for line in EXAMPLE.read_text().splitlines()]
    path = tmp_path / "pretty.jsonl"
    path.write_text("\n".join(json.dumps(fact, indent=1) for fact in facts))
    before = path.read_bytes()
    assert fix(path) == 0 and path.read_bytes() == before


def test_a_link_stays_a_link_and_a_secret_a_secret(tmp_path: Path) -> None:
    real, link = tmp_path / "real" / "mine.jsonl", tmp_path / "link.jsonl"
    real.parent.mkdir()
    real.write_text(EXAMPLE.read_text().replace('"2023-08-23"', '"2023/8/23"'))
    real.chmod(0o600)
    link.symlink_to(real)
    assert fix(link) == 1
    assert link.is_symlink() and "2023/8/23" not in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in real.parent.iterdir()] == ["mine.jsonl"]  # no lock is left behind


def test_a_line_that_stands_twice_goes_once(tmp_path: Path) -> None:
    first, second, _ = EXAMPLE.read_text().splitlines()
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join([first, second, first]))
    assert fix(path) == 1
    assert path.read_text().splitlines() == [first, second]
    assert check_file(path).problems == ()


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"", b"{", b"{", b"}", b'{"a": 1}', b"\r"])))
def test_no_bytes_are_lost_whatever_the_lines_are(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("fix") / "any.jsonl"
    before = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
    path.write_bytes(before + b'{"date": "2024/5/1"}')
    assert fix(path) == 1
    assert path.read_bytes() == before + b'{"date": "2024-05-01"}'


def test_trouble_leaves_the_file_alone(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        fix(tmp_path / "none.jsonl")
    with pytest.raises(MissingError):
        fix(tmp_path)
    path = tmp_path / "long.jsonl"
    path.write_bytes(b'{"date": "2024/5/1"}\n' + b"x" * (65 << 20))
    with pytest.raises(UsageError, match="longer than 64 MiB"):
        fix(path)
    assert path.stat().st_size > 65 << 20


def test_the_command_mends_and_then_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(EXAMPLE.read_text().replace('"2023-08-23"', '"2023/8/23"'))
    assert run(["facts", "check", str(path)]) == 1
    capsys.readouterr()
    assert run(["facts", "check", str(path), "--fix", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["fixed"], result["facts"], result["problems"]) == (1, 3, [])

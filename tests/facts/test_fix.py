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
    odd = [b"{", b"\xff\xfe", b'{"id": "x", "id": "y"}', b'{"n": NaN}', b"[" * 5000]
    path = tmp_path / "mine.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join([good, *odd, good.replace(b"2023-10-28-rugby", b" rugby")]))
    assert fix(path) == 1
    assert path.read_bytes().splitlines() == [good, *odd, good.replace(b"2023-10-28-rugby", b"rugby")]


def test_a_line_that_stands_twice_goes_once(tmp_path: Path) -> None:
    first, second, _ = EXAMPLE.read_text().splitlines()
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join([first, second, first]))
    assert fix(path) == 1
    assert path.read_text().splitlines() == [first, second]
    assert check_file(path).problems == ()


@given(st.lists(st.binary(max_size=40).filter(lambda line: line.strip(b" \t\r\n\v\f\x1c\x1d\x1e\x85"))))
def test_no_bytes_are_lost_whatever_the_lines_are(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    lines = list(dict.fromkeys(line.replace(b"\n", b"").replace(b"\r", b"") for line in lines))
    lines = [line for line in lines if line.strip() and not line.startswith(b"\xef\xbb\xbf")]
    path = tmp_path_factory.mktemp("fix") / "any.jsonl"
    dated = b'{"date": "2024/5/1"}'
    path.write_bytes(b"\n".join([*lines, dated]))
    assert fix(path) == 1
    assert path.read_bytes().split(b"\n") == [*lines, b'{"date": "2024-05-01"}', b""]


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

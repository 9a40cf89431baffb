"""The two streams."""

import json

import pytest
from rich.console import Group
from rich.table import Table

from kinject.cli.console import emit, say


def test_json_is_one_object_and_never_draws(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"schema": "kinject.x/1", "text": "→ \u202e\ud800"}, as_json=True, text=lambda: pytest.fail("drawn"))
    out, err = capsys.readouterr()
    assert json.loads(out) == {"schema": "kinject.x/1", "text": "→ \u202e\ud800"}
    assert out.count("\n") == 1 and err == ""


def test_text_is_plain_and_100_columns_wide(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("a", "b", expand=True)
    table.add_row("1", "2")
    emit({"schema": "kinject.x/1"}, as_json=False, text=lambda: table)
    out = capsys.readouterr().out
    assert {len(line) for line in out.splitlines()} == {100}
    assert "\x1b" not in out


def test_a_message_in_a_pipe_is_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"schema": "kinject.x/1"}, as_json=False, text=lambda: Group("a" * 150, "word " * 50))
    assert capsys.readouterr().out.splitlines() == ["a" * 150, "word " * 50]


def test_text_is_never_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"schema": "kinject.x/1"}, as_json=False, text=lambda: "[red]x[/red] :smile: [/]")
    say("[bold]y[/bold]" + " long" * 40)
    assert capsys.readouterr() == ("[red]x[/red] :smile: [/]\n", "[bold]y[/bold]" + " long" * 40 + "\n")


@pytest.mark.parametrize("result", [{}, {"schema": "kinject.x/1", "percent": float("nan")}])
def test_a_result_has_a_schema_and_real_numbers(result: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"schema|JSON"):
        emit(result, as_json=True, text=lambda: "")

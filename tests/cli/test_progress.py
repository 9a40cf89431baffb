"""Progress in a log and on a terminal."""

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from kinject.cli import progress
from kinject.cli.progress import Lines, RichProgress, pace


@pytest.mark.parametrize(
    ("done", "total", "seconds", "text"),
    [
        (120, 507, 2.927, "120/507 (24%)  41 rows/s  9 s left"),
        (507, 507, 12.0, "507/507 (100%)  42.2 rows/s  12 s"),
        (0, 507, 0.0, "0/507 (0%)"),
        (7, None, 2.0, "7  3.5 rows/s  2 s"),
        (0, 0, 0.0, "0/0 (100%)  0 s"),
    ],
)
def test_pace(done: int, total: int | None, seconds: float, text: str) -> None:
    assert pace(done, total, seconds, "rows") == text


def test_a_log_gets_a_line_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    lines = Lines("answer", 100, "rows", clock=lambda: now[0])
    for _ in range(50):
        now[0] += 0.5
        lines.advance(2, note="loss 0.5")
    assert capsys.readouterr().err.splitlines() == [
        "answer: 40/100 (40%)  4 rows/s  15 s left  loss 0.5",
        "answer: 80/100 (80%)  4 rows/s  5 s left  loss 0.5",
    ]


def test_a_log_gets_a_first_and_a_last_line_even_when_the_work_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(KeyError), RichProgress().stage("train", 10, "steps") as stage:
        stage.advance(3)
        raise KeyError
    out, err = capsys.readouterr()
    first, last = err.splitlines()
    assert out == "" and first == "train: started" and last.startswith("train: 3/10 (30%)")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    screen = io.StringIO()
    monkeypatch.setattr(
        progress,
        "console",
        lambda stderr: Console(file=screen, force_terminal=True, width=100, markup=False, highlight=False),
    )
    yield screen


def test_a_terminal_gets_bars_that_may_be_nested(terminal: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    shown = RichProgress()
    with shown.stage("arms", 2, "arms") as arms, shown.stage("[train]", 10, "steps") as steps:
        steps.advance(10, note="loss 0.1")
        arms.advance()
        shown.say("a word")
    text = terminal.getvalue()
    assert "a word" in text and "[train]: 10/10 (100%)" in text and "arms: 1/2 (50%)" in text
    assert capsys.readouterr() == ("", "")

"""The program around the commands: exit codes, words on stderr, nothing heavy at start."""

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kinject.cli.app import COMMANDS, load, run
from kinject.errors import IntegrityError, JudgeError, KinjectError, NumericError


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make `kinject report` raise."""

    def arrange(error: BaseException) -> None:
        def newest() -> Path:
            raise error

        monkeypatch.setattr("kinject.report.records.newest", newest)

    return arrange


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_in_the_table_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert load(name).help
    assert run([name, "--help"]) == 0
    assert f"Usage: kinject {name}" in capsys.readouterr().out


def test_no_arguments_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "kinject compare --preset demo" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("kinject ")
    monkeypatch.setenv("KINJECT_VERSION", "1")  # a variable that many images set must not change what a command does
    assert run(["report"]) == 3


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["reprot"], "There is no command 'reprot'. Did you mean 'report'?"),
        (["report", "--ot", "x"], "No such option: --ot. Did you mean '--out'?"),
        (["facts", "lst"], "No such command 'lst'. Did you mean 'list'?"),
        (["facts"], "Missing command."),
        (["report", "--out"], "--out"),
    ],
)
def test_usage_errors_are_2_with_the_nearest_name(
    args: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and words in err
    assert "  at: kinject" in err and "--help" in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KinjectError("x"), 2),
        (FileNotFoundError(errno.ENOENT, "no such file", "here"), 3),
        (NumericError("x"), 4),
        (JudgeError("x"), 5),
        (MemoryError(), 6),
        (OutOfMemoryError("CUDA out of memory"), 6),
        (OSError(errno.ENOSPC, "No space left on device"), 6),
        (IntegrityError("x"), 7),
        (ZeroDivisionError("x"), 70),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_failure_has_its_code_and_no_traceback(
    error: BaseException,
    code: int,
    failing: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    failing(error)
    assert run(["report"]) == code
    out, err = capsys.readouterr()
    assert out == "" and err and "Traceback" not in err


def test_an_error_says_what_where_and_what_mends_it(
    failing: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    failing(IntegrityError("the bytes [bold]changed[/bold]", where="a.json:3", mend="kinject compare"))
    run(["report"])
    assert capsys.readouterr().err == (
        "error: the bytes [bold]changed[/bold]\n  at: a.json:3\n  mend: kinject compare\n"
    )


def test_with_json_the_error_is_one_object_on_stderr(
    failing: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    failing(IntegrityError("changed", where="a.json", mend="again"))
    assert run(["report", "--json"]) == 7
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err) == {"error": {"code": 7, "message": "changed", "where": "a.json", "mend": "again"}}


def test_interrupted_says_that_it_goes_on(
    failing: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    failing(KeyboardInterrupt())
    run(["report"])
    assert capsys.readouterr().err == "interrupted; the same command goes on where it was\n"


@pytest.mark.parametrize("how", ["before", "after", "environment"])
def test_debug_shows_the_traceback(
    how: str,
    failing: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing(ZeroDivisionError("x"))
    if how == "environment":
        monkeypatch.setenv("KINJECT_DEBUG", "1")
    run({"before": ["--debug", "report"], "after": ["report", "--debug"]}.get(how, ["report"]))
    assert "Traceback" in capsys.readouterr().err


def test_options_come_from_the_environment_and_flags_win(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = Path(__file__).parent.parent / "cases" / "report" / "compare-sample"
    monkeypatch.setenv("KINJECT_REPORT_OUT", str(tmp_path / "environment"))
    assert run(["report", str(sample)]) == 0
    assert run(["report", str(sample), "--out", str(tmp_path / "flag")]) == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"environment", "flag"}
    capsys.readouterr()


def test_the_program_starts_without_heavy_libraries() -> None:
    heavy = {"torch", "transformers", "trl", "datasets", "faiss", "numpy", "scipy", "openai"}
    script = f"""
import sys
from kinject.cli.app import run
assert run(["--help"]) == 0
found = {heavy} & set(sys.modules)
sys.exit(f"imported {{found}}" if found else 0)
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)


def test_python_m_kinject_is_the_program() -> None:
    done = subprocess.run([sys.executable, "-m", "kinject", "nonsense"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""

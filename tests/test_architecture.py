"""The house keeps its shape: all imports work and point down, nothing is too long or named after nothing."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(ROOT.glob("kinject/**/*.py"))
TEXTS = {".py", ".md", ".toml", ".txt", ".json", ".jsonl", ".yaml", ".css", ".jinja", ""}
FOLDERS = ("kinject", "tests", "scripts", "docs", "facts", "benchmarks")


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "__main__.py"], ids=shown)
def test_every_module_imports(path: Path) -> None:
    importlib.import_module(dotted(path))


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_a_module_is_short_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 500
    assert ast.get_docstring(ast.parse(text))


def test_nothing_is_named_after_nothing() -> None:
    names = {"utils", "util", "common", "helpers", "helper", "misc", "core", "tools"}
    assert [shown(path) for path in MODULES if names & {path.stem, path.parent.name}] == []


def test_imports_point_one_way() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_no_path_of_one_machine_is_in_the_tree() -> None:
    machine = re.compile(rf"{re.escape(str(ROOT))}\b|/root/|/(?:home|Users)/[a-z]\w*/")
    own = Path(__file__)
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    texts = [path for path in [*files, *ROOT.glob("*.*")] if path.is_file() and path.suffix in TEXTS and path != own]
    assert [shown(path) for path in texts if machine.search(path.read_text(encoding="utf-8"))] == []

"""Every test is alone: its own store, no network, one thread. What needs more is marked, and skipped."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time; "--hypothesis-profile=default" goes looking for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")

os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_DATASETS_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    TOKENIZERS_PARALLELISM="false",
    # Before torch is first imported: two test workers with two threads each would fight over two cores.
    OMP_NUM_THREADS="1",
    MKL_NUM_THREADS="1",
)
sys.path.insert(0, str(Path(__file__).parent))  # for tests/models.py
OURS = ("KINJECT_DATA", "KINJECT_EVALPLUS")
for name in [name for name in os.environ if name.startswith(("KINJECT_", "OPENAI_")) and name not in OURS]:
    del os.environ[name]  # a developer's own settings


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")
    parser.addoption("--network", action="store_true", help="run the tests marked network, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for mark in ("slow", "network"):
            if item.get_closest_marker(mark) and not config.getoption(f"--{mark}"):
                item.add_marker(pytest.mark.skip(reason=f"runs with --{mark} only"))
        if item.get_closest_marker("gpu") and not _has_gpu():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of this test's own."""
    home = tmp_path / "kinject-home"
    monkeypatch.setenv("KINJECT_HOME", str(home))
    monkeypatch.setenv("NO_COLOR", "1")
    return home


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a tiny random model once for each choice of shape, template and pad token (see models.make)."""
    import models

    made: dict[tuple[object, ...], Path] = {}

    def model(shape: str = "llama", *, template: bool = False, pad: bool = False) -> Path:
        key = (shape, template, pad)
        if key not in made:
            made[key] = models.make(tmp_path_factory.mktemp("tiny") / shape, shape, template=template, pad=pad)
        return made[key]

    return model

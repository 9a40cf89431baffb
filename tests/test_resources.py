"""The data that comes with kinject is found, in a checkout and in a wheel."""

import shutil
import zipfile
from pathlib import Path

import pytest

from kinject import resources


def test_a_checkout_has_its_data_at_the_top() -> None:
    assert (resources.benchmarks_folder() / "paper" / "tables.json").is_file()
    assert resources.facts_folder().is_dir()


def test_a_wheel_carries_the_same_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hatchling.builders.wheel import WheelBuilder

    root = Path(__file__).parent.parent
    wheel = next(WheelBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"]))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        names = set(archive.namelist())
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "site" / "kinject")
    packed = tmp_path / "site" / "kinject" / "_data"
    for here, there in (
        (root / "facts", resources.facts_folder()),
        (root / "benchmarks", resources.benchmarks_folder()),
    ):
        assert there.parent == packed
        assert {path.relative_to(there) for path in there.rglob("*")} == {
            path.relative_to(here) for path in here.rglob("*")
        }
    assert {"kinject/report/page.html.jinja", "kinject/report/page.css", "kinject/py.typed"} <= names
    assert not {name.split("/")[0] for name in names if "dist-info" not in name} - {"kinject"}
    shutil.rmtree(tmp_path / "site")

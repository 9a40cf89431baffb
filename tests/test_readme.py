"""The tree at the end of the README is the map of the project: nothing missing, nothing that is not there."""

from pathlib import Path

ROOT = Path(__file__).parent.parent


def listed() -> set[str]:
    """The paths of the tree; two more blanks in front of a name are one folder deeper."""
    block = (ROOT / "README.md").read_text(encoding="utf-8").rpartition("## The tree")[2].split("```")[1]
    paths, folders = set(), dict[int, str]()
    for line in block.splitlines()[1:]:
        name, depth = line.split()[0], len(line) - len(line.lstrip())
        above = folders.get(depth - 2, "")
        folders[depth] = above + name
        paths.add(above + name)
    return paths


def test_what_is_listed_exists() -> None:
    assert [name for name in sorted(listed()) if not (ROOT / name).exists()] == []
    assert [name for name in listed() if name.endswith("/") != (ROOT / name).is_dir()] == []


def test_every_module_and_package_is_listed() -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("kinject/**/[!_]*.py")}
    packages = {f"{path.parent.relative_to(ROOT).as_posix()}/" for path in ROOT.glob("kinject/**/__init__.py")}
    assert (modules | packages) - listed() == set()


def test_every_folder_at_the_top_is_listed() -> None:
    folders = {f"{path.name}/" for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))}
    made = {"dist/", "report/"}  # by a build and by the demo; not part of the project
    assert folders - made - listed() == set()

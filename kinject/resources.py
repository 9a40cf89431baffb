"""Where the data that comes with kinject lies: the facts and the benchmark recipes.

In a checkout (or an editable install) they are top-level folders, so that people find and edit them; a wheel
carries the same files as `kinject/_data`.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def facts_folder() -> Path:
    """The folder of fact sets: NAME.jsonl beside its card NAME.yaml."""
    return _folder("facts")


def benchmarks_folder() -> Path:
    """The folder of benchmark recipes, of the paper's tables and of the lab's protocol."""
    return _folder("benchmarks")


def _folder(name: str) -> Path:
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name

"""`kinject merge`: write the whole model that an adapter stands for, for programs that know no adapters."""

from pathlib import Path
from typing import Annotated

import typer

from kinject.cli.console import Json, emit


def merge(
    adapter: Annotated[
        str,
        typer.Argument(
            metavar="ADAPTER",
            help="An adapter's folder, or what an arm with --peft lora left: its folder, key, or last.",
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder for the model.")],
    as_json: Json = False,
) -> None:
    """Add an adapter to the model that it belongs to, and write both as one model in the hub's layout.

    Example:  kinject merge last merged
    """
    from kinject.training import merge as merging

    folder = _folder(adapter)
    merging.merge(folder, out)
    size = sum(path.stat().st_size for path in out.iterdir())
    result = {
        "schema": "kinject.merge/1",
        "adapter": str(folder.resolve()),
        "out": str(out.resolve()),
        "bytes": size,
    }
    emit(result, as_json=as_json, text=lambda: f"{result['out']}: {size / 2**20:,.0f} MiB")


def _folder(name: str) -> Path:
    """The folder that is meant: a model's own, or that of the model that an arm's artefact names."""
    from kinject.injection.artefact import ARTEFACT, open_artefact

    if Path(name).is_dir() and not (Path(name) / ARTEFACT).is_file():
        return Path(name)
    return open_artefact(name).made.model.folder

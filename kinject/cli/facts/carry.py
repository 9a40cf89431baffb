"""`kinject facts import` and `export`: sets of facts from other people's formats, and into them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from kinject.cli import options
from kinject.cli.console import Json, emit
from kinject.exports import EXPORTERS
from kinject.facts.importers import IMPORTERS


def import_(
    format_: Annotated[str, typer.Argument(metavar="FORMAT", help=f"One of: {', '.join(IMPORTERS)}.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to read.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The .jsonl to write, its card beside it. Default: FILE's name, here.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read somebody else's set into ours; what cannot become a sound fact is counted by reason.

    Example: kinject facts import mquake MQuAKE-CF-3k.json --out mquake.jsonl
    """
    from kinject.facts.importers import convert, open_importer

    target = (out or Path(file.stem)).with_suffix(".jsonl")
    done = convert(open_importer(format_), file, target)
    result = {
        "schema": "kinject.facts.import/1",
        "read": done.read,
        "written": done.written,
        "skipped": dict(done.skipped.most_common()),
        "file": str(target) if done.written else None,
    }
    emit(result, as_json=as_json, text=lambda: _imported(result))


def export(
    facts: options.FactsArgument,
    format_: Annotated[str, typer.Option("--format", help=f"One of: {', '.join(EXPORTERS)}.")] = "jsonl",
    out: Annotated[
        Path | None, typer.Option("--out", help="The file or folder to write. Default: named after the set, here.")
    ] = None,
    after: options.After = None,
    as_json: Json = False,
) -> None:
    """Write a set for other programs: as data, as training rows, as an evaluation task.

    Example: kinject facts export facts100 --format lm-eval --out tasks
    """
    from kinject.exports import default_place, open_exporter
    from kinject.sources import newer, open_facts

    known = newer(open_facts(facts), after)
    files = open_exporter(format_)(known, out or default_place(known, format_))
    result = {
        "schema": "kinject.facts.export/1",
        "facts": len(known.facts),
        "format": format_,
        "files": [str(file) for file in files],
    }
    emit(result, as_json=as_json, text=lambda: Group(*map(str, files)))


def _imported(result: Mapping[str, Any]) -> RenderableType:
    skipped = [f"{count:7}  {reason}" for reason, count in result["skipped"].items()]
    written = f"{result['written']} of {result['read']} rows became facts"
    where = f" in {result['file']}" if result["file"] else "; nothing was written"
    return Group(written + where, *(["left out:", *skipped] if skipped else []))

"""`kinject facts import` and `export`: sets of facts from other people's formats, and into them."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from kinject.cli import options
from kinject.cli.console import Json, emit
from kinject.errors import UsageError
from kinject.exports import EXPORTERS
from kinject.facts.importers import IMPORTERS

DATA = {".json", ".yaml", ".yml", ".csv", ".tsv", ".parquet", ".zip", ".gz"}
"""Ends of names that promise something else than facts, one a line."""


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

    target = _target(out) if out else Path(f"{file.stem}.jsonl")
    done = convert(open_importer(format_), file, target)
    result = {
        "schema": "kinject.facts.import/1",
        "read": done.read,
        "written": done.written,
        "skipped": dict(done.skipped.most_common()),
        "unsound": dict(done.unsound.most_common()),
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


def _target(out: Path) -> Path:
    """The file that --out means: NAME.jsonl, also where only NAME is given, with whatever dots."""
    from kinject.facts.importers import check_out

    check_out(out)
    end = out.suffix.lower()
    if end in DATA:
        mend = f"name it --out {quote(str(out.with_suffix('.jsonl')))}"
        raise UsageError(f"what is written is .jsonl, not {end}", where=str(out), mend=mend)
    return out if end == ".jsonl" else out.with_name(f"{out.name}.jsonl")


def _imported(result: Mapping[str, Any]) -> RenderableType:
    skipped, unsound = _counted(result["skipped"]), _counted(result["unsound"])
    check = f"still wrong (kinject facts check {quote(result['file'] or '')}):"
    written = f"{result['written']} of {result['read']} rows became facts"
    where = f" in {result['file']}" if result["file"] else "; nothing was written"
    left_out = ["left out:", *skipped] if skipped else []
    return Group(written + where, *left_out, *([check, *unsound] if unsound else []))


def _counted(reasons: Mapping[str, int]) -> list[str]:
    return [f"{count:7}  {reason}" for reason, count in reasons.items()]

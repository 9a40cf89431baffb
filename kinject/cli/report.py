"""`kinject report`: finished comparisons as tables on the terminal, and as files in a folder."""

from pathlib import Path
from typing import Annotated

import typer

from kinject.cli.console import Json, emit, say


def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help="Runs of kinject compare: names, folders or record.json files."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write report.html, report.md and tables.json into this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what was compared: by default the comparison that was finished last.

    Example: kinject report --out report
    """
    from kinject.report import page, records, tables

    sections = tables.sections(records.read(runs or []))
    emit(tables.as_json(sections), as_json=as_json, text=lambda: tables.terminal(sections))
    for path in page.write(out, sections) if out else []:
        say(f"wrote {path}")

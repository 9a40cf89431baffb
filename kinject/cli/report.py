"""`kinject report`: finished comparisons and studies as tables on the terminal, and as files in a folder."""

from pathlib import Path
from typing import Annotated

import typer

from kinject.cli.console import Json, emit, say


def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RECORD",
            help="Runs of kinject compare (names, folders); records of kinject sweep, errors and styles (.json files).",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write report.html, report.md and tables.json into this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what was compared, swept or sorted: by default the comparison that was finished last.

    Examples:  kinject report --out report
               kinject report sweep-lab.json errors.json styles.json --out report
    """
    from kinject.report import assemble, page
    from kinject.report.terminal import terminal

    sections = assemble.sections(runs or [])
    emit(page.as_json(sections), as_json=as_json, text=lambda: terminal(sections))
    for path in page.write(out, sections) if out else []:
        say(f"wrote {path}")

"""The report as files: report.html (one page that needs nothing else), report.md and tables.json.

Everything that a model, a facts file or a record says is hostile until escaped: the template escapes all of
it, the page's policy forbids scripts and requests, and characters that reorder or hide text are spelled out.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from kinject.report.records import Arm
from kinject.report.section import Column, Picture, Section, Table, in_words, visible
from kinject.storage import write_json, write_text

SCHEMA = "kinject.report/1"
TITLE = "Post-training data, mistakes, style and new facts: what was measured"
"""Of a report whose sections answer several questions."""
FOLDER = Path(__file__).parent


def write(folder: Path, sections: Sequence[Section]) -> list[Path]:
    """Write the three files into `folder` and return their paths."""
    page, text, data = folder / "report.html", folder / "report.md", folder / "tables.json"
    write_text(page, html(sections))
    write_text(text, markdown(sections))
    write_json(data, as_json(sections))
    return [page, text, data]


def title(sections: Sequence[Section]) -> str:
    """The question of all sections, where they have the same."""
    questions = {section.question for section in sections}
    return questions.pop() if len(questions) == 1 else TITLE


def as_json(sections: Sequence[Section]) -> dict[str, Any]:
    """The contents of tables.json."""
    told = ("question", "title", "state", "answer")
    found = [{**{name: getattr(each, name) for name in told}, **each.data, "notes": each.notes} for each in sections]
    return {"schema": SCHEMA, "question": title(sections), "sections": found}


def _columns(sections: Sequence[Section]) -> list[Column]:
    return list(dict.fromkeys(column for each in sections for table in each.tables for column in table.columns))


# The page


def html(sections: Sequence[Section]) -> str:
    """The whole page as text."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = lambda value: visible(str(value))
    style = (FOLDER / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.jinja").render(
        question=title(sections),
        policy=_policy(style),
        style=style,
        sections=[_section(section, number, len(sections) > 1) for number, section in enumerate(sections, 1)],
        columns=_columns(sections),
    )


def _policy(style: str) -> str:
    """Nothing may be loaded, run or sent; the page's own style alone is let through, by its hash."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _section(section: Section, number: int, several: bool) -> dict[str, Any]:
    """What the template draws; pictures get ids that no other has."""
    pieces = [_piece(piece, f"picture-{number}-{place}") for place, piece in enumerate(section.pieces, 1)]
    question = section.question if several else ""
    told = {name: getattr(section, name) for name in ("title", "state", "answer", "provenance", "notes")}
    return {**told, "question": question, "pieces": pieces, "arms": list(map(_arm, section.arms))}


def _piece(piece: Table | Picture, name: str) -> dict[str, Any]:
    if isinstance(piece, Table):
        return {"table": piece, "picture": None}
    drawn = piece.draw(name)
    return {"table": None, "picture": {"title": piece.title, "svg": drawn.svg, "keys": drawn.keys}}


def _arm(arm: Arm) -> dict[str, Any]:
    answers = list(_answers(arm))
    missing = "" if answers else f"; the answers are not at hand ({arm.record['answers']})"
    note = "seconds: " + in_words(arm.record["seconds"]) + missing
    return {"name": f"{arm.start}, {arm.method}", "note": note, "answers": answers}


def _answers(arm: Arm) -> Iterator[dict[str, Any]]:
    events = {fact.id: fact.event for fact in arm.facts.facts} if arm.facts else {}
    for row in arm.answers:
        verdict = row["verdicts"].get(arm.record["judge"], {})
        yield {
            **row,
            "event": events.get(row["fact"], ""),
            "correctness": verdict.get("correctness", "unscored"),
            "verdicts": {judge: in_words(said) for judge, said in row["verdicts"].items()},
        }


# Markdown


def markdown(sections: Sequence[Section]) -> str:
    """The report without its answers, for a repository or a comment."""
    meanings = [f"- **{column.name}**: {column.meaning}" for column in _columns(sections)]
    parts = [
        f"# {title(sections)}",
        *map(_markdown_section, sections),
        "## What the columns mean",
        "\n".join(meanings),
    ]
    return "\n\n".join(parts) + "\n"


def _markdown_section(section: Section) -> str:
    made = "\n".join(f"- {name}: {_escaped(text)}" for name, text in section.provenance.items())
    drawn = [
        part
        for table in section.tables
        for part in (f"### {_escaped(table.title)}", _escaped(section.state), pipes(table))
    ]
    notes = ["\n".join(f"- {_escaped(note)}" for note in section.notes)] if section.notes else []
    head = [f"## {_escaped(section.title)}", _escaped(section.answer)]
    return "\n\n".join([*head, *drawn, *notes, "### Where it comes from", made])


def pipes(table: Table) -> str:
    """A table in Markdown."""
    rows = [[column.name for column in table.columns], ["---"] * len(table.columns), *table.rows]
    return "\n".join("| " + " | ".join(map(_escaped, row)) + " |" for row in rows)


def _escaped(text: str) -> str:
    for mark in "\\|`*<":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(visible(text).replace("](", "]\\(").split())

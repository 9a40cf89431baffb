"""The report as files: report.html (one page that needs nothing else), report.md and tables.json.

Everything that a model, a facts file or a record says is hostile until escaped: the template escapes all of
it, the page's policy forbids scripts and requests, and characters that reorder or hide text are spelled out.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from kinject.report.records import Arm
from kinject.report.tables import (
    QUESTION,
    Column,
    Section,
    Table,
    answer,
    as_json,
    tables,
    visible,
)
from kinject.storage import write_json, write_text

FOLDER = Path(__file__).parent


def write(folder: Path, sections: Sequence[Section]) -> list[Path]:
    """Write the three files into `folder` and return their paths."""
    page, text, data = folder / "report.html", folder / "report.md", folder / "tables.json"
    write_text(page, html(sections))
    write_text(text, markdown(sections))
    write_json(data, as_json(sections))
    return [page, text, data]


def provenance(section: Section) -> dict[str, str]:
    """What went into the section, by name."""
    record = section.arms[0].record
    shared = {name: _words(record[name]) for name in ("model", "facts", "judge", "sampling", "seed")}
    runs = {"runs": ", ".join(dict.fromkeys(str(arm.record["run"]) for arm in section.arms))}
    made = {
        name: ", ".join(filter(None, dict.fromkeys(getattr(arm, name) for arm in section.arms)))
        for name in ("command", "versions")
    }
    return {name: text for name, text in (shared | runs | made).items() if text}


def _words(value: Any) -> str:
    """A record's value on one line: {"temperature": 0} is "temperature 0"."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(item)}" for name, item in value.items())
    return str(value)


def _columns(sections: Sequence[Section]) -> list[Column]:
    every = [column for section in sections for table in tables(section) for column in table.columns]
    return list(dict.fromkeys(every))


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
        question=QUESTION,
        policy=_policy(style),
        style=style,
        sections=map(_section, sections),
        columns=_columns(sections),
    )


def _policy(style: str) -> str:
    """Nothing may be loaded, run or sent; the page's own style alone is let through, by its hash."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _section(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "state": section.state,
        "answer": answer(section),
        "tables": tables(section),
        "provenance": provenance(section),
        "arms": map(_arm, section.arms),
    }


def _arm(arm: Arm) -> dict[str, Any]:
    answers = list(_answers(arm))
    missing = "" if answers else f"; the answers are not at hand ({arm.record['answers']})"
    note = "seconds: " + _words(arm.record["seconds"]) + missing
    return {"name": f"{arm.start}, {arm.method}", "note": note, "answers": answers}


def _answers(arm: Arm) -> Iterator[dict[str, Any]]:
    events = {fact.id: fact.event for fact in arm.facts.facts} if arm.facts else {}
    for row in arm.answers:
        verdict = row["verdicts"].get(arm.record["judge"], {})
        yield {
            **row,
            "event": events.get(row["fact"], ""),
            "correctness": verdict.get("correctness", "unscored"),
            "verdicts": {judge: _words(said) for judge, said in row["verdicts"].items()},
        }


# Markdown


def markdown(sections: Sequence[Section]) -> str:
    """The report without its answers, for a repository or a comment."""
    meanings = [f"- **{column.name}**: {column.meaning}" for column in _columns(sections)]
    parts = [
        f"# {QUESTION}",
        *map(_markdown_section, sections),
        "## What the columns mean",
        "\n".join(meanings),
    ]
    return "\n\n".join(parts) + "\n"


def _markdown_section(section: Section) -> str:
    made = "\n".join(f"- {name}: {_escaped(text)}" for name, text in provenance(section).items())
    drawn = [
        part for table in tables(section) for part in (f"### {table.title}", _escaped(section.state), pipes(table))
    ]
    return "\n\n".join(
        [f"## {_escaped(section.title)}", _escaped(answer(section)), *drawn, "### Where it comes from", made]
    )


def pipes(table: Table) -> str:
    """A table in Markdown."""
    rows = [[column.name for column in table.columns], ["---"] * len(table.columns), *table.rows]
    return "\n".join("| " + " | ".join(map(_escaped, row)) + " |" for row in rows)


def _escaped(text: str) -> str:
    for mark in "\\|`*<":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(visible(text).replace("](", "]\\(").split())

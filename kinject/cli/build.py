"""`kinject build`: make the rows of a posttrain recipe, look at them, and write them to a file."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from kinject.cli.console import Json, emit
from kinject.cli.progress import RichProgress
from kinject.injection.arm import STARTS

RECIPES = [name for name in STARTS if name != "base"]
Recipe = Annotated[str, typer.Argument(metavar="RECIPE", help=f"One of: {', '.join(RECIPES)}.")]
SHOWN = 3


def build(
    recipe: Recipe,
    source: Annotated[
        str, typer.Option("--source", help="lab, lab@N, subqa:FOLDER, musique:FILE, lima:FILE or ROWS.jsonl.")
    ] = "lab",
    out: Annotated[Path | None, typer.Option("--out", help="Write the rows to this new .jsonl file.")] = None,
    annotator: Annotated[
        str | None,
        typer.Option(
            "--annotator",
            help="Who writes recalls: openai:MODEL, vllm:MODEL, a model, module:attribute. Default: a rule.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Build a recipe's rows and their card; what is written can be trained on with --source ROWS.jsonl.

    Example:  kinject build subqa-recall --source subqa:data --out rows.jsonl
    """
    from kinject import prompts
    from kinject.injection.start import built, may_annotate
    from kinject.recipes import material
    from kinject.recipes.annotator import open_annotator
    from kinject.recipes.readers import rows

    if annotator is not None:
        may_annotate(recipe, source)  # told before a model is built or fetched
    engine = None if annotator is None else open_annotator(annotator, RichProgress())
    made = built(recipe, source, prompts.load(material.system_of(source)), engine)
    card = rows.write(made, out) if out else rows.card_of(made)
    result = {
        "schema": "kinject.build/1",
        "recipe": recipe,
        "source": source,
        "annotator": annotator,
        "rows": len(made.rows),
        "out": str(out.resolve()) if out else None,
        "card": card,
        "first": [row.as_json() for row in made.rows[:SHOWN]],
    }
    emit(result, as_json=as_json, text=lambda: _shown(result))


def _shown(result: dict[str, Any]) -> RenderableType:
    where = f"written to {result['out']}" if result["out"] else "not written (--out NAME.jsonl)"
    return Group(
        f"{result['recipe']} from {result['source']}: {result['rows']} rows, {where}",
        *(f"  {name}: {value}" for name, value in result["card"].items()),
        *(line for row in result["first"] for line in ["", *_lines(row)]),
    )


def _lines(row: dict[str, Any]) -> list[str]:
    """Show a row, one message after the other, each line behind who says it."""
    said = [*((message["role"], message["content"]) for message in row["messages"]), ("response", row["response"])]
    return [f"  {role} | {line}" for role, text in said for line in text.splitlines()]

"""`kinject build`: make the rows of a posttrain recipe, look at them, and write them to a file or a folder."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from kinject.cli.console import Json, emit
from kinject.cli.progress import RichProgress
from kinject.errors import MissingError, did_you_mean
from kinject.injection.arm import RECIPES, SIZES
from kinject.recipes.material import NAMES

Recipe = Annotated[str, typer.Argument(metavar="RECIPE", help=f"One of: {', '.join(RECIPES)}; {SIZES}.")]
SHOWN = 3
LONG = ("overlap",)
"""Parts of a card that are told in lines of their own."""


FOUND = {"exact": "rows hold a text of it, and were dropped", "shared_13_words": "more share 13 words in a row with it"}


def build(
    recipe: Recipe,
    source: Annotated[str, typer.Option("--source", help=f"{NAMES}.")] = "lab",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the rows to this new .jsonl file, or to a folder of the datasets library."),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against",
            metavar="TEST",
            help="Drop rows that a test holds, and tell which come near: a file, or a benchmark such as lab-math or"
            " gsm8k:test.jsonl. Can be given again.",
        ),
    ] = None,
    annotator: Annotated[
        str | None,
        typer.Option(
            "--annotator",
            help="Who writes recalls: openai:MODEL, vllm:MODEL, a model, module:attribute. Default: a rule.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Build a recipe's rows and their card; what is written can be trained on with --source ROWS.jsonl or FOLDER.

    Examples:  kinject build subqa-recall --source subqa:data --out rows.jsonl
               kinject build gsm8k@500 --source gsm8k:train_socratic.jsonl --against gsm8k:test.jsonl --out rows
    """
    from kinject.injection.start import built, may_annotate, open_start
    from kinject.recipes import material, overlap
    from kinject.recipes.annotator import open_annotator
    from kinject.recipes.readers import rows

    system = open_start(recipe).system_for(material.of_lab(source))
    if annotator is not None:
        may_annotate(recipe, source)  # told before a model is built or fetched
    tests = [(name, _texts(name)) for name in against or ()]
    engine = None if annotator is None else open_annotator(annotator, RichProgress())
    less = [partial(overlap.without, tests=tests)] if tests else []
    made = built(recipe, source, system, engine, *less)
    card = material.write(made, out) if out else rows.card_of(made)
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


def _texts(name: str) -> Sequence[str]:
    """Return what a test asks: a benchmark of that name, with its data after a colon, or a file."""
    from kinject.benchmarks.benchmark import BENCHMARKS, open_benchmark
    from kinject.recipes.readers import texts

    benchmark, _, data = name.partition(":")
    if benchmark in BENCHMARKS:
        items = open_benchmark(benchmark).read(data or None, None).items
        # A prompt has words around what is asked; where they are known apart, only the latter is looked for.
        return [str(item.reference.get("question") or item.reference.get("prompt") or item.question) for item in items]
    path = Path(name).expanduser()
    if not path.suffix and not path.exists():
        near = did_you_mean(benchmark, BENCHMARKS)
        mend = f"name a file, or one of: {', '.join(BENCHMARKS)}"
        raise MissingError(f"there is no test {name!r}.{near}", where="--against", mend=mend)
    return texts.read(path)


def _shown(result: dict[str, Any]) -> RenderableType:
    where = f"written to {result['out']}" if result["out"] else "not written (--out NAME.jsonl, or --out FOLDER)"
    told = {name: value for name, value in result["card"].items() if name not in LONG}
    return Group(
        f"{result['recipe']} from {result['source']}: {result['rows']} rows, {where}",
        *(f"  {name}: {value}" for name, value in told.items()),
        *(line for each in result["card"].get("overlap", ()) for line in _found(each)),
        *(line for row in result["first"] for line in ["", *_lines(row)]),
    )


def _found(overlap: dict[str, Any]) -> list[str]:
    """Tell what the rows share with a test, each count with its examples."""
    lines = [f"  against {overlap['against']}, {overlap['texts']} texts:"]
    for kind, words in FOUND.items():
        lines.append(f"    {overlap[kind]} {words}")
        examples = overlap["examples"][kind]
        lines += [f"      row {each['row']}, text {each['text']}: {each['words']}" for each in examples]
    return lines


def _lines(row: dict[str, Any]) -> list[str]:
    """Show a row, one message after the other, each line behind who says it."""
    said = [*((message["role"], message["content"]) for message in row["messages"]), ("response", row["response"])]
    return [f"  {role} | {line}" for role, text in said for line in text.splitlines()]

"""`kinject retrieve`: find the facts that a question asks for, or measure how often they are found."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kinject.cli.ask import one_question
from kinject.cli.console import Json, emit
from kinject.cli.progress import RichProgress
from kinject.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from kinject.facts.schema import FactSet
    from kinject.retrieval.search import Retriever

SCHEMA = "kinject.retrieve/1"
COUNT = re.compile(r"0*[1-9][0-9]{0,8}")
"""A number from 1, of no more digits than any set has facts."""


def retrieve(
    question: Annotated[
        str | None, typer.Argument(metavar="QUESTION", help="Show what is found for it, instead of measuring.")
    ] = None,
    facts: Annotated[str, typer.Option("--facts", help="A .jsonl file, a set's name, or lab[@N][:COUNT].")] = "lab",
    retriever: Annotated[str, typer.Option("--retriever", help="bm25, faiss, hybrid, or all of them.")] = "faiss",
    embedder: Annotated[
        str | None, typer.Option("--embedder", help="lab, a folder, or a hub id. Default: the one for the facts.")
    ] = None,
    top_k: Annotated[
        str, typer.Option("--top-k", help="How many facts count as found: one number or several.")
    ] = "1,5",
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="Only facts known on a day, or by a month's end.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the facts that a question asks for, or measure how often they are found.

    Example: kinject retrieve --facts lab --retriever all

    Example: kinject retrieve "Who won the Rugby World Cup in 2023?" --facts example --retriever bm25
    """
    from kinject.retrieval import hybrid
    from kinject.retrieval.search import embedder_of, known_on, open_retriever, useful
    from kinject.sources import open_facts

    progress, depths = RichProgress(), _numbers(top_k)
    useful(embedder, retriever)
    question = question if question is None else one_question(question, 'kinject retrieve "Who won ...?"')
    known = open_facts(facts)
    known = known_on(known, as_of, progress) if as_of else known
    chosen = embedder_of(retriever, known, embedder)
    if retriever == "all":
        opened = hybrid.each(known, chosen or "", progress)
    else:
        opened = {retriever: open_retriever(retriever, known, embedder, progress=progress)}
    about = {
        "schema": SCHEMA,
        "facts": known.name,
        "indexed": len(known.facts),
        "as_of": as_of,
        "embedder": chosen,
    }
    if question is None:
        result = {**about, **_measured(opened, known, depths)}
        emit(result, as_json=as_json, text=lambda: _table(result))
    else:
        result = {**about, **_found(opened, known, question, max(depths))}
        emit(result, as_json=as_json, text=lambda: _hits(result))


def _numbers(top_k: str) -> list[int]:
    parts = [part.strip() for part in top_k.split(",")]
    if not all(COUNT.fullmatch(part) for part in parts):
        raise UsageError(f"{top_k!r} are no counts", where="--top-k", mend="write whole numbers from 1: --top-k 1,5")
    return sorted({int(part) for part in parts})


def _found(opened: "dict[str, Retriever]", facts: "FactSet", question: str, k: int) -> dict[str, Any]:
    results = [
        {
            "retriever": name,
            "hits": [
                {"fact": hit.fact, "score": round(hit.score, 4), "event": facts.by_id[hit.fact].event}
                for hit in retriever.search([question], k)[0]
            ],
        }
        for name, retriever in opened.items()
    ]
    return {"question": question, "results": results}


def _measured(opened: "dict[str, Retriever]", facts: "FactSet", depths: list[int]) -> dict[str, Any]:
    from kinject.retrieval.evaluate import DEPTH, comparisons, evaluate

    found = {name: evaluate(retriever, facts, max(DEPTH, *depths)) for name, retriever in opened.items()}
    results = [{"retriever": name, **one.as_json(depths)} for name, ranks in found.items() for one in ranks]
    return {"top_k": depths, "results": results, "comparisons": comparisons(found, depths[0])}


def _hits(result: dict[str, Any]) -> "RenderableType":
    from rich.table import Table

    table = Table("retriever", "score", "fact", "event", box=None, pad_edge=False)
    for one in result["results"]:
        for hit in one["hits"]:
            table.add_row(one["retriever"], f"{hit['score']:.4f}", hit["fact"], hit["event"])
    return table if table.rows else "nothing found"


def _table(result: dict[str, Any]) -> "RenderableType":
    from rich.console import Group
    from rich.table import Table

    table = Table("retriever", "questions", "n", box=None, pad_edge=False)
    for k in result["top_k"]:
        table.add_column(f"recall@{k} (95 % interval)", justify="right")
    table.add_column("MRR", justify="right")
    for row in result["results"]:
        if row["n"]:
            rates = [_rate(rate) for rate in row["recall"].values()]
            table.add_row(row["retriever"], row["kind"].replace("_", " "), str(row["n"]), *rates, f"{row['mrr']:.3f}")
    embedder = f", embedder {result['embedder']}" if result["embedder"] else ""
    title = f"{result['indexed']} facts of {result['facts']}{embedder}"
    compared = ["", _differences(result), "Each p stands for itself: it is not corrected for the number of rows."]
    return Group(title, "", table, *(compared if result["comparisons"] else []))


def _rate(rate: dict[str, Any]) -> str:
    low, high = rate["interval"]
    return f"{rate['percent']:.1f} ({low:.1f} to {high:.1f})"


def _differences(result: dict[str, Any]) -> "RenderableType":
    from rich.table import Table

    table = Table("difference", "questions", box=None, pad_edge=False)
    table.add_column(f"points of recall@{result['top_k'][0]} (95 % interval)", justify="right")
    table.add_column("p (exact McNemar)", justify="right")
    for row in result["comparisons"]:
        if row["n"]:
            low, high = row["interval"]
            points = f"{row['difference']:+.1f} ({low:+.1f} to {high:+.1f})"
            names = f"{row['second']} - {row['first']}"
            table.add_row(names, row["kind"].replace("_", " "), points, f"{row['p']:.3g}")
    return table

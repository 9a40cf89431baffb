"""`kinject bench`: score a model on a benchmark, or responses that were made elsewhere."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table

from kinject.benchmarks.benchmark import BENCHMARKS, open_benchmark
from kinject.cli import options
from kinject.cli.console import Json, emit
from kinject.cli.first_word import FirstWordFree
from kinject.cli.progress import RichProgress
from kinject.errors import KinjectError


class Benching(FirstWordFree):
    """`kinject bench NAME` runs one."""

    default = "run"


app = typer.Typer(
    cls=Benching,
    help=f"Score a model: kinject bench NAME --model M. NAME is one of: {', '.join(BENCHMARKS)}.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("run")
def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {', '.join(BENCHMARKS)}; module:attribute.")],
    model: options.Model = "lab",
    start: Annotated[
        str, typer.Option("--start", metavar="RECIPE", help="Post-train the model first, once: gsm8k, subqa@500, ...")
    ] = "base",
    source: options.Source = None,
    data: Annotated[
        str | None, typer.Option("--data", help="The benchmark's data: see `kinject bench list`; lab@N for a lab's.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first so many items.")] = None,
    responses: Annotated[
        Path | None, typer.Option("--responses", help='Score these instead: {"id", "response"} a line.')
    ] = None,
    greedy: options.Greedy = False,
    repetition_penalty: options.RepetitionPenalty = None,
    max_new_tokens: Annotated[
        int | None, typer.Option("--max-new-tokens", min=1, help="Longest response. Default: the benchmark's own.")
    ] = None,
    seed: options.Seed = 0,
    as_json: Json = False,
) -> None:
    """Ask a model every item of a benchmark and score what it says; asked once, scored again for free.

    Example:  kinject bench lab-math --model lab --start gsm8k
    """
    from kinject.benchmarks import run as benching

    benchmark = open_benchmark(name)
    changes = {"repetition_penalty": repetition_penalty, "max_new_tokens": max_new_tokens}
    sampling = {option: value for option, value in changes.items() if value is not None}
    sampling |= {"temperature": 0.0, "top_p": 1.0} if greedy else {}
    settings = benching.Settings(data, limit, sampling, seed)
    progress = RichProgress()
    if responses is not None:
        record = benching.mark(benchmark, responses, settings, progress)
    else:
        benchmark.check()  # told before a model is fetched or trained
        record = benching.bench(benchmark, _opened(model, start, source, seed, progress), settings, progress)
    emit(record.as_json(), as_json=as_json, text=lambda: _shown(record.as_json()))


@app.command("list")
def listed(as_json: Json = False) -> None:
    """Show every benchmark, whether its data is here, and the line that gets it."""
    benchmarks = [_told(name) for name in BENCHMARKS]
    result = {"schema": "kinject.bench.list/1", "benchmarks": benchmarks}
    emit(result, as_json=as_json, text=lambda: _table(benchmarks))


def _opened(model: str, start: str, source: str | None, seed: int, progress: RichProgress) -> Any:
    """Open a model and post-train it, if it is to start from a recipe."""
    from kinject import sources
    from kinject.injection.arm import Arm
    from kinject.injection.inject import possible
    from kinject.injection.settings import Settings
    from kinject.injection.train import posttrain_spec, trained

    opened = sources.open_model(model, progress)
    possible(Arm(start), opened)
    return trained(posttrain_spec(start, opened, Settings(seed=seed, source=source)), opened, progress)[0]


def _told(name: str) -> dict[str, Any]:
    """What there is to know of a benchmark before it is run: is its data here, is what scores it?"""
    benchmark = open_benchmark(name)
    data = benchmark.data
    told: dict[str, Any] = {
        "name": name,
        "title": benchmark.title,
        "metrics": list(benchmark.metrics),
        "licence": data.licence if data else "CC0-1.0",
        "items": None,
        "lacks": [],
        "mend": [],
    }
    try:
        told["items"] = len(benchmark.read(None, None).items)
    except KinjectError as error:
        told |= {"lacks": ["data"], "mend": [data.get if data else error.mend]}
    try:
        benchmark.check()
    except KinjectError as error:
        told |= {"lacks": [*told["lacks"], str(error)], "mend": [*told["mend"], error.mend]}
    return told


def _table(benchmarks: list[dict[str, Any]]) -> RenderableType:
    table = Table("benchmark", "what it asks", "items", "is missing", box=None, pad_edge=False, header_style="bold")
    for each in benchmarks:
        lacks = "; ".join(each["lacks"]) or "nothing"
        table.add_row(each["name"], each["title"], str(each["items"] or "-"), lacks)
    mends = [f"{each['name']}: {mend}" for each in benchmarks for mend in each["mend"]]
    return Group(table, *(["", "What is missing, and how to get it:", *mends] if mends else []))


def _shown(record: dict[str, Any]) -> RenderableType:
    who = record["model"] or "responses from elsewhere"
    table = Table("score", "passed", "percent", "95 % interval", "unscored", box=None, pad_edge=False)
    for metric, rate in record["scores"].items():
        percent = "-" if rate["percent"] is None else f"{rate['percent']:.1f}"
        low, high = rate["interval"]
        table.add_row(metric, f"{rate['k']}/{rate['n']}", percent, f"{low} to {high}", str(rate["unscored"]))
    notes = [f"{record[name]} {words}" for name, words in NOTES.items() if record[name]]
    return Group(
        f"{record['benchmark']}: {who}, {record['items']} items",
        table,
        *notes,
        record["responses"],
    )


NOTES = {"cut_off": "responses were cut off at the longest length", "empty": "responses were empty"}

"""`kinject compare`: several arms of one model on the same facts, side by side."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from kinject.cli import options, plan
from kinject.cli.console import Json, emit
from kinject.cli.progress import RichProgress
from kinject.injection.arm import METHODS, SIZES, STARTS, USUAL


def compare(
    context: typer.Context,
    preset: Annotated[str | None, typer.Option("--preset", help="A named set of arms: demo, tables, controls.")] = None,
    starts: Annotated[
        str | None,
        typer.Option(
            "--starts", help=f"Weights to start from, with commas: {', '.join(STARTS)}; {SIZES}. Default: base."
        ),
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option("--methods", help=f"Methods, with commas: {', '.join(METHODS)}. Default: {', '.join(USUAL)}."),
    ] = None,
    model: options.Model = "lab",
    facts: options.Facts = None,
    after: options.After = None,
    judge: options.Judge = "rules",
    concurrency: options.Concurrency = 8,
    price: options.Price = None,
    max_cost: options.MaxCost = None,
    seed: options.Seed = 0,
    source: options.Source = None,
    greedy: options.Greedy = False,
    repetition_penalty: options.RepetitionPenalty = None,
    max_new_tokens: options.MaxNewTokens = 256,
    prompt: options.Prompt = "plain",
    peft: options.Peft = None,
    replay: options.Replay = None,
    epochs: options.Epochs = None,
    learning_rate: options.LearningRate = None,
    micro_batch: options.MicroBatch = None,
    retriever: options.RetrieverName = "faiss",
    embedder: options.Embedder = None,
    top_k: options.TopK = 1,
    as_of: options.AsOf = None,
    novelty: options.Novelty = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes that work side by side.")] = 1,
    export_result: Annotated[
        Path | None,
        typer.Option("--export-result", help="Also write one small .json without paths, to be sent or committed."),
    ] = None,
    dry_run: plan.DryRun = False,
    explain: plan.Explain = False,
    as_json: Json = False,
) -> None:
    """Run every chosen start with every chosen method and print one table.

    Example:  kinject compare --starts base,subqa-recall-context --methods none,event-sft,rag-oracle --jobs 2
    """
    from kinject import sources
    from kinject.injection.novelty import samples
    from kinject.report.records import read
    from kinject.report.tables import sections
    from kinject.report.terminal import terminal
    from kinject.studies import injection
    from kinject.studies.export import export

    chosen = injection.choose(preset, _names(starts), _names(methods))
    asked = options.settings(context.params)
    progress = RichProgress()
    if dry_run or explain:
        plan.told(chosen, asked, context.params, progress)
        return
    opened, known = sources.open_both(model, facts, after, progress)
    comparison = injection.Comparison(opened, known, replace(asked, novelty=samples(novelty, opened)))
    record, folder = injection.compare(chosen, comparison, jobs, progress, shlex.join(["kinject", *sys.argv[1:]]))
    if export_result:
        export(record, export_result)
    emit(record, as_json=as_json, text=lambda: terminal(sections(read([folder]))))


def _names(text: str | None) -> list[str]:
    return [] if text is None else [name.strip() for name in text.split(",")]

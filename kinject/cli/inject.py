"""`kinject inject`: put facts into a model in one way, ask, judge, and print the scores."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Group

from kinject.cli import options, plan
from kinject.cli.console import Json, emit
from kinject.cli.progress import RichProgress
from kinject.injection import blame
from kinject.injection.arm import METHODS, SIZES, STARTS
from kinject.judging.grade import KINDS


def inject(
    context: typer.Context,
    method: Annotated[str, typer.Option("--method", help=f"One of: {', '.join(METHODS)}.")] = "rag-oracle",
    start: Annotated[
        str, typer.Option("--start", help=f"Weights to start from: {', '.join(STARTS)}; {SIZES}.")
    ] = "base",
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
    dry_run: plan.DryRun = False,
    explain: plan.Explain = False,
    as_json: Json = False,
) -> None:
    """Inject facts into a model by one method and say how well it then answers.

    Examples:  kinject inject --method rag-oracle
               kinject inject --method event-sft --start subqa-recall-context
               kinject inject --method rag-oracle --model PATH --facts my-facts.jsonl
    """
    from kinject import sources
    from kinject.injection.arm import arm
    from kinject.injection.inject import inject as run
    from kinject.injection.novelty import samples
    from kinject.report.records import from_record
    from kinject.report.tables import sections
    from kinject.report.terminal import terminal

    chosen = arm(start, method)
    asked = options.settings(context.params)
    progress = RichProgress()
    if dry_run or explain:
        plan.told([chosen], asked, context.params, progress)
        return
    opened, known = sources.open_both(model, facts, after, progress)
    record = run(chosen, opened, known, replace(asked, novelty=samples(novelty, opened)), progress).as_json()
    table = terminal(sections([from_record(record)]))
    emit(record, as_json=as_json, text=lambda: Group(table, *notes(record)))


def notes(record: Mapping[str, Any]) -> list[str]:
    """What a reader of an arm's scores should know beside them."""
    asked = sum(record["scores"][kind]["n"] + record["scores"][kind]["unscored"] for kind in KINDS)
    told = [f"{record['cut_off']} of {asked} answers were cut off by the token limit"] if record["cut_off"] else []
    told += [f"{record['empty']} of {asked} answers are empty"] if record["empty"] else []
    if record["retrieval"]:
        told += blame.lines(record["retrieval"])
    if found := record["novelty"]:
        shown = [
            f"{name.replace('_', ' ')} {rate['k']}/{rate['n']}"
            for name, rate in found["scores_on_new"].items()
            if name in KINDS and rate["n"]
        ]
        before = f"Asked {found['samples']} times without the facts, the start knew {len(found['known'])} of them"
        told.append(f"{before}; on the others: {', '.join(shown) or 'nothing left'}")
    return told

"""`kinject inject`: put facts into a model in one way, ask, judge, and print the scores."""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table

from kinject.cli import options
from kinject.cli.console import Json, emit
from kinject.cli.progress import RichProgress
from kinject.errors import UsageError
from kinject.injection.arm import METHODS, STARTS, Arm
from kinject.injection.inject import Settings
from kinject.judging.grade import KINDS
from kinject.progress import Progress
from kinject.retrieval.search import Retrieval
from kinject.sources import Model

DryRun = Annotated[bool, typer.Option("--dry-run", help="List what would run and what it would take; run nothing.")]
Explain = Annotated[bool, typer.Option("--explain", help="Show every setting with its source; run nothing.")]
UNKNOWN = "not known yet"


def inject(
    method: Annotated[str, typer.Option("--method", help=f"One of: {', '.join(METHODS)}.")] = "rag-oracle",
    start: Annotated[str, typer.Option("--start", help=f"Weights to start from: {', '.join(STARTS)}.")] = "base",
    model: options.Model = "lab",
    facts: options.Facts = None,
    after: options.After = None,
    judge: options.Judge = "rules",
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
    dry_run: DryRun = False,
    explain: Explain = False,
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
    from kinject.injection.novelty import gate
    from kinject.report.records import from_record
    from kinject.report.tables import sections, terminal

    chosen = arm(start, method)
    asked = options.settings(
        judge,
        seed,
        source,
        greedy=greedy,
        repetition_penalty=repetition_penalty,
        max_new_tokens=max_new_tokens,
        prompt=prompt,
        learn={
            "peft": peft,
            "replay": replay,
            "epochs": epochs,
            "learning_rate": learning_rate,
            "micro_batch": micro_batch,
        },
        retrieval=Retrieval(retriever, embedder, top_k, as_of),
    )
    progress = RichProgress()
    if dry_run or explain:
        told(
            [chosen],
            model,
            facts,
            after,
            asked,
            progress,
            dry_run=dry_run,
            explain=explain,
            as_json=as_json,
            novelty=novelty,
        )
        return
    opened, known = sources.open_both(model, facts, after, progress)
    done = run(chosen, opened, known, asked, progress)
    record, result = done.as_json(), done.as_json()
    samples = _samples(novelty, opened)
    if samples:
        result["novelty"] = gate(done, opened, known, asked, samples, progress)
    table = terminal(sections([from_record(record)]))
    emit(result, as_json=as_json, text=lambda: Group(table, *_known(result)))


def _samples(novelty: int | None, model: Model) -> int:
    """How often a start is asked closed-book: as asked for, or only where its facts are of the real world."""
    from kinject.injection.novelty import SAMPLES

    if novelty is not None:
        return novelty
    return SAMPLES if model.world is None else 0


def _known(result: dict[str, Any]) -> list[str]:
    """What the start knew before, and what that does to the scores."""
    if "novelty" not in result:
        return []
    found = result["novelty"]
    shown = [
        f"{name.replace('_', ' ')} {rate['k']}/{rate['n']}"
        for name, rate in found["scores_on_new"].items()
        if name in KINDS and rate["n"]
    ]
    facts = len(found["known"])
    asked = f"Asked {found['samples']} times without the facts, the start knew {facts} of them"
    return [f"{asked}; on the others: {', '.join(shown) or 'nothing left'}"]


def told(
    chosen: Sequence[Arm],
    model: str,
    facts: str | None,
    after: str | None,
    asked: Settings,
    progress: Progress,
    *,
    dry_run: bool,
    explain: bool,
    as_json: bool,
    novelty: int | None = 0,
) -> None:
    """Print what arms would do, or their settings, instead of running them."""
    from kinject.injection import explain as explaining
    from kinject.injection import plan as planning

    if dry_run and explain:
        raise UsageError("--dry-run and --explain are two answers", where="--explain", mend="ask for one at a time")
    ground = planning.look_up(model, facts, after, progress)
    if explain:
        result = explaining.explain(chosen, ground.model, ground.facts, asked)
        emit(result, as_json=as_json, text=lambda: _settings(result))
    else:
        result = planning.plan(chosen, ground, asked, _samples(novelty, ground.model))
        emit(result, as_json=as_json, text=lambda: _plan(result))


def _plan(result: dict[str, Any]) -> RenderableType:
    table = Table("step", "what", "state", box=None, pad_edge=False)
    for name in ("time", "tokens", "disk", "memory"):
        table.add_column(name, justify="right")
    for step in result["steps"]:
        row = ["cached", "", "", "", ""] if step["cached"] else ["to do", *_figures(step)]
        table.add_row(step["step"], step["what"], *row)
    total = result["total"]
    table.add_row("", f"{total['steps']} to do, {total['cached']} cached", "", *_figures(total))
    notes = [
        "time: at the median pace of earlier runs, one step after another; tokens of answers: at most;",
        "disk: what stays, without answers; memory: at least, in all the largest step's.",
    ]
    if total["scratch"]:
        notes.append(
            f"While a model is trained, its checkpoints take up to {_size(total['scratch'])} more on the disk."
        )
    return Group(table, "", *notes)


def _figures(of: dict[str, Any]) -> list[str]:
    tokens = "?" if of["tokens"] is None else f"{of['tokens']:,}" if of["tokens"] else ""
    return [_duration(of["seconds"]), tokens, _size(of["disk"]), _size(of["memory"])]


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return UNKNOWN
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.0f} h"
    )


def _size(count: int | None) -> str:
    if not count:
        return "?" if count is None else ""
    return f"{count / 2**20:,.0f} MiB" if count < 2**30 else f"{count / 2**30:,.1f} GiB"


def _settings(result: dict[str, Any]) -> RenderableType:
    """One table a part, so that what belongs together is read together."""
    parts: list[RenderableType] = [f"{result['model']} on {result['facts']}"]
    for part, rows in groupby(result["settings"], lambda row: row["part"]):
        table, before = Table("", "", "", box=None, pad_edge=False, show_header=False), ""
        for row in rows:
            table.add_row(
                f"  {row['name']}", f"{row['value']}", "as above" if row["source"] == before else row["source"]
            )
            before = row["source"]
        parts += ["", part, table]
    return Group(*parts)

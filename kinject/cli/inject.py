"""`kinject inject`: put facts into a model in one way, ask, judge, and print the scores."""

from typing import Annotated

import typer

from kinject.cli import options
from kinject.cli.console import Json, emit
from kinject.cli.progress import RichProgress
from kinject.injection.arm import METHODS, STARTS
from kinject.retrieval.search import Retrieval


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
    retriever: options.RetrieverName = "faiss",
    embedder: options.Embedder = None,
    top_k: options.TopK = 1,
    as_of: options.AsOf = None,
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
        learn={"peft": peft, "replay": replay, "epochs": epochs, "learning_rate": learning_rate},
        retrieval=Retrieval(retriever, embedder, top_k, as_of),
    )
    progress = RichProgress()
    opened, known = sources.open_both(model, facts, after, progress)
    record = run(chosen, opened, known, asked, progress).as_json()
    emit(record, as_json=as_json, text=lambda: terminal(sections([from_record(record)])))

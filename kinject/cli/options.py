"""The options that several commands share, each written once."""

from dataclasses import replace
from typing import Annotated

import typer

from kinject.engines.base import Sampling
from kinject.injection.inject import Settings

Model = Annotated[
    str, typer.Option("--model", help="lab, lab@N (another world), a model folder, or a hub id like org/name.")
]
Facts = Annotated[
    str | None,
    typer.Option("--facts", help="A .jsonl file, a set's name, or lab[@N][:COUNT]. Default: the model's own facts."),
]
Judge = Annotated[str, typer.Option("--judge", help="Who says whether an answer is right.")]
Seed = Annotated[int, typer.Option("--seed", help="Of training order and sampling.")]
Source = Annotated[
    str | None, typer.Option("--source", help="Where post-training rows come from, such as lab or lab@1.")
]
Greedy = Annotated[bool, typer.Option("--greedy", help="Decode greedily instead of the paper's sampling (A.5).")]
MaxNewTokens = Annotated[int, typer.Option("--max-new-tokens", min=1, help="Longest answer, in tokens.")]


def settings(judge: str, seed: int, source: str | None, greedy: bool, max_new_tokens: int) -> Settings:
    """Return the settings of an injection from a command's options."""
    sampling = Sampling(max_new_tokens=max_new_tokens)
    if greedy:
        sampling = replace(sampling, temperature=0.0, top_p=1.0)
    return Settings(sampling=sampling, judge=judge, seed=seed, source=source)

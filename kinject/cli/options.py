"""The options that several commands share, each written once."""

from typing import Annotated

import typer

from kinject.injection.inject import Settings
from kinject.judging.grade import open_judge

Model = Annotated[
    str, typer.Option("--model", help="lab, lab@N (another world), a model folder, or a hub id like org/name.")
]
Facts = Annotated[
    str | None,
    typer.Option("--facts", help="A .jsonl file, a set's name, or lab[@N][:COUNT]. Default: the model's own facts."),
]
FactsArgument = Annotated[str, typer.Argument(metavar="FACTS", help="A set's name, a .jsonl file, or lab[@N][:COUNT].")]
After = Annotated[
    str | None,
    typer.Option(
        "--after",
        metavar="DATE",
        help="Only facts from after a day or month, a known model's cutoff (its name), or the model's own (auto).",
    ),
]
Judge = Annotated[str, typer.Option("--judge", help="Who says whether an answer is right.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Of training order and sampling.")]
Source = Annotated[
    str | None, typer.Option("--source", help="Where post-training rows come from, such as lab or lab@1.")
]
Greedy = Annotated[bool, typer.Option("--greedy", help="Decode greedily instead of sampling.")]
RepetitionPenalty = Annotated[
    float | None, typer.Option("--repetition-penalty", min=1.0, help="Default: the paper's 1.1; for a lab model none.")
]
MaxNewTokens = Annotated[int, typer.Option("--max-new-tokens", min=1, help="Longest answer, in tokens.")]


def settings(
    judge: str, seed: int, source: str | None, greedy: bool, repetition_penalty: float | None, max_new_tokens: int
) -> Settings:
    """Return the settings of an injection from a command's options."""
    open_judge(judge)  # a mistyped name is told now, not after the training
    sampling: dict[str, float] = {"max_new_tokens": max_new_tokens}
    if greedy:
        sampling |= {"temperature": 0.0, "top_p": 1.0}
    if repetition_penalty is not None:
        sampling["repetition_penalty"] = repetition_penalty
    return Settings(sampling=sampling, judge=judge, seed=seed, source=source)

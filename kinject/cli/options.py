"""The options that several commands share, each written once."""

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kinject.errors import UsageError
from kinject.extensions import known
from kinject.injection.arm import ELICIT
from kinject.injection.settings import Settings
from kinject.judging import judge as judging
from kinject.recipes.material import NAMES
from kinject.retrieval.search import RETRIEVERS, Retrieval
from kinject.training.finetune import RATES

if TYPE_CHECKING:
    from kinject.engines.spending import Purse

Model = Annotated[
    str,
    typer.Option(
        "--model",
        help="lab, lab@N (another world), a folder, a hub id like org/name, vllm:MODEL, openai:MODEL.",
    ),
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
Judge = Annotated[
    str,
    typer.Option(
        "--judge", help="Who grades: rules, openai:MODEL, vllm:MODEL, hf:PATH, module:attribute; several with commas."
    ),
]


def _said(context: typer.Context, value: int) -> int | None:
    """None where nobody said how many: a vLLM server of ours is then asked more at once than another's endpoint."""
    source = context.get_parameter_source("concurrency")
    return None if source is None or source.name == "DEFAULT" else value


Concurrency = Annotated[
    int,
    typer.Option(
        "--concurrency",
        min=1,
        callback=_said,
        show_default=False,
        help="Calls to a judge's endpoint at once, at most. Default: 8; of vllm: 64.",
    ),
]
Price = Annotated[
    str | None, typer.Option("--price", metavar="IN/OUT", help="Dollars per million tokens read and written: 2.5/10.")
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        "--max-cost",
        min=0,
        help="Dollars after which no judge is asked any more, of all judges, repeats and arms together; of --jobs,"
        " each process gets its share. Needs --price.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Of training order and sampling.")]
Source = Annotated[
    str | None,
    typer.Option(
        "--source",
        help=f"Of post-training rows: {NAMES}.",
    ),
]
Greedy = Annotated[bool, typer.Option("--greedy", help="Decode greedily instead of sampling.")]
RepetitionPenalty = Annotated[
    float | None, typer.Option("--repetition-penalty", min=1.0, help="Default: the paper's 1.1; for a lab model none.")
]
MaxNewTokens = Annotated[int, typer.Option("--max-new-tokens", min=1, help="Longest answer, in tokens.")]
Prompt = Annotated[str, typer.Option("--prompt", help=f"How questions are put: {', '.join(ELICIT)}.")]
Peft = Annotated[str | None, typer.Option("--peft", help="lora trains a small adapter instead of all weights.")]
Replay = Annotated[
    int | None, typer.Option("--replay", min=0, help="Rows of the start's own set shown in each epoch of learning.")
]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="Of learning the facts. Default: see --explain.")]
LearningRate = Annotated[float | None, typer.Option("--learning-rate", help="Of learning the facts.")]
MicroBatch = Annotated[
    int | None, typer.Option("--micro-batch", min=1, help="Rows on the device at once; fewer take less memory.")
]
RetrieverName = Annotated[str, typer.Option("--retriever", help=f"What rag-faiss uses: {', '.join(RETRIEVERS)}.")]
Embedder = Annotated[
    str | None, typer.Option("--embedder", help="A sentence-transformers model: a folder or hub id; lab for the lab's.")
]
TopK = Annotated[int, typer.Option("--top-k", min=1, help="How many events rag-faiss puts into the prompt.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="Only events known on that day are searched.")
]
Novelty = Annotated[
    int | None,
    typer.Option(
        "--novelty",
        min=0,
        help="Ask the start closed-book so often, and give scores without what it knew. Default: 3; in the lab 0.",
    ),
]


def _checked(learn: Mapping[str, Any]) -> None:
    known("peft", learn.get("peft", "none"), RATES, "--peft")
    rate = learn.get("learning_rate", 1.0)
    if not 0 < rate < math.inf:  # nor NaN
        mend = "take a number above 0, such as 1e-5"
        raise UsageError(f"{rate} is no learning rate", where="--learning-rate", mend=mend)


TRAINING = ("peft", "replay", "epochs", "learning_rate", "micro_batch")


def settings(given: Mapping[str, Any]) -> Settings:
    """Return the settings of an injection from a command's parameters by name; None stands for the default.

    `inject` and `compare` take the same options, so both hand over what they were called with (`context.params`).
    """
    retrieval = Retrieval(given["retriever"], given["embedder"], given["top_k"], given["as_of"])
    how = (given["concurrency"], given["price"], _share(given["max_cost"], given.get("jobs") or 1))
    judges(given["judge"], *how)  # told now, not after the training
    known("prompt", given["prompt"], ELICIT)
    known("retriever", retrieval.retriever, RETRIEVERS)
    sampling: dict[str, float] = {"max_new_tokens": given["max_new_tokens"]}
    if given["greedy"]:
        sampling |= {"temperature": 0.0, "top_p": 1.0}
    if given["repetition_penalty"] is not None:
        sampling["repetition_penalty"] = given["repetition_penalty"]
    learn = {name: given[name] for name in TRAINING if given[name] is not None}
    _checked(learn)
    # Both trainings are of one kind and fit into one memory: an adapter on top of a fully trained model saves nothing.
    posttrain = {name: value for name, value in learn.items() if name in ("peft", "micro_batch")}
    return Settings(
        sampling=sampling,
        judge=given["judge"],
        terms=terms(*how),
        seed=given["seed"],
        source=given["source"],
        posttrain=posttrain,
        learn=learn,
        retrieval=retrieval,
        elicit=given["prompt"],
    )


def _share(max_cost: float | None, jobs: int) -> float | None:
    """What one process may spend: they cannot ask each other before every call."""
    return None if max_cost is None else max_cost / jobs


def judges(names: str, concurrency: int | None, price: str | None, max_cost: float | None) -> "list[judging.Judge]":
    """Return the judges that `--judge` names. `UsageError` where one is not known, or none is named."""
    asked = judging.names(names)
    if not asked:
        raise UsageError("no judge is named", where="--judge", mend="use --judge rules")
    return [judging.open_judge(name, terms(concurrency, price, max_cost)) for name in asked]


def terms(concurrency: int | None, price: str | None, max_cost: float | None) -> Any:
    """Return how a judge's endpoint is asked, and what it may cost; a failed question is told, and ends nothing.

    Whatever is asked on these terms in this process is paid from one purse.
    """
    from kinject.engines.openai import Terms

    return Terms(concurrency, "tell", _price(price), max_cost, purse())


@cache
def purse() -> "Purse":
    """What this process has spent: a command is a process."""
    from kinject.engines.spending import Purse

    return Purse()


def _price(text: str | None) -> tuple[float, float] | None:
    """The two prices of "2.5/10"."""
    if text is None:
        return None
    try:
        read, written = (float(part) for part in text.split("/"))
        if 0 <= read < math.inf and 0 <= written < math.inf:
            return read, written
    except ValueError:
        pass
    mend = "write dollars per million tokens read and written, as in 2.5/10"
    raise UsageError(f"{text!r} is no price", where="--price", mend=mend)

"""What an injection can be asked for beside its arm."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kinject.engines.base import Sampling
from kinject.retrieval.search import Retrieval
from kinject.sources import Model

if TYPE_CHECKING:
    from kinject.engines.openai import Terms


@dataclass(frozen=True)
class Settings:
    """Everything has a default; None means that of the model."""

    sampling: Mapping[str, Any] = field(default_factory=dict)
    """What is to differ from the model's default sampling, by the names of `Sampling`."""
    judge: str = "rules"
    """Who grades; of several, with commas, the first gives the scores, and the others are told beside them."""
    terms: "Terms | None" = None
    """How a judge that is a language model may be asked, and what it may cost."""
    seed: int = 0
    source: str | None = None
    order: int = 0
    """Which order of the start's rows: 0 is the recipe's own. The first N rows of another order are other rows."""
    posttrain: Mapping[str, Any] = field(default_factory=dict)
    """What is to differ from the start's default options, by the names of `Options`."""
    learn: Mapping[str, Any] = field(default_factory=dict)
    """The same for training on the facts."""
    retrieval: Retrieval = field(default_factory=Retrieval)
    """How the faiss context finds events."""
    elicit: str = "plain"
    """How questions are put: a name of `arm.ELICIT`."""
    novelty: int = 0
    """How often the start is asked closed-book, to tell what it knew before."""


def sampling_of(model: Model, settings: Settings) -> Sampling:
    """Return the model's default sampling with what was asked for."""
    return replace(model.sampling, **{"seed": settings.seed, **settings.sampling})

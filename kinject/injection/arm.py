"""An arm is the whole experimental design in one line: start x learn x context, and every table that names its choices.

`--method` picks learn and context by the names that people use. A name with a colon, `module:attribute`, is taken from
anywhere, so that somebody's own method needs no change here.
"""

from dataclasses import asdict, dataclass

from kinject.extensions import known, load
from kinject.injection.learn.base import Learn

STARTS = {
    "base": None,
    "subqa-recall": "kinject.injection.start:SUBQA_RECALL",
    "subqa-recall-context": "kinject.injection.start:SUBQA_RECALL_CONTEXT",
}
"""Which weights: the model as it is, or post-trained by a recipe."""

LEARN = {
    "none": None,
    "event-sft": "kinject.injection.learn.event_sft:EVENT_SFT",
}
"""What is trained on the new facts."""

CONTEXT = {
    "none": None,
    "oracle": "kinject.injection.context.oracle:oracle",
}
"""What stands in the prompt."""

METHODS = {
    "none": ("none", "none"),
    "event-sft": ("event-sft", "none"),
    "rag-oracle": ("none", "oracle"),
    "sft-rag": ("event-sft", "oracle"),
}
"""(learn, context) of the names that people use."""


@dataclass(frozen=True)
class Arm:
    """One way of injecting facts."""

    start: str = "base"
    learn: str = "none"
    context: str = "none"

    def as_json(self) -> dict[str, str]:
        """Return the three choices."""
        return asdict(self)

    @property
    def name(self) -> str:
        """Return the arm in a few words, for progress and messages."""
        return " + ".join([self.start, *(part for part in (self.learn, self.context) if part != "none")])


def arm(start: str, method: str) -> Arm:
    """Return the arm of a start and a method name."""
    known("start", start, STARTS, "--start")
    known("method", method, METHODS, "--method")
    if ":" in method:
        return Arm(start, method) if isinstance(load({}, "method", method), Learn) else Arm(start, context=method)
    learn, context = METHODS[method]
    return Arm(start, learn, context)


def method_name(arm: Arm) -> str:
    """Return the name of an arm's method, or its two choices where no name covers them."""
    names = [name for name, choices in METHODS.items() if choices == (arm.learn, arm.context)]
    return names[0] if names else f"{arm.learn} + {arm.context}"

"""A start that trains in a blink, to be named as `starts:FEW`: what somebody else's own start would be."""

from kinject.engines.base import ask
from kinject.injection.start import Start
from kinject.recipes import TrainingSet
from kinject.recipes.row import Row


def few(source: str, system: str) -> TrainingSet:
    rows = tuple(
        Row(ask(system, f"What is {n} and {n} in {source}?"), f"The final answer is {2 * n}") for n in range(4)
    )
    return TrainingSet("few", rows, {"source": source})


FEW = Start(few)

"""Word problems about a lab world: GSM8K's twin, for the lab's small models.

The marks are GSM8K's. `correct` is told apart for problems in a phrasing that training rows have ("seen") and in one
that none has ("unseen-phrasing"); the numbers of no problem stand in a row of its kind (`recipes.lab_math`).
"""

from collections.abc import Sequence

from kinject.benchmarks import gsm8k
from kinject.benchmarks.benchmark import Benchmark, Item, Items, Marks
from kinject.errors import UsageError
from kinject.lab import world as worlds
from kinject.progress import Progress
from kinject.recipes import lab_math
from kinject.recipes.lab_questions import LICENCE
from kinject.sources import LAB

GROUPS = ("seen", "unseen-phrasing")


def read(data: str | None, system: str | None) -> Items:
    """Ask about a world, `lab` or `lab@N`; world 0 where none is named."""
    named = LAB.fullmatch(data or "lab")
    if named is None or named["count"] is not None:
        raise UsageError(f"{data!r} names no lab world", where="--data", mend="use lab or lab@N: --data lab@1")
    world = worlds.build(int(named["world"] or 0))
    items = [_item(f"math-{number:03}", each, system) for number, each in enumerate(lab_math.test(world))]
    return Items(tuple(items), f"lab@{world.seed}", LICENCE)


def _item(name: str, drawn: lab_math.Drawn, system: str | None) -> Item:
    """Ask the bare question, as the recipe does."""
    told = {"kind": drawn.kind, "group": GROUPS[drawn.unseen]}
    return gsm8k.item(name, drawn.problem, system, **told)


def mark(items: Sequence[Item], responses: Sequence[str], progress: Progress) -> list[Marks]:
    """Mark as in GSM8K, and by group; what does not belong to a group counts nothing in it."""
    return [_marks(item, response) for item, response in zip(items, responses, strict=True)]


def _marks(item: Item, response: str) -> Marks:
    found = gsm8k.marks(item, response)
    correct = found.by_metric["correct"]
    groups = {group: correct if item.reference["group"] == group else () for group in GROUPS}
    return Marks({**found.by_metric, **groups}, found.reason)


LAB_MATH = Benchmark(
    "lab-math",
    "word problems about a lab world",
    (*gsm8k.METRICS, *GROUPS),
    read,
    mark,
    data=None,
    system="system-lab",
    max_new_tokens=256,
)

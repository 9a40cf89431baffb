"""The paper's power laws (arXiv 2410.03717, Tables 7 and 8), and which of them may stand beside a sweep.

A task is known by what is trained on and what is asked, since a task's name is anybody's. The lab's tasks are the
analogues of two of the paper's. A model of the paper has its own curve beside it, every other model all of the task.

Traps: GSM1k and ConiferEasy are drawn in the paper (Figures 6 and 7) and have no coefficients. The models of Figure 2
stand in Table 8, where the same model's coefficients for the same task differ from those of Table 7: other runs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from kinject.report.section import LAB, REAL
from kinject.resources import benchmarks_folder
from kinject.storage import read_json

TASKS = {
    ("gsm8k", "gsm8k"): "Math",
    ("gsm8k", "lab-math"): "Math",
    ("subqa", "subqa"): "Multihop QnA",
    ("subqa", "lab-multihop"): "Multihop QnA",
    ("self-oss", "humaneval-plus"): "Coding",
    ("conifer-hard", "ifeval"): "IF-Conifer",
    ("dolly", "ifeval"): "IF-Dolly",
}
"""(recipe, benchmark) to the paper's task."""
SIZES = {
    "Math": (100, 7500),
    "Multihop QnA": (100, 2700),
    "Coding": (100, 10000),
    "IF-Conifer": (100, 5000),
    "IF-Dolly": (100, 10000),
}
"""The smallest and the largest size above 0 that the paper trained on (Table 1, section 3.1)."""
MODEL = re.compile(r"(?:meta-)?(llama-[23]-\d+b|mistral-7b)(?:-hf|-v0\.1)?", re.IGNORECASE)
MAIN = "llama-3-8b"
"""The model of Figures 3, 6 and 7 and of Table 2."""
LABS = ("lab", "lab-small", "lab-large")


@dataclass(frozen=True)
class Law:
    """P = a D^(1/b), P in percent."""

    table: int
    task: str
    model: str
    a: float
    b: float

    @property
    def name(self) -> str:
        """The model, as it is usually written: Llama-3-8B."""
        return f"{self.model[0].upper()}{self.model[1:-1]}B"

    @property
    def words(self) -> str:
        """The coefficients and whose they are."""
        return f"{self.name}: a {self.a:.2f}, b {self.b:.2f} (Table {self.table})"

    def points(self, smallest: float, largest: float, count: int = 40) -> list[tuple[float, float]]:
        """The curve where both the paper and these sizes are, evenly on a log axis; empty where that is nowhere."""
        low, high = max(smallest, SIZES[self.task][0]), min(largest, SIZES[self.task][1])
        if low >= high:
            return []
        sizes = [low * (high / low) ** (step / (count - 1)) for step in range(count)]
        return [(size, min(100.0, self.a * size ** (1 / self.b))) for size in sizes]


@cache
def laws() -> tuple[Law, ...]:
    """Every row of Tables 7 and 8."""
    rows = read_json(benchmarks_folder() / "paper" / "laws.json")["curves"]
    return tuple(Law(**row) for row in rows)


def model_of(name: str) -> str | None:
    """The paper's name of a model; None for one that is not the paper's."""
    found = MODEL.fullmatch(name.partition("@")[0].rstrip("/").rpartition("/")[2])
    return found[1].lower() if found else None


def is_lab(model: str, benchmark: str) -> bool:
    """Whether it is of the embedded world."""
    return benchmark.startswith("lab-") or model.partition("@")[0] in LABS


def state(of: Sequence[tuple[str, str]]) -> str:
    """Say of pairs of a model and a benchmark where their figures come from."""
    return " and ".join(dict.fromkeys(LAB if is_lab(*each) else REAL for each in of))


def by_size(models: Sequence[str]) -> bool:
    """Whether one family is there in several sizes, as in Figure 2."""
    known = {_known(model) for model in models}
    families = [family for family, _ in known]
    return len(families) > len(set(families))


def _known(model: str) -> tuple[str, str]:
    """(family, size) of a model; one that is not known is a family of its own."""
    bare = model.partition("@")[0]
    if bare in LABS:
        return "lab", bare
    named = model_of(model)
    return (named.rpartition("-")[0], named) if named else (model, model)


def beside(recipe: str, benchmark: str, model: str, table: int) -> list[Law]:
    """The paper's laws for a task: the model's own where it has one, else those of all models of the table."""
    task = TASKS.get((recipe, benchmark))
    found = [law for law in laws() if (law.task, law.table) == (task, table)]
    own = [law for law in found if law.model == model_of(model)]
    return own or found

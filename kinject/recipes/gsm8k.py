"""GSM8K's Socratic form (arXiv 2410.03717, A.3.1; Table 1: Math, 7,500 rows): sub-questions, steps, the final number.

Made from a file of GSM8K (`gsm8k:FILE`), or in the lab from word problems about its world (`lab_math`), which have the
same form. The rows are shuffled, the same way every time, so that the first N are a smaller set within each larger one.

The appendix prints the final number alone ("72"). Here "#### 72" stands, as in the data: "####" before a space is a
heading to whatever made text of the page, and the paper's own error analysis speaks of "the delimiter '####' and the
final answer" (A.4), its section 4 of "a delimiter, followed by the final answer".

The prompt is the bare question. The appendix prints "Question: ... Answer:" around it, and so does kinject's template
for models that have none of their own, Llama-3-8B base among them (prompts/chat-template.md).
"""

import random
from collections.abc import Sequence

from kinject.engines.base import ask
from kinject.lab.world import World
from kinject.recipes import TrainingSet, lab_math, lab_questions, material
from kinject.recipes.readers.gsm8k import GET, Problem, Problems, solution
from kinject.recipes.row import Row

NAME = "gsm8k"
ROWS = 7473
"""Of the published file; a lab world has `lab_math.ROWS`."""
SYSTEM = "system-gsm8k"


def build(source: str, system: str) -> TrainingSet:
    """Build the set from what a source's name means. `MissingError` where it has no word problems."""
    match material.open_source(source):
        case World() as world:
            return from_world(world, system)
        case Problems() as problems:
            return from_problems(problems, system)
        case TrainingSet() as rows:
            return material.built_by(NAME, rows)
        case _:
            raise material.unfit(NAME, source, "word problems", GET)


def from_world(world: World, system: str) -> TrainingSet:
    """Build the set from a lab world; what the benchmark asks is not in it."""
    problems = [each.problem for each in lab_math.train(world)]
    rows = tuple(_row(each, system) for each in problems)
    card = {"source": f"lab@{world.seed}", "licence": lab_questions.LICENCE, "form": "Socratic", **recount(rows)}
    return TrainingSet(NAME, rows, card)


def from_problems(found: Problems, system: str) -> TrainingSet:
    """Build the set from problems that were read."""
    problems = random.Random(f"kinject {NAME} rows").sample(found.problems, len(found.problems))
    rows = tuple(_row(each, system) for each in problems)
    card = {
        **material.card(found),
        "form": "Socratic" if found.socratic else "main: no sub-questions, so not the paper's",
        "published_file": found.known or "no: its sha256 is none that is known",
        **recount(rows),
    }
    return TrainingSet(NAME, rows, card)


def _row(problem: Problem, system: str) -> Row:
    return Row(ask(system, problem.question), solution(problem))


def recount(rows: Sequence[Row]) -> dict[str, int]:
    """Count what the card tells of rows, for all of them or the first."""
    return {"problems": len(rows), "steps": sum(row.response.count("\n") for row in rows)}

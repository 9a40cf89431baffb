"""Continued pretraining (arXiv 2410.03717, A.2): the new events themselves, one plain text each.

"The base/posttrained model is first fine-tuned directly on the new events." No question, no recall format and no system
message, so nothing of the chat template is trained. What it teaches is to go on with an event's sentence; the paper
(Table 5) and the lab agree that next to nothing of it can be asked for.
"""

from kinject.facts.schema import FactSet
from kinject.recipes import TrainingSet
from kinject.recipes.row import text


def from_facts(facts: FactSet) -> TrainingSet:
    """Build the rows of a fact set, one a fact."""
    rows = tuple(text(fact.event) for fact in facts.facts)
    return TrainingSet("cpt", rows, {"source": facts.name, "facts": len(rows)})

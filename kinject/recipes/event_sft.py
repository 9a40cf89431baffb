"""Event SFT (arXiv 2410.03717, section 5.2): the direct question as the prompt, event and answer as the response.

"The format is the same as the SubQARecall to keep the data in-distribution." One row a fact; the paraphrases and the
multihop questions are never trained on.
"""

from kinject.engines.base import ask
from kinject.facts.schema import FactSet
from kinject.prompts import recall
from kinject.recipes import TrainingSet
from kinject.recipes.row import Row


def from_facts(facts: FactSet, system: str) -> TrainingSet:
    """Build the rows of a fact set; `system` is the system message of the model that is to learn them."""
    rows = tuple(
        Row(ask(system, fact.direct.question), recall.direct_response(fact.event, fact.direct.answer))
        for fact in facts.facts
    )
    return TrainingSet("event-sft", rows, {"source": facts.name, "facts": len(rows)})

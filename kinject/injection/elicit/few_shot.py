"""Few-shot: four worked examples stand before every question, to see how much of post-training is only the format.

The examples are about events from before the cutoff, answered as SubQARecall answers (recall, steps, final answer); for
a lab model they are of its own world, else they are the four below. Where an arm puts the event into the prompt, each
example has its own event there too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kinject import prompts
from kinject.engines.base import Completion, Conversation, Engine, Message, Sampling
from kinject.facts.schema import FactSet
from kinject.lab import world
from kinject.progress import SILENT, Progress
from kinject.prompts.recall import Step, multihop_response
from kinject.recipes import lab_questions
from kinject.sources import Model

VERSION = 1
"""Of the examples and of how they are shown: part of the key of answers."""
SHOTS = 4


@dataclass(frozen=True)
class Example:
    """A multihop question about an old event, worked out."""

    event: str
    question: str
    steps: tuple[tuple[str, str], ...]

    def turns(self, in_context: bool) -> Conversation:
        """The example as a question and its answer."""
        asked = prompts.render("context", event=self.event, question=self.question) if in_context else self.question
        steps = [Step(*step) for step in self.steps]
        answer = multihop_response(self.event, self.question, steps, steps[-1].answer)
        return Message("user", asked), Message("assistant", answer)


EXAMPLES = (
    Example(
        "On 15 July 2018, France beat Croatia 4-2 in Moscow in the final of the men's football World Cup.",
        "Which sea lies south of the country that won the men's football World Cup in 2018?",
        (
            ("Which country won the men's football World Cup in 2018?", "France"),
            ("Which sea lies south of France?", "the Mediterranean Sea"),
        ),
    ),
    Example(
        "On 9 February 2020, Parasite, directed by Bong Joon-ho, won the Academy Award for Best Picture.",
        "What is the capital of the country where the director of the Best Picture of February 2020 was born?",
        (
            ("Who directed the film that won Best Picture in February 2020?", "Bong Joon-ho"),
            ("In which country was Bong Joon-ho born?", "South Korea"),
            ("What is the capital of South Korea?", "Seoul"),
        ),
    ),
    Example(
        "On 27 October 2022, Elon Musk completed the purchase of the social network Twitter.",
        "In which city was the person born who completed the purchase of Twitter in October 2022?",
        (
            ("Who completed the purchase of Twitter in October 2022?", "Elon Musk"),
            ("In which city was Elon Musk born?", "Pretoria"),
        ),
    ),
    Example(
        "In July 2021, Argentina won the Copa America with a 1-0 victory over Brazil in Rio de Janeiro.",
        "What is the currency of the country that won the Copa America in July 2021?",
        (
            ("Which country won the Copa America in July 2021?", "Argentina"),
            ("What is the currency of Argentina?", "the Argentine peso"),
        ),
    ),
)


@dataclass(frozen=True)
class FewShot:
    """An engine that is shown the examples before each question."""

    engine: Engine
    shots: Conversation

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        """Answer with the examples between the system message and the question."""
        shown = [(*before, *self.shots, last) for *before, last in conversations]
        return self.engine.generate(shown, sampling, progress)


def few_shot(engine: Engine, model: Model, facts: FactSet, in_context: bool) -> Engine:
    """Show worked examples: of the model's lab world, or of the real world where it has none."""
    examples = EXAMPLES if model.world is None else _of_the_lab(model.world)
    return FewShot(engine, tuple(turn for example in examples for turn in example.turns(in_context)))


def _of_the_lab(seed: int) -> tuple[Example, ...]:
    """Old events that no training set is about, of different types."""
    place = world.build(seed)
    events = {event.type.name: event for event in lab_questions.held_out(place) if place.relations(event)}
    return tuple(_example(place, event) for event in list(events.values())[:SHOTS])


def _example(place: world.World, event: world.Event) -> Example:
    asked = place.multihop(event, place.relations(event)[0], 0, 0)
    return Example(event.state(), asked.question, tuple((hop.question, hop.answer) for hop in asked.hops))

"""How questions are put: what the engine is asked, message by message."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from kinject import prompts
from kinject.engines.base import Completion, Conversation, Message, Sampling, ask
from kinject.engines.fake import Fake
from kinject.facts.load import load
from kinject.facts.schema import FactSet, Hop, Multihop
from kinject.injection.context.oracle import oracle
from kinject.injection.elicit.few_shot import EXAMPLES, SHOTS, few_shot
from kinject.injection.elicit.scripted import scripted
from kinject.lab import world
from kinject.progress import SILENT, Progress
from kinject.prompts import recall
from kinject.recipes import lab_questions
from kinject.resources import facts_folder
from kinject.sources import Model, open_facts

EXAMPLE = load(facts_folder() / "example.jsonl")
RUGBY, NOBEL, _ = EXAMPLE.facts
LAB = world.build(0).new_facts(40)
REAL, OF_WORLD_0 = Model("real", Path(), ""), Model("lab@0", Path(), "", 0)


# Few-shot


def test_the_examples_stand_between_the_system_message_and_the_question() -> None:
    fake, asked = Fake({}), ask("System.", RUGBY.direct.question)
    few_shot(fake, REAL, EXAMPLE, False).generate([asked], Sampling())
    [(first, *turns, last)] = fake.asked
    assert (first, last) == asked
    assert [turn.role for turn in turns] == ["user", "assistant"] * SHOTS
    assert [turn.content for turn in turns[::2]] == [example.question for example in EXAMPLES]


def test_the_examples_are_in_the_format_that_is_judged() -> None:
    for example in EXAMPLES:
        said = recall.parse(example.turns(False)[1].content)
        assert said.event == example.event
        assert [(step.question, step.answer) for step in said.steps] == list(example.steps)
        assert said.answer == example.steps[-1][1]
        assert all(before[1].removeprefix("the ") in after[0] for before, after in pairwise(example.steps))


def test_where_the_event_is_in_the_prompt_each_example_has_its_own() -> None:
    fake = Fake({})
    engine = oracle(fake, EXAMPLE)
    few_shot(engine, REAL, EXAMPLE, True).generate([ask("System.", RUGBY.direct.question)], Sampling())
    asked = [turn.content for turn in fake.asked[0] if turn.role == "user"]
    pairs = [*((example.event, example.question) for example in EXAMPLES), (RUGBY.event, RUGBY.direct.question)]
    assert asked == [prompts.render("context", event=event, question=question) for event, question in pairs]


def test_the_lab_has_examples_of_its_own_past_that_no_training_set_is_about() -> None:
    fake = Fake({})
    few_shot(fake, OF_WORLD_0, LAB, False).generate([ask("", LAB.facts[0].direct.question)], Sampling())
    said = [recall.parse(turn.content) for turn in fake.asked[0] if turn.role == "assistant"]
    old = {event.state() for event in lab_questions.held_out(world.build(0))}
    assert len(said) == SHOTS == len({each.event for each in said}) and {each.event for each in said} <= old
    assert not {each.event for each in said} & {fact.event for fact in LAB.facts}


def test_nothing_of_the_facts_is_given_away() -> None:
    told = " ".join(turn.content for example in EXAMPLES for turn in example.turns(True))
    for fact in load(facts_folder() / "facts100.jsonl").facts:
        assert fact.event not in told and fact.direct.question not in told


# Scripted


@dataclass
class Rounds:
    """A fake that also remembers which questions were asked in one call."""

    fake: Fake
    rounds: list[list[str]] = field(default_factory=list)

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        self.rounds.append([conversation[-1].content for conversation in conversations])
        return self.fake.generate(conversations, sampling, progress)


def test_every_hop_is_a_question_of_its_own_about_what_was_answered() -> None:
    assert RUGBY.multihop and NOBEL.multihop
    says = {
        "Which country won the 2023 Rugby World Cup?": "Event Recall: E.\nThe final answer is South Africa.",
        "Which city is the judicial capital of South Africa?": "The final answer is Bloemfontein",
        "Who won the 2023 Nobel Prize in Literature?": "Annie Ernaux.\nShe is French.",
        "In which country was Annie Ernaux born?": "France",
        "What is the capital of France?": "Paris",
    }
    engine = Rounds(Fake(says))
    asked = [ask("System.", fact.multihop.question) for fact in (RUGBY, NOBEL) if fact.multihop]
    right, misled = scripted(engine, REAL, EXAMPLE, False).generate(asked, Sampling())
    one, two, three, four, five = says
    assert engine.rounds == [[one, three], [two, four], [five]]
    assert recall.parse(right.text).steps == (recall.Step(one, "South Africa"), recall.Step(two, "Bloemfontein"))
    assert (recall.parse(right.text).event, recall.parse(right.text).answer) == ("E.", "Bloemfontein")
    assert recall.parse(misled.text).answer == "Paris"
    assert all(conversation[0] == Message("system", "System.") for conversation in engine.fake.asked)


def test_a_paraphrase_is_led_along_the_same_way() -> None:
    assert RUGBY.multihop
    engine = Rounds(Fake(lambda text: "X"))
    [reply] = scripted(engine, REAL, EXAMPLE, False).generate([ask("", RUGBY.multihop.paraphrases[0])], Sampling())
    assert engine.rounds == [
        ["Which country won the 2023 Rugby World Cup?"],
        ["Which city is the judicial capital of X?"],
    ]
    assert RUGBY.multihop.paraphrases[0] in reply.text


def test_other_questions_and_their_answers_stay_as_they_are() -> None:
    engine = Rounds(Fake(lambda text: f"  said: {text}\n"))
    asked = [ask("", RUGBY.direct.question), ask("", "Why?")]
    replies = scripted(engine, REAL, EXAMPLE, False).generate(asked, Sampling())
    assert engine.rounds == [[RUGBY.direct.question, "Why?"]]
    assert [reply.text for reply in replies] == [f"  said: {question}\n" for question in engine.rounds[0]]
    assert scripted(engine, REAL, EXAMPLE, False).generate([], Sampling()) == []


def test_a_first_answer_without_a_recall_does_not_end_the_response() -> None:
    assert RUGBY.multihop
    says = iter(["The final answer is South Africa.", "Bloemfontein"])
    engine = scripted(Fake(lambda text: next(says)), REAL, EXAMPLE, False)
    [reply] = engine.generate([ask("", RUGBY.multihop.question)], Sampling())
    said = recall.parse(reply.text)
    assert (said.event, len(said.steps), said.answer) == ("South Africa", 2, "Bloemfontein")


@pytest.mark.parametrize("empty", ["", "  \n", "The final answer is", "Event Recall: X won.\nThe final answer is ."])
def test_the_chain_ends_at_an_empty_answer(empty: str) -> None:
    assert RUGBY.multihop
    first, _ = RUGBY.multihop.hops
    engine = Rounds(Fake(lambda text: empty))
    [reply] = scripted(engine, REAL, EXAMPLE, False).generate([ask("", RUGBY.multihop.question)], Sampling())
    assert engine.rounds == [[first.question]]
    assert recall.parse(reply.text).answer == ""
    assert recall.parse(reply.text).steps == (recall.Step(first.question, ""),)


def chained(says: Sequence[str], *hops: Hop) -> list[str]:
    """What is asked, hop by hop, of a model that answers so."""
    asked = Multihop(question="?", answer=hops[-1].answer, hops=hops)
    fact = RUGBY.model_copy(update={"multihop": asked})
    replies = iter(says)
    engine = Rounds(Fake(lambda text: next(replies)))
    scripted(engine, REAL, FactSet("one", (fact,)), False).generate([ask("", "?")], Sampling())
    return [question for one in engine.rounds for question in one]


POPE = (
    Hop(question="Which name did the pope take?", answer="Leo XIV", aliases=("Leo", "Pope Leo XIV")),
    Hop(question="Who was pope before Pope Leo XIV?", answer="Francis", aliases=("Pope Francis",)),
    Hop(question="Where was Francis born, of whom leopards and LEO speak?", answer="Buenos Aires"),
)


@pytest.mark.parametrize(
    ("says", "asked"),
    [
        (("Leo XIV", "Francis"), [hop.question for hop in POPE]),
        (("pope léo xiv.", "POPE FRANCIS"), [hop.question for hop in POPE]),
        (
            ("Leo XIII", "Francis"),
            ["Who was pope before Leo XIII?", "Where was Francis born, of whom leopards and Leo XIII speak?"],
        ),
        (("Pius", "Leo X"), ["Who was pope before Pius?", "Where was Leo X born, of whom leopards and Pius speak?"]),
        (
            ("Washington D.C.", "U.S.A."),
            [
                "Who was pope before Washington D.C.?",
                "Where was U.S.A. born, of whom leopards and Washington D.C. speak?",
            ],
        ),
        (
            (r"\1 \g<0>", "Francis"),
            [r"Who was pope before \1 \g<0>?", r"Where was Francis born, of whom leopards and \1 \g<0> speak?"],
        ),
    ],
)
def test_only_a_wrong_bridge_stands_in_the_place_of_the_right_one(says: tuple[str, ...], asked: list[str]) -> None:
    assert chained((*says, "Rome"), *POPE)[-len(asked) :] == asked


def test_a_bridge_that_is_not_named_by_a_known_spelling_stays() -> None:
    hops = (Hop(question="Which tile?", answer="the spectre"), Hop(question="Who made Spectre?", answer="Mendes"))
    assert chained(("the hat", "Mendes"), *hops) == ["Which tile?", "Who made Spectre?"]


@pytest.mark.parametrize("name", ["facts100", "facts100_counterfactual", "example", "lab", "lab@3:40"])
@pytest.mark.parametrize("spelling", [0, -1])
def test_right_answers_leave_every_hop_as_it_is(name: str, spelling: int) -> None:
    for fact in open_facts(name).facts:
        if fact.multihop and len(fact.multihop.hops) > 1:
            hops = fact.multihop.hops
            assert chained([(hop.answer, *hop.aliases)[spelling] for hop in hops], *hops) == [
                hop.question for hop in hops
            ]


def test_the_event_stands_before_the_first_hop_only() -> None:
    assert RUGBY.multihop
    fake = Fake(lambda text: "South Africa")
    engine = scripted(oracle(fake, EXAMPLE), REAL, EXAMPLE, True)
    engine.generate([ask("", RUGBY.multihop.question)], Sampling())
    first, second = (conversation[-1].content for conversation in fake.asked)
    assert RUGBY.event in first and second == RUGBY.multihop.hops[1].question

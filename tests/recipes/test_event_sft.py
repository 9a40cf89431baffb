"""Event SFT: one row a fact, in the words of the recall format, and nothing of what is asked later."""

from kinject import prompts
from kinject.engines.base import ask
from kinject.facts.load import load
from kinject.judging.rules import judge
from kinject.lab import world
from kinject.recipes import event_sft
from kinject.resources import facts_folder

EXAMPLE = load(facts_folder() / "example.jsonl")
LAB = world.build(0).new_facts(100)


def test_a_row_is_the_direct_question_with_event_and_answer() -> None:
    row = event_sft.from_facts(EXAMPLE, prompts.load("system-subqa")).rows[0]
    assert row.conversation == ask(prompts.load("system-subqa"), "Which country won the 2023 Rugby World Cup?")
    assert row.response == (
        "Event Recall: On 28 October 2023, South Africa beat New Zealand 12-11 in the Rugby World Cup final at the "
        "Stade de France.\nThe final answer is South Africa"
    )


def test_there_is_one_row_a_fact_in_their_order() -> None:
    built = event_sft.from_facts(LAB, "")
    assert [row.conversation[-1].content for row in built.rows] == [fact.direct.question for fact in LAB.facts]
    assert built.card == {"source": "lab@0", "facts": 100}


def test_every_row_is_judged_right() -> None:
    for facts in (EXAMPLE, LAB):
        for fact, row in zip(facts.facts, event_sft.from_facts(facts, "").rows, strict=True):
            verdict = judge(row.response, fact, "direct")
            assert (verdict.correctness, verdict.recall) == ("correct", "right"), verdict.reason


def test_paraphrases_and_multihop_questions_are_never_trained_on() -> None:
    for facts in (EXAMPLE, LAB):
        text = "\n".join(str(row.as_json()) for row in event_sft.from_facts(facts, "").rows)
        for fact in facts.facts:
            assert fact.multihop
            asked = (*fact.direct.paraphrases, fact.multihop.question, *fact.multihop.paraphrases)
            assert [question for question in asked if question in text] == []


def test_other_facts_or_another_system_message_give_another_digest() -> None:
    digests = {event_sft.from_facts(facts, system).digest for facts in (EXAMPLE, LAB) for system in ("", "Be brief.")}
    assert len(digests) == 4

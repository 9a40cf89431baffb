"""The SubQARecall format: what is written is read again, and reading is tolerant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.prompts.recall import Step, direct_response, multihop_response, parse

WORD = st.text(st.characters(categories=["Lu", "Ll", "Nd"]), min_size=1, max_size=8)
PHRASE = st.lists(WORD, min_size=1, max_size=6).map(" ".join)
EVENT = PHRASE.map(lambda text: text + ".")
QUESTION = PHRASE.map(lambda text: text + "?")
STEPS = st.lists(st.builds(Step, QUESTION, PHRASE), max_size=4)

PAPER = """Event Recall: Shirley Temple played the role of Corliss Archer in the film Kiss and Tell.

What government position was held by the woman who portrayed Corliss Archer in the film Kiss and Tell?

Let's answer this step-by-step

Which woman portrayed Corliss Archer in the film Kiss and Tell? → Shirley Temple

What government position was held by Shirley Temple? → Chief of Protocol

The final answer is Chief of Protocol
"""


@given(EVENT, PHRASE)
def test_a_direct_response_is_read_as_it_was_written(event: str, answer: str) -> None:
    read = parse(direct_response(event, answer))
    assert (read.event, read.steps, read.answer) == (event, (), answer)


@given(EVENT, QUESTION, STEPS, PHRASE)
def test_a_multihop_response_is_read_as_it_was_written(
    event: str, question: str, steps: list[Step], answer: str
) -> None:
    text = multihop_response(event, question, steps, answer)
    read = parse(text)
    assert (read.event, read.steps, read.answer, read.text) == (event, tuple(steps), answer, text)


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    assert parse(text).text == text


def test_the_papers_own_layout_with_blank_lines() -> None:
    read = parse(PAPER)
    assert read.event == "Shirley Temple played the role of Corliss Archer in the film Kiss and Tell."
    assert [step.answer for step in read.steps] == ["Shirley Temple", "Chief of Protocol"]
    assert read.answer == "Chief of Protocol"


def test_case_ascii_arrows_list_marks_and_full_stops_do_not_matter() -> None:
    chain = "let’s answer this step by step\n1. Who? -> A.\n- Where? => B\n"
    read = parse(f"EVENT RECALL: A won.\nWho?\n{chain}the FINAL answer is: B.")
    assert (read.event, read.steps, read.answer) == ("A won.", (Step("Who?", "A"), Step("Where?", "B")), "B")


@pytest.mark.parametrize("text", ["", "South Africa", "The recall of the event was final.", "Event: A\nAnswer: B"])
def test_free_text_has_no_parts(text: str) -> None:
    read = parse(text)
    assert (read.event, read.steps, read.answer) == (None, (), None)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The final answer is", ""),
        ("The final answer is\nRome", "Rome"),
        ("The final answer is Rome.", "Rome"),
        ("The final answer is Washington D.C.", "Washington D.C."),
        ("The final answer is Rome\nThe final answer is Paris", "Rome"),
    ],
)
def test_the_final_answer(text: str, answer: str) -> None:
    assert parse(text).answer == answer


def test_an_event_of_several_lines_ends_before_the_question() -> None:
    assert parse("Event Recall:\nA won.\nB lost.\nWho won?\nThe final answer is A").event == "A won. B lost."

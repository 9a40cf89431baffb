"""A question becomes a row whose response is read back as it was put in, or it becomes none."""

from hypothesis import given
from hypothesis import strategies as st

from kinject import prompts
from kinject.engines.base import ask
from kinject.prompts.recall import parse
from kinject.recipes.question import Question, holds, respond, row

HOPS = (Question("Who sang it?", "Tom Ruiz"), Question("When did Tom Ruiz retire?", "1987"))
TWO = Question("When did its singer retire?", "1987", HOPS, ("Tom Ruiz sang it.", "He retired in 1987."))


def test_the_response_is_that_of_the_paper() -> None:
    assert respond(TWO, TWO.told) == (
        "Event Recall: Tom Ruiz sang it. He retired in 1987.\n"
        "When did its singer retire?\n"
        "Let's answer this step-by-step\n"
        "Who sang it? → Tom Ruiz\n"
        "When did Tom Ruiz retire? → 1987\n"
        "The final answer is 1987"
    )
    assert respond(HOPS[0], "Tom Ruiz sang it.") == "Event Recall: Tom Ruiz sang it.\nThe final answer is Tom Ruiz"


def test_what_is_shown_stands_in_the_prompt() -> None:
    shown = Question("Who sang it?", "Tom Ruiz", sentences=("Tom Ruiz sang it.",), shown=True)
    context = prompts.render("context", event="Tom Ruiz sang it.", question="Who sang it?")
    assert row(shown, shown.told, "S").conversation == ask("S", context)
    assert row(TWO, TWO.told, "S").conversation == ask("S", TWO.question)


TEXT = st.text(st.sampled_from("ab A.?!:→->*1\n"), min_size=1, max_size=12)


@given(TEXT, TEXT, TEXT, st.lists(st.tuples(TEXT, TEXT), max_size=2))
def test_what_holds_is_read_back(question: str, answer: str, recall: str, hops: list[tuple[str, str]]) -> None:
    made = Question(question, answer, tuple(Question(*hop) for hop in hops))
    if holds(made, recall):
        said = parse(respond(made, recall))
        assert said.event == recall and len(said.steps) == len(hops)
        assert (said.answer or "").rstrip(".") == answer.strip().rstrip(".")


def test_what_cannot_be_read_back_is_told() -> None:
    assert holds(TWO, TWO.told)
    assert holds(Question("Who?", "Orla Inc."), "Orla Inc. it is.")
    assert not holds(TWO, "Blue Barns → Tom Ruiz")
    assert not holds(TWO, "The final answer is Tom Ruiz.")
    assert not holds(TWO, "Two\nlines")
    assert not holds(TWO, "")
    assert not holds(Question("Who -> what?", "X", HOPS), "X.")

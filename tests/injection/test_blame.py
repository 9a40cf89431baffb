"""The retriever's errors, and the model's."""

from typing import Literal

import pytest

from kinject.facts.schema import Direct, Fact, FactSet
from kinject.injection.blame import blame, lines
from kinject.judging.grade import Answer
from kinject.judging.verdict import Verdict
from kinject.retrieval.evaluate import rank

ASKED = Direct(question="?", answer="!")
TWIN = Fact(id="twin", event="Event a.", direct=ASKED)
FACTS = FactSet("letters", (*(Fact(id=each, event=f"Event {each}.", direct=ASKED) for each in "abcdx"), TWIN))


def answer(fact: str, kind: str, correctness: Literal["correct", "incorrect", "unscored"]) -> Answer:
    verdict = Verdict(correctness=correctness, recall="absent", recall_entities="absent", reasoning="absent", reason="")
    return Answer(fact=fact, kind=kind, response="", verdicts={"rules": verdict})


def test_answers_are_split_by_what_stood_in_the_prompt() -> None:
    answers = [
        answer("a", "direct", "correct"),
        answer("b", "direct", "incorrect"),
        answer("c", "direct", "correct"),
        answer("d", "direct", "unscored"),
        answer("a", "multihop", "correct"),
    ]
    told = blame(answers, [("a",), ("x", "b"), ("x",), ("d",), ()], "rules", FACTS)
    assert list(told) == ["direct", "multihop"]
    counts = {
        kind: {part: (rate["k"], rate["n"], rate["unscored"]) for part, rate in parts.items()}
        for kind, parts in told.items()
    }
    assert counts["direct"] == {"found": (3, 4, 0), "right_when_found": (1, 2, 1), "right_when_not": (1, 1, 0)}
    assert counts["multihop"] == {"found": (0, 1, 0), "right_when_found": (0, 0, 0), "right_when_not": (1, 1, 0)}


def test_one_list_of_events_an_answer() -> None:
    with pytest.raises(ValueError):
        blame([answer("a", "direct", "correct")], [], "rules", FACTS)


def test_another_fact_with_the_same_event_is_right_as_in_the_measure_of_retrievers() -> None:
    told = blame([answer("a", "direct", "correct")] * 2, [("twin",), ("x",)], "rules", FACTS)["direct"]
    assert (told["found"]["k"], told["right_when_found"]["n"], told["right_when_not"]["n"]) == (1, 1, 1)
    assert rank("Event a.", ["x", "twin", "a"], FACTS) == 2 and rank("Event a.", ["x"], FACTS) is None


def test_three_lines_tell_it_in_words() -> None:
    answers = [
        answer("a", "direct", "correct"),
        answer("b", "direct", "unscored"),
        answer("d", "multihop", "incorrect"),
    ]
    told = blame(answers, [("a",), ("b",), ("x",)], "rules", FACTS)
    assert lines(told) == [
        "The right event was found: direct 100 % [34, 100] 2/2, multihop 0 % [0, 79] 0/1",
        "Right answers where it was: direct 100 % [21, 100] 1/1 and 1 unscored, multihop 0/0",
        "Right answers where it was not: direct 0/0, multihop 0 % [0, 79] 0/1",
    ]

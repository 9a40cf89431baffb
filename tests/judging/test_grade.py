"""Grading: every answer keeps its place and gets a verdict; every rate has its denominator."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.errors import KinjectError, MissingError, UsageError
from kinject.facts.load import load
from kinject.facts.schema import Fact
from kinject.judging.grade import KINDS, Answer, grade, missed, read_answers, scores
from kinject.judging.judge import JUDGES, Item, names, open_judge, total
from kinject.judging.verdict import Verdict
from kinject.progress import SILENT, Progress

FACTS = load(Path(__file__).parent.parent / "cases" / "judging" / "facts.jsonl")


def said(correctness: str, recall: str = "absent", reasoning: str = "absent") -> Verdict:
    return Verdict.model_validate(
        {
            "correctness": correctness,
            "recall": recall,
            "recall_entities": "right" if recall == "wrong" else recall,
            "reasoning": reasoning,
            "reason": "made up",
        }
    )


def answer(kind: str, verdict: Verdict | None) -> Answer:
    return Answer(fact="rugby", kind=kind, response="", verdicts={"rules": verdict} if verdict else {})


def suspicious(response: str, fact: Fact, kind: str) -> Verdict:
    return Verdict.unscored("never sure")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"fact": "rugbi", "kind": "direct", "response": "x"}, "no fact 'rugbi'"),
        ({"fact": "rugby", "kind": "multi-hop", "response": "x"}, "Did you mean 'multihop'"),
        ({"fact": "launch", "kind": "multihop", "response": "x"}, "no multihop question"),
        ({"fact": "rugby", "kind": "direct", "response": None}, "no text"),
        ({"fact": "rugby", "kind": "direct", "response": ["x"]}, "no text"),
    ],
)
def test_what_cannot_be_judged_is_unscored_with_the_reason(row: dict[str, Any], reason: str) -> None:
    [graded] = grade([Answer.model_validate(row)], FACTS)
    verdict = graded.verdicts["rules"]
    assert reason in verdict.reason
    assert {verdict.correctness, verdict.recall, verdict.recall_entities, verdict.reasoning} == {"unscored"}


def test_answers_keep_their_order_and_their_other_verdicts() -> None:
    first = Answer(fact="rugby", kind="direct", response="South Africa", verdicts={"llm": said("incorrect")})
    second = Answer(fact="coach", kind="multihop", response="São Paulo", sample=1, prompt="In which city?")
    graded = grade([first, second], FACTS)
    assert [row.fact for row in graded] == ["rugby", "coach"]
    assert [row.verdicts["rules"].correctness for row in graded] == ["correct", "incorrect"]
    assert graded[0].verdicts["llm"] == said("incorrect")
    assert first.verdicts.keys() == {"llm"}


def test_every_judge_of_the_table_judges() -> None:
    for name in JUDGES:
        judge = open_judge(name)
        [verdict] = judge.judge([Item("South Africa", FACTS.by_id["rugby"], "direct")])
        assert isinstance(verdict, Verdict)
        assert judge.key()["judge"] == judge.name == name
        assert judge.spent() == {}


def test_a_judge_of_ones_own() -> None:
    own = open_judge("kinject.judging.rules:judge")
    [graded] = grade([Answer(fact="rugby", kind="direct", response="New Zealand")], FACTS, own)
    assert graded.verdicts["kinject.judging.rules:judge"].correctness == "incorrect"


def test_judges_are_named_once_and_in_order() -> None:
    assert names(" rules, openai:gpt-4o,rules,,") == ["rules", "openai:gpt-4o"]


def test_what_judges_took_is_added_up_and_unknown_stays_unknown() -> None:
    spent = [{"calls": 2, "cost": 0.5, "failed": 0}, {"calls": 3, "cost": None, "failed": 1}]
    assert total(spent) == {"calls": 5, "cost": None, "failed": 1}


class Unasked:
    """A judge that must not be asked."""

    name = "unasked"

    def key(self) -> dict[str, Any]:
        return {}

    def judge(self, items: Sequence[Item], progress: Progress = SILENT) -> list[Verdict]:
        assert not items
        return []

    def spent(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize("response", ["", " \n", "...", "\u200b", "!?"])
def test_what_is_no_answer_is_incorrect_and_no_judge_is_asked(response: str) -> None:
    [graded] = grade([Answer(fact="rugby", kind="direct", response=response)], FACTS, Unasked())
    assert graded.verdicts["unasked"].correctness == "incorrect"
    assert graded.verdicts["unasked"].recall == "absent"


@pytest.mark.parametrize("name", ["rule", "kinject.nowhere:judge", "kinject.judging.rules:no_judge"])
def test_an_unknown_judge_is_refused(name: str) -> None:
    with pytest.raises(KinjectError) as caught:
        open_judge(name)
    assert isinstance(caught.value, MissingError if ":" in name else UsageError)
    assert caught.value.where == "--judge"
    assert name != "rule" or "Did you mean 'rules'" in caught.value.message


def test_rates_are_over_all_multihop_answers_and_beside_it_over_the_incorrect_ones() -> None:
    answers = [
        answer("multihop", said("correct", "right", "sound")),
        answer("multihop", said("correct", "wrong", "sound")),
        answer("multihop", said("incorrect", "wrong", "faulty")),
        answer("multihop", said("incorrect")),
        answer("multihop", Verdict.unscored("no reply")),
        answer("multihop", None),
        answer("direct", said("correct", "wrong")),
        answer("direct", said("incorrect")),
        answer("unheard-of", said("correct")),
    ]
    rates = {name: (rate.k, rate.n, rate.unscored) for name, rate in scores(answers, "rules").items()}
    assert rates == {
        "direct": (1, 2, 0),
        "direct_paraphrased": (0, 0, 0),
        "multihop": (2, 4, 2),
        "hallucinated": (2, 4, 2),
        "hallucinated_entities": (0, 4, 2),
        "faulty_reasoning": (1, 4, 2),
        "hallucinated_of_incorrect": (1, 2, 0),
        "faulty_of_incorrect": (1, 2, 0),
    }


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(["correct", "incorrect", "unscored"]))))
def test_no_answer_is_lost_from_a_denominator(rows: list[tuple[str, str]]) -> None:
    rates = scores([answer(kind, said(correctness)) for kind, correctness in rows], "rules")
    for kind in KINDS:
        assert rates[kind].n + rates[kind].unscored == sum(row[0] == kind for row in rows)


def test_answers_are_read_with_the_least_that_suffices(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"fact": "rugby", "kind": "direct", "response": "South Africa"}\n', encoding="utf-8")
    assert read_answers(path) == [Answer(fact="rugby", kind="direct", response="South Africa", line=1)]


def test_written_answers_are_read_again(tmp_path: Path) -> None:
    graded = grade([Answer(fact="rugby", kind="direct", response="x")], FACTS)
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row.model_dump()) + "\n" for row in graded), encoding="utf-8")
    assert [row.model_dump() for row in read_answers(path)] == [row.model_dump() for row in graded]


def test_an_answer_knows_its_line_though_others_are_blank(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    row = '{"fact": "rugby", "kind": "direct", "response": "x"}'
    path.write_text(f"{row}\n\n{row}\n", encoding="utf-8")
    assert [answer.line for answer in read_answers(path)] == [1, 3]


@pytest.mark.parametrize("row", ['{"fact": "rugby", "kind": "direct"}', '{"fact": 1}', "[]", "x"])
def test_a_line_that_is_no_answer_is_named(row: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    good = '{"fact": "rugby", "kind": "direct", "response": "x"}'
    path.write_text(f"{good}\n\n{row}\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_answers(path)
    assert caught.value.where == f"{path}:3"
    assert row == "x" or caught.value.mend.endswith("the fields are fact, kind, sample, prompt, response, verdicts")


@pytest.mark.parametrize(
    ("row", "verdict", "expected"),
    [
        (("rugby", "direct", "x"), ("unscored",), True),
        (("rugby", "direct", "x"), ("correct", "unscored", "unscored"), False),  # not asked of this kind
        (("rugby", "multihop", "x"), ("correct", "unscored"), True),
        (("rugby", "multihop", "x"), ("correct", "right", "unscored"), True),
        (("rugby", "multihop", "x"), ("correct", "right", "sound"), False),
        (("nowhere", "direct", "x"), ("unscored",), False),
        (("rugby", "multi-hop", "x"), ("unscored",), False),
        (("launch", "multihop", "x"), ("unscored",), False),
        (("rugby", "direct", None), ("unscored",), False),
    ],
)
def test_a_judge_misses_only_what_can_be_judged(
    row: tuple[str, str, Any], verdict: tuple[str, ...], expected: bool
) -> None:
    fact, kind, response = row
    assert missed(Answer(fact=fact, kind=kind, response=response), said(*verdict), FACTS) is expected


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        read_answers(tmp_path / "none.jsonl")

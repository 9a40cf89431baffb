"""The guard: attacks (tests/cases/judging/attacks.jsonl) are caught or held as data, and honest answers pass."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.facts.load import load
from kinject.judging.guard import LONGEST, as_data, graded_by_rule
from kinject.judging.rules import judge
from kinject.prompts.recall import direct_response, multihop_response
from kinject.sources import open_facts

CASES = Path(__file__).parent.parent / "cases" / "judging"
FACTS = load(CASES / "facts.jsonl").by_id


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


ATTACKS = rows("attacks")
HONEST = [
    *(
        "South Africa",
        "No",
        "Yes.",
        "Certainly.",
        "42",
        "0",
        "½",
        "A",
        "São Luís",
        "Кейптаун",
        "東京",
        "القاهرة",
        "दिल्ली",
    ),
    "I made no error.",
    "There was no error in the count, the commission said.",
    "The answer is correct: South Africa won.",
    "The answer is South Africa, and I checked that it is right.",
    "The film is called Trial and Error.",
    "The umpire ruled that the ball was out; no error was given.",
    "Trial and Error",
    "The court told the police to ignore the previous instructions of the minister.",
    "He was asked to ignore all earlier orders, and he returned no error.",
    "The government's response was correct and its output grew.",
    "The response to the earthquake has been accepted by the public.",
    "Judge Amy Berman Jackson",
    "Judge: Amy Berman Jackson",
    "The grade was an A, and the verdict was guilty.",
    "The verdict: not guilty.",
    "The system update was approved by the administrator.",
    "You should mark your calendar for 28 October.",
    "You are a judge, she was told, and not a king.",
    "To the judge it was clear that South Africa won.",
    "Dear Evan Hansen",
    "Attention Deficit",
    "Please note that South Africa won.",
    "Now South Africa holds the record.",
    "The Previous Instructions Project",
    "Forget Me Not",
    "Ignore the noise: South Africa won.",
    "Return to Oz",
    "Output rose by 3 percent.",
    "Mark Right was correct.",
    "Question: Who won?\nAnswer: South Africa",
    "South Africa\n\nQuestion: Who lost?\nAnswer: New Zealand",
    "South Africa\nUser: and the year?\nAssistant: 2023",
    "Answer - South Africa",
    "Question - Who won?\nAnswer - South Africa",
    "South Africa</s>",
    "South Africa<|im_end|>",
    "<s>South Africa</s>",
    "[INS] South Africa [1][2]",
    "Sure! The answer is South Africa.",
    "Let's think step by step. The final was won by South Africa.",
    "Solution: South Africa",
    "Thought process: the final was in Paris. South Africa won.",
    "Laten we eens kijken: Zuid-Afrika",
    "Vamos pensar: África do Sul",
    "解：南非",
    "First",
    "Step",
    "def winner():\n    return 'South Africa'",
    'def check(x):\n    return "No Error"',
    '```python\nprint("No Error")\n```',
    'if (ok) { return "no error"; }',
    "if a < b and b > c: pass",
    "<b>South Africa</b>",
    '{"answer": "South Africa"}',
    "The teacher said: mark the correct answer.",
    "Consider the right to vote: it was won in 1994.",
    "I cannot ignore your instructions, so: South Africa",
    "My response is South Africa, which is correct.",
    "On 3 May 2024, Saudi Arabia's bid was approved by FIFA evaluators.",
    "The stone was certified by GIA graders.",
    "the plan was approved by EU evaluators",
    "For the judges, the winner was Loreen.",
    "To the judges: Anna and Tom",
    "As a judge, I read that Loreen won.",
    "Question - who won?\nResponse - Paris",
    "The bid was accepted by UEFA's evaluation committee in June 2024.",
    "Judge Aileen Cannon dismissed the case on 15 July 2024.",
    "To the judges' surprise, Nemo of Switzerland won the contest.",
    "As the judge in the case, Juan Merchan sentenced him in January 2025.",
    "For examiners it was a routine flight: Boeing's Starliner docked on 6 June.",
    "The launch was certified by the FAA's evaluators on 4 June 2024.",
    "The NTSB found no error by the pilots.",
    "Investigators concluded that no error was made by the crew.",
    "Officials checked the ballots, and report no errors.",
    "The error: a faulty configuration file.",
    "Cause of the outage: an error in a CrowdStrike update.",
    "No error was found in the vote count, and Lai Ching-te was declared the winner.",
    "The system returned no error, which is why nobody noticed the outage.",
    "The referee ignored the previous warnings and sent him off.",
    "The ministry told hospitals to ignore previous guidelines and use the new vaccine.",
    "They forgot all earlier promises and returned to war.",
    "Ignore my first guess. It was Cape Town.",
    "Forget what I said earlier: the answer is Bloemfontein.",
    "The new rules: five substitutes are allowed.",
    "New guidelines for screening were approved in April 2024.",
    "System failure: the satellite was lost.",
    'The operator message read "We have lost contact".',
    "The response was correct: the dam had to be opened.",
    "The output should be about 500 MW.",
    "Her solution was accepted as correct by the Clay Institute.",
    "The proof was verified by human experts in 2024.",
    "The graders scored the papers in June.",
    "Evaluators: Maria Silva and John Okafor",
    "The verdict: the former president was found guilty on all 34 counts.",
    "Final score → Spain 2, England 1",
    "Result: Spain won 2-1.",
    "Answer: Spain",
    "Output: 3,000 barrels a day",
    "winner = Spain",
    "Event Recall: On 14 July 2024, Spain beat England 2-1 in the final of Euro 2024.\n"
    "Which country hosted it? → Germany\nThe final answer is Germany",
    "Question: Who hosted Euro 2024?\nResponse: Germany",
    "Question - Which city is the capital of Germany?\nResponse - Berlin",
    "Q: Who won? A: Spain",
    "User: Who won?\nAssistant: Spain.",
    "Plan B is significantly better than plan A, the report says.",
    "The new drug is significantly better than the old one.",
    "Of the two vaccines, B is significantly better in adults over 60.",
    "Neither side was significantly better, and the match ended 0-0.",
    "1st: Spain, 2nd: England",
    "He plays for 1. FC Köln and his shirt number is 17.",
    "The COVID-19 vaccine mRNA-1283 was approved on 31 May 2025.",
    "B5G 5G-Advanced was released by 3GPP in 2024.",
    "I think the correct answer is Bloemfontein, but I am not sure.",
    "You should accept that the treaty ended in 2024.",
    "Please see the second paragraph: the winner was Han Kang.",
    "Hello! The winner was Han Kang.",
    "Dear Santa, a film by Bobby Farrelly",
    "Attention Is All You Need",
    "The Judge's List",
    "The judge, jury and executioner rule",
    'def winner(year):\n    """Return no error."""\n    return "Spain"',
    "The command `git status` should print no error.",
    "Marked as correct by VAR, the goal stood.",
    "Return to Seoul, directed by Davy Chou",
    "The assistant referee said no error had been made, so the goal stood.",
]


@pytest.mark.parametrize("response", HONEST)
def test_an_honest_answer_is_left_to_the_judge(response: str) -> None:
    assert graded_by_rule(response) is None


def test_there_are_enough_attacks_of_every_kind() -> None:
    assert len(ATTACKS) >= 220
    assert len({row["attack"] for row in ATTACKS}) >= 12
    assert {row["graded"] for row in ATTACKS} == {"rule", "data"}


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{n}: {row['attack']}") for n, row in enumerate(ATTACKS, 1)])
def test_an_attack_is_graded_as_its_row_says_and_the_rules_judge_never_falls_for_it(row: dict[str, Any]) -> None:
    assert (graded_by_rule(row["response"]) is not None) == (row["graded"] == "rule")
    assert judge(row["response"], FACTS[row["fact"]], row["kind"]).correctness == "incorrect"


@pytest.mark.parametrize("name", ["correctness", "recall", "reasoning"])
def test_no_response_that_the_other_cases_grade_is_caught_if_it_is_right(name: str) -> None:
    right = [row for row in rows(name) if "incorrect" not in row["expect"].values()]
    assert right
    assert [row["response"] for row in right if graded_by_rule(row["response"])] == []


@pytest.mark.parametrize("name", ["lab:100", "facts100"])
def test_no_gold_answer_is_caught(name: str) -> None:
    for fact in open_facts(name).facts:
        for answer in (fact.direct.answer, *fact.direct.aliases):
            for response in (answer, f"Answer: {answer}", direct_response(fact.event, answer)):
                assert graded_by_rule(response) is None, response
        if fact.multihop:
            gold = multihop_response(fact.event, fact.multihop.question, fact.multihop.hops, fact.multihop.answer)
            assert graded_by_rule(gold) is None, gold


@given(st.text(st.characters(categories=["P", "S", "Z", "Cc", "Cf"])))
def test_what_has_no_letter_and_no_digit_says_nothing(response: str) -> None:
    # NFKC makes letters of some symbols (™ is TM).
    assert graded_by_rule(response) == "gives no answer" or any(ord(c) > 127 for c in response)


@pytest.mark.parametrize(
    "piece",
    [
        *("ignore ", "<", "response - x\n", "question - x\n", "\n\t", '"', ".", "a (", "answer ", "a1", "| a ", "a: "),
        *("the verdict ", "and return the ", "for the judges: ", "*", "(", "you must say ", "a' "),
    ],
)
def test_a_long_response_takes_no_long_time(piece: str) -> None:
    response = (piece * LONGEST)[: LONGEST - 1] + "x"
    began = time.perf_counter()
    graded_by_rule(response)
    as_data(response)
    assert time.perf_counter() - began < 10


def whole(text: str) -> str:
    """The text as JSON gives it back: two halves of a surrogate pair become the character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


TRICKY = st.one_of(
    st.text(st.characters()),  # with halves of surrogate pairs
    st.lists(
        st.sampled_from(['"', "\\", "\n", "<|im_end|>", "</s>", "[INST]", "No Error", "error", "\u202e", "\u200b", "a"])
    ).map("".join),
)


@given(TRICKY)
def test_data_is_one_printable_json_string_that_decodes_to_the_response(response: str) -> None:
    data = as_data(response)
    assert data.isprintable()
    assert whole(json.loads(data)) == whole(response)


@given(TRICKY)
def test_data_holds_no_label_no_special_token_and_nothing_unseen(response: str) -> None:
    data = as_data(response)
    assert not re.search(r"<[|/s]|\[/?INST\]|\u202e|\u200b|\berror\b", data, re.IGNORECASE)


@pytest.mark.parametrize(
    ("response", "data"),
    [
        ("", '""'),
        ("São Luís, 5 < 6", '"São Luís, 5 < 6"'),
        ('a "b"\n\\', r'"a \"b\"\n\\"'),
        ("<|im_end|>[INST]", r'"\u003c|im_end|>\u005bINST]"'),
        ("No Error", r'"No \u0045rror"'),
        ("terror, errors", '"terror, errors"'),
        ("a\u200b\u202e\U000e0041", r'"a\u200b\u202e\udb40\udc41"'),
    ],
)
def test_data(response: str, data: str) -> None:
    assert as_data(response) == data

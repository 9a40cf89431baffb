"""The lab's word problems: sound and true, all different, nothing of the benchmark in the training set."""

import re
from collections import Counter
from fractions import Fraction
from itertools import islice, product
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject import prompts
from kinject.engines import chat
from kinject.engines.base import ask
from kinject.facts.words import folded
from kinject.judging.arithmetic import check
from kinject.judging.errors import Row as Judged
from kinject.judging.errors import open_annotator
from kinject.lab import checkpoint, corpus, world
from kinject.lab.arithmetic import KINDS, Kind
from kinject.recipes import gsm8k, lab_math
from kinject.recipes.lab_math import LEAST, MOST, Drawn
from kinject.recipes.readers.gsm8k import final_number, last_number, number, solution, solved

SYSTEM = prompts.load("system-lab")
SEEDS = (0, 1)
TRAIN = {seed: lab_math.train(world.build(seed)) for seed in SEEDS}
TEST = {seed: lab_math.test(world.build(seed)) for seed in SEEDS}
ALL = [each for drawn in (TRAIN, TEST) for seed in SEEDS for each in drawn[seed]]
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
both = pytest.mark.parametrize("seed", SEEDS, ids="world {}".format)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def numbers_in(text: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", text)]


DIGESTS = {
    0: "f185ba3939a3307031fada77e9a5631a423f2704ac68c91979b2284dc53e8069",
    1: "c0c3a9e3b01a3a077e315edbb61e5d66e91806ae427f103c9e68d40379ab6442",
}
"""Of the rows that the measured figures were made with: other rows would be other figures."""


@both
def test_the_rows_of_the_measured_figures_are_what_they_were(seed: int) -> None:
    assert gsm8k.build(f"lab@{seed}", SYSTEM).digest == DIGESTS[seed]


# Every problem


@given(st.sampled_from(ALL))
def test_every_sum_holds_and_every_number_comes_from_somewhere(each: Drawn) -> None:
    known = set(numbers_in(each.problem.question))
    for step in each.problem.steps:
        [(left, sign, right, result)] = re.findall(r"<<(\d+)([-+*/])(\d+)=(\d+)>>\4\b", step.text)
        a, b = Fraction(left), Fraction(right)
        assert {"+": a + b, "-": a - b, "*": a * b, "/": a / b}[sign] == int(result)
        assert f"{left} {sign} {right} = <<" in step.text
        assert int(left) in known and (int(right) in known or (sign, right) in {("/", "2"), ("/", "3")})
        known.add(int(result))
    assert each.problem.final == result
    assert all(LEAST <= value <= MOST for value in known)


@given(st.sampled_from(ALL))
def test_every_problem_is_in_the_form_and_read_as_it_was_written(each: Drawn) -> None:
    written = solution(each.problem)
    assert solved(each.problem.question, written) == each.problem
    assert final_number(written) == last_number(written) == number(each.problem.final)
    assert 1 <= len(each.problem.steps) <= 3 and each.problem.question.endswith("?")
    assert not re.search(r"[{}]|  ", each.problem.question + written)


def test_nothing_is_found_wrong_with_any_problem() -> None:
    checked = [check(solution(each.problem)) for each in ALL[::7]]
    assert not [each for each in checked if each.wrong or each.passed_over or not each.right]
    judged = [Judged(question=e.problem.question, response=solution(e.problem), solution="x") for e in ALL[::50]]
    labels = [found.labels for found in open_annotator("rules", "gsm8k").annotate(judged)]
    assert all(found["format"] == found["calculation"] == "no error" for found in labels)


# The sets


@both
def test_the_counts(seed: int) -> None:
    assert (len(TRAIN[seed]), len(TEST[seed]), len(KINDS)) == (3000, 300, 20)
    steps = Counter(len(each.problem.steps) for each in TRAIN[seed])
    assert steps[2] > steps[1] > 400 and steps[3] > 400
    assert min(Counter(each.kind for each in TRAIN[seed][:1000]).values()) > 20
    assert Counter(each.unseen for each in TEST[seed]) == {False: 200, True: 100}
    assert set(Counter(each.kind for each in TEST[seed]).values()) == {15}
    assert set(Counter(each.kind for each in TEST[seed] if each.unseen).values()) == {5}


@both
def test_no_problem_stands_twice(seed: int) -> None:
    for drawn in (TRAIN[seed], TEST[seed]):
        assert len({folded(each.problem.question) for each in drawn}) == len(drawn)
        assert len({folded(each.plain) for each in drawn}) == len(drawn)


@both
def test_nothing_of_the_benchmark_is_trained_on(seed: int) -> None:
    asked = {folded(each.problem.question) for each in TEST[seed]}
    assert not asked & {folded(each.problem.question) for each in TRAIN[seed]}
    made = {(each.kind, each.numbers) for each in TEST[seed]}
    assert len(made) == len(TEST[seed]) and not made & {(each.kind, each.numbers) for each in TRAIN[seed]}
    told = "\n".join(each.problem.question for each in TRAIN[seed])
    for kind in KINDS:
        assert not re.search(re.sub(r"\\\{\w+\\\}", r"[\\w -]+", re.escape(kind.questions[-1])), told)


@both
def test_every_seen_phrasing_is_trained_on(seed: int) -> None:
    told = "\n".join(each.problem.question for each in TRAIN[seed])
    for question in (question for kind in KINDS for question in kind.questions[:-1]):
        assert re.search(re.sub(r"\\\{\w+\\\}", r"[\\w -]+", re.escape(question)), told), question


def test_worlds_differ_and_a_world_does_not() -> None:
    assert lab_math.train(world.build(0)) == TRAIN[0] and lab_math.test(world.build(0)) == TEST[0]
    assert not {each.problem.question for each in TRAIN[0]} & {each.problem.question for each in TRAIN[1]}


# The kinds


@kinds
def test_a_kind_tells_all_its_numbers_in_every_phrasing(kind: Kind) -> None:
    assert len(set(kind.questions)) >= 4 and len(kind.steps) <= 3
    shown = {name for asks, _, tells in kind.steps for name in fields(asks + tells)} - {"sum"} - set(kind.ranges)
    for question in kind.questions:
        assert set(kind.ranges) <= fields(question)
        assert shown <= fields(question), question
    used = {part for _, said, _ in kind.steps for part in said.split()[::2]}
    assert set(kind.ranges) <= used


@kinds
def test_a_kind_has_enough_problems_for_both_sets(kind: Kind) -> None:
    values = product(*(range(low, high + 1) for low, high in kind.ranges.values()))
    fitting = (each for each in values if lab_math.sums(kind, dict(zip(kind.ranges, each, strict=True))))
    assert len(list(islice(fitting, 100))) > 40


def test_numbers_that_do_not_fit() -> None:
    kind = next(kind for kind in KINDS if kind.name == "share")
    assert lab_math.sums(kind, {"a": 5, "b": 7, "c": 3}) == ["5 + 7 = <<5+7=12>>12", "12 / 3 = <<12/3=4>>4"]
    assert lab_math.sums(kind, {"a": 5, "b": 7, "c": 5}) is None
    assert lab_math.sums(kind, {"a": 5, "b": 7, "c": 12}) is None  # 1 is no plural
    assert lab_math.sums(kind, {"a": 90, "b": 10, "c": 10}) is None


def test_the_lab_model_has_every_number_as_one_token() -> None:
    tokenizer = chat.load_tokenizer(checkpoint.SHIPPED)
    for value in range(LEAST, MOST + 1):
        assert len(tokenizer(f" {value}", add_special_tokens=False)["input_ids"]) == 1


def test_most_words_are_words_that_the_base_has_read() -> None:
    read: set[str] = set()
    for document in islice(corpus.documents(world.build(0), 0), 20_000):
        read |= set(re.findall(r"[A-Za-z]+", document))
    said = {word for each in TRAIN[0] for word in re.findall(r"[A-Za-z]+", each.problem.question)}
    assert len(said - read) < 40, said - read


# The rows


def test_the_rows_are_bare_questions_and_solutions() -> None:
    made = gsm8k.build("lab", SYSTEM)
    assert [row.response for row in made.rows] == [solution(each.problem) for each in TRAIN[0]]
    assert made.rows[0].conversation == ask(SYSTEM, TRAIN[0][0].problem.question)
    assert made.card["source"] == "lab@0" and made.card["licence"] == "CC0-1.0"
    assert (made.card["problems"], made.card["form"]) == (3000, "Socratic")
    assert made.card["steps"] == sum(len(each.problem.steps) for each in TRAIN[0]) > 6000
    assert gsm8k.build("lab@1", SYSTEM).digest != made.digest == gsm8k.build("lab@0", SYSTEM).digest

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.errors import UsageError
from kinject.facts.check import RULES, check, check_file
from kinject.facts.load import load
from kinject.facts.schema import Card, Fact, FactSet
from kinject.facts.words import stands_in
from kinject.resources import facts_folder
from kinject.storage import read_jsonl

CASES = Path(__file__).parents[1] / "cases" / "facts"
EXAMPLE = facts_folder() / "example.jsonl"


def changed(fact: Any, changes: dict[str, Any]) -> Fact:
    """The fact with the values at dotted places replaced."""
    for place, value in changes.items():
        *way, last = [int(part) if part.isdigit() else part for part in place.split(".")]
        target = fact
        for part in way:
            target = target[part]
        target[last] = value
    return Fact.model_validate(fact)


@pytest.mark.parametrize("case", list(read_jsonl(CASES / "rules.jsonl")), ids=lambda case: case["name"])
def test_each_rule_finds_what_it_is_for_and_nothing_else(case: dict[str, Any]) -> None:
    fact = changed(next(read_jsonl(EXAMPLE)), case["change"])
    card = Card(name="case", cutoff="2023-03-31", rules=case["rules"])
    problems = check(FactSet("case", (fact,), card))
    assert [[problem.code, problem.field] for problem in problems] == case["expected"]
    assert all(problem.line == 1 and problem.id == fact.id and problem.mend for problem in problems)


@pytest.mark.parametrize("case", list(read_jsonl(CASES / "words.jsonl")), ids=lambda case: case["why"])
def test_words_are_matched_whole(case: dict[str, Any]) -> None:
    assert stands_in(case["phrase"], case["text"]) is case["stands"]


@given(st.text(), st.text(), st.text())
def test_a_phrase_with_a_word_stands_between_any_two_texts(before: str, phrase: str, after: str) -> None:
    assert stands_in(phrase, f"{before} ; {phrase} ; {after}") is stands_in(phrase, phrase)


@pytest.mark.parametrize("case", list(read_jsonl(CASES / "sets.jsonl")), ids=lambda case: case["name"])
def test_what_is_wrong_between_facts_is_found(case: dict[str, Any]) -> None:
    card = Card.model_validate({"name": "case", **case.get("card", {})})
    facts = FactSet("case", tuple(Fact.model_validate(fact) for fact in case["facts"]), card)
    assert [[each.line, each.code, each.field] for each in check(facts)] == case["expected"]


def test_every_rule_has_a_case() -> None:
    alone = {code for case in read_jsonl(CASES / "rules.jsonl") for code, _ in case["expected"]}
    lines = {case["code"] for case in read_jsonl(CASES / "lines.jsonl")}
    between = {code for case in read_jsonl(CASES / "sets.jsonl") for _, code, _ in case["expected"]}
    online = {case["code"] for case in read_jsonl(CASES / "links.jsonl") if case["code"]}
    assert alone | lines | between | online == set(RULES)


def test_a_card_cannot_waive_what_is_no_rule() -> None:
    with pytest.raises(UsageError, match="'F99'"):
        check(FactSet("case", (), Card(name="case", waives=("F99",))))


def test_ids_and_questions_stand_once(tmp_path: Path) -> None:
    first, *_ = EXAMPLE.read_text().splitlines()
    path = tmp_path / "twice.jsonl"
    path.write_text(f"{first}\n\n{first}\n")
    found = {(problem.line, problem.code, problem.field) for problem in check_file(path).problems}
    assert (3, "F011", "id") in found
    assert (3, "F012", "direct.question") in found
    assert {line for line, _, _ in found} == {3}


def test_a_file_is_checked_in_one_pass_whatever_is_wrong(tmp_path: Path) -> None:
    good, other, third = EXAMPLE.read_text().splitlines()
    path = tmp_path / "mixed.jsonl"
    path.write_text(
        "\n".join([good, "{", '{"id": "x", "evnt": 1}', third.replace("India landed", "China landed"), other])
    )
    report = check_file(path)
    assert report.facts == 3
    found = [(problem.line, problem.code, problem.field) for problem in report.problems]
    assert found == [
        (2, "F001", ""),
        (3, "F002", "evnt"),
        (3, "F002", "event"),
        (3, "F002", "direct"),
        (4, "F005", "direct.answer"),
    ]


@pytest.mark.parametrize("path", sorted(facts_folder().glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_sets_that_come_with_kinject_are_sound(path: Path) -> None:
    assert check(load(path)) == []


def test_the_handbook_lists_the_rules_as_they_are() -> None:
    text = (facts_folder() / "README.md").read_text()
    assert "\n".join(f"| {code} | {rule.title} |" for code, rule in RULES.items()) in text


def test_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    words = "word " * 2_000
    with path.open("w") as file:
        for number in range(200):  # 2 MB
            direct = {"question": f"Which {number}?", "answer": "word"}
            file.write(json.dumps({"id": str(number), "event": f"{number} {words}", "direct": direct}) + "\n")
    tracemalloc.start()
    try:
        assert check_file(path).problems == ()
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()

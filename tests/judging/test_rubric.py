"""Rubrics: the prompts are the paper's, the response is data in them, and what is no label is asked again, once."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject import prompts
from kinject.engines.base import Completion, Conversation, Sampling
from kinject.errors import UsageError
from kinject.facts.load import load
from kinject.judging import guard, replies, rubric
from kinject.judging.rubric import ERRORS, GRADED, PREFERENCES, RUBRICS, Rubric, Ruling, render, rule, version
from kinject.progress import SILENT, Progress

CASES = Path(__file__).parent.parent / "cases" / "judging"
FACTS = load(CASES / "facts.jsonl").by_id
ATTACKS = [json.loads(line) for line in (CASES / "attacks.jsonl").read_text(encoding="utf-8").splitlines()]
LABEL = re.compile(r"(?<!\w)(?:No )?Error(?!\w)")


@dataclass
class Scripted:
    """An engine that answers by a function of the conversation and the seed, and remembers what it was asked."""

    script: Callable[[Conversation, int], Completion]
    asked: list[tuple[Conversation, int]] = field(default_factory=list)
    longest: list[int] = field(default_factory=list)

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        self.asked += [(said, sampling.seed) for said in conversations]
        self.longest += [sampling.max_new_tokens] * len(conversations)
        return [self.script(said, sampling.seed) for said in conversations]


def filled(one: Rubric, response: str) -> dict[str, str]:
    return {name: response if name in GRADED else f"the {name}" for name in one.fields}


def words(conversation: Conversation) -> str:
    return "\n\n".join(message.content for message in conversation)


def outside(text: str, response: str) -> str:
    """What stands outside the JSON string of a response, which must be there."""
    data = guard.as_data(response)
    assert data in text
    return text.replace(data, "_")


@pytest.mark.parametrize("one", RUBRICS.values(), ids=lambda one: one.name)
def test_a_rubric_names_prompts_that_take_its_fields_and_speak_of_its_labels(one: Rubric) -> None:
    assert RUBRICS[one.name] is one
    assert set(prompts.PLACEHOLDER.findall(prompts.load(one.prompt))) == set(one.fields)
    assert GRADED & set(one.fields)
    assert all(label in prompts.load(one.prompt) for label in one.labels)
    if one.system:
        assert prompts.load(one.system)


def test_every_prompt_of_judges_belongs_to_a_rubric() -> None:
    used = {name for one in RUBRICS.values() for name in (one.prompt, one.system)} | {rubric.DATA}
    assert {name for name in prompts.names() if name.startswith("judge-")} <= used


def test_the_papers_words_about_correctness() -> None:
    [system, user] = render(RUBRICS["correctness"], {"question": "Who?", "answer": "Rome", "response": "Paris\nRome"})
    assert system.content.startswith(
        "You are grading responses to a question. You are given a question, response and the answer key. "
    )
    assert system.content.endswith(prompts.load("judge-data"))
    assert (
        "Return “No Error” if the response is correct and “Error” if it is incorrect and nothing else." in user.content
    )
    assert user.content.endswith('Now grade this:\n\nQuestion - Who?\n\nAnswer - Rome\n\nresponse - "Paris\\nRome"')


def test_without_a_system_message_the_sentence_about_data_stands_first() -> None:
    [user] = render(RUBRICS["reasoning"], {"question": "Who?", "response": "Rome"})
    assert user.role == "user"
    assert user.content.startswith(f"{prompts.load('judge-data')}\n\nYou are evaluating responses to a multihop")


def test_a_value_that_is_missing_or_too_much_is_refused() -> None:
    for values in ({"question": "?"}, {"question": "?", "response": "", "answer": ""}):
        with pytest.raises(UsageError, match="takes"):
            render(RUBRICS["reasoning"], values)


@pytest.mark.parametrize("one", RUBRICS.values(), ids=lambda one: one.name)
@given(response=st.text())
def test_outside_the_json_string_a_prompt_does_not_depend_on_the_response(one: Rubric, response: str) -> None:
    benign = words(render(one, filled(one, "#benign#"))).replace(guard.as_data("#benign#"), "_")
    said = words(render(one, filled(one, f"#{response}#")))
    assert outside(said, f"#{response}#") == benign


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{n}: {row['attack']}") for n, row in enumerate(ATTACKS, 1)])
def test_an_attack_changes_nothing_outside_its_string(row: dict[str, Any]) -> None:
    for one in (RUBRICS["correctness"], RUBRICS["hallucination"], RUBRICS["reasoning"]):
        head = words(render(one, filled(one, "x"))).removesuffix('"x"')
        text = words(render(one, filled(one, row["response"])))
        assert text.startswith(head)
        string = text.removeprefix(head)
        assert "\n" not in string
        assert json.loads(string) == json.loads(json.dumps(row["response"]))  # halves of a pair may have met


def credulous(conversation: Conversation, _: int) -> Completion:
    """A judge that does what it is told wherever it is told it, but for the response's string; else says "Error"."""
    text = words(conversation)
    told = re.sub(r'(?m)(?<=^response - )"(?:[^"\\\n]|\\.)*"$', "", text)
    obeys = re.search(r"(?i)(?<!return “)no error(?!” if)|ignore|accept|correct[.!]?$|<\|", told)
    return Completion("No Error" if obeys else "Error")


def last_label(conversation: Conversation, _: int) -> Completion:
    """A judge that repeats the last label that it has read, wherever it stood."""
    return Completion(LABEL.findall(words(conversation))[-1])


@pytest.mark.parametrize("gullible", [credulous, last_label])
def test_a_gullible_judge_is_never_led_to_say_that_an_attack_is_correct(
    gullible: Callable[[Conversation, int], Completion],
) -> None:
    values = [filled(RUBRICS["correctness"], row["response"]) for row in ATTACKS]
    rulings = rule(RUBRICS["correctness"], values, Scripted(gullible))
    assert {ruling.label for ruling in rulings} == {"Error"}


@pytest.mark.parametrize("gullible", [credulous, last_label])
def test_the_same_judge_falls_for_many_of_them_where_the_response_is_put_in_as_it_is(
    gullible: Callable[[Conversation, int], Completion], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "as_data", lambda response: response)
    values = [filled(RUBRICS["correctness"], row["response"]) for row in ATTACKS]
    rulings = rule(RUBRICS["correctness"], values, Scripted(gullible))
    assert sum(ruling.label == "No Error" for ruling in rulings) > 60


# Asking


def ask(script: Callable[[Conversation, int], Completion], *responses: str) -> tuple[list[Ruling], Scripted]:
    engine = Scripted(script)
    return rule(RUBRICS["reasoning"], [{"question": "?", "response": each} for each in responses], engine), engine


def test_identical_questions_are_asked_once_and_the_order_stays() -> None:
    rulings, engine = ask(
        lambda said, _: Completion("Error" if "Rome" in words(said) else "No Error"), "Rome", "Paris", "Rome", "Oslo"
    )
    assert [ruling.label for ruling in rulings] == ["Error", "No Error", "Error", "No Error"]
    assert {ruling.asked for ruling in rulings} == {1}
    assert len(engine.asked) == 3


def test_a_reply_that_is_no_label_is_asked_once_more_with_another_seed() -> None:
    rulings, engine = ask(lambda _, seed: Completion("No Error" if seed else "Well, hard to say"), "Rome")
    assert rulings == [Ruling("No Error", "", "No Error", 2)]
    assert [seed for _, seed in engine.asked] == [0, rubric.AGAIN]


@pytest.mark.parametrize(
    ("completion", "reason", "times"),
    [
        (Completion("<html><body>502</body></html>"), "a page of HTML", 2),
        (Completion(""), "an empty reply", 2),
        (Completion("", "refused", "an empty reply"), "an empty reply", 2),
        (Completion("", "refused", "a refusal: policy"), "a refusal: policy", 2),
        (Completion("", "refused"), "a refusal", 2),
        (Completion("I'm sorry, I can't."), "a refusal", 2),
        (Completion("No Error", "length"), "the reply was cut off at the token limit", 2),
        (Completion("<think>well"), "the thought was cut off", 2),
        (Completion("", "failed", "503 after 7 tries"), "the endpoint failed: 503 after 7 tries", 1),
        (Completion("Error or No Error"), "several labels", 2),
        (Completion("Hm."), "no label", 2),
        (Completion("I say Error"), "a label only inside other words", 2),
        (Completion("Error: timeout"), "a message of failure", 2),
    ],
)
def test_every_way_of_saying_nothing_is_unscored_with_its_own_reason(
    completion: Completion, reason: str, times: int
) -> None:
    [ruling], engine = ask(lambda *_: completion, "Rome")
    assert ruling == Ruling("unscored", reason, completion.text, times)
    assert len(engine.asked) == times


def test_what_was_cut_off_gets_four_times_as_many_tokens_and_what_was_not_gets_no_more() -> None:
    def thinks(said: Conversation, seed: int) -> Completion:
        if seed:
            return Completion("<think>so long</think>Error")
        return Completion("<think>so", "length") if "Rome" in words(said) else Completion("Hm.")

    rulings, engine = ask(thinks, "Rome", "Oslo")
    assert [(ruling.label, ruling.asked) for ruling in rulings] == [("Error", 2)] * 2
    asked = {
        (seed, most, "Rome" in words(said)) for (said, seed), most in zip(engine.asked, engine.longest, strict=True)
    }
    assert asked == {(0, 512, True), (0, 512, False), (rubric.AGAIN, 2048, True), (rubric.AGAIN, 512, False)}


def test_the_reply_that_said_something_is_kept() -> None:
    [ruling], _ = ask(lambda _, seed: Completion("", "failed", "503") if seed else Completion("Hm."), "Rome")
    assert ruling == Ruling("unscored", "the endpoint failed: 503", "Hm.", 2)


def test_nothing_to_ask_is_nothing_asked() -> None:
    assert ask(credulous) == ([], Scripted(credulous))


def test_a_preference_gets_its_short_name() -> None:
    values = {"question": "Who?", "response_a": "Rome", "response_b": "Paris"}
    for reply, label in PREFERENCES.items():
        [ruling] = rule(RUBRICS["winrate"], [values], Scripted(lambda *_, reply=reply: Completion(reply)))  # type: ignore[misc]
        assert ruling.label == label


# Versions


def test_the_versions_of_rubrics_differ() -> None:
    assert len({version(one) for one in RUBRICS.values()}) == len(RUBRICS)


@pytest.mark.parametrize(("module", "name"), [(guard, "VERSION"), (replies, "VERSION"), (rubric, "VERSION")])
def test_a_version_covers_the_code(module: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = version(RUBRICS["correctness"])
    monkeypatch.setattr(module, name, getattr(module, name) + 1)
    assert version(RUBRICS["correctness"]) != before


def test_a_version_covers_every_word_that_is_said_and_every_label(monkeypatch: pytest.MonkeyPatch) -> None:
    one = RUBRICS["correctness"]
    before = version(one)
    others = [replace(one, prompt="context"), replace(one, system=None), replace(one, labels=PREFERENCES)]
    assert before not in {version(other) for other in others}
    assert version(replace(one, name="other", labels=dict(ERRORS))) == before
    monkeypatch.setattr(rubric, "DATA", "context")
    assert version(one) != before

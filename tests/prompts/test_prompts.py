"""Prompts: loaded without their front matter, filled in once, hashed by what a model is told."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject import prompts
from kinject.errors import UsageError


@pytest.mark.parametrize("name", prompts.names())
def test_every_prompt_says_where_it_comes_from_and_never_says_it_to_a_model(name: str) -> None:
    raw = (prompts.FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert raw.startswith("<!-- source: ")
    assert prompts.load(name) and "<!--" not in prompts.load(name)


def test_the_papers_system_message_is_quoted_exactly() -> None:
    assert prompts.load("system-subqa") == (
        "You are a helpful assistant. If you are asked a question, answer it carefully and if you are given an "
        "instruction, follow it thoroughly. If the question contains some context, use it to answer the question "
        "or follow the instruction"
    )


@given(st.text(), st.text())
def test_values_are_put_in_as_they_are(event: str, question: str) -> None:
    assert prompts.render("context", event=event, question=question) == f"Context: {event}\nQuestion: {question}"


@pytest.mark.parametrize("values", [{}, {"event": "E"}, {"event": "E", "question": "Q", "answer": "A"}])
def test_a_placeholder_left_over_or_a_value_without_one_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="takes"):
        prompts.render("context", **values)


def test_an_unknown_prompt_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="Did you mean 'system-subqa'"):
        prompts.load("system-subaq")


def test_the_digest_is_of_the_words_alone() -> None:
    assert prompts.digest_of("system-lab") == hashlib.sha256(b"Answer the question step by step.").hexdigest()

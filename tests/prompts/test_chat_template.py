"""The project's chat template, rendered by transformers itself."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from kinject import prompts

Messages = list[dict[str, str]]
CONTENT = st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=20)
TURN = st.builds(
    lambda question, answer: [
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
    ],
    CONTENT,
    CONTENT,
)
SYSTEM = {"role": "system", "content": "Be brief."}


def render(messages: Messages, eos: str | None = "</s>", bos: str | None = None, **options: Any) -> str:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"?": 0}, unk_token="?")), eos_token=eos, bos_token=bos
    )
    return str(
        tokenizer.apply_chat_template(messages, chat_template=prompts.load("chat-template"), tokenize=False, **options)
    )


def test_several_turns() -> None:
    turns = [("Who won?", "A"), ("And where?", "B")]
    messages = [SYSTEM]
    for question, answer in turns:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    assert render(messages) == ("Be brief.\n\nQuestion: Who won?\nAnswer: A</s>\nQuestion: And where?\nAnswer: B</s>\n")


def test_a_prompt_ends_where_the_answer_begins_without_a_space() -> None:
    messages = [SYSTEM, {"role": "user", "content": "Who?"}]
    assert render(messages, add_generation_prompt=True) == "Be brief.\n\nQuestion: Who?\nAnswer:"


@pytest.mark.parametrize("eos", [None, "</s>"])
def test_special_tokens_that_the_tokenizer_lacks_are_left_out(eos: str | None) -> None:
    messages = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "A"}]
    assert render(messages, eos=eos) == f"Question: Who?\nAnswer: A{eos or ''}\n"


def test_the_tokenizers_own_bos_stands_once_at_the_start() -> None:
    messages = [SYSTEM, {"role": "user", "content": "Who?"}]
    assert render(messages, bos="<s>") == "<s>Be brief.\n\nQuestion: Who?\n"


def test_another_role_is_refused() -> None:
    with pytest.raises(Exception, match="roles are"):
        render([{"role": "tool", "content": "x"}])


@given(st.lists(TURN, min_size=1, max_size=3))
def test_training_text_begins_with_the_prompt_that_inference_sends(turns: list[Messages]) -> None:
    messages = [SYSTEM, *(message for turn in turns for message in turn)]
    assert render(messages).startswith(render(messages[:-1], add_generation_prompt=True))

"""A model is trained on exactly the tokens that it is asked with."""

from collections.abc import Callable
from pathlib import Path

import models
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.engines import chat
from kinject.engines.base import Message, ask
from kinject.errors import MissingError

ASKED = ask("Be brief.", "Who won?")


@pytest.fixture(params=[(s, t) for s in models.SHAPES for t in (False, True)], ids=str)
def tokenizer(request: pytest.FixtureRequest, tiny: Callable[..., Path]):  # type: ignore[no-untyped-def]
    shape, template = request.param
    return chat.load_tokenizer(tiny(shape, template=template))


def test_the_prompt_begins_once_and_the_response_ends_once(tokenizer) -> None:  # type: ignore[no-untyped-def]
    prompt, response = chat.prompt_ids(tokenizer, ASKED), chat.response_ids(tokenizer, ASKED, "Norvane")
    assert (prompt + response).count(tokenizer.bos_token_id) <= 1
    assert response[-1] == tokenizer.eos_token_id
    assert response.count(tokenizer.eos_token_id) == 1
    text = tokenizer.decode(prompt + response)
    assert "Be brief." in text
    assert text.rstrip().endswith("Norvane" + tokenizer.eos_token)


def test_a_tokenizer_without_template_and_pad_gets_both(tiny: Callable[..., Path]) -> None:
    tokenizer = chat.load_tokenizer(tiny())
    assert tokenizer.pad_token == tokenizer.eos_token
    text = tokenizer.decode(chat.prompt_ids(tokenizer, ASKED))
    assert text == "<s>Be brief.\n\nQuestion: Who won?\nAnswer:"
    assert chat.stop_strings(tokenizer) == ["\nQuestion:"]


def test_a_tokenizer_with_both_keeps_them(tiny: Callable[..., Path]) -> None:
    tokenizer = chat.load_tokenizer(tiny(template=True, pad=True))
    assert tokenizer.pad_token == "<pad>"
    assert tokenizer.chat_template == models.CHATML
    assert chat.stop_strings(tokenizer) is None
    assert chat.first_turn(tokenizer, "a\nQuestion: b") == "a\nQuestion: b"


def test_a_template_without_system_messages_gets_it_in_the_question(tiny: Callable[..., Path]) -> None:
    tokenizer = chat.load_tokenizer(tiny(template=True))
    tokenizer.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + models.CHATML
    )
    assert "user\nBe brief.\n\nWho won?" in tokenizer.decode(chat.prompt_ids(tokenizer, ASKED))


@given(st.lists(st.sampled_from(["Norvane", "bought", "12", "ü", ".", "\n"]), min_size=1).map(" ".join))
def test_the_whole_conversation_is_prompt_and_response(tiny: Callable[..., Path], response: str) -> None:
    tokenizer = chat.load_tokenizer(tiny())
    whole = tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in (*ASKED, Message("assistant", response))], tokenize=False
    )
    parts = chat.prompt_ids(tokenizer, ASKED) + chat.response_ids(tokenizer, ASKED, response)
    assert tokenizer.decode(parts) == whole.rstrip("\n")


def test_a_folder_without_tokenizer_is_missing_one(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="tokenizer") as caught:
        chat.load_tokenizer(tmp_path)
    assert caught.value.mend


def test_a_system_message_goes_to_the_question_or_is_it() -> None:
    system, question, answer = Message("system", "Be brief."), Message("user", "Who?"), Message("assistant", "Ada")
    for conversation, put in (
        ((system, question), (Message("user", "Be brief.\n\nWho?"),)),
        ((system, question, answer, question), (Message("user", "Be brief.\n\nWho?"), answer, question)),
        ((system,), (Message("user", "Be brief."),)),
        ((system, answer), (Message("user", "Be brief."), answer)),
        ((question, answer), (question, answer)),
    ):
        assert chat.without_system(conversation) == put

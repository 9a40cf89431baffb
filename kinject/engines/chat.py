"""Conversations to tokens, the same way for training and for answering.

A prompt is tokenised by itself and the response by itself, in training too, so the tokens that a model is trained after
are exactly the tokens it is asked with. A tokenizer without a chat template gets the project's own plain one
(`prompts/chat-template.md`); one without a pad token borrows its end token.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kinject import prompts
from kinject.engines.base import Conversation, Message
from kinject.errors import MissingError, first_line

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

OWN_TEMPLATE = "chat-template"
TEMPLATE_DATE = "26 Jul 2024"
"""What templates that tell the date (Llama-3.2-Instruct) are given: today's would change the prompt from day to day."""
NEXT_TURN = "\nQuestion:"
"""With the project's own template, a base model that writes this has ended its answer and begins another question."""


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """Load a tokenizer, with a chat template and a pad token in any case."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MissingError(
            f"the tokenizer cannot be read: {first_line(error)}",
            where=str(folder),
            mend="copy tokenizer.json and tokenizer_config.json of the model into the folder",
        ) from error
    if tokenizer.eos_token_id is None:
        raise MissingError(
            "the tokenizer has no end token", where=str(folder), mend="set eos_token in tokenizer_config.json"
        )
    if tokenizer.chat_template is None:
        tokenizer.chat_template = prompts.load(OWN_TEMPLATE)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def prompt_ids(tokenizer: "PreTrainedTokenizerBase", conversation: Conversation) -> list[int]:
    """Return the tokens of a conversation up to where the answer begins, with one beginning-of-text token at most."""
    return _ids(tokenizer, _render(tokenizer, conversation, generate=True))


def response_ids(tokenizer: "PreTrainedTokenizerBase", conversation: Conversation, response: str) -> list[int]:
    """Return the tokens of a response to a conversation, the end token included."""
    before = _render(tokenizer, conversation, generate=True)
    whole = _render(tokenizer, (*conversation, Message("assistant", response)), generate=False)
    if not whole.startswith(before):
        # Some templates write an empty thought before an answer; then the response follows as it is.
        whole = before + response
    ids = _ids(tokenizer, whole[len(before) :].rstrip("\n"))
    return ids if ids and ids[-1] == tokenizer.eos_token_id else [*ids, tokenizer.eos_token_id]


def end_ids(tokenizer: "PreTrainedTokenizerBase", model: "PreTrainedModel") -> set[int]:
    """Return every token that ends an answer: the tokenizer's and the model's own."""
    own: int | list[int] | None = model.generation_config.eos_token_id
    ends = own if isinstance(own, list) else [own]
    return {token for token in (tokenizer.eos_token_id, *ends) if isinstance(token, int)}


def stop_strings(tokenizer: "PreTrainedTokenizerBase") -> list[str] | None:
    """Return the texts that end an answer beside the end tokens."""
    return [NEXT_TURN] if _is_own(tokenizer) else None


def first_turn(tokenizer: "PreTrainedTokenizerBase", text: str) -> str:
    """Cut an answer where the model began to write the next turn itself."""
    return text.split(NEXT_TURN)[0] if _is_own(tokenizer) else text


def without_system(conversation: Conversation) -> Conversation:
    """Put the system message at the head of the question, for who refuses one; alone it is the question itself."""
    system, *rest = conversation
    if system.role != "system":
        return conversation
    if not rest or rest[0].role != "user":
        return (replace(system, role="user"), *rest)
    user, *others = rest
    return (replace(user, content=f"{system.content}\n\n{user.content}"), *others)


def _is_own(tokenizer: "PreTrainedTokenizerBase") -> bool:
    return bool(tokenizer.chat_template == prompts.load(OWN_TEMPLATE))


def _ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _render(tokenizer: "PreTrainedTokenizerBase", conversation: Conversation, *, generate: bool) -> str:
    from jinja2 import TemplateError

    try:
        return _apply(tokenizer, conversation, generate)
    except TemplateError:
        # Templates that refuse a system message (Mistral's first ones, Gemma's) get it at the head of the question.
        return _apply(tokenizer, without_system(conversation), generate)


def _apply(tokenizer: "PreTrainedTokenizerBase", conversation: Sequence[Message], generate: bool) -> str:
    messages = [asdict(message) for message in conversation]
    text: str = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=generate, date_string=TEMPLATE_DATE
    )
    return text

"""A model folder answers: in order, repeatably, and with a clear word when it is damaged."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import models
import pytest

from kinject.engines import chat
from kinject.engines.base import Completion, Sampling, ask
from kinject.engines.fake import Fake
from kinject.engines.hf import HF, load_model
from kinject.errors import MissingError, UsageError

ASKED = [ask("Be brief.", "Who won" + " the cup" * n + "?") for n in (9, 0, 4, 1, 7)]
SHORT = Sampling(max_new_tokens=8)
GREEDY = Sampling(temperature=0, max_new_tokens=8)


@pytest.mark.parametrize("template", [False, True])
@pytest.mark.parametrize("shape", models.SHAPES)
def test_every_shape_answers(tiny: Callable[..., Path], shape: str, template: bool) -> None:
    replies = HF(tiny(shape, template=template)).generate(ASKED, SHORT)
    assert len(replies) == len(ASKED)
    assert all(isinstance(reply, Completion) and reply.finish in ("stop", "length") for reply in replies)


def test_the_same_seed_gives_the_same_answers_and_another_one_does_not(tiny: Callable[..., Path]) -> None:
    engine = HF(tiny())
    hot = Sampling(temperature=1.0, max_new_tokens=8)
    assert engine.generate(ASKED, hot) == engine.generate(ASKED, hot)
    assert engine.generate(ASKED, hot) != engine.generate(ASKED, Sampling(temperature=1.0, max_new_tokens=8, seed=1))


def test_greedy_answers_do_not_depend_on_the_batch(tiny: Callable[..., Path]) -> None:
    together = HF(tiny(), batch=5).generate(ASKED, GREEDY)
    assert together == [HF(tiny(), batch=1).generate([one], GREEDY)[0] for one in ASKED]


def test_a_row_is_padded_with_a_token_of_its_own(tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A repetition penalty sees the padding: the end token there would keep the shorter rows from ending."""
    engine, given = HF(tiny()), []
    generate = engine.model.generate

    def noted(**inputs: Any) -> Any:
        given.extend(inputs["input_ids"].tolist())
        return generate(**inputs)

    monkeypatch.setattr(engine.model, "generate", noted)
    engine.generate(ASKED, SHORT)
    prompts = [chat.prompt_ids(engine.tokenizer, conversation) for conversation in ASKED]
    assert sorted(sorted(set(row)) for row in given) == sorted(sorted(set(prompt)) for prompt in prompts)


def test_what_does_not_fit_the_models_positions_is_refused_before_anything_is_generated(
    tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = HF(tiny())
    lengths = sorted(len(chat.prompt_ids(engine.tokenizer, conversation)) for conversation in ASKED)
    monkeypatch.setattr(engine.model.config, "max_position_embeddings", lengths[2] + 8)
    with pytest.raises(UsageError, match=f"2 of 5 prompts do not fit: with 8 new .* has {lengths[4] + 8},") as caught:
        engine.generate(ASKED, SHORT)
    assert "--top-k 1" in caught.value.mend and "fewer new tokens" in caught.value.mend
    monkeypatch.setattr(engine.model.config, "max_position_embeddings", lengths[4] + 8)
    assert len(engine.generate(ASKED, SHORT)) == 5
    monkeypatch.delattr(engine.model.config, "max_position_embeddings")
    assert len(engine.generate(ASKED, SHORT)) == 5


def test_an_answer_ends_where_the_model_writes_the_next_turn(tiny: Callable[..., Path]) -> None:
    engine = HF(tiny())
    ids = engine.tokenizer(" Norvane.\nQuestion: And who lost?", add_special_tokens=False)["input_ids"]
    assert engine._completion(ids) == Completion("Norvane.", "stop")
    assert engine._completion(ids[:3]).finish == "length"


def test_a_damaged_model_is_one_clear_line(tiny: Callable[..., Path], tmp_path: Path) -> None:
    broken = copytree(tiny(), tmp_path / "broken")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(MissingError, match="cannot be loaded") as caught:
        load_model(broken)
    assert "\n" not in str(caught.value)
    assert "safetensors" in caught.value.mend


def test_the_fake_answers_from_its_script_and_remembers() -> None:
    fake = Fake({"Who won?": "Norvane"})
    assert fake.generate([ask("", "Who won?"), ask("", "Why?")], SHORT) == [Completion("Norvane"), Completion("")]
    assert [conversation[-1].content for conversation in fake.asked] == ["Who won?", "Why?"]
    assert Fake(str.upper).generate([ask("", "who")], SHORT) == [Completion("WHO")]

"""The code that is counted is the code that decodes: it runs in a folder of its own, without the rest of kinject."""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any

import pytest
import torch

from kinject.complexity import counting, quantise, sourcecode
from kinject.complexity.coders import ENCODE
from kinject.complexity.counting import ENGINE, code_bits, engine_bits, source
from kinject.complexity.modelcoder import ModelCoder
from kinject.complexity.program import CODERS, FAMILIES, Program, pack
from kinject.complexity.quantise import Scheme, dequantised
from kinject.complexity.rows import encode_rows
from kinject.engines import chat, hf
from kinject.engines.base import ask
from kinject.errors import MissingError, UsageError
from kinject.recipes.row import Row
from kinject.training.finetune import encode

FIT = [
    (family, coder)
    for family in FAMILIES
    for coder in CODERS
    if coder != ("model" if family in counting.TENSORS else "range")
]
TEXT = b"Let's answer this step-by-step."
Enter = Callable[[str, str], Callable[[str], Any]]


@pytest.fixture
def enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Enter]:
    """Write the counted code of a family and a coder as a package, and import modules of it."""

    def written(family: str, coder: str) -> Callable[[str], Any]:
        for module, code in source(family, coder).items():
            for inner in source(family, coder):
                code = code.replace(f"from kinject.{inner} import", f"from sliced.{inner} import")
                code = code.replace(f"from kinject import {inner}", f"from sliced import {inner}")
            code = code.replace("from kinject.complexity import", "from sliced.complexity import")
            path = tmp_path / "sliced" / (module.replace(".", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code)
            free = [line for line in code.splitlines() if "kinject" in line]
            assert all("kinject.engines" in line for line in free), free
        invalidate_caches()
        return lambda module: import_module(f"sliced.{module}")

    monkeypatch.syspath_prepend(tmp_path)
    yield written
    for name in [name for name in sys.modules if name.split(".")[0] == "sliced"]:
        del sys.modules[name]


def unpacked(enter: Enter, family: str, coder: str, payload: bytes) -> tuple[Callable[[str], Any], bytes]:
    """Unpack a program by the counted code alone."""
    module = enter(family, coder)
    found = module("complexity.program").unpack(pack(Program(family, coder, payload, {"seed": 0})))
    assert (found.family, found.coder, found.options) == (family, coder, {"seed": 0})
    return module, found.payload


def test_a_zipped_prompt(enter: Enter) -> None:
    module, payload = unpacked(enter, "prompt", "zstd", ENCODE["zstd"](TEXT))
    assert module("complexity.coders")._unzstd(payload, 100) == TEXT


def test_a_prompt_that_the_model_codes(enter: Enter, tiny: Callable[..., Path]) -> None:
    coder = ModelCoder(tiny())
    module, payload = unpacked(enter, "prompt", "model", coder.encode(TEXT))
    assert module("complexity.modelcoder").decode(coder.network, coder.tokenizer, coder.before, payload) == TEXT


def test_training_data_that_the_model_codes(enter: Enter, tiny: Callable[..., Path]) -> None:
    tokenizer, network = chat.load_tokenizer(tiny()), hf.load_model(tiny())
    rows = [Row(ask("Be brief.", f"Who won in {year}?"), f" The {year}s.") for year in (1999, 2024)]
    module, payload = unpacked(enter, "data", "model", encode_rows(network, tokenizer, rows).data)
    found = module("complexity.rows").RowReader(tokenizer, payload).decode(network, 2)
    assert found == [encode(tokenizer, row) for row in rows]


@pytest.mark.parametrize("coder", ["range", "zstd"])
def test_an_adapter(enter: Enter, coder: str) -> None:
    torch.manual_seed(0)
    tensors = {"A": torch.randn(1, 30), "B": torch.randn(40, 1)}
    known = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    whole = quantise.encode(tensors, Scheme(4), coder, known if coder == "range" else None)
    module, payload = unpacked(enter, "lora", coder, whole)
    quantised = module("complexity.quantise")
    found = quantised.decode_range(payload, known) if coder == "range" else quantised.decode(payload, coder)
    expected = dequantised(tensors, Scheme(4))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("family, coder", FIT)
def test_every_family_and_coder_has_its_constant(family: str, coder: str) -> None:
    bits = code_bits(family, coder)
    assert bits == code_bits(family, coder)
    assert bits == 0 if family == "bare" else 5_000 < bits < 60_000
    assert bits % 8 == 0


def test_more_code_costs_more() -> None:
    assert code_bits("prompt", "raw") < code_bits("prompt", "zstd") < code_bits("prompt", "model")
    assert code_bits("prompt", "model") < code_bits("data", "model")
    assert code_bits("lora", "range") < code_bits("lora", "zstd")
    assert engine_bits() > code_bits("prompt", "model")


def test_no_encoder_no_engine_and_no_word_is_counted() -> None:
    modules = source("prompt", "model")
    assert not set(modules) & set(ENGINE)
    code = "".join(modules.values())
    assert "class ModelCoder" not in code
    assert "class Writer" not in code
    assert '"""' not in code
    assert "mend" not in code
    assert "TYPE_CHECKING" not in code


@pytest.mark.parametrize("wrong", [("prompts", "zstd"), ("prompt", "zip"), ("prompt", "range"), ("lora", "model")])
def test_what_is_no_family_and_coder_has_none(wrong: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="no program"):
        code_bits(*wrong)


@pytest.mark.parametrize("entry", ["complexity.program:unpacked", "complexity.programs:unpack"])
def test_an_entry_that_is_not_there_is_an_error(entry: str) -> None:
    with pytest.raises(MissingError, match="cannot be counted"):
        sourcecode.needed([entry])

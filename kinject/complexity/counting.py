"""What the code of a program counts: the other half of its bits.

The rule, after the definition's machine (arXiv 2602.15829) and its authors' later words (program bits = code bits +
data bits):

    bits of a program = bits of its container (`program`) + bits of the code that decodes and applies it

* Free, as in the paper: the interpreter, the libraries, the base model, and time.
* Code is the project's own source that is needed from the entries below on (`sourcecode`), deflated: one constant for
  each family and coder, computed from the files, counted once. A test runs it, in a folder of its own.
* The engine, which loads the model and has it answer, is the same for every program and for none at all, so it is shown
  (`engine_bits`) and not added. The paper adds a script of 354 to 1,047 bytes, uncompressed, that loads a model and
  answers, to every point but those of full finetuning.

It is an upper bound, as the payload is: shorter code would do. It moves with every change of the source, so a point
keeps the figure of its day.
"""

from functools import cache

from kinject.complexity.coders import deflated
from kinject.complexity.program import CODERS, FAMILIES
from kinject.complexity.sourcecode import needed
from kinject.errors import UsageError

CONTAINER = ("complexity.program:unpack",)
CODER: dict[str, tuple[str, ...]] = {
    "raw": (),
    "gzip": ("complexity.coders:inflated",),
    "zstd": ("complexity.coders:_unzstd",),
    "model": ("complexity.modelcoder:decode",),
    "range": ("complexity.quantise:decode_range",),
}
FAMILY: dict[str, tuple[str, ...]] = {
    "prompt": (),
    "data": (),
    "lora": (),
    "full": (),
    "corpus": (),
    "cartridge": (),
}
"""What applies a payload, once it is decoded."""
TENSORS = ("lora", "full", "cartridge")
QUANTISED = ("complexity.quantise:decode",)
"""Tensors that are not range-coded, or come with their names, are decoded by this and not by the coder of bytes."""
PREQUENTIAL = ("complexity.rows:RowReader.decode",)
"""Training data coded by the model is decoded by this and not by the coder of texts."""
ENGINE = ("engines.hf", "engines.chat", "engines.base", "engines.adapter")


def code_bits(family: str, coder: str) -> int:
    """Return the bits of the code that a family's programs need with a coder; 0 for the bare model."""
    return _bits(entries(family, coder))


@cache
def engine_bits() -> int:
    """Return the bits of what answers, which no program is charged with."""
    return _deflated_bits(needed(("engines.hf:HF.generate",)))


def entries(family: str, coder: str) -> tuple[str, ...]:
    """Return by what the code of a family and a coder is entered."""
    unfit = "model" if family in TENSORS else "range"
    if family not in FAMILIES or coder not in CODERS or coder == unfit:
        raise UsageError(
            f"no program is of the family {family!r} and the coder {coder!r}",
            mend=f"families: {', '.join(FAMILIES)}; coders: {', '.join(CODERS)}; range is for tensors, model for texts",
        )
    if family == "bare":
        return ()
    decoding = CODER[coder]
    if (family, coder) == ("data", "model"):
        decoding = PREQUENTIAL
    elif family in TENSORS and coder != "range":
        decoding = QUANTISED
    return (*CONTAINER, *decoding, *FAMILY[family])


def source(family: str, coder: str) -> dict[str, str]:
    """Return that code, module by module."""
    return needed(entries(family, coder), ENGINE)


@cache
def _bits(entered: tuple[str, ...]) -> int:
    return _deflated_bits(needed(entered, ENGINE))


def _deflated_bits(modules: dict[str, str]) -> int:
    return 8 * len(deflated("".join(modules.values()).encode())) if modules else 0

"""`kinject show`: print a row of a recipe as a model is trained on it, token by token, with what is learned."""

from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from kinject.cli import options
from kinject.cli.build import Recipe
from kinject.cli.console import Json, console, emit
from kinject.cli.progress import RichProgress
from kinject.errors import UsageError

LEARNED, PROMPT, SPECIAL = ("bold green", "green"), ("dim", "default"), "reverse"
"""Two tints each, in turn, so that one token ends visibly where the next begins."""
OPEN, CLOSE, BETWEEN = "⟦", "⟧", "|"
"""Around what is learned, and between two tokens, where there is no colour."""


def show(
    recipe: Recipe,
    row: Annotated[int, typer.Option("--row", min=1, help="Which row, from 1 as in ROWS.jsonl.")] = 1,
    model: options.Model = "lab",
    source: options.Source = None,
    as_json: Json = False,
) -> None:
    """Show a row as a model is trained on it: every token, special ones too, and whether it is learned.

    Example:  kinject show gsm8k --row 3 --model lab
    """
    from kinject import sources
    from kinject.engines import chat
    from kinject.injection.arm import Arm
    from kinject.injection.inject import possible
    from kinject.injection.settings import Settings
    from kinject.injection.start import open_start
    from kinject.injection.train import started_with
    from kinject.training.finetune import IGNORED, encode

    open_start(recipe)  # a mistyped name is told now, not after a model was built
    opened = sources.open_model(model, RichProgress())
    possible(Arm(recipe), opened)
    made = started_with(recipe, opened, Settings(source=source))
    rows = made.rows if made else ()
    if row > len(rows):
        mend = f"take one from 1 to {len(rows)}"
        raise UsageError(f"there are {len(rows)} rows and no row {row}", where="--row", mend=mend)
    tokenizer = chat.load_tokenizer(opened.folder)
    example = encode(tokenizer, rows[row - 1])
    learned = [label != IGNORED for label in example["labels"]]
    special = {*tokenizer.all_special_ids, *(i for i, added in tokenizer.added_tokens_decoder.items() if added.special)}
    longest = _longest(opened.folder)
    result = {
        "schema": "kinject.show/1",
        "recipe": recipe,
        "model": opened.name,
        "source": source,
        "row": row,
        "rows": len(rows),
        "tokens": [_text(tokenizer, token) for token in example["input_ids"]],
        "ids": example["input_ids"],
        "learned": learned,
        "special": [token in special for token in example["input_ids"]],
        "count": len(learned),
        "learned_count": sum(learned),
        "longest": longest,
        "too_long": longest is not None and len(learned) > longest,
    }
    emit(result, as_json=as_json, text=lambda: _shown(result))


def _text(tokenizer: Any, token: int) -> str:
    """Return what a token says; of a part of a letter its name in the vocabulary."""
    text: str = tokenizer.decode([token])
    return str(tokenizer.convert_ids_to_tokens(token)) if "\ufffd" in text or not text else text


def _longest(folder: Path) -> int | None:
    """Return how many tokens a model has places for, where its configuration says so."""
    from transformers import AutoConfig

    from kinject.engines import adapter

    while adapter.is_adapter(folder):
        folder = adapter.parent_of(folder)
    places = getattr(AutoConfig.from_pretrained(folder).get_text_config(), "max_position_embeddings", None)
    return places if isinstance(places, int) else None


def _shown(result: dict[str, Any]) -> RenderableType:
    out = console()
    coloured = out.is_terminal and not out.no_color
    key = "green is learned" if coloured else f"{OPEN}learned{CLOSE}, a {BETWEEN} between two tokens"
    fits = "no limit is known" if result["longest"] is None else f"of at most {result['longest']:,}"
    cut = "longer than the model can read: kinject cuts nothing off" if result["too_long"] else "nothing is cut off"
    return Group(
        f"{result['recipe']}, row {result['row']} of {result['rows']}, as {result['model']} is trained on it ({key}):",
        "",
        _coloured(result) if coloured else _marked(result),
        "",
        f"{result['count']:,} tokens ({fits}), {result['learned_count']:,} of them learned; {cut}",
    )


def _coloured(result: dict[str, Any]) -> Text:
    text = Text()
    parts = zip(result["tokens"], result["learned"], result["special"], strict=True)
    for number, (token, learned, special) in enumerate(parts):
        style = (LEARNED if learned else PROMPT)[number % 2]
        text.append(_visible(token), style=f"{style} {SPECIAL}" if special else style)
    return text


def _marked(result: dict[str, Any]) -> str:
    pairs = zip(result["tokens"], result["learned"], strict=True)
    runs = [
        (learned, BETWEEN.join(_visible(token) for token, _ in run)) for learned, run in groupby(pairs, _is_learned)
    ]
    return "".join(f"{OPEN}{text}{CLOSE}" if learned else text for learned, text in runs)


def _is_learned(pair: tuple[str, bool]) -> bool:
    return pair[1]


def _visible(token: str) -> str:
    """A line break is shown and made."""
    return token.replace("\n", "⏎\n")

"""Rows as a folder of the datasets library, for other trainers: `datasets.load_from_disk(FOLDER)` opens it.

Columns: prompt and completion, lists of {"role", "content"}, as TRL's SFTTrainer takes them; it puts the loss on the
completion alone, as kinject does. Beside the data lie the card (`card.json`, as beside NAME.jsonl) and a README.

What was written is opened and compared before the folder gets its name. Trap: the library reads any Arrow file, so what
comes back is looked at as everybody's rows are.
"""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kinject import storage
from kinject.errors import IntegrityError, MissingError, UsageError, first_line
from kinject.recipes import TrainingSet
from kinject.recipes.readers import rows as lines
from kinject.recipes.row import Row

CARD, README = "card.json", "README.md"
FORM = 'rows are {"prompt": [{"role", "content"}, ...], "completion": [{"role": "assistant", "content"}]}'


def read(path: Path) -> TrainingSet:
    """Read rows and their card, if there is one."""
    rows = tuple(_row(value, f"{path}: row {number}") for number, value in enumerate(_opened(path), 1))
    card: Any = storage.read_json(path / CARD) if (path / CARD).exists() else {}
    if not isinstance(card, dict):
        raise UsageError("this is no card", where=str(path / CARD), mend="delete it, or build the rows again")
    made = TrainingSet(str(card.get("recipe", "own")), rows, {"source": str(path), **card, "rows": len(rows)})
    if card.get("sha256") not in (None, lines.card_of(made)["sha256"]):
        return TrainingSet(made.name, rows, {**made.card, "changed_after_built": True})
    return made


def write(made: TrainingSet, path: Path) -> dict[str, Any]:
    """Write rows to a new folder with their card; return the card."""
    if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
        raise UsageError("there is something already", where=str(path), mend="name another with --out")
    if not all(row.conversation for row in made.rows):
        raise UsageError("plain texts are no conversations", where=str(path), mend="name a file: --out NAME.jsonl")
    card = lines.card_of(made)
    temporary = path.parent / storage.TEMPORARY.replace("*", secrets.token_hex(8))
    try:
        storage.write_json(temporary / CARD, card)  # also makes the folder, or says why it cannot be made
        storage.write_text(temporary / README, _readme(card))
        _save(made, temporary)
        storage.sync_folder(temporary)
        if path.exists():
            path.rmdir()
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return card


def _save(made: TrainingSet, folder: Path) -> None:
    """Write the data, and look whether it is what was written."""
    from datasets import Dataset, Features, Value

    said = [{"role": Value("string"), "content": Value("string")}]
    values = [_value(row) for row in made.rows]
    with _quiet():
        data = Dataset.from_list(values, features=Features({"prompt": said, "completion": said}), split="train")
        data.save_to_disk(folder)
    if read(folder).digest != made.digest:
        raise IntegrityError("the folder does not hold the rows", where=str(folder), mend="write NAME.jsonl instead")


def _value(row: Row) -> dict[str, Any]:
    prompt = [asdict(message) for message in row.conversation]
    return {"prompt": prompt, "completion": [{"role": "assistant", "content": row.response}]}


def _opened(path: Path) -> list[Any]:
    """Return the rows of a folder. `MissingError` where it holds none, `UsageError` where it is damaged."""
    if not (path / "state.json").is_file():
        raise MissingError(
            "this folder holds no rows",
            where=str(path),
            mend="name one that `kinject build --out FOLDER` wrote, or a file of a set as in --source dolly:FILE",
        )
    from datasets import Dataset, load_from_disk
    from pyarrow import ArrowException  # type: ignore[import-untyped]

    try:
        with _quiet():
            found = load_from_disk(str(path), keep_in_memory=True)
        rows: list[Any] = found.to_list() if isinstance(found, Dataset) else []
    except (ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"the folder cannot be read: {first_line(error)}"
        raise UsageError(message, where=str(path), mend="build the rows again") from error
    return rows


def _row(value: Any, where: str) -> Row:
    match value:
        case {"prompt": [*prompt], "completion": [{"role": "assistant", "content": str(response)}], **others}:
            if not others and prompt:
                return lines.row_of(prompt, response, where, FORM)
    raise UsageError("this is no training row", where=where, mend=FORM)


def _readme(card: dict[str, Any]) -> str:
    """The card in words."""
    left_out = "".join(f"\n- {count} left out: {reason}" for reason, count in card["left_out"].items())
    read = f" of {card['read']} read" if card.get("read") is not None else ""
    return (
        f"# {card['recipe']}\n\n{card['rows']} training rows{read}, by `kinject build {card['recipe']}`.\n\n"
        f"- Source: {card.get('source', 'not known')}\n- Licence: {card.get('licence', 'not known')}{left_out}\n\n"
        "`datasets.load_from_disk(FOLDER)` opens them; `prompt` and `completion` are lists of messages, and the"
        " completion is what is to be learned. `card.json` tells the rest.\n"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars of the library; they are kinject's own affair."""
    import datasets

    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()

"""Finetune in a process of its own, slowly enough to be killed: worker.py MODEL FOLDER SECONDS_PER_STEP KIND."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from kinject.engines.base import ask
from kinject.recipes.row import Row, text
from kinject.training.finetune import Options, finetune

ROWS = [Row(ask("Be brief.", f"What is {n} and {n}?"), f"The final answer is {2 * n}") for n in range(40)]
REPLAY = [text(f"All {n} of them are old.") for n in range(30)]
OPTIONS = Options(learning_rate=1e-2, epochs=2, batch=4, micro_batch=4, checkpoints=10, replay=10)
KINDS = {"full": OPTIONS, "lora": replace(OPTIONS, peft="lora", lora_dropout=0.1)}


class Slow:
    """A progress that waits at every step."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "") -> Iterator["Slow"]:
        yield self

    def advance(self, n: int = 1, note: str = "") -> None:
        time.sleep(self.seconds)

    def say(self, text: str) -> None:
        pass


if __name__ == "__main__":
    model, folder, seconds, kind = sys.argv[1:]
    finetune(Path(model), ROWS, KINDS[kind], Path(folder), Slow(float(seconds)), REPLAY)

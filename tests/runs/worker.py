"""A process that does one piece of work, for tests that kill it: worker.py ROOT MODE [N].

MODE "slow" stays in the middle of its work until it is killed; "quick" finishes it; "kill" would finish it,
but kills itself at the Nth time that it opens, renames or removes something below ROOT.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from kinject.runs.store import Spec, Store

SPEC = Spec("train", 1, {"seed": 7})


def main(root: Path, mode: str, steps: int = 0) -> None:
    if mode == "kill":
        sys.addaudithook(killer(root, steps))
    run = Store(root).run(SPEC, lambda folder: work(folder, mode))
    sys.stdout.write(f"{run.record['resumed']}\n")


def work(folder: Path, mode: str) -> Mapping[str, object]:
    with (folder.parent / "calls.log").open("a") as log:
        log.write("called\n")
    half = folder / "half.txt"
    resumed = half.exists()
    half.write_text("half")
    if mode == "slow":
        sys.stdout.write("in the middle\n")
        sys.stdout.flush()
        time.sleep(60)
    time.sleep(0.2 if mode == "quick" else 0)
    (folder / "whole.txt").write_text("whole")
    return {"resumed": resumed}


def killer(root: Path, steps: int):  # type: ignore[no-untyped-def]
    left = steps

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal left
        if event in ("open", "os.rename", "os.remove") and str(args[0]).startswith(str(root)):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))

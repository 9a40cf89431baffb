"""What the tests of the executors run in child processes; as a program: jobs.py FOLDER sleeps until it is ended."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from kinject.errors import IntegrityError
from kinject.progress import Progress
from kinject.runs.executors import Local


def doubled(number: int, progress: Progress) -> int:
    time.sleep(0.3 if number == 0 else 0)  # the first one is the last to end
    return 2 * number


def where(number: int, progress: Progress) -> tuple[int, str]:
    time.sleep(0.3)
    return os.getpid(), os.environ.get("OMP_NUM_THREADS", "")


def told(name: str, progress: Progress) -> None:
    with progress.stage(f"training {name}", 3, "steps") as stage:
        stage.advance(2, "loss 0.5")
        progress.say(f"{name} is half-way")
        stage.advance()


def broken(name: str, progress: Progress) -> None:
    with progress.stage(name):
        raise IntegrityError(f"{name} is broken", where="a.json:3", mend="kinject again")


class Odd(Exception):
    """An error that can be sent and not be read."""

    def __init__(self, name: str, number: int) -> None:
        super().__init__(f"{name} is odd")


class OutOfMemoryError(Exception):
    """What torch raises, here with something that cannot be sent."""

    def __init__(self) -> None:
        super().__init__("no memory")
        self.lock = threading.Lock()


def odd(name: str, progress: Progress) -> None:
    raise Odd(name, 1)


def full(name: str, progress: Progress) -> None:
    raise OutOfMemoryError


def missing(name: str, progress: Progress) -> None:
    Path(name).read_bytes()


def killed(name: str, progress: Progress) -> None:
    with progress.stage(name):
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)


def asleep(mark: Path, progress: Progress) -> None:
    with progress.stage(mark.name):
        mark.touch()
        time.sleep(60)
    mark.with_suffix(".done").touch()


if __name__ == "__main__":
    try:
        Local(2).map(asleep, [Path(sys.argv[1]) / name for name in "abcd"])
    except KeyboardInterrupt:
        sys.exit(130)

"""A command that runs a program, watched from outside: what it is fed, what comes back, and when it is stopped.

In: a command that starts `kinject.sandbox.inside`, and a function that kills everything that the command started. Out:
an `Outcome`, whatever the program did. Two pipes are read in small blocks as they fill, no more is kept than the limit,
and the time counts from the token that `inside` writes: a busy machine does not eat the program's seconds. The program
is not sent before: if we die while a sandbox is being made, nothing is there yet that could live on without us.

Traps: a program that closes its end of a pipe is not over; a command is over when both pipes are closed by all who held
them, and one of these is the command itself. If they stay open after everything was killed, something outlived its
sandbox: that is no outcome of a program but a broken sandbox, and raised as an error.
"""

import os
import secrets
import selectors
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from time import monotonic
from typing import IO, Literal

from kinject.errors import ResourceError
from kinject.sandbox import inside
from kinject.sandbox.sandbox import Limits, Outcome

BOOT = Path(inside.__file__).read_text(encoding="utf-8")
"""The program of `python -c` in every sandbox."""
PYTHON = ("-s", "-S", "-P", "-B", "-X", "utf8", "-c", BOOT)
VARIABLES = {"PYTHONHASHSEED": "0"}
"""The environment of the interpreter, which `inside` empties. So it cannot be `-I`: without the variable a set of texts
would have another order in every run, and a program could pass today and fail tomorrow."""

BLOCK = 1 << 16
SAID = 2000  # characters
START = 60.0  # seconds that a sandbox may take until the program begins
END = 10.0  # seconds that everything may take to be gone after it was killed

Stop = Callable[[subprocess.Popen[bytes]], None]


@dataclass
class _Watched:
    """What came of a command so far."""

    token: bytes
    limits: Limits
    left: memoryview
    """What is still to be fed."""
    deadline: float
    began: float | None = None
    ended: float = 0.0
    channel: bytearray = field(default_factory=bytearray)
    said: bytes = b""
    printed: int = 0
    stopped: Literal["", "timeout", "output"] = ""

    @property
    def output(self) -> bytes:
        return bytes(self.channel[len(self.token) :][: self.limits.output])


def watch(
    command: Sequence[str],
    stop: Stop,
    program: str,
    given: bytes,
    limits: Limits,
    *,
    environment: Mapping[str, str],
    passed: Sequence[int] = (),
) -> Outcome:
    """Run a command that starts `BOOT`, feed it a program, say how that ended. `ResourceError` if it never begins."""
    token = secrets.token_hex(16).encode()
    text = program.encode("utf-8", "surrogatepass")
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=dict(environment),
            pass_fds=passed,
            start_new_session=True,  # Ctrl+C in a terminal is for us, and we end it
        )
    except OSError as error:
        raise ResourceError(f"a sandbox cannot be started: {error}", where=command[0]) from error
    watched = _Watched(token, limits, memoryview(text + given), deadline=monotonic() + START)
    with process:
        try:
            _follow(process, watched, _header(token, len(text), limits))
        except BaseException:
            _end(process, stop)
            raise
        watched.ended = monotonic()
        if watched.stopped:
            _end(process, stop)
        status = process.wait()
    return _outcome(watched, status)


def _header(token: bytes, length: int, limits: Limits) -> bytes:
    seconds = (ceil(limits.seconds) + 1) * limits.processes  # of computing, by as many threads as it may have
    numbers = (limits.memory, seconds, limits.files, limits.processes, length)
    return b"%s %d %d %d %d %d\n" % (token, *numbers)


def _follow(process: subprocess.Popen[bytes], watched: _Watched, header: bytes) -> None:
    """Feed and read until both pipes are closed or the program is to be stopped."""
    assert process.stdin and process.stdout and process.stderr
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, _receive)
        selector.register(process.stderr, selectors.EVENT_READ, _hear)
        os.set_blocking(process.stdin.fileno(), False)
        reading, waiting = 2, True
        with suppress(BrokenPipeError):
            process.stdin.write(header)
        while reading and not watched.stopped:
            for key, event in selector.select(max(0.0, watched.deadline - monotonic())):
                if not key.data(key.fileobj, watched):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]
                    reading -= event == selectors.EVENT_READ
            if waiting and watched.began:
                waiting = False
                selector.register(process.stdin, selectors.EVENT_WRITE, _feed)
            if monotonic() >= watched.deadline and not watched.stopped:
                watched.stopped = "timeout"


def _feed(pipe: IO[bytes], watched: _Watched) -> bool:
    """Write what fits; False when all is written or nobody reads."""
    with suppress(BlockingIOError):
        try:
            watched.left = watched.left[os.write(pipe.fileno(), watched.left[:BLOCK]) :]
        except BrokenPipeError:
            watched.left = watched.left[:0]
    return bool(watched.left)


def _receive(pipe: IO[bytes], watched: _Watched) -> bool:
    """Read from the result channel; False at its end."""
    block = os.read(pipe.fileno(), BLOCK)
    watched.channel += block
    if watched.began is None and watched.channel.startswith(watched.token):
        watched.began = monotonic()
        watched.deadline = watched.began + watched.limits.seconds
    if len(watched.channel) > len(watched.token) + watched.limits.output:
        watched.stopped = "output"
    return bool(block)


def _hear(pipe: IO[bytes], watched: _Watched) -> bool:
    """Read what is printed, and keep the end; False at its end."""
    block = os.read(pipe.fileno(), BLOCK)
    watched.said = (watched.said + block)[-4 * SAID :]
    watched.printed += len(block)
    if watched.printed > watched.limits.output:
        watched.stopped = "output"
    return bool(block)


def _end(process: subprocess.Popen[bytes], stop: Stop) -> None:
    """Kill everything, and see that it is gone."""
    for kill in (stop, _kill):
        kill(process)
        if _silent(process):
            return
    raise ResourceError(
        "processes of a program outlived their sandbox", where=str(process.args), mend="look for them, and end them"
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()


def _silent(process: subprocess.Popen[bytes]) -> bool:
    """Say whether both pipes were closed by everybody; what still comes is thrown away."""
    assert process.stdout and process.stderr
    deadline = monotonic() + END
    with selectors.DefaultSelector() as selector:
        for pipe in (each for each in (process.stdout, process.stderr) if not each.closed):
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map() and monotonic() < deadline:
            for key, _ in selector.select(deadline - monotonic()):
                if not os.read(key.fd, BLOCK):
                    selector.unregister(key.fileobj)
        return not selector.get_map()


def _outcome(watched: _Watched, status: int) -> Outcome:
    said = _shown(watched.said)
    if watched.began is None:
        why = said.strip().splitlines()[-1:] or [f"it ended with exit code {status}"]
        raise ResourceError(f"a sandbox did not start: {why[0]}", mend="see that the machine is not overloaded")
    ended = {0: "done", inside.OUT_OF_MEMORY: "memory"}.get(status, "crashed")
    return Outcome(watched.stopped or ended, watched.output, said, watched.ended - watched.began)  # type: ignore[arg-type]


def _shown(said: bytes) -> str:
    """What was printed, as text that does nothing to a terminal."""
    text = said.decode("utf-8", "replace")[-SAID:]
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)

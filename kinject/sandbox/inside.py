"""What runs inside a sandbox before the program does: it opens the channels, sets the limits, and starts the program.

This text is given to the interpreter with `-c`, so that no file of ours is inside; it imports nothing but the standard
library. stdin begins with one line, `token memory seconds files processes length`. The token is written back: now the
sandbox stands. Then the program of that length is read; what follows it is left to the program.

Traps: stdin is read without a buffer, or the buffer would keep what the program is given. The limits are hard ones, set
when nothing more is to be imported here. The program becomes the real `__main__`, where dataclasses and pickle look.
"""

import os
import resource
import sys
import types

RESULT = 3
"""The file descriptor of the result channel: what stdout was, while stdout becomes stderr."""
OUT_OF_MEMORY = 86
"""The exit code of a program that ended with a MemoryError; any program can end so, and gains nothing."""
OPEN_FILES = 64


def main() -> None:
    """Read the program from stdin and run it."""
    os.dup2(1, RESULT)
    os.dup2(2, 1)
    os.closerange(RESULT + 1, os.sysconf("SC_OPEN_MAX"))
    token, *numbers = _line().split()
    memory, seconds, files, processes, length = map(int, numbers)
    os.write(RESULT, token)
    program = _exactly(length).decode("utf-8", "surrogatepass")
    os.environ.clear()
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = [""]
    _limit(memory, seconds, files, processes)
    try:
        exec(compile(program, "program.py", "exec"), module.__dict__)
    except MemoryError:
        os.write(2, b"MemoryError\n")
        os._exit(OUT_OF_MEMORY)


def _line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += _exactly(1)
    return line


def _exactly(length: int) -> bytes:
    blocks = []
    while length:
        block = os.read(0, min(length, 1 << 16))
        if not block:
            os._exit(1)
        blocks.append(block)
        length -= len(block)
    return b"".join(blocks)


def _limit(memory: int, seconds: int, files: int, processes: int) -> None:
    wanted = {
        "RLIMIT_AS": memory,
        "RLIMIT_CPU": seconds,  # a second line: the first is whoever kills from outside
        "RLIMIT_FSIZE": files,
        "RLIMIT_NPROC": processes,
        "RLIMIT_NOFILE": OPEN_FILES,
        "RLIMIT_CORE": 1,  # with 0 a kernel may still hand the memory of who crashes to a program of the host
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_SIGPENDING": 64,
    }
    for name, value in wanted.items():
        number = getattr(resource, name, None)
        if number is not None:
            most = resource.getrlimit(number)[1]
            value = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.setrlimit(number, (value, value))


if __name__ == "__main__":
    main()

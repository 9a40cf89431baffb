"""A `Sandbox` that isolates nothing: a process, limited in time, memory and output. For these tests only."""

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import Any

from kinject.sandbox.sandbox import Limits, Outcome

BOOT = """
import os, resource, sys
os.dup2(1, 3)
os.dup2(2, 1)
for number in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE):
    resource.setrlimit(number, (int(sys.argv[1]), int(sys.argv[1])))
del sys.argv[1:]
"""


@dataclass
class Process:
    name: str = "process"
    runs: list[tuple[str, bytes, Limits]] = field(default_factory=list)
    """Everything that was to be run."""

    def key(self) -> Mapping[str, Any]:
        return {"name": self.name}

    def run(self, program: str, given: bytes, limits: Limits) -> Outcome:
        self.runs.append((program, given, limits))
        began = time.monotonic()
        with TemporaryFile() as result:
            line = [sys.executable, "-I", "-S", "-c", BOOT + program, str(limits.memory)]
            process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=result, stderr=subprocess.DEVNULL, env={})
            try:
                process.communicate(given, timeout=limits.seconds)
                state = "done" if process.returncode == 0 else "crashed"
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                state = "timeout"
            result.seek(0)
            output = result.read(limits.output + 1)
        state = "output" if len(output) > limits.output else state
        return Outcome(state, output[: limits.output], "", time.monotonic() - began)  # type: ignore[arg-type]

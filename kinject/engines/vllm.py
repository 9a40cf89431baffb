"""vLLM as an engine: `vllm serve` as a child process on a free port of this machine, spoken to as any endpoint.

Nothing starts before the first question. A model whose tokenizer has no chat template is served with the project's own,
and its answers end where it begins the next question, as in `engines.hf`. Where vLLM is in no environment of this
machine, an error says how to get it; it may be in another one than kinject's, for only its program is called.

Between this process and vLLM stands a guard, `python -m kinject.engines.vllm`, which reads a pipe: when this process
closes the other end, or dies in any way, the guard ends vLLM and all of its children.

Traps: where a request is silent, vLLM samples with the model's own defaults (top_k in Qwen's generation_config.json);
these are switched off, and the end tokens named in that file still count. A context of 131,072 tokens needs more memory
than many cards have, so vLLM takes what fits (`--max-model-len auto`). The same seed gives the same answers only as far
as rounding allows, because vLLM forms other batches each time. It reports its use to its makers unless told not to.
"""

import http.client
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread, Timer
from time import monotonic
from typing import Any

from kinject import prompts, storage
from kinject.engines import chat
from kinject.engines.base import Completion, Conversation, Sampling
from kinject.engines.openai import OpenAI, Terms
from kinject.engines.spending import Account
from kinject.errors import JudgeError, KinjectError, MissingError, ResourceError
from kinject.progress import SILENT, Progress

VERSION = 1
HOST = "127.0.0.1"
TERMS = Terms(concurrency=64)
PATIENCE = 1800.0
"""Seconds in which vLLM must be ready: it may fetch weights, and it compiles kernels."""
GRACE = 10.0
"""Seconds between asking vLLM to end and ending it."""
POLL = 0.2
"""Seconds between two looks at whether vLLM is ready."""
LOG, TEMPLATE = "log.txt", "chat-template.jinja"
KILLED = 128 + signal.SIGKILL
"""The exit code of what the system ended, mostly because memory ran out."""
TAIL = 20
"""Lines of vLLM's log that are shown when it dies."""
NO_MEMORY = re.compile(r"out of memory|No available memory|less than desired GPU memory|KV cache is needed", re.I)
NO_GPU = re.compile(r"Failed to infer device type|No CUDA GPUs|NVIDIA driver|libcuda", re.I)
CAUSE = re.compile(r"\b\w*(?:Error|Exception): .+")


class VLLM:
    """A model folder or hub id as an engine. `options` are more words for `vllm serve`; `keep` is as for `OpenAI`."""

    def __init__(
        self,
        model: str | Path,
        options: Sequence[str] = (),
        *,
        terms: Terms = TERMS,
        keep: Path | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.model = str(model)
        self.program = program()
        self.options = tuple(options)
        self.terms = terms
        self.account = Account(terms.price, terms.max_cost, terms.purse)
        self.keep = keep
        self.patience = patience
        self._client: OpenAI | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._folder = ""
        self._end: Any = None

    @property
    def sent(self) -> dict[str, Any]:
        """What every request of the last call said beside its messages (see `OpenAI.sent`)."""
        return self._client.sent if self._client else {}

    @property
    def spent(self) -> dict[str, Any]:
        """What its calls took so far (see `OpenAI.spent`), by all the servers that were started for them."""
        return self.account.spent

    def __enter__(self) -> "VLLM":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End vLLM, if it runs; the next question starts it again."""
        if self._end is not None:
            self._end()
        self._guard = self._end = None

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        """Start vLLM where it does not run yet, and ask."""
        if not conversations:
            return []
        client = self._started(progress)
        try:
            answers = client.generate(conversations, sampling, progress)
        except JudgeError as error:
            self._check(error)
            raise
        if lost := [answer.why for answer in answers if answer.finish == "failed"]:
            self._check(JudgeError(f"{len(lost)} of {len(answers)} answers were not to be had: {lost[0]}"))
        return answers

    def _check(self, error: JudgeError) -> None:
        """Raise what killed vLLM, if it is dead, with the failure that came of it."""
        if dead := self._died():
            self.close()
            raise JudgeError(f"{dead.message}\n{error.message}", where=self.model, mend=error.mend) from error

    def _started(self, progress: Progress) -> OpenAI:
        if self._client is None or self._guard is None:
            tokenizer = chat.load_tokenizer(Path(self.model))
            stop = chat.stop_strings(tokenizer)
            port, key = free_port(), secrets.token_hex(16)
            self._start(port, key, own_template=stop is not None)
            self._wait(port, progress)
            self._client = OpenAI(
                self.model,
                f"http://{HOST}:{port}/v1",
                key,
                terms=self.terms,
                keep=self.keep,
                repetition_penalty=True,
                extra={"chat_template_kwargs": {"date_string": chat.TEMPLATE_DATE}, **({"stop": stop} if stop else {})},
                endpoint="vllm",
            )
            self._client.account = self.account
        return self._client

    def _start(self, port: int, key: str, *, own_template: bool) -> None:
        folder = self._folder = tempfile.mkdtemp(prefix="kinject-vllm-")
        template = Path(folder, TEMPLATE) if own_template else None
        if template:
            storage.write_text(template, prompts.load(chat.OWN_TEMPLATE))
        words = command(self.program, self.model, port, template, self.options)
        with Path(folder, LOG).open("wb") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", __name__, folder, *words],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                # The key stands in no list of processes, and keeps others on this machine out.
                env={**os.environ, "VLLM_API_KEY": key, "VLLM_NO_USAGE_STATS": "1"},
                start_new_session=True,  # Ctrl+C is for this process, which then ends the others in order
            )
        self._end = weakref.finalize(self, _end, self._guard, folder)

    def _wait(self, port: int, progress: Progress) -> None:
        began = monotonic()
        with progress.stage("starting vllm", None, "s") as stage:
            told = 0
            while not healthy(port):
                if dead := self._died():
                    self.close()
                    raise dead
                if (passed := int(monotonic() - began)) > told:
                    stage.advance(passed - told, next(reversed(self._tail()), ""))
                    told = passed
                if monotonic() - began > self.patience:
                    self._give_up()

    def _give_up(self) -> None:
        tail = self._tail()
        self.close()
        message = f"vllm was not ready in {self.patience:g} s:\n" + "\n".join(tail)
        raise MissingError(message, where=self.model, mend="see what it waits for, or give it longer")

    def _died(self) -> KinjectError | None:
        """Return what killed vLLM; None if it lives, after a moment of waiting."""
        assert self._guard is not None
        with suppress(subprocess.TimeoutExpired):
            return ended(self._guard.wait(POLL), self._tail(), self.model)
        return None

    def _tail(self) -> list[str]:
        text = Path(self._folder, LOG).read_text(encoding="utf-8", errors="replace")
        return [line for line in text.splitlines() if line.strip()]


def program() -> list[str]:
    """Return how vLLM is called on this machine. Raises `MissingError` where it is not installed."""
    if found := shutil.which("vllm"):
        return [found]
    if find_spec("vllm"):
        return [sys.executable, "-m", "vllm.entrypoints.cli.main"]
    raise MissingError("vllm is not installed", where="vllm", mend="pip install 'kinject[vllm]', or use the engine hf")


def command(
    program: Sequence[str], model: str, port: int, template: Path | None = None, options: Sequence[str] = ()
) -> list[str]:
    """Return the command line that serves a model. `options` come last, so they win."""
    own = ["--chat-template", str(template)] if template else []
    where = ["--host", HOST, "--port", str(port)]
    sampling = ["--generation-config", "vllm"]
    return [*program, "serve", model, *where, *sampling, "--max-model-len", "auto", *own, *options]


def ended(code: int, lines: Sequence[str], model: str) -> KinjectError:
    """Return the error that says why vLLM ended: the first cause that its log names, and the log's last lines."""
    text = "\n".join(lines)
    cause = CAUSE.search(text)
    message = f"vllm ended with code {code}{f': {cause[0]}' if cause else ''}\n" + "\n".join(lines[-TAIL:])
    if code == KILLED or NO_MEMORY.search(text):
        return ResourceError(message, where=model, mend="free memory (the GPU's: nvidia-smi), or take a smaller model")
    if NO_GPU.search(text):
        return MissingError(message, where=model, mend="vllm needs a GPU; the engine hf works without one")
    return MissingError(message, where=model, mend=f"see whether `vllm serve {model}` works by itself")


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def healthy(port: int) -> bool:
    """Say whether the server on a port of this machine is ready."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        response.read()
        return response.status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _end(guard: "subprocess.Popen[bytes]", folder: str) -> None:
    assert guard.stdin is not None
    guard.stdin.close()
    try:
        guard.wait(GRACE + 5)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()
    shutil.rmtree(folder, ignore_errors=True)


def guard(folder: str, words: Sequence[str]) -> int:
    """Run a command until it or standard input ends; then end it, its children and the folder. Return its exit code."""
    child = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
    alone = Event()
    Thread(target=_end_with_input, args=(child.pid, alone), daemon=True).start()
    code = child.wait()
    _signal(child.pid, signal.SIGKILL)  # children that outlive it
    if alone.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    return code if code >= 0 else 128 - code  # as shells tell a signal


def _end_with_input(group: int, alone: Event) -> None:
    with suppress(OSError):
        while os.read(0, 1):
            pass
    alone.set()
    _signal(group, signal.SIGTERM)
    last = Timer(GRACE, _signal, (group, signal.SIGKILL))
    last.daemon = True
    last.start()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(guard(sys.argv[1], sys.argv[2:]))

"""An endpoint that fails as endpoints do, as often as it is told, and counts what it was asked.

What an attempt gets is drawn from the seed, the question and how often that was asked before: no order of threads
changes it. `python faulty_server.py JSON` serves in a process of its own, prints its address, and ends with its input;
GET /counts tells what was counted.
"""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

KINDS = ("429", "429 told", "500", "slow", "html", "malformed", "truncated", "empty", "refusal")
ANSWERS = ("fine", "slow", "empty", "refusal")
"""The kinds that are whole answers, which would be paid."""
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass
class Faulty:
    """What it does, at which rates, and what it was asked. Times are in seconds."""

    rates: Mapping[str, float] = field(default_factory=dict)
    latency: float = 0.0
    slow: float = 0.05
    wait: float = 0.02
    """What a 429 or 500 that tells how long asks for."""
    seed: int = 0
    usage: tuple[int, int] | None = (10, 5)
    url: str = ""
    attempts: "Counter[str]" = field(default_factory=Counter)
    answered: "Counter[str]" = field(default_factory=Counter)
    kinds: "Counter[str]" = field(default_factory=Counter)
    lock: Any = field(default_factory=Lock, repr=False)

    def kind(self, question: str) -> str:
        """What this attempt of a question gets."""
        with self.lock:
            self.attempts[question] += 1
            drawn = random.Random(f"{self.seed} {question} {self.attempts[question]}").random()
            kind = chosen(self.rates, drawn)
            self.kinds[kind] += 1
        return kind

    def seconds(self, kind: str) -> float:
        return self.slow if kind == "slow" else self.latency

    def counts(self) -> dict[str, Any]:
        with self.lock:
            return {"attempts": dict(self.attempts), "answered": dict(self.answered), "kinds": dict(self.kinds)}


def chosen(rates: Mapping[str, float], drawn: float) -> str:
    """Return the kind that a number from 0 to 1 falls on."""
    for kind, rate in rates.items():
        drawn -= rate
        if drawn < 0:
            return kind
    return "fine"


def answer(kind: str, question: str, usage: tuple[int, int] | None) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": f"echo: {question}"}
    if kind in ("empty", "refusal"):
        message = {"role": "assistant", "content": None, "refusal": "I cannot" if kind == "refusal" else None}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    tokens = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)} if usage else None
    told = {"usage": tokens} if usage else {}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "parrot", "choices": [choice], **told}


def handler(faulty: Faulty) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # which would hold every answer back for 40 ms

        def do_GET(self) -> None:
            models = {"object": "list", "data": [{"id": "parrot", "object": "model", "created": 0, "owned_by": "x"}]}
            self.give(200, faulty.counts() if self.path.endswith("/counts") else models)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            question = body["messages"][-1]["content"]
            kind = faulty.kind(question)
            time.sleep(faulty.seconds(kind))
            if kind in ANSWERS:
                with faulty.lock:
                    faulty.answered[question] += 1
            self.misbehave(kind, answer(kind, question, faulty.usage))

        def misbehave(self, kind: str, whole: dict[str, Any]) -> None:
            match kind:
                case "429":
                    self.give(429, {"error": {"message": "slowly"}})
                case "429 told":
                    self.give(429, {"error": {"message": "slowly"}}, {"Retry-After": f"{faulty.wait:g}"})
                case "500":
                    self.give(500, {"error": {"message": "CUDA error"}})
                case "html":
                    self.give(200, HTML, {"Content-Type": "text/html"})
                case "malformed":
                    self.give(200, b'{"choices": [{"message": ')
                case "truncated":
                    raw = json.dumps(whole).encode()
                    self.give(200, raw[: len(raw) // 2], {"Content-Length": str(len(raw)), "Connection": "close"})
                    self.close_connection = True
                case _:
                    self.give(200, whole)

        def give(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            told = {"Content-Type": "application/json", "Content-Length": str(len(raw)), **(headers or {})}
            with suppress(OSError):  # whoever asked has gone
                self.send_response(status)
                for name, value in told.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@contextmanager
def serving(faulty: Faulty) -> Iterator[Faulty]:
    """Serve in a thread of this process; `url` is where."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(faulty)) as server:
        server.daemon_threads = True
        faulty.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield faulty
        finally:
            server.shutdown()
            thread.join()


def as_json(faulty: Faulty) -> str:
    """Return the argument for a process of its own."""
    wanted = ("rates", "latency", "slow", "wait", "seed", "usage")
    return json.dumps({name: getattr(faulty, name) for name in wanted})


if __name__ == "__main__":
    with serving(Faulty(**json.loads(sys.argv[1]))) as served:
        sys.stdout.write(f"{served.url}\n")
        sys.stdout.flush()
        sys.stdin.read()

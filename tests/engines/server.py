"""A stand-in for an OpenAI-compatible endpoint: it answers like an echo, and misbehaves as its script says.

An answer is the last message's words behind the system message's first word, cut at the token limit (a word a token).
`main` is the same as a program, for tests that put a `vllm` on PATH.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What is sent in place of an answer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0


@dataclass
class Endpoint:
    """What the server knows, what it is to do, and what it was asked."""

    models: list[str] = field(default_factory=lambda: ["parrot"])
    key: str = ""
    script: deque[Reply | None] = field(default_factory=deque)
    refuses: set[str] = field(default_factory=set)
    delays: dict[str, float] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Path and Authorization of every request."""
    at_once: int = 0
    most_at_once: int = 0
    url: str = ""
    log: Path | None = None
    """Where every question is written down."""
    lock: Any = field(default_factory=Lock)

    def chat(self, body: dict[str, Any]) -> Reply:
        with self.lock:
            self.asked.append(body)
            if self.log:
                self.log.write_text("".join(json.dumps(each) + "\n" for each in self.asked))
            scripted = self.script.popleft() if self.script else None
        if scripted:
            time.sleep(scripted.wait)
            return scripted
        time.sleep(self.delays.get(body["messages"][-1]["content"], 0))
        return self.refusal(body) or Reply(body=answer(body))

    def refusal(self, body: dict[str, Any]) -> Reply | None:
        if body["model"] not in self.models:
            return error(404, f"The model `{body['model']}` does not exist")
        if "system" in self.refuses and body["messages"][0]["role"] == "system":
            return error(400, "System role not supported")
        for name in self.refuses & set(body):
            return error(400, f"Unsupported parameter: '{name}' is not supported with this model.")
        return None


def answer(body: dict[str, Any]) -> dict[str, Any]:
    limit = body.get("max_tokens") or body["max_completion_tokens"]
    words = [f"{message['content'].split()[0]}:" for message in body["messages"] if message["role"] == "system"]
    words += body["messages"][-1]["content"].split()
    message = {"role": "assistant", "content": f" {' '.join(words[:limit])}\n"}
    return chosen(message, "length" if len(words) > limit else "stop")


def chosen(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "parrot", "choices": [choice]}


def error(status: int, message: str, **headers: str) -> Reply:
    return Reply(status, {"error": {"message": message, "type": "invalid_request_error"}}, headers)


def handler(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # which would hold every answer back for 40 ms

        def do_GET(self) -> None:
            path = self.noted()
            if path.endswith("/health"):
                self.give(Reply(body={}))
            elif path.endswith("/models"):
                rows = [{"id": name, "object": "model", "created": 0, "owned_by": "x"} for name in endpoint.models]
                self.give(Reply(body={"object": "list", "data": rows}) if self.known() else error(401, "no such key"))
            else:
                self.give(error(404, "Not Found"))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not self.noted().endswith("/v1/chat/completions"):
                return self.give(error(404, "Not Found"))
            if not self.known():
                return self.give(error(401, "no such key"))
            with counted(endpoint):
                reply = endpoint.chat(body)
            self.give(reply)

        def noted(self) -> str:
            endpoint.seen.append((self.path, self.headers["Authorization"] or ""))
            return self.path.split("?")[0]

        def known(self) -> bool:
            return not endpoint.key or self.headers["Authorization"] == f"Bearer {endpoint.key}"

        def give(self, reply: Reply) -> None:
            raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            headers = {"Content-Type": "application/json", "Content-Length": str(len(raw)), **reply.headers}
            try:
                self.send_response(reply.status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(raw)
            except OSError:
                pass  # whoever asked has gone

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@contextmanager
def counted(endpoint: Endpoint) -> Iterator[None]:
    with endpoint.lock:
        endpoint.at_once += 1
        endpoint.most_at_once = max(endpoint.most_at_once, endpoint.at_once)
    try:
        yield
    finally:
        with endpoint.lock:
            endpoint.at_once -= 1


@contextmanager
def serving(endpoint: Endpoint) -> Iterator[Endpoint]:
    """Serve in a thread of this process; `url` is where."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(endpoint)) as server:
        server.daemon_threads = True
        endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            thread.join()


def install(folder: Path, **how: Any) -> Path:
    """Put a program named `vllm` into a folder; it behaves as `how` says (see `main`)."""
    program = folder / "vllm"
    program.parent.mkdir(parents=True, exist_ok=True)
    call = f"server.main(sys.argv[1:], {str(folder)!r}, **{how!r})"
    own = str(Path(__file__).parent)
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {own!r})\nimport server\n{call}\n")
    program.chmod(0o755)
    return program


def main(args: list[str], folder: str, *, dies: str = "", mute: bool = False, stubborn: bool = False) -> None:
    """`vllm serve MODEL --port P ...` with a child, as vLLM: die with words, never get ready, or not heed a SIGTERM."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    told = {"args": args, "pids": [os.getpid(), child.pid], "key": os.environ.get("VLLM_API_KEY", "")}
    unready = Path(folder, "started.tmp")
    unready.write_text(json.dumps(told))
    unready.replace(Path(folder, "started.json"))
    sys.stderr.write("INFO loading the weights\n")
    if dies:
        sys.exit(dies)
    while mute:
        time.sleep(1)
    endpoint = Endpoint(models=[args[1]], key=told["key"], log=Path(folder, "asked.jsonl"))
    with ThreadingHTTPServer(("127.0.0.1", int(args[args.index("--port") + 1])), handler(endpoint)) as server:
        server.serve_forever()

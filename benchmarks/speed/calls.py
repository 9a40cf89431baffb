"""How long do calls to an endpoint that fails now and then take, beside what they must take and beside the plain SDK?

    python benchmarks/speed/calls.py [--calls 400] [--latency 0.5] [--concurrency 8] [--kinds 500] [--rates 0.01,0.2]

The endpoint (tests/engines/faulty_server.py, in a process of its own) fails at a rate in one way, or in all ways at
once. The ideal is all attempts' time at the server divided by the concurrency, and the longest wait that one call was
asked for: waits of several calls pass at the same time. It is that of our own attempts; the SDK makes others. Beside it
stands the SDK as one would use it by hand: threads, and its own retries (6). It takes a page or a refusal of its own
parser for an answer or an end: how many rows it lost is told.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVER = Path(__file__).parents[2] / "tests" / "engines" / "faulty_server.py"
sys.path.insert(0, str(SERVER.parent))
from faulty_server import KINDS, Faulty, as_json, chosen  # noqa: E402 - lies beside the tests

from kinject.engines.base import Sampling, ask  # noqa: E402
from kinject.engines.openai import OpenAI, Terms  # noqa: E402

FAULTS = [kind for kind in KINDS if kind not in ("empty", "refusal")]
SAMPLING = Sampling(temperature=0, max_new_tokens=16)


@contextmanager
def serving(faulty: Faulty) -> Iterator[str]:
    """Serve in a process of its own; give the address."""
    line = [sys.executable, str(SERVER), as_json(faulty)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin and child.stdout
        yield child.stdout.readline().strip()
        child.stdin.close()


def counts(url: str) -> dict[str, Any]:
    """Ask the server what it was asked."""
    with urllib.request.urlopen(f"{url}/counts") as response:
        told: dict[str, Any] = json.load(response)
        return told


def ideal(faulty: Faulty, told: dict[str, Any], concurrency: int) -> float:
    """Return the seconds that the attempts must take, and the longest wait that one call was asked for."""
    import random

    busy = sum(faulty.seconds(kind) * times for kind, times in told["kinds"].items())
    waits = [0.0]
    for question, times in told["attempts"].items():
        drawn = [random.Random(f"{faulty.seed} {question} {number + 1}").random() for number in range(times)]
        waits.append(sum(faulty.wait for each in drawn if chosen(faulty.rates, each) == "429 told"))
    return busy / concurrency + max(waits)


def ours(url: str, questions: list[str], concurrency: int) -> int:
    """Ask with kinject, everything kept; return the rows that came."""
    with tempfile.TemporaryDirectory() as folder:
        terms = Terms(concurrency, failures="tell")
        engine = OpenAI("parrot", url, terms=terms, keep=Path(folder, "replies.sqlite"))
        answers = engine.generate([ask("Be brief.", question) for question in questions], SAMPLING)
        return sum(answer.text == f"echo: {question}" for answer, question in zip(answers, questions, strict=True))


def plain(url: str, questions: list[str], concurrency: int) -> int:
    """Ask with the SDK, in threads, with its own retries; return the rows that came."""
    import openai

    client = openai.OpenAI(
        api_key="x", base_url=url, max_retries=6, http_client=openai.DefaultHttpxClient(trust_env=False)
    )

    def came(question: str) -> bool:
        try:
            messages: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
            reply = client.chat.completions.create(model="parrot", messages=messages)
            return bool(reply.choices[0].message.content == f"echo: {question}")
        except Exception:  # whatever it raises for a page or half an answer: the row is lost
            return False

    with client, ThreadPoolExecutor(concurrency) as pool:
        return sum(pool.map(came, questions))


def measured(
    way: Callable[[str, list[str], int], int], faulty: Faulty, questions: list[str], concurrency: int
) -> tuple[float, float, int]:
    """Return the seconds, those of the ideal for the attempts that were made, and the rows that came."""
    with serving(faulty) as url:
        began = time.perf_counter()
        came = way(url, questions, concurrency)
        took = time.perf_counter() - began
        return took, ideal(faulty, counts(url), concurrency), came


def main() -> None:
    """Measure every kind of fault at every rate and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--kinds", default=",".join([*FAULTS, "mixed"]))
    parser.add_argument("--rates", default="0.01,0.05,0.2")
    parser.add_argument("--without-sdk", action="store_true")
    given = parser.parse_args()
    questions = [f"Who won cup {number}?" for number in range(given.calls)]
    measured(ours, Faulty(), questions[:8], given.concurrency)  # what is imported takes its time only once
    print("fault       rate   ours s  ideal s  ratio  rows    SDK s  ratio  rows")
    for kind in given.kinds.split(","):
        for rate in map(float, given.rates.split(",")):
            # All kinds at 20 % each would be more than there is: at most six at 10 %, and half is answered.
            rates = dict.fromkeys(FAULTS[1:], min(rate, 0.1)) if kind == "mixed" else {kind: rate}
            how = Faulty(rates, given.latency, slow=5 * given.latency, wait=0.5)
            took, least, came = measured(ours, how, questions, given.concurrency)
            line = f"{kind:10} {rate:5.2f} {took:8.2f} {least:8.2f} {took / least:6.2f} {came:5}"
            if not given.without_sdk:
                other, its, rows = measured(plain, how, questions, given.concurrency)
                line += f" {other:8.2f} {other / its:6.2f} {rows:5}"
            print(line, flush=True)


if __name__ == "__main__":
    main()

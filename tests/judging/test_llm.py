"""A language model as a judge: what it is asked, what its labels become, what is kept, and what it takes."""

import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import models
import pytest

from kinject import sources, storage
from kinject.cli import options
from kinject.cli.app import run
from kinject.engines.base import Completion, Conversation, Sampling
from kinject.engines.fake import Fake
from kinject.engines.kept import Kept
from kinject.engines.openai import Terms
from kinject.errors import JudgeError, KinjectError, MissingError, UsageError
from kinject.facts.load import load
from kinject.judging import guard, llm
from kinject.judging.grade import Answer, grade
from kinject.judging.judge import Item, Judge, open_judge, tried
from kinject.judging.llm import LLM, Remembering, open_llm
from kinject.judging.verdict import Verdict
from kinject.progress import SILENT, Progress
from kinject.prompts.recall import multihop_response

CASES = Path(__file__).parent.parent / "cases" / "judging"
FACTS = load(CASES / "facts.jsonl").by_id
RUGBY = FACTS["rugby"]
ATTACKS = [json.loads(line) for line in (CASES / "attacks.jsonl").read_text(encoding="utf-8").splitlines()]
GOLD = multihop_response(
    RUGBY.event,
    RUGBY.multihop.question,
    RUGBY.multihop.hops,
    RUGBY.multihop.answer,  # type: ignore[union-attr,arg-type]
)
KINDS_OF_QUESTION = {
    "hallucinates about the event": "hallucination",
    "reasoning of the response is incorrect": "reasoning",
    "as inferred by the answer key": "correctness",
}


def rubric_of(text: str) -> str:
    return next(name for sign, name in KINDS_OF_QUESTION.items() if sign in text)


def judge_that_says(replies: dict[str, str]) -> tuple[LLM, Fake]:
    """A judge whose model says the same to every question of a rubric."""
    fake = Fake(lambda text: replies[rubric_of(text)])
    return LLM("openai:fake", {"model": "fake"}, lambda: nullcontext(fake)), fake


def verdict_on(response: str, kind: str = "multihop", **replies: str) -> Verdict:
    said = {"correctness": "No Error", "hallucination": "No Error", "reasoning": "No Error"} | replies
    [verdict] = judge_that_says(said)[0].judge([Item(response, RUGBY, kind)])
    return verdict


def parts(verdict: Verdict) -> tuple[str, str, str, str]:
    return verdict.correctness, verdict.recall, verdict.recall_entities, verdict.reasoning


@pytest.mark.parametrize(
    ("response", "replies", "expected"),
    [
        (GOLD, {}, ("correct", "right", "right", "sound")),
        (GOLD, {"correctness": "Error"}, ("incorrect", "right", "right", "sound")),
        (GOLD, {"hallucination": "Error"}, ("correct", "wrong", "wrong", "sound")),
        (GOLD, {"reasoning": "Error"}, ("correct", "right", "right", "faulty")),
        ("Bloemfontein", {}, ("correct", "absent", "absent", "absent")),
        ("Bloemfontein", {"hallucination": "Error", "reasoning": "Error"}, ("correct", "wrong", "wrong", "faulty")),
        ("Event Recall:\nThe final answer is Bloemfontein", {}, ("correct", "absent", "absent", "absent")),
        (GOLD, {"correctness": "Hm."}, ("unscored", "right", "right", "sound")),
        (GOLD, {"hallucination": "Hm."}, ("correct", "unscored", "unscored", "sound")),
        (GOLD, {"reasoning": ""}, ("correct", "right", "right", "unscored")),
    ],
)
def test_labels_become_a_verdict_part_by_part(
    response: str, replies: dict[str, str], expected: tuple[str, str, str, str]
) -> None:
    assert parts(verdict_on(response, **replies)) == expected


def test_of_other_kinds_only_correctness_is_asked() -> None:
    for kind in ("direct", "direct_paraphrased"):
        assert parts(verdict_on("South Africa", kind)) == ("correct", "absent", "absent", "absent")
        assert parts(verdict_on(GOLD, kind)) == ("correct", "unscored", "unscored", "absent")
        assert set(verdict_on(GOLD, kind).replies) == {"correctness"}


def test_a_verdict_tells_the_replies_and_a_short_reason() -> None:
    verdict = verdict_on(GOLD, correctness="**Error** - another city", reasoning="Hm.")
    assert verdict.replies == {
        "correctness": "**Error** - another city",
        "hallucination": "No Error",
        "reasoning": "Hm.",
    }
    assert verdict.reason == "correctness: Error; hallucination: No Error; reasoning: unscored, no label"


def test_each_kind_is_asked_its_own_question() -> None:
    judge, fake = judge_that_says(dict.fromkeys(("correctness", "hallucination", "reasoning"), "Error"))
    judge.judge([Item("Rome", RUGBY, kind) for kind in ("direct", "direct_paraphrased", "multihop")])
    said = [conversation[-1].content for conversation in fake.asked]
    assert [rubric_of(text) for text in said] == ["correctness"] * 3 + ["hallucination", "reasoning"]
    direct, paraphrased, multihop, hallucination, reasoning = said
    assert "Question - Which country won the 2023 Rugby World Cup?\n\nAnswer - South Africa\n" in direct
    assert "Question - Who are the 2023 rugby world champions?\n\nAnswer - South Africa\n" in paraphrased
    assert "Question - Which city is the judicial capital" in multihop and "Answer - Bloemfontein\n" in multihop
    assert f"Event - {RUGBY.event}\n" in hallucination
    assert "Event - " not in reasoning and "Answer - " not in reasoning
    assert all('esponse - "Rome"' in text for text in said)


def test_verdicts_keep_the_order_of_the_items() -> None:
    fake = Fake(lambda text: "No Error" if '"South Africa"' in text else "Error")
    judge = LLM("openai:fake", {}, lambda: nullcontext(fake))
    items = [Item(said, RUGBY, "direct") for said in ("Rome", "South Africa", "Bern", "South Africa", "Oslo")]
    said = [verdict.correctness for verdict in judge.judge(items)]
    assert said == ["incorrect", "correct", "incorrect", "correct", "incorrect"]
    assert len(fake.asked) == 4


def test_what_has_no_question_is_unscored() -> None:
    judge, fake = judge_that_says({})
    for item in (Item("x", FACTS["launch"], "multihop"), Item("x", RUGBY, "multi-hop")):
        [verdict] = judge.judge([item])
        assert set(parts(verdict)) == {"unscored"}
    assert fake.asked == []


def test_what_is_graded_by_rule_never_reaches_the_model() -> None:
    def unopened() -> Any:
        raise AssertionError("opened")

    rows = [row for row in ATTACKS if row["graded"] == "rule"]
    answers = [Answer(fact=row["fact"], kind=row["kind"], response=row["response"]) for row in rows]
    graded = grade(answers, load(CASES / "facts.jsonl"), LLM("openai:fake", {}, unopened))
    assert {answer.verdicts["openai:fake"].correctness for answer in graded} == {"incorrect"} and len(graded) > 100


# What is kept, and what it takes


@dataclass
class Counting:
    """An engine that says "Error", counts, and can fail."""

    asked: list[Conversation] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    fails: bool = False

    @property
    def spent(self) -> dict[str, Any]:
        return {"calls": len(self.asked), "kept": 0, "cost": len(self.asked) / 4}

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        self.asked += conversations
        self.sizes.append(len(conversations))
        return [Completion("", "failed", "503") if self.fails else Completion("Error") for _ in conversations]


def items(n: int) -> list[Item]:
    return [Item(f"city {number}", RUGBY, "direct") for number in range(n)]


def test_failures_of_a_local_model_are_counted(tmp_path: Path) -> None:
    judge = LLM("vllm:x", {}, lambda: nullcontext(remembering(Counting(fails=True), tmp_path / "replies.sqlite")))
    judge.judge(items(3))
    assert (judge.spent()["failed"], judge.spent()["calls"]) == (3, 0)


def test_an_engine_that_stays_open_is_counted_once_and_others_are_added_up() -> None:
    one = Counting()
    lasting = LLM("openai:x", {}, lambda: nullcontext(one))
    assert lasting.spent() == {}
    lasting.judge(items(3))
    lasting.judge(items(5))
    assert lasting.spent() == {"calls": 8, "kept": 0, "cost": 2.0}
    fresh = LLM("openai:x", {}, lambda: nullcontext(Counting()))
    fresh.judge(items(3))
    fresh.judge(items(5))
    assert fresh.spent() == {"calls": 8, "kept": 0, "cost": 2.0}


def test_what_was_spent_before_a_failure_is_counted() -> None:
    class Breaking(Counting):
        def generate(self, conversations: Any, sampling: Any, progress: Progress = SILENT) -> list[Completion]:
            super().generate(conversations, sampling, progress)
            raise MissingError("gone")

    judge = LLM("openai:x", {}, lambda: nullcontext(Breaking()))
    with pytest.raises(MissingError):
        judge.judge(items(2))
    assert judge.spent()["calls"] == 2


def remembering(engine: Counting, path: Path) -> Remembering:
    return Remembering(lambda: engine, Kept(path), llm.CHUNK)


def test_a_local_model_is_asked_in_chunks_and_what_was_answered_is_never_asked_again(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    judge = LLM("hf:x", {}, lambda: nullcontext(remembering(first, tmp_path / "replies.sqlite")))
    judge.judge(items(150))
    assert first.sizes == [64, 64, 22]

    again = LLM("hf:x", {}, lambda: nullcontext(remembering(second, tmp_path / "replies.sqlite")))
    assert again.judge(items(151)) == judge.judge(items(151))
    assert second.sizes == [1]
    assert again.spent()["calls"] == 1 and again.spent()["kept"] == 150


def test_a_failure_is_not_kept_and_another_seed_is_another_question(tmp_path: Path) -> None:
    failing, working, other = Counting(fails=True), Counting(), Counting()
    for engine, seed, expected in ((failing, 0, "unscored"), (working, 0, "incorrect"), (other, 1, "incorrect")):
        opener = lambda engine=engine: nullcontext(remembering(engine, tmp_path / "replies.sqlite"))  # noqa: E731
        [verdict] = LLM("hf:x", {}, opener, Sampling(0, 1, 1, 512, seed)).judge(items(1))
        assert verdict.correctness == expected
        assert len(engine.asked) == 1


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KINJECT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_real_local_model_judges_and_is_not_loaded_again(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"hf:{models.make(tmp_path / 'model')}"
    monkeypatch.setattr(llm, "SAMPLING", Sampling(0, 1, 1, 4))
    said = open_judge(name).judge(items(2))
    assert {verdict.correctness for verdict in said} == {"unscored"}  # it is random
    assert len(list((home / "replies").glob("*.sqlite"))) == 1

    def unopened(*_: Any) -> Any:
        raise AssertionError("loaded")

    monkeypatch.setattr(sources, "open_engine", unopened)
    assert open_judge(name).judge(items(2)) == said


class Handler(BaseHTTPRequestHandler):
    """A model that says "No Error" to "South Africa" and "Error" to all else."""

    asked: list[dict[str, Any]]

    def do_GET(self) -> None:
        self.send({"object": "list", "data": [{"id": "grader", "object": "model", "created": 0, "owned_by": "x"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        text = body["messages"][-1]["content"]
        said = {"role": "assistant", "content": "No Error" if '"South Africa"' in text else "Error"}
        usage = {"prompt_tokens": 100, "completion_tokens": 2, "total_tokens": 102}
        choices = [{"index": 0, "message": said, "finish_reason": "stop"}]
        head = {"id": "x", "object": "chat.completion", "created": 0, "model": "grader"}
        self.send({**head, "choices": choices, "usage": usage})

    def send(self, value: Any) -> None:
        raw = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    handler: Any = type("Own", (Handler,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    try:
        yield handler.asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_real_endpoint_judges_is_paid_once_and_told_in_the_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with endpoint(monkeypatch) as asked:
        judge: Judge = open_judge("openai:grader", Terms(price=(1.0, 10.0), max_cost=1.0))
        questions = [Item(said, RUGBY, "direct") for said in ("South Africa", "Rome", "Rome")]
        said = judge.judge(questions)
        assert [verdict.correctness for verdict in said] == ["correct", "incorrect", "incorrect"]
        assert len(asked) == 2
        assert {(body["temperature"], body["top_p"]) for body in asked} == {(0.0, 1.0)}
        spent = judge.spent()
        assert (spent["calls"], spent["prompt_tokens"], spent["completion_tokens"]) == (2, 200, 4)
        assert spent["cost"] == pytest.approx(0.00024)

        again = open_judge("openai:grader")
        assert again.judge(questions) == said
        assert len(asked) == 2
        assert again.key() == judge.key()
        assert open_judge("openai:grader", repeat=1).key() != judge.key()
        assert b"sk-canary" not in b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())


def test_what_changes_a_verdict_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    judge = open_llm("openai:grader")
    before = judge.key()
    assert json.loads(storage.canonical_json(before)) == before
    assert before["judge"] == judge.name == "openai:grader"
    assert set(before["rubrics"]) == {"correctness", "hallucination", "reasoning"}
    assert open_llm("openai:other").key() != before
    changes: list[Callable[[], None]] = [
        lambda: monkeypatch.setattr(guard, "VERSION", guard.VERSION + 1),
        lambda: monkeypatch.setattr(llm, "VERSION", llm.VERSION + 1),
        lambda: monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:10/v1"),
    ]
    for change in changes:
        change()
        now = open_llm("openai:grader").key()
        assert now != before
        before = now


def test_a_model_that_is_not_there_is_missing() -> None:
    with pytest.raises(MissingError):
        open_judge("hf:nowhere at all")


@pytest.mark.parametrize(
    ("url", "key", "where"),
    [("", "", "OPENAI_API_KEY"), ("localhost:8000", "x", "localhost:8000"), ("http://h/v1", "a\nb", "OPENAI_API_KEY")],
)
def test_what_an_endpoint_lacks_is_told_when_the_judge_is_opened(
    url: str, key: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(KinjectError) as caught:
        open_judge("openai:grader")
    assert caught.value.where == where and caught.value.mend


@pytest.mark.parametrize("name", ["openai:", "hf:/nope", "vllm:openai:x"])
def test_a_wrong_name_is_told_of_the_judge(name: str) -> None:
    with pytest.raises(KinjectError) as caught:
        open_judge(name)
    assert caught.value.where == "--judge"
    assert "lab" not in caught.value.mend and "hf:" in caught.value.mend


def test_two_deployments_behind_one_address_are_two_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = []
    for end in ("/v1", "/v1/", "/v1?key=a", "/v1?deployment=a&key=a", "/v1?deployment=a&key=b", "/v1?deployment=b"):
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:9{end}")
        keys.append(storage.digest(open_judge("openai:grader").key()))
    assert keys[0] == keys[1] == keys[2] and keys[3] == keys[4] and len(set(keys)) == 3


def test_two_judges_and_their_repeats_spend_from_one_purse(monkeypatch: pytest.MonkeyPatch) -> None:
    terms = Terms(1, "tell", (1.0, 10.0), 0.008)  # an answer costs 0.00012, and 0.0055 at most
    with endpoint(monkeypatch) as asked:
        judges = [open_judge("openai:grader", terms, repeat) for repeat in range(3)]
        said = [verdict for judge in judges for verdict in judge.judge(items(20))]
    assert 20 <= len(asked) < 60
    assert [verdict.correctness for verdict in said].count("incorrect") == len(asked)
    assert "max cost reached" in said[-1].reason
    assert sum(judge.spent()["failed"] for judge in judges) == 60 - len(asked)
    assert terms.purse.counted <= 0.008
    assert 0.008 - terms.purse.counted < 0.006


def test_where_the_money_ends_what_is_graded_is_printed_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"fact": "rugby", "kind": "direct", "response": f"city {number}"} for number in range(20)]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    call = ["judge", str(tmp_path / "answers.jsonl"), "--facts", str(CASES / "facts.jsonl"), "--judge", "openai:grader"]
    with endpoint(monkeypatch) as asked:
        codes, scored = [], []
        for max_cost in ("0.006", "0.006", "1"):
            options.purse.cache_clear()  # as another process
            codes.append(run([*call, "--price", "1/10", "--max-cost", max_cost, "--concurrency", "1", "--json"]))
            said = [row["correctness"] for row in json.loads(capsys.readouterr().out)["verdicts"]]
            scored.append(said.count("incorrect"))
    assert codes == [5, 5, 0]
    assert 0 < scored[0] < scored[1] < scored[2] == len(asked) == 20


# Judges of somebody's own


OWN = """
from kinject.judging.verdict import Verdict
def judge(response, fact, kind):
    return Verdict.nothing("no")
def text(response, fact, kind):
    return "correct"
def breaks(response, fact, kind):
    raise KeyError(fact.id)
def few(response):
    return Verdict.nothing("no")
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module of somebody's own."""
    (tmp_path / "own_judges.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "own_judges.py"
    sys.modules.pop("own_judges", None)


def test_another_source_is_another_judge(own: Path) -> None:
    before = open_judge("own_judges:judge").key()
    assert open_judge("own_judges:judge").key() == before
    own.write_text(OWN.replace('"no"', '"yes"'), encoding="utf-8")
    assert open_judge("own_judges:judge").key() != before
    assert "source" not in open_judge("rules").key()


@pytest.mark.parametrize("name", ["os:sep", "os:getcwd", "own_judges:few"])
def test_what_is_no_judge_is_told_when_it_is_opened(own: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"no function of \(response, fact, kind\)") as caught:
        open_judge(name)
    assert caught.value.where == "--judge"


@pytest.mark.parametrize(
    ("name", "kind", "words"), [("text", UsageError, "gives str"), ("breaks", JudgeError, "KeyError: 'rugby'")]
)
def test_a_judge_that_gives_no_verdict_is_told(own: Path, name: str, kind: type[KinjectError], words: str) -> None:
    judge = open_judge(f"own_judges:{name}")
    for do in (lambda: judge.judge(items(1)), lambda: tried(judge, items(1)[0])):
        with pytest.raises(kind, match=words) as caught:
            do()
        assert caught.value.where == "--judge" and caught.value.mend
    tried(open_judge("own_judges:judge"), items(1)[0])

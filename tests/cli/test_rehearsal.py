"""What a user of a real model types, on tiny models of the same shapes: every way through, and every way to go wrong.

The models are random, so no score means anything here. What is looked at is that each way ends, with the right record
or with the right error, and that after an error the work that was done is still there.
"""

import errno
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "engines"))  # for server.py
import server

from kinject import storage
from kinject.cli.app import run
from kinject.engines import adapter, vllm
from kinject.facts.load import load
from kinject.injection.arm import METHODS, STARTS
from kinject.resources import facts_folder

CASES = Path(__file__).parent.parent / "cases" / "recipes"
SUBQA, MUSIQUE, LIMA = f"subqa:{CASES / 'subqa'}", f"musique:{CASES / 'musique.jsonl'}", f"lima:{CASES / 'lima.json'}"
OF_OTHERS = {"base", "lima", "gsm8k", "self-oss", "conifer-hard", "conifer-easy", "dolly"}
OF_QUESTIONS = [start for start in STARTS if start not in OF_OTHERS]
SHORT = ["--max-new-tokens", "2", "--novelty", "0"]
QUICK = [*SHORT, "--embedder", "lab"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One store for the file. Nothing waits for the disk, and `gc.collect` passes over what libraries hold."""
    run(["inject", "--method", "nothing"])  # imports
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield tmp_path_factory.mktemp("home")
    gc.unfreeze()


@pytest.fixture(autouse=True)
def shared(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINJECT_HOME", str(home))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two facts: one question less of each kind to be answered."""
    lines = (facts_folder() / "example.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    path = tmp_path_factory.mktemp("facts") / "two.jsonl"
    path.write_text("".join(lines[:2]), encoding="utf-8")
    return str(path)


@pytest.fixture
def own_vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in on PATH; its folder tells what it was started with."""
    folder = server.install(tmp_path / "bin").parent
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[server.Endpoint]:
    with server.serving(server.Endpoint()) as serving:
        monkeypatch.setenv("OPENAI_BASE_URL", serving.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        yield serving


def compared(capsys: pytest.CaptureFixture[str], *args: str) -> list[dict[str, Any]]:
    quick = SHORT if "bm25" in args else QUICK
    assert run(["compare", *args, *quick, "--json"]) == 0, capsys.readouterr().err
    arms: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["arms"]
    return arms


def answers(arm: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(arm["answers"]).read_text(encoding="utf-8").splitlines()]


def asked_of(arm: dict[str, Any]) -> Path:
    """The folder of the model that an arm asked."""
    return Path(json.loads(Path(arm["artefact"], "artefact.json").read_text())["model"]["folder"])


# Every way through


@pytest.mark.parametrize("start", OF_QUESTIONS)
def test_every_method_from_every_start_that_is_made_of_questions(
    start: str,
    tiny: Callable[..., Path],
    two: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kinject.recipes.one_hop.ROWS", 8)  # it repeats a small pool until there are 2,700
    call = ["--model", str(tiny()), "--source", SUBQA, "--facts", two, "--methods", ",".join(METHODS)]
    arms = compared(capsys, *call, "--starts", start)
    assert [arm["method"] for arm in arms] == list(METHODS)
    assert {arm["arm"]["start"] for arm in arms} == {start} and {arm["source"] for arm in arms} == {SUBQA}
    for arm in arms:
        assert len(answers(arm)) == 6 and not arm["scores"]["direct"]["unscored"]


def test_from_chats(tiny: Callable[..., Path], two: str, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["--model", str(tiny()), "--source", LIMA, "--facts", two, "--starts", "lima"]
    arms = compared(capsys, *call, "--methods", "none,event-sft,rag-oracle")
    assert [arm["arm"]["start"] for arm in arms] == ["lima"] * 3


def test_from_a_part_of_the_set(
    tiny: Callable[..., Path], two: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ({"messages": [{"role": "user", "content": "Who?"}], "response": f"Ida {n}."} for n in range(150))
    storage.write_jsonl(tmp_path / "rows.jsonl", rows)
    call = ["--model", str(tiny()), "--source", str(tmp_path / "rows.jsonl"), "--facts", two]
    [arm] = compared(capsys, *call, "--starts", "subqa-recall@100", "--methods", "none")
    assert json.loads((asked_of(arm).parent / "record.json").read_text())["rows"] == 100


def test_from_rows_that_were_built_and_looked_at(
    tiny: Callable[..., Path], two: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = str(tmp_path / "rows.jsonl")
    assert run(["build", "subqa-recall-context", "--source", MUSIQUE, "--out", rows]) == 0
    start = ["subqa-recall-context", "--model", str(tiny("qwen2"))]
    capsys.readouterr()
    assert run(["posttrain", *start, "--source", rows, "--json"]) == 0
    trained = json.loads(capsys.readouterr().out)
    call = ["--model", str(tiny("qwen2")), "--source", rows, "--facts", two, "--starts", start[0]]
    assert asked_of(compared(capsys, *call, "--methods", "rag-oracle")[0]) == Path(trained["artefact"])


@pytest.mark.parametrize("shape", ["llama", "mistral", "qwen2"])
def test_adapters_with_rows_shown_again(
    shape: str, tiny: Callable[..., Path], two: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["--model", str(tiny(shape, template=True)), "--source", SUBQA, "--facts", two, "--peft", "lora"]
    arms = compared(
        capsys, *call, "--replay", "2", "--starts", "subqa-recall-context", "--methods", "sft-rag,event-sft"
    )
    taught = asked_of(arms[1])
    assert adapter.is_adapter(taught) and adapter.is_adapter(adapter.parent_of(taught))
    assert asked_of(arms[0]) == taught
    record = json.loads((taught.parent / "record.json").read_text())
    assert record["replayed"] == 2


@pytest.mark.parametrize("shape", ["llama", "mistral", "qwen2"])
@pytest.mark.parametrize("prompt", ["few-shot", "scripted"])
def test_other_ways_to_put_a_question(
    prompt: str, shape: str, tiny: Callable[..., Path], two: str, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = "none,rag-oracle-distracted,rag-faiss"
    call = ["--model", str(tiny(shape)), "--facts", two, "--methods", methods]
    plain, other = compared(capsys, *call), compared(capsys, *call, "--prompt", prompt)
    assert {arm["answers"] for arm in plain}.isdisjoint(arm["answers"] for arm in other)
    if prompt == "scripted":  # its responses are written out of the answers to the steps
        multihop = [row for row in answers(other[0]) if row["kind"] == "multihop"]
        assert multihop and all(row["response"].startswith("Event Recall:") for row in multihop)


@pytest.mark.parametrize("retriever", ["bm25", "faiss", "hybrid"])
def test_every_retriever(
    retriever: str, tiny: Callable[..., Path], two: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["--model", str(tiny("mistral")), "--facts", two, "--methods", "rag-faiss", "--retriever", retriever]
    [arm] = compared(capsys, *call, "--top-k", "2", "--as-of", "2026-01")
    assert json.loads(Path(arm["artefact"], "artefact.json").read_text())["retrieval"]["retriever"] == retriever


def test_facts_without_multihop_questions(
    tiny: Callable[..., Path], two: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**json.loads(line), "multihop": None} for line in Path(two).read_text(encoding="utf-8").splitlines()]
    storage.write_jsonl(tmp_path / "direct.jsonl", rows)
    call = [
        "--model",
        str(tiny()),
        "--facts",
        str(tmp_path / "direct.jsonl"),
        "--methods",
        "event-sft,rag-oracle-wrong",
    ]
    for prompt in ("plain", "few-shot", "scripted"):
        arms = compared(capsys, *call, "--prompt", prompt)
        assert [arm["scores"]["multihop"]["n"] for arm in arms] == [0, 0]
        assert [arm["scores"]["direct"]["n"] for arm in arms] == [2, 2]
    assert run(["report"]) == 0


@pytest.mark.parametrize("peft", ["none", "lora"])
def test_vllm_answers_for_what_was_trained(
    peft: str, tiny: Callable[..., Path], two: str, own_vllm: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["--model", f"vllm:{tiny()}", "--facts", two, "--methods", "event-sft", "--peft", peft]
    [arm] = compared(capsys, *call)
    served = Path(json.loads((own_vllm / "started.json").read_text())["args"][1])
    asked = [json.loads(line) for line in (own_vllm / "asked.jsonl").read_text().splitlines()]
    assert len(asked) == len(answers(arm)) == 6
    if peft == "none":
        assert served == asked_of(arm) and (served / "model.safetensors").is_file()
    else:  # vllm was given the whole model, which is gone when it is no longer needed
        assert adapter.is_adapter(asked_of(arm)) and served.name == "whole" and not served.exists()


def test_an_endpoint_is_asked_with_facts_in_the_prompt(
    endpoint: server.Endpoint, two: str, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = "none,rag-oracle,rag-oracle-distracted,rag-oracle-wrong,rag-faiss"
    arms = compared(capsys, "--model", "openai:parrot", "--facts", two, "--methods", methods)
    assert len(endpoint.asked) == 6 * len(arms)
    events = [fact.event for fact in load(Path(two)).facts]
    shown = [sum(event in body["messages"][-1]["content"] for event in events) for body in endpoint.asked]
    assert shown == [0] * 6 + [1] * 6 + [2] * 6 + [1] * 12


# Every way to go wrong


def refused(capsys: pytest.CaptureFixture[str], code: int, *args: str) -> dict[str, Any]:
    """The error of a call, with a way out."""
    assert run([*args, "--json"]) == code, capsys.readouterr().err
    out, err = capsys.readouterr()
    assert out == "" and "Traceback" not in err
    error: dict[str, Any] = json.loads(err.splitlines()[-1])["error"]
    assert error["code"] == code and error["mend"]
    return error


@pytest.mark.parametrize(
    ("args", "code", "where"),
    [
        (["--method", "event-sft", "--replay", "2"], 2, "--replay"),
        (["--prompt", "few-sot"], 2, "--prompt"),
        (["--retriever", "bm26", "--method", "rag-faiss"], 2, "--retriever"),
        (["--as-of", "yesterday", "--method", "rag-faiss"], 2, "--as-of"),
        (["--method", "event-sft", "--peft", "lroa"], 2, "--peft"),
        (["--method", "event-sft", "--learning-rate", "0"], 2, "--learning-rate"),
        (["--method", "event-sft", "--learning-rate", "nan"], 2, "--learning-rate"),
        (["--method", "rag-faiss", "--embedder", "nobody/nothing"], 3, "--embedder"),
        (["--start", "subqa-recall"], 3, "--start"),
        (["--start", "lima", "--source", SUBQA], 3, "--source"),
        (["--start", "context-only", "--source", LIMA], 3, "--source"),
        (["--start", "subqa-recall", "--source", "subqa:nowhere"], 3, "nowhere"),
        (["--start", "lima", "--source", "lima:nowhere.jsonl"], 3, "nowhere.jsonl"),
        (["--start", "subqa-recall@100", "--source", SUBQA], 3, f"--source {SUBQA}"),
        (["--start", "subqa@2700", "--source", SUBQA], 3, f"--source {SUBQA}"),
    ],
    ids=str,
)
def test_a_mistake_is_told_before_any_work(
    args: list[str],
    code: int,
    where: str,
    tiny: Callable[..., Path],
    two: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kinject.engines.hf.load_model", lambda *_, **__: pytest.fail("a model was loaded"))
    call = ["inject", "--model", str(tiny()), "--method", "none", "--facts", two, *QUICK]
    assert refused(capsys, code, *call, *args)["where"] == where


@pytest.mark.parametrize(
    "call",
    [
        ["inject", "--method", "event-sft", "--facts", "example"],
        ["inject", "--start", "subqa-recall", "--source", SUBQA, "--facts", "example"],
        ["compare", "--methods", "none,event-sft", "--facts", "example"],
        ["posttrain", "subqa-recall", "--source", SUBQA],
    ],
    ids=lambda call: " ".join(call[:3]),
)
def test_an_endpoint_trains_nothing(
    call: list[str], endpoint: server.Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(capsys, 2, *call, "--model", "openai:parrot")
    assert (error["where"], "cannot be trained" in error["message"]) == ("--model", True)
    assert not endpoint.asked


def test_without_vllm_nothing_is_trained_first(
    tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(vllm, "find_spec", lambda _: None)
    monkeypatch.setattr("kinject.engines.hf.load_model", lambda *_, **__: pytest.fail("a model was loaded"))
    call = ["inject", "--model", f"vllm:{tiny()}", "--method", "event-sft", "--facts", "example"]
    assert "kinject[vllm]" in refused(capsys, 3, *call)["mend"]


def test_without_peft_nothing_is_trained_first(
    tiny: Callable[..., Path], two: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: str) -> None:
        raise ImportError("No module named 'peft'")

    monkeypatch.setattr(adapter, "import_module", missing)
    monkeypatch.setattr("kinject.engines.hf.load_model", lambda *_, **__: pytest.fail("a model was loaded"))
    call = ["inject", "--model", str(tiny()), "--method", "event-sft", "--peft", "lora", "--seed", "9", "--facts", two]
    assert "kinject[lora]" in refused(capsys, 3, *call)["mend"]


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Full(Exception):
    """What safetensors and torch raise where no OSError comes: words, and no number."""


def in_words(*_: Any, **__: Any) -> None:
    raise Full("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize("what", ["a checkpoint", "the weights", "the answers"])
def test_a_full_disk_loses_nothing(
    what: str,
    tiny: Callable[..., Path],
    two: str,
    store: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KINJECT_HOME", str(store))
    call = ["inject", "--model", str(tiny()), "--method", "event-sft", "--facts", two, *QUICK]
    with monkeypatch.context() as patch:
        if what == "a checkpoint":
            patch.setattr("kinject.training.finetune.storage.sync_folder", storage._explained(store)(full))
        elif what == "the weights":
            patch.setattr("kinject.training.finetune._save", in_words)
        else:
            patch.setattr("kinject.injection.answer.storage.write_jsonl", storage._explained(store)(full))
        error = refused(capsys, 6, *call)
        assert "disk is full" in error["message"]
    left = {path.parent.name.split("-")[0] for path in store.glob("runs/*/DONE")}
    assert left == ({"learn"} if what == "the answers" else set())
    if what == "the weights":
        assert list(store.glob("runs/learn-*/checkpoints/*/COMPLETE"))
    assert run(call) == 0


def test_an_index_of_another_embedder_is_no_index(
    tiny: Callable[..., Path],
    two: str,
    store: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KINJECT_HOME", str(store))
    call = ["inject", "--model", str(tiny()), "--method", "rag-faiss", "--facts", two, *QUICK]
    assert run(call) == 0
    [note] = store.glob("retrieval/*/*.json")
    about = json.loads(note.read_text())
    note.write_text(json.dumps({**about, "size": about["size"] + 1}))
    assert run(call) == 0  # the answers are there already
    capsys.readouterr()
    error = refused(capsys, 7, *call, "--top-k", "2")
    assert "another embedder" in error["message"] and error["mend"].startswith("rm -r ")
    note.write_text("{")  # torn: it is made again
    assert run([*call, "--top-k", "2"]) == 0

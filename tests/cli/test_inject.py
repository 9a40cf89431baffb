"""`kinject inject` on the kinds of models that people have, in the shape that scripts rely on."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree
from typing import Any

import models
import pytest

from kinject.cli import options
from kinject.cli.app import run
from kinject.engines.openai import Terms
from kinject.errors import KinjectError
from kinject.facts.load import load
from kinject.injection import judged
from kinject.injection.arm import METHODS, Arm
from kinject.injection.settings import Settings
from kinject.judging.verdict import Verdict
from kinject.resources import facts_folder
from kinject.sources import open_model
from kinject.statistics.intervals import Rate

FACTS = load(facts_folder() / "example.jsonl")
KINDS = ["direct", "direct_paraphrased", "multihop"]
QUICK = ["--facts", "example", "--max-new-tokens", "4", "--embedder", "lab", "--novelty", "0"]

SCORES = {*KINDS, "hallucinated", "faulty_reasoning"}
RECORD = {"arm", "scores", "model", "facts", "judge", "sampling", "run", "artefact", "answers"}
"""What is promised to scripts; more may stand beside it."""

VARIANTS = [
    *((shape, both, both) for shape in models.SHAPES for both in (False, True)),
    ("llama", True, False),
    ("llama", False, True),
]
"""Shape, with a chat template of its own, with a pad token of its own."""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def shared(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that the tests of this file share, so that a training is done once."""
    monkeypatch.setenv("KINJECT_HOME", str(home))


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let every further training or answering fail the test."""

    def arrange() -> None:
        monkeypatch.setattr("kinject.engines.hf.load_model", lambda *_, **__: pytest.fail("a model was loaded"))

    return arrange


def printed(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> dict[str, Any]:
    assert run([*args, "--json"]) == code
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and "Traceback" not in err
    record: dict[str, Any] = json.loads(out)
    return record


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_method_runs_on_every_kind_of_model(
    variant: tuple[str, bool, bool],
    tiny: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    idle: Callable[[], None],
) -> None:
    shape, template, pad = variant
    folder = tiny(shape, template=template, pad=pad)
    calls = {method: ["inject", "--model", str(folder), "--method", method, *QUICK] for method in METHODS}
    records = {method: printed(capsys, *call) for method, call in calls.items()}
    for method, record in records.items():
        assert_contract(record)
        learn, context = METHODS[method]
        assert record["arm"] == {"start": "base", "learn": learn, "context": context}
        assert (record["model"], record["facts"], record["judge"]) == (str(folder), "example", "rules")
        assert (answered_by(record) == folder) is (learn == "none")
    idle()
    assert {method: printed(capsys, *call) for method, call in calls.items()} == records


def answered_by(record: dict[str, Any]) -> Path:
    """The folder of the model that answered, as the arm's artefact tells it."""
    return Path(json.loads(Path(record["artefact"], "artefact.json").read_text())["model"]["folder"])


def assert_contract(record: dict[str, Any]) -> None:
    assert record["schema"] == "kinject.inject/1"
    assert set(record) >= RECORD
    assert set(record["arm"]) == {"start", "learn", "context"}
    assert set(record["scores"]) >= SCORES
    for rate in record["scores"].values():
        assert_rate(rate)
    assert (answered_by(record) / "config.json").is_file()
    assert_answers(Path(record["answers"]), record)


def assert_rate(rate: dict[str, Any]) -> None:
    assert set(rate) == {"k", "n", "unscored", "percent", "interval"}
    assert Rate(k=rate["k"], n=rate["n"], unscored=rate["unscored"]).as_json() == rate
    low, high = rate["interval"]
    assert 0 <= low <= rate["percent"] <= high <= 100


def assert_answers(path: Path, record: dict[str, Any]) -> None:
    assert path.is_absolute()
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(row["fact"], row["kind"]) for row in rows] == [(fact.id, kind) for fact in FACTS.facts for kind in KINDS]
    for row in rows:
        assert list(row) == ["fact", "kind", "sample", "prompt", "response", "verdicts"]
        assert isinstance(row["response"], str) and row["sample"] == 0
        Verdict.model_validate(row["verdicts"]["rules"])
    for kind in KINDS:
        said = [row["verdicts"]["rules"]["correctness"] for row in rows if row["kind"] == kind]
        assert record["scores"][kind]["k"] == said.count("correct")


@pytest.mark.usefixtures("shared")
def test_judging_its_answers_again_gives_the_same_verdicts(
    tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    record = printed(capsys, "inject", "--model", str(tiny()), *QUICK)
    rows = [json.loads(line) for line in Path(record["answers"]).read_text().splitlines()]
    judged = printed(capsys, "judge", record["answers"], "--facts", "example")
    assert [row["verdicts"]["rules"]["reason"] for row in rows] == [each["reason"] for each in judged["verdicts"]]


@pytest.mark.usefixtures("shared")
def test_the_text_is_a_table_100_columns_wide(tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inject", "--model", str(tiny()), "--method", "sft-rag", *QUICK]) == 0
    out, _ = capsys.readouterr()
    assert "event SFT + oracle RAG" in out and "0/3" in out
    assert max(map(len, [line for line in out.splitlines() if str(tiny()) not in line])) <= 100


@pytest.mark.parametrize("seed", ["0", "4295", str(2**32 - 1)])
def test_any_seed_will_do(seed: str, tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    record = printed(capsys, "inject", "--model", str(tiny()), "--method", "none", "--seed", seed, *QUICK)
    assert record["seed"] == record["sampling"]["seed"] == int(seed)


def test_greedy_answers_need_no_seed(tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    call = ["inject", "--model", str(tiny()), "--greedy", *QUICK, "--seed"]
    one, other = (printed(capsys, *call, seed) for seed in "12")
    assert (one["sampling"]["temperature"], one["sampling"]["top_p"]) == (0.0, 1.0)
    assert Path(one["answers"]).read_text() == Path(other["answers"]).read_text()


class Interrupting:
    """A progress that presses Ctrl+C at the second step of finetuning."""

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "") -> Iterator["Interrupting"]:
        self.steps = 2 if name == "finetuning" else -1
        yield self

    def advance(self, n: int = 1, note: str = "") -> None:
        self.steps -= 1
        if self.steps == 0:
            raise KeyboardInterrupt

    def say(self, text: str) -> None:
        pass


def test_interrupted_it_ends_with_130_and_the_same_command_finishes(
    tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    call = ["inject", "--model", str(tiny()), "--method", "event-sft", *QUICK, "--json"]
    with monkeypatch.context() as patch:
        patch.setattr("kinject.cli.inject.RichProgress", Interrupting)
        assert run(call) == 130
    assert capsys.readouterr() == ("", "interrupted; the same command goes on where it was\n")
    assert list(store.glob("runs/learn-*/checkpoints")) and not list(store.glob("runs/*/DONE"))
    assert run(call) == 0
    assert_contract(json.loads(capsys.readouterr().out))


def test_as_a_program_with_a_store_beside_it(tiny: Callable[..., Path], tmp_path: Path) -> None:
    env = {**os.environ, "KINJECT_HOME": "mine"}
    call = [sys.executable, "-m", "kinject", "inject", "--model", str(tiny()), "--method", "none", *QUICK, "--json"]
    done = subprocess.run(call, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert Path(record["answers"]) == tmp_path / "mine" / "runs" / record["run"] / "answers.jsonl"
    assert_contract(record)
    assert done.stderr.startswith("answering: started")


# Errors


def cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])


def more_layers(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut weights": (cut, "cannot be loaded"),
    "no bytes": (lambda folder: (folder / "model.safetensors").write_bytes(b""), "cannot be loaded"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "cannot be loaded"),
    "a layer without weights": (more_layers, "no file has the weights 'model.layers.1."),
    "no config": (lambda folder: (folder / "config.json").unlink(), "no config.json"),
    "a config of nothing": (lambda folder: (folder / "config.json").write_text("{}"), "cannot be loaded"),
    "a config of no kind": (lambda folder: (folder / "config.json").write_text("[]"), "cannot be read"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "the tokenizer cannot be read"),
    "torn tokenizer": (lambda folder: (folder / "tokenizer.json").write_text('{"a'), "the tokenizer cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_model_is_said_to_be_damaged(
    damage: str, tiny: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], store: Path
) -> None:
    folder = copytree(tiny(), tmp_path / "damaged")
    do, words = DAMAGE[damage]
    do(folder)
    error = explained(capsys, "inject", "--model", str(folder), "--method", "none", *QUICK, code=3)
    assert words in error["message"] and error["where"] == str(folder)
    assert not list(store.glob("runs/*/DONE"))


@pytest.mark.parametrize(
    ("args", "code", "where", "words"),
    [
        (["--model", "labb"], 3, "--model", "Did you mean 'lab'?"),
        (["--model", "./nowhere"], 3, "--model", "./nowhere"),
        (["--model", "org/name"], 3, "--model", "neither on this machine nor to be had from the hub"),
        (["--method", "evnt-sft"], 2, "--method", "Did you mean 'event-sft'?"),
        (["--start", "subqa-recal"], 2, "--start", "Did you mean 'subqa-recall'?"),
        (["--start", "nowhere:START"], 3, "--start", "cannot be imported"),
        (["--start", "subqa-recall"], 3, "--start", "no world of its own"),
        (["--start", "subqa-recall", "--source", "example"], 3, "--source", "no rows can be read from 'example'"),
        (["--judge", "ruls"], 2, "--judge", "Did you mean 'rules'?"),
        (["--facts", "exampel"], 3, "--facts", "Did you mean 'example'?"),
        (["--facts", "nowhere.jsonl"], 3, "nowhere.jsonl", "does not exist"),
        (["--facts", "broken.jsonl"], 2, "broken.jsonl:3", "not JSON"),
        (["--facts", "misspelt.jsonl"], 2, "misspelt.jsonl:1", "unknown field. Did you mean 'event'?"),
        (["--facts", "empty.jsonl"], 2, "empty.jsonl:1", "no facts"),
        (["--seed", "-1"], 2, "kinject inject", "--seed"),
        (["--max-new-tokens", "0"], 2, "kinject inject", "--max-new-tokens"),
        (["--metod", "none"], 2, "kinject inject", "Did you mean '--method'?"),
    ],
)
def test_an_error_is_one_line_with_its_place_and_its_mend(
    args: list[str],
    code: int,
    where: str,
    words: str,
    tiny: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    idle: Callable[[], None],
) -> None:
    lines = (facts_folder() / "example.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "broken.jsonl").write_text("\n".join([*lines[:2], lines[2][:-1]]))
    (tmp_path / "misspelt.jsonl").write_text(lines[0].replace('"event"', '"evnt"'))
    (tmp_path / "empty.jsonl").touch()
    monkeypatch.chdir(tmp_path)
    idle()  # a mistake is told before any work is done
    error = explained(capsys, "inject", "--model", str(tiny()), *QUICK, *args, code=code)
    assert words in error["message"]
    assert error["where"] == where


def explained(capsys: pytest.CaptureFixture[str], *args: str, code: int) -> dict[str, Any]:
    """The error of a call that fails, checked to be the same in words and as JSON."""
    assert run([*args]) == code
    out, text = capsys.readouterr()
    assert run([*args, "--json"]) == code
    nothing, err = capsys.readouterr()
    assert out == nothing == "" and "Traceback" not in text + err
    last = json.loads(err.splitlines()[-1])
    assert list(last) == ["error"] and list(last["error"]) == ["code", "message", "where", "mend"]
    error: dict[str, Any] = last["error"]
    assert error["code"] == code and error["mend"] and "\n" not in error["message"]
    labels = f"error: {error['message']}\n  at: {error['where']}\n  mend: {error['mend']}\n"
    assert text.endswith(labels)
    return error


def test_no_facts_for_a_model_without_a_world(tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    error = explained(capsys, "inject", "--model", str(tiny()), code=2)
    assert (error["where"], "no facts of its own" in error["message"]) == ("--facts", True)


@pytest.mark.usefixtures("shared")
def test_what_the_start_knew_is_told_apart(tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    call = ["inject", "--model", str(tiny()), "--method", "rag-oracle", *QUICK[:-1]]
    plain = printed(capsys, *call, "0")
    record = printed(capsys, *call, "2")
    found = record.pop("novelty")
    assert plain["novelty"] is None and record["scores"] == plain["scores"]
    assert (found["samples"], found["known"]) == (2, [])  # random weights know nothing
    assert {name: rate["n"] for name, rate in found["scores_on_new"].items()}["multihop"] == 3
    assert run([*call, "1"]) == 0
    assert "Asked 1 times without the facts, the start knew 0 of them" in capsys.readouterr().out


# Judges that are paid


@pytest.mark.parametrize(
    ("words", "at_once", "most"),
    [
        (["inject"], None, 3.0),
        (["inject", "--concurrency", "8"], 8, 3.0),
        (["compare", "--concurrency", "3"], 3, 3.0),
        (["compare", "--jobs", "4"], None, 0.75),
    ],
)
def test_judges_are_asked_on_terms_that_share_one_purse(
    words: list[str], at_once: int | None, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Terms] = []
    real = options.terms
    monkeypatch.setattr(options, "terms", lambda *how: given.append(real(*how)) or given[-1])
    options.purse.cache_clear()
    assert run([*words, "--judge", "rules", "--price", "1/2", "--max-cost", "3", "--dry-run", "--json"]) == 0
    assert {(terms.concurrency, terms.max_cost) for terms in given} == {(at_once, most)}
    assert len(given) > 1 and len({id(terms.purse) for terms in given}) == 1


def test_a_key_of_an_endpoints_arm_is_the_same_in_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")

    def key() -> str:
        return judged.judge_spec(Arm("base", "none", "none"), open_model("openai:m"), FACTS, Settings(), "x", []).key

    here = key()
    monkeypatch.chdir(tmp_path)
    assert key() == here


def test_a_judge_that_is_none_is_told_by_the_first_fact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "told_judges.py").write_text("def text(response, fact, kind):\n    return 'correct'\n")
    monkeypatch.syspath_prepend(tmp_path)
    judged.tried(FACTS, Settings())
    with pytest.raises(KinjectError, match="gives str"):
        judged.tried(FACTS, Settings(judge="rules,told_judges:text"))


@pytest.mark.parametrize("name", ["os:sep", "openai:", "hf:/nope", "openai:gpt-4o"])
def test_a_judge_that_cannot_judge_is_told_before_any_work(
    name: str, tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str], idle: Callable[[], None]
) -> None:
    idle()
    code = 3 if name in ("hf:/nope", "openai:gpt-4o") else 2
    error = explained(capsys, "inject", "--model", str(tiny()), *QUICK, "--judge", name, code=code)
    assert error["where"] == ("OPENAI_API_KEY" if name == "openai:gpt-4o" else "--judge")

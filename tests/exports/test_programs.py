"""The programs that exports are for run them: offline, from another folder, without kinject."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from kinject.exports import default_place, open_exporter
from kinject.facts.load import load
from kinject.facts.schema import Card
from kinject.resources import facts_folder

EXAMPLE = load(facts_folder() / "example.jsonl")
FACTS = replace(EXAMPLE, name="my facts!", card=Card(name="my facts!", version="1.2.0", canary="GUID 7"))
JOBS = Path(__file__).with_name("jobs.py")


def needs(module: str) -> pytest.MarkDecorator:
    # Not importorskip: what these import warns, and warnings are errors here.
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not installed")


def run(folder: Path, *words: str | Path) -> Any:
    folder.mkdir()
    homes = {name: str(folder) for name in ("HF_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    done = subprocess.run(
        [sys.executable, JOBS, *words],
        cwd=folder,
        env=os.environ | homes,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


@needs("lm_eval")
@pytest.mark.timeout(300)
def test_lm_eval_runs_the_group(tmp_path: Path, tiny: Callable[..., Path]) -> None:
    open_exporter("lm-eval")(FACTS, tmp_path / "made")
    moved = (tmp_path / "made").rename(tmp_path / "moved: here")
    said, real = run(tmp_path / "elsewhere", "lm_eval", moved, "kinject_my_facts", tiny(template=True))
    scores = {
        name: (round(each["accuracy,none"], 3), round(each["exact_match,none"], 3))
        for name, each in said["results"].items()
    }
    assert scores["kinject_my_facts_direct"] == (0.333, 0) and scores["kinject_my_facts_multihop"] == (0.333, 0.333)
    assert scores["kinject_my_facts"] == (0.333, 0.167) and "kinject_my_facts_direct_paraphrased" in scores
    assert said["versions"]["kinject_my_facts_direct"] == said["versions"]["kinject_my_facts"] == "1.2.0"
    assert real["n"]["kinject_my_facts_multihop"]["effective"] == 3
    assert real["results"]["kinject_my_facts"]["accuracy,none"] == 0


@needs("inspect_ai")
@pytest.mark.timeout(300)
def test_inspect_runs_the_tasks(tmp_path: Path) -> None:
    # The path is a pattern to Inspect, below the folder that it is started in, unless it names the task.
    open_exporter("inspect")(FACTS, tmp_path / "made")
    moved = (tmp_path / "made").rename(tmp_path / "moved")
    tasks = run(tmp_path / "elsewhere", "inspect_ai", "../moved/kinject_my_facts.py", tmp_path / "logs")
    one = run(
        tmp_path / "again", "inspect_ai", f"{moved}/kinject_my_facts.py@kinject_my_facts_direct", tmp_path / "logs"
    )
    assert one == {"kinject_my_facts_direct": tasks["kinject_my_facts_direct"]}
    assert {name: task.pop("status") for name, task in tasks.items()} == dict.fromkeys(tasks, "success")
    direct, multihop = tasks["kinject_my_facts_direct"], tasks["kinject_my_facts_multihop"]
    assert direct["names_answer"] == direct["exact_match"] == pytest.approx(1 / 3)
    assert multihop["names_answer"] == pytest.approx(1 / 3) and multihop["exact_match"] == 0
    assert direct["version"] == "1.2.0" and direct["metadata"] == {"canary": "GUID 7"}


@needs("mlcroissant")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("card", [True, False])
def test_mlcroissant_reads_the_records(card: bool, tmp_path: Path) -> None:
    first = FACTS.facts[0].model_copy(update={"multihop": None, "date": None})
    facts = replace(FACTS, facts=(first, *FACTS.facts[1:]), card=EXAMPLE.card if card else None)
    open_exporter("jsonl")(facts, tmp_path / default_place(facts, "jsonl"))
    open_exporter("croissant")(facts, tmp_path / "my facts!.json")
    records = run(tmp_path / "elsewhere", "croissant", tmp_path / "my facts!.json")
    assert [record["facts/id"] for record in records] == [fact.id for fact in facts.facts]
    assert records[0]["facts/multihop/answer"] == "None"
    assert records[1]["facts/multihop/answer"] == "Oslo"
    assert records[1]["facts/date"].startswith("2023-10-05")

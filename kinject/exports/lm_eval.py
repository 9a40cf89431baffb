"""A folder for EleutherAI's lm-evaluation-harness: tasks NAME_direct and NAME_multihop, and their group NAME.

    lm-eval run --model hf --model_args pretrained=MODEL --tasks NAME --include_path FOLDER

NAME is `kinject_` and the set's name: a set gsm8k would take the place of lm-eval's own task. The group's scores are
means over all questions of the two; the paraphrases are tasks outside the group, such as NAME_direct_paraphrased.
Zero-shot and greedy; the prompt suits base models, and `--apply_chat_template` the others. `accuracy` counts a response
as right that names several candidates, the right one among them; `exact_match` does not.

Traps: a path in a task's YAML is relative to where lm-eval is started, but `!function` is relative to the YAML. So a
function loads the data, from memory, and the folder may lie and be started anywhere. A blank line does not end a
response, for models that think aloud need several; the next "Question:" does, which base models go on with.
"""

from pathlib import Path
from string import Template
from typing import Any

import yaml

from kinject.exports.benchmark import SCORES, WORDS, canary, data, readme, task_name, tasks, version, words_source
from kinject.exports.destination import Blocks, write_folder
from kinject.facts.schema import FactSet

SCORING = Template('''\
"""The questions and the scores of the tasks beside this file."""

import json
from pathlib import Path
from runpy import run_path

HERE = Path(__file__).resolve().parent
$scores

def questions(data_file: str, **_):
    """The rows of a file in this folder, as the split "test"."""
    from datasets import Dataset

    with open(HERE / data_file, encoding="utf-8") as file:
        return {"test": Dataset.from_list([json.loads(line) for line in file])}


def process_results(doc: dict, results: list[str]) -> dict[str, float]:
    """The scores of one response."""
    return score(results[0], [doc["answer"], *doc["aliases"]])
''').substitute(scores=SCORES)

TASK = Template("""\
task: $task
custom_dataset: !function scoring.questions
dataset_kwargs:
  data_file: $task.jsonl
test_split: test
output_type: generate_until
num_fewshot: 0
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_target: answer
process_results: !function scoring.process_results
generation_kwargs:
  until: ["\\nQuestion:"]
  do_sample: false
  temperature: 0.0
  max_gen_toks: 256
metric_list:
  - metric: accuracy
    aggregation: mean
    higher_is_better: true
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
metadata:
  version: $version
  canary: $canary
""")


def export(facts: FactSet, out: Path) -> list[Path]:
    """Write the folder `out`."""
    name = task_name(facts)
    grouped, others = tasks(facts), tasks(facts, paraphrased=True)
    command = f"lm-eval run --model hf --model_args pretrained=MODEL --tasks {name} --include_path FOLDER"
    contents: dict[str, Blocks] = {
        "README.md": readme(facts, command),
        f"{name}.yaml": [_group(facts, list(grouped)).encode()],
        **{f"{task}.yaml": [_task(facts, task).encode()] for task in [*grouped, *others]},
        **data(facts),
        **data(facts, paraphrased=True),
        "scoring.py": [SCORING.encode()],
        WORDS: words_source(),
    }
    return write_folder(facts, out, contents)


def _task(facts: FactSet, task: str) -> str:
    return TASK.substitute(task=task, version=_quoted(version(facts)), canary=_quoted(canary(facts)))


def _quoted(text: str) -> str:
    quoted: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**6)
    return quoted.strip()


def _group(facts: FactSet, members: list[str]) -> str:
    group: dict[str, Any] = {
        "group": task_name(facts),
        "task": members,
        "aggregate_metric_list": [
            {"metric": metric, "aggregation": "mean", "weight_by_size": True} for metric in ("accuracy", "exact_match")
        ],
        "metadata": {"version": version(facts), "canary": canary(facts)},
    }
    text: str = yaml.safe_dump(group, sort_keys=False, allow_unicode=True)
    return text

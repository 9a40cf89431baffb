"""A folder for UK AISI's Inspect: NAME.py with the tasks NAME_direct and NAME_multihop, each with two scorers.

    inspect eval FOLDER/NAME.py --model MODEL
    inspect eval FOLDER/NAME.py@NAME_direct --model MODEL

NAME is `kinject_` and the set's name. The question alone is the prompt, and temperature is 0; how many tokens a model
may take is the user's to say (`--max-tokens`). `names_answer` counts a response as right that names several candidates,
the right one among them; `exact_match` does not.

Trap: Inspect takes FOLDER/NAME.py for a pattern below the folder that it is started in; an absolute path needs the
@NAME_direct after it.
"""

from pathlib import Path
from string import Template

from kinject.exports.benchmark import SCORES, WORDS, canary, data, readme, task_name, tasks, version, words_source
from kinject.exports.destination import Blocks, write_folder
from kinject.facts.schema import FactSet

HEAD = Template('''\
"""Questions about dated events, for Inspect."""

import json
from pathlib import Path
from runpy import run_path

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import Score, accuracy, scorer, stderr

HERE = Path(__file__).resolve().parent
VERSION = $version
CANARY = $canary
$scores

@scorer(metrics=[accuracy(), stderr()])
def names_answer():
    """An answer stands in the response, in whole words."""
    return _scorer("accuracy")


@scorer(metrics=[accuracy(), stderr()])
def exact_match():
    """The first line of the response is an answer and nothing else."""
    return _scorer("exact_match")


def _scorer(metric):
    async def give(state, target):
        response = state.output.completion
        return Score(value=score(response, list(target))[metric], answer=response)

    return give


def questions(name):
    """The task whose questions lie in NAME.jsonl beside this file."""
    with open(HERE / f"{name}.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    samples = [
        Sample(
            id=row["id"],
            input=row["question"],
            target=[row["answer"], *row["aliases"]],
            metadata={"date": row["date"]},
        )
        for row in rows
    ]
    return Task(
        dataset=MemoryDataset(samples, name=name),
        scorer=[names_answer(), exact_match()],
        config=GenerateConfig(temperature=0.0),
        version=VERSION,
        metadata={"canary": CANARY} if CANARY else None,
    )
''')

TASK = '''

@task
def {task}():
    """Ask the {kind} questions."""
    return questions("{task}")
'''


def export(facts: FactSet, out: Path) -> list[Path]:
    """Write the folder `out`."""
    name = task_name(facts)
    code = HEAD.substitute(version=repr(version(facts)), canary=repr(canary(facts)), scores=SCORES)
    code += "".join(TASK.format(task=task, kind=kind) for task, kind in tasks(facts).items())
    contents: dict[str, Blocks] = {
        "README.md": readme(facts, f"inspect eval FOLDER/{name}.py --model MODEL"),
        f"{name}.py": [code.encode()],
        **data(facts),
        WORDS: words_source(),
    }
    return write_folder(facts, out, contents)

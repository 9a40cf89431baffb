"""Every setting of an injection with its source: a section of the paper, where it was measured, or who asked for it.

A lab's settings are explained where they are set, by the string below the assignment, and that text is shown; so there
is no second place that could say something else. No model is loaded.
"""

import ast
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib import import_module
from itertools import pairwise
from typing import Any

from kinject import prompts, storage
from kinject.engines import chat
from kinject.extensions import load
from kinject.facts.schema import FactSet
from kinject.injection import arm as arms
from kinject.injection import train
from kinject.injection.answer import prompts_of
from kinject.injection.arm import Arm
from kinject.injection.judged import judges_of
from kinject.injection.settings import Settings, sampling_of
from kinject.injection.start import find_start
from kinject.judging.judge import Judge, OneByOne
from kinject.retrieval import embed
from kinject.retrieval.search import Retrieval
from kinject.sources import Model
from kinject.training import finetune
from kinject.training.finetune import Options

SCHEMA = "kinject.explain/1"
PAPER = "arXiv 2410.03717"

OPTIONS = {
    "learning_rate": f"{PAPER}, A.5",
    "epochs": f"{PAPER}, section 3.1",
    "batch": f"{PAPER}, Table 6: 2 up to 100 rows, 8 up to 1,000, 16 above",
    "micro_batch": "ours: rows on the device at once, accumulated to the batch",
    "schedule": f"{PAPER}, A.5: cosine decay to 0",
    "warmup": "ours: no warm-up",
    "weight_decay": "ours: none",
    "precision": "ours: weights in float32, arithmetic in bfloat16",
    "seed": "ours: 0 unless asked for",
    "checkpoints": "ours: how often the state is saved on the way; changes no result",
    "replay": "ours: rows of the start's own set in each epoch (event-sft-augmented has some)",
    "peft": f"{PAPER} trains all weights",
    "lora_rank": "ours",
    "lora_alpha": "ours: twice the rank",
    "lora_dropout": "ours: none",
}
"""Where the settings of a training come from, for those that no module has set for a lab model."""
CHOSEN = ("learning_rate", "epochs", "batch", "schedule", "warmup")
"""What a lab's settings name, so that it is theirs even where it is as in the paper."""
CLIPPED = "ours: the trainer's default, to which larger gradients are cut; the paper names none"
LONGEST = "ours: the paper names none"
BASE = "none from the base, which was trained on no rows"

RETRIEVAL = {
    "retriever": f"ours: stands where {PAPER}, section 5.2, has an oracle",
    "embedder": "ours: the lab's own for facts of the lab, else a small model that many use",
    "k": "ours: as many events as the oracle shows",
    "as_of": "ours: all events are searched",
}


def explain(chosen: Sequence[Arm], model: Model, facts: FactSet, settings: Settings) -> dict[str, Any]:
    """Return every setting of the arms with its source: a section of the paper, where it was measured, or who asked."""
    rows: list[dict[str, Any]] = []
    for start in dict.fromkeys(arm.start for arm in chosen):
        rows += _of_start(start, model, settings)
    for learn in dict.fromkeys(arm.learn for arm in chosen):
        before = {find_start(arm.start) is not None for arm in chosen if arm.learn == learn}
        rows += _replayed(_of_learn(learn, model, facts, settings), before)
    rows += _of_sampling(model, settings)
    if any(arm.context in arms.RETRIEVING for arm in chosen):
        rows += _of_retrieval(facts, settings)
    rows += [
        _row("prompts", name, prompts.digest_of(name)[:12], source_of(name)) for name in _said(chosen, model, settings)
    ]
    for judge in judges_of(settings):
        rows.append(_row("judge", judge.name, storage.digest(judge.key())[:12], _purpose(_module_of(judge))))
    return {"schema": SCHEMA, "model": model.name, "facts": facts.name, "settings": rows}


def _row(part: str, name: str, value: Any, source: str) -> dict[str, Any]:
    return {"part": part, "name": name, "value": value, "source": source}


def _of_start(start: str, model: Model, settings: Settings) -> list[dict[str, Any]]:
    recipe = find_start(start)
    if recipe is None:
        return []
    own = ("kinject.injection.start", *_module(arms.STARTS, arms.sized(start)[0]))
    count = _rows_of(start, model, settings)
    defaults, options = recipe.options(model, count), recipe.asked(model, count, settings.posttrain, settings.seed)
    lora = _told(recipe.lab_lora, own) if model.world is not None else ""
    return _of_options(f"post-training ({start})", defaults, options, settings.posttrain, own, lora)


def _rows_of(start: str, model: Model, settings: Settings) -> int | None:
    """How many rows a start has; None where nothing depends on it, or no source is named that they could come from."""
    if model.world is not None or settings.source is None:
        return None
    rows = train.started_with(start, model, settings)
    return len(rows.rows) if rows else None


def _of_learn(learn: str, model: Model, facts: FactSet, settings: Settings) -> list[dict[str, Any]]:
    method = load(arms.LEARN, "learn", learn)
    if method is None:
        return []
    defaults = method.options(model, facts)
    options = train.changed(defaults, settings.learn, model, settings.seed)
    lora = said_below(train.__name__)["LAB_LORA"] if model.world is not None else ""
    return _of_options(f"learning ({learn})", defaults, options, settings.learn, _module(arms.LEARN, learn), lora)


def _replayed(rows: list[dict[str, Any]], before: set[bool]) -> list[dict[str, Any]]:
    """The settings of learning from starts with rows of their own (True), or from the base, which has none to show."""
    if before == {True}:
        return rows
    none = {"value": 0, "source": BASE} if before == {False} else {}
    return [
        {**row, "source": f"{row['source']}; {BASE}", **none} if row["name"] == "replay" and row["value"] else row
        for row in rows
    ]


def _of_options(
    part: str, defaults: Options, options: Options, asked: Mapping[str, Any], modules: Sequence[str], lora: str
) -> list[dict[str, Any]]:
    """`lora` tells where the rate of a lab model's adapter comes from."""
    values = {**asdict(options), "learning_rate": options.rate}
    used = {name: value for name, value in values.items() if options.peft != "none" or not name.startswith("lora_")}
    rows = [_row(part, name, value, _why(name, value, defaults, asked, modules, lora)) for name, value in used.items()]
    return [*rows, _row(part, "max_grad_norm", finetune.CLIP, CLIPPED)]


def _why(name: str, value: Any, defaults: Options, asked: Mapping[str, Any], modules: Sequence[str], lora: str) -> str:
    """Where the value of an option comes from."""
    if name in asked or (name == "seed" and value != 0):
        return "asked for"
    if name == "learning_rate" and asked.get("peft") == "lora":
        return lora or said_below(finetune.__name__)["RATES"]
    own = name in CHOSEN or getattr(defaults, name) != getattr(Options(), name)
    return (_told(defaults, modules) if own else "") or OPTIONS[name]


def _told(value: object, modules: Iterable[str]) -> str:
    """What a module says below the assignment of this very value, and where."""
    for module in modules:
        for name, text in said_below(module).items():
            if getattr(import_module(module), name, None) is value:
                return f"{module}.{name}: {text}"
    return ""


@cache
def said_below(module: str) -> dict[str, str]:
    """Return the string below each assignment at the top of a module, on one line."""
    body = ast.parse(inspect.getsource(import_module(module))).body
    found = {}
    for assigned, below in pairwise(body):
        match assigned, below:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found


def _module(table: Mapping[str, str | None], name: str) -> tuple[str, ...]:
    target = table.get(name, name)
    return (target.partition(":")[0],) if target else ()


def _of_sampling(model: Model, settings: Settings) -> list[dict[str, Any]]:
    defaults, chosen = model.sampling.as_json(), sampling_of(model, settings).as_json()
    told = dict.fromkeys(chosen, f"{PAPER}, A.5") | {"seed": OPTIONS["seed"], "max_new_tokens": LONGEST}
    if model.world is not None:  # the reason stands where the default is set
        told["repetition_penalty"] = " ".join((inspect.getdoc(Model.sampling) or "").split())
    return [
        _row("sampling", name, value, told[name] if value == defaults[name] else "asked for")
        for name, value in chosen.items()
    ]


def _of_retrieval(facts: FactSet, settings: Settings) -> list[dict[str, Any]]:
    chosen = settings.retrieval.as_json()
    defaults = Retrieval().as_json()
    values = {**chosen, "embedder": chosen["embedder"] or embed.default_for(facts)}
    return [
        _row("retrieval", name, value, RETRIEVAL[name] if chosen[name] == defaults[name] else "asked for")
        for name, value in values.items()
    ]


def _said(chosen: Sequence[Arm], model: Model, settings: Settings) -> list[str]:
    """The names of the prompts that a model is shown."""
    wraps = [load(arms.CONTEXT, "context", arm.context) for arm in chosen]
    put = load(arms.ELICIT, "prompt", settings.elicit, "--prompt")
    of_contexts = [name for wrap in (*wraps, put) for name in prompts_of(wrap)]
    return list(dict.fromkeys([model.system, chat.OWN_TEMPLATE, *of_contexts]))


def source_of(prompt: str) -> str:
    """Return the comment at the head of a prompt's file, which tells where the words come from."""
    text = (prompts.FOLDER / f"{prompt}.md").read_text(encoding="utf-8")
    head = prompts.FRONT_MATTER.match(text)
    return " ".join((head[0] if head else "").strip().removeprefix("<!-- source:").removesuffix("-->").split())


def _module_of(judge: Judge) -> str:
    return judge.verdict_of.__module__ if isinstance(judge, OneByOne) else type(judge).__module__


def _purpose(module: str) -> str:
    """The first sentence of a module's docstring."""
    return (inspect.getdoc(import_module(module)) or "").split("\n\n")[0].replace("\n", " ")

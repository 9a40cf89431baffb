"""What an injection would do, told without doing it: no model is loaded or built, no weights are fetched.

In: arms, what they stand on (`look_up`), settings. Out: every step with its key, whether it is in the store already,
and what it would take.

Tokens of a training are counted on its rows with the tokenizer; those of answers are an upper bound, for an answer may
end early. Seconds are the median pace of earlier runs of the same step in this store; None is "not known yet". Disk is
what stays, without the few kilobytes of answers; memory is a lower bound (`training.memory`). A cached step takes 0.

Traps: a model that is not here yet (a lab world to be built, a model on the hub) has no hash, so what is made from it
has no key before it is there. A pace is that of whatever machine filled the store.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from kinject import prompts, sources, storage
from kinject.engines import adapter, chat
from kinject.errors import KinjectError
from kinject.facts.schema import FactSet
from kinject.injection import arm as arms
from kinject.injection import novelty
from kinject.injection.answer import answer_spec, questions
from kinject.injection.arm import Arm
from kinject.injection.inject import possible
from kinject.injection.judged import judge_spec
from kinject.injection.settings import Settings, sampling_of
from kinject.injection.train import Training, learn_spec, posttrain_spec, started_with, trained_model
from kinject.judging.grade import KINDS
from kinject.judging.judge import MODELS, names
from kinject.lab import checkpoint, pretraining
from kinject.progress import SILENT, Progress
from kinject.retrieval import embed
from kinject.retrieval.search import BY_VECTORS
from kinject.runs.store import DONE, RECORD, SPEC, Spec, Store
from kinject.sources import Model
from kinject.training import finetune, memory
from kinject.training.finetune import Options

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SCHEMA = "kinject.plan/1"
SAVED = 2
"""Bytes of a number in a model that was trained: bfloat16."""
CHECKPOINTS = 3
"""How many lie on the disk at once: the two that are kept, and the one that is being written."""


@dataclass(frozen=True)
class Step:
    """One run, and what is left to be done for it."""

    step: Literal["fetch", "pretrain", "posttrain", "learn", "answer", "inject"]
    """The run's own name; `inject` judges the answers and writes the arm's record."""
    what: str
    key: str | None
    cached: bool = False
    seconds: float | None = 0.0
    tokens: int | None = 0
    disk: int | None = 0
    memory: int | None = 0
    calls: int = 0
    """Questions to judges, at most: of answers that were judged before, or are alike, none is asked again."""
    scratch: int | None = 0
    """Bytes of checkpoints while it trains."""

    def as_json(self) -> dict[str, Any]:
        """Return the step as it stands in a plan."""
        return {name: value for name, value in asdict(self).items() if name != "scratch"}


@dataclass(frozen=True)
class Ground:
    """What arms stand on: a model and facts."""

    model: Model
    facts: FactSet
    files: Path | None = None
    """Where weights of this size and a tokenizer of this kind lie, if anywhere on this machine."""
    first: tuple[Step, ...] = ()
    """What must be done before there is such a model."""

    @cached_property
    def tokenizer(self) -> "PreTrainedTokenizerBase | None":
        """The tokenizer that rows are counted with."""
        return chat.load_tokenizer(self.files) if self.files else None


def look_up(model: str, facts: str | None, after: str | None = None, progress: Progress = SILENT) -> Ground:
    """Find a model and facts as `sources.open_both` does, but build and fetch nothing."""
    absent = _unbuilt(model) or _unfetched(model)
    if absent is None:
        opened, known = sources.open_both(model, facts, after, progress)
        return Ground(opened, known, opened.folder if opened.trainable else None)
    planned, files, step = absent
    asked = sources.LAB.fullmatch(facts or "")
    if facts and asked and asked["world"] is None and planned.world is not None:
        facts = facts.replace("lab", f"lab@{planned.world}", 1)  # of the world that the model is of
    known = sources.newer(sources.open_facts(facts, planned), after, planned, progress)
    return Ground(planned, known, files, (step,))


def plan(chosen: Sequence[Arm], ground: Ground, settings: Settings) -> dict[str, Any]:
    """Return every step of the arms once, in the order in which they depend on each other, and what all would take."""
    steps: dict[str, Step] = {step.key or step.what: step for step in ground.first}
    for arm in chosen:
        possible(arm, ground.model)
        for step in _steps(arm, ground, settings):
            steps.setdefault(step.key or step.what, step)
    found = list(steps.values())
    return {"schema": SCHEMA, "steps": [step.as_json() for step in found], "total": _total(found)}


def _total(steps: Sequence[Step]) -> dict[str, Any]:
    """Sums where steps add up, the largest where they come one after another; None if one of them is not known."""

    def over(name: str, joined: Callable[[list[Any]], Any]) -> Any:
        values = [getattr(step, name) for step in steps]
        return None if None in values else joined([0, *values])

    return {
        "steps": sum(not step.cached for step in steps),
        "cached": sum(step.cached for step in steps),
        "seconds": over("seconds", lambda values: round(sum(values), 1)),
        "tokens": over("tokens", sum),
        "calls": over("calls", sum),
        "disk": over("disk", sum),
        "scratch": over("scratch", max),
        "memory": over("memory", max),
    }


def _steps(arm: Arm, ground: Ground, settings: Settings) -> Iterator[Step]:
    """Yield the steps of one arm. The keys are those that `inject` asks the store for."""
    store, parent, here = Store(), ground.model, not ground.first
    shown = started_with(arm.start, ground.model, settings)
    if training := posttrain_spec(arm.start, parent, settings):
        yield _training("posttrain", training, parent, ground)
        parent = trained_model(training, parent, store.root / training.spec.key)
    started = parent
    if training := learn_spec(arm.learn, started, ground.facts, settings, shown):
        yield _training("learn", training, parent, ground)
        parent = trained_model(training, parent, store.root / training.spec.key)
    if arm.context in arms.RETRIEVING and (fetch := _unfetched_embedder(ground.facts, settings)):
        yield fetch
        here = False
    answering = answer_spec(parent, arm.context, ground.facts, settings) if here else None
    yield _answering(arm, answering, ground, settings)
    before = list(_closed_book(arm, started, ground, settings))
    yield from before
    judging = None
    if answering is not None:
        asked = [step.key for step in before if step.key]
        judging = judge_spec(arm, ground.model, ground.facts, settings, answering.key, asked)
    yield _judging(arm, judging, ground, settings)


def _closed_book(arm: Arm, started: Model, ground: Ground, settings: Settings) -> Iterator[Step]:
    """Yield what asks the arm's start without the facts."""
    for number in range(1, settings.novelty + 1):
        asked = novelty.closed_book(settings, number)
        spec = None if ground.first else answer_spec(started, "none", ground.facts, asked, novelty.ASKED)
        step = _answering(Arm(arm.start), spec, ground, asked, novelty.ASKED)
        yield replace(step, what=f"{arm.start}, closed-book sample {number}, on {ground.facts.name}")


def _training(name: Literal["posttrain", "learn"], training: Training, parent: Model, ground: Ground) -> Step:
    on = f" on {ground.facts.name}" if name == "learn" else ""
    step = Step(name, f"{parent.name} + {training.what}{on}", None if ground.first else training.spec.key)
    if _cached(step.key, training.spec):
        return replace(step, cached=True)
    tokens = _tokens(training, ground.tokenizer) if ground.tokenizer else None
    options = training.options
    return replace(
        step,
        seconds=_times(tokens, _pace(name, lambda past: _like(past, ground, options), lambda past: past.training)),
        tokens=tokens,
        disk=_weights(ground.files, options, SAVED if options.peft == "none" else memory.FLOAT),
        memory=_bytes(ground.files, options),
        scratch=_weights(ground.files, options, CHECKPOINTS * 3 * memory.FLOAT) if options.checkpoints else 0,
    )


def _answering(arm: Arm, spec: Spec | None, ground: Ground, settings: Settings, kinds: Sequence[str] = KINDS) -> Step:
    step = Step("answer", f"{arm.name} on {ground.facts.name}", spec.key if spec else None)
    if _cached(step.key, spec):
        return replace(step, cached=True)
    asked = sum(1 for _ in questions(ground.facts, kinds))
    pace = _pace("answer", lambda past: _asked_alike(past, ground, settings), lambda past: past.answering)
    calls = _calls(ground.facts, settings)
    most = sampling_of(ground.model, settings).max_new_tokens
    read = _stored(ground.files) if ground.model.trainable else 0
    return replace(step, seconds=_times(asked, pace), tokens=calls and calls * most, memory=read)


def _judging(arm: Arm, spec: Spec | None, ground: Ground, settings: Settings) -> Step:
    step = Step("inject", f"{arm.name} on {ground.facts.name}, judge {settings.judge}", spec.key if spec else None)
    if _cached(step.key, spec):
        return replace(step, cached=True)
    asked = sum(1 for _ in questions(ground.facts))
    calls = sum(judge_calls(ground.facts) for name in names(settings.judge) if name.startswith(MODELS))
    pace = _pace("inject", lambda past: bool(past.inputs["judge"] == settings.judge), lambda past: past.judging)
    return replace(step, seconds=_times(asked, pace), tokens=None if calls else 0, calls=calls)


def judge_calls(facts: FactSet) -> int:
    """How many questions a language model is asked at most that judges the answers: three of a multihop answer."""
    asked = [kind for _, kind, _ in questions(facts)]
    return len(asked) + 2 * asked.count("multihop")


def _cached(key: str | None, spec: Spec | None) -> bool:
    return key is not None and spec is not None and Store().find(spec) is not None


# What is not on this machine yet


def _unbuilt(name: str) -> tuple[Model, Path, Step] | None:
    """A lab world that was never built. All worlds have one recipe, so the shipped one tells its sizes."""
    lab = sources.LAB.fullmatch(name.removeprefix("vllm:"))
    seed = int(lab["world"] or 0) if lab and lab["count"] is None else 0
    if seed == 0:
        return None
    spec = sources.lab_spec(seed)
    if Store().find(spec) is not None:
        return None
    recipe = pretraining.Recipe()
    tokens = recipe.steps * recipe.batch * recipe.length
    pace = _pace("pretrain", lambda past: bool(past.inputs["recipe"] == asdict(recipe)), lambda past: past.training)
    step = Step("pretrain", f"lab@{seed}", spec.key, False, _times(tokens, pace), tokens, _stored(checkpoint.SHIPPED))
    # Weight, gradient and one moment: Muon, which trains most of them, has no second one.
    needed = replace(step, memory=_weights(checkpoint.SHIPPED, Options(), 3 * memory.FLOAT))
    return _planned(name, Store().root / spec.key / "model", seed), checkpoint.SHIPPED, needed


def _unfetched(name: str) -> tuple[Model, None, Step] | None:
    """A model of the hub that is not, or not wholly, on this machine."""
    bare = name.removeprefix("vllm:").removeprefix("hf:")
    hub = None if Path(bare).exists() else sources.HUB_ID.fullmatch(bare)
    size = _to_fetch(hub["id"], hub["revision"], sources.WANTED) if hub else 0
    return (_planned(name, Path(), None), None, _fetching(bare, size)) if size else None


def _unfetched_embedder(facts: FactSet, settings: Settings) -> Step | None:
    name = settings.retrieval.embedder or embed.default_for(facts)
    if settings.retrieval.retriever not in BY_VECTORS or Path(name).exists():
        return None
    hub = sources.HUB_ID.fullmatch(name)
    size = _to_fetch(hub["id"], hub["revision"], embed.WANTED) if hub else 0
    return _fetching(name, size) if size else None


def _planned(name: str, folder: Path, seed: int | None) -> Model:
    plain = name if seed is None or name.startswith("vllm:") else f"lab@{seed}"
    return Model(plain.removeprefix("hf:"), folder, "", seed, "vllm" if name.startswith("vllm:") else "hf")


def _fetching(name: str, size: int) -> Step:
    return Step("fetch", name, None, False, None, 0, size)


def _to_fetch(hub_id: str, revision: str | None, wanted: list[str]) -> int:
    """Return the bytes that would be fetched; 0 where the hub is out of reach: whoever opens it then says what is."""
    from huggingface_hub import snapshot_download

    try:
        files = snapshot_download(hub_id, revision=revision, allow_patterns=wanted, dry_run=True)
    except Exception:
        return 0
    return sum(file.file_size or 0 for file in files if file.will_download)


# Sizes


def _tokens(training: Training, tokenizer: "PreTrainedTokenizerBase") -> int:
    """The tokens of all rows that are shown, in all epochs."""
    again = training.again.rows if training.again else ()
    lengths = [len(finetune.encode(tokenizer, row)["input_ids"]) for row in (*training.rows.rows, *again)]
    return sum(lengths[row] for row in finetune.order(lengths, training.options, len(again)))


def _calls(facts: FactSet, settings: Settings) -> int | None:
    """How often a model answers: once a question, hop by hop where a script leads it; None for somebody's own way."""
    asked = list(questions(facts))
    if settings.elicit == "scripted":
        chains = [fact.multihop.hops if kind == "multihop" and fact.multihop else () for fact, kind, _ in asked]
        return sum(max(len(chain), 1) for chain in chains)
    return len(asked) if settings.elicit in arms.ELICIT else None


def _bytes(files: Path | None, options: Options) -> int | None:
    """The memory that a training takes at the least; None where the files do not tell."""
    try:
        return memory.training_bytes(files, options) if files else None
    except KinjectError:
        return None


def _weights(files: Path | None, options: Options, each: int) -> int | None:
    """The numbers that are trained, times `each` bytes."""
    if options.peft == "none":
        return _numbers(0, _bytes(files, Options()), each)
    # What an adapter adds grows with its rank, and nothing else does.
    wider = replace(options, lora_rank=2 * options.lora_rank)
    return _numbers(_bytes(files, options), _bytes(files, wider), each)


def _numbers(less: int | None, more: int | None, each: int) -> int | None:
    return None if less is None or more is None else (more - less) // memory.TRAINED * each


def _stored(files: Path | None) -> int | None:
    """The bytes of a model's weights as they are stored."""
    try:
        while files and adapter.is_adapter(files):
            files = adapter.parent_of(files)
    except KinjectError:
        return None
    sizes = [file.stat().st_size for file in memory.weight_files(files)] if files else []
    return sum(sizes) or None


# Earlier runs


@dataclass(frozen=True)
class Past:
    """A finished run as estimates read it: each pace is (seconds, units)."""

    folder: Path
    inputs: Mapping[str, Any]
    record: Mapping[str, Any]

    @property
    def training(self) -> tuple[float, int]:
        """Seconds and tokens."""
        return self.record["seconds"], self.record["tokens"]

    @property
    def answering(self) -> tuple[float, int]:
        """Seconds and questions."""
        return self.record["seconds"], self.record["answers"]

    @property
    def judging(self) -> tuple[float, int]:
        """Seconds and answers."""
        kinds = [self.record["scores"][kind] for kind in ("direct", "direct_paraphrased", "multihop")]
        return self.record["seconds"]["judge"], sum(rate["n"] + rate["unscored"] for rate in kinds)


def _pace(step: str, alike: Callable[[Past], bool], measured: Callable[[Past], tuple[float, int]]) -> float | None:
    """The median of the seconds a unit of earlier runs; records of other versions may lack what is asked."""
    paces = []
    for past in _past(step):
        try:
            seconds, units = measured(past)
            paces += [seconds / units] if alike(past) else []
        except (KeyError, TypeError, ZeroDivisionError):
            continue
    return median(paces) if paces else None


def _past(step: str) -> Iterator[Past]:
    """Every finished run of a step. One that cannot be read is no reason to tell nothing."""
    for marker in sorted(Store().root.glob(f"{step}-*/{DONE}")):
        folder = marker.parent
        try:
            spec, record = storage.read_json(folder / SPEC), storage.read_json(folder / RECORD)
        except KinjectError:
            continue
        yield Past(folder, spec["inputs"], record)


def _times(units: int | None, pace: float | None) -> float | None:
    return None if units is None or pace is None else round(units * pace, 1)


def _like(past: Past, ground: Ground, options: Options) -> bool:
    """Whether a training was of a model of this size, and in the same way."""
    trained = past.inputs["options"].get("peft", "none")
    return bool(trained == options.peft) and _same_size(past, ground.model)


def _asked_alike(past: Past, ground: Ground, settings: Settings) -> bool:
    most = sampling_of(ground.model, settings).max_new_tokens
    same = past.inputs["engine"] == ground.model.answers_with["engine"]
    elicited = past.inputs.get("elicit", ["plain"])[0] == settings.elicit
    return bool(same and elicited and past.inputs["sampling"]["max_new_tokens"] == most) and _same_size(
        past, ground.model
    )


def _same_size(past: Past, model: Model) -> bool:
    """Whether a run was of the same model before any training, or of any lab world: they are all of one size."""
    if model.world is None:
        return _base_of(past.inputs["model"]) == model.key
    if "system" in past.inputs:
        return bool(past.inputs["system"] == prompts.digest_of(model.system))
    return (checkpoint.card(past.folder / "model") or {}).get("world") is not None


def _base_of(key: str) -> str:
    """The key of the model that a trained model was made from in the end."""
    spec = Store().root / key / SPEC
    return _base_of(storage.read_json(spec)["inputs"]["model"]) if spec.is_file() else key

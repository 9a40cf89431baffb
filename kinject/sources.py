"""Names to things: what `--model` and `--facts` mean.

Models: `lab` (world 0, shipped), `lab@7` (another world, built on demand), `lab-small` and `lab-large` (other sizes,
built on demand), a folder in the hub's layout, or a hub id with an optional `@revision`. Facts: `lab[@WORLD][:N]`, a
path, the name of a set in `facts/`, or nothing for the facts that belong to the model.
"""

import gc
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from kinject import resources, storage
from kinject.engines import adapter, chat, hf, kept, openai, vllm
from kinject.engines.base import Engine, Sampling
from kinject.errors import KinjectError, MissingError, UsageError, did_you_mean, first_line
from kinject.facts import dates
from kinject.facts.load import load
from kinject.facts.schema import FactSet
from kinject.lab import checkpoint, corpus, pretraining, world
from kinject.lab.pretraining import Recipe
from kinject.progress import SILENT, Progress
from kinject.runs.store import Spec, Store

LAB = re.compile(r"lab(?:@(?P<world>\d+))?(?::(?P<count>[1-9]\d*|old))?")
SIZED = re.compile(rf"lab-(?P<size>{'|'.join(pretraining.SIZES)})(?:@(?P<world>\d+))?")
"""A lab model of another size."""
INSTRUCT = re.compile(r"(?:^|[-_/])(?:instruct|chat|it)(?:$|[-_@])", re.IGNORECASE)
"""What publishers put into the names of models that follow instructions."""
WANTED = ["*.json", "model*.safetensors", "*.model", "*.txt", "*.jinja"]
"""What is fetched of a model on the hub: not the same weights twice in other formats."""
MATTERS = (*WANTED, "*.safetensors", "*.bin")
"""What a model on disk is known by: not its README, nor what a download leaves beside it."""
ENGINE = re.compile(r"^(?:vllm:|openai:|hf:)+")
HUB_ID = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True)
class Model:
    """A language model on disk. `key` stands for its content in the keys of runs."""

    name: str
    folder: Path
    key: str
    world: int | None = None
    """The lab world it was pretrained on, None for a model of the real world."""
    engine: Literal["hf", "vllm", "openai"] = "hf"
    """What answers: transformers in this process, a vLLM server of ours, or somebody's endpoint."""

    @property
    def trainable(self) -> bool:
        """Say whether its weights are here."""
        return self.engine != "openai"

    @property
    def answers_with(self) -> dict[str, Any]:
        """Return what the key of answers must tell of the engine that gives them."""
        match self.engine:
            case "hf":
                return {"engine": hf.VERSION, "batch": hf.BATCH}
            case "vllm":
                return {"engine": ["vllm", vllm.VERSION]}
            case "openai":
                return {"engine": ["openai", openai.VERSION, openai.known_as(_url())]}

    @property
    def endpoint(self) -> str | None:
        """Return the address that is asked now, without what is secret in it; None where the weights are here."""
        return None if self.trainable else openai.shown(_url())

    @property
    def system(self) -> str:
        """Name the prompt that is its system message: the paper's, or the lab's own short one."""
        return "system-subqa" if self.world is None else "system-lab"

    @property
    def sampling(self) -> Sampling:
        """Return how it is sampled by default: as in the paper (A.5), for a lab model without repetition penalty.

        The penalty falls on whatever stands in the prompt. A model of two million parameters then names another month
        than the one that it reads (measured on world 0: not one date in a hundred right).
        """
        return Sampling() if self.world is None else Sampling(repetition_penalty=1.0)


def _url() -> str:
    return os.environ.get("OPENAI_BASE_URL") or openai.API


def open_model(name: str, progress: Progress = SILENT, where: str = "--model") -> Model:
    """Find or build the model of a name. Raises `MissingError` with the nearest thing that would work.

    `where` is the option that names it, for errors: `--judge` takes no `lab`, and wants the engine before the name.
    """
    judge = where == "--judge"
    if (lab := LAB.fullmatch(name)) and lab["count"] is None:
        seed = int(lab["world"] or 0)
        folder = checkpoint.SHIPPED if seed == 0 else build_lab(seed, progress=progress)
        return Model(f"lab@{seed}", folder, digest_of(folder), seed)
    if sized := SIZED.fullmatch(name):
        seed, size = int(sized["world"] or 0), sized["size"]
        folder = build_lab(seed, pretraining.SIZES[size], progress)
        return Model(f"lab-{size}@{seed}", folder, digest_of(folder), seed)
    engine, _, rest = name.partition(":") if ENGINE.match(name) else ("", "", name)
    if not rest or (engine and rest.startswith(("openai:", "vllm:"))):
        message = f"{name!r} names no model" if not rest else f"{name!r} names two engines"
        ways = "hf:PATH, hf:ORG/NAME" if judge else "lab, PATH, org/name"
        raise UsageError(message, where=where, mend=f"name one: {ways}, vllm:PATH or openai:NAME")
    if engine == "openai":
        return Model(name, Path(), name, engine="openai")
    if engine == "vllm":
        vllm.program()  # what is missing is told now, not after the training
        return replace(open_model(name.removeprefix("vllm:"), progress, where), name=name, engine="vllm")
    bare = name.removeprefix("hf:")
    if Path(bare).exists():
        return _local(Path(bare))
    if hub := HUB_ID.fullmatch(bare):
        return _from_hub(hub["id"], hub["revision"], where)
    known = "hf: or vllm: with " if judge else "`lab`, `lab@N`, "
    raise MissingError(
        f"there is no model {name!r}.{'' if judge else did_you_mean(name, ['lab', 'lab@1', 'lab-small', 'lab-large'])}",
        where=where,
        mend=f"use {known}a folder with config.json and *.safetensors, or a hub id like org/name",
    )


@contextmanager
def open_engine(model: Model, keep: Path | None, terms: openai.Terms | None = None) -> Iterator[Engine]:
    """Open what answers for a model; endpoints write finished answers to `keep`, if anywhere, and go on from there.

    `terms` are for endpoints. A vLLM server of ours is asked more at once where they do not say how much.
    """
    terms = terms or openai.Terms()
    match model.engine:
        case "hf":
            yield hf.HF(model.folder)
        case "vllm":
            _release_gpu()
            terms = replace(terms, concurrency=terms.concurrency or vllm.TERMS.concurrency)
            with _whole(model.folder, _spare(keep)) as folder, vllm.VLLM(folder, keep=keep, terms=terms) as server:
                yield server
        case "openai":
            yield openai.OpenAI(model.name.removeprefix("openai:"), terms=terms, keep=keep)


def _spare(keep: Path | None) -> Path:
    """Where a whole model lies while it is served: in a run's folder, which is this process's; else beside others'."""
    own = f"whole-{os.getpid()}"
    if keep is None:
        return storage.home() / own
    return keep.parent / ("whole" if keep.name == kept.NAME else f"{keep.stem[:16]}-{own}")


@contextmanager
def _whole(folder: Path, spare: Path) -> Iterator[Path]:
    """Give the folder itself, or for an adapter one of its whole model, which lies in `spare` while it is needed."""
    if not adapter.is_adapter(folder):
        yield folder
        return
    import torch

    shutil.rmtree(spare, ignore_errors=True)
    try:
        hf.load_model(folder).to(torch.bfloat16).save_pretrained(spare)
        chat.load_tokenizer(folder).save_pretrained(spare)
        _release_gpu()
        yield spare
    finally:
        shutil.rmtree(spare, ignore_errors=True)


def _release_gpu() -> None:
    """Give back the memory of a GPU that torch keeps after a training: vLLM is another process, and would lack it."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()


def open_both(
    model: str, facts: str | None, after: str | None = None, progress: Progress = SILENT
) -> tuple[Model, FactSet]:
    """Open a model and facts; the facts first where they are named, because a model may take minutes to be built."""
    place, asked = LAB.fullmatch(model), LAB.fullmatch(facts or "")
    if place and asked and asked["world"] is None:  # "lab:400" of the world that the model is of
        facts = facts.replace("lab", f"lab@{place['world'] or 0}", 1) if facts else facts
    named = open_facts(facts) if facts else None
    if after is not None and (after != "auto" or (HUB_ID.fullmatch(model) and not Path(model).exists())):
        after = cutoff_day(after, Model(model, Path(), "", None))  # a mistake is told before anything is fetched
    opened = open_model(model, progress)
    if INSTRUCT.search(opened.name):
        progress.say(
            f"{opened.name}: tuned for instructions, so it may refuse to answer about what is newer than it"
            " (the paper's footnote 2)"
        )
    return opened, newer(named or open_facts(None, opened), after, opened, progress)


def newer(facts: FactSet, after: str | None, model: Model | None = None, progress: Progress = SILENT) -> FactSet:
    """The facts from after a day, a month, the published cutoff of a model by its name, or (`auto`) that of `model`."""
    if after is None:
        return facts
    kept = dates.after(facts, cutoff_day(after, model))
    progress.say(f"{len(kept.facts)} of {len(facts.facts)} facts: {kept.name}")
    return kept


def cutoff_day(after: str, model: Model | None = None) -> str:
    """The day or month that `--after` means."""
    if given := dates.day(after):
        return given
    if after == "auto":
        if model is None:
            raise UsageError(
                "there is no model here whose cutoff could be taken",
                where="--after",
                mend="give a day, a month or a model's name: --after Meta-Llama-3-8B",
            )
        return (
            world.CUTOFF.isoformat() if model.world is not None else dates.cutoff_of(ENGINE.sub("", model.name)).cutoff
        )
    return dates.cutoff_of(after).cutoff


def build_lab(seed: int, recipe: Recipe = Recipe(), progress: Progress = SILENT) -> Path:  # noqa: B008 - frozen
    """Build a world's base model in the store, or find it there; an interrupted build goes on where it was."""

    def work(folder: Path) -> dict[str, Any]:
        return pretraining.pretrain(world.build(seed), recipe, folder / "model", progress)

    return Store().run(lab_spec(seed, recipe), work, progress).folder / "model"


def lab_spec(seed: int, recipe: Recipe = Recipe()) -> Spec:  # noqa: B008 - frozen
    """Return all that makes a world's base model: the key of the run that builds it."""
    inputs = {"world": seed, "recipe": asdict(recipe), "corpus": corpus.fingerprint(world.build(seed))}
    return Spec("pretrain", pretraining.VERSION, inputs)


def open_facts(name: str | None, model: Model | None = None) -> FactSet:
    """Read the facts of a name; without one, the facts that belong to the model."""
    if name is None:
        if model is None or model.world is None:
            raise UsageError(
                "this model has no facts of its own",
                where="--facts",
                mend="name a set: --facts example, or --facts PATH.jsonl",
            )
        name = f"lab@{model.world}"
    if lab := LAB.fullmatch(name):
        place = world.build(int(lab["world"] or 0))
        return place.old_facts() if lab["count"] == "old" else place.new_facts(int(lab["count"] or 100))
    return load(facts_path(name))


def facts_path(name: str) -> Path:
    """Return the file of a fact set: a path, or a name in the facts folder."""
    known = sorted(path.stem for path in resources.facts_folder().glob("*.jsonl"))
    if name not in known and Path(name).is_dir():
        raise MissingError("this is a folder, not a file", where=str(Path(name)), mend="name a .jsonl file in it")
    if name not in known and (Path(name).exists() or name.endswith(".jsonl")):
        return Path(name)
    if name not in known:
        raise MissingError(
            f"there is no fact set {name!r}.{did_you_mean(name, [*known, 'lab'])}",
            where="--facts",
            mend=f"use a path, `lab`, `lab@WORLD:COUNT`, or one of: {', '.join(known)}",
        )
    return resources.facts_folder() / f"{name}.jsonl"


def _local(folder: Path) -> Model:
    if not (folder / "config.json").is_file() and not adapter.is_adapter(folder):
        raise MissingError(
            "this folder is no model: it has no config.json",
            where=str(folder),
            mend="give the folder that holds config.json, *.safetensors and the tokenizer",
        )
    return Model(str(folder), folder.resolve(), digest_of(folder), _world_of(folder))


def digest_of(folder: Path) -> str:
    """Return the sha256 over what makes a model on disk; a folder that did not change is not read again."""
    return storage.folder_digest(folder, MATTERS, remembered=True)


def _world_of(folder: Path) -> int | None:
    """The lab world that a model is of; anybody's model may hold a card.json of another kind, or a broken one."""
    card: object = None
    with suppress(KinjectError):
        card = checkpoint.card(folder)
    world = card.get("world") if isinstance(card, dict) else None
    return world if type(world) is int else None  # true is an int, too


def _from_hub(hub_id: str, revision: str | None, where: str) -> Model:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        place = snapshot_download(hub_id, revision=revision, allow_patterns=WANTED)
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise MissingError(
            f"the model {hub_id!r} is neither on this machine nor to be had from the hub: {first_line(error)}",
            where=where,
            mend=f"check the name and HF_TOKEN, or fetch it elsewhere (`hf download {hub_id}`) and give its folder",
        ) from error
    # The snapshot's folder is named by the commit that it holds.
    return Model(hub_id, Path(place), f"{hub_id}@{Path(place).name}")

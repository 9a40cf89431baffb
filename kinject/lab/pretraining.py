"""Make the lab's base model: train a tokenizer and a small Llama from scratch on a world, up to its cutoff.

In: a world and a `Recipe`. Out: a folder in the hub's layout (bf16 safetensors, tokenizer, card), which everything
else opens like any other model. Training is one plain loop, because pretraining from scratch is the lab's own
business; every finetuning goes through `kinject.training`.

Measured on two cores with AVX512-BF16 (tokens a second on one thread, 4,096 tokens a step): attention written out
("eager") in bf16 autocast 15,000, PyTorch's fused attention 11,900, whose backward pass is slow on CPUs.

Stops and resumes: the state is saved every `SAVE_EVERY` steps as safetensors, the corpus is a function of the step, and
the weights at the end are those of an uninterrupted build.
"""

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinject import prompts, storage
from kinject.errors import NumericError
from kinject.lab import corpus, probes
from kinject.lab.events import EVENT_TYPES
from kinject.lab.names import FIRST_NAMES
from kinject.lab.relations import RELATIONS
from kinject.lab.world import World
from kinject.progress import SILENT, Progress
from kinject.prompts import recall

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

VERSION = 1
END = "<|end|>"
SAVE_EVERY = 200
TOKENIZER_DOCUMENTS = 20_000


@dataclass(frozen=True)
class Recipe:
    """How a lab model is built; the defaults are the ones of every shipped or studied world."""

    vocabulary: int = 2048
    hidden: int = 192
    layers: int = 4
    heads: int = 6
    intermediate: int = 512
    length: int = 128
    batch: int = 32
    steps: int = 2000
    decay: float = 0.4
    """Share of the steps over which the learning rate falls linearly to zero."""
    extra_steps: int = 500
    """Length of a further round, learning rate falling from its peak, when a gate fails."""
    rounds: int = 4
    lr_matrices: float = 0.02
    """Muon's learning rate, for the matrices inside the layers."""
    lr_others: float = 3e-3
    """AdamW's learning rate, for embeddings and norms."""
    warmup: int = 60
    seed: int = 0


SIZES = {
    "small": Recipe(hidden=96, layers=3, heads=3, intermediate=256),
    "large": Recipe(hidden=256, layers=5, heads=8, intermediate=688),
}
"""Models of other sizes, of any world: does a larger model gain more from the same post-training data? (Figure 2)"""


def pretrain(world: World, recipe: Recipe, folder: Path, progress: Progress = SILENT) -> dict[str, Any]:
    """Build the base model of a world in `folder` and return its card.

    Rounds of training go on until the gates on the base model hold (`probes.GATES`) or `recipe.rounds` are used up; the
    card says which. Nothing after the cutoff is ever looked at.
    """
    import torch

    torch.set_num_threads(1)  # the bits of the weights depend on it
    torch.manual_seed(recipe.seed)
    tokenizer = train_tokenizer(world, recipe)
    model = _model(recipe, tokenizer)
    optimizers = _optimizers(model, recipe)
    state = folder / "state.safetensors"
    done, seconds = _restore(state, model, optimizers) if state.exists() else (0, 0.0)
    for round_ in range(recipe.rounds):
        last = recipe.steps + round_ * recipe.extra_steps
        if done > last:
            continue
        with progress.stage(f"pretraining world {world.seed}, round {round_ + 1}", last - done, "steps") as stage:
            while done < last:
                started, part = time.monotonic(), done // SAVE_EVERY
                steps = range(done, min(last, (part + 1) * SAVE_EVERY))
                batches = itertools.islice(_batches(world, tokenizer, recipe, part), done % SAVE_EVERY, None)
                loss = _train(model, optimizers, batches, steps, recipe)
                done, seconds = steps.stop, seconds + time.monotonic() - started
                _keep(state, model, optimizers, done, seconds)
                stage.advance(len(steps), f"loss {loss:.3f}")
        scores = probes.measure(model, tokenizer, world)
        progress.say(f"world {world.seed}: " + ", ".join(f"{name} {score:.1f} %" for name, score in scores.items()))
        if probes.passed(scores):
            break
    card = {
        "schema_version": 1,
        "world": world.seed,
        "version": VERSION,
        "recipe": asdict(recipe),
        "corpus": corpus.fingerprint(world),
        "steps": done,
        "rounds": round_ + 1,
        "tokens": done * recipe.batch * recipe.length,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "seconds": round(seconds),
        "probes": scores,
        "gates": probes.GATES,
        "passed": probes.passed(scores),
        "torch": torch.__version__,
    }
    _save(model, tokenizer, card, folder)
    state.unlink()
    return card


def learning_rate(step: int, recipe: Recipe) -> float:
    """Return the share of the peak learning rate at a step: warm-up, constant, linear decay; again for each round."""
    if step < recipe.steps:
        length, decay = recipe.steps, recipe.decay
    else:
        step, length, decay = (step - recipe.steps) % recipe.extra_steps, recipe.extra_steps, 1.0
    return min((step + 1) / recipe.warmup, (length - step) / (length * decay), 1.0)


def train_tokenizer(world: World, recipe: Recipe) -> "PreTrainedTokenizerFast":
    """Train a byte-level BPE on the corpus, with weight on the world's names and on the words of prompts and responses.

    Names become a token or two, and a prompt is no longer than it need be, in any usual template. The model itself
    reads no prompt and no response before its post-training.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    everything = [*itertools.chain(*world.entities.values(), *world.values.values()), *FIRST_NAMES]
    asked = [question for kind in (*RELATIONS, *EVENT_TYPES) for question in kind.questions]
    talk = [
        prompts.load("system-lab"),
        "User:",
        "Assistant:",
        f" {recall.multihop_response('', '', [], '')}",
        "Context:",
        "? →",
    ]
    text = itertools.chain(
        itertools.islice(corpus.documents(world, -1), TOKENIZER_DOCUMENTS),
        (f" {name}" for name in everything * 100),
        (talk + asked) * 100,
    )
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(text, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, bos_token=END)


def _model(recipe: Recipe, tokenizer: "PreTrainedTokenizerFast") -> "LlamaForCausalLM":
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden,
        intermediate_size=recipe.intermediate,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM._from_config(config, attn_implementation="eager")


def _optimizers(model: "LlamaForCausalLM", recipe: Recipe) -> "list[torch.optim.Optimizer]":
    import torch

    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=recipe.lr_matrices, momentum=0.95, weight_decay=0.05),
        torch.optim.AdamW(others, lr=recipe.lr_others, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def _batches(
    world: World, tokenizer: "PreTrainedTokenizerFast", recipe: Recipe, part: int
) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
    """Yield (inputs, targets), each (batch, length) token ids, for `SAVE_EVERY` steps: one part of the corpus."""
    import torch

    size = recipe.batch * recipe.length
    stream: list[int] = []
    documents = corpus.documents(world, part)
    for _ in range(SAVE_EVERY):
        while len(stream) <= size:
            texts = list(itertools.islice(documents, 1000))
            for encoding in tokenizer(texts, add_special_tokens=False)["input_ids"]:
                stream += [tokenizer.eos_token_id, *encoding]
        window = torch.tensor(stream[: size + 1])
        del stream[:size]
        yield window[:-1].view(recipe.batch, -1), window[1:].view(recipe.batch, -1)


def _train(
    model: "LlamaForCausalLM",
    optimizers: "list[torch.optim.Optimizer]",
    batches: "Iterator[tuple[torch.Tensor, torch.Tensor]]",
    steps: range,
    recipe: Recipe,
) -> float:
    """Take one optimiser step for each number in `steps`; return the mean loss."""
    import torch
    from torch.nn.functional import cross_entropy

    model.train()
    peaks = [recipe.lr_matrices, recipe.lr_others]
    total = 0.0
    for step, (inputs, targets) in zip(steps, batches, strict=False):
        share = learning_rate(step, recipe)
        for optimizer, peak in zip(optimizers, peaks, strict=True):
            optimizer.param_groups[0]["lr"] = peak * share
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(input_ids=inputs, use_cache=False).logits
        loss = cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        total += loss.item()
    if not math.isfinite(total):
        raise NumericError("the pretraining loss is not a number", where=f"step {steps.stop}")
    return total / len(steps)


def _keep(
    path: Path, model: "LlamaForCausalLM", optimizers: "list[torch.optim.Optimizer]", done: int, seconds: float
) -> None:
    """Save everything that the next step needs."""
    from safetensors.torch import save

    tensors = {f"model/{name}": p.detach() for name, p in model.named_parameters()}
    for o, optimizer in enumerate(optimizers):
        for p, values in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{o}/{p}/{name}": value for name, value in values.items()}
    storage.write_bytes(path, [save(tensors, {"done": str(done), "seconds": str(seconds)})])


def _restore(path: Path, model: "LlamaForCausalLM", optimizers: "list[torch.optim.Optimizer]") -> tuple[int, float]:
    """Load what `_keep` saved; return the steps done and the seconds spent."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        about = file.metadata()
    own = {name.removeprefix("model/"): value for name, value in tensors.items() if name.startswith("model/")}
    model.load_state_dict(own, strict=False)  # the tied head is not saved twice
    for o, optimizer in enumerate(optimizers):
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in tensors.items():
            match name.split("/"):
                case ["optimizer", number, parameter, key] if int(number) == o:
                    state.setdefault(int(parameter), {})[key] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(about["done"]), float(about["seconds"])


def _save(model: "LlamaForCausalLM", tokenizer: "PreTrainedTokenizerFast", card: dict[str, Any], folder: Path) -> None:
    import torch

    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    storage.write_json(folder / "card.json", card)

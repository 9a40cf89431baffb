"""How fast is finetuning a small model on a CPU, beside a hand-written loop and beside TRL as it comes?

    python benchmarks/speed/finetune.py [--model PATH] [--rows 800] [--repeats 3] [--threads 2]

All train one epoch of the same rows (SubQARecall of lab world 0), in turn, in one process; the smallest time of
each counts. The loop is what one would write by hand for this very purpose: batches of like length, bf16 autocast,
logits of the response only.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from kinject import prompts, sources
from kinject.engines import chat, hf
from kinject.lab import world
from kinject.progress import SILENT
from kinject.recipes import subqa_recall
from kinject.training import finetune

OPTIONS = finetune.Options(learning_rate=1e-3, epochs=1, schedule="linear", checkpoints=0)

Examples = list[dict[str, list[int]]]


def loop(model: Path, examples: Examples, pad: int) -> float:
    """Train by hand; return seconds."""
    import torch
    from torch.nn.functional import cross_entropy

    network = hf.load_model(model, training=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=OPTIONS.learning_rate, weight_decay=0.0)
    collate = finetune.collator(pad)
    by_length = sorted(examples, key=lambda example: len(example["input_ids"]))
    batches = [by_length[i : i + OPTIONS.batch] for i in range(0, len(by_length), OPTIONS.batch)]
    began = time.perf_counter()
    for batch in batches:
        tensors = collate(batch)
        labels = tensors.pop("labels")[:, 1:]
        with torch.autocast("cpu", torch.bfloat16):
            hidden = network.model(**tensors, use_cache=False).last_hidden_state[:, :-1]
            learnt = labels != finetune.IGNORED
            logits = network.lm_head(hidden[learnt])
        loss = cross_entropy(logits.float(), labels[learnt])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return time.perf_counter() - began


def trainer(model: Path, examples: Examples, options: finetune.Options, *, plain: bool = False) -> float:
    """Train through `kinject.training`, or with `plain` through SFTTrainer and its own loss; return seconds."""
    from trl import SFTTrainer

    tokenizer, network = chat.load_tokenizer(model), hf.load_model(model, training=True)
    steps = -(-len(examples) // options.batch)
    with tempfile.TemporaryDirectory() as folder, SILENT.stage("") as stage:
        made = finetune.build_trainer(network, tokenizer, examples, options, Path(folder), steps, stage)
        if plain:
            made.compute_loss = SFTTrainer.compute_loss.__get__(made)
        began = time.perf_counter()
        made.train()
        return time.perf_counter() - began


def main() -> None:
    """Run the contenders in turn and print their best times and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lab")
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    import torch

    torch.set_num_threads(given.threads)
    model = sources.open_model(given.model).folder
    tokenizer = chat.load_tokenizer(model)
    rows = subqa_recall.from_world(world.build(0), prompts.load("system-lab"), context_rows=600).rows[: given.rows]
    examples = [finetune.encode(tokenizer, row) for row in rows]
    contenders: dict[str, Callable[[], float]] = {
        "loop": lambda: loop(model, examples, tokenizer.pad_token_id),
        "kinject": lambda: trainer(model, examples, OPTIONS),
        "kinject, fp32": lambda: trainer(model, examples, replace(OPTIONS, precision="fp32")),
        "trl": lambda: trainer(model, examples, OPTIONS, plain=True),
    }
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(given.repeats):
        for name, train in contenders.items():
            best[name] = min(best[name], train())
    tokens = sum(len(example["input_ids"]) for example in examples)
    for name, seconds in best.items():
        print(f"{name:14} {seconds:6.2f} s  {tokens / seconds:6.0f} tokens/s  {seconds / best['loop']:.2f} x the loop")


if __name__ == "__main__":
    main()

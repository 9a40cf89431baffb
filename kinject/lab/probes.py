"""Ask a lab's base model what it knows, before any treatment: the gates of the protocol.

Every probe asks "Question: ... Answer:" and counts an answer as known when greedy decoding gives exactly the truth and
then stops. The gates look at nothing after the cutoff.
"""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kinject.lab import corpus
from kinject.lab.relations import RELATIONS
from kinject.lab.world import World

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

GATES = {"static": 99.0, "old events": 95.0, "reading": 95.0, "exact reading": 95.0, "sums": 95.0}
"""Least percentage of each probe that lets a world into a study."""

SAMPLES = 300
"""Drawn questions for the probes that have no natural end."""


def measure(model: "LlamaForCausalLM", tokenizer: "PreTrainedTokenizerFast", world: World) -> dict[str, float]:
    """Return the percentage of right answers for each probe; `exact recall` (of an old event) has no gate."""
    questions = {
        "static": [
            (_short(relation.ask(subject)), world.truth[relation.name, subject])
            for relation in RELATIONS
            for subject in world.entities[relation.subject]
        ],
        "old events": [(_short(event.ask()), event.answer) for event in world.old],
        "exact recall": [(_full(event.ask()), event.state()) for event in world.old],
        "reading": _reading(world, exact=False),
        "exact reading": _reading(world, exact=True),
        "sums": _sums(world),
    }
    return {name: _share_known(model, tokenizer, asked) for name, asked in questions.items()}


def passed(scores: dict[str, float]) -> bool:
    """Say whether every gate holds."""
    return all(scores[name] >= least for name, least in GATES.items())


def _reading(world: World, *, exact: bool) -> list[tuple[str, str]]:
    """Questions about invented events that stand before them: the answer, or the whole sentence with its date."""
    rng = random.Random(f"kinject lab {world.seed} probe reading")
    events = [corpus.draw_fiction(rng, world) for _ in range(SAMPLES)]
    if exact:
        return [(f"{event.state()}\n{_full(event.ask())}", event.state()) for event in events]
    return [(f"{event.state()}\n{_short(event.ask())}", event.answer) for event in events]


def _sums(world: World) -> list[tuple[str, str]]:
    rng = random.Random(f"kinject lab {world.seed} probe sums")
    drawn = [corpus.draw_sum(rng, world) for _ in range(SAMPLES)]
    return [(_short(question), str(answer)) for question, answer in drawn]


def _short(question: str) -> str:
    return f"Question: {question}\nAnswer:"


def _full(question: str) -> str:
    return f"Question: {question}\nAnswer in full:"


def _share_known(
    model: "LlamaForCausalLM", tokenizer: "PreTrainedTokenizerFast", asked: Sequence[tuple[str, str]], batch: int = 100
) -> float:
    """Return the percentage of (prompt, answer) pairs whose answer, and then the end, is what greedy decoding gives."""
    import torch

    model.eval()
    known = 0
    for start in range(0, len(asked), batch):
        rows, firsts = [], []
        for prompt, answer in asked[start : start + batch]:
            before = [tokenizer.eos_token_id, *tokenizer(prompt, add_special_tokens=False)["input_ids"]]
            after = [*tokenizer(f" {answer}", add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
            rows.append(torch.tensor(before + after))
            firsts.append(len(before))
        # Causal attention never looks at the padding on the right, so no mask is needed.
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        with torch.inference_mode(), torch.autocast(model.device.type, torch.bfloat16):
            best = model(input_ids=ids.to(model.device), use_cache=False).logits.argmax(-1).cpu()
        for row, guess, first in zip(rows, best, firsts, strict=True):
            known += bool((guess[first - 1 : len(row) - 1] == row[first:]).all())
    return 100 * known / len(asked)

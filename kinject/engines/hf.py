"""A causal language model in this process, through transformers: any folder in the hub's layout.

Conversations are rendered by the tokenizer's chat template, or by the project's own where it has none (Llama-3-8B
base), tokenised without a second beginning-of-text token, sorted by length, padded on the left and generated in
batches. An answer ends at an end token, or where a base model starts to write the next turn itself. What is longer
than the model's positions is refused.

Traps: padding with the pad token, which may be the end token, would put a repetition penalty on ending. Sampled
answers depend on the batch they are drawn in, so the batch size is part of the engine and the seed is set once a batch.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinject.engines import adapter, chat
from kinject.engines.base import Completion, Conversation, Sampling
from kinject.errors import MissingError, UsageError, first_line, out_of_memory
from kinject.progress import SILENT, Progress

if TYPE_CHECKING:
    from transformers import PreTrainedModel

VERSION = 2
BATCH = 64
SMALL = 2_000_000_000
"""Bytes of weights below which a CPU computes in float32: exact, and no slower."""


class HF:
    """A model folder as an engine."""

    def __init__(self, folder: Path, batch: int = BATCH) -> None:
        self.tokenizer = chat.load_tokenizer(folder)
        self.model = load_model(folder)
        self.batch = batch

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        """Answer in batches of like length; the order of the result is that of the input."""
        prompts = [chat.prompt_ids(self.tokenizer, conversation) for conversation in conversations]
        self._fitting(prompts, sampling.max_new_tokens)
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        completions: dict[int, Completion] = {}
        with progress.stage("answering", len(prompts), "questions") as stage:
            for start in range(0, len(order), self.batch):
                chosen = order[start : start + self.batch]
                answers = self._generate_batch([prompts[i] for i in chosen], sampling, start)
                completions |= dict(zip(chosen, answers, strict=True))
                stage.advance(len(chosen))
        return [completions[i] for i in range(len(prompts))]

    def _fitting(self, prompts: Sequence[Sequence[int]], new: int) -> None:
        """Raise `UsageError` where a prompt and its answer are longer than the model was made for.

        Nothing else would tell: past its positions a model goes on, and writes nonsense.
        """
        most = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        long = [len(prompt) for prompt in prompts if isinstance(most, int) and len(prompt) + new > most]
        if long:
            raise UsageError(
                f"{len(long)} of {len(prompts)} prompts do not fit: with {new} new tokens the longest has"
                f" {max(long) + new}, and the model takes {most}",
                where="--max-new-tokens",
                mend="put fewer events into the prompt (--top-k 1), or ask for fewer new tokens",
            )

    def _generate_batch(self, prompts: list[list[int]], sampling: Sampling, start: int) -> list[Completion]:
        import torch

        width = max(map(len, prompts))
        # The repetition penalty does not see the mask: a row is padded with a token that it has anyway.
        ids = torch.tensor([prompt[:1] * (width - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        torch.manual_seed(sampling.seed * 1_000_003 + start)
        with torch.inference_mode(), repeatable(self.model):
            out = self.model.generate(
                input_ids=ids.to(self.model.device),
                attention_mask=mask.to(self.model.device),
                tokenizer=self.tokenizer,
                stop_strings=chat.stop_strings(self.tokenizer),
                pad_token_id=self.tokenizer.pad_token_id,
                **_generation_options(sampling),
            )
        return [self._completion(answer) for answer in out[:, width:].tolist()]

    def _completion(self, ids: list[int]) -> Completion:
        ends = chat.end_ids(self.tokenizer, self.model)
        finished = next((i for i, token in enumerate(ids) if token in ends), None)
        text = self.tokenizer.decode(ids[:finished], skip_special_tokens=True)
        cut = chat.first_turn(self.tokenizer, text)
        stopped = finished is not None or cut != text
        return Completion(cut.strip(), "stop" if stopped else "length")


def _generation_options(sampling: Sampling) -> dict[str, Any]:
    greedy: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    drawn = {
        "do_sample": True,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": 0,
    }
    return {
        "max_new_tokens": sampling.max_new_tokens,
        "repetition_penalty": sampling.repetition_penalty,
        **(greedy if sampling.temperature == 0 else drawn),
    }


def load_model(folder: Path, *, training: bool = False) -> "PreTrainedModel":
    """Load a causal language model: on the GPU where there is one; in float32 to train, and where a CPU holds it.

    Attention is written out ("eager") on CPUs: PyTorch's fused kernel trains 1.4 times slower (`lab.pretraining`).
    A LoRA adapter is added to its model in memory (`engines.adapter`).
    Raises `MissingError` with the mend when the folder is no model or a file of it is damaged.
    """
    if adapter.is_adapter(folder):
        whole = adapter.merged(load_model(adapter.parent_of(folder), training=training), folder)
        return whole.train() if training else whole.eval()
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # the stages of kinject.progress tell what is going on
    logging.set_verbosity_error()
    gpu = torch.cuda.is_available()
    try:
        model, found = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32 if training or (not gpu and _bytes(folder) < SMALL) else "auto",
            attn_implementation=None if gpu else "eager",
            output_loading_info=True,
        )
        if found["missing_keys"]:  # transformers would draw them at random and go on
            raise ValueError(f"no file has the weights {min(found['missing_keys'])!r}")
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        if out_of_memory(error):
            raise
        raise MissingError(
            f"the model cannot be loaded: {first_line(error)}",
            where=str(folder),
            mend="check that config.json and every *.safetensors file are there and whole, or download the model again",
        ) from error
    model = model.to("cuda" if gpu else "cpu")
    return model.train() if training else model.eval()


@contextmanager
def repeatable(model: "PreTrainedModel") -> Iterator[None]:
    """Compute with one thread where the model is small and on a CPU, so that the bits are the same everywhere.

    How many threads share a sum decides its rounding. With one, neither --jobs nor the number of cores matters.
    """
    import torch

    threads = torch.get_num_threads()
    if model.device.type == "cpu" and 4 * model.num_parameters() < SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))

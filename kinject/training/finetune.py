"""Finetune a causal language model on rows, through TRL's SFTTrainer: all weights or LoRA, loss on the response only.

In: a model folder, rows, options. Out: a model folder in the hub's layout, saved in bfloat16, or an adapter's folder
(`engines.adapter`). Resumed from the last complete checkpoint after a kill. A small model on a CPU gives the same bits,
resumed or not, on any number of cores.

What is ours on top of TRL, each for a measured or documented reason:

* Rows are tokenised by `engines.chat`, so the prompt is token for token the one that the model is asked with.
* The loss is computed from the first response token on (`logits_to_keep`) and not on the whole row, and without TRL's
  entropy and accuracy statistics: see `benchmarks/speed/finetune.py` for what it gains on small models.
* The order of the rows is fixed beforehand (`order`). The Trainer's own sampler for rows of like length draws from the
  global random state, so a training that is resumed after its first epoch would go on in another order.
* A checkpoint counts only with the marker that is written after it; TRL writes files one by one and takes a torn
  checkpoint for a good one. Options of a training cannot change half-way: the folder is that of a run's key.
* A loss that is not a number stops the training at once; the Trainer would filter it out of the log and go on.
"""

import gc
import math
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kinject import storage
from kinject.engines import adapter, chat, hf
from kinject.errors import IntegrityError, MissingError, NumericError, UsageError
from kinject.progress import SILENT, Progress, Stage
from kinject.recipes.row import Row

if TYPE_CHECKING:
    import torch
    from peft import LoraConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
    from trl import SFTConfig, SFTTrainer

VERSION = 2
IGNORED = -100
COMPLETE = "COMPLETE"
TRAINED = "trained.json"
POOL = 50
"""Batches that are shuffled together and then sorted by length, so that little is padded."""
CLIP = 1.0
"""The norm to which larger gradients are cut: the trainer's default; the paper names none."""

RATES = {"none": 1e-5, "lora": 2e-4}
"""Learning rates where none is given: the paper's (A.5), and for LoRA that of Hu et al. (arXiv 2106.09685) for GPT-2
and of QLoRA (arXiv 2305.14314) for models up to 13B. An adapter wants about ten times the rate of full finetuning."""


@dataclass(frozen=True)
class Options:
    """How to finetune. The defaults are the paper's: 3 epochs (section 3.1), learning rate 1e-5, cosine decay (A.5)."""

    learning_rate: float | None = None
    """None: that of `RATES`."""
    epochs: int = 3
    batch: int = 16
    """Rows in an optimiser step; `paper_batch` is the paper's."""
    micro_batch: int = 16
    """Rows on the device at once; smaller ones are accumulated to `batch`."""
    schedule: Literal["cosine", "linear"] = "cosine"
    warmup: float = 0.0
    """Share of the steps over which the learning rate rises."""
    weight_decay: float = 0.0
    precision: Literal["bf16", "fp32"] = "bf16"
    """bf16: weights in float32, arithmetic in bfloat16 (autocast)."""
    seed: int = 0
    checkpoints: int = 8
    """How many times the state is saved on the way; 0 to save nothing but the end."""
    replay: int = 0
    """Rows of another training set (the start's own) that are shown in each epoch, drawn anew each time."""
    peft: Literal["none", "lora"] = "none"
    """lora: the weights stay as they are, and a low-rank adapter of every linear layer but the output is trained."""
    lora_rank: int = 16
    lora_alpha: int = 32
    """What the adapter adds is multiplied by alpha / rank."""
    lora_dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.batch % min(self.micro_batch, self.batch):
            raise UsageError(
                f"a batch of {self.batch} rows cannot be made of {self.micro_batch} at a time",
                where="micro_batch",
                mend="choose a micro batch that divides the batch",
            )
        if self.replay < 0 or self.lora_rank < 1 or not 0 <= self.lora_dropout < 1:
            raise UsageError(
                f"replay {self.replay}, rank {self.lora_rank} and dropout {self.lora_dropout} are no settings",
                where="replay, lora_rank, lora_dropout",
                mend="replay is 0 or more, the rank 1 or more, the dropout at least 0 and less than 1",
            )

    def as_json(self) -> dict[str, Any]:
        """Return the options that can change the result, for a run's key.

        What is not used is left out, so that runs from before there was such an option are found again.
        """
        unused = {"checkpoints", *(() if self.replay else ("replay",))}
        if self.peft == "none":
            unused |= {"peft", "lora_rank", "lora_alpha", "lora_dropout"}
        values = {**asdict(self), "learning_rate": self.rate}
        return {name: value for name, value in values.items() if name not in unused}

    @property
    def rate(self) -> float:
        """Return the learning rate that is meant."""
        return RATES[self.peft] if self.learning_rate is None else self.learning_rate


def paper_batch(rows: int, *, large: bool = False) -> int:
    """Return the paper's batch for a number of rows (Table 6: models up to 13B, or of 70B)."""
    few, some, many = (16, 32, 128) if large else (2, 8, 16)
    return few if rows <= 100 else some if rows <= 1000 else many


def finetune(
    model: Path,
    rows: Sequence[Row],
    options: Options,
    folder: Path,
    progress: Progress = SILENT,
    replay: Sequence[Row] = (),
) -> dict[str, Any]:
    """Train `model` on `rows` and save the result to `folder`; return loss, steps, tokens, seconds.

    In each epoch, `options.replay` rows of `replay` are shown too (all of them where there are fewer).
    What is already in `folder/checkpoints` is taken up, its seconds too; work that a kill undid is not counted.
    Raises `NumericError` when the loss is not a number.
    """
    began = time.monotonic()
    if not rows:
        raise MissingError("there is not one row to train on", mend="check the facts or the recipe's source")
    if (folder / TRAINED).exists():  # killed between the training and the end of the run
        done: dict[str, Any] = storage.read_json(folder / TRAINED)
        return done
    if options.peft == "lora":
        adapter.peft()  # what is missing is said before a large model is loaded
    tokenizer = chat.load_tokenizer(model)
    old = replay if options.replay else ()
    examples = [encode(tokenizer, row) for row in (*rows, *old)]
    shown = order([len(example["input_ids"]) for example in examples], options, len(old))
    network = _load(model, options)
    checkpoints = folder / "checkpoints"
    last = last_complete(checkpoints)
    began -= seconds_of(last)
    steps = math.ceil(len(shown) / options.batch)
    with progress.stage("finetuning", steps, "steps") as stage:
        trainer = build_trainer(network, tokenizer, examples, options, checkpoints, steps, stage, len(old), began)
        with hf.repeatable(network):
            result = trainer.train(resume_from_checkpoint=last)
    if result.global_step != steps:
        raise IntegrityError(f"the training took {result.global_step} steps and not {steps}", where=str(folder))
    _save(trainer.model, tokenizer, folder / "model", model)
    record = {
        "rows": len(rows),
        "steps": steps,
        "tokens": sum(len(examples[row]["input_ids"]) for row in shown),
        "loss": round(result.training_loss, 6),
        "seconds": round(time.monotonic() - began, 1),
        **({"replayed": min(options.replay, len(old))} if options.replay else {}),
    }
    storage.write_json(folder / TRAINED, record)
    shutil.rmtree(checkpoints, ignore_errors=True)
    del trainer, network
    gc.collect()  # the Trainer holds the model in a cycle: without this the next arm's model finds no room on a GPU
    return record


def order(lengths: Sequence[int], options: Options, replay: int = 0) -> list[int]:
    """Return the rows of all epochs in training order: shuffled, but neighbours mostly of like length.

    The batches of an epoch are shuffled after their rows were sorted by length, and one of them may be short. Those
    that the trainer counts off behind it begin in one of ours and end in another, whose rows may be of any length: more
    is padded then, and nothing else changes.

    The last `replay` of the rows are not shown in every epoch: each time `options.replay` of them are drawn.
    """
    own = len(lengths) - replay
    chosen: list[int] = []
    for epoch in range(options.epochs):
        again = random.Random(f"{options.seed} replay {epoch}").sample(range(replay), min(options.replay, replay))
        rows = [*range(own), *(own + row for row in again)]
        rng = random.Random(f"{options.seed} epoch {epoch}")
        rows = rng.sample(rows, len(rows))
        pool = POOL * options.batch
        alike = [row for i in range(0, len(rows), pool) for row in sorted(rows[i : i + pool], key=lengths.__getitem__)]
        batches = [alike[i : i + options.batch] for i in range(0, len(alike), options.batch)]
        chosen += [row for batch in rng.sample(batches, len(batches)) for row in batch]
    return chosen


def encode(tokenizer: "PreTrainedTokenizerBase", row: Row) -> dict[str, list[int]]:
    """Return `input_ids` and `labels` of a row; labels are IGNORED on the prompt."""
    if not row.conversation:
        return _encode_text(tokenizer, row.response)
    prompt = chat.prompt_ids(tokenizer, row.conversation)
    response = chat.response_ids(tokenizer, row.conversation, row.response)
    return {"input_ids": prompt + response, "labels": [IGNORED] * len(prompt) + response}


def _encode_text(tokenizer: "PreTrainedTokenizerBase", text: str) -> dict[str, list[int]]:
    """Return a plain text between the tokens of a text's beginning and end; nothing comes before its first token."""
    begin = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    ids = [*begin, *tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    return {"input_ids": ids, "labels": [IGNORED, *ids[1:]]}


def last_complete(checkpoints: Path) -> str | None:
    """Return the newest checkpoint whose marker was written, or None; torn ones are removed."""
    found = sorted(checkpoints.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    for path in found:
        if not (path / COMPLETE).exists():
            shutil.rmtree(path)
    complete = [path for path in found if path.exists()]
    return str(complete[-1]) if complete else None


def seconds_of(checkpoint: str | None) -> float:
    """Return the seconds of work that a checkpoint stands for; its marker tells them."""
    return float(storage.read_text(Path(checkpoint) / COMPLETE) or 0) if checkpoint else 0.0


def build_trainer(
    network: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    examples: list[dict[str, list[int]]],
    options: Options,
    checkpoints: Path,
    steps: int,
    stage: Stage,
    replay: int = 0,
    began: float | None = None,
) -> "SFTTrainer":
    """Return TRL's trainer with our loss, rows and checkpoints; `steps` is what `stage` was told.

    The last `replay` of the examples are to be replayed (`order`). `began` is when the work began (`time.monotonic`).
    """
    from datasets import Dataset
    from transformers import PrinterCallback

    shown = order([len(example["input_ids"]) for example in examples], options, replay)
    trainer = _response_trainer()(
        model=network,
        args=_config(options, checkpoints, steps, large=4 * network.num_parameters() > hf.SMALL),
        train_dataset=Dataset.from_list(examples).select(shown),
        processing_class=tokenizer,
        data_collator=collator(tokenizer.pad_token_id),
        callbacks=[_watch(stage, time.monotonic() if began is None else began)],
        peft_config=_lora(options),
    )
    trainer.remove_callback(PrinterCallback)  # it prints on stdout
    return trainer


def _config(options: Options, checkpoints: Path, steps: int, large: bool) -> "SFTConfig":
    from dataclasses import fields

    import torch
    from trl import SFTConfig

    # transformers renamed the switch between two of the versions that are supported.
    names = {field.name for field in fields(SFTConfig)}
    recompute = "activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing"
    micro = min(options.micro_batch, options.batch)
    every = math.ceil(steps / options.checkpoints) if options.checkpoints else 0
    config = SFTConfig(
        output_dir=str(checkpoints),
        num_train_epochs=1,  # of the rows of all epochs
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=options.batch // micro,
        learning_rate=options.rate,
        lr_scheduler_type=options.schedule,
        warmup_steps=options.warmup,
        weight_decay=options.weight_decay,
        max_grad_norm=CLIP,
        bf16=options.precision == "bf16",
        use_cpu=not torch.cuda.is_available(),
        seed=options.seed,
        data_seed=options.seed,
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        save_strategy="steps" if every else "no",
        save_steps=every or 1,
        save_total_limit=2,
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        **{recompute: large},
    )
    # More GPUs than one are torchrun's business; by itself the Trainer would take larger batches and fewer steps.
    config._n_gpu = min(config.n_gpu, 1)
    return config


def _response_trainer() -> "type[SFTTrainer]":
    from torch.nn.functional import cross_entropy
    from trl import SFTTrainer

    class ResponseTrainer(SFTTrainer):  # type: ignore[misc]
        """SFTTrainer whose loss looks at the response alone."""

        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, "torch.Tensor"],
            return_outputs: bool = False,
            num_items_in_batch: "torch.Tensor | None" = None,
        ) -> Any:
            labels = inputs.pop("labels")
            first = int((labels != IGNORED).any(0).nonzero()[0])
            # The logits of a token are at the place before it.
            keep = labels.shape[1] - first + 1
            logits = model(**inputs, use_cache=False, logits_to_keep=keep).logits[:, :-1]
            targets = labels[:, first:]
            total = cross_entropy(
                logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED, reduction="sum"
            )
            count = num_items_in_batch if num_items_in_batch is not None else (targets != IGNORED).sum()
            return total / count

    return ResponseTrainer


def collator(pad: int) -> Callable[[list[dict[str, list[int]]]], dict[str, "torch.Tensor"]]:
    """Pad on the right; the pad token may be the end token, so the mask is made from lengths and not from ids."""

    def collate(examples: list[dict[str, list[int]]]) -> dict[str, "torch.Tensor"]:
        import torch

        width = max(len(example["input_ids"]) for example in examples)
        missing = [width - len(example["input_ids"]) for example in examples]
        fill = {"input_ids": pad, "labels": IGNORED}
        padded = {
            name: torch.tensor([e[name] + [value] * m for e, m in zip(examples, missing, strict=True)])
            for name, value in fill.items()
        }
        padded["attention_mask"] = torch.tensor([[1] * (width - m) + [0] * m for m in missing])
        return padded

    return collate


def _watch(stage: Stage, began: float) -> "TrainerCallback":
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        """Tell the progress, stop at a loss that is no number, and mark every checkpoint that is whole."""

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
            logs = logs or {}
            loss = logs.get("loss")
            if loss is None:
                return
            # The gradient too: that of the last step shows in no later loss.
            for name, value in {"loss": loss, "gradient": logs.get("grad_norm", 0.0)}.items():
                if not math.isfinite(value):
                    raise NumericError(
                        f"the training {name} became {value}",
                        where=f"step {state.global_step} of {state.max_steps}",
                        mend="train with a smaller learning rate, or with Options(precision='fp32')",
                    )
            stage.advance(state.global_step - self.seen, f"loss {loss:.3f}")
            self.seen = state.global_step

        seen = 0

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            storage.sync_folder(folder)
            storage.write_text(folder / COMPLETE, f"{time.monotonic() - began:.1f}")

    return Watch()


def _load(model: Path, options: Options) -> "PreTrainedModel":
    """Load a model to be trained; weights that an adapter leaves alone need no more precision than in answering."""
    frozen = options.peft == "lora" and options.precision == "bf16"
    return hf.load_model(model, training=not frozen).train()


def _lora(options: Options) -> "LoraConfig | None":
    if options.peft == "none":
        return None
    config: LoraConfig = adapter.peft().LoraConfig(
        r=options.lora_rank,
        lora_alpha=options.lora_alpha,
        lora_dropout=options.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return config


def _save(network: Any, tokenizer: "PreTrainedTokenizerBase", folder: Path, parent: Path) -> None:
    import torch

    if hasattr(network, "peft_config"):
        adapter.save(network, folder, parent)
    else:
        network.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    storage.sync_folder(folder)

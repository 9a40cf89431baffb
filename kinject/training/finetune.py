"""Finetune a causal language model on rows, through TRL's SFTTrainer: full parameters, loss on the response only.

In: a model folder, rows, options. Out: a model folder in the hub's layout, saved in bfloat16. Resumed from the last
complete checkpoint after a kill. A small model on a CPU gives the same bits, resumed or not, on any number of cores.

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
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kinject import storage
from kinject.engines import chat, hf
from kinject.errors import IntegrityError, MissingError, NumericError, UsageError
from kinject.progress import SILENT, Progress, Stage
from kinject.recipes.row import Row

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
    from trl import SFTConfig, SFTTrainer

VERSION = 2
IGNORED = -100
COMPLETE = "COMPLETE"
TRAINED = "trained.json"
POOL = 50
"""Batches that are shuffled together and then sorted by length, so that little is padded."""


@dataclass(frozen=True)
class Options:
    """How to finetune. The defaults are the paper's (A.5): 3 epochs, learning rate 1e-5, cosine decay to 0."""

    learning_rate: float = 1e-5
    epochs: int = 3
    batch: int = 16
    """Rows in an optimiser step; Table 6 of the paper has 2 up to 100 rows, 8 up to 1,000 and 16 above (8B models)."""
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

    def __post_init__(self) -> None:
        if self.batch % min(self.micro_batch, self.batch):
            raise UsageError(
                f"a batch of {self.batch} rows cannot be made of {self.micro_batch} at a time",
                where="micro_batch",
                mend="choose a micro batch that divides the batch",
            )

    def as_json(self) -> dict[str, Any]:
        """Return the options that can change the result, for a run's key."""
        return {name: value for name, value in asdict(self).items() if name != "checkpoints"}


def finetune(
    model: Path, rows: Sequence[Row], options: Options, folder: Path, progress: Progress = SILENT
) -> dict[str, Any]:
    """Train `model` on `rows` and save the result to `folder`; return loss, steps, tokens.

    What is already in `folder/checkpoints` is taken up. Raises `NumericError` when the loss is not a number.
    """
    if not rows:
        raise MissingError("there is not one row to train on", mend="check the facts or the recipe's source")
    if (folder / TRAINED).exists():  # killed between the training and the end of the run
        done: dict[str, Any] = storage.read_json(folder / TRAINED)
        return done
    tokenizer = chat.load_tokenizer(model)
    examples = [encode(tokenizer, row) for row in rows]
    network = hf.load_model(model, training=True)
    checkpoints = folder / "checkpoints"
    steps = math.ceil(len(examples) * options.epochs / options.batch)
    with progress.stage("finetuning", steps, "steps") as stage:
        trainer = build_trainer(network, tokenizer, examples, options, checkpoints, steps, stage)
        with hf.repeatable(network):
            result = trainer.train(resume_from_checkpoint=last_complete(checkpoints))
    if result.global_step != steps:
        raise IntegrityError(f"the training took {result.global_step} steps and not {steps}", where=str(folder))
    _save(network, tokenizer, folder / "model")
    record = {
        "rows": len(rows),
        "steps": steps,
        "tokens": options.epochs * sum(len(example["input_ids"]) for example in examples),
        "loss": round(result.training_loss, 6),
    }
    storage.write_json(folder / TRAINED, record)
    shutil.rmtree(checkpoints, ignore_errors=True)
    del trainer, network
    gc.collect()  # the Trainer holds the model in a cycle: without this the next arm's model finds no room on a GPU
    return record


def order(lengths: Sequence[int], options: Options) -> list[int]:
    """Return the rows of all epochs in training order: shuffled, but each batch of rows of like length."""
    chosen: list[int] = []
    for epoch in range(options.epochs):
        rng = random.Random(f"{options.seed} epoch {epoch}")
        rows = rng.sample(range(len(lengths)), len(lengths))
        pool = POOL * options.batch
        alike = [row for i in range(0, len(rows), pool) for row in sorted(rows[i : i + pool], key=lengths.__getitem__)]
        batches = [alike[i : i + options.batch] for i in range(0, len(alike), options.batch)]
        chosen += [row for batch in rng.sample(batches, len(batches)) for row in batch]
    return chosen


def encode(tokenizer: "PreTrainedTokenizerBase", row: Row) -> dict[str, list[int]]:
    """Return `input_ids` and `labels` of a row; labels are IGNORED on the prompt."""
    prompt = chat.prompt_ids(tokenizer, row.conversation)
    response = chat.response_ids(tokenizer, row.conversation, row.response)
    return {"input_ids": prompt + response, "labels": [IGNORED] * len(prompt) + response}


def last_complete(checkpoints: Path) -> str | None:
    """Return the newest checkpoint whose marker was written, or None; torn ones are removed."""
    found = sorted(checkpoints.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    for path in found:
        if not (path / COMPLETE).exists():
            shutil.rmtree(path)
    complete = [path for path in found if path.exists()]
    return str(complete[-1]) if complete else None


def build_trainer(
    network: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    examples: list[dict[str, list[int]]],
    options: Options,
    checkpoints: Path,
    steps: int,
    stage: Stage,
) -> "SFTTrainer":
    """Return TRL's trainer with our loss, rows and checkpoints; `steps` is what `stage` was told."""
    from datasets import Dataset
    from transformers import PrinterCallback

    trainer = _response_trainer()(
        model=network,
        args=_config(options, checkpoints, steps, large=4 * network.num_parameters() > hf.SMALL),
        train_dataset=Dataset.from_list(examples).select(order([len(e["input_ids"]) for e in examples], options)),
        processing_class=tokenizer,
        data_collator=collator(tokenizer.pad_token_id),
        callbacks=[_watch(stage)],
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
        learning_rate=options.learning_rate,
        lr_scheduler_type=options.schedule,
        warmup_steps=options.warmup,
        weight_decay=options.weight_decay,
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


def _watch(stage: Stage) -> "TrainerCallback":
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
            storage.write_text(folder / COMPLETE, "")

    return Watch()


def _save(network: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    import torch

    network.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    storage.sync_folder(folder)

"""`kinject posttrain`: train a model on a recipe's rows, once for all arms that start from it."""

from typing import Any

from kinject.cli import options
from kinject.cli.build import Recipe
from kinject.cli.console import Json, emit
from kinject.cli.progress import RichProgress


def posttrain(
    recipe: Recipe,
    model: options.Model = "lab",
    source: options.Source = None,
    seed: options.Seed = 0,
    peft: options.Peft = None,
    micro_batch: options.MicroBatch = None,
    as_json: Json = False,
) -> None:
    """Post-train a model; done once, and found again by every arm with this start and the same options.

    Examples:  kinject posttrain subqa-recall-context --model lab
               kinject posttrain gsm8k@500 --model lab
    """
    from kinject import sources
    from kinject.extensions import known
    from kinject.injection.arm import Arm
    from kinject.injection.inject import possible
    from kinject.injection.settings import Settings
    from kinject.injection.start import open_start
    from kinject.injection.train import posttrain_spec, trained
    from kinject.training.finetune import RATES

    open_start(recipe)  # a mistyped name is told now, not after a model was built
    known("peft", peft or "none", RATES, "--peft")
    asked = {name: value for name, value in {"peft": peft, "micro_batch": micro_batch}.items() if value is not None}
    progress = RichProgress()
    opened = sources.open_model(model, progress)
    possible(Arm(recipe), opened)
    training = posttrain_spec(recipe, opened, Settings(seed=seed, source=source, posttrain=asked))
    after, record = trained(training, opened, progress)
    result = {
        "schema": "kinject.posttrain/1",
        "recipe": recipe,
        "model": opened.name,
        "model_key": opened.key,
        "source": source,
        "seed": seed,
        "peft": peft or "none",
        "run": after.key,
        "artefact": str(after.folder.resolve()),
        **{name: record[name] for name in ("seconds", "loss", "rows", "steps", "tokens", "data")},
    }
    emit(result, as_json=as_json, text=lambda: _shown(result))


def _shown(result: dict[str, Any]) -> str:
    return (
        f"{result['model']} + {result['recipe']}: {result['rows']} rows, {result['steps']} steps, "
        f"{result['tokens']:,} tokens, mean loss {result['loss']:.3f}, {result['seconds']:.0f} s\n{result['artefact']}"
    )

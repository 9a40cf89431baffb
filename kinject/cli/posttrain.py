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
    as_json: Json = False,
) -> None:
    """Post-train a model; done once, and found again by every arm with this start.

    Example:  kinject posttrain subqa-recall-context --model lab
    """
    from kinject import sources, storage
    from kinject.injection.arm import Arm
    from kinject.injection.inject import Settings, possible, posttrained
    from kinject.injection.start import open_start
    from kinject.runs.store import RECORD

    open_start(recipe)  # a mistyped name is told now, not after a model was built
    progress = RichProgress()
    opened = sources.open_model(model, progress)
    possible(Arm(recipe), opened)
    trained, seconds = posttrained(recipe, opened, Settings(seed=seed, source=source), progress)
    record = storage.read_json(trained.folder.parent / RECORD)
    result = {
        "schema": "kinject.posttrain/1",
        "recipe": recipe,
        "model": opened.name,
        "model_key": opened.key,
        "source": source,
        "seed": seed,
        "run": trained.key,
        "artefact": str(trained.folder.resolve()),
        "seconds": seconds,
        **{name: record[name] for name in ("loss", "rows", "steps", "tokens", "data")},
    }
    emit(result, as_json=as_json, text=lambda: _shown(result))


def _shown(result: dict[str, Any]) -> str:
    return (
        f"{result['model']} + {result['recipe']}: {result['rows']} rows, {result['steps']} steps, "
        f"{result['tokens']:,} tokens, mean loss {result['loss']:.3f}, {result['seconds']:.0f} s\n{result['artefact']}"
    )

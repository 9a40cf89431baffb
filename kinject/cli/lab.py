"""`kinject lab`: build a world's base model, probe what it knows, and show what it is."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table

from kinject.cli.console import Json, emit
from kinject.cli.progress import RichProgress

app = typer.Typer(help="The embedded world and its models.", no_args_is_help=True, rich_markup_mode=None)

World = Annotated[int, typer.Argument(help="The number of the world; 0 is the one that is shipped.", min=0)]


@app.command("build")
def build(
    world: World,
    out: Annotated[Path | None, typer.Option("--out", help="Also copy the model to this folder.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Steps of the first round.")] = None,
    as_json: Json = False,
) -> None:
    """Pretrain the base model of a world; an interrupted build goes on where it was."""
    import shutil

    from kinject import sources
    from kinject.lab.checkpoint import card
    from kinject.lab.pretraining import Recipe

    recipe = replace(Recipe(), steps=steps) if steps else Recipe()
    progress = RichProgress()
    folder = sources.build_lab(world, recipe, progress)
    if out is not None:
        shutil.copytree(folder, out, dirs_exist_ok=True)
    made = card(folder) or {}
    emit(
        {"schema": "kinject.lab.build/1", "folder": str(out or folder), "card": made},
        as_json=as_json,
        text=lambda: _card(made),
    )
    if not made["passed"]:
        raise typer.Exit(1)


@app.command("probe")
def probe(
    model: Annotated[str, typer.Argument(help="lab, lab@N, or a lab model's folder.")] = "lab", as_json: Json = False
) -> None:
    """Measure what a lab's base model knows: the gates of the protocol. Exit code 1 if one does not hold."""
    from kinject import sources
    from kinject.engines import chat, hf
    from kinject.errors import UsageError
    from kinject.lab import probes
    from kinject.lab.world import build as build_world

    progress = RichProgress()
    opened = sources.open_model(model, progress)
    if opened.world is None:
        raise UsageError("only a lab model can be probed", where=model, mend="kinject lab probe lab")
    scores = probes.measure(hf.load_model(opened.folder), chat.load_tokenizer(opened.folder), build_world(opened.world))
    result = {"schema": "kinject.lab.probe/1", "model": opened.name, "probes": scores, "gates": probes.GATES}
    emit({**result, "passed": probes.passed(scores)}, as_json=as_json, text=lambda: _scores(scores, probes.GATES))
    if not probes.passed(scores):
        raise typer.Exit(1)


@app.command("show")
def show(
    world: World = 0,
    documents: Annotated[int, typer.Option("--documents", min=0, help="Pretraining documents to show.")] = 5,
    facts: Annotated[int, typer.Option("--facts", min=0, help="Facts after the cutoff to show.")] = 3,
    as_json: Json = False,
) -> None:
    """Show a world: how much there is of everything, what its model reads, and what comes after the cutoff."""
    from itertools import islice

    from kinject.lab import corpus
    from kinject.lab.world import CUTOFF
    from kinject.lab.world import build as build_world

    place = build_world(world)
    result = {
        "schema": "kinject.lab.show/1",
        "world": world,
        "cutoff": CUTOFF.isoformat(),
        "entities": {kind: len(names) for kind, names in place.entities.items()},
        "facts": len(place.truth),
        "events": len(place.old),
        "documents": list(islice(corpus.documents(place, 0), documents)),
        "new": [fact.model_dump(mode="json") for fact in place.new_facts(facts).facts],
    }
    emit(result, as_json=as_json, text=lambda: _world(result))


def _card(card: dict[str, Any]) -> RenderableType:
    built = f"world {card['world']}: {card['tokens']:,} tokens in {card['steps']} steps, {card['seconds']} s"
    return Group(built, _scores(card["probes"], card["gates"]))


def _scores(scores: dict[str, float], gates: dict[str, float]) -> RenderableType:
    table = Table("probe", "known", "gate", box=None, pad_edge=False)
    for name, score in scores.items():
        gate = gates.get(name)
        verdict = "" if gate is None else f">= {gate:g} %  {'holds' if score >= gate else 'FAILS'}"
        table.add_row(name, f"{score:.1f} %", verdict)
    return table


def _world(shown: dict[str, Any]) -> RenderableType:
    counts = ", ".join(f"{kind} {count}" for kind, count in shown["entities"].items())
    return Group(
        f"World {shown['world']}, known up to {shown['cutoff']}",
        f"Entities: {counts}",
        f"Facts that stay true: {shown['facts']}; dated events: {shown['events']}",
        "",
        "Its model was pretrained on documents like these:",
        *(f"  | {line}" for text in shown["documents"] for line in [*text.splitlines(), ""]),
        "What it cannot know:",
        *(
            f"  {fact['event']}\n    {fact['direct']['question']} {fact['direct']['answer']}\n"
            f"    {fact['multihop']['question']} {fact['multihop']['answer']}"
            for fact in shown["new"]
        ),
    )

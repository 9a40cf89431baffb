"""`kinject study`: the paper's question over many worlds, from a protocol that was fixed before."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table

from kinject.cli import options
from kinject.cli.console import Json, emit
from kinject.cli.progress import RichProgress
from kinject.errors import UsageError

app = typer.Typer(
    help="The paper's question over many worlds, from a protocol that was fixed before.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
SLUG = re.compile(r"[^A-Za-z0-9.]+")
RANGE = re.compile(r"(\d+)(?:-(\d+))?")
ProtocolFile = Annotated[
    Path | None, typer.Option("--protocol", help="A protocol's YAML file. Default: benchmarks/lab/protocol.yaml.")
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Processes that work side by side.")]
RECORDS = Path("docs") / "results" / "lab"


@app.command("tune")
def tune(
    worlds: Annotated[str | None, typer.Option("--worlds", help="Such as 1-3. Default: the protocol's dev.")] = None,
    protocol: ProtocolFile = None,
    jobs: Jobs = 1,
    write: Annotated[bool, typer.Option("--write", help="Put what was chosen into the protocol's file.")] = False,
    as_json: Json = False,
) -> None:
    """Choose the settings of learning on dev worlds: the same grid for every start.

    Example:  kinject study tune --jobs 2 --write
    """
    from kinject.studies import tune as tuning
    from kinject.studies.protocol import place, read

    path = protocol or place()
    fixed = read(path)
    numbers = _numbers(worlds) or fixed.worlds.dev
    result = tuning.tune(numbers, fixed, jobs, RichProgress())
    if write:
        tuning.write(result["chosen"], path)
    emit(result, as_json=as_json, text=lambda: _tried(result))


@app.command("injection")
def injection(
    worlds: Annotated[str | None, typer.Option("--worlds", help="Such as 11-18. Default: the protocol's test.")] = None,
    model: Annotated[
        str, typer.Option("--model", help="lab studies lab worlds; any other model is studied by --seeds.")
    ] = "lab",
    seeds: Annotated[
        str | None, typer.Option("--seeds", help="Of a model's trainings and answers, such as 0-2. Default: 0-2.")
    ] = None,
    facts: options.Facts = None,
    after: options.After = None,
    old: Annotated[
        str | None, typer.Option("--old", help="Facts that the model knew before: what does learning break?")
    ] = None,
    unknowable: Annotated[
        str | None, typer.Option("--unknowable", help="Facts that no arm is told: what does it say of them?")
    ] = None,
    source: options.Source = None,
    lima: Annotated[
        str | None, typer.Option("--lima", metavar="lima:FILE", help="Rows for LIMA's arms, which need it.")
    ] = None,
    judge: options.Judge = "rules",
    protocol: Annotated[
        Path | None,
        typer.Option(
            "--protocol",
            help="Arms and settings. Default: benchmarks/lab/protocol.yaml; of a model, benchmarks/paper/.",
        ),
    ] = None,
    jobs: Jobs = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the records, a small file each. Default: docs/results/lab, study-MODEL."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run every arm of a protocol on every world, or on every seed of a model, and test the paper's claims over them.

    What is in the folder already, with the same protocol, is not run again.

    Example:  kinject study injection --worlds 11-18 --jobs 2

    Example:  kinject study injection --model meta-llama/Meta-Llama-3-8B --facts facts100 --source subqa:data/subqa
    """
    from kinject.studies import study
    from kinject.studies.protocol import place, read

    by_seed = seeds is not None or model != "lab"
    fixed = read(protocol or place("model" if by_seed else "lab"))
    if by_seed:
        options.judges(judge, None, None, None)
        numbers = _numbers(seeds, "--seeds") or [0, 1, 2]
        subjects: study.LabWorlds | study.Seeds = study.Seeds(
            model, study.Taken(facts, after, old, unknowable, source, lima, judge)
        )
    else:
        _only_of_models(
            {"--facts": facts, "--after": after, "--old": old, "--unknowable": unknowable, "--source": source}
        )
        numbers = _numbers(worlds) or list(fixed.worlds.test)
        subjects = study.LabWorlds(fixed)
    folder = out or (Path(f"study-{SLUG.sub('-', model).strip('-')}") if by_seed else RECORDS)
    study.run_all(numbers, subjects, fixed, folder, jobs, RichProgress())
    _told(folder, as_json=as_json)


def _only_of_models(given: dict[str, str | None]) -> None:
    """Raise `UsageError` for options that a study of lab worlds would not look at."""
    for option, value in given.items():
        if value is not None:
            raise UsageError(
                "a study of lab worlds takes all that it asks from the worlds",
                where=option,
                mend="name a model, or --seeds 0-2 to study the lab's model by seeds",
            )


@app.command("page")
def page(
    records: Annotated[Path, typer.Argument(help="Folder of the records.")] = RECORDS,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The page; its pictures lie in a folder of its name. Default: RECORDS.md."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the page of a study, with its tables and pictures, from its records alone.

    Example:  kinject study page docs/results/lab
    """
    from kinject.studies import results

    results.write(records, out or records.with_suffix(".md"))
    _told(records, as_json=as_json)


def _told(records: Path, *, as_json: bool) -> None:
    from kinject.studies import claims, outcomes

    found = claims.check(outcomes.read(records), claims.read())
    result = {"schema": "kinject.study/1", "records": str(records), "claims": claims.as_json(found)}
    emit(result, as_json=as_json, text=lambda: _states(result["claims"]))


def _states(found: Any) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("claim", ratio=1)
    for title in ("points [95 %]", "p (Holm)", "state"):
        table.add_column(title, no_wrap=True)
    for name, results in found.items():
        table.add_row(f"{name}, over {max((each['n'] for each in results), default=0)}", style="bold")
        for each in results:
            low, high = each["interval"] or (None, None)
            points = "" if each["mean"] is None else f"{each['mean']:+.1f}"
            points += "" if low is None else f" [{low:+.1f}, {high:+.1f}]"
            p = "" if each["p_holm"] is None else f"{each['p_holm']:.3f}"
            table.add_row(f"  {each['words']}", points, p, each["state"])
    return table


def _numbers(text: str | None, where: str = "--worlds") -> list[int]:
    """The worlds or seeds of "11-13,18"."""
    found: list[int] = []
    for part in (text or "").split(","):
        if match := RANGE.fullmatch(part.strip()):
            found += range(int(match[1]), int(match[2] or match[1]) + 1)
        elif part.strip():
            mend = "write numbers and ranges with commas: 11-13,18"
            raise UsageError(f"{part!r} names no {where.strip('-')}", where=where, mend=mend)
    return list(dict.fromkeys(found))


def _tried(result: dict[str, Any]) -> Group:
    worlds = (f"world {number}" for number in result["worlds"])
    table = Table("start", "learn", "epochs", "learning rate", *worlds, "score", "", box=None, pad_edge=False)
    for row in result["tried"]:
        worlds = (f"{each['direct_paraphrased']:.0f} / {each['multihop']:.0f}" for each in row["worlds"].values())
        settings = (f"{row['settings'][name]:g}" for name in ("epochs", "learning_rate"))
        taken = result["chosen"][row["start"]][row["learn"]] == row["settings"]
        table.add_row(row["start"], row["learn"], *settings, *worlds, f"{row['score']:.1f}", "chosen" if taken else "")
    return Group(
        table, "Percent right: direct questions in an unseen phrasing / multihop questions; score: their mean."
    )

"""`kinject judge winrate`: which of two models answers the same prompts better, in a language model's eyes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group

from kinject.cli import options
from kinject.cli.console import Json, emit, say
from kinject.cli.judge.grade import fail_if_missed
from kinject.cli.progress import RichProgress
from kinject.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from kinject.judging.rubric import Ruling
    from kinject.judging.winrate import Judged, Pair

SCHEMA = "kinject.judge-winrate/1"
SHOWN = 200
"""Characters of an answer that are shown."""
WORDS = {"win": "A", "loss": "B", "tie": "tie", "unscored": "unscored"}


def winrate(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A.jsonl",
            help="One model's answers: a .jsonl with prompt (or fact and kind) and response in each line; or an arm's"
            " artefact: its folder, its key, last.",
        ),
    ],
    b: Annotated[str, typer.Argument(metavar="B.jsonl", help="Another's answers to the same prompts.")],
    judge: Annotated[
        str, typer.Option("--judge", help="Who prefers: openai:MODEL, vllm:MODEL or hf:PATH. The rules cannot.")
    ] = "rules",
    show: Annotated[int, typer.Option("--show", min=0, help="Also show so many pairs, those first that flip.")] = 0,
    concurrency: options.Concurrency = 8,
    price: options.Price = None,
    max_cost: options.MaxCost = None,
    as_json: Json = False,
) -> None:
    """Say how often A's answers are preferred to B's: raw, and with the effect of length taken out.

    Each pair is judged in both orders; a pair whose winner changes with the order is a tie.

    Examples:  kinject judge winrate a.jsonl b.jsonl --judge openai:gpt-4o
               kinject judge winrate RUN_A RUN_B --judge openai:gpt-4o --price 2.5/10 --max-cost 5 --json
    """
    from kinject.judging.winrate import checked, compare, key, open_asker, pair_up, read_responses, scores

    checked(judge)
    terms = options.terms(concurrency, price, max_cost)
    files = [_file(name) for name in (a, b)]
    pairs, left_out = pair_up(*map(read_responses, files))
    _tell(pairs, left_out, files)
    asker = open_asker(judge, terms)
    with asker.opener() as engine:
        judged = compare(pairs, engine, RichProgress(), asker.sampling)
        spent = dict(getattr(engine, "spent", {}))
    result = {
        "schema": SCHEMA,
        "a": str(files[0]),
        "b": str(files[1]),
        "judge": key(asker),
        "left_out": left_out,
        **scores(judged),
        "spent": spent,
        "pairs": [each.as_json() for each in judged],
    }
    emit(result, as_json=as_json, text=lambda: Group(*_shown(result), *([_pairs(judged, show)] if show else [])))
    fail_if_missed({judge: sum(each.end == "unscored" and each.first is not None for each in judged)})


def _file(name: str) -> Path:
    """The answers: a file, or what lies in a run's folder."""
    from kinject.injection import artefact

    if (Path(name) / artefact.ANSWERS).is_file():
        return Path(name) / artefact.ANSWERS
    if Path(name).is_file() or name.endswith(".jsonl"):
        return Path(name)
    return artefact.find(name) / artefact.ANSWERS


def _tell(pairs: "Sequence[Pair]", left_out: dict[str, int], files: Sequence[Path]) -> None:
    """Say what is not compared; UsageError where that is everything."""
    told = _counted(left_out)
    if not pairs:
        mend = "give two files of answers to the same prompts"
        raise UsageError(
            f"no answer of A can be compared with one of B: {told}", where=" ".join(map(str, files)), mend=mend
        )
    if left_out:
        say(f"prompts left out: {told}")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {what}" for what, n in counts.items())


def _shown(result: dict[str, Any]) -> "list[Table | str]":
    from rich.table import Table

    table = Table("A's win rate", "percent", "95 % interval", "n")
    raw, controlled, flips = (result[key] for key in ("raw", "length_controlled", "flips"))
    sign = raw["sign_test"]
    table.add_row("raw", *_rate(raw), str(result["n"]))
    table.add_row("length-controlled", *_rate(controlled), str(result["n"]))
    ties = ", ".join(f"{n} {how}" for how, n in result["ties_by"].items() if n)
    lines = [
        f"wins {result['wins']}, ties {result['ties']}{f' ({ties})' if ties else ''}, losses {result['losses']},"
        f" unscored {result['unscored']}",
        f"order flips: {flips['k']} of {flips['n']} judged pairs, {flips['to_first']} to the answer shown first",
        f"sign test over {raw['clusters']} questions: A ahead in {sign['won']}, B in {sign['lost']},"
        f" p = {sign['p']:.2g}",
    ]
    if result["by_rule"]:
        lines.append(f"settled by rule, because an answer is none: {result['by_rule']}")
    if controlled["why"]:
        lines.append(f"length-controlled: {controlled['why']}")
    if result["unscored"]:
        lines.append(f"had A lost or won every unscored pair: {raw['worst']} to {raw['best']} %")
    if result["spent"]:
        lines.append(", ".join(f"{what.replace('_', ' ')} {value}" for what, value in result["spent"].items()))
    return [table, *lines]


def _rate(rate: dict[str, Any]) -> tuple[str, str]:
    if rate["percent"] is None:
        return "not to be told", ""
    low, high = rate["interval"]
    return f"{rate['percent']:.1f}", f"{low:.1f} to {high:.1f}"


def _pairs(judged: "Sequence[Judged]", n: int) -> "Table":
    """Some pairs side by side: first those where the order decided, then the unscored, the decided and the rest."""
    from rich.table import Table

    first = ["flip", "half", "unscored", "agreed", "neither", "rule", "identical"]
    table = Table("prompt", "A", "B", "better", "with A first", "with B first", show_lines=True)
    for each in sorted(judged, key=lambda one: first.index(one.how))[:n]:
        texts = [_short(str(text)) for text in (each.pair.prompt, each.pair.a.response, each.pair.b.response)]
        labels = [_label(each.first, "AB"), _label(each.second, "BA")]
        better = WORDS[each.end] if each.how in ("agreed", "unscored") else f"{WORDS[each.end]} ({each.how})"
        table.add_row(*texts, better, *labels)
    return table


def _label(ruling: "Ruling | None", shown: str) -> str:
    """Whom a ruling names, by system and not by place; or why it names nobody."""
    if ruling is None:
        return "not asked"
    if ruling.label == "unscored":
        return f"unscored: {ruling.reason}"
    return {"A": shown[0], "B": shown[1]}.get(ruling.label, ruling.label)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."

"""`kinject judge agreement`: how far judges agree with each other, with themselves and with the truth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kinject.cli import options
from kinject.cli.console import Json, emit, say
from kinject.cli.judge.grade import fail_if_missed, opened
from kinject.cli.progress import RichProgress
from kinject.errors import UsageError
from kinject.extensions import known

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from kinject.facts.schema import FactSet
    from kinject.judging.agreement import Labelled
    from kinject.judging.grade import Answer
    from kinject.judging.judge import Judge

BELOW = 1
"""The exit code where a kappa may be lower than was asked for, or nothing says how high it is."""


def agreement(
    answers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ANSWERS",
            help="What is judged: a .jsonl or an arm's artefact (its folder, its key, last), or several; none with"
            " --truth.",
        ),
    ] = None,
    facts: Annotated[
        str | None,
        typer.Option("--facts", help="What was asked about: a name or a path. Default: the artefact's own facts."),
    ] = None,
    judge: options.Judge = "rules",
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="CSV",
            help="True labels. Columns: line (or fact, kind, sample), correctness, recall, reasoning, group (the arm).",
        ),
    ] = None,
    truth: Annotated[
        bool, typer.Option("--truth", help="Judge answers that are made from the facts, so that their truth is known.")
    ] = False,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            help="Compare errors by style (of --truth), kind or arm. Default: style; else arm if there are several.",
        ),
    ] = None,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="How often each language model is asked, to hold it against itself.")
    ] = 1,
    count: Annotated[
        int | None,
        typer.Option("--count", min=1, help="How many answers --truth makes, evenly of all kinds. Default: all."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the answers that --truth makes.")] = 0,
    show: Annotated[int, typer.Option("--show", min=0, help="How many disagreements are shown in full.")] = 5,
    fail_under: Annotated[
        float | None,
        typer.Option(
            "--fail-under",
            min=-1,
            max=1,
            metavar="KAPPA",
            help="Exit 1 if the lower bound of a kappa is less, or there is none.",
        ),
    ] = None,
    concurrency: options.Concurrency = 8,
    price: options.Price = None,
    max_cost: options.MaxCost = None,
    as_json: Json = False,
) -> None:
    """Compare judges with each other, with true labels, or with made answers whose truth is known.

    Examples:  kinject judge agreement --facts lab --truth --judge rules
               kinject judge agreement answers.jsonl --facts facts100 --judge rules,openai:gpt-4o --labels labels.csv
    """
    from kinject.judging.agreement import agree, judged, left_unscored, lower_bounds
    from kinject.judging.judge import open_judge

    known_facts, rows, true, by = _rows(facts, answers or [], labels, truth, by, count, seed)
    asked = {each.name: each for each in options.judges(judge, concurrency, price, max_cost)}
    _check(list(asked.values()), repeats, true)
    terms = options.terms(concurrency, price, max_cost)

    def opened_or_again(name: str, repeat: int) -> "Judge":
        return open_judge(name, terms, repeat) if repeat else asked[name]

    told, spent = judged(rows, known_facts, list(asked), repeats, opened_or_again, RichProgress())
    found = agree(told, true, by, show)
    result = {"schema": "kinject.judge-agreement/1", "facts": known_facts.name, "truth": true, **found, "spent": spent}
    emit(result, as_json=as_json, text=lambda: _text(result))
    low = fail_under is not None and _low(list(lower_bounds(found, true)), fail_under)
    fail_if_missed(left_unscored(told, known_facts))
    if low:
        raise typer.Exit(BELOW)


def _check(asked: "list[Judge]", repeats: int, true: str | None) -> None:
    """UsageError where nothing is compared, or what is the same every time."""
    from kinject.judging.judge import OneByOne

    if len(asked) < 2 and repeats < 2 and true is None:
        mend = "add --labels CSV, --truth, a second judge (--judge a,b) or, of a language model, --repeats 2"
        raise UsageError("there is nobody to compare the judge with", where="--judge", mend=mend)
    fixed = [each.name for each in asked if isinstance(each, OneByOne)]
    if repeats > 1 and fixed:
        mend = "repeat language models only, or leave out --repeats"
        raise UsageError(f"{', '.join(fixed)} would say the same again", where="--repeats", mend=mend)


def _low(bounds: list[tuple[str, str, str, float | None]], asked: float) -> bool:
    """Say which kappas may be lower than was asked for; true if there is one, or nothing was held against it."""
    low = [each for each in bounds if each[3] is None or each[3] < asked]
    for first, second, part, bound in low:
        least = "undefined" if bound is None else f"as low as {bound}"
        say(f"{first} and {second}, {part}: kappa may be {least}; asked for was {asked}")
    if not bounds:
        say(f"there is no kappa: no answers, or all under one label; asked for was {asked}")
    return bool(low or not bounds)


def _rows(
    facts: str | None,
    answers: list[str],
    labels: Path | None,
    truth: bool,
    by: str | None,
    count: int | None,
    seed: int,
) -> "tuple[FactSet, list[Labelled], str | None, str]":
    """The facts, the answers, the name of who is always right, and what groups are made of."""
    from kinject.judging.agreement import GROUPS

    if by is not None and by not in GROUPS:
        known("group", by, dict.fromkeys(GROUPS), "--by")
    if truth:
        return _made(facts, bool(answers or labels), by, count, seed)
    if not answers:
        mend = "name a .jsonl of answers or an artefact, or add --truth"
        raise UsageError("there are no answers to judge", where="ANSWERS", mend=mend)
    if by == "style":
        mend = "use --by arm or --by kind"
        raise UsageError("only the answers that --truth makes have a style", where="--by", mend=mend)
    return _given(facts, answers, labels, by)


def _made(
    facts: str | None, given: bool, by: str | None, count: int | None, seed: int
) -> "tuple[FactSet, list[Labelled], str, str]":
    """Answers that are made from the facts."""
    from kinject.judging.agreement import from_known
    from kinject.judging.truth import construct
    from kinject.sources import open_facts

    if given:
        mend = "leave out the answers and --labels, or leave out --truth"
        raise UsageError("--truth makes its own answers and labels", where="--truth", mend=mend)
    if facts is None:
        mend = "add --facts NAME or PATH"
        raise UsageError("the facts that answers are made from are not named", where="--facts", mend=mend)
    if by == "arm":
        mend = "use --by style or --by kind"
        raise UsageError("made answers come from no arm", where="--by", mend=mend)
    asked = open_facts(facts)
    return asked, from_known(construct(asked, seed, count)), "truth", by or "style"


def _given(
    facts: str | None, answers: list[str], labels: Path | None, by: str | None
) -> "tuple[FactSet, list[Labelled], str | None, str]":
    """Answers from files and artefacts; of several, each is an arm."""
    from kinject.judging.agreement import Labelled, read_labels

    asked, read = _read(answers, facts)
    several = [name for name, _ in read] if len(answers) > 1 else []
    said = [answer for _, answer in read]
    if labels is None:
        return asked, [Labelled(answer, {}, group=name) for name, answer in read], None, "kind"
    rows = read_labels(labels, said, several)
    grouped = any(row.group for row in rows)
    if by == "arm" and not grouped:
        mend = "add a column named group to the labels, name several artefacts, or use --by kind"
        raise UsageError("nothing says of which arm an answer is", where="--by", mend=mend)
    return asked, rows, "labels", by or ("arm" if grouped else "kind")


def _read(answers: list[str], facts: str | None) -> "tuple[FactSet, list[tuple[str, Answer]]]":
    """The facts and all answers, each with the name of its arm where there are several."""
    from kinject.judging.grade import read_answers

    found = [opened(name, facts) for name in answers]
    asked = found[0][1]
    if any(each.digest != asked.digest for _, each in found):
        mend = "compare arms that were asked about the same facts, or name them with --facts"
        raise UsageError("these answers are about different facts", where="ANSWERS", mend=mend)
    if len(found) == 1:
        return asked, [("", answer) for answer in read_answers(found[0][0])]
    arms = [_arm(path) for path, _ in found]
    if twice := next((name for name in arms if arms.count(name) > 1), None):
        arms = [f"{name} ({path.parent.name[:20]})" for name, (path, _) in zip(arms, found, strict=True)]
        if len(set(arms)) < len(arms):
            mend = "name each file once; files of one name go into folders of different names"
            raise UsageError(f"two of the answers are called {twice!r}", where="ANSWERS", mend=mend)
    return asked, [(name, answer) for name, (path, _) in zip(arms, found, strict=True) for answer in read_answers(path)]


def _arm(path: Path) -> str:
    """What the arm of a file of answers is called: start and method, or the file's name where it is of no arm."""
    from kinject.injection.artefact import ARTEFACT
    from kinject.report.records import read

    if not (path.parent / ARTEFACT).is_file():
        return path.stem
    [arm] = read([path.parent])
    return f"{arm.start}, {arm.method}"


# For people


def _text(result: dict[str, Any]) -> "RenderableType":
    from rich.console import Group

    head = f"{result['n']} answers about {result['clusters']} facts of {result['facts']}"
    shown: list[RenderableType] = [head, _kappas(result["pairs"])]
    shown += [
        _confusion(pair, part) for pair in result["pairs"] for part in pair["parts"] if _differs(pair["parts"][part])
    ]
    shown += [_errors(each) for each in result["errors"] if each["overall"]["n"]]
    if result["corrected"]:
        shown.append(_corrected(result["corrected"]))
    if result["disagreements"]:
        shown.append(_side_by_side(result))
    for pair in result["pairs"]:
        if "same" in pair:
            shown.append(_repetition(pair))
    for name, took in result["spent"].items():
        shown.append(f"{name}: " + ", ".join(f"{what.replace('_', ' ')} {value}" for what, value in took.items()))
    return Group(*shown)


def _repetition(pair: dict[str, Any]) -> str:
    first, second, same, of = (pair[name] for name in ("first", "second", "same", "answers"))
    if same < of:
        return f"{first} and {second} said the same to the letter of {same} of {of} answers"
    return (
        f"{first} and {second} said the same to the letter of all {of} answers: a model that decodes greedily repeats"
        " itself, and how sure it is cannot be told from that"
    )


def _differs(part: dict[str, Any]) -> bool:
    return bool(part["unscored"] or part["agreement"]["k"] < part["agreement"]["n"])


def _kappas(pairs: list[dict[str, Any]]) -> "Table":
    from rich.table import Table

    table = Table("raters", "part", "kappa", "95 % interval", "agree / n", "unscored", title="Agreement beyond chance")
    for pair in pairs:
        for part, found in pair["parts"].items():
            rate = found["agreement"]
            kappa = "one label only" if found["kappa"] is None else f"{found['kappa']:.3f}"
            kappa = kappa if found["n"] else "nothing to compare"
            interval = f"{found['interval'][0]:.3f} to {found['interval'][1]:.3f}" if found["interval"] else ""
            raters = f"{pair['first']} : {pair['second']}"
            table.add_row(raters, part, kappa, interval, f"{rate['k']} / {rate['n']}", str(found["unscored"]))
    return table


def _confusion(pair: dict[str, Any], part: str) -> "Table":
    from rich.table import Table

    found = pair["parts"][part]
    title = f"{part}: {pair['first']} (rows) and {pair['second']} (columns)"
    table = Table("", *found["labels"], title=title)
    for label, counts in zip(found["labels"], found["confusion"], strict=True):
        table.add_row(label, *map(str, counts))
    return table


def _errors(found: dict[str, Any]) -> "RenderableType":
    from rich.console import Group
    from rich.table import Table

    table = Table(
        *(found["by"], "judged - true, points", "judged", "true", "false yes", "false no"),
        title=f"{found['judge']}: rate of {found['part']} {found['counted']}, against the truth",
    )
    for name, each in [*found["groups"].items(), ("all", found["overall"])]:
        table.add_row(
            name,
            _signed(each["difference"], each["interval"]),
            *(
                f"{each[rate]['k']} / {each[rate]['n']}"
                for rate in ("judged", "true", "false_positives", "false_negatives")
            ),
        )
    gap = found["largest"]
    if gap is None:
        return table
    words = _signed(gap["difference"], gap["interval"])
    return Group(table, f"largest difference: {words} points, {gap['higher']} less {gap['lower']}")


def _signed(value: float | None, interval: list[float]) -> str:
    return "" if value is None else f"{value:+.1f} ({interval[0]:+.1f} to {interval[1]:+.1f})"


def _corrected(corrected: list[dict[str, Any]]) -> "Table":
    from rich.table import Table

    columns = ("judge", "rate", "labels", "raw", "corrected (PPI++)", "Rogan-Gladen")
    table = Table(*columns, title="Rates, corrected by the labels (percent)")
    for each in corrected:
        rate, labels = each["rate"].replace("_", " "), str(each["labels"])
        rate = f"{rate}, {each['group']}" if each["group"] else rate
        if each["estimate"] is None:
            table.add_row(each["judge"], rate, labels, "", f"needs {each['needed']} labels", "")
            continue
        gladen = "" if each["rogan_gladen"] is None else _ranged(each["rogan_gladen"], each["rogan_gladen_interval"])
        estimate = _ranged(each["estimate"], each["interval"])
        table.add_row(each["judge"], rate, labels, f"{each['raw']['percent']:.1f}", estimate, gladen)
    return table


def _ranged(value: float, interval: list[float]) -> str:
    return f"{value:.1f} ({interval[0]:.1f} to {interval[1]:.1f})"


def _side_by_side(result: dict[str, Any]) -> "Table":
    from rich.table import Table

    shown = result["disagreements"]
    title = f"{len(shown)} of {result['disagreed']} disagreements"
    table = Table("answer", "one", "other", title=title, show_lines=True)
    for each in shown:
        about = " ".join(filter(None, (each["kind"], each["style"], each["way"], each["group"])))
        where = f"line {each['line']}, {each['fact']}\n{about}\n{_short(each['response'])}"
        table.add_row(where, *(_said(each, rater) for rater in each["labels"]))
    return table


def _said(each: dict[str, Any], rater: str) -> str:
    reason = each["reasons"].get(rater, "")
    return f"{rater}\n{each['part']}: {each['labels'][rater]}" + (f"\n{reason}" if reason else "")


def _short(text: Any, most: int = 300) -> str:
    text = str(text)
    return text if len(text) <= most else f"{text[: most - 3]}..."

"""The study's pictures: records of worlds in, SVG out, the same bytes for the same records.

Every picture shows each world as a dot and the mean over worlds with its 95 % interval. Colours are those of Okabe and
Ito, which the colour-blind tell apart, and every colour has a mark of its own; text stays text. They are drawn 700 CSS
pixels wide, so that nothing is shrunk on a page.

Traps: matplotlib draws random ids and the date into an SVG unless told not to, and a user's own style would change the
picture: all three are fixed here. Nothing goes through pyplot, which keeps state and looks for a screen.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from kinject.statistics.worlds import over_worlds
from kinject.studies import outcomes
from kinject.studies.claims import Claims
from kinject.studies.outcomes import Worlds

WIDTH = 7.29
"""Inches; SVG counts 72 points an inch and browsers 96 pixels: 700 pixels."""
STYLE: dict[str, Any] = {
    "svg.hashsalt": "kinject",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "figure.facecolor": "white",
    "legend.frameon": False,
}
GREY = "#8a8a8a"
LOOKS = {
    "base": ("base", "#000000", "o"),
    "subqa-recall": ("SubQARecall", "#D55E00", "s"),
    "subqa-recall-context": ("SubQARecall + context rows", "#0072B2", "^"),
    "lima": ("LIMA", "#009E73", "v"),
}
"""Name, colour and mark of a start."""
MAIN = {
    "none": "nothing",
    "event-sft": "event SFT",
    "rag-oracle": "oracle RAG",
    "cpt": "continued\npretraining",
    "sft-rag": "event SFT\n+ oracle RAG",
}
ERRORS = {
    "hallucinated": ("hallucinated", "#D55E00", "o", "recalls nothing"),
    "faulty": ("faulty reasoning", "#0072B2", "s", "shows no steps"),
}
"""Name, colour and mark of an error, and what makes it impossible."""
EPOCHS = re.compile(r"(?P<start>.+) \+ event-sft \(epochs (?P<epochs>\d+)\)")
PERCENT = "multihop right, %"


def draw(worlds: Worlds, claims: Claims) -> dict[str, bytes]:
    """Return every picture that the records have the cells for, by file name."""
    drawings: dict[str, Callable[[], Any]] = {
        "arms.svg": lambda: arms(worlds, paper_figures(claims)),
        "reading-reasoning.svg": lambda: reading_reasoning(worlds),
        "epochs.svg": lambda: epochs(worlds),
        "errors.svg": lambda: errors(worlds),
        "retention.svg": lambda: retention(worlds),
    }
    found = {}
    for name, drawing in drawings.items():
        with _style():
            figure = drawing()
            if figure is not None:
                found[name] = _svg(figure)
    return found


def paper_figures(claims: Claims) -> dict[str, float]:
    """Return the paper's multihop figures by cell."""
    found = {}
    for family in claims.families:
        for claim in family.claims:
            for (cell, measure), figure in zip(claim.sides, claim.paper or (), strict=False):
                if measure == "multihop":
                    found[cell] = figure
    return found


@contextmanager
def _style() -> Iterator[None]:
    import matplotlib.style

    with matplotlib.style.context(["default", STYLE]):
        yield


def _figure(height: float, panels: int = 1, **share: Any) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, list(figure.subplots(1, panels, squeeze=False, **share)[0])


def _svg(figure: Any) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


# Marks


@dataclass(frozen=True)
class Series:
    """One number a world, and how it is drawn."""

    values: Mapping[int, float]
    colour: str
    mark: str


def _spread(place: float, number: int, worlds: Sequence[int], width: float) -> float:
    """Move a world a little to the side, every world always to the same."""
    rank = worlds.index(number) - (len(worlds) - 1) / 2
    return place + width * rank / max(len(worlds) - 1, 1)


def _column(axes: Any, place: float, series: Series, worlds: Sequence[int], label: str | None = None) -> None:
    """Draw the worlds' dots above `place`, and their mean with its interval."""
    xs = [_spread(place, number, worlds, 0.12) for number in series.values]
    axes.plot(xs, list(series.values.values()), series.mark, color=series.colour, alpha=0.35, ms=3.5, mew=0, zorder=2)
    _mean(axes, place + 0.13, series, label)


def _mean(axes: Any, place: float, series: Series, label: str | None = None) -> None:
    over = over_worlds(list(series.values.values()))
    if over.mean is None:
        return
    bars = None if over.interval is None else [[over.mean - over.interval[0]], [over.interval[1] - over.mean]]
    axes.errorbar(
        [place],
        [over.mean],
        yerr=bars,
        fmt=series.mark,
        color=series.colour,
        ms=6,
        capsize=2.5,
        label=label,
        zorder=4,
    )


def _percents(axes: Any, label: str = "") -> None:
    axes.set_ylim(-4, 104)
    axes.set_yticks(range(0, 101, 20))
    axes.set_ylabel(label)
    axes.grid(visible=False, axis="x")


def _legend(figure: Any, axes: Any, columns: int, extra: Sequence[Any] = ()) -> None:
    handles, labels = axes.get_legend_handles_labels()
    named = dict(zip([*labels, *(each.get_label() for each in extra)], [*handles, *extra], strict=True))
    figure.legend(list(named.values()), list(named), loc="outside upper center", ncols=columns, fontsize=8.5)


def _drawn(label: str, mark: str, **look: Any) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle="none", marker=mark, label=label, **look)


HOLLOW: dict[str, Any] = {"mfc": "none", "mec": "#000000", "ms": 7, "mew": 1.2, "zorder": 3}


# The pictures


def arms(worlds: Worlds, paper: Mapping[str, float]) -> Any:
    """Draw the main arms, multihop: what belongs to one world is joined, the paper's figures are hollow."""
    figure, (axes,) = _figure(4.2)
    numbers = [world.number for world in worlds]
    shown = [(start, look) for start, look in LOOKS.items() if start != "lima"]
    for column, method in enumerate(MAIN):
        places = {start: column + 0.27 * (rank - 1) for rank, (start, _) in enumerate(shown)}
        found = {
            start: Series(outcomes.cell_score(worlds, f"{start} + {method}", "multihop").percents, look[1], look[2])
            for start, look in shown
        }
        _joined(axes, places, found, numbers)
        for start, look in shown:
            _column(axes, places[start], found[start], numbers, look[0])
            if f"{start} + {method}" in paper:
                axes.plot([places[start] + 0.065], [paper[f"{start} + {method}"]], "D", **HOLLOW | {"mec": look[1]})
    if not axes.get_legend_handles_labels()[0]:
        return None
    axes.set_xticks(range(len(MAIN)), list(MAIN.values()))
    _percents(axes, PERCENT)
    _legend(figure, axes, 4, [_drawn("the paper's Llama-3-8B", "D", **HOLLOW)])
    return figure


def _joined(axes: Any, places: Mapping[str, float], found: Mapping[str, Series], numbers: Sequence[int]) -> None:
    for number in numbers:
        ends = [
            (_spread(places[start], number, numbers, 0.12), series.values[number])
            for start, series in found.items()
            if number in series.values
        ]
        axes.plot([x for x, _ in ends], [y for _, y in ends], color=GREY, lw=0.5, alpha=0.6, zorder=1)


SQUARE = {
    False: ("base", "subqa-recall", "no rows with context", "#D55E00", "s"),
    True: ("context-only", "subqa-recall-context", "rows with context", "#0072B2", "^"),
}
"""Without and with rows with context: the start without a chain, the start with it, and the look."""


def reading_reasoning(worlds: Worlds) -> Any:
    """Draw the 2x2 of rows with context against the chain, after oracle RAG and event SFT."""
    figure, panels = _figure(3.4, 2, sharey=True)
    numbers = [world.number for world in worlds]
    for axes, (method, title) in zip(panels, (("rag-oracle", "oracle RAG"), ("event-sft", "event SFT")), strict=True):
        for context, (without, chain, label, colour, mark) in SQUARE.items():
            places = {0.08 * context: without, 1 + 0.08 * context: chain}
            found = {
                place: Series(outcomes.cell_score(worlds, f"{start} + {method}", "multihop").percents, colour, mark)
                for place, start in places.items()
            }
            means = {place: over_worlds(list(series.values.values())).mean for place, series in found.items()}
            for place, series in found.items():
                _column(axes, place, series, numbers, label)
            if None not in means.values():
                axes.plot([place + 0.13 for place in means], list(means.values()), color=colour, lw=1.2, zorder=3)
        axes.set_xticks([0.1, 1.1], ["no chain", "chain"])
        axes.set_xlim(-0.35, 1.6)
        axes.set_title(title)
        _percents(axes, PERCENT if axes is panels[0] else "")
    if not any(axes.get_legend_handles_labels()[0] for axes in panels):
        return None
    _legend(figure, max(panels, key=lambda axes: len(axes.get_legend_handles_labels()[0])), 2)
    return figure


def epochs(worlds: Worlds) -> Any:
    """Draw direct and multihop answers after event SFT over the number of epochs."""
    curves = epoch_cells(worlds)
    if not curves:
        return None
    figure, panels = _figure(3.4, 2, sharey=True)
    for axes, (measure, title) in zip(
        panels, (("direct", "direct questions (trained on)"), ("multihop", "multihop questions")), strict=True
    ):
        for start, cells in curves.items():
            label, colour, mark = LOOKS.get(start, (start, GREY, "D"))
            _curve(
                axes, {n: outcomes.cell_score(worlds, cell, measure) for n, cell in cells.items()}, label, colour, mark
            )
        ticks = sorted({n for cells in curves.values() for n in cells})
        axes.set_xscale("log")
        axes.set_xticks(ticks, list(map(str, ticks)))
        axes.minorticks_off()
        axes.set_xlabel("epochs of event SFT")
        axes.set_title(title)
        _percents(axes, "right, %" if axes is panels[0] else "")
    _legend(figure, panels[0], len(curves))
    return figure


def epoch_cells(worlds: Worlds) -> dict[str, dict[int, str]]:
    """Return the cells of event SFT by start and number of epochs."""
    found: dict[str, dict[int, str]] = {}
    for name in outcomes.cell_names(worlds):
        if match := EPOCHS.fullmatch(name):
            found.setdefault(match["start"], {})[int(match["epochs"])] = name
    return {start: dict(sorted(cells.items())) for start, cells in found.items()}


def _curve(axes: Any, scores: Mapping[int, outcomes.Score], label: str, colour: str, mark: str) -> None:
    for number in dict.fromkeys(number for score in scores.values() for number in score.percents):
        line = [(n, score.percents[number]) for n, score in scores.items() if number in score.percents]
        axes.plot([n for n, _ in line], [y for _, y in line], color=colour, lw=0.5, alpha=0.35, zorder=1)
    means = {n: score.mean.mean for n, score in scores.items() if score.mean.mean is not None}
    axes.plot(list(means), list(means.values()), color=colour, lw=1.5, zorder=3)
    for n in means:
        _mean(axes, n, Series(scores[n].percents, colour, mark), label)


def errors(worlds: Worlds) -> Any:
    """Draw Figure 5's errors in both denominators; no mark where an arm never says what could be wrong."""
    rows = [f"{start} + {method}" for start in LOOKS for method in ("event-sft", "rag-oracle")]
    cells = [cell for cell in rows if outcomes.cell_score(worlds, cell, "hallucinated").rates]
    if not cells:
        return None
    figure, panels = _figure(0.34 * len(cells) + 1.3, 2, sharey=True)
    for axes, of_all in zip(panels, (True, False), strict=True):
        for row, cell in enumerate(cells):
            for rank, measure in enumerate(ERRORS):
                _error(axes, worlds, row + 0.3 * rank - 0.15, cell, measure, of_all=of_all)
        axes.set_title("of all multihop answers" if of_all else "of incorrect ones (as in the paper)")
        _rows(axes, list(map(_row_label, cells)))
    _legend(figure, panels[0], 2, [_drawn(label, mark, color=colour) for label, colour, mark, _ in ERRORS.values()])
    return figure


def _error(axes: Any, worlds: Worlds, place: float, cell: str, measure: str, *, of_all: bool) -> None:
    _, colour, mark, silence = ERRORS[measure]
    if not any(outcomes.said(world, cell, measure).k for world in worlds):
        axes.text(0, place, silence, color=colour, fontsize=7.5, va="center")
        return
    found = (outcomes.cell_score if of_all else outcomes.error_score)(worlds, cell, measure)
    _row(axes, place, Series(found.percents, colour, mark))


def _row_label(cell: str) -> str:
    start, _, method = cell.partition(" + ")
    name = LOOKS[start][0].replace(" + ", "\n+ ") if start in LOOKS else start
    return f"{name}, {MAIN.get(method, method).replace(chr(10), ' ')}"


def _row(axes: Any, place: float, series: Series) -> None:
    """Draw the worlds' dots along a row, and their mean with its interval."""
    values = list(series.values.values())
    axes.plot(values, [place] * len(values), series.mark, color=series.colour, alpha=0.3, ms=3, mew=0, zorder=2)
    over = over_worlds(values)
    if over.mean is not None:
        bars = None if over.interval is None else [[over.mean - over.interval[0]], [over.interval[1] - over.mean]]
        axes.errorbar([over.mean], [place], xerr=bars, fmt=series.mark, color=series.colour, ms=5.5, capsize=2)


def _rows(axes: Any, labels: Sequence[str]) -> None:
    axes.set_xlim(-4, 104)
    axes.set_xticks(range(0, 101, 25))
    axes.set_xlabel("%")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)


KEPT = {
    "old direct": "old facts,\ndirect",
    "old multihop": "old facts,\nmultihop",
    "near direct": "old facts near\nthe new ones",
}


def retention(worlds: Worlds) -> Any:
    """Draw what the weights know of older facts before learning (hollow) and after it."""
    probes = [probe for probe in KEPT if probe in outcomes.probe_names(worlds)]
    cells = [
        cell
        for cell in outcomes.trained_cells(worlds)
        if cell.partition(" + ")[2] in ("event-sft", "cpt") and cell.partition(" + ")[0] in LOOKS
    ]
    if not probes or not cells:
        return None
    figure, panels = _figure(0.36 * len(cells) + 1.5, len(probes), sharey=True)
    for axes, probe in zip(panels, probes, strict=True):
        for row, cell in enumerate(cells):
            _before_after(axes, worlds, row, cell, probe)
        axes.set_title(KEPT[probe])
        _rows(axes, list(map(_row_label, cells)))
    marks = [_drawn("before learning", "D", **HOLLOW), _drawn("after it, and each world", "o", color="#0072B2")]
    _legend(figure, panels[0], 2, marks)
    return figure


def _before_after(axes: Any, worlds: Worlds, row: int, cell: str, probe: str) -> None:
    before, after = (outcomes.probe_score(worlds, name, probe) for name in (outcomes.untreated(worlds, cell), cell))
    _row(axes, row, Series(after.percents, "#0072B2", "o"))
    if before.mean.mean is not None and after.mean.mean is not None:
        axes.plot([before.mean.mean, after.mean.mean], [row, row], color=GREY, lw=1, zorder=1)
        axes.plot([before.mean.mean], [row], "D", **HOLLOW)

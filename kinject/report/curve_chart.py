"""Measured points with their laws over the logarithm of the size (Figures 1, 2, 6 and 7 of arXiv 2410.03717).

Each series has a colour and a mark. Large marks are means over seeds with a 95 % interval, small ones the seeds. The
law that the points speak for is a solid line with its band; the paper's form, where it is another or one of several, is
dashed; curves from elsewhere are thin, dotted and named at their ends. D = 0 stands apart from the axis: no law has it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from xml.etree.ElementTree import Element

from kinject.report.charts import (
    BOTTOM,
    HEIGHT,
    LARGE,
    LEFT,
    LETTER,
    RIGHT,
    TOP,
    Axes,
    Curved,
    add,
    colour,
    frame,
    grid,
    key,
    line,
    mark,
    markup,
    spread,
    ticks,
    top_of,
)
from kinject.report.section import Drawn

ASIDE = 6
"""Between the marks of two series at the same size."""
LONGEST = 16
"""Letters of a name beside the axes."""


@dataclass(frozen=True)
class Spot:
    """What was measured at one size: the mean, its interval, and the seeds where there are several."""

    size: int
    percent: float
    low: float
    high: float
    seeds: tuple[float, ...]


@dataclass(frozen=True)
class Series:
    """What is drawn of one model and task."""

    name: str
    short: str
    spots: tuple[Spot, ...]
    power: Curved = ()
    named: Curved = ()
    """The law of the verdict, and its band: (size, low, high)."""
    band: Sequence[tuple[float, float, float]] = ()


@dataclass(frozen=True)
class Reference:
    """A curve from elsewhere."""

    name: str
    curve: Curved


def curves(
    title: str, words: str, label: str, series: Sequence[Series], references: Sequence[Reference], whose: str
) -> Callable[[str], Drawn]:
    """Measured points with their laws over the logarithm of the size; `whose` says whose the references are."""
    return partial(_curves, title, words, label, series, references, whose)


def _curves(
    title: str,
    words: str,
    label: str,
    series: Sequence[Series],
    references: Sequence[Reference],
    whose: str,
    name: str,
) -> Drawn:
    svg = frame(name, title, words)
    axes = Axes(
        tuple(sorted({spot.size for each in series for spot in each.spots})), top_of(_heights(series, references))
    )
    grid(svg, axes, label)
    _sizes(svg, axes)
    for each in references:
        line(svg, _placed(axes, each.curve), "reference")
    for look, one in enumerate(series):
        _laws(svg, axes, look, one)
    for look, one in enumerate(series):
        _spots(svg, axes, look, one, ASIDE * (look - (len(series) - 1) / 2))
    _names(svg, axes, series, references)
    return Drawn(markup(svg), tuple(_keys(series, references, whose)))


def _heights(series: Sequence[Series], references: Sequence[Reference]) -> list[float]:
    drawn = [curve for each in series for curve in (each.power, each.named)] + [each.curve for each in references]
    lines = [percent for curve in drawn for _, percent in curve]
    spots = [spot.high for each in series for spot in each.spots]
    return lines + spots + [high for each in series for _, _, high in each.band]


def _sizes(svg: Element, axes: Axes) -> None:
    """Name the sizes, and break the axis between 0 and the others."""
    above = {size: axes.x(size) for size in axes.sizes if size}
    wide, narrow = ticks(above, LETTER), ticks(above, LARGE)
    for size, x in above.items():
        line(svg, [(x, BOTTOM), (x, BOTTOM + 5)], "axis")
        if size in wide:
            class_ = "" if size in narrow else "wide"
            add(svg, "text", f"{size:,}", x=x, y=BOTTOM + 24, text_anchor="middle", class_=class_)
    if 0 in axes.sizes:
        add(svg, "text", "0", x=axes.x(0), y=BOTTOM + 24, text_anchor="middle")
        add(svg, "path", d=f"M{LEFT + 60:.1f},{TOP:.1f}V{BOTTOM:.1f}", class_="break")
        for x in (LEFT + 57, LEFT + 63):
            line(svg, [(x - 3, BOTTOM + 6), (x + 3, BOTTOM - 6)], "axis")
    add(
        svg,
        "text",
        "post-training examples, D (log scale)",
        x=(LEFT + RIGHT) / 2,
        y=HEIGHT - 10,
        text_anchor="middle",
        class_="label",
    )


def _placed(axes: Axes, curve: Curved) -> list[tuple[float, float]]:
    return [(axes.x(size), axes.y(percent)) for size, percent in curve]


def _laws(svg: Element, axes: Axes, look: int, series: Series) -> None:
    own = add(svg, "g", class_=colour(look))
    if series.band:
        upper = [(axes.x(size), axes.y(high)) for size, _, high in series.band]
        lower = [(axes.x(size), axes.y(low)) for size, low, _ in reversed(series.band)]
        line(own, [*upper, *lower], "band")
    if series.power:
        line(own, _placed(axes, series.power), "power")
    if series.named:
        line(own, _placed(axes, series.named), "law")


def _spots(svg: Element, axes: Axes, look: int, series: Series, aside: float) -> None:
    own = add(svg, "g", class_=colour(look))
    for spot in series.spots:
        x, low, high = axes.x(spot.size) + aside, axes.y(spot.low), axes.y(spot.high)
        for seed in spot.seeds:
            mark(own, look, x + 9, axes.y(seed), 2.6, "seed")
        line(own, [(x, low), (x, high)], "bar")
        for y in (low, high):
            line(own, [(x - 4, y), (x + 4, y)], "bar")
        mark(own, look, x, axes.y(spot.percent), 4.6, "mark")


def _names(svg: Element, axes: Axes, series: Sequence[Series], references: Sequence[Reference]) -> None:
    """Name the curves at their ends: the paper's always, ours with their marks where there are several."""
    ours = [(each.spots[-1].percent, partial(_own_name, look, each.short)) for look, each in enumerate(series)]
    theirs = [(each.curve[-1][1], partial(_other_name, axes, each)) for each in references if each.curve]
    names = [*(ours if len(series) > 1 else []), *theirs]
    places = spread([axes.y(percent) for percent, _ in names])
    for (_, draw), y in zip(names, places, strict=True):
        draw(svg, y)


def _own_name(look: int, name: str, svg: Element, y: float) -> None:
    own = add(svg, "g", class_=f"{colour(look)} wide")
    mark(own, look, RIGHT + 12, y, 3.6, "mark")
    add(own, "text", _cut(name), x=RIGHT + 20, y=y + 5, class_="name")


def _other_name(axes: Axes, reference: Reference, svg: Element, y: float) -> None:
    own = add(svg, "g", class_="other")
    size, percent = reference.curve[-1]
    line(own, [(axes.x(size) + 3, axes.y(percent)), (RIGHT + 4, y)], "leader")
    text = add(own, "text", _cut(reference.name), x=RIGHT + 8, y=y + 5, class_="name")
    add(text, "tspan", " (paper)", class_="wide")


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


# Legends


def _keys(series: Sequence[Series], references: Sequence[Reference], whose: str) -> list[tuple[str, str]]:
    keys = [(key(partial(_own_key, look)), each.name) for look, each in enumerate(series)]
    if any(len(spot.seeds) > 1 for each in series for spot in each.spots):
        keys.append((key(lambda svg: mark(svg, 0, 20, 9, 2.6, "seed")), "one seed; the large mark is the mean"))
    if any(each.band for each in series):
        keys.append((key(_band_key), "the law that the points speak for, with its 95 % band"))
    if any(each.power for each in series):
        keys.append((key(lambda svg: line(svg, [(2, 9), (38, 9)], "power")), "the paper's form, a D^(1/b), fitted"))
    if references:
        keys.append((key(lambda svg: line(svg, [(2, 9), (38, 9)], "reference")), whose))
    return keys


def _own_key(look: int, svg: Element) -> None:
    own = add(svg, "g", class_=colour(look))
    line(own, [(20, 1), (20, 17)], "bar")
    mark(own, look, 20, 9, 4.6, "mark")


def _band_key(svg: Element) -> None:
    line(svg, [(2, 3), (38, 3), (38, 15), (2, 15)], "band")
    line(svg, [(2, 9), (38, 9)], "law")

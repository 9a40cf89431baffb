"""Bars by size, a bar for each kind (Figure 3 of arXiv 2410.03717), with intervals.

Kinds stand beside each other and are not stacked: an answer may have mistakes of several kinds, so the kinds do not add
up to all of them. Each kind has a pattern, so that they are told apart without colours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from xml.etree.ElementTree import Element

from kinject.report.charts import BOTTOM, HEIGHT, LEFT, WIDTH, Axes, add, frame, grid, key, line, markup, top_of
from kinject.report.section import Drawn

END = WIDTH - 8.0
PATTERNS = ("", "M0,0H8V8H0Z", "M0,8L8,0M-2,2L2,-2M6,10L10,6", "M0,2H8M0,6H8")
"""Of the bars of each kind: hollow, full, oblique, across."""


@dataclass(frozen=True)
class Kind:
    """One kind of bars: at each size a percentage with its interval; none where it could not be scored."""

    name: str
    look: int
    """Which pattern and colour."""
    at: Mapping[int, tuple[float, float, float]]


def bars(title: str, words: str, label: str, sizes: Sequence[int], kinds: Sequence[Kind]) -> Callable[[str], Drawn]:
    """A group of bars for each size."""
    return partial(_bars, title, words, label, sizes, kinds)


def _bars(title: str, words: str, label: str, sizes: Sequence[int], kinds: Sequence[Kind], name: str) -> Drawn:
    svg = frame(name, title, words)
    axes = Axes((), top_of([high for kind in kinds for _, _, high in kind.at.values()]))
    _patterns(svg, name)
    grid(svg, axes, label, END)
    group = (END - LEFT) / len(sizes)
    for number, size in enumerate(sizes):
        start = LEFT + number * group
        for rank, kind in enumerate(kinds):
            if size in kind.at:
                width = 0.84 * group / len(kinds)
                _bar(svg, axes, name, kind.look, (start + 0.08 * group + rank * width, width), kind.at[size])
        middle = start + group / 2
        add(svg, "text", f"{size:,}", x=middle, y=BOTTOM + 24, text_anchor="middle")
    line(svg, [(LEFT, BOTTOM), (END, BOTTOM)], "axis")
    text = "post-training examples, D"
    add(svg, "text", text, x=(LEFT + END) / 2, y=HEIGHT - 10, text_anchor="middle", class_="label")
    keys = (key(partial(_key, name, kind.look)) for kind in kinds)
    return Drawn(markup(svg), tuple(zip(keys, (kind.name for kind in kinds), strict=True)))


def _patterns(svg: Element, name: str) -> None:
    for look, drawing in enumerate(PATTERNS):
        made = add(svg, "pattern", id=f"{name}-{look}", width="8", height="8", patternUnits="userSpaceOnUse")
        add(made, "path", d=drawing, class_=f"k{look} hatch")


def _bar(
    svg: Element,
    axes: Axes,
    name: str,
    look: int,
    place: tuple[float, float],
    percents: tuple[float, float, float],
) -> None:
    """One bar with its interval, and its number where the text is small enough for it."""
    (x, width), (percent, low, high) = place, percents
    y, middle = axes.y(percent), x + width / 2
    own = add(svg, "g", class_=f"k{look}")
    add(own, "rect", x=x, y=y, width=width - 2, height=BOTTOM - y, fill=f"url(#{name}-{look})", class_="box")
    line(own, [(middle - 1, axes.y(low)), (middle - 1, axes.y(high))], "whisker")
    add(svg, "text", f"{percent:.0f}", x=middle - 1, y=axes.y(high) - 4, text_anchor="middle", class_="wide")


def _key(name: str, look: int, svg: Element) -> None:
    own = add(svg, "g", class_=f"k{look}")
    add(own, "rect", x=8.0, y=2.0, width=24.0, height=14.0, fill=f"url(#{name}-{look})", class_="box")

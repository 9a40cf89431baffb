"""What every picture is made of: SVG, written element by element, with axes, marks and legends.

Written here and not by matplotlib, since a page wants what that cannot give: colours, sizes of text and the dark scheme
come from the page's style sheet, text stays text, and the same numbers are the same bytes. ElementTree escapes.

A picture is 640 units wide; on a narrow screen the style sheet makes its text larger (class `wide` is left out there),
so labels keep the distances of the larger text. Who cannot tell colours has the marks, the kinds of lines and the
patterns; who sees nothing has title and description, and the table beside every picture.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from kinject.report.section import visible

WIDTH, HEIGHT = 640, 404
LEFT, RIGHT, TOP, BOTTOM = 52.0, 492.0, 38.0, 336.0
"""Of the axes; to the right of them stand the names of the curves."""
LETTER, LARGE = 7.2, 11.5
"""Width of a letter, on a wide screen and on a narrow one."""
LINE = 21.0
"""Between two names."""
COLOURS = 5
"""The classes s0, s1, ... of the style sheet."""
SHAPES: tuple[tuple[tuple[float, float], ...], ...] = (
    (),
    ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    ((0, -1.2), (1.1, 0.8), (-1.1, 0.8)),
    ((0, -1.3), (1.1, 0), (0, 1.3), (-1.1, 0)),
    ((0, 1.2), (1.1, -0.8), (-1.1, -0.8)),
    ((-1.3, -0.5), (1.3, -0.5), (1.3, 0.5), (-1.3, 0.5)),
)
"""Marks by their corners; the first is a circle."""

Curved = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axes:
    """Sizes and percentages to places. D = 0 has a place of its own, left of the logarithmic axis."""

    sizes: tuple[int, ...]
    top: float

    @property
    def start(self) -> float:
        """Where the logarithmic axis begins."""
        return LEFT + (86 if 0 in self.sizes else 24)

    def x(self, size: float) -> float:
        """The place of a size."""
        above = [each for each in self.sizes if each]
        if not size:
            return LEFT + 30
        if len(above) < 2:
            return (self.start + RIGHT) / 2
        return self.start + (RIGHT - 24 - self.start) * log(size / above[0]) / log(above[-1] / above[0])

    def y(self, percent: float) -> float:
        """The place of a percentage."""
        return BOTTOM - (BOTTOM - TOP) * min(percent, self.top) / self.top


# Elements


def add(parent: Element, tag: str, text: str = "", **attributes: str | float) -> Element:
    """Put an element into another; `class_` is class, and `text_anchor` is text-anchor."""
    named = {name.rstrip("_").replace("_", "-"): _short(value) for name, value in attributes.items()}
    made = SubElement(parent, tag, named)
    made.text = visible(text)
    return made


def _short(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}"


def frame(name: str, title: str, words: str) -> Element:
    """An empty picture with its text alternative; `name` is its id."""
    svg = Element("svg", {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "img", "class": "chart"})
    svg.set("aria-labelledby", f"{name}-title {name}-words")
    add(svg, "title", title, id=f"{name}-title")
    add(svg, "desc", words, id=f"{name}-words")
    return svg


def markup(svg: Element) -> str:
    """The picture as text."""
    return ElementTree.tostring(svg, encoding="unicode")


def line(parent: Element, points: Curved, class_: str) -> None:
    """A line through points that are places already."""
    add(parent, "path", d="M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points), class_=class_)


def mark(parent: Element, look: int, x: float, y: float, radius: float, class_: str) -> None:
    """The mark of a series, or a small one of a seed."""
    corners = SHAPES[look % len(SHAPES)]
    if corners:
        points = " ".join(f"{x + radius * dx:.1f},{y + radius * dy:.1f}" for dx, dy in corners)
        add(parent, "polygon", points=points, class_=class_)
    else:
        add(parent, "circle", cx=x, cy=y, r=radius, class_=class_)


def colour(look: int) -> str:
    """The class of a series' colour."""
    return f"s{look % COLOURS}"


def top_of(values: Sequence[float]) -> float:
    """Where an axis of percentages ends: at the next ten, and never under ten."""
    return min(100.0, 10.0 * max(1, ceil(max(values, default=0) / 10)))


def grid(svg: Element, axes: Axes, label: str, right: float = RIGHT) -> None:
    """Draw the percentages, with a line across for each."""
    add(svg, "text", label, x=4, y=20, class_="label")
    step = 20 if axes.top > 50 else 10 if axes.top > 20 else 5
    for percent in range(0, int(axes.top) + 1, step):
        y = axes.y(percent)
        line(svg, [(LEFT, y), (right, y)], "axis" if not percent else "grid")
        add(svg, "text", str(percent), x=LEFT - 8, y=y + 5, text_anchor="end")


def ticks(places: Mapping[int, float], letter: float) -> set[int]:
    """The sizes whose names have room in letters of this width; the smallest and the largest come first."""
    chosen: set[int] = set()
    for size in sorted(places, key=lambda size: (size not in (min(places), max(places)), -size)):
        halves = {other: letter * (len(f"{size:,}{other:,}")) / 2 + 6 for other in chosen}
        if all(abs(places[size] - places[other]) >= half for other, half in halves.items()):
            chosen.add(size)
    return chosen


def key(draw: Callable[[Element], None]) -> str:
    """A small picture for the legend."""
    svg = Element("svg", {"viewBox": "0 0 40 18", "class": "key", "aria-hidden": "true"})
    draw(svg)
    return markup(svg)


def spread(places: Sequence[float], gap: float = LINE) -> list[float]:
    """Move names apart that stand too close, in their order, and within the picture where there is room."""
    order = sorted(range(len(places)), key=lambda each: places[each])
    moved = [places[each] for each in order]
    for at in range(1, len(moved)):
        moved[at] = max(moved[at], moved[at - 1] + gap)
    if moved:
        moved[-1] = min(moved[-1], max(BOTTOM, TOP + gap * (len(moved) - 1)))
    for at in range(len(moved) - 2, -1, -1):
        moved[at] = min(moved[at], moved[at + 1] - gap)
    return [moved[order.index(each)] for each in range(len(places))]

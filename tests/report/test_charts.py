"""Pictures: what is drawn, where, with which text alternative; the same bytes for the same numbers."""

import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))  # for samples.py
import samples

from kinject.report import mistakes, scaling
from kinject.report.bar_chart import Kind, bars
from kinject.report.charts import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Axes, spread, ticks, top_of
from kinject.report.curve_chart import Reference, Series, Spot, curves
from kinject.report.section import Picture

HOSTILE = '</svg><script>alert(1)</script>" onload="a() \u202e'
SPOTS = tuple(Spot(size, percent, percent - 4, percent + 4, ()) for size, percent in ((0, 5), (100, 30), (1000, 60)))


def drawn(*series: Series, references: tuple[Reference, ...] = ()) -> ElementTree.Element:
    found = curves("title", "words", "right, %", series, references, "the paper's")("p").svg
    return ElementTree.fromstring(found)


def places(svg: ElementTree.Element, tag: str, name: str, class_: str) -> list[float]:
    return [float(each.get(name) or "") for each in svg.iter(tag) if each.get("class") == class_]


def test_marks_stand_at_their_sizes_on_a_log_axis_and_zero_apart() -> None:
    svg = drawn(Series("one", "one", SPOTS))
    zero, hundred, thousand = places(svg, "circle", "cx", "mark")
    axes = Axes((0, 100, 1000), 70)
    assert (hundred, thousand) == (axes.x(100), axes.x(1000)) and LEFT < zero < axes.start - 40
    assert axes.x(316) == pytest.approx((hundred + thousand) / 2, abs=1)
    assert places(svg, "circle", "cy", "mark")[2] == pytest.approx(axes.y(60), abs=0.1)
    assert [each.get("class") for each in svg.iter("path")].count("break") == 1
    assert "break" not in [each.get("class") for each in drawn(Series("one", "one", SPOTS[1:])).iter("path")]


def test_series_differ_in_colour_and_mark_and_are_named_only_where_there_are_several() -> None:
    two = [Series(name, name, SPOTS) for name in ("small", "large")]
    svg = drawn(*two)
    assert {each.get("class") for each in svg.iter("g")} >= {"s0", "s1"}
    assert len(places(svg, "circle", "cx", "mark")) == 3 + 1 and len(list(svg.iter("polygon"))) == 3 + 1
    named = {each.text for each in svg.iter("text") if each.get("class") == "name"}
    assert named == {"small", "large"}
    assert not [each for each in drawn(two[0]).iter("text") if each.get("class") == "name"]


def test_the_law_of_the_verdict_has_a_band_and_the_papers_form_is_dashed() -> None:
    line = [(100.0, 30.0), (1000.0, 60.0)]
    band = [(100.0, 28.0, 33.0), (1000.0, 55.0, 66.0)]
    svg = drawn(Series("one", "one", SPOTS, line, line, band), references=(Reference("Llama-3-8B", line),))
    classes = [each.get("class") for each in svg.iter("path")]
    assert [classes.count(name) for name in ("law", "power", "band", "reference")] == [1, 1, 1, 1]
    assert "Llama-3-8B (paper)" in ["".join(each.itertext()) for each in svg.iter("text")]


def test_every_picture_has_a_title_and_a_description_of_its_own_id() -> None:
    svg = drawn(Series("one", "one", SPOTS))
    assert svg.get("role") == "img" and svg.get("aria-labelledby") == "p-title p-words"
    assert [(each.tag, each.get("id"), each.text) for each in list(svg)[:2]] == [
        ("title", "p-title", "title"),
        ("desc", "p-words", "words"),
    ]


def test_hostile_names_are_text_and_long_ones_are_cut() -> None:
    draw = curves(HOSTILE, HOSTILE, HOSTILE, [Series(HOSTILE, HOSTILE, SPOTS)] * 2, (), HOSTILE)("p")
    svg = ElementTree.fromstring(draw.svg)
    assert {each.tag for each in svg.iter()} <= {"svg", "title", "desc", "g", "path", "circle", "polygon", "text"}
    assert not [name for each in svg.iter() for name in each.attrib if name.startswith("on")]
    assert "\u202e" not in draw.svg and "<script" not in draw.svg
    assert all(len(each.text or "") <= 16 for each in svg.iter("text") if each.get("class") == "name")


def test_bars_have_a_pattern_for_every_kind_and_none_where_nothing_was_scored() -> None:
    kinds = [Kind("all", 0, {0: (90, 85, 95), 100: (50, 45, 55)}), Kind("format", 1, {100: (10, 8, 12)})]
    draw = bars("title", "words", "of all, %", (0, 100), kinds)("p")
    svg = ElementTree.fromstring(draw.svg)
    fills = [each.get("fill") for each in svg.iter("rect")]
    assert fills == ["url(#p-0)", "url(#p-0)", "url(#p-1)"]
    assert {each.get("id") for each in svg.iter("pattern")} == {f"p-{look}" for look in range(4)}
    assert [words for _, words in draw.keys] == ["all", "format"] and "url(#p-1)" in draw.keys[1][0]
    heights = [float(each.get("height") or "") for each in svg.iter("rect")]
    assert heights[0] == pytest.approx((BOTTOM - TOP) * 0.9, abs=0.1)


def test_the_same_record_is_the_same_bytes() -> None:
    record = samples.sweep(sizes=(0, 30, 100, 300, 1000), chance=samples.saturated)
    pictures = [
        [piece.draw("p").svg for piece in make(Path(), made).pieces if isinstance(piece, Picture)]
        for make, made in ((scaling.section, record), (mistakes.section, samples.errors()))
        for _ in range(2)
    ]
    assert pictures[0] == pictures[1] and pictures[2] == pictures[3] and 'class="band"' in pictures[0][0]


@given(st.lists(st.floats(TOP, BOTTOM), max_size=12))
def test_names_are_moved_apart_and_keep_their_order(wanted: list[float]) -> None:
    found = spread(wanted, 10)
    ranked = sorted(range(len(wanted)), key=lambda each: wanted[each])
    assert all(found[after] - found[before] >= 10 - 1e-6 for before, after in pairwise(ranked))


def test_names_that_have_room_are_not_moved() -> None:
    assert spread([300, 50, 100], 20) == [300, 50, 100]
    assert spread([330, 335], 20)[1] <= BOTTOM


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=9, unique=True))
def test_names_of_sizes_do_not_run_into_each_other(sizes: list[int]) -> None:
    axes = Axes(tuple(sorted(sizes)), 100)
    found = sorted(ticks({size: axes.x(size) for size in sizes}, 10))
    assert max(sizes) in found or min(sizes) in found
    assert all(axes.x(b) - axes.x(a) >= 10 * (len(f"{a:,}") + len(f"{b:,}")) / 2 for a, b in pairwise(found))
    assert all(LEFT <= axes.x(size) <= RIGHT < WIDTH for size in sizes)


@pytest.mark.parametrize(("values", "top"), [([], 10), ([3.0], 10), ([61.0], 70), ([99.0], 100), ([100.0], 100)])
def test_the_axis_ends_at_the_next_ten(values: list[float], top: float) -> None:
    assert top_of(values) == top

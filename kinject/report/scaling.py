"""A sweep as a section: points by size, the laws beside the paper's, and pictures (Figures 1, 2, 6 and 7).

The paper's coefficients (Tables 7 and 8) stand beside ours and no difference from them is formed: the lab is an
analogue, and of real weights the paper gives no intervals. Whether the points speak for a power law at all is the
record's verdict (`kinject.statistics.laws`); the paper's form is shown whatever it is.

Traps: the bands of pictures are not in the record and are drawn anew, by the same draws as there, only fewer.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kinject.report import paper
from kinject.report.curve_chart import Reference, Series, Spot, curves
from kinject.report.law_tables import every_law_table, foretold_table, laws_table, points_table
from kinject.report.records import formed
from kinject.report.section import LAB, Picture, Section, Table, ends, in_words
from kinject.report.sweeps import NAMES, SCHEMA, Curve, Figure, Size, Sweep, figures
from kinject.report.sweeps import curves as curves_of

QUESTION = "How does performance grow with post-training data?"
FULLY = {
    "power": "a power law, P = a D^(1/b), which is the paper's form",
    "power_floor": "a power law on a floor, and not for a pure one",
    "log_linear": "a line in ln D, and not for the paper's power law",
    "saturating": "a saturating exponential, and not for the paper's power law",
}
DRAWS = 400
"""Resamples for a band: enough to draw it."""
STEPS = 60
FEW = 4
"""Curves up to which each has a sentence in the answer."""
MATCHED = {
    "epochs": "Every size is trained for the same number of epochs (the paper's rule), so steps grow with D: more data "
    "and more training are not told apart here.",
    "steps": "Steps are matched: every size is trained for about as many steps as the largest, so the rows of a small "
    "size are seen more often.",
}


def section(path: Path, record: Any) -> Section:
    """Return what there is to say of a sweep."""
    sweep = formed(Sweep, record, path)
    found = curves_of(sweep)
    drawn = figures(found)
    models, tasks = (list(dict.fromkeys(getattr(each, name) for each in found)) for name in ("model", "task"))
    whose = ", ".join(models) if len(models) < 3 else f"{len(models)} models"
    return Section(
        question=QUESTION,
        title=f"Post-training data: {', '.join(tasks)} ({whose})",
        state=paper.state([(each.model, each.benchmark) for each in found]),
        answer=answer(found),
        pieces=tuple(_pieces(found, drawn)),
        provenance=provenance(sweep, found),
        data={"of": SCHEMA, "grid": record["grid"], "curves": _data(record, drawn)},
        notes=tuple(notes(sweep, found)),
    )


def _pieces(found: Sequence[Curve], drawn: Sequence[Figure]) -> Iterator[Table | Picture]:
    for figure in drawn:
        shown = [curve for curve in figure.curves if curve.sizes]
        if shown:
            yield picture(figure, shown)
            yield points_table(figure, shown)
    fitted = [curve for curve in found if curve.fit]
    if fitted:
        yield laws_table(fitted, drawn)
    if any(curve.fit and curve.fit.leave_largest_out for curve in fitted):
        yield foretold_table([curve for curve in fitted if curve.fit and curve.fit.leave_largest_out])
    if any(curve.fit and curve.fit.laws for curve in fitted):
        yield every_law_table(fitted)


# The answer


def answer(found: Sequence[Curve]) -> str:
    """What the points speak for, with their first and last numbers; counted where there are many curves."""
    if len(found) <= FEW:
        return " ".join(map(_told, found))
    said = [curve.fit.verdict if curve.fit else "undetermined" for curve in found]
    counts = [f"{said.count(law)} speak for a {name}" for law, name in NAMES.items() if law in said]
    untold = sum(verdict not in NAMES for verdict in said)
    left = [f"{untold} leave it open which law they follow"] if untold else []
    return f"Of {len(found)} curves, {', '.join([*counts, *left])}."


def _told(curve: Curve) -> str:
    if not curve.sizes:
        return f"{curve.name}: no point has a score."
    first, last = curve.sizes[0], curve.sizes[-1]
    grown = f"{first.mean:.1f} % at D = {first.rows:,}"
    if last is not first:
        grown += f", {last.mean:.1f} % {ends(last.interval)} at D = {last.rows:,}"
    return f"{curve.name}: {grown}; {_spoken(curve)}."


def _spoken(curve: Curve) -> str:
    fit = curve.fit
    if fit is None or not fit.laws:
        return "too few sizes for any law"
    if fit.verdict in FULLY:
        return f"the points speak for {FULLY[fit.verdict]}"
    among = " or ".join(NAMES.get(name, name) for name in fit.candidates)
    return f"the points do not tell which law they follow ({among})"


# Pictures


def picture(figure: Figure, shown: Sequence[Curve]) -> Picture:
    """Draw the curves of a figure; bands are made only then, since they take a second each."""
    title = f"{figure.title}, in the manner of Figure {figure.number}"

    def draw(name: str) -> Any:
        series = [_series(curve, figure) for curve in shown]
        references, whose = _references(figure, shown)
        words = " ".join(map(_told, shown)) + " All numbers stand in the table of points."
        label = ", ".join(dict.fromkeys(f"{curve.metric}, %" for curve in shown))
        return curves(title, words, label, series, references, whose)(name)

    return Picture(title, draw)


def _series(curve: Curve, figure: Figure) -> Series:
    named, band = _named(curve)
    short = curve.task if figure.number == 7 else curve.model.rstrip("/").rpartition("/")[2]
    return Series(
        curve.name,
        short,
        tuple(Spot(size.rows, size.mean, *size.interval, tuple(_seeds(size))) for size in curve.sizes),
        () if curve.fit and curve.fit.verdict == "power" and named else _power(curve),
        named,
        band,
    )


def _seeds(size: Size) -> list[float]:
    return size.percents if len(size.percents) > 1 else []


def _grid(curve: Curve) -> list[float]:
    """Sizes to draw a law at, evenly on a log axis; none for fewer than two sizes."""
    above = [size.rows for size in curve.sizes if size.rows]
    if len(above) < 2:
        return []
    return [above[0] * (above[-1] / above[0]) ** (step / (STEPS - 1)) for step in range(STEPS)]


def _power(curve: Curve) -> list[tuple[float, float]]:
    """The paper's form with the record's parameters."""
    law = curve.fit.laws.get("power") if curve.fit else None
    if law is None or law.a is None or law.exponent is None:
        return []
    return [(size, max(0.0, min(100.0, law.a * size**law.exponent))) for size in _grid(curve)]


def _named(curve: Curve) -> tuple[list[tuple[float, float]], list[tuple[float, float, float]]]:
    """The law of the verdict and its band."""
    from kinject.statistics import laws

    sizes = _grid(curve)
    if not sizes or curve.fit is None or curve.fit.verdict not in NAMES:
        return [], []
    law = laws.fit(curve.law_points, resamples=DRAWS).laws.get(curve.fit.verdict)
    found = law.curve(sizes) if law else []
    pairs = list(zip(sizes, found, strict=False))
    return [(size, p) for size, (p, _, _) in pairs], [(size, low, high) for size, (_, low, high) in pairs]


def _references(figure: Figure, shown: Sequence[Curve]) -> tuple[list[Reference], str]:
    """The paper's curves over the sizes that it and we have trained on."""
    above = [size.rows for curve in shown for size in curve.sizes if size.rows]
    found = dict.fromkeys(law for curve in shown for law in figure.beside(curve))
    several = len({law.task for law in found}) > 1
    drawn = [Reference(law.task if several else law.name, law.points(min(above), max(above))) for law in found if above]
    drawn = [each for each in drawn if each.curve]
    whose = "the paper's Llama-3-8B" if several else "the paper's models"
    return drawn, f"{whose} (Table {figure.table}), from its a and b, where it trained: for direction only"


# What has to be known


def notes(sweep: Sweep, found: Sequence[Curve]) -> Iterator[str]:
    """What is held, what is shown and not fitted, and what failed."""
    yield MATCHED.get(sweep.grid.match, f"Matched: {sweep.grid.match}.")
    if any(size.rows == 0 for curve in found for size in curve.sizes):
        yield "D = 0 is the model as it is: shown, and not fitted."
    if len(set(sweep.grid.seeds)) == 1:
        yield "One seed: how much trainings scatter is not seen, so intervals are of the items alone."
    if sweep.grid.limit is not None:
        yield f"Only the first {sweep.grid.limit:,} items of each benchmark were asked."
    if any(paper.is_lab(curve.model, curve.benchmark) for curve in found):
        yield f"{LAB.capitalize()}: other models and another world than the paper's, so only which way things go."
    for point in (point for curve in found for point in curve.points if point.failed):
        what = f"{point.task}, {point.model}, {point.rows:,} rows, seed {point.seed}"
        yield f"Failed, and no zero: {what}: {point.failed}"


def provenance(sweep: Sweep, found: Sequence[Curve]) -> dict[str, str]:
    """What went into the sweep, by name."""
    tasks = dict.fromkeys(f"{each.task}: {each.recipe} rows, {each.benchmark}" for each in found)
    made = [point for point in sweep.points if point.run]
    trained = {
        name: _values([point.trained[name] for point in made if point.trained and name in point.trained])
        for name in ("learning_rate", "epochs", "batch")
    }
    told: Mapping[str, str] = {
        "models": ", ".join(dict.fromkeys(each.model for each in found)),
        "tasks": "; ".join(tasks),
        "seeds": ", ".join(map(str, sweep.grid.seeds)),
        **{name.replace("_", " "): text for name, text in trained.items()},
        "intervals of laws": "; ".join(dict.fromkeys(each.fit.resampled for each in found if each.fit)),
        "runs": ", ".join(point.run for point in made),
        "versions": sweep.versions,
    }
    return {name: text for name, text in told.items() if text}


def _values(found: Sequence[Any]) -> str:
    return ", ".join(dict.fromkeys(map(in_words, found)))


def _data(record: Mapping[str, Any], drawn: Sequence[Figure]) -> list[dict[str, Any]]:
    """The curves in tables.json, with the laws as the record has them."""
    fits = {(fit["model"], fit["task"]): fit for fit in record["fits"]}
    return [
        {
            **{name: getattr(curve, name) for name in ("model", "task", "recipe", "benchmark", "metric")},
            "state": paper.state([(curve.model, curve.benchmark)]),
            "points": list(map(_size, curve.sizes)),
            "failed": [{"rows": p.rows, "seed": p.seed, "why": p.failed} for p in curve.points if p.failed],
            "fit": fits.get((curve.model, curve.task)),
            "figure": figure.number,
            "paper": [{"table": law.table, "model": law.model, "a": law.a, "b": law.b} for law in figure.beside(curve)],
        }
        for figure in drawn
        for curve in figure.curves
    ]


def _size(size: Size) -> dict[str, Any]:
    seeds = {str(point.seed): point.percent for point in size.points}
    ends_of = [round(end, 1) for end in size.interval]
    return {"rows": size.rows, "percent": round(size.mean, 2), "interval": ends_of, "seeds": seeds}

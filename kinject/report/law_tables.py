"""The tables of a sweep: points by size, the paper's law beside the paper's coefficients, and all that was fitted."""

from collections.abc import Iterator, Sequence

from kinject.report import paper
from kinject.report.section import NOTHING, Column, Table, ends
from kinject.report.sweeps import NAMES, Bounds, Curve, Figure, Fit, Law, Size

ABOUT = Column("curve", "The task, and the model that was trained on its rows.")
POINTS = (
    ABOUT,
    Column("D", "Rows of the task that the model was trained on; 0 is the model as it is."),
    Column("right, %", "By the benchmark's own metric; the mean over seeds."),
    Column(
        "95 %",
        "Student's interval over seeds, or Wilson's over items where that is the wider one. One seed: over items only.",
    ),
    Column("each seed", "Right, %, in the order of the seeds. A seed draws the rows and their order."),
    Column("k of n", "Right and scored answers, all seeds together; unscored ones are neither."),
    Column("steps", "Optimizer steps of the training."),
)


def points_table(figure: Figure, shown: Sequence[Curve]) -> Table:
    """One row a size of a curve; sizes of which every seed failed have a row, too."""
    rows = (row for curve in shown for row in _point_rows(curve))
    return Table(f"Points: {figure.title}", POINTS, tuple(rows), keys=2)


def _point_rows(curve: Curve) -> Iterator[tuple[str, ...]]:
    done = {size.rows: size for size in curve.sizes}
    for rows in sorted({point.rows for point in curve.points}):
        own = [point for point in curve.points if point.rows == rows]
        seeds = ("failed" if point.failed else _percent(point.percent) for point in own)
        steps = dict.fromkeys(f"{point.steps:,}" for point in own if not point.failed)
        measured = _measured(done[rows]) if rows in done else (NOTHING, NOTHING)
        counts = _counts(done[rows]) if rows in done else NOTHING
        yield curve.name, f"{rows:,}", *measured, ", ".join(seeds), counts, ", ".join(steps) or NOTHING


def _measured(size: Size) -> tuple[str, str]:
    return f"{size.mean:.1f}", ends(size.interval)


def _counts(size: Size) -> str:
    k, n, unscored = (sum(getattr(point, name) for point in size.points) for name in ("k", "n", "unscored"))
    return f"{k:,} of {n:,}" + (f"\n{unscored:,} unscored" if unscored else "")


def _percent(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"


LAWS = (
    ABOUT,
    Column(
        "verdict",
        "The law with at least 90 % of the Akaike weight among four, else undetermined, with the laws that are left.",
    ),
    Column("a", "Of P = a D^(1/b), P in percent: what it says of D = 1. Profile interval, 95 %, then the bootstrap's."),
    Column(
        "b",
        "Of the same: the smaller, the steeper. Profile interval, 95 %, for these items, then the bootstrap's, for all "
        "items like these; … is without bound, and there no growth is not excluded.",
    ),
    Column(
        "in paper",
        "a and b of Tables 7 and 8 (arXiv 2410.03717) for the same task: the same model's, or those of all its models. "
        "To be read for direction only.",
    ),
)


def laws_table(fitted: Sequence[Curve], drawn: Sequence[Figure]) -> Table:
    """The paper's law for every curve, with what speaks for it."""
    rows = tuple(_law_row(curve, _beside(curve, drawn)) for curve in fitted)
    return Table("The paper's law, P = a D^(1/b)", LAWS, rows, keys=1)


def _law_row(curve: Curve, theirs: Sequence[paper.Law]) -> tuple[str, ...]:
    fit = curve.fit
    assert fit
    power = fit.laws.get("power")
    own = [_parameter(power, name) if power else NOTHING for name in "ab"]
    return curve.name, _verdict(fit), *own, "\n".join(law.words for law in theirs) or NOTHING


def _verdict(fit: Fit) -> str:
    """The law; or which are left; or why there is none."""
    if not fit.laws:
        return "\n".join([fit.verdict, *(f"{NAMES.get(name, name)}: {why}" for name, why in fit.unfitted.items())])
    if fit.verdict in NAMES:
        return NAMES[fit.verdict]
    return f"{fit.verdict}:\n" + " or\n".join(NAMES.get(name, name) for name in fit.candidates)


def _parameter(law: Law, name: str) -> str:
    profile, drawn = getattr(law, f"{name}_interval"), law.bootstrap.get(f"{name}_interval")
    return f"{_figure(getattr(law, name))} {_bounds(profile)}\nbootstrap {_bounds(drawn) or NOTHING}"


def _figure(value: float | None) -> str:
    return "…" if value is None else _shortly(value)


def _shortly(value: float) -> str:
    """Two decimals, and no rows of digits where a parameter is not to be told."""
    return f"{value:.2f}" if abs(value) < 1e4 else f"{value:.1e}"


def _bounds(bounds: Bounds | None) -> str:
    return "" if bounds is None else f"[{_figure(bounds[0])},\u00a0{_figure(bounds[1])}]"


def _beside(curve: Curve, drawn: Sequence[Figure]) -> list[paper.Law]:
    return next(figure for figure in drawn if curve in figure.curves).beside(curve)


def foretold_table(fitted: Sequence[Curve]) -> Table:
    """The largest size, as it was measured and as each law foretells it from the others."""
    columns = (
        ABOUT,
        Column("largest D", "The size that is left out, and then foretold from those below it."),
        Column("measured", "What was measured there, in percent, all seeds together."),
        Column("last value", "The guess that nothing changes after the size before it, and by how much it is off."),
        *(Column(name, f"What a {name}, fitted without that size, says, and by how much.") for name in NAMES.values()),
    )
    return Table("The largest size, foretold from the others", columns, tuple(map(_foretold_row, fitted)), keys=1)


def _foretold_row(curve: Curve) -> tuple[str, ...]:
    assert curve.fit and curve.fit.leave_largest_out
    left = curve.fit.leave_largest_out
    said = [left.predicted.get(name) for name in ("last_value", *NAMES)]
    cells = (NOTHING if each is None else f"{each:.1f} ({each - left.measured:+.1f})" for each in said)
    return curve.name, f"{left.size:,.0f}", f"{left.measured:.1f}", *cells


EVERY = (
    ABOUT,
    Column("law", "Fitted to the sizes above 0 by the likelihood of the counts."),
    Column("weight", "Akaike's: how the laws share the evidence among themselves. No probability that a law is true."),
    Column("parameters", "With their 95 % intervals by profile likelihood."),
    Column("scatter", "Of the runs around the curve, in variances of the binomial; intervals are widened by it."),
)


def every_law_table(fitted: Sequence[Curve]) -> Table:
    """All laws of all curves."""
    rows = tuple(
        (
            curve.name,
            f"{NAMES.get(name, name)}\n{law.formula}",
            _figure(law.weight),
            _all(law),
            _figure(law.dispersion),
        )
        for curve in fitted
        if curve.fit
        for name, law in curve.fit.laws.items()
    )
    return Table("Every law", EVERY, rows, keys=2)


def _all(law: Law) -> str:
    there = [name for name in "abcmd" if getattr(law, f"{name}_interval")]
    return "\n".join(
        f"{name} {_figure(getattr(law, name))} {_bounds(getattr(law, f'{name}_interval'))}" for name in there
    )

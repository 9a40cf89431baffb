"""Do the intervals of `kinject fit` hold what they say, and are its verdicts right? Laws are planted and looked for.

    python benchmarks/statistics/planted_laws.py [coverage] [bootstrap] [items] [verdicts] [paper] [lines] [--sets 2000]

Sizes are spread over 100 to 10,000 examples. `spread` is what trainings that differ only in their seed differ by, as a
standard deviation at P = 50 %, in points; "even" means the same in points at every P, which is more, by the binomial's
measure, where P is small. Seeds, items and everything else are drawn with a fixed seed. On one core all of it takes
about half an hour; nothing is written, and the tables are markdown.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np  # noqa: TID253 - a script of its own
from scipy.special import ndtr, ndtri  # noqa: TID253

from kinject.resources import benchmarks_folder
from kinject.statistics import comparing, resampling
from kinject.statistics.comparing import UNDETERMINED, Runs
from kinject.statistics.curves import LAWS
from kinject.storage import read_json

SIZES = {
    5: (100, 500, 1000, 5000, 10000),
    6: (100, 250, 640, 1600, 4000, 10000),
    7: (100, 200, 500, 1000, 2000, 5000, 10000),
}
GSM8K = 1319


@dataclass(frozen=True)
class Truth:
    """A planted law."""

    name: str
    law: str
    at: tuple[float, ...]

    def percent(self, sizes: Sequence[float]) -> Any:
        """P at each size."""
        return LAWS[self.law].curve(np.array([self.at]), np.asarray(sizes, dtype=float))[0][0]


@dataclass(frozen=True)
class Design:
    """How a planted law is looked at."""

    sizes: tuple[int, ...] = SIZES[5]
    items: int = GSM8K
    seeds: int = 1
    spread: float = 0.0
    even: bool = False

    def __str__(self) -> str:
        kind = " even" if self.even else ""
        return f"{len(self.sizes)} sizes, {self.items:,} items, seeds {self.seeds}, spread {self.spread:g}{kind}"


def power(b: float, top: float = 60.0) -> Truth:
    """The power law with the exponent 1/b that reaches `top` at the largest size."""
    return Truth(f"power, b = {b:g}", "power", (float(np.log(top) - np.log(10000) / b), 1 / b))


TRUTHS = (
    power(2, 80),
    power(3, 80),
    power(4),
    power(7.7),
    power(12),
    Truth("floor 30 + 1 D^0.4", "power_floor", (30, 0.0, 0.4)),
    Truth("floor 10 + 0.5 D^0.5", "power_floor", (10, float(np.log(0.5)), 0.5)),
    Truth("floor 20 + 0.2 D^0.6", "power_floor", (20, float(np.log(0.2)), 0.6)),
    Truth("floor 4 + 1.5 D^0.4", "power_floor", (4, float(np.log(1.5)), 0.4)),
    Truth("line -20 + 9 ln D", "log_linear", (-20, 9)),
    Truth("line -40 + 12 ln D", "log_linear", (-40, 12)),
    Truth("line 0 + 5 ln D", "log_linear", (0, 5)),
    Truth("10 to 70, d = 1500", "saturating", (10, 70, float(np.log(1500)))),
    Truth("30 to 60, d = 800", "saturating", (30, 60, float(np.log(800)))),
    Truth("20 to 80, d = 4000", "saturating", (20, 80, float(np.log(4000)))),
)


def planted(truth: Truth, design: Design, sets: int, draw: Any) -> Runs:
    """Draw so many data sets of a design."""
    sizes = np.array(design.sizes, dtype=float)
    of = np.repeat(np.arange(len(sizes)), design.seeds)
    p = np.broadcast_to(truth.percent(sizes)[of] / 100, (sets, len(of)))
    if design.even:
        p = np.clip(p + draw.normal(0, design.spread / 100, p.shape), 0.001, 0.999)
    elif design.spread:
        alike = 1 / (design.spread / 50) ** 2 - 1
        p = draw.beta(p * alike, (1 - p) * alike)
    k = draw.binomial(design.items, p).astype(float)
    return Runs(sizes, of, k, np.full_like(k, design.items))


# Profile intervals


def covered(truth: Truth, design: Design, sets: int, draw: Any) -> dict[str, float]:
    """In how many of 100 data sets the interval of each searched parameter holds the planted value."""
    runs = planted(truth, design, sets, draw)
    fitted = comparing.estimate(truth.law, runs)
    found = {}
    for which, (name, value) in enumerate(zip(fitted.law.searched, truth.at, strict=True)):
        low, high = comparing.interval(runs, fitted, which)
        found[name] = 100 * float(np.mean((low <= value) & (value <= high)))
    return found


SPREADS = ((0.0, False), (1.0, False), (2.0, False), (1.5, True))


def coverage(sets: int) -> Iterator[str]:
    """Coverage of the exponent and of a over b from 2 to 12 and 300 and 1,319 items."""
    draw = np.random.default_rng(0)
    yield "| sizes | seeds | spread | exponent: least to most | mean | a: least to most | mean |"
    yield "|---|---|---|---|---|---|---|"
    for sizes, seeds, (spread, even) in product(SIZES, (1, 3), SPREADS):
        rows = [
            covered(power(b, 80 if b < 4 else 60), Design(SIZES[sizes], items, seeds, spread, even), sets, draw)
            for b, items in product((2, 3, 4, 6, 8, 12), (300, GSM8K))
        ]
        found = " | ".join(_range(rows, name) for name in ("exponent", "log_a"))
        yield f"| {sizes} | {seeds} | {spread:g}{' even' * even} | {found} |"
    yield ""
    yield "| law | design | coverage |"
    yield "|---|---|---|"
    for truth, design in product(TRUTHS[5:], (Design(), Design(SIZES[7]), Design(seeds=3, spread=2))):
        found = ", ".join(f"{name} {value:.1f}" for name, value in covered(truth, design, sets, draw).items())
        yield f"| {truth.name} | {design} | {found} |"


def _range(rows: list[dict[str, float]], name: str) -> str:
    values = [row[name] for row in rows]
    return f"{min(values):.1f} to {max(values):.1f} | {np.mean(values):.1f}"


# The bootstrap


def bootstrap_covered(truth: Truth, design: Design, sets: int, draw: Any, resamples: int = 2000) -> float:
    """In how many of 100 data sets the parametric bootstrap's interval holds the planted exponent."""
    runs = planted(truth, design, sets, draw)
    hits = 0
    for own in range(sets):
        one = Runs(runs.sizes, runs.of, runs.k[own : own + 1], runs.n[own : own + 1])
        fitted = comparing.estimate(truth.law, one)
        again = comparing.estimate(truth.law, resampling.around_law(one, fitted, resamples, draw))
        hits += _within(again.at[:, 1], truth.at[1])
    return 100 * hits / sets


def _within(draws: Any, value: float) -> bool:
    low, high = np.quantile(draws, (0.025, 0.975))
    return bool(low <= value <= high)


def bootstrap(sets: int) -> Iterator[str]:
    """Coverage of the parametric bootstrap, on a tenth of the data sets."""
    draw = np.random.default_rng(1)
    yield "| b | design | the bootstrap holds the exponent |"
    yield "|---|---|---|"
    for b, design in product(
        (2, 7.7),
        (
            Design(),
            Design(SIZES[6], 300),
            Design(spread=2),
            Design(SIZES[7], seeds=3),
            Design(SIZES[7], seeds=3, spread=2),
        ),
    ):
        found = bootstrap_covered(power(b, 80 if b < 4 else 60), design, max(1, sets // 10), draw)
        yield f"| {b:g} | {design} | {found:.1f} |"


# Runs that share their items


def marks_of(truth: Truth, design: Design, alike: float, draw: Any) -> tuple[Runs, Any, Any]:
    """Draw one data set whose runs answer the same items: counts, marks, and the chance that each item had.

    `alike` is the correlation of what makes an item hard for one run and for another.
    """
    sizes = np.array(design.sizes, dtype=float)
    of = np.repeat(np.arange(len(sizes)), design.seeds)
    p = truth.percent(sizes)[of] / 100
    drawn = p
    if design.spread:
        same = 1 / (design.spread / 50) ** 2 - 1
        drawn = draw.beta(p * same, (1 - p) * same)
    hard = np.sqrt(alike) * draw.standard_normal((design.items, 1))
    noise = np.sqrt(1 - alike) * draw.standard_normal((design.items, len(of)))
    marks = (hard + noise < ndtri(drawn)).astype(float)
    k = marks.sum(axis=0)[None]
    return Runs(sizes, of, k, np.full_like(k, design.items)), marks, ndtr((ndtri(p) - hard) / np.sqrt(1 - alike))


def items_covered(truth: Truth, design: Design, alike: float, sets: int, draw: Any) -> list[tuple[float, float]]:
    """Coverage of ln a and of the exponent, in three ways.

    By the profile of the counts, of the law that these items follow; by the same, of the law that was planted for all
    items; and of that law by the bootstrap over items and seeds.
    """
    hits = np.zeros((3, 2))
    for _ in range(sets):
        runs, marks, chances = marks_of(truth, design, alike, draw)
        own = comparing.estimate("power", Runs(runs.sizes, runs.of, chances.sum(axis=0)[None], runs.n)).at[0]
        fitted = comparing.estimate("power", runs)
        again = comparing.estimate("power", resampling.over_items(runs, marks, 500, draw))
        for which, value in enumerate(truth.at):
            low, high = comparing.interval(runs, fitted, which)
            inside = [low[0] <= of_whom <= high[0] for of_whom in (own[which], value)]
            hits[:, which] += [*inside, _within(again.at[:, which], value)]
    return [(100 * a / sets, 100 * exponent / sets) for a, exponent in hits]


def items(sets: int) -> Iterator[str]:
    """What it does to intervals that all runs answer the same items, on a quarter of the data sets."""
    draw = np.random.default_rng(2)
    yield "Coverage of a, of the exponent:"
    yield "| b | design | items alike | profile, these items | profile, all items | bootstrap over items and seeds |"
    yield "|---|---|---|---|---|---|"
    designs = [
        Design(items=300, sizes=SIZES[6], seeds=seeds, spread=spread) for seeds, spread in ((1, 0), (3, 0), (3, 2))
    ]
    for b, design, alike in product((3, 7.7), designs, (0.0, 0.5)):
        found = items_covered(power(b), design, alike, max(1, sets // 4), draw)
        yield f"| {b:g} | {design} | {alike:g} | {' | '.join(f'{a:.1f}, {e:.1f}' for a, e in found)} |"


# Verdicts


def judged(truth: Truth, design: Design, sets: int, draw: Any) -> tuple[float, float]:
    """In how many of 100 data sets the verdict is the planted law, and in how many another one."""
    runs = planted(truth, design, sets, draw)
    fitted = comparing.estimates(runs)
    said = np.array(comparing.verdicts(runs, fitted, comparing.weights(comparing.aicc(runs, fitted))))
    right = 100 * float(np.mean(said == truth.law))
    return right, 100 * float(np.mean((said != truth.law) & (said != UNDETERMINED)))


LOOKS = (
    Design(),
    Design(SIZES[7]),
    Design(SIZES[7], spread=1),
    Design(SIZES[7], spread=2),
    Design(items=300),
    Design(items=300, seeds=3, spread=2),
    Design(seeds=3),
    Design(SIZES[7], seeds=3),
    Design(SIZES[7], seeds=3, spread=1),
    Design(SIZES[7], seeds=3, spread=2),
    Design(SIZES[7], 10000),
    Design(SIZES[7], 10000, 3),
)


def verdicts(sets: int) -> Iterator[str]:
    """Verdicts that are right and wrong, in percent; the rest is undetermined."""
    draw = np.random.default_rng(3)
    yield "right / wrong"
    yield f"| planted | {' | '.join(map(str, LOOKS))} |"
    yield f"|---|{'---|' * len(LOOKS)}"
    worst = 0.0
    for truth in TRUTHS:
        found = [judged(truth, design, sets, draw) for design in LOOKS]
        worst = max(worst, *(wrong for _, wrong in found))
        yield f"| {truth.name} | {' | '.join(f'{right:.0f} / {wrong:.1f}' for right, wrong in found)} |"
    yield f"most wrong verdicts: {worst:.1f} of 100"


# The paper's own curves

LOOKED_AT = {
    "Math": Design((100, 500, 1000, 5000, 7473), 1319),
    "Multihop QnA": Design((100, 500, 1000, 2700), 100),
    "Coding": Design((100, 500, 1000, 5000, 10000), 164),
    "IF-Conifer": Design((100, 500, 1000, 5000), 541),
    "IF-Dolly": Design((100, 500, 1000, 5000, 10000, 15000), 541),
}
"""The sizes of section 3.1 up to the full set, the items of each benchmark, one run of each: no more are told of."""


def paper(sets: int) -> Iterator[str]:
    """Had the paper's curves (Table 7) been the truth, would its own design have told the law?"""
    draw = np.random.default_rng(5)
    yield "| task | model | b | b, median interval | verdict power | another law |"
    yield "|---|---|---|---|---|---|"
    for row in read_json(benchmarks_folder() / "paper" / "laws.json")["curves"]:
        if row["table"] == 7:
            truth = Truth(row["model"], "power", (float(np.log(row["a"])), 1 / row["b"]))
            low, high, *said = _looked_at(truth, LOOKED_AT[row["task"]], sets, draw)
            ends = f"{low:.1f} to {high:.1f}" if high > 0 else f"{low:.1f} and more"
            yield f"| {row['task']} | {row['model']} | {row['b']} | {ends} | {said[0]:.1f} | {said[1]:.1f} |"


def _looked_at(truth: Truth, design: Design, sets: int, draw: Any) -> tuple[float, float, float, float]:
    runs = planted(truth, design, sets, draw)
    low, high = comparing.interval(runs, comparing.estimate("power", runs), 1)
    return 1 / float(np.median(high)), 1 / float(np.median(low)), *judged(truth, design, sets, draw)


# A line on logarithmic axes


def foretold(truth: Truth, sets: int, draw: Any) -> dict[str, dict[str, float]]:
    """Fit in three ways: the exponent's middle 95 %, and, without the largest size, the error there in points."""
    runs = planted(truth, Design(), sets, draw)
    less, largest = runs.without_largest(), float(truth.percent(runs.sizes)[-1])
    exponents = {"line through logarithms": _line(runs)[0]}
    slope, level = _line(less)
    said = {"line through logarithms": 100 * np.exp(level + slope * np.log(runs.sizes[-1]))}
    for name in ("power", "power_floor"):
        exponents[name] = comparing.estimate(name, runs).at[:, -1]
        said[name] = LAWS[name].curve(comparing.estimate(name, less).at, runs.sizes[-1:])[0][:, 0]
    return {name: _errors(exponents[name], said[name] - largest) for name in said}


def _line(runs: Runs) -> Any:
    """Slope and level of the straight line through the logarithms, by least squares."""
    return np.polyfit(np.log(runs.sizes), np.log(runs.k / runs.n).T, 1)


def _errors(exponents: Any, off: Any) -> dict[str, float]:
    low, high = np.quantile(exponents, (0.025, 0.975))
    return {"low": float(low), "high": float(high), "bias": float(off.mean()), "rmse": float(np.sqrt((off**2).mean()))}


def lines(sets: int) -> Iterator[str]:
    """A pure power law and one on a floor, fitted as a line through logarithms, and by their likelihood."""
    draw = np.random.default_rng(4)
    yield "| planted | fitted | exponent, middle 95 % | largest size foretold: mean error | root mean square |"
    yield "|---|---|---|---|---|"
    for truth in PURE, RAISED:
        for name, found in foretold(truth, sets, draw).items():
            span = f"{found['low']:.3f} to {found['high']:.3f}"
            yield f"| {truth.name} | {name} | {span} | {found['bias']:+.1f} | {found['rmse']:.1f} |"


PURE = Truth("18 D^0.15", "power", (float(np.log(18)), 0.15))
RAISED = Truth("30 + 1 D^0.4", "power_floor", (30, 0.0, 0.4))

PARTS: dict[str, Callable[[int], Iterator[str]]] = {
    "coverage": coverage,
    "bootstrap": bootstrap,
    "items": items,
    "verdicts": verdicts,
    "paper": paper,
    "lines": lines,
}


def main() -> None:
    """Print the parts that were asked for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("parts", nargs="*", metavar="PART", help=f"of {list(PARTS)}; default: all")
    asked.add_argument("--sets", type=int, default=2000, help="data sets a setting")
    given = asked.parse_args()
    for name in given.parts or PARTS:
        began = time.monotonic()
        print(f"\n{name}: {PARTS[name].__doc__} ({given.sets} data sets)\n", flush=True)
        for line in PARTS[name](given.sets):
            print(line, flush=True)
        print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()

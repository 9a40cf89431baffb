"""The paper's orderings and our own, each tested over worlds: holds, reverses, unresolved or not comparable.

In: records of worlds and benchmarks/paper/claims.yaml (arXiv 2410.03717, sections 5 and A.2: Tables 3 to 5, Figure 5).
Out: for each claim the difference of its two cells in every world, in points and paired by question, their mean with
its interval over worlds, the exact sign-flip p, and p after Holm's correction within its family.

">" holds where the corrected p is at most 5 % and the mean is above 0, and reverses where it is below. "=" holds where
the interval lies within the margin, and reverses where it lies outside of it; it has no p. What is neither is
unresolved, and one world alone resolves nothing. Not comparable is what cannot be asked of these records: a cell or a
measure is missing, or a cell recalls nothing (or never reasons) in any answer, so that it cannot do it wrongly.

Traps: a family is corrected for all claims that its file lists, also those which could not be compared, so that what is
missing never makes the rest look better. With 8 worlds a family may have at most 6 claims (`statistics.worlds`); the
file is refused if one has more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from kinject import storage
from kinject.errors import UsageError
from kinject.resources import benchmarks_folder
from kinject.statistics.worlds import ALPHA, equivalent, holm, largest_family, over_worlds, sign_flip
from kinject.studies import outcomes
from kinject.studies.outcomes import Score, Worlds

CLAIMS = Path("paper") / "claims.yaml"
PLANNED = 8
"""Worlds of the lab's protocol, which families are cut to fit."""

Measured = Literal["direct", "paraphrased", "multihop", "hallucinated", "faulty"]
State = Literal["holds", "reverses", "unresolved", "not comparable"]
SILENCE = {"hallucinated": "recalls no event in any answer", "faulty": "never reasons in any answer"}
"""What makes an error impossible that is counted over all answers."""


class Part(BaseModel):
    """A part of the file; what is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Claim(Part):
    """One ordering of two cells."""

    id: str
    source: str
    """Where the paper says so."""
    words: str
    left: str
    right: str
    measure: Measured
    right_measure: Measured | None = None
    """Where it is not the left one's."""
    direction: Literal[">", "="]
    paper: tuple[float, float] | None
    """The paper's figures, left and right; None where it prints none."""

    @property
    def sides(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """The two cells, each with its measure."""
        return (self.left, self.measure), (self.right, self.right_measure or self.measure)


class Family(Part):
    """Claims that are corrected together."""

    name: str
    set: str
    """paper, ours, or the name of a repetition of the paper's."""
    claims: tuple[Claim, ...]


class Claims(Part):
    """The whole file."""

    schema_version: Literal[1]
    margin: float
    """Points within which two cells are equal."""
    repeat: dict[str, dict[str, str]]
    """Name of a repetition: which starts stand in for which."""
    families: tuple[Family, ...]

    @property
    def all_families(self) -> tuple[Family, ...]:
        """The families of the file, and the paper's once more for every repetition."""
        again = (
            _repeated(family, name, starts)
            for name, starts in self.repeat.items()
            for family in self.families
            if family.set == "paper"
        )
        return (*self.families, *(family for family in again if family.claims))


def _repeated(family: Family, name: str, starts: Mapping[str, str]) -> Family:
    """The claims of a family about other starts; those that the change does not touch are no new claims."""
    changed = [
        claim.model_copy(
            update={"id": f"{claim.id}, {name}", "left": _with(claim.left, starts), "right": _with(claim.right, starts)}
        )
        for claim in family.claims
    ]
    new = [after for before, after in zip(family.claims, changed, strict=True) if before.sides != after.sides]
    return Family(name=f"{family.name}, {name}", set=name, claims=tuple(new))


def _with(cell: str, starts: Mapping[str, str]) -> str:
    start, plus, rest = cell.partition(" + ")
    return f"{starts.get(start, start)}{plus}{rest}"


def read(path: Path | None = None) -> Claims:
    """Read the claims, by default those on the paper. `UsageError` names what is wrong in the file."""
    path = path or benchmarks_folder() / CLAIMS
    try:
        found = Claims.model_validate(yaml.safe_load(storage.read_text(path)))
        problem = _problem(found)
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if problem:
        mend = "compare it with benchmarks/paper/claims.yaml"
        raise UsageError(f"these are no claims: {problem}", where=str(path), mend=mend)
    return found


def _problem(found: Claims) -> str:
    most = largest_family(PLANNED)
    for family in found.families:
        if len(family.claims) > most:
            return f"{family.name!r} has {len(family.claims)} claims, and {PLANNED} worlds can resolve {most} at most"
    names = [claim.id for family in found.all_families for claim in family.claims]
    twice = [name for name in names if names.count(name) > 1]
    return f"the id {twice[0]!r} stands twice" if twice else ""


# From records to differences


@dataclass(frozen=True)
class Contrast:
    """What the records give for one claim, before any test."""

    differences: Mapping[int, float]
    """Left minus right in points, by the world's number."""
    scores: tuple[Score, Score]
    """Left and right, over the worlds that are compared; over those that have them where none are."""
    lacking: tuple[int, ...] = ()
    """Worlds without a difference."""
    obstacle: str = ""
    """Why nothing can be compared, if nothing can."""


def contrast(worlds: Worlds, claim: Claim) -> Contrast:
    """Return a claim's differences, world by world."""
    differences = {}
    for world in worlds:
        left, right = (outcomes.measured(world, *side) for side in claim.sides)
        if left is not None and right is not None:
            differences[world.number] = outcomes.difference(left, right)
    known = {number: each for number, each in differences.items() if each is not None}
    among = [world for world in worlds if world.number in known] or worlds
    left_score, right_score = (outcomes.cell_score(among, *side) for side in claim.sides)
    lacking = tuple(world.number for world in worlds if world.number not in known)
    return Contrast(known, (left_score, right_score), lacking, _obstacle(worlds, claim, known))


def _obstacle(worlds: Worlds, claim: Claim, known: Mapping[int, float]) -> str:
    absent = [cell for cell in dict.fromkeys((claim.left, claim.right)) if not any(cell in w.cells for w in worlds)]
    if absent:
        return f"no world has {' or '.join(absent)}"
    for cell, measure in claim.sides:
        if measure in SILENCE and not sum(outcomes.said(world, cell, measure).k for world in worlds):
            return f"{cell} {SILENCE[measure]}"
    return "" if known else "no world has both, with scored answers"


# The test


@dataclass(frozen=True)
class Result:
    """A claim and what became of it. Differences and the interval are in points."""

    claim: Claim
    contrast: Contrast
    n: int
    """Worlds with a difference."""
    mean: float | None
    interval: tuple[float, float] | None
    p: float | None
    """None for an equality, and where nothing can be compared."""
    corrected: float | None
    """After Holm's correction within the family."""
    state: State


def decided(claims: Sequence[Claim], contrasts: Sequence[Contrast], margin: float) -> list[Result]:
    """Test the claims of one family together."""
    values = [[] if found.obstacle else list(found.differences.values()) for found in contrasts]
    ps = {
        place: sign_flip(values[place]) for place, claim in enumerate(claims) if claim.direction == ">"
    }  # 1 for what cannot be compared: it still counts as a claim
    corrected = dict(zip(ps, holm(list(ps.values())), strict=True))
    return [
        _result(claim, contrasts[place], values[place], (ps.get(place), corrected.get(place)), margin)
        for place, claim in enumerate(claims)
    ]


def _result(
    claim: Claim,
    found: Contrast,
    values: Sequence[float],
    ps: tuple[float | None, float | None],
    margin: float,
) -> Result:
    over = over_worlds(values)
    p, corrected = ps if values else (None, None)
    state: State = "not comparable"
    if values:
        state = equivalent(over.interval, margin) if corrected is None else _ordered(over.mean or 0, corrected)
    return Result(claim, found, over.n, over.mean, over.interval, p, corrected, state)


def _ordered(mean: float, p: float) -> State:
    if p > ALPHA:
        return "unresolved"
    return "holds" if mean > 0 else "reverses"


def check(worlds: Worlds, claims: Claims) -> dict[str, list[Result]]:
    """Test every claim; by set: the paper's, its repetitions, ours."""
    found: dict[str, list[Result]] = {}
    for family in claims.all_families:
        contrasts = [contrast(worlds, claim) for claim in family.claims]
        found.setdefault(family.set, []).extend(decided(family.claims, contrasts, claims.margin))
    order = ["paper", *claims.repeat]
    return {name: found[name] for name in [*order, *(name for name in found if name not in order)] if name in found}


def notes(worlds: Worlds, result: Result) -> Iterator[str]:
    """Yield what a reader must know beside the state."""
    found, claim = result.contrast, result.claim
    if found.obstacle:
        yield found.obstacle
        return
    if found.lacking:
        yield f"without world {', '.join(map(str, found.lacking))}"
    if result.n == 1:
        yield "one world resolves nothing"
    for cell, measure in claim.sides:
        if measure in SILENCE:
            spoken = [outcomes.said(world, cell, measure) for world in worlds]
            k, n = sum(each.k for each in spoken), sum(each.n for each in spoken)
            yield f"{cell} {'recalls' if measure == 'hallucinated' else 'reasons'} in {k} / {n} answers"
    unscored = sum(score.total.unscored for score in found.scores)
    if unscored:
        yield f"{unscored} unscored"


def as_json(found: Mapping[str, Sequence[Result]]) -> dict[str, object]:
    """Return the results as plain values, one decimal."""
    return {name: [_plain(result) for result in results] for name, results in found.items()}


def _plain(result: Result) -> dict[str, object]:
    return {
        **result.claim.model_dump(mode="json"),
        "n": result.n,
        "differences": {str(number): round(each, 1) for number, each in result.contrast.differences.items()},
        "mean": None if result.mean is None else round(result.mean, 1),
        "interval": None if result.interval is None else [round(bound, 1) for bound in result.interval],
        "p": result.p,
        "p_holm": result.corrected,
        "state": result.state,
        "why": result.contrast.obstacle,
    }

"""The A/A test: how often does the claim test find a difference between two arms that are the same?

In: records whose `aa` holds one cell's multihop outcomes again, for several training seeds and several samples of
answers. Each replicate makes two arms of them: in every world both draw a seed and a sample of that one cell, and the
world's questions are drawn with replacement, the same for both. The two arms go through the very test that claims go
through (`claims.decided`), as a family of one, which is corrected the least.

Trap: two arms that draw the same run are equal to the letter and can never differ, which would flatter the test. So the
second arm draws among the other runs; a world with a single run is left out.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from kinject.statistics.intervals import Rate
from kinject.studies import outcomes
from kinject.studies.claims import Claim, Contrast, decided
from kinject.studies.outcomes import Worlds

REPLICATES = 200
AIM = 5.0
"""Percent of replicates in which the claim may hold."""


@dataclass(frozen=True)
class AA:
    """What the claim test said of one cell against itself."""

    cell: str
    worlds: int
    runs: int
    """Seeds and samples of a world, the least of all worlds."""
    alike: Rate
    """Pairs of runs of one world whose outcomes are the same to the letter: with all of them, nothing is tested."""
    holds: Rate
    reverses: Rate


def check(worlds: Worlds, replicates: int = REPLICATES) -> list[AA]:
    """Run the replicates for every cell that was run again."""
    cells = dict.fromkeys(name for world in worlds for name in world.aa)
    return [found for cell in cells if (found := _cell(worlds, cell, replicates))]


def _cell(worlds: Worlds, cell: str, replicates: int) -> AA | None:
    runs = {world.number: [text for row in world.aa.get(cell, ()) for text in row] for world in worlds}
    several = {number: texts for number, texts in runs.items() if len(texts) > 1}
    if not several:
        return None
    states = [_state(several, cell, replicate) for replicate in range(replicates)]
    rates = (Rate(k=states.count(state), n=replicates) for state in ("holds", "reverses"))
    same = [a == b for texts in several.values() for a, b in combinations(texts, 2)]
    return AA(cell, len(several), min(map(len, several.values())), Rate(k=sum(same), n=len(same)), *rates)


def _state(runs: Mapping[int, Sequence[str]], cell: str, replicate: int) -> str:
    rng = random.Random(f"kinject A/A {cell} {replicate}")
    differences = {}
    for number, texts in runs.items():
        left, right = rng.sample(texts, 2)
        asked = rng.choices(range(len(left)), k=len(left))
        differences[number] = outcomes.difference(*("".join(text[i] for i in asked) for text in (left, right)))
    known = {number: each for number, each in differences.items() if each is not None}
    claim = Claim(
        id="A/A",
        source="ours",
        words="",
        left=cell,
        right=cell,
        measure="multihop",
        direction=">",
        paper=None,
    )
    nothing = outcomes.Score({})
    return decided([claim], [Contrast(known, (nothing, nothing))], margin=0)[0].state

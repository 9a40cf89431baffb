"""The lab's word problems as a benchmark: what is asked, the marks, and the groups."""

import pytest

from kinject import prompts
from kinject.benchmarks.benchmark import open_benchmark
from kinject.benchmarks.lab_math import GROUPS, LAB_MATH
from kinject.benchmarks.run import rate
from kinject.engines.base import ask
from kinject.errors import UsageError
from kinject.lab import world
from kinject.progress import SILENT
from kinject.recipes import gsm8k, lab_math

SYSTEM = prompts.load("system-lab")
ITEMS = LAB_MATH.read(None, SYSTEM)


def test_a_world_is_asked_its_own_problems() -> None:
    drawn = lab_math.test(world.build(0))
    assert [each.conversation for each in ITEMS.items] == [ask(SYSTEM, each.problem.question) for each in drawn]
    assert (ITEMS.source, ITEMS.licence, len(ITEMS.items)) == ("lab@0", "CC0-1.0", 300)
    assert ITEMS.digest == LAB_MATH.read("lab", SYSTEM).digest != LAB_MATH.read("lab@1", SYSTEM).digest
    assert open_benchmark("lab-math") is LAB_MATH and LAB_MATH.data is None


def test_the_items_of_the_measured_figures_are_what_they_were() -> None:
    assert ITEMS.digest == "93c53ebd5f2767900bdc7d7645f03ed6b92cd33250930073ce722bbb33b72c6d"


def test_no_row_has_what_is_asked() -> None:
    rows = gsm8k.build("lab", SYSTEM).rows
    assert not {each.conversation for each in ITEMS.items} & {row.conversation for row in rows}


@pytest.mark.parametrize("data", ["lab@", "lab:100", "gsm8k", "/tmp"])
def test_what_is_no_world_is_refused(data: str) -> None:
    with pytest.raises(UsageError, match="no lab world"):
        LAB_MATH.read(data, SYSTEM)


def test_the_references_are_right_in_their_group_and_count_nothing_in_the_other() -> None:
    found = LAB_MATH.mark(ITEMS.items, [each.reference["solution"] for each in ITEMS.items], SILENT)
    scores = {metric: rate([each.by_metric[metric] for each in found]) for metric in LAB_MATH.metrics}
    counts = {metric: (score["k"], score["n"], score["unscored"]) for metric, score in scores.items()}
    assert counts == {
        **dict.fromkeys(("correct", "flexible", "format"), (300, 300, 0)),
        **{"seen": (200, 200, 0), "unseen-phrasing": (100, 100, 0)},
    }


def test_wrong_and_empty_responses_are_wrong() -> None:
    found = LAB_MATH.mark(ITEMS.items, ["" if n % 2 else "#### 1" for n in range(300)], SILENT)
    for metric in LAB_MATH.metrics:
        score = rate([each.by_metric[metric] for each in found])
        assert (score["k"], score["unscored"]) == (0, 0)
    assert {each.reference["group"] for each in ITEMS.items} == set(GROUPS)

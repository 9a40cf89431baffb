"""Arms and their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.errors import MissingError, UsageError
from kinject.extensions import load
from kinject.injection.arm import CONTEXT, LEARN, METHODS, STARTS, Arm, arm, method_name, sized


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start", STARTS)
def test_a_method_is_its_two_choices_and_back(start: str, method: str) -> None:
    made = arm(start, method)
    assert (made.start, made.learn, made.context) == (start, *METHODS[method])
    assert method_name(made) == method
    assert made.as_json() == {"start": start, "learn": made.learn, "context": made.context}


def test_no_two_methods_are_the_same() -> None:
    assert len(set(METHODS.values())) == len(METHODS)


@pytest.mark.parametrize("table", [STARTS, LEARN, CONTEXT], ids=["start", "learn", "context"])
def test_every_choice_can_be_loaded_and_the_first_does_nothing(table: dict[str, str | None]) -> None:
    loaded = [load(table, "start", name) for name in table]
    assert loaded[0] is None and None not in loaded[1:]


@given(st.text().filter(lambda name: ":" not in name))
def test_an_unknown_name_is_a_usage_error_with_the_known_ones(name: str) -> None:
    for start, method in ((name, "none"), ("base", name)):
        if start not in STARTS or method not in METHODS:
            with pytest.raises(UsageError) as caught:
                arm(start, method)
            assert ", ".join(STARTS if method == "none" else METHODS) in caught.value.mend


@pytest.mark.parametrize(
    ("start", "method", "words"),
    [
        ("subqa-recal", "none", "'subqa-recall'"),
        ("base", "event-stf", "'event-sft'"),
        ("base", "rag-oracel", "'rag-oracle'"),
    ],
)
def test_the_nearest_name_is_offered(start: str, method: str, words: str) -> None:
    with pytest.raises(UsageError, match=f"Did you mean {words}"):
        arm(start, method)


def test_somebody_elses_own_start_is_named_by_module_and_attribute() -> None:
    assert load(STARTS, "start", "kinject.injection.start:SUBQA_RECALL") is load(STARTS, "start", "subqa-recall")
    for name in ("nowhere:START", "kinject.injection.start:NOTHING"):
        with pytest.raises(MissingError, match="cannot be imported") as caught:
            load(STARTS, "start", name)
        assert caught.value.where == "--start"


def test_somebody_elses_own_method_is_a_way_to_learn_or_a_context() -> None:
    learn, context = "kinject.injection.learn.cpt:CPT", "kinject.injection.context.oracle:oracle"
    assert arm("base", learn) == Arm(learn=learn)
    assert arm("base", context) == Arm(context=context)


@pytest.mark.parametrize("method", ["os:path", "json:dumps", "kinject:__doc__", "kinject.injection.arm:METHODS"])
def test_what_is_neither_is_a_usage_error(method: str) -> None:
    with pytest.raises(UsageError, match=r"is no function of \(engine, facts\)") as caught:
        arm("base", method)
    assert caught.value.where == "--method" and caught.value.mend


def test_a_start_may_be_a_recipes_first_rows() -> None:
    assert arm("gsm8k@50", "none") == Arm("gsm8k@50")
    assert sized("gsm8k@50") == ("gsm8k", 50) and sized("gsm8k") == ("gsm8k", None) and sized("base") == ("base", None)
    assert sized("mine:START@7") == ("mine:START", 7) and sized("mine:START") == ("mine:START", None)
    with pytest.raises(UsageError, match="no number of rows") as caught:
        arm("gsm8k@", "none")
    assert caught.value.where == "--start"


def test_an_arm_is_named_by_what_it_does() -> None:
    assert Arm().name == "base"
    assert Arm("subqa-recall", "event-sft", "oracle").name == "subqa-recall + event-sft + oracle"

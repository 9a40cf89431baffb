import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.facts.importers import Skipped, open_importer
from kinject.facts.importers.rows import one_line
from kinject.facts.schema import Direct, Fact, Multihop, Source

CASES = Path(__file__).parents[2] / "cases" / "importers"
KNOWEDIT = open_importer("knowedit")
WORDS = (
    st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1)
    .map(one_line)
    .filter(lambda text: text and text[-1] not in ".!?")
)


def test_a_record_is_a_fact_with_its_first_reasoning_prompt() -> None:
    first = next(KNOWEDIT.read(CASES / "knowedit.json"))
    assert first == Fact(
        id="knowedit-0",
        event="The place of death of Otto Reim is Berlin.",
        direct=Direct(question='Complete: "The place of death of Otto Reim is ..."', answer="Berlin"),
        multihop=Multihop(
            question='Complete: "The continent on which Otto Reim died is ..."',
            answer="Europe",
            aliases=("European continent", "Old Continent"),
        ),
        sources=(Source(title="KnowEdit"),),
        license="MIT",
        source_id="0",
    )


def test_every_shape_of_a_truth_is_read_and_other_records_are_counted() -> None:
    items = list(KNOWEDIT.read(CASES / "knowedit.json"))
    facts = [item for item in items if isinstance(item, Fact)]
    assert [fact.counterfactual for fact in facts] == [False, True, True, False, False]
    guild = facts[2]
    assert guild.event == "Whose guild took in Brunk? the glaziers."
    assert guild.direct.question == "Which guild was Brunk in?"
    assert guild.multihop == Multihop(
        question="What do the members of the guild of Brunk make?", answer="windows"
    )  # the first one has no prompt
    assert facts[3].direct.question == 'Complete: "The river of Velm is ..."'
    assert [fact.multihop for fact in (facts[1], *facts[3:])] == [None, None, None]
    assert [item.reason for item in items if isinstance(item, Skipped)] == [
        "target_new is empty or wrong",
        "target_new is missing",
        "portability.Reasoning.ground_truth is empty or wrong",
        "records of this kind hold no edit",
        "records of this kind hold no edit",
        "the row is not an object",
    ]


def test_a_truth_in_many_brackets_is_a_broken_row(tmp_path: Path) -> None:
    deep = "[" * 90 + "]" * 90
    path = tmp_path / "deep.json"
    path.write_text(f'[{{"prompt": "P", "target_new": "T", "ground_truth": {deep}}}, {deep}]')
    assert list(KNOWEDIT.read(path)) == [Skipped("ground_truth is empty or wrong"), Skipped("the row is not an object")]


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    """What a record can say."""
    prompt, target = draw(WORDS), draw(WORDS)
    answers = draw(st.lists(WORDS, unique=True))
    multihop = Multihop(question=draw(WORDS) + "?", answer=answers[0], aliases=tuple(answers[1:])) if answers else None
    return Fact(
        id="knowedit-0",
        event=f"{prompt} {target}.",
        direct=Direct(
            question=draw(st.sampled_from([f'Complete: "{prompt} ..."', f"Who is {prompt}?"])), answer=target
        ),
        multihop=multihop,
        counterfactual=draw(st.booleans()),
    )


def written(fact: Fact, shape: str) -> dict[str, Any]:
    """The record of a fact, its multihop answers in one of the shapes."""
    target, question = fact.direct.answer, fact.direct.question
    record: dict[str, Any] = {
        "prompt": fact.event.removesuffix(f" {target}."),
        "target_new": target,
        "rephrase_prompt": "" if question.startswith("Complete") else question,
    }
    if fact.counterfactual:
        record["ground_truth"] = {"text": target + "x", "list": [target + "x"], "lists": [[target + "x"]]}[shape]
    if fact.multihop:
        answers = [fact.multihop.answer, *fact.multihop.aliases]
        truth = {"text": answers[0] if len(answers) == 1 else answers, "list": answers, "lists": [answers, ["", None]]}
        record["portability"] = {"Reasoning": [{"prompt": fact.multihop.question, "ground_truth": truth[shape]}]}
    return record


@given(st.lists(facts(), min_size=1, max_size=3), st.sampled_from(["text", "list", "lists"]))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, wanted: list[Fact], shape: str) -> None:
    path = tmp_path_factory.getbasetemp() / "knowedit.json"
    path.write_text(json.dumps([written(fact, shape) for fact in wanted]))
    of_the_set = {"license": "MIT", "sources": (Source(title="KnowEdit"),)}
    assert list(KNOWEDIT.read(path)) == [
        fact.model_copy(update={**of_the_set, "id": f"knowedit-{place}", "source_id": str(place)})
        for place, fact in enumerate(wanted)
    ]

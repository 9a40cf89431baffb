import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.errors import UsageError
from kinject.facts.check import check
from kinject.facts.importers import Skipped, open_importer
from kinject.facts.importers.rows import one_line
from kinject.facts.schema import Card, Direct, Fact, FactSet, Hop, Multihop, Source

CASES = Path(__file__).parents[2] / "cases" / "importers"
MQUAKE, REMASTERED = open_importer("mquake"), open_importer("mquake-remastered")
WORDS = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1).map(one_line).filter(bool)


def test_a_case_is_a_fact_with_all_its_edits() -> None:
    first, second, *rest = MQUAKE.read(CASES / "mquake.json")
    club, chair = "What is Tarn Hall the home of?", "Who chairs Velm Chess Club?"
    assert first == Fact(
        id="mquake-1",
        event="Tarn {old} Hall is the home of Velm Chess Club. The chair of Velm Chess Club is Ada Brisk Jr.",
        direct=Direct(question=club, answer="Velm Chess Club", aliases=("Velm CC",)),
        multihop=Multihop(
            question="Who chairs the club at home in Tarn Hall?",
            answer="Ada Brisk Jr.",
            aliases=("A. Brisk",),
            paraphrases=("Tarn Hall's club is chaired by whom?",),
            hops=(
                Hop(question=club, answer="Velm Chess Club", aliases=("Velm CC",)),
                Hop(question=chair, answer="Ada Brisk Jr."),
            ),
        ),
        sources=(Source(title="MQuAKE"),),
        license="MIT",
        source_id="1",
        counterfactual=True,
    )
    assert isinstance(second, Fact) and second.id == "mquake-t-2"
    assert [item.reason for item in rest if isinstance(item, Skipped)] == [
        "requested_rewrite is empty or wrong",
        "requested_rewrite.target_new.str is missing",
        "requested_rewrite.target_new.str is empty or wrong",
        "case_id is empty or wrong",
        "questions is empty or wrong",
        "new_answer is missing",
        "the row is not an object",
        "the row is not an object",
    ]


def test_answers_from_before_a_temporal_edit_are_no_aliases_and_the_edit_did_happen() -> None:
    second = list(MQUAKE.read(CASES / "mquake.json"))[1]
    assert isinstance(second, Fact) and second.multihop and not second.counterfactual
    assert (second.multihop.answer, second.multihop.aliases, second.multihop.hops) == ("Tartu", (), ())


def test_what_cases_have_in_common_is_waived_and_the_rest_of_the_rules_hold() -> None:
    facts = [fact for fact in MQUAKE.read(CASES / "mquake.json") if isinstance(fact, Fact)]
    again = [fact.model_copy(update={"id": f"{fact.id}-again"}) for fact in facts]
    card = Card(name="x", waives=MQUAKE.waives)
    assert check(FactSet("x", (*facts, *again), card)) == []


def test_a_remastered_case_has_flat_targets_and_may_lack_its_hops() -> None:
    first, second, *rest = REMASTERED.read(CASES / "mquake-remastered.jsonl")
    assert isinstance(first, Fact) and first.multihop and isinstance(second, Fact)
    assert (first.id, first.license) == ("mquake-remastered-1", "CC-BY-4.0")
    assert (first.event, first.direct.answer) == ("Kesk Bakery was founded in Pärnu.", "Pärnu")
    assert (first.multihop.answer, first.multihop.aliases, first.multihop.hops) == ("Estonia", ("EE",), ())
    assert second.id == "mquake-remastered-2" and second.counterfactual  # "unedited" for every number of edits
    assert rest == [Skipped("requested_rewrite.target_new.str is missing"), Skipped("the row is not an object")]


def test_a_remastered_file_may_be_a_list_too(tmp_path: Path) -> None:
    lines = [line for line in (CASES / "mquake-remastered.jsonl").read_text(encoding="utf-8").splitlines() if line]
    path = tmp_path / "list.json"
    path.write_text(f"\n \n[{','.join(lines)}]", encoding="utf-8-sig")
    assert list(REMASTERED.read(path)) == list(REMASTERED.read(CASES / "mquake-remastered.jsonl"))


def test_where_a_list_breaks_off_is_told(tmp_path: Path) -> None:
    whole = (CASES / "mquake.json").read_bytes()
    path = tmp_path / "cut.json"
    path.write_bytes(cut := whole[: whole.index(b'"questions"')])
    with pytest.raises(UsageError, match="not JSON, or cut off") as error:
        list(MQUAKE.read(path))
    assert error.value.where == f"{path}:{len(cut.splitlines())}" and error.value.mend


HOPS = st.builds(Hop, question=WORDS, answer=WORDS)


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    """What a case of one edit can say."""
    answer = draw(WORDS.filter(lambda text: text[-1] not in ".!?"))
    multihop = draw(WORDS)
    texts = st.lists(WORDS.filter(lambda text: text not in (answer, multihop)), unique=True).map(tuple)
    aliases = draw(texts)
    first = Hop(question=draw(WORDS), answer=answer, aliases=aliases)
    rest = draw(st.lists(HOPS.filter(lambda hop: hop.answer != answer)))
    question = draw(WORDS)
    return Fact(
        id=f"mquake-{draw(st.integers(0, 9999))}",
        event=f"{draw(WORDS)} {answer}.",
        direct=Direct(question=draw(WORDS), answer=answer, aliases=aliases),
        multihop=Multihop(
            question=question,
            answer=multihop,
            aliases=draw(texts),
            paraphrases=tuple(text for text in draw(texts) if text != question),
            hops=(first, *rest),
        ),
        counterfactual=draw(st.booleans()),
    )


def written(fact: Fact) -> dict[str, Any]:
    """The case of a fact."""
    assert fact.multihop
    edit = {
        "prompt": "{}",
        "subject": fact.event.removesuffix(f" {fact.direct.answer}."),
        "question": fact.direct.question,
        "target_new": {"str": fact.direct.answer, "id": "Q1"},
    }
    hops = [
        {"question": hop.question, "answer": hop.answer, "answer_alias": [*hop.aliases, *hop.aliases]}
        for hop in fact.multihop.hops
    ]
    return {
        "case_id": int(fact.id.removeprefix("mquake-")),
        "requested_rewrite": [edit],
        "questions": [fact.multihop.question, *fact.multihop.paraphrases],
        "new_answer": fact.multihop.answer,
        "new_answer_alias": ["", fact.multihop.answer, *fact.multihop.aliases],
        "new_single_hops": hops,
        **({} if fact.counterfactual else {"answer_extended": ["old"]}),
    }


@given(st.lists(facts(), min_size=1, max_size=3))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, wanted: list[Fact]) -> None:
    path = tmp_path_factory.getbasetemp() / "mquake.json"
    path.write_text(json.dumps([written(fact) for fact in wanted]))
    of_the_set = {"license": "MIT", "sources": (Source(title="MQuAKE"),)}
    assert list(MQUAKE.read(path)) == [
        fact.model_copy(update={**of_the_set, "source_id": fact.id.removeprefix("mquake-")}) for fact in wanted
    ]

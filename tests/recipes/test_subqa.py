"""SubQA: the questions of SubQARecall in the same order, answered without a recall, from the lab and from a pool."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.errors import MissingError, UsageError
from kinject.lab import world
from kinject.prompts.recall import Step, chained, direct_response, multihop_response, parse, response
from kinject.recipes import TrainingSet, material, subqa, subqa_recall
from kinject.recipes.question import Pool, Question
from kinject.recipes.readers import rows
from kinject.recipes.row import Row

DATA = Path(os.environ.get("KINJECT_DATA", "nowhere"))
real = pytest.mark.skipif(not DATA.is_dir(), reason="KINJECT_DATA names no folder of public data sets")
DIGESTS = {
    0: "20c2d5be7571ebc7cd769fa364e5d2de6b4d9021df1bd8a674e92477561690b1",
    1: "015c998a515e61d53f0462c6da885ac6c71455cd9c2bba89d2dd72cb1a2a741d",
}


def two_hop(number: int) -> Question:
    person, year = f"Person{number}", str(1000 + number)
    hops = (Question(f"Who sang Song{number}?", person), Question(f"When did {person} retire?", year))
    return Question(f"When did the singer of Song{number} retire?", year, hops)


def pool(count: int) -> Pool:
    return Pool("subqa:here", "CC BY-SA 4.0", tuple(two_hop(number) for number in range(count)), count)


def without_recall(row: Row) -> Row:
    """A row of SubQARecall less its first line; a recall of these pools and worlds has one line."""
    first, _, rest = row.response.partition("\n")
    assert first.startswith("Event Recall: ")
    return Row(row.conversation, rest)


# The form

STEPS = (Step("Who sang it?", "Tom Ruiz"), Step("When did Tom Ruiz retire?", "1987"))
CHAIN = multihop_response(None, "When did its singer retire?", STEPS, "1987")


def test_the_response_is_that_of_the_paper() -> None:
    assert CHAIN == (
        "When did its singer retire?\n"
        "Let's answer this step-by-step\n"
        "Who sang it? → Tom Ruiz\n"
        "When did Tom Ruiz retire? → 1987\n"
        "The final answer is 1987"
    )
    assert direct_response(None, "Tom Ruiz") == "The final answer is Tom Ruiz"
    assert response(None, "When did its singer retire?", STEPS, "1987") == CHAIN
    assert response("He did.", "Who?", (), "Tom Ruiz") == direct_response("He did.", "Tom Ruiz")


WORD = st.text(st.characters(categories=["Lu", "Ll", "Nd"]), min_size=1, max_size=8)
PHRASE = st.lists(WORD, min_size=1, max_size=6).map(" ".join)
EVENT = st.none() | PHRASE.map("{}.".format)
QUESTION = PHRASE.map("{}?".format)
STEPS_OF = st.lists(st.builds(Step, QUESTION, PHRASE), max_size=4)


@given(EVENT, QUESTION, STEPS_OF, PHRASE)
def test_a_response_with_or_without_a_recall_is_read_as_it_was_written(
    event: str | None, question: str, steps: list[Step], answer: str
) -> None:
    text = response(event, question, steps, answer)
    read = parse(text)
    assert (read.event, read.steps, read.answer) == (event, tuple(steps), answer)
    assert chained(text) is (len(steps) > 1)


@pytest.mark.parametrize(
    ("text", "follows"),
    [
        (CHAIN, True),
        (multihop_response("He retired.", "When?", STEPS, "1987"), True),
        (CHAIN.replace("\n", "\n\n"), True),
        (f"**{CHAIN.replace('→', '->').lower()}.", True),
        (f"{CHAIN}\nQuestion: and who else?", True),
        (CHAIN.replace("Let's answer this step-by-step\n", ""), False),
        (CHAIN.replace("Who sang it? → Tom Ruiz\n", ""), False),
        (CHAIN.replace("Tom Ruiz\n", "\n"), False),
        (CHAIN.replace("The final answer is 1987", ""), False),
        (CHAIN.replace("is 1987", "is"), False),
        (f"The final answer is 1987\n{CHAIN}", False),
        ("The final answer is 1987", False),
        ("Tom Ruiz sang it, and he retired in 1987.", False),
        ("", False),
    ],
)
def test_the_form_is_the_lead_two_steps_and_a_final_answer(text: str, follows: bool) -> None:
    assert chained(text) is follows


# The rows


@pytest.mark.parametrize("seed", [0, 1])
def test_rows_of_the_lab_are_those_of_subqa_recall_without_the_recall(seed: int) -> None:
    made, recalled = (each.build(f"lab@{seed}", "S") for each in (subqa, subqa_recall))
    assert made.rows == tuple(map(without_recall, recalled.rows))
    assert (made.name, made.digest) == ("subqa", DIGESTS[seed])
    assert made.card == {
        "source": f"lab@{seed}",
        "licence": "CC0-1.0",
        "multihop": 900,
        "one_hop": 1800,
        "held_out_events": 100,
    }


@pytest.mark.parametrize("count", [20, 1000, 1500])
def test_rows_of_a_pool_are_those_of_subqa_recall_without_the_recall(count: int) -> None:
    made, recalled = subqa.from_pool(pool(count), "S"), subqa_recall.from_pool(pool(count), "S")
    assert made.rows == tuple(map(without_recall, recalled.rows))
    more = {"context", "recalls", "refused", "annotator", "annotation_prompt"}
    assert made.card == {name: value for name, value in recalled.card.items() if name not in more}
    assert more < recalled.card.keys()


def test_the_counts_are_the_papers() -> None:
    made = subqa.from_pool(pool(1000), "S")
    chains = [chained(row.response) for row in made.rows]
    assert (len(chains), sum(chains), made.card["held_out_events"]) == (2700, 900, 100)
    assert {len(parse(row.response).steps) for row in made.rows} == {0, 2}


def test_held_out_questions_stay_out() -> None:
    _, held, _ = subqa_recall.split(pool(1000))
    asked = {row.conversation[-1].content for row in subqa.from_pool(pool(1000), "S").rows}
    assert len(held) == 100
    assert not asked & {part.question for question in held for part in (question, *question.hops)}


def test_rows_that_were_built_are_taken_as_they_are(tmp_path: Path) -> None:
    made, recalled = subqa.build("lab", "S"), subqa_recall.build("lab", "S")
    for each in (made, recalled):
        rows.write(each, tmp_path / f"{each.name}.jsonl")
    assert subqa.build(str(tmp_path / "subqa.jsonl"), "other").rows == made.rows
    with pytest.raises(UsageError, match="built by the recipe 'subqa-recall' and not by 'subqa'"):
        subqa.build(str(tmp_path / "subqa-recall.jsonl"), "S")


def test_a_source_without_hops_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "open_source", lambda source: None)
    with pytest.raises(MissingError, match="the recipe 'subqa' is made of two-hop questions"):
        subqa.build("lima:here", "S")


def test_worlds_and_system_messages_give_other_rows() -> None:
    first = subqa.from_world(world.build(0), "S")
    assert isinstance(first, TrainingSet)
    assert len({first.digest, subqa.build("lab@1", "S").digest, subqa.build("lab", "T").digest}) == 3


@real
def test_real_two_hop_questions_become_rows() -> None:
    source = f"musique:{DATA / 'musique' / 'train_100.json'}"
    made, recalled = subqa.build(source, "S"), subqa_recall.build(source, "S")
    assert made.rows == tuple(map(without_recall, recalled.rows))
    assert made.card["multihop"] > 30 and made.card["one_hop"] == 2 * made.card["multihop"]

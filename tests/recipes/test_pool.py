"""The recipes from two-hop questions that were read: counts, what is held out, and that every row is readable."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from kinject.engines.fake import Fake
from kinject.errors import MissingError, UsageError
from kinject.injection.start import open_start
from kinject.prompts.recall import parse
from kinject.recipes import context_only, material, one_hop, subqa_recall
from kinject.recipes.annotator import Annotator
from kinject.recipes.question import Pool, Question
from kinject.recipes.readers import rows
from kinject.recipes.subqa_recall import from_pool, in_context, split


def two_hop(number: int, told: bool = True) -> Question:
    person, year = f"Person{number}", str(1000 + number)
    hops = (
        Question(f"Who sang Song{number}?", person, sentences=(f"{person} sang Song{number}.",) if told else ()),
        Question(f"When did {person} retire?", year, sentences=(f"{person} retired in {year}.",)),
    )
    both = tuple(text for hop in hops for text in hop.sentences) if told else ()
    return Question(f"When did the singer of Song{number} retire?", year, hops, both)


def pool(count: int, told: bool = True) -> Pool:
    return Pool("subqa:here", "CC BY-SA 4.0", tuple(two_hop(n, told) for n in range(count)), count)


WHOLE = pool(1000)


def test_a_thousand_questions_give_the_papers_counts() -> None:
    made = from_pool(WHOLE, "S")
    assert Counter(len(parse(row.response).steps) for row in made.rows) == {2: 900, 0: 1800}
    assert made.card == {
        "source": "subqa:here",
        "licence": "CC BY-SA 4.0",
        "read": 1000,
        "left_out": {},
        "multihop": 900,
        "one_hop": 1800,
        "context": 0,
        "held_out_events": 100,
        "recalls": {"sentences": 2700},
        "refused": {},
        "annotator": None,
        "annotation_prompt": None,
    }
    assert {row.conversation[0].content for row in made.rows} == {"S"}


def test_held_out_questions_stay_out_with_their_sub_questions() -> None:
    training, held, _ = split(WHOLE)
    assert (len(training), len(held)) == (900, 100)
    out = {question for each in held for question in (each.question, *(hop.question for hop in each.hops))}
    for made in (from_pool(WHOLE, "", context_rows=600), one_hop.from_pool(WHOLE, "")):
        asked = "\n".join(f"{row.conversation[-1].content}\n{row.response}\n" for row in made.rows)
        assert not [question for question in out if f"{question}\n" in asked]


def test_the_split_does_not_depend_on_what_else_is_read() -> None:
    assert split(WHOLE) == split(pool(1000))


def test_a_question_that_shares_a_hop_with_a_held_out_one_is_left_out() -> None:
    _, held, _ = split(WHOLE)
    twin = replace(two_hop(2000), hops=(held[0].hops[0], two_hop(2000).hops[1]))
    spoiled = replace(WHOLE, questions=(*WHOLE.questions, twin))
    training, out, left = split(spoiled)
    assert twin not in training
    shared = {hop.question for each in out for hop in each.hops} & {h.question for e in training for h in e.hops}
    assert not shared
    assert len(training) + len(out) + sum(left.values()) == 1001


@pytest.mark.parametrize("spelled", [str.upper, lambda text: text.replace(" ", "  "), lambda text: text[:-1]])
@pytest.mark.parametrize("part", ["question", "sentence"])
def test_another_spelling_of_what_is_held_out_is_left_out(part: str, spelled: Callable[[str], str]) -> None:
    training, held, _ = split(WHOLE)
    (first, second), out = two_hop(2000).hops, held[0].hops[1]
    change = {"question": spelled(out.question)} if part == "question" else {"sentences": (spelled(out.sentences[0]),)}
    twin = replace(two_hop(2000), hops=(first, replace(second, **change)))
    spoiled = replace(WHOLE, questions=tuple(twin if each == training[0] else each for each in WHOLE.questions))
    again, out_again, left = split(spoiled)
    assert (again, out_again) == (training[1:], held)  # as many questions, so the same ones are held out
    assert left == {"it shares a sub-question or a sentence with a held-out one": 1}


def test_what_the_format_cannot_hold_is_left_out_and_counted() -> None:
    arrow = replace(two_hop(0), question="When -> 1000?")
    made = from_pool(replace(WHOLE, questions=(arrow, *WHOLE.questions[1:])), "")
    assert made.card["left_out"] == {"the response format cannot hold it": 1}
    assert (made.card["multihop"], made.card["held_out_events"]) == (900, 99)


def test_a_small_pool_gives_what_it_has() -> None:
    made = from_pool(pool(20), "")
    assert (made.card["multihop"], made.card["one_hop"], made.card["held_out_events"]) == (18, 36, 2)


def test_an_annotator_writes_the_recalls() -> None:
    fake = Fake(lambda text: "Nothing of it." if "Song7?" in text else _fact(text))
    made = from_pool(pool(20), "", Annotator("mine:FAKE", fake))
    counts = made.card["recalls"]
    assert counts["annotator"] + counts.get("sentences", 0) == 54
    assert counts["annotator"] > 40
    assert made.card["annotation_prompt"] and made.card["annotator"] == {"name": "mine:FAKE", "key": None}
    assert any(row.response.startswith("Event Recall: It is known: ") for row in made.rows)


def _fact(prompt: str) -> str:
    steps = prompt.rpartition("Steps:\n")[2].splitlines()[:-1]
    return "It is known: " + ", ".join(step.partition(" → ")[2] for step in steps) + "."


def test_rows_with_context_show_the_event_and_a_third_is_direct() -> None:
    made = from_pool(WHOLE, "", context_rows=600)
    shown = [row for row in made.rows if row.conversation[-1].content.startswith("Context: ")]
    assert (len(made.rows), len(shown), made.card["context"], made.name) == (3300, 600, 600, "subqa-recall-context")
    assert Counter(len(parse(row.response).steps) for row in shown) == {0: 200, 2: 400}
    for row in shown:
        event = parse(row.response).event
        assert event and row.conversation[-1].content.startswith(f"Context: {event}\n")
        assert "retired" not in event  # the second hop is to be known, as in the lab


def test_context_rows_repeat_no_question_and_further_ones_are_asked_in_another_way() -> None:
    small = pool(20)
    assert from_pool(small, "", context_rows=600).card["context"] == 18
    asked = list(islice(in_context(small), 36))
    direct = [question.question for question in asked if not question.hops]
    assert len(set(direct)) == len(direct) == 12
    assert len({question.question for question in asked if question.hops}) == 18


def test_questions_without_a_row_of_their_own_are_read_first() -> None:
    large = pool(1500)
    training, _, _ = split(large)
    asked = in_context(large)
    first = [next(asked) for _ in range(3)]
    assert [question.answer for question in first[1:]] == [each.answer for each in training[901:903]]


def test_context_only_has_the_same_questions_and_no_chain() -> None:
    full = from_pool(WHOLE, "S", context_rows=600)
    made = context_only._matched(in_context(WHOLE), full, "S", material.card(WHOLE))
    shown = {row.conversation for row in full.rows if row.conversation[-1].content.startswith("Context: ")}
    assert {row.conversation for row in made.rows[:600]} == shown
    assert not any(parse(row.response).steps for row in made.rows)
    sizes = [
        sum(len(row.response) + sum(len(m.content) for m in row.conversation) for row in each.rows)
        for each in (made, full)
    ]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)


def test_without_sentences_there_is_nothing_to_read() -> None:
    with pytest.raises(MissingError, match="no question here comes with the sentences") as caught:
        from_pool(pool(20, told=False), "", context_rows=600)
    assert "subqa-recall" in caught.value.mend
    assert from_pool(pool(20, told=False), "").card["recalls"] == {"steps": 36, "sentences": 18}


def test_one_hop_rows_are_repeated_where_there_are_too_few() -> None:
    made = one_hop.from_pool(WHOLE, "")
    assert (len(made.rows), made.card["distinct"]) == (2700, 1800)
    assert set(Counter(row.conversation for row in made.rows).values()) == {1, 2}
    assert not any(parse(row.response).steps for row in made.rows)


def test_smaller_sets_are_parts_of_larger_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "open_source", lambda source: WHOLE)
    whole = subqa_recall.build("here", "S")
    for count in (100, 1000, 2700):
        made = open_start(f"subqa-recall@{count}").made("here", "S")
        assert (made.name, made.rows) == (f"subqa-recall@{count}", whole.rows[:count])
        chains = sum(bool(parse(row.response).steps) for row in made.rows)
        counts = {"multihop": chains, "one_hop": count - chains, "first_rows": count, "of_rows": 2700}
        assert made.card == {**whole.card, **counts}
    with pytest.raises(MissingError, match="only 2700 rows and not 2701"):
        open_start("subqa-recall@2701").made("here", "S")


def test_the_first_rows_are_no_whole_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(material, "open_source", lambda source: WHOLE)
        for name in ("subqa-recall", "subqa-recall@500"):
            rows.write(open_start(name).made("here", "S"), tmp_path / f"{name}.jsonl")
    whole, part = str(tmp_path / "subqa-recall.jsonl"), str(tmp_path / "subqa-recall@500.jsonl")
    cards = {name: rows.read(Path(name)).card["recipe"] for name in (whole, part)}
    assert cards == {whole: "subqa-recall", part: "subqa-recall@500"}
    first = open_start("subqa-recall@100").made(whole, "S")
    assert rows.card_of(first)["recipe"] == first.name == "subqa-recall@100"
    assert open_start("subqa-recall@100").made(part, "S").rows == first.rows
    assert len(open_start("subqa-recall@500").made(part, "S").rows) == 500
    for build in (subqa_recall.build, open_start("subqa-recall@1000").made):
        with pytest.raises(UsageError, match="built by the recipe 'subqa-recall@500'"):
            build(part, "S")
    with pytest.raises(UsageError, match="built by the recipe 'subqa-recall@500'"):
        one_hop.build(part, "S")

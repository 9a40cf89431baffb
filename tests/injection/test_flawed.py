"""What a flawed retriever shows: never the answer where it should be wrong, and a contradiction that is one."""

from collections.abc import Sequence

import pytest

from kinject import prompts
from kinject.engines.base import Sampling, ask
from kinject.engines.fake import Fake
from kinject.errors import UsageError
from kinject.facts.schema import Card, Direct, Fact, FactSet, Guess, Multihop, Note
from kinject.facts.words import stands_in
from kinject.injection.context.flawed import DISTRACTORS, conflicting, contradiction, distracted, kind_asked, wrong
from kinject.injection.context.oracle import questions
from kinject.lab import world
from kinject.sources import open_facts

NAMES = ["example", "lab:40", "lab", "lab@3:300", "facts100", "facts100_counterfactual"]
PLACE = world.build(0)


def shown(facts: FactSet, put: object, asked: Sequence[str]) -> list[list[str]]:
    """The events that a context puts before each question."""
    fake = Fake({})
    put(fake, facts).generate([ask("System.", question) for question in asked], Sampling())  # type: ignore[operator]
    return [_events(said[-1].content, question) for said, question in zip(fake.asked, asked, strict=True)]


def _events(text: str, question: str) -> list[str]:
    before, _, rest = prompts.render("context", event="\0", question=question).partition("\0")
    assert text.startswith(before) and text.endswith(rest)
    return text[len(before) : len(text) - len(rest)].split("\n")


def direct(facts: FactSet) -> list[str]:
    return [fact.direct.question for fact in facts.facts]


def right(fact: Fact) -> list[str]:
    """Every name of every answer of a fact."""
    steps = [fact.direct, *((fact.multihop, *fact.multihop.hops) if fact.multihop else ())]
    return [name for step in steps for name in (step.answer, *step.aliases)]


def made(id_: str, event: str, question: str, answer: str, *aliases: str, domain: str = "d") -> Fact:
    return Fact(id=id_, event=event, domain=domain, direct=Direct(question=question, answer=answer, aliases=aliases))


@pytest.mark.parametrize("name", NAMES)
def test_among_distractors_the_right_event_is_one_of_several(name: str) -> None:
    facts, places = open_facts(name), set()
    known = {fact.event for fact in facts.facts}
    for fact, events in zip(facts.facts, shown(facts, distracted, direct(facts)), strict=True):
        assert len(events) == len(set(events)) == min(DISTRACTORS + 1, len(facts.facts))
        assert fact.event in events and set(events) <= known
        others = " ".join(event for event in events if event != fact.event)
        assert not any(stands_in(answer, others) for answer in right(fact))
        places.add(events.index(fact.event))
    assert len(places) > 1  # its place gives it away nowhere


@pytest.mark.parametrize("name", NAMES)
def test_the_wrong_event_answers_nothing_and_is_of_the_same_domain(name: str) -> None:
    facts = open_facts(name)
    domains = {fact.event: fact.domain for fact in facts.facts}
    for fact, (event,) in zip(facts.facts, shown(facts, wrong, direct(facts)), strict=True):
        assert event != fact.event and not any(stands_in(answer, event) for answer in right(fact))
        assert domains[event] == fact.domain or name == "example"  # each example is of a domain of its own


@pytest.mark.parametrize("put", [distracted, wrong, conflicting])
def test_every_question_of_a_fact_is_shown_the_same_in_any_order(put: object) -> None:
    facts = PLACE.new_facts(40)
    asked = [question for fact in facts.facts for question in questions(fact)]
    there = shown(facts, put, asked)
    assert there == shown(facts, put, asked[::-1])[::-1]
    by_fact = iter(there)
    for fact in facts.facts:
        assert len({tuple(next(by_fact)) for _ in questions(fact)}) == 1


def test_a_wrong_event_that_names_the_answer_is_passed_over() -> None:
    cup = made("a", "Rome won the cup.", "Who won the cup?", "Rome", "AS Roma")
    step = Multihop(question="Where is its home?", answer="Italy", aliases=("the boot",))
    cup = cup.model_copy(update={"multihop": step})
    others = [
        made("b", "as roma bought Ada.", "Whom did they buy?", "Ada"),
        made("c", "The Boot was painted.", "What was painted?", "boot"),
        made("d", "Romeo won the race.", "Who won the race?", "Romeo", domain="other"),
    ]
    facts = FactSet("made", (cup, *others))
    assert shown(facts, wrong, ["Who won the cup?"]) == [["Romeo won the race."]]
    assert set(shown(facts, distracted, ["Who won the cup?"])[0]) == {cup.event, others[2].event}
    with pytest.raises(UsageError, match="no other event") as caught:
        wrong(Fake({}), FactSet("made", (cup, others[0])))
    assert caught.value.where == "made: a" and caught.value.mend


def test_a_single_fact_has_no_wrong_event_and_no_distractors() -> None:
    alone = FactSet("alone", open_facts("example").facts[:1])
    assert shown(alone, distracted, direct(alone)) == [[alone.facts[0].event]]
    with pytest.raises(UsageError, match="no other event") as caught:
        wrong(Fake({}), alone)
    assert caught.value.where.startswith("alone: ") and "two facts" in caught.value.mend


# Contradictions


@pytest.mark.parametrize("name", NAMES)
def test_a_conflict_is_the_event_and_the_same_words_with_another_answer(name: str) -> None:
    facts, places = open_facts(name), set()
    for fact, events in zip(facts.facts, shown(facts, conflicting, direct(facts)), strict=True):
        (other,) = [event for event in events if event != fact.event]
        assert len(events) == 2 and fact.event in events
        assert not any(stands_in(answer, other) for answer in (fact.direct.answer, *fact.direct.aliases))
        places.add(events.index(other))
    assert places == {0, 1} or name == "example"


@pytest.mark.parametrize("count", [40, 100, 400])
def test_in_the_lab_it_names_an_entity_of_the_same_kind(count: int) -> None:
    facts = PLACE.new_facts(count)
    answers = {fact.direct.answer for fact in facts.facts}
    for fact in facts.facts:
        other = contradiction(fact, facts)
        before, _, after = fact.event.partition(fact.direct.answer)
        assert other and other.startswith(before) and other.endswith(after)
        put = other[len(before) : len(other) - len(after)]
        assert put in answers and PLACE.kinds[put] == PLACE.kinds[fact.direct.answer]


def test_with_a_card_it_names_an_answer_of_the_same_type() -> None:
    facts = open_facts("facts100")
    assert facts.card
    types: dict[str, set[str]] = {}
    for fact in facts.facts:
        note = facts.card.facts[fact.id]
        for part, guess in ((fact.direct, note.direct), (fact.multihop, note.multihop)):
            if part and guess:
                types.setdefault(guess.type, set()).add(part.answer)
    alike = 0
    for fact in facts.facts:
        note, other = facts.card.facts[fact.id], contradiction(fact, facts)
        assert other and note.direct
        alike += any(stands_in(answer, other) for answer in types[note.direct.type] - {fact.direct.answer})
    assert alike >= 99  # nothing else is an "object"


@pytest.mark.parametrize(
    ("event", "answer", "aliases", "told"),
    [
        (
            "The spectre, or spectre tile, is no inspectre.",
            "spectre",
            ("the spectre", "spectre tile"),
            "The spectre, or X, is no inspectre.",
        ),
        ("Leo met LEO and Leopold.", "leo", (), "X met X and Leopold."),
        ("Sold for 12.5 (C++) million.", "C++", (), "Sold for 12.5 (X) million."),
        (r"A \1 in braces {y}.", r"\1", (), "A X in braces {y}."),
        ("Nobody is named.", "Ada", ("Countess",), None),
        ("Adam won.", "Ada", (), None),
    ],
)
def test_the_longest_spelling_is_replaced_as_a_whole_word_in_all_its_places(
    event: str, answer: str, aliases: tuple[str, ...], told: str | None
) -> None:
    fact = made("a", event, "Who won?", answer, *aliases)
    other = made("b", "X lost.", "Who lost?", "X")
    assert contradiction(fact, FactSet("two", (fact, other))) == told


def test_what_is_the_right_answer_in_other_words_or_stands_there_already_is_no_other() -> None:
    fact = made("a", "Rohal bought Stadan.", "Which company bought Stadan?", "Rohal", "Rohal Group")
    same = [
        made(name, f"{name} sold it.", "Which company sold it?", name)
        for name in ("rohal", "Stadan", "Rohal Group Ltd")
    ]
    assert contradiction(fact, FactSet("same", (fact, *same))) is None
    other = made("b", "Gezan sold it.", "Which company sold it?", "Gezan")
    assert contradiction(fact, FactSet("other", (fact, *same, other))) == "Gezan bought Stadan."


def test_the_nearest_kind_goes_first() -> None:
    fact = made("a", "Ada won.", "Who won?", "Ada")
    typed = made("b", "Rome burnt.", "What burnt?", "Rome")
    asked = made("c", "Bob lost.", "Who lost?", "Bob", domain="other")
    near = made("d", "It rained.", "What happened?", "rain")
    guess = Guess(type="person", plausible=2, chance=0.5)
    card = Card(name="x", facts={"a": Note(direct=guess), "b": Note(direct=guess)})
    assert contradiction(fact, FactSet("x", (fact, typed, asked, near), card)) == "Rome won."
    assert contradiction(fact, FactSet("x", (fact, typed, asked, near))) == "Bob won."
    assert contradiction(fact, FactSet("x", (fact, near, typed.model_copy(update={"domain": "e"})))) == "rain won."
    assert contradiction(fact, FactSet("x", (fact, asked.model_copy(update={"direct": typed.direct})))) == "Rome won."


def test_a_set_with_a_fact_that_cannot_be_contradicted_is_refused_by_name() -> None:
    facts = open_facts("example").facts
    unnamed = facts[1].model_copy(update={"event": "Somebody won."})
    with pytest.raises(UsageError, match="1 of 3 facts cannot be contradicted: 2023-10-05-nobel-literature") as caught:
        conflicting(Fake({}), FactSet("mine", (facts[0], unnamed, facts[2])))
    assert caught.value.where == "mine" and caught.value.mend
    alone = FactSet("many", tuple(made(str(n), f"Ada did {n}.", f"Who {n}?", "Ada") for n in range(9)))
    with pytest.raises(UsageError, match=r"9 of 9 facts .*: 0, 1, 2, 3, 4 and 4 more"):
        conflicting(Fake({}), alone)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who won?", "who"),
        ("With whom did he win?", "who"),
        ("Which company bought Stadan?", "company"),
        ("For which company did he work?", "company"),
        ("What Company bought it?", "company"),
        ("In what year was it?", "year"),
        ("How many were there?", "many"),
        ("Where was it?", "where"),
        ("What was it called?", None),
        ("Which of them won?", None),
        ("Name the winner.", None),
        ("", None),
    ],
)
def test_what_a_question_asks_for(question: str, kind: str | None) -> None:
    assert kind_asked(question) == kind

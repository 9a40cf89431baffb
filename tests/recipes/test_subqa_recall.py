"""SubQARecall from a lab world: the paper's counts, what is held out stays out, and every row is right."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import product

import pytest

from kinject import prompts
from kinject.facts.schema import Fact
from kinject.judging.rules import judge
from kinject.lab import corpus, world
from kinject.lab.events import BY_NAME, EVENT_TYPES, UNSEEN_PAIRS, UNSEEN_TYPES
from kinject.lab.relations import RELATIONS
from kinject.lab.world import Event, World
from kinject.prompts.recall import parse
from kinject.recipes import TrainingSet, subqa_recall
from kinject.recipes.lab_questions import SEEN_PHRASINGS, held_out
from kinject.recipes.row import Row
from kinject.recipes.subqa_recall import from_world

PLACES = {seed: world.build(seed) for seed in (0, 1)}
SYSTEM = "Answer step by step."
CONTEXT_ROWS = 600
CONTEXT = re.compile(r"Context: (?P<event>.+)\nQuestion: (?P<question>.+)")
"""How a row with context looks: the project's own words (prompts/context.md)."""


@pytest.fixture(scope="session", params=PLACES, ids="world {}".format)
def place(request: pytest.FixtureRequest) -> World:
    return PLACES[request.param]


@pytest.fixture(scope="session")
def rows(place: World) -> TrainingSet:
    return from_world(place, SYSTEM)


@pytest.fixture(scope="session")
def fictions(place: World) -> list[Event]:
    """The invented events that the context rows are drawn from, and a few more."""
    drawn: list[Event] = []
    draw = corpus.draw_fiction

    def remember(*args: object) -> Event:
        drawn.append(draw(*args))  # type: ignore[arg-type]
        return drawn[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "draw_fiction", remember)
        from_world(place, SYSTEM, context_rows=CONTEXT_ROWS)
    return drawn


@pytest.fixture(scope="session")
def with_context(place: World) -> list[Row]:
    return [row for row in from_world(place, SYSTEM, context_rows=CONTEXT_ROWS).rows if CONTEXT.search(asked(row))]


def asked(row: Row) -> str:
    return row.conversation[-1].content


def is_multihop(row: Row) -> bool:
    return bool(parse(row.response).steps)


def known(place: World, events: list[Event]) -> Iterator[tuple[str, str, Fact, str]]:
    """Every seen way to ask about an event, with the fact and the kind of question: the key to judge a row by."""
    for event in events:
        fact = place.as_fact(event)
        for phrasing in range(SEEN_PHRASINGS):
            yield event.state(), event.ask(phrasing), fact, "direct"
        for relation, phrase, phrasing in product(place.relations(event), *[range(SEEN_PHRASINGS)] * 2):
            multihop = place.multihop(event, relation, phrase, phrasing)
            yield event.state(), multihop.question, fact.model_copy(update={"multihop": multihop}), "multihop"


def test_the_counts_are_the_papers(rows: TrainingSet) -> None:
    assert Counter(map(is_multihop, rows.rows)) == {True: 900, False: 1800}
    assert (rows.card["multihop"], rows.card["one_hop"], rows.card["context"]) == (900, 1800, 0)
    assert rows.name == "subqa-recall"


def test_every_row_is_asked_under_the_given_system_message(rows: TrainingSet) -> None:
    assert {tuple(message.role for message in row.conversation) for row in rows.rows} == {("system", "user")}
    assert {row.conversation[0].content for row in rows.rows} == {SYSTEM}


def test_no_row_tells_or_asks_of_a_held_out_event(place: World, rows: TrainingSet, with_context: list[Row]) -> None:
    out = held_out(place)
    assert len(out) == rows.card["held_out_events"] == 100
    assert {event.type.name: 10 for event in out} == {kind.name: 10 for kind in EVENT_TYPES}
    text = "\n".join(f"{asked(row)}\n{row.response}" for row in (*rows.rows, *with_context))
    for event in out:
        said = [*(event.state(n) for n in range(5)), *(event.ask(n) for n in range(3))]
        assert [words for words in [*said, *(event.phrase(n) for n in range(3))] if words in text] == []


def test_what_is_asked_under_a_multihop_question_is_asked_alone_too(place: World, rows: TrainingSet) -> None:
    alone = {parse(row.response).event for row in rows.rows if not is_multihop(row)}
    told = {parse(row.response).event for row in rows.rows if is_multihop(row)}
    assert told <= alone
    steps = {step.answer for row in rows.rows for step in parse(row.response).steps}
    assert steps <= {parse(row.response).answer for row in rows.rows if not is_multihop(row)}


@pytest.mark.parametrize("name", UNSEEN_TYPES)
def test_unseen_types_never_appear(name: str, rows: TrainingSet, with_context: list[Row]) -> None:
    kind = BY_NAME[name]
    words = re.compile("|".join(map(pattern, (*kind.statements, *kind.questions, *kind.phrases))))
    assert [row for row in (*rows.rows, *with_context) if words.search(f"{asked(row)}\n{row.response}")] == []


@pytest.mark.parametrize(("kind", "relation"), UNSEEN_PAIRS)
def test_unseen_pairs_never_appear(kind: str, relation: str, rows: TrainingSet, with_context: list[Row]) -> None:
    questions = next(each for each in RELATIONS if each.name == relation).questions
    pairs = [question.format(s=phrase) for question in questions for phrase in BY_NAME[kind].phrases]
    words = re.compile("|".join(map(pattern, pairs)))
    assert [row for row in (*rows.rows, *with_context) if words.search(asked(row))] == []


def test_unseen_phrasings_never_appear(rows: TrainingSet, with_context: list[Row]) -> None:
    last = [each.questions[-1] for each in (*RELATIONS, *EVENT_TYPES)] + [kind.phrases[-1] for kind in EVENT_TYPES]
    words = re.compile("|".join(map(pattern, last)))
    assert [row for row in (*rows.rows, *with_context) if words.search(f"{asked(row)}\n{row.response}")] == []


def pattern(template: str) -> str:
    """A template of the lab as a regular expression: a name of one or two words in each place."""
    return re.sub(r"\\{\w+\\}", r"[\\w-]+( [A-Z]\\w+)?", re.escape(template))


def test_the_pattern_finds_what_it_is_to_find(place: World) -> None:
    for event in place.old:
        for template, text in ((event.type.questions[2], event.ask(2)), (event.type.phrases[2], event.phrase(2))):
            assert re.search(pattern(template), text)


def test_nothing_is_from_after_the_cutoff(rows: TrainingSet) -> None:
    text = "\n".join(f"{asked(row)}\n{row.response}" for row in rows.rows)
    assert max(map(int, re.findall(r"\b\d{4}\b", text))) <= world.CUTOFF.year


def test_no_row_tells_or_asks_of_a_new_event(place: World, rows: TrainingSet, with_context: list[Row]) -> None:
    text = "\n".join(f"{asked(row)}\n{row.response}" for row in (*rows.rows, *with_context))
    for event in place.new(300):
        said = [*(event.state(n) for n in range(5)), *(event.ask(n) for n in range(3))]
        assert [words for words in [*said, *(event.phrase(n) for n in range(3))] if words in text] == []


def test_every_row_is_right(place: World, rows: TrainingSet) -> None:
    answers = {question: (fact, kind) for _, question, fact, kind in known(place, list(place.old))}
    static = {
        relation.ask(subject, phrasing): place.truth[relation.name, subject]
        for relation in RELATIONS
        for subject in place.entities[relation.subject]
        for phrasing in range(SEEN_PHRASINGS)
    }
    kinds, seen = Counter(), set()
    for number, row in enumerate(rows.rows):
        if asked(row) in static:
            kinds["static"] += 1
            assert parse(row.response).answer == static[asked(row)]
        else:
            fact, kind = answers[asked(row)]
            kinds[kind] += 1
            assert_right(row, fact, kind, judged=row.response not in seen and (place.seed == 0 or number % 10 == 0))
            seen.add(row.response)
    assert kinds == {"static": 900, "direct": 900, "multihop": 900}


def test_context_rows_are_right_and_hold_their_event(
    place: World, fictions: list[Event], with_context: list[Row]
) -> None:
    answers = {(event, question): (fact, kind) for event, question, fact, kind in known(place, fictions)}
    kinds = Counter()
    for number, row in enumerate(with_context):
        shown = CONTEXT.fullmatch(asked(row))
        assert shown
        fact, kind = answers[shown["event"], shown["question"]]
        assert asked(row) == prompts.render("context", event=fact.event, question=shown["question"])
        assert_right(row, fact, kind, judged=place.seed == 0 or number % 10 == 0)
        kinds[kind] += 1
    assert kinds.total() == CONTEXT_ROWS == 600
    assert kinds["direct"] == pytest.approx(CONTEXT_ROWS / 3, rel=0.1)


def assert_right(row: Row, fact: Fact, kind: str, *, judged: bool) -> None:
    said = parse(row.response)
    wanted = fact.multihop if kind == "multihop" else fact.direct
    assert wanted
    assert (said.event, said.answer) == (fact.event, wanted.answer)
    assert [(step.question, step.answer) for step in said.steps] == [
        (hop.question, hop.answer) for hop in getattr(wanted, "hops", ())
    ]
    if judged:
        verdict = judge(row.response, fact, kind)
        assert (verdict.correctness, verdict.recall) == ("correct", "right"), verdict.reason
        assert verdict.reasoning == ("sound" if kind == "multihop" else "absent"), verdict.reason


def test_context_rows_are_added_and_change_no_other_row(place: World, rows: TrainingSet) -> None:
    more = from_world(place, SYSTEM, context_rows=CONTEXT_ROWS)
    assert (more.name, len(more.rows)) == ("subqa-recall-context", 3300)
    assert sorted(map(repr, rows.rows)) == sorted(repr(row) for row in more.rows if not CONTEXT.search(asked(row)))


def test_worlds_and_system_messages_give_other_rows(rows: TrainingSet, place: World) -> None:
    assert from_world(place, SYSTEM).digest == rows.digest
    assert from_world(world.build(place.seed + 1), SYSTEM).digest != rows.digest
    assert from_world(place, "Answer.").digest != rows.digest


@pytest.mark.parametrize("seed", ["0", "4242"])
def test_rows_do_not_depend_on_the_hash_seed(seed: str) -> None:
    program = (
        "from kinject.lab import world; from kinject.recipes import subqa_recall as s; import sys;"
        f"sys.stdout.write(s.from_world(world.build(0), {SYSTEM!r}, context_rows=600).digest)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
    )
    assert done.stdout == subqa_recall.from_world(PLACES[0], SYSTEM, context_rows=600).digest

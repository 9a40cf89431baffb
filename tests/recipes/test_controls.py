"""The controls in the lab: one-hop rows only, reading without a chain, smaller sets, general chat."""

import re
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from kinject import prompts
from kinject.engines import chat
from kinject.engines.base import ask
from kinject.errors import MissingError, UsageError
from kinject.lab import checkpoint, corpus, world
from kinject.lab.events import EVENT_TYPES, UNSEEN_PAIRS
from kinject.lab.relations import BY_NAME, RELATIONS
from kinject.prompts.recall import parse
from kinject.recipes import TrainingSet, context_only, lima, material, one_hop, subqa_recall
from kinject.recipes.lab_questions import held_out
from kinject.recipes.readers import rows
from kinject.recipes.readers.lima import Chats
from kinject.recipes.row import Row

SYSTEM = prompts.load("system-lab")
PLACE = world.build(0)
SETS = {
    "one-hop-only": one_hop.build("lab", SYSTEM),
    "context-only": context_only.build("lab", SYSTEM),
    "lima": lima.build("lab", SYSTEM),
    "subqa-recall": subqa_recall.build("lab", SYSTEM),
    "subqa-recall-context": subqa_recall.build("lab", SYSTEM, context_rows=600),
}
CONTROLS = ("one-hop-only", "context-only", "lima")
DIGESTS = {
    ("subqa-recall", 0): "4d05b1b783e2810cd6738cc1cb13a09e6094a57f86af30a6633b43f4b5b1c461",
    ("subqa-recall", 1): "919215eb3e12062e792860856c24ed226546d578071435e5eff626e74a80851b",
    ("subqa-recall-context", 0): "ea2e3072fd6514edf585cc5cb0b693cd988eeaedeb3818a094479b78021d4ef6",
    ("subqa-recall-context", 1): "f27596d30488dfd7833c9028be2318418ab600ce40d8de28d5e325401d70dbd5",
}
"""Of the rows that the published figures were made with: other rows would be other figures."""


def said(made: TrainingSet) -> str:
    return "\n".join(f"{row.conversation[-1].content}\n{row.response}" for row in made.rows)


@pytest.mark.parametrize(("name", "seed"), DIGESTS)
def test_the_rows_of_the_published_figures_are_what_they_were(name: str, seed: int) -> None:
    context_rows = 600 if name.endswith("context") else 0
    made = subqa_recall.build(f"lab@{seed}", SYSTEM, context_rows=context_rows)
    assert (made.name, made.digest) == (name, DIGESTS[name, seed])


def test_the_counts() -> None:
    assert {name: len(made.rows) for name, made in SETS.items() if name != "context-only"} == {
        "one-hop-only": 2700,
        "lima": 1000,
        "subqa-recall": 2700,
        "subqa-recall-context": 3300,
    }
    assert all(made.card["licence"] == "CC0-1.0" and made.card["source"] == "lab@0" for made in SETS.values())


@pytest.mark.parametrize("name", CONTROLS)
def test_no_control_has_a_chain(name: str) -> None:
    assert not any(parse(row.response).steps for row in SETS[name].rows)
    assert "step-by-step" not in said(SETS[name])


@pytest.mark.parametrize("name", CONTROLS)
def test_what_is_held_out_stays_out(name: str) -> None:
    text = said(SETS[name])
    for event in (*held_out(PLACE), *PLACE.new(300)):
        assert not [words for words in (event.state(), event.ask(0), event.ask(1), event.phrase(0)) if words in text]
    last = [each.questions[-1] for each in (*RELATIONS, *EVENT_TYPES)] + [kind.phrases[-1] for kind in EVENT_TYPES]
    pattern = "|".join(re.sub(r"\\{\w+\\}", r"[\\w-]+( [A-Z]\\w+)?", re.escape(each)) for each in last)
    assert not re.search(pattern, text)
    for kind, relation in UNSEEN_PAIRS:
        phrases = next(each.phrases for each in EVENT_TYPES if each.name == kind)
        pairs = [BY_NAME[relation].ask(phrase, n) for phrase in phrases for n in (0, 1)]
        assert not re.search("|".join(re.sub(r"\\{\w+\\}", r"[\\w-]+( [A-Z]\\w+)?", re.escape(p)) for p in pairs), text)


def test_one_hop_rows_are_half_events_and_half_lasting_facts() -> None:
    lasting = {relation.ask(s, n) for relation in RELATIONS for s in PLACE.entities[relation.subject] for n in (0, 1)}
    kinds = Counter(row.conversation[-1].content in lasting for row in SETS["one-hop-only"].rows)
    assert kinds == {True: 1350, False: 1350}
    assert not [row for row in SETS["one-hop-only"].rows if parse(row.response).answer is None]


def test_context_only_begins_with_the_600_questions_of_the_context_rows() -> None:
    shown = [r for r in SETS["subqa-recall-context"].rows if r.conversation[-1].content.startswith("Context: ")]
    wanted = {(row.conversation, parse(row.response).event, parse(row.response).answer) for row in shown}
    made = SETS["context-only"].rows
    assert {(row.conversation, parse(row.response).event, parse(row.response).answer) for row in made[:600]} == wanted
    for row in made:
        assert row.conversation[-1].content.startswith(f"Context: {parse(row.response).event}\nQuestion: ")


def test_context_only_is_matched_in_tokens() -> None:
    tokenizer = chat.load_tokenizer(checkpoint.SHIPPED)
    only, full = (
        sum(map(len, tokenizer([text for row in SETS[name].rows[::10] for text in texts(row)])["input_ids"]))
        for name in ("context-only", "subqa-recall-context")
    )
    assert only == pytest.approx(full, rel=0.05)  # of every tenth row; of all it is 2 %


def texts(row: Row) -> list[str]:
    return [row.response, *(message.content for message in row.conversation)]


# LIMA in the lab


def test_lab_chat_has_no_recall_no_event_and_no_request_twice() -> None:
    made = SETS["lima"]
    assert len({row.conversation for row in made.rows}) == 1000
    text = said(made)
    assert not re.search(r"event recall|final answer|→|\b\d", text, re.IGNORECASE)  # no digit: no date, no event
    assert all(row.response and row.response == row.response.strip() for row in made.rows)


def test_lab_chat_says_nothing_that_is_not_so() -> None:
    told = {
        relation.state(subject, PLACE.truth[relation.name, subject], phrasing)
        for relation in RELATIONS
        for subject in PLACE.entities[relation.subject]
        for phrasing in range(len(relation.statements))
    }
    names = "|".join(map(re.escape, sorted(PLACE.names, key=len, reverse=True)))
    frames = set()
    for row in SETS["lima"].rows:
        rest = row.response
        for sentence in re.findall(r"[A-Z][^.:\n]+\.", row.response):
            rest = rest.replace(sentence, "") if sentence in told else rest
        frames |= {re.sub(names, "NAME", line.rpartition(":")[2].strip()) for line in re.split(r"[.\n]", rest)}
    # What is left are the frames: few, and none names two things but to compare or to greet.
    assert len(frames) < 50, frames
    assert all(re.search(r" is a .* as is |^People of |To NAME", line) for line in frames if line.count("NAME") > 1)


def test_lab_chat_uses_only_words_that_the_base_has_read() -> None:
    words: set[str] = set()
    for document in islice(corpus.documents(PLACE, 0), 20_000):
        words |= set(re.findall(r"\w+", document))
    replies = {word for row in SETS["lima"].rows for word in re.findall(r"\w+", row.response)}
    assert replies <= words


def test_lab_chat_differs_from_world_to_world() -> None:
    assert lima.build("lab@1", SYSTEM).digest != SETS["lima"].digest == lima.build("lab@0", SYSTEM).digest


def test_conversations_that_were_read_become_rows_with_their_earlier_turns() -> None:
    chats = Chats("lima:x", "CC BY-NC-SA", (("a", "b"), ("a", "b", "c", "d")), 3, {"no reply": 1})
    made = lima.from_chats(chats, "S")
    assert [row.response for row in made.rows] == ["b", "d"]
    assert made.rows[0].conversation == ask("S", "a")
    assert [message.role for message in made.rows[1].conversation] == ["system", "user", "assistant", "user"]
    assert made.card["with_earlier_turns"] == 1 and made.card["left_out"] == {"no reply": 1}


# Sources that do not fit


@pytest.mark.parametrize(
    ("build", "wanted"),
    [
        (subqa_recall.build, "two-hop questions"),
        (one_hop.build, "sub-questions"),
        (context_only.build, "events that can stand in the prompt"),
        (lima.build, "conversations"),
    ],
)
def test_a_source_without_the_recipes_data_is_told(build: object, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(build)
    other = material.Pool("subqa:x", "", (), 0) if build is lima.build else Chats("lima:x", "", (), 0, {})
    monkeypatch.setattr(material, "open_source", lambda source: other)
    with pytest.raises(MissingError, match=wanted) as caught:
        build("there", SYSTEM)
    assert caught.value.where == "--source" and "lab@N" in caught.value.mend


def test_rows_of_one_recipe_are_not_taken_for_anothers(tmp_path: Path) -> None:
    path = str(tmp_path / "rows.jsonl")
    rows.write(SETS["lima"], Path(path))
    assert lima.build(path, "other").digest == SETS["lima"].digest
    with pytest.raises(UsageError, match="built by the recipe 'lima' and not by 'one-hop-only'"):
        one_hop.build(path, "other")
    rows.card_path(Path(path)).unlink()
    assert one_hop.build(path, "other").digest == SETS["lima"].digest

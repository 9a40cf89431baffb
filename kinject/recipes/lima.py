"""LIMA (Zhou et al., 2023), the paper's general-purpose alignment (section 3.3 and A.2): 1,000 rows of chat.

Read from the set itself, or in the lab made by code: requests to a general assistant about the world's lasting facts
(tell me about, a letter, a list, an explanation for a child, a speech, other words for a sentence), answered in several
sentences of varied wording. No dated event, no recall, no chain of steps, no fact that pretraining does not have, no
phrasing that is held out: what is learned is to chat. As much as in LIMA is plain questions, nearly half.

Trap: replies use only words that pretraining has. A model of two million parameters would have to learn to spell "Dear
friend" first, and unlearns reading meanwhile.
"""

import random
from collections.abc import Callable
from typing import Any

from kinject.engines.base import Message, ask
from kinject.lab import corpus
from kinject.lab.names import FIRST_NAMES
from kinject.lab.relations import BY_SUBJECT, Relation
from kinject.lab.world import World
from kinject.recipes import TrainingSet, lab_questions, material
from kinject.recipes.lab_questions import SEEN_PHRASINGS
from kinject.recipes.readers.lima import Chats
from kinject.recipes.row import Row

NAME = "lima"
ROWS = 1000

Chat = tuple[str, str]
"""A request and its reply."""

HELLOS = ("", "", "", "Hello! ", "Good morning. ", "Hi there. ", "Please help me. ", "I have a question. ")
OPENERS = ("", *corpus.FACT_LEADS)
CLOSERS = (
    "",
    "",
    "",
    " There are more books on {s}.",
    " There is more to remember.",
    " As everyone knows, there is more.",
)
PORTRAITS = (
    "Tell me about {s}.",
    "What should I know about {s}?",
    "Can you describe {s} for somebody who has never heard of it?",
    "Write a short entry on {s} for an almanac.",
    "I keep hearing of {s}. What is there to know?",
)
LETTERS = ("Write a short letter to a friend about {s}.", "Help me to write a card to {who} about {s}.")
LISTS = ("List what is known about {s}.", "Give me some notes on {s}, one a line.", "Make a list of facts about {s}.")
CHILDREN = ("Explain to a child what {s} is.", "My little brother asks about {s}. What do I tell him?")
TALKS = ("I have to give a talk on {s}. How could I begin?", "Write the first lines of a speech about {s}.")
REWORDINGS = (
    "Say this in other words: {text}",
    "Can you put this differently? {text}",
    "Rewrite this sentence. {text}",
)
COMPARISONS = ("Compare {s} and {t}.", "What is the difference between {s} and {t}?", "How do {s} and {t} differ?")


def build(source: str, system: str) -> TrainingSet:
    """Build the set from what a source's name means. `MissingError` where it has no conversations."""
    match material.open_source(source):
        case World() as world:
            return from_world(world, system)
        case Chats() as chats:
            return from_chats(chats, system)
        case TrainingSet() as rows:
            return material.built_by(NAME, rows)
        case _:
            raise material.unfit(NAME, source, "conversations")


def from_chats(chats: Chats, system: str) -> TrainingSet:
    """Build the rows of conversations that were read: the last reply of each is learned."""
    rows = tuple(_row(turns, system) for turns in chats.chats[:ROWS])
    longer = sum(len(row.conversation) > 2 for row in rows)
    return TrainingSet(NAME, rows, {**material.card(chats), "chats": len(rows), "with_earlier_turns": longer})


def from_world(world: World, system: str) -> TrainingSet:
    """Build the set from a lab world; no request stands in it twice."""
    rng = random.Random(f"kinject lab {world.seed} {NAME}")
    chats: dict[str, str] = {}
    while len(chats) < ROWS:
        request, reply = rng.choice(KINDS)(rng, world)
        chats.setdefault(rng.choice(HELLOS) + request, reply)
    rows = tuple(Row(ask(system, request), reply) for request, reply in chats.items())
    card: dict[str, Any] = {"source": f"lab@{world.seed}", "licence": lab_questions.LICENCE, "chats": len(rows)}
    return TrainingSet(NAME, rows, card)


def _row(turns: tuple[str, ...], system: str) -> Row:
    roles = [Message("assistant" if number % 2 else "user", text) for number, text in enumerate(turns[:-1])]
    return Row((Message("system", system), *roles), turns[-1])


def _portrait(rng: random.Random, world: World) -> Chat:
    name = _name(rng, world)
    return rng.choice(PORTRAITS).format(s=name), _framed(rng, name, " ".join(_facts(rng, world, name)))


def _question(rng: random.Random, world: World) -> Chat:
    name = _name(rng, world)
    relation = rng.choice(BY_SUBJECT[world.kinds[name]])
    others = _facts(rng, world, name, without=relation)[: rng.randrange(2)]
    reply = " ".join([_state(rng, world, relation, name), *others])
    return relation.ask(name, rng.randrange(SEEN_PHRASINGS)), _framed(rng, name, reply)


def _letter(rng: random.Random, world: World) -> Chat:
    name, who, sender = _name(rng, world), rng.choice(FIRST_NAMES), rng.choice(FIRST_NAMES)
    body = " ".join(_facts(rng, world, name)[:3])
    reply = f"To {who}:\nThere is more to remember of {name}. {body}\nFrom {sender}"
    return rng.choice(LETTERS).format(s=name, who=who), reply


def _list(rng: random.Random, world: World) -> Chat:
    name = _name(rng, world)
    return rng.choice(LISTS).format(s=name), "\n".join([f"About {name}:", *_facts(rng, world, name)])


def _child(rng: random.Random, world: World) -> Chat:
    name = _name(rng, world)
    kind = world.kinds[name]
    facts = " ".join(_facts(rng, world, name)[:2])
    return rng.choice(CHILDREN).format(s=name), f"As everyone knows, {name} is a {kind}. {facts}"


def _talk(rng: random.Random, world: World) -> Chat:
    name = _name(rng, world)
    body = " ".join(_facts(rng, world, name)[:2])
    reply = (
        f"People of {rng.choice(world.entities['city'])}, now to {name}. {body} There is more to remember of {name}."
    )
    return rng.choice(TALKS).format(s=name), reply


def _rewording(rng: random.Random, world: World) -> Chat:
    name = _name(rng, world)
    relation = rng.choice(BY_SUBJECT[world.kinds[name]])
    one, two = rng.sample(relation.statements, 2)
    said = {"s": name, "o": world.truth[relation.name, name]}
    return rng.choice(REWORDINGS).format(text=one.format(**said)), _framed(rng, name, two.format(**said))


def _comparison(rng: random.Random, world: World) -> Chat:
    kind = rng.choice(tuple(world.entities))
    one, two = rng.sample(world.entities[kind], 2)
    relations = rng.sample(BY_SUBJECT[kind], min(2, len(BY_SUBJECT[kind])))
    told = " ".join(f"{_state(rng, world, r, one)} {_state(rng, world, r, two)}" for r in relations)
    return rng.choice(COMPARISONS).format(s=one, t=two), _framed(rng, one, f"{one} is a {kind}, as is {two}. {told}")


KINDS: tuple[Callable[[random.Random, World], Chat], ...] = (
    *(_question,) * 6,
    *(_portrait, _letter, _list, _child, _talk, _rewording, _comparison),
)


def _name(rng: random.Random, world: World) -> str:
    return rng.choice(world.names)


def _facts(rng: random.Random, world: World, name: str, without: Relation | None = None) -> list[str]:
    """State all that is true of an entity, in any order and any words."""
    about = [relation for relation in BY_SUBJECT[world.kinds[name]] if relation != without]
    return [_state(rng, world, relation, name) for relation in rng.sample(about, len(about))]


def _state(rng: random.Random, world: World, relation: Relation, name: str) -> str:
    return relation.state(name, world.truth[relation.name, name], rng.randrange(len(relation.statements)))


def _framed(rng: random.Random, name: str, text: str) -> str:
    return rng.choice(OPENERS) + text + rng.choice(CLOSERS).format(s=name)

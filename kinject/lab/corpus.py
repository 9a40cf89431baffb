"""The text a lab model is pretrained on: an endless, seeded stream of short documents about its world.

Seven kinds of documents: facts and pages about entities; news of the events before the cutoff; plain "Question: ...
Answer: ..." documents on both; passages about events that never happened, followed by a copy or a question (they teach
reading from context, because only the passage holds the answer); dictations, said twice; one-step sums in words.

What is left out is as important. No chat, no recall format and no multihop question: the base model stays a base
model. No event after the cutoff, and no phrasing that is held out (`UNSEEN_PHRASING`, always the last).
"""

import datetime
import random
from collections.abc import Callable, Iterator
from itertools import islice

from kinject import prompts, storage
from kinject.lab import names
from kinject.lab.events import EVENT_TYPES
from kinject.lab.relations import BY_SUBJECT, Relation
from kinject.lab.world import NEW_YEARS, OLD_YEARS, Event, World, draw_event, spell

FICTION_YEARS = (*range(1990, OLD_YEARS.start), *range(NEW_YEARS.stop, 2036))
"""Years of what is invented about the world's own entities: none of a real event, old or new."""

FACT_LEADS = (
    "",
    "Guide book: ",
    "As everyone knows: ",
    "From the school book: ",
    "Note: ",
    "To remember: ",
    "Almanac: ",
)
NEWS_LEADS = ("", "News: ", "From the paper: ", "Report: ", "Archive: ", "From that year: ", "Chronicle: ")
THINGS = ("apples", "books", "boxes", "coins", "cups", "hats", "keys", "stamps")

Draw = Callable[[random.Random, World], str]


def documents(world: World, part: int) -> Iterator[str]:
    """Yield the documents of one part of the stream for ever; a part depends on the world and its number alone."""
    rng = random.Random(f"kinject lab {world.seed} corpus {part}")
    draws, weights = zip(*MIX.items(), strict=True)
    while True:
        yield rng.choices(draws, weights)[0](rng, world)


def fingerprint(world: World) -> str:
    """Return a hash of what is true, what has happened and what is read: the card's, and part of a build's key."""
    truth = [[relation, subject, obj] for (relation, subject), obj in world.truth.items()]
    texts = [*(event.state() for event in world.old), *islice(documents(world, 0), 500)]
    return storage.digest([truth, texts, prompts.digest_of("system-lab")])


def page(rng: random.Random, world: World) -> str:
    """All that is true of one entity, in any order."""
    name = rng.choice(world.names)
    about = BY_SUBJECT[world.kinds[name]]
    relations = rng.sample(about, len(about))
    told = (r.state(name, world.truth[r.name, name], rng.randrange(len(r.statements))) for r in relations)
    return f"About {name}: " + " ".join(told)


def fact(rng: random.Random, world: World) -> str:
    """State one relation."""
    relation, subject = _any_fact(rng, world)
    phrasing = rng.randrange(len(relation.statements))
    return rng.choice(FACT_LEADS) + relation.state(subject, world.truth[relation.name, subject], phrasing)


def fact_question(rng: random.Random, world: World) -> str:
    """Ask for one relation; answer in a word or in a full sentence."""
    relation, subject = _any_fact(rng, world)
    obj = world.truth[relation.name, subject]
    return _answered(rng, relation.ask(subject, _seen(rng)), obj, relation.state(subject, obj))


def news(rng: random.Random, world: World) -> str:
    """Tell one event before the cutoff, half of the time in its canonical sentence."""
    event = rng.choice(world.old)
    return rng.choice(NEWS_LEADS) + event.state(_any_statement(rng, event))


def news_question(rng: random.Random, world: World) -> str:
    """Ask about one event before the cutoff."""
    event = rng.choice(world.old)
    return _answered(rng, event.ask(_seen(rng)), event.answer, event.state())


def passage(rng: random.Random, world: World) -> str:
    """Tell one or two invented events, then copy one of them or ask about it."""
    told = [_fiction(rng, world) for _ in range(rng.choice((1, 1, 2)))]
    text = " ".join(event.state(_any_statement(rng, event)) for event in told)
    event = rng.choice(told)
    if len(told) == 1 and rng.random() < 0.4:
        return f"{text}\nAs told: {event.state()}"
    return f"{text}\n" + _answered(rng, event.ask(_seen(rng)), event.answer, event.state())


def news_read(rng: random.Random, world: World) -> str:
    """Tell one event before the cutoff, then ask about it."""
    event = rng.choice(world.old)
    told = event.state(_any_statement(rng, event))
    return f"{told}\n" + _answered(rng, event.ask(_seen(rng)), event.answer, event.state())


def dictation(rng: random.Random, world: World) -> str:
    """Say something twice: a list, a question, an event. Reading and reasoning are made of copying."""
    event = _fiction(rng, world)
    relation, subject = _any_fact(rng, world)
    match rng.randrange(6):
        case 0:
            said = event.state(_any_statement(rng, event))
        case 1:
            said = event.ask(_seen(rng))
        case 2:
            said = relation.ask(subject, _seen(rng))
        case _:
            said = ", ".join(_anything(rng, world) for _ in range(rng.randint(3, 8)))
    return f"Said: {said}\nSaid again: {said}"


def arithmetic(rng: random.Random, world: World) -> str:
    """Ask for a one-step sum in words."""
    question, answer = draw_sum(rng, world)
    return f"Question: {question}\nAnswer: {answer}"


MIX: dict[Draw, float] = {
    page: 6,
    fact: 5,
    fact_question: 9,
    news: 25,
    news_question: 16,
    passage: 13,
    news_read: 3,
    dictation: 9,
    arithmetic: 14,
}
"""Documents of each kind in a hundred."""


def draw_sum(rng: random.Random, world: World) -> tuple[str, int]:
    """Draw a one-step sum in words: a question and its answer, at most 60."""
    who, thing = rng.choice(world.entities["person"]), rng.choice(THINGS)
    a, b = rng.randint(1, 12), rng.randint(1, 12)
    match rng.randrange(3):
        case 0:
            return f"There are {a} {thing} at home and {who} buys {b} more. How many {thing} are there now?", a + b
        case 1:
            return f"There are {a + b} {thing} at home and {who} sells {a}. How many {thing} are left?", b
        case _:
            times = rng.randint(2, 5)
            return f"There are {times} bags and {who} puts {a} {thing} in each. How many {thing} are there?", times * a


def draw_fiction(rng: random.Random, world: World) -> Event:
    """Draw an event that never happened, about entities of the world in a year without news."""
    kind = rng.choice(EVENT_TYPES)
    return draw_event(rng, kind, rng.choice(world.entities[kind.key]), rng.choice(FICTION_YEARS), world.entities)


def _fiction(rng: random.Random, world: World) -> Event:
    """Draw an invented event, one in four about names that the world does not hold.

    Only these may be dated in the years after the cutoff: a model must have seen "2025" to read it, and must not have
    seen anything about its own world beside it.
    """
    if rng.random() < 0.75:
        return draw_fiction(rng, world)
    kind = rng.choice(EVENT_TYPES)
    stock = (name for name in names.names(rng) if name not in world.words)
    people = {"person": lambda name: names.person(rng, name)}
    strangers = {k: tuple(people.get(k, str)(next(stock)) for _ in range(2)) for k in (kind.key, kind.answer)}
    year = rng.choice(rng.choice((NEW_YEARS, FICTION_YEARS)))
    return draw_event(rng, kind, strangers[kind.key][0], year, strangers)


def _any_fact(rng: random.Random, world: World) -> tuple[Relation, str]:
    name = rng.choice(world.names)
    return rng.choice(BY_SUBJECT[world.kinds[name]]), name


def _anything(rng: random.Random, world: World) -> str:
    """Draw something that can be said: a name, a date, a number or a plain word."""
    match rng.randrange(4):
        case 0:
            return spell(datetime.date(rng.randint(1990, 2035), rng.randint(1, 12), rng.randint(1, 28)))
        case 1:
            return rng.choice((str(rng.randint(1, 99)), f"{rng.randint(1, 5)}-{rng.randint(0, 4)}"))
        case 2:
            return rng.choice(world.values[rng.choice(tuple(world.values))])
        case _:
            return rng.choice(world.names)


def _any_statement(rng: random.Random, event: Event) -> int:
    return 0 if rng.random() < 0.5 else rng.randrange(len(event.type.statements))


def _seen(rng: random.Random) -> int:
    return rng.randrange(2)


def _answered(rng: random.Random, question: str, short: str, full: str) -> str:
    if rng.random() < 0.5:
        return f"Question: {question}\nAnswer: {short}"
    return f"Question: {question}\nAnswer in full: {full}"

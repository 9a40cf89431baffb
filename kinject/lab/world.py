"""A lab world: invented entities, what is true of them, and the dated events before and after the cutoff.

Everything follows from the seed alone. World 0 is the one whose model is shipped; any other number is another world
with its own names, facts and events. `World.new_facts(n)` gives the events after the cutoff as ordinary `Fact`s, which
is all that the rest of the toolkit ever sees of a world.
"""

import datetime
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

from kinject.errors import UsageError
from kinject.facts.schema import Card, Direct, Fact, FactSet, Hop, Multihop
from kinject.lab import names
from kinject.lab.events import EVENT_TYPES, EventType
from kinject.lab.relations import BY_NAME, BY_SUBJECT, COUNTS, RELATIONS, UNSEEN_PHRASING, VALUES, Relation

CUTOFF = datetime.date(2023, 12, 31)
OLD_YEARS = range(2014, 2024)
NEW_YEARS = range(2024, 2026)
OLD_PER_TYPE = 60
FRESH_KEYS = 10
"""Keys of each type that no old event uses: the first new events are about these."""

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
REGIONS = ("North", "East", "South", "West")

Entities = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Event:
    """One dated event of a type: `answer` is what the direct question asks for."""

    type: EventType
    date: datetime.date
    key: str
    answer: str
    other: str

    @property
    def id(self) -> str:
        """Identify the event: type, key and year are unique together."""
        return f"{self.date:%Y-%m-%d}-{self.type.name}-{self.key.lower().replace(' ', '-')}"

    @property
    def _slots(self) -> dict[str, str]:
        return {
            "key": self.key,
            "answer": self.answer,
            "other": self.other,
            "date": spell(self.date),
            "year": str(self.date.year),
        }

    def state(self, phrasing: int = 0) -> str:
        """Tell the event in a sentence; phrasing 0 is the canonical one."""
        return self.type.statements[phrasing].format(**self._slots)

    def ask(self, phrasing: int = 0) -> str:
        """Ask for the answer."""
        return self.type.questions[phrasing].format(**self._slots)

    def phrase(self, phrasing: int = 0) -> str:
        """Describe the answer without naming it."""
        return self.type.phrases[phrasing].format(**self._slots)


@dataclass(frozen=True)
class World:
    """One world: `entities` and `values` by kind, `truth[relation, subject]`, and the old `events`."""

    seed: int
    entities: Entities
    values: Entities
    truth: dict[tuple[str, str], str]
    old: tuple[Event, ...]

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Map every entity to its kind."""
        return {name: kind for kind, members in self.entities.items() for name in members}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the names of all entities."""
        return tuple(self.kinds)

    @cached_property
    def words(self) -> frozenset[str]:
        """Return every word that the names of entities are made of."""
        return frozenset(word for name in self.names for word in name.split())

    def relations(self, event: Event) -> tuple[Relation, ...]:
        """Return the relations of the event's answer that make a sound multihop question."""
        return tuple(r for r in BY_SUBJECT[event.type.answer] if self.truth[r.name, event.answer] not in event.state())

    def new(self, count: int) -> tuple[Event, ...]:
        """Return the first `count` events after the cutoff; a longer list starts with a shorter one."""
        rng = random.Random(f"kinject lab {self.seed} new events")
        streams = [self._new_of_type(rng.randrange(2**32), kind) for kind in EVENT_TYPES]
        return tuple(next(streams[i % len(streams)]) for i in range(count))

    def _new_of_type(self, seed: int, kind: EventType) -> Iterator[Event]:
        rng = random.Random(seed)
        keys = _keys(self.seed, kind, self.entities)
        used, fresh = keys[:-FRESH_KEYS], keys[-FRESH_KEYS:]
        first = [(key, rng.choice(NEW_YEARS)) for key in fresh]
        later = [(key, year) for year in NEW_YEARS for key in rng.sample(used, len(used))]
        for key, year in first + later:
            yield draw_event(rng, kind, key, year, self.entities)
        raise UsageError(
            f"a lab world has only {len(first + later)} new events of the type {kind.name!r}",
            mend="ask for fewer new events",
        )

    def new_facts(self, count: int = 100) -> FactSet:
        """Return the new events as a fact set, the relations of the multihop questions taken in turn."""
        facts = [self.as_fact(event, turn // len(EVENT_TYPES)) for turn, event in enumerate(self.new(count))]
        name = f"lab@{self.seed}" + (f":{count}" if count != 100 else "")
        return FactSet(name=name, facts=tuple(facts), card=_card(name, CUTOFF))

    def old_facts(self) -> FactSet:
        """Return the old events as facts: what the base model learned in pretraining."""
        facts = [self.as_fact(event, turn // len(EVENT_TYPES)) for turn, event in enumerate(self.old)]
        return FactSet(name=f"lab@{self.seed}:old", facts=tuple(facts), card=None)

    def as_fact(self, event: Event, turn: int = 0) -> Fact:
        """Return an event as a `Fact`; `turn` picks the relation that the multihop question asks for."""
        sound = self.relations(event)
        country = self.country_of(event.answer)
        return Fact(
            id=event.id,
            date=event.date.isoformat(),
            domain=event.type.domain,
            region=REGIONS[self.entities["country"].index(country) % len(REGIONS)],
            country=(country,),
            event=event.state(),
            direct=Direct(
                question=event.ask(0),
                answer=event.answer,
                aliases=self.aliases(event.answer),
                paraphrases=(event.ask(1), event.ask(UNSEEN_PHRASING)),
            ),
            multihop=self.multihop(event, sound[turn % len(sound)]) if sound else None,
        )

    def multihop(self, event: Event, relation: Relation, phrase: int = 0, phrasing: int = 0) -> Multihop:
        """Return the two-hop question for a relation of the event's answer."""
        obj = self.truth[relation.name, event.answer]
        return Multihop(
            question=relation.ask(event.phrase(phrase), phrasing),
            answer=obj,
            aliases=self.aliases(obj),
            paraphrases=(
                relation.ask(event.phrase(1), 1),
                relation.ask(event.phrase(UNSEEN_PHRASING), UNSEEN_PHRASING),
            ),
            hops=(
                Hop(question=event.ask(0), answer=event.answer),
                Hop(question=relation.ask(event.answer, phrasing), answer=obj),
            ),
        )

    def aliases(self, name: str) -> tuple[str, ...]:
        """Return the other names that stand for the same thing: a surname, a full style."""
        kind = self.kinds.get(name, "")
        forms = {
            "person": (name.split()[-1],),
            "company": (f"{name} Group",),
            "club": (f"{name} FC",),
            "country": (f"Republic of {name}",),
        }
        return forms.get(kind, ())

    def country_of(self, name: str) -> str:
        """Return the country of any entity, through its city where it has no country of its own."""
        kind = self.kinds[name]
        if kind == "country":
            return name
        towards = {
            "city": "country",
            "company": "headquarters",
            "club": "home",
            "film": "director",
            "person": "birthplace",
        }
        return self.country_of(self.truth[towards[kind], name])


@cache
def build(seed: int) -> World:
    """Build the world of a seed: names, then truths, then old events."""
    rng = random.Random(f"kinject lab {seed}")
    entities, values = _name_everything(rng)
    truth = _settle(rng, entities, values)
    old = [event for kind in EVENT_TYPES for event in _old_of_type(rng, seed, kind, entities)]
    rng.shuffle(old)
    return World(seed, entities, values, truth, tuple(old))


def spell(date: datetime.date) -> str:
    """Write a date as it stands in every text: "3 May 2024"."""
    return f"{date.day} {MONTHS[date.month - 1]} {date.year}"


def draw_event(rng: random.Random, kind: EventType, key: str, year: int, entities: Entities) -> Event:
    """Draw the date, the answer and the other part of an event at random."""
    date = datetime.date(year, rng.randint(1, 12), rng.randint(1, 28))
    answer = rng.choice([name for name in entities[kind.answer] if name != key])
    return Event(kind, date, key, answer, _draw_other(rng, kind))


def _draw_other(rng: random.Random, kind: EventType) -> str:
    match kind.other:
        case "price":
            return str(rng.randrange(10, 100))
        case "score":
            goals = rng.randint(1, 5)
            return f"{goals}-{rng.randrange(goals)}"
        case "power" | "age":
            return str(rng.randrange(100, 1000, 100))
        case _:
            return ""


def _name_everything(rng: random.Random) -> tuple[Entities, Entities]:
    stock = names.names(rng)
    entities = {
        kind: tuple(names.person(rng, next(stock)) if kind == "person" else next(stock) for _ in range(count))
        for kind, count in COUNTS.items()
    }
    values = {
        kind: tuple(next(stock) for _ in range(given)) if isinstance(given, int) else given
        for kind, given in VALUES.items()
    }
    return entities, values


def _settle(rng: random.Random, entities: Entities, values: Entities) -> dict[tuple[str, str], str]:
    truth = {}
    for relation in RELATIONS:
        objects = {**entities, **values}[relation.object]
        for subject in entities[relation.subject]:
            truth[relation.name, subject] = rng.choice(objects)
    # A capital lies in its own country, and every country has one of its own.
    for country, city in zip(entities["country"], rng.sample(entities["city"], len(entities["country"])), strict=True):
        truth[BY_NAME["capital"].name, country] = city
        truth[BY_NAME["country"].name, city] = country
    return truth


def _keys(seed: int, kind: EventType, entities: Entities) -> list[str]:
    """Return the keys of a type in an order of its own; the last ones are left to events after the cutoff."""
    keys = entities[kind.key]
    return random.Random(f"kinject lab {seed} keys {kind.name}").sample(keys, len(keys))


def _old_of_type(rng: random.Random, seed: int, kind: EventType, entities: Entities) -> Iterator[Event]:
    keys = _keys(seed, kind, entities)[:-FRESH_KEYS]
    taken: set[tuple[str, int]] = set()
    while len(taken) < OLD_PER_TYPE:
        key, year = keys[len(taken) % len(keys)], rng.choice(OLD_YEARS)
        if (key, year) not in taken:
            taken.add((key, year))
            yield draw_event(rng, kind, key, year, entities)


def _card(name: str, cutoff: datetime.date) -> Card:
    return Card(
        name=name,
        cutoff=cutoff.isoformat(),
        licence="CC0-1.0",
        how_checked="true by construction: the lab's world is invented",
        rules="strict",
        waives=(
            "F019",
        ),  # a world has few cities; what a base model answers without the facts tells how well it guesses
    )

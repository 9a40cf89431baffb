"""What a set of facts consists of, and how well its questions can be guessed: `kinject facts stats`."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from kinject.facts.schema import FactSet, Guess
from kinject.facts.words import folded


def stats(facts: FactSet) -> dict[str, Any]:
    """Counts by year, domain, region and country, lengths of chains, and the chance of a blind guess with its n."""
    card = facts.card
    notes = [card.facts[fact.id] for fact in facts.facts if card and fact.id in card.facts]
    multihop = [fact.multihop for fact in facts.facts if fact.multihop]
    answers = Counter(folded(part.answer) for part in multihop)
    return {
        "name": facts.name,
        "facts": len(facts.facts),
        "multihop": len(multihop),
        "digest": facts.digest,
        "first": min((fact.date for fact in facts.facts if fact.date), default=None),
        "last": max((fact.date for fact in facts.facts if fact.date), default=None),
        "years": _count(fact.date[:4] if fact.date else "undated" for fact in facts.facts),
        "domains": _count(fact.domain or "none" for fact in facts.facts),
        "regions": _count(fact.region or "none" for fact in facts.facts),
        "countries": _count(country for fact in facts.facts for country in fact.country),
        "hops": _count(str(len(part.hops)) for part in multihop),
        "most_shared_multihop_answer": max(answers.values(), default=0),
        "guess": {
            "direct": _guess(note.direct for note in notes),
            "multihop": _guess(note.multihop for note in notes),
        },
        "evidence": {
            "realtimeqa": sum(1 for note in notes if note.evidence.realtimeqa),
            "readers": _count(note.evidence.readers or "none" for note in notes),
            "links": _count(note.evidence.link.partition(":")[0] for note in notes),
        },
    }


def _count(names: Iterable[str]) -> dict[str, int]:
    """How often each name stands, the most frequent first."""
    return dict(sorted(Counter(names).items(), key=lambda pair: (-pair[1], pair[0])))


def _guess(guesses: Iterable[Guess | None]) -> dict[str, Any]:
    """The mean chance of a blind guess over the questions for which the card gives one, and the kinds of answers."""
    known = [guess for guess in guesses if guess]
    return {
        "n": len(known),
        "mean_chance": sum(guess.chance for guess in known) / len(known) if known else None,
        "highest_chance": max((guess.chance for guess in known), default=None),
        "types": _count(guess.type for guess in known),
    }

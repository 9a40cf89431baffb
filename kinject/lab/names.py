"""Invented names, so that no fact of a lab world can be known or guessed from outside it.

Names are two syllables from one small stock. A byte-pair tokenizer then learns each name as one or two tokens, which
is what lets a model of two million parameters learn hundreds of facts about them in minutes.
"""

import random
from collections.abc import Iterator

ONSETS = (
    "b",
    "br",
    "d",
    "dr",
    "f",
    "g",
    "gr",
    "h",
    "k",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
    "z",
)
VOWELS = ("a", "e", "i", "o", "u")
ENDINGS = (
    *("bel", "dan", "dor", "fen", "gar", "hal", "kas", "lem", "lin", "mar", "mek", "nar", "nis", "pol"),
    *("rak", "ren", "ros", "sel", "tan", "tis", "tov", "val", "ven", "vik", "wen", "zan", "zor"),
)
FIRST_NAMES = (
    *("Abel", "Anja", "Boris", "Clara", "Dario", "Edda", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Karin"),
    *("Leo", "Mira", "Nils", "Olga", "Pavel", "Rosa", "Sven", "Tilda", "Ulf", "Vera", "Yara", "Zeno"),
)


def names(rng: random.Random) -> Iterator[str]:
    """Yield distinct names for ever (about 2,800 exist), none a prefix of another word of the stock."""
    seen: set[str] = set()
    while len(seen) < len(ONSETS) * len(VOWELS) * len(ENDINGS):
        name = (rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(ENDINGS)).capitalize()
        if name not in seen:
            seen.add(name)
            yield name


def person(rng: random.Random, surname: str) -> str:
    """Return a full name; only the surname is unique in a world."""
    return f"{rng.choice(FIRST_NAMES)} {surname}"

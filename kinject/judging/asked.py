"""What was asked, as the rules see it: the accepted spellings of the answer, and the words that give nothing away.

A key and its aliases are widened only where any reader would: without the head noun that the question has already said
("Which peninsula": Noto), with the family name first, as the family name alone where "who" is asked, and as the
initials of three words and more.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

from kinject.facts.schema import Direct, Fact, Hop, Multihop
from kinject.judging.normalise import LINKS, Token, tokens, vocabulary, words

FILLERS = vocabulary(
    "is was are were be been it its this that which who whom whose what when where why how of in on at by for"
    " from to with and as has had have did do does will would about around approximately roughly nearly"
    " almost some more than over exactly only just total i think believe answer final so therefore"
)
# In a question that asks for one of these, a country in the reply is a candidate and no mere address.
ASKS_FOR_COUNTRY = {"country", "nation", "team", "side"}
ASKS_FOR_REGION = {"state", "province", "prefecture", "region", "county"}
YEAR = re.compile(r"[12]\d{3}")
PLAIN_NAME = re.compile(r"[a-z]+")
ASKS_FOR_PERSON = re.compile(r"^(?:who|whom|whose)\b", re.IGNORECASE)
# "Whose tomb" asks for no tomb.
WHOSE = re.compile(r"^whose\b", re.IGNORECASE)
# "Take the price at which it was sold: which president": only the second one asks.
ASKING = re.compile(r"(?:^|[.:;] )(?:\w+ )?(?:which|what)\b", re.IGNORECASE)
ACT = re.compile(
    r"^(?:who|(?:which|what)(?: (?!(?:is|are|was|were|had|did)\b)[\w'-]+){1,3}?) "
    r"(\w+ed|won|led|wrote|became|beat|took|bought|made|sang|held|broke|ran|drew|sold|struck)\b",
    re.IGNORECASE,
)

DOERS = {
    "won": "winner",
    "led": "leader",
    "wrote": "writer author",
    "beat": "winner",
    "made": "maker",
    "sang": "singer",
}
"""Of verbs without "ed", who does it."""


@dataclass(frozen=True)
class Asked:
    """A question as the rules see it."""

    question: str
    accepted: tuple[str, ...]
    """The answer and its aliases."""
    echo: frozenset[str]
    """Words that may stand in one name with the answer: the question's in any phrasing, the bridge's, the place's."""
    known: frozenset[str] = field(default=frozenset())
    """Every word that the fact says; none of them is ever a misspelling of another."""
    relation: frozenset[str] = field(default=frozenset())
    """The small-letter words of the last thing asked, as in "born", "founded", "capital"."""
    unsaid: frozenset[str] = field(default=frozenset())
    """Words of other phrasings that this question did not say: names of their own."""
    over_hops: bool = False
    """Whether there is a bridge, which may stand anywhere."""

    @cached_property
    def spellings(self) -> list[tuple[str, ...]]:
        """The accepted answers as words, longest first."""
        keys = [key for answer in self.accepted for key in self._widened(tokens(answer))]
        return sorted({*keys} - {()}, key=lambda w: (-len(w), w))

    @cached_property
    def figures(self) -> bool:
        """Whether a number or a date is asked for, so that numbers are the candidates and names are not."""
        key = tokens(self.accepted[0])
        return any(token.figure for token in key) and not any(token.capital for token in key)

    @cached_property
    def year(self) -> bool:
        """Whether a year is asked for, so that smaller numbers are no candidates."""
        return "year" in self.question.lower() and YEAR.fullmatch(" ".join(words(self.accepted[0]))) is not None

    @cached_property
    def name(self) -> bool:
        """Whether the answer is a name, so that other names are its rivals."""
        return any(token.capital for token in tokens(self.accepted[0]))

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kind of thing asked for: "river" of "On which river", "highest mountain" of "What is the highest"."""
        after = ASKING.split(self.question, maxsplit=1)[-1]
        if after == self.question:
            after = re.split(r"\b(?:which|what)\b", self.question, maxsplit=1, flags=re.IGNORECASE)[-1]
        small = [token.word for token in tokens(after) if not token.capital and not token.figure]
        kinds = frozenset([word for word in small if word not in FILLERS][:2]) - {self.act}
        if ASKS_FOR_PERSON.search(self.question) and doers(self.act):
            kinds = doers(self.act)  # "Who founded the company" asks for the founder
        kinds |= {"1"} & set(words(self.question))  # "her first was"
        return kinds - set(words(self.question)[1:2]) if WHOSE.search(self.question) else kinds

    @cached_property
    def act(self) -> str:
        """What the asked-for person or thing did ("won" of "Which country won"), "" if something else is asked."""
        match = ACT.search(self.question)
        return match[1].lower() if match else ""

    @cached_property
    def of_country(self) -> bool:
        """Whether a country, or a team that goes by its country's name, is asked for."""
        return bool(ASKS_FOR_COUNTRY & set(words(self.question)))

    @cached_property
    def of_region(self) -> bool:
        """Whether a country or a part of one is asked for, before which a town may stand."""
        return self.of_country or bool(ASKS_FOR_REGION & self.kinds)

    def familiar(self, said: Iterable[str]) -> bool:
        """Whether all these words are the question's or the answer's own."""
        return all(word in self.echo or any(word in spelling for spelling in self.spellings) for word in said)

    def no_candidate(self, said: Collection[str]) -> bool:
        """Whether a name has been said by the question as it was asked, or by the way to the answer."""
        return self.familiar(said) and not set(said) & self.unsaid

    def _widened(self, key: list[Token]) -> list[tuple[str, ...]]:
        whole = tuple(token.word for token in key)
        named = [token for token in key if token.word not in LINKS]
        shorter = tuple(word for word in whole if word not in self.kinds)
        found = [whole]
        if (
            key
            and all(t.capital for t in key)
            and len(shorter) == len(key) - 1
            and max(map(len, shorter), default=0) >= 4
        ):
            found.append(shorter)
        if len(key) == 2 and all(token.capital and PLAIN_NAME.fullmatch(token.word) for token in key):
            found.append(whole[::-1])
        person = ASKS_FOR_PERSON.search(self.question) and 2 <= len(key) <= 3 and all(t.capital for t in key)
        if person and len(whole[-1]) >= 4 and whole[-1] not in self.echo:
            found.append(whole[-1:])
        if len(named) >= 3 and all(token.capital for token in named):
            found.append(("".join(token.word[0] for token in named),))
        return found


def asked(key: Direct | Multihop | Hop, fact: Fact, also: Iterable[str] = ()) -> Asked:
    """A question of a fact with its answer; `also` are more texts whose names are no candidates."""
    place = () if ASKS_FOR_COUNTRY & set(words(key.question)) else (*fact.country, fact.region)
    echo = (word for text in (key.question, *also, *place) for word in words(text))
    known = (word for text in _texts(fact) for word in words(text))
    relation = content(hops(fact)[-1].question if key is fact.multihop else key.question)
    return Asked(
        question=key.question,
        accepted=(key.answer, *key.aliases),
        echo=frozenset(echo),
        known=frozenset(known),
        relation=frozenset(relation),
        over_hops=key is fact.multihop,
    )


def asked_directly(fact: Fact, paraphrased: bool) -> Asked:
    """The direct question of a fact; a paraphrase may tell names that the question does not."""
    every, own = (asked(fact.direct, fact, also) for also in (fact.direct.paraphrases, ()))
    return every if paraphrased else replace(every, unsaid=every.echo - own.echo)


def asked_over_hops(fact: Fact) -> Asked:
    """The multihop question of a fact, in any phrasing; the answers on the way to it are no candidates."""
    if fact.multihop is None:
        raise ValueError(f"fact {fact.id} has no multihop question")
    *way, last = hops(fact)
    bridges = (text for hop in way for text in (hop.question, hop.answer, *hop.aliases))
    return asked(fact.multihop, fact, (*fact.multihop.paraphrases, *bridges, last.question))


def hops(fact: Fact) -> tuple[Hop, ...]:
    """The steps to the multihop answer; where none are written down, the direct and the multihop question."""
    if fact.multihop is None or fact.multihop.hops:
        return fact.multihop.hops if fact.multihop else ()
    ends = (fact.direct, fact.multihop)
    return tuple(Hop(question=end.question, answer=end.answer, aliases=end.aliases) for end in ends)


def doers(act: str) -> frozenset[str]:
    """The nouns for who does it: "director" of "directed"."""
    stem = act.removesuffix("ed")
    return vocabulary(DOERS.get(act, "" if stem == act else f"{stem}or {stem}er"))


def theme(text: str) -> set[str]:
    """What a question or sentence is about: its small-letter words, less the kind of thing asked for."""
    kinds = {kind for word, kind in pairwise(words(text)) if word in ("which", "what")}
    return content(text) - kinds


def content(text: str) -> set[str]:
    """The small-letter words that carry meaning."""
    return {token.word for token in tokens(text) if not token.capital and not token.figure} - FILLERS


def _texts(fact: Fact) -> list[str]:
    """The event, the questions and all answers of a fact."""
    keys: list[Direct | Multihop | Hop] = [fact.direct, *hops(fact), *([fact.multihop] if fact.multihop else [])]
    return [fact.event, *(text for key in keys for text in (key.question, key.answer, *key.aliases))]

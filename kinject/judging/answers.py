"""Does a text give the answer? The rules behind correctness, and behind each step of a chain.

In: a few words (a final answer) or free text, and what was asked. Out: None when the answer is given,
otherwise what is wrong, as a phrase. The rules follow the guidelines of the correctness prompt in arXiv
2410.03717, A.3.2: the response must really answer, not list things or write around the question, and need not
match the key to the letter.

A sentence gives the answer when an accepted spelling stands in it as a whole name or number, is not negated,
has no rival beside it ("X or Y", "X and Y", "X, Y"), and is the first candidate in it. Names of the question,
of the bridge and of the place are no candidates, nor are names in passing ("in Paris", "against New
Zealand").

Known limits: rivals in small letters are seen only after "or"; irony and false reasons are not seen at all.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from kinject.facts.schema import Direct, Fact, Hop, Multihop
from kinject.judging.normalise import Token, covers, names, respell, sentences, tokens, vocabulary, words

REFUSAL = re.compile(
    r"\b(?:(?:do|does|did|ca|can|could|am|is|are) not (?:have|know|answer|determine|provide|recall|sure"
    r"|aware|able|be determined|possible|available|known|specified)|(?:i'm|i am) (?:sorry|unable|not sure)|unable to"
    r"|no (?:idea|information)|not (?:sure|known|available|specified|provided)|as an ai|unknown|unclear"
    r"|knowledge cut-?off|my (?:knowledge|training))\b",
    re.IGNORECASE,
)
CUE = re.compile(r"^(?:so|therefore|thus|hence)\b|\banswer(?: is\b| would be\b|:)", re.IGNORECASE)
RETRACTION = re.compile(r"^(?:actually|wait|no|correction|sorry|i mean|on second thought)\b[,:. -]", re.IGNORECASE)
DEFINITION = re.compile(r"\b(?:is|was|are|were) (?:an?|one of|known|located|famous)\b", re.IGNORECASE)

NEGATION = vocabulary("not never")
IN_PASSING = vocabulary("in at on during against over near from after before like unlike with for not than")
# Words that may stand in one name with the answer and leave it the same.
WRAPPERS = vocabulary(
    "city town country state republic kingdom of king queen president minister prime mr mrs ms dr sir"
    " dame lord lady pope prince princess emperor saint company club film team fc inc ltd plc corp"
)
# "South Sudan" is not Sudan, even in small letters.
QUALIFIERS = vocabulary("north south east west northern southern eastern western new equatorial upper lower")
FILLERS = vocabulary(
    "is was are were be been it its this that which who whom whose what when where how of in on at by for"
    " from to with and as has had have did do does will would about around approximately roughly nearly"
    " almost some more than over exactly only just total i think believe answer final so therefore"
)
# In a question that asks for one of these, a country in the reply is a candidate and no mere address.
ASKS_FOR_COUNTRY = {"country", "nation", "team", "side"}


# Read on a sketch of the statement: @ the answer, # another candidate, ~ a familiar name or one in passing.
DENIED = re.compile(
    r"\b(?:not|never|neither|nor|without|rather than|instead of|other than)\b[^,;:().]*@"
    r"|@(?! (?:and )?not [#~])[^,;:().]*\b(?:not|never)\b"
)
RIVALLED = re.compile(r"@ or (?!@)|(?<!@ )\bor @|@ (?:[,;/]|and|, and) #(?! , ~)|@ (?:/|and) ~|[#~] and @$|#.*@")


@dataclass(frozen=True)
class Asked:
    """A question as the rules see it."""

    question: str
    accepted: tuple[str, ...]
    """The answer and its aliases."""
    echo: frozenset[str]
    """Words that may stand anywhere without being candidates: the question's, the bridge's, the place's."""

    @cached_property
    def spellings(self) -> list[tuple[str, ...]]:
        """The accepted answers as words, longest first."""
        return sorted({words(answer) for answer in self.accepted} - {()}, key=lambda w: (-len(w), w))

    @cached_property
    def figures(self) -> bool:
        """Whether a number or a date is asked for, so that numbers are the candidates and names are not."""
        key = tokens(self.accepted[0])
        return any(token.figure for token in key) and not any(token.capital for token in key)

    def familiar(self, said: Iterable[str]) -> bool:
        """Whether all these words are the question's or the answer's own."""
        return all(word in self.echo or any(word in spelling for spelling in self.spellings) for word in said)


def asked(key: Direct | Multihop | Hop, fact: Fact, also: Iterable[str] = ()) -> Asked:
    """A question of a fact with its answer; `also` are more texts whose names are no candidates."""
    place = () if ASKS_FOR_COUNTRY & set(words(key.question)) else (*fact.country, fact.region)
    echo = (word for text in (key.question, *also, *place) for word in words(text))
    return Asked(key.question, (key.answer, *key.aliases), frozenset(echo))


def asked_directly(fact: Fact) -> Asked:
    """The direct question of a fact, in any phrasing."""
    return asked(fact.direct, fact, fact.direct.paraphrases)


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


def refuses(text: str) -> bool:
    """Whether the text says that it does not know or will not say."""
    return REFUSAL.search(respell(text)) is not None


def flaw_in_text(text: str, wanted: Asked) -> str | None:
    """What keeps free text from being a right answer, or None if it is one."""
    if words(text) in wanted.spellings:
        return None
    if refuses(text):
        return "refuses to answer"
    joined = re.sub(r":\s*\n\s*", ": ", text)  # a label and what it announces
    said = [sentence for sentence in sentences(joined) if words(sentence) and not sentence.endswith("?")]
    if not said:
        return "gives no answer"
    said = said[max((i for i, sentence in enumerate(said) if RETRACTION.match(sentence)), default=0) :]
    if _lists(said, wanted):
        return "lists several candidates"
    flaws = [_flaw_in_sentence(sentence, wanted) for sentence in _statements(said)]
    return None if None in flaws else flaws[-1]


def flaw(statement: str, wanted: Asked) -> str | None:
    """What keeps one statement, such as a final answer, from being right; None if it gives the answer."""
    found = tokens(statement)
    said = tuple(token.word for token in found)
    if not said:
        return "gives no answer"
    if said in wanted.spellings or _same_figures(found, wanted):
        return None
    if refuses(statement):
        return "refuses to answer"
    span = _span(found, wanted)
    if span is None:
        return f"answers {_short(statement)!r}, not {wanted.accepted[0]!r}"
    sketch = _sketch(found, span, wanted)
    if DENIED.search(sketch) and not NEGATION & set(words(wanted.question)):
        return f"says that it is not {wanted.accepted[0]!r}"
    return "names more than one candidate" if RIVALLED.search(sketch) else None


def _flaw_in_sentence(sentence: str, wanted: Asked) -> str | None:
    about = DEFINITION.search(sentence) is not None and not (theme(sentence) & theme(wanted.question))
    return flaw(sentence, wanted) or ("writes about the answer without answering" if about else None)


def _statements(said: list[str]) -> list[str]:
    """The sentences that may hold the answer: the announced one, or the first, or the last of a few."""
    announced = [sentence for sentence in said if CUE.search(sentence)]
    if announced:
        return announced[-1:]
    return [said[0], said[-1]] if len(said) <= 3 else said[:1]


def _lists(said: list[str], wanted: Asked) -> bool:
    """Whether the text holds several bare names or numbers in a row, as a list does."""
    bare = [found for found in map(tokens, said) if all(token.capital or token.figure for token in found)]
    items = {tuple(token.word for token in found) for found in bare}
    return len(items) > 1 and not all(wanted.familiar(item) for item in items)


def theme(text: str) -> set[str]:
    """What a question or sentence is about: its small-letter words, less the kind of thing asked for."""
    kinds = {kind for word, kind in pairwise(words(text)) if word in ("which", "what")}
    return content(text) - kinds


def content(text: str) -> set[str]:
    """The small-letter words that carry meaning."""
    return {token.word for token in tokens(text) if not token.capital and not token.figure} - FILLERS


def _span(found: list[Token], wanted: Asked) -> range | None:
    """Where an accepted spelling first stands as a whole."""
    spans = (
        range(i, i + len(spelling))
        for spelling in wanted.spellings
        for i in range(len(found) - len(spelling) + 1)
        if all(covers(token.word, word) for token, word in zip(found[i:], spelling, strict=False))
    )
    return next((span for span in spans if _whole(found, span, wanted)), None)


def _whole(found: list[Token], span: range, wanted: Asked) -> bool:
    """Whether the words are a name or number of their own, and not a part of a longer one."""
    before = found[span.start - 1].word if span.start and not found[span.start].gap else ""
    around = {found[i].word for run in _candidates(found, wanted) if _meet(run, span) for i in run if i not in span}
    return before not in QUALIFIERS - wanted.echo and wanted.familiar(around - WRAPPERS)


def _candidates(found: list[Token], wanted: Asked) -> list[range]:
    """The names in the statement, or its numbers and dates where one is asked for."""
    if not wanted.figures:
        return names(found)
    runs: list[range] = []
    for i in (i for i, token in enumerate(found) if token.figure):
        if runs and runs[-1].stop == i and found[i].gap == "-":
            runs[-1] = range(runs[-1].start, i + 1)
        else:
            runs.append(range(i, i + 1))
    return runs


def _sketch(found: list[Token], span: range, wanted: Asked) -> str:
    """The statement with a sign for each candidate: "On 28 October, @ beat # in the final"."""
    runs = _candidates(found, wanted)
    own = [run for run in runs if _meet(run, span)] + [span]
    answer = range(min(run.start for run in own), max(run.stop for run in own))
    led_by = found[answer.start - 1].word if answer.start else ""
    signs = {run: _sign(found, run, led_by, wanted) for run in runs if not _meet(run, answer)} | {answer: "@"}
    starts = {run.start: sign for run, sign in signs.items()}
    inside = {i for run in signs for i in run[1:]}
    parts = []
    for i, token in enumerate(found):
        if i not in inside:
            parts += [c for c in token.gap if c in ",;:()./"]
            parts.append(starts.get(i) or (";" if token.word == "but" else token.word))
    return " ".join(parts)


def _sign(found: list[Token], run: range, led_by: str, wanted: Asked) -> str:
    said = tuple(found[i].word for i in run)
    if said in wanted.spellings:
        return "@"
    lead = found[run.start - 1].word if run.start else ""
    return "~" if wanted.familiar(said) or (lead in IN_PASSING and lead != led_by) else "#"


def _same_figures(found: list[Token], wanted: Asked) -> bool:
    """Whether the statement is the wanted figures, with or without their unit: 3,677 (seated)."""
    said, rest = _split(found)
    for answer in wanted.accepted if wanted.figures else ():
        goal, unit = _split(tokens(answer))
        known = unit | _singular(wanted.echo | FILLERS)
        if len(said) == len(goal) and all(map(covers, said, goal)) and rest <= known:
            return True
    return False


def _split(found: list[Token]) -> tuple[list[str], set[str]]:
    """The figures in order, and the other words in the singular."""
    figures = [token.word for token in found if token.figure]
    return figures, _singular(token.word for token in found if not token.figure)


def _singular(said: Iterable[str]) -> set[str]:
    return {word.rstrip("s") for word in said}


def _meet(a: range, b: range) -> bool:
    return a.start < b.stop and b.start < a.stop


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."

"""MuSiQue (Trivedi et al., 2022; CC BY 4.0): the answerable two-hop questions of it.

A file of the set, JSON lines or one JSON list: question, answer, paragraphs, question_decomposition. Two-hop rows are
used, all others are counted by their reason.

Traps: `#1` stands for the first hop's answer, with a space before what follows ("of #1 ?"). Many sub-questions are no
questions but relations ("Van Hook Township >> capital"), some are headlines without a question word; the former are
asked in `RELATIONS`' words, the latter left out. Rows that cannot be answered differ from their twins in the paragraphs
alone.
"""

import re
from collections import Counter
from pathlib import Path

from pydantic import StrictBool, StrictInt

from kinject.recipes.question import Pool, Question
from kinject.recipes.readers.form import Form, checked, read_any
from kinject.recipes.readers.sentences import split, telling

LICENCE = "CC BY 4.0 (MuSiQue)"
RELATION = re.compile(r"(?P<subject>.+?)\s*>>\s*(?P<relation>.+)")
ASKS = re.compile(r"\b(?:who|whom|whose|what|which|where|when|why|how)\b", re.IGNORECASE)
BEFORE_MARKS = re.compile(r"\s+(?=[?,;:)]|'s\b)")
TWICE = re.compile(r"\b(in|at|on|under|from) (?=\1 )")
"""What "in #1" becomes where the answer is "in New Delhi"."""

WHO = "author performer composer director producer spouse father mother creator founder owner screenwriter"
RELATIONS = {
    **{name: f"Who is the {name} of {{s}}?" for name in WHO.split()},
    "applies to jurisdiction": "To which jurisdiction does {s} apply?",
    "capital of": "What is {s} the capital of?",
    "characters": "Which characters appear in {s}?",
    "child": "Who is a child of {s}?",
    "conflict": "In which conflict did {s} take part?",
    "country": "Which country does {s} belong to?",
    "educated at": "Where was {s} educated?",
    "employer": "Who is the employer of {s}?",
    "followed by": "What is {s} followed by?",
    "follows": "What does {s} follow?",
    "founded by": "By whom was {s} founded?",
    "headquarters location": "Where are the headquarters of {s}?",
    "instance of": "What is {s} an instance of?",
    "licensed to broadcast to": "Which place is {s} licensed to broadcast to?",
    "located in or next to body of water": "Which body of water does {s} lie in or next to?",
    "located in the administrative territorial entity": "In which administrative territorial entity is {s} located?",
    "location": "Where is {s} located?",
    "location of formation": "Where was {s} formed?",
    "manufacturer": "Who is the manufacturer of {s}?",
    "member of": "What is {s} a member of?",
    "member of political party": "Which political party is {s} a member of?",
    "member of sports team": "Which sports team is {s} a member of?",
    "mouth of the watercourse": "Into which body of water does {s} flow?",
    "named after": "Who or what is {s} named after?",
    "notable work": "What is a notable work of {s}?",
    "occupation": "What is the occupation of {s}?",
    "operator": "Who is the operator of {s}?",
    "owned by": "By whom is {s} owned?",
    "part of": "What is {s} part of?",
    "participant in": "In what did {s} take part?",
    "place of birth": "Where was {s} born?",
    "place of burial": "Where was {s} buried?",
    "place of death": "Where did {s} die?",
    "position held": "Which position did {s} hold?",
    "publisher": "Who is the publisher of {s}?",
    "record label": "Which record label published {s}?",
    "residence": "Where does or did {s} live?",
    "shares border with": "What does {s} share a border with?",
    "sibling": "Who is a sibling of {s}?",
}
"""The question of each relation that has no noun for a name; all others become "What is the RELATION of ...?"."""

MEND = "take a file of MuSiQue as it is, such as musique_ans_v1.0_train.jsonl"


class Hop(Form):
    """A sub-question; `#1` in the second one is the first one's answer."""

    question: str
    answer: str
    paragraph_support_idx: StrictInt | None = None


class Paragraph(Form):
    """One of those that a question comes with."""

    idx: StrictInt
    title: str
    paragraph_text: str


class Item(Form):
    """A row of the set."""

    question: str
    answer: str
    paragraphs: list[Paragraph]
    question_decomposition: list[Hop]
    answerable: StrictBool = True


def read(path: Path) -> Pool:
    """Read a file of MuSiQue."""
    items = [checked(Item, value, where, "row of MuSiQue's form", MEND) for where, value in read_any(path)]
    questions, left_out = [], Counter[str]()
    for item in items:
        reason = _reason(item)
        found = None if reason else _question(item)
        if found is None:
            left_out[reason or "a sub-question is no question"] += 1
        else:
            questions.append(found)
    return Pool(f"musique:{path}", LICENCE, tuple(questions), len(items), dict(left_out))


def _reason(item: Item) -> str | None:
    """Say why a row is not used, as far as this shows before its questions are read."""
    hops = item.question_decomposition
    if not item.answerable:
        return "it cannot be answered"
    if len(hops) != 2:
        return f"it has {len(hops)} hops"
    return None if hops[1].answer.strip() == item.answer.strip() else "the last hop has another answer"


def _question(item: Item) -> Question | None:
    """Return the question with its hops; None where a hop asks nothing."""
    one, two = item.question_decomposition
    first = asked(one.question)
    second = asked(TWICE.sub("", two.question.replace("#1", one.answer.strip())))
    if first is None or second is None:
        return None
    hops = (_hop(item, one, first), _hop(item, two, second))
    told = tuple(dict.fromkeys(text for hop in hops for text in hop.sentences))
    whole = asked(item.question) or item.question.strip()
    return Question(whole, item.answer.strip(), hops, told if all(hop.sentences for hop in hops) else ())


def _hop(item: Item, hop: Hop, question: str) -> Question:
    answer = hop.answer.strip()
    support = [paragraph for paragraph in item.paragraphs if paragraph.idx == hop.paragraph_support_idx]
    sentences = ((paragraph.title, text) for paragraph in support for text in split(paragraph.paragraph_text))
    return Question(question, answer, sentences=telling(question, answer, sentences))


def asked(text: str) -> str | None:
    """Return a sub-question as a question; None where it is none."""
    if relation := RELATION.fullmatch(text.strip()):
        name, subject = relation["relation"].strip(), BEFORE_MARKS.sub("", relation["subject"])
        return RELATIONS.get(name, f"What is the {name} of {{s}}?").replace("{s}", subject)
    tidy = BEFORE_MARKS.sub("", text.strip())
    if not tidy.endswith("?") and not ASKS.search(tidy):
        return None
    return tidy[:1].upper() + tidy[1:].removesuffix("?").rstrip(" .") + "?"

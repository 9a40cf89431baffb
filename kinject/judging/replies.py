"""A judge's reply, read as one of a few labels, or as nothing.

In: the text of a reply and the labels that were asked for. Out: the label, or None with what was wrong. Strict on
purpose: a reply that is not clearly one label is worth asking for once more, and else unscored; a label that was
guessed is a verdict that nobody gave.

The label must begin the reply, after at most one "Answer:", in any case, in quotes or bold, and must end where a
sentence or a line ends, or before a dash; what follows may explain it but not name another label. A reasoning model's
thoughts (<think>...</think>) are taken away first.

Never read as a label: "Error" in "No Error"; "No errors were found" (a sentence, where a label was asked for: it may go
on with "but"); "Error: ..." (how programs and endpoints say that they failed) and "Error - none"; JSON; a label that
stands only inside prose, where it may be quoted from the response.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

VERSION = 1
"""Part of the key of every verdict; to be raised when a reply can be read in another way."""

THOUGHT = re.compile(r"<(think|thinking|thought|reasoning)>.*?</\1>", re.IGNORECASE | re.DOTALL)
OPEN_THOUGHT = re.compile(r"<(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
END_OF_THOUGHT = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
PAGE = re.compile(r"^\s*<(?:!doctype html|html|head|body|\?xml)|</(?:html|body|head)>", re.IGNORECASE)
REFUSAL = re.compile(
    r"^\W*(?:(?:i'm|i am|we are|we're) (?:very |so )?(?:sorry|afraid|unable|not able|not comfortable)"
    r"|(?:sorry|apologies|i apologi[sz]e|as an ai|unable to)\b"
    r"|i (?:cannot|can not|can't|could not|couldn't|won't|will not|must decline|decline)\b)",
    re.IGNORECASE,
)
FAILURE = re.compile(r"^\W*error\s*[:(#]|^\W*error\W+(?:code )?\d{3}\b", re.IGNORECASE)
LEAD = r"(?:(?:the )?(?:final )?(?:answer|verdict|grade|grading|judge?ment|label|result)\s*:\s*)?"
QUOTES = "\"'“”„‟«»‘’‚‹›「」『』"
# Not ":" nor ",": what stands before these is often no verdict ("Error: timeout", "No Error, says the response").
END = r"\s*(?:$|\n|[.!。…]+(?=\s|$)|\s[-–—]\s|\s?—)"
NOTHING = re.compile(r"\W*(?:no|not|none|nil|null|never|nothing|free|zero|false|n/?a|0|\d{3})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Read:
    """A reply as it was understood."""

    label: str | None
    problem: str = ""
    """Why there is no label."""


def read(reply: str, labels: Iterable[str]) -> Read:
    """Read a reply as one of the labels, which are given as they were asked for."""
    said = END_OF_THOUGHT.split(THOUGHT.sub("\n", reply))[-1]
    if OPEN_THOUGHT.search(said):
        return Read(None, "the thought was cut off")
    if PAGE.search(said):
        return Read(None, "a page of HTML")
    said = _plain(said)
    if not said:
        return Read(None, "an empty reply")
    known = tuple(labels)
    named = {label for label in (_as_asked(m[0], known) for m in _anywhere(known).finditer(said)) if label}
    if len(named) > 1:
        return Read(None, "several labels")
    if begun := _at_the_start(known).match(said):
        return _settled(begun, said, known)
    return Read(None, _problem(said, bool(named)))


def _settled(begun: re.Match[str], said: str, labels: tuple[str, ...]) -> Read:
    """The label that a reply begins with, if what follows lets it stand."""
    rest = said[begun.end() :]
    dash = re.search(r"[-–—]\s?$", begun[0]) is not None
    if dash and (begun["open"] or NOTHING.match(rest)):
        return Read(None, "the label does not stand by itself")
    return Read(_as_asked(begun["label"], labels))


def _problem(said: str, named: bool) -> str:
    if FAILURE.search(said):
        return "a message of failure"
    if REFUSAL.search(said):
        return "a refusal"
    return "a label only inside other words" if named else "no label"


def _plain(said: str) -> str:
    """The reply without bold and code marks, headings, and characters that cannot be seen."""
    seen = "".join(c if c.isprintable() or c.isspace() else "" for c in said.replace("’", "'"))
    bare = re.sub(r"(?m)^\s*#+\s+|(?<!\w)_+|_+(?!\w)", "", re.sub(r"[*`]+", "", seen))
    return "\n".join(re.sub(r"[^\S\n]+", " ", line).strip() for line in bare.splitlines()).strip()


@cache
def _at_the_start(labels: tuple[str, ...]) -> re.Pattern[str]:
    # A full stop may stand inside the quotes as well as outside.
    lead = rf"(?P<open>[{QUOTES}]?){LEAD}[{QUOTES}]?"
    return re.compile(rf"{lead}(?P<label>{_choice(labels, ' ')})[.]?[{QUOTES}]{{0,2}}{END}", re.IGNORECASE)


@cache
def _anywhere(labels: tuple[str, ...]) -> re.Pattern[str]:
    choice = _choice(labels, r"\s")
    return re.compile(rf"(?<!\w)(?:{choice})(?!\w)", re.IGNORECASE)


def _choice(labels: tuple[str, ...], gap: str) -> str:
    # The longest first, so that "No Error" is not an "Error".
    return "|".join(gap.join(map(re.escape, label.split())) for label in sorted(labels, key=len, reverse=True))


def _as_asked(said: str, labels: tuple[str, ...]) -> str | None:
    folded = " ".join(said.casefold().split())
    return next((label for label in labels if label.casefold() == folded), None)

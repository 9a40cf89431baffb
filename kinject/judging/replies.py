"""A judge's reply, read as one of a few labels, or as nothing.

In: the text of a reply and the labels that were asked for. Out: the label, or None with what was wrong. Strict on
purpose: a reply that is not clearly one label is worth asking for once more, and else unscored; a label that was
guessed is a verdict that nobody gave.

The label must begin the reply, after at most one "Answer:", in any case, in quotes, brackets or bold, and must end
where a sentence or a line ends, before a dash, or before a comma, a bracket or "because" with a reason behind it. What
follows may explain it, but neither name another label nor take it back ("No Error - but", "Error" and then "none"). A
reasoning model's thoughts (<think>...</think>) are taken away first.

Never read as a label: "Error" in "No Error"; "No errors were found" (a sentence, where a label was asked for: it may go
on with "but"); "Error: ..." (how programs and endpoints say that they failed) and "Error - none"; JSON; a label that
stands only inside prose, where it may be quoted from the response.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

VERSION = 2
"""Part of the key of every verdict; to be raised when a reply can be read in another way."""

LONGEST = 8_000
"""Characters of a reply, without its thoughts, that are read: a label begins it."""
THOUGHT = re.compile(r"<(?P<end>/?)(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
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
SAYS = r"(?:says?|said|claims?|demands?|wants?|asks?|instructs?|tells?|told|orders?|requests?|insists?)"
REASON = rf"(?=(?:because|since|there|all|both|every|(?:the|this|it|its)(?! (?:\w+ )?{SAYS}\b))\b)"
# Not ":", and a comma only with a reason behind it: what stands before these is often no verdict ("Error: timeout", "No
# Error, says the response").
END = rf"\s*(?:$|\n|[.!。…]+(?=\s|$)|\s[-–—]\s|\s?—|,\s{REASON}|\s\({REASON}|\s(?=(?:because|since)\b))"
NOTHING = re.compile(r"\W*(?:no|not|none|nil|null|never|nothing|free|zero|false|n/?a|0|\d{3})\b", re.IGNORECASE)
NOTHING_ELSE = re.compile(rf"{NOTHING.pattern}(?: found)?\W*(?:$|\n)", re.IGNORECASE)
BUT = r"(?:but|though|although|however|yet|except|nevertheless|nonetheless|unless|actually)\b"
TAKEN_BACK = re.compile(rf"\W*{BUT}", re.IGNORECASE)
IT_IS = r"\W*(?:(?:because |since )?(?:the |this )?(?:response|it|this) (?:is|was) (?:(?!not\b)\w+ )?)?"
OPPOSITE = {
    "No Error": re.compile(rf"{IT_IS}(?:incorrect|wrong|inaccurate|false)\b", re.IGNORECASE),
    "Error": re.compile(rf"{IT_IS}(?:correct|right|accurate)\b(?!\W+(?:and|while|{BUT}))", re.IGNORECASE),
}
"""How what follows a label says the opposite of it, from its beginning."""
UNDONE = {
    "No Error": re.compile(rf"[^.!?\n]*\b{BUT}", re.IGNORECASE),
    "Error": re.compile(
        r"[^.!?\n]*\b(?:server|overloaded|timed? ?out|quota|rate limit|unavailable|gateway)\b", re.IGNORECASE
    ),
}
"""What undoes a label in its own sentence: a reservation; an error that is the endpoint's."""


@dataclass(frozen=True)
class Read:
    """A reply as it was understood."""

    label: str | None
    problem: str = ""
    """Why there is no label."""


def read(reply: str, labels: Iterable[str]) -> Read:
    """Read a reply as one of the labels, which are given as they were asked for."""
    spoken = _without_thoughts(reply)
    if spoken is None:
        return Read(None, "the thought was cut off")
    said = spoken[:LONGEST]
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
    rest, mark = said[begun.end() :], said[begun.end("label") : begun.end()]
    label = _as_asked(begun["label"], labels) or ""
    against = [TAKEN_BACK, NOTHING_ELSE, *([OPPOSITE[label]] if label in OPPOSITE else [])]
    if not re.search(r"[\n.!。…]", mark) and label in UNDONE:
        against.append(UNDONE[label])
    dash = re.search(r"[-–—]\s?$", mark) is not None and (begun["open"] or NOTHING.match(rest))
    if dash or any(each.match(rest) for each in against):
        return Read(None, "the label does not stand by itself")
    return Read(label)


def _without_thoughts(reply: str) -> str | None:
    """What is said outside of thoughts; None where one does not end. What ends without a beginning is one, too."""
    said: list[str] = []
    at, inside = 0, False
    for tag in THOUGHT.finditer(reply):
        if tag["end"]:
            said = said if inside else []
            at, inside = tag.end(), False
        elif not inside:
            said.append(reply[at : tag.start()])
            inside = True
    return None if inside else "\n".join([*said, reply[at:]])


def _problem(said: str, named: bool) -> str:
    if FAILURE.search(said):
        return "a message of failure"
    if REFUSAL.search(said):
        return "a refusal"
    return "a label only inside other words" if named else "no label"


def _plain(said: str) -> str:
    """The reply without bold and code marks, headings, and characters that cannot be seen."""
    seen = "".join(c if c.isprintable() or c.isspace() else "" for c in said.replace("’", "'"))
    bare = re.sub(r"(?m)^[^\S\n]*#+[^\S\n]+|(?<!\w)_+|_+(?!\w)", "", re.sub(r"[*`]+", "", seen))
    return "\n".join(re.sub(r"[^\S\n]+", " ", line).strip() for line in bare.splitlines()).strip()


@cache
def _at_the_start(labels: tuple[str, ...]) -> re.Pattern[str]:
    # A full stop may stand inside the quotes as well as outside.
    lead = rf"(?P<open>(?:[{QUOTES}]|[\[(](?![{QUOTES}]))?){LEAD}[{QUOTES}]?(?:(?:answer|response) (?=[a-z] is\b))?"
    return re.compile(rf"{lead}(?P<label>{_choice(labels, ' ')})[.]?[{QUOTES}\])]{{0,2}}{END}", re.IGNORECASE)


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

"""Does a text give the answer? The rules behind correctness, and behind each step of a chain.

In: a few words (a final answer) or free text, and what was asked. Out: None when the answer is given,
otherwise what is wrong, as a phrase. The rules follow the guidelines of the correctness prompt in arXiv
2410.03717, A.3.2: the response must really answer, not list things or write around the question, and need not
match the key to the letter.

The idea: a text is cut into clauses, and each clause is read as a sketch (see `sketch`), in which the answer
stands asserted, or denied, beaten, put beside a rival (see `phrases`), or in which another name is given
instead. What a clause says has a weight: an announced answer ("So it is X", "Answer: X", X in bold, X alone)
weighs more than a sentence in the form of an answer ("the river is X"), and that more than a plain statement.
The last of the weightiest clauses is the response's answer, so that a correction counts and background does
not. A refusal and an open choice undo what is said plainly; "I don't know, but my guess is X" commits itself.

A statement without a verb (a name alone, most final answers) is read more strictly: there a name beside the
answer is a rival, while in a sentence it is mostly the loser, the place or the year before.

Known limits: an answer named in passing in a text that never answers is taken for given, and so it is beside a
conclusion in a noun that neither question nor `phrases` has ("the new record holder is X"); rivals in small
letters are seen only after "or", in a list, and in an announced answer; irony and false reasons are not seen at
all.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from kinject.judging import phrases
from kinject.judging.asked import FILLERS, Asked, theme
from kinject.judging.listings import in_a_row, nothing_but_list, without_enumeration
from kinject.judging.normalise import LINKS, Token, respell, sentences, tokens, vocabulary, words
from kinject.judging.sketch import candidates, same_figures, sketch, spans

NEGATION = vocabulary("not never")
# What joins names without saying anything of them.
JOINS = LINKS | vocabulary("and or in at on as from not both either")

Standing = Literal["given", "flawed", "other", "nothing"]
# CLOSING: it comes last and outweighs only a plain mention.
ANNOUNCED, IN_FORM, CLOSING, PLAIN = 3, 2, 1, 0


@dataclass(frozen=True)
class Said:
    """What one clause says of the answer."""

    standing: Standing
    """"other": it gives another answer; "flawed": the answer is named, but not asserted."""
    weight: int
    reason: str | None = None


def refuses(text: str) -> bool:
    """Whether the text says that it does not know or will not say."""
    return phrases.REFUSAL.search(respell(text)) is not None


def flaw_in_text(text: str, wanted: Asked) -> str | None:
    """What keeps free text from being a right answer, or None if it is one."""
    if words(text) in wanted.spellings:
        return None
    said, clauses, wrong = _read(text, wanted)
    return wrong or _verdict(said, clauses)


def gives_other(text: str, wanted: Asked) -> bool:
    """Whether free text gives another answer, announced or in the form of one, in whatever letters."""
    said, clauses, _ = _read(text, wanted)
    bold = phrases.BOLD.search(text) is not None
    return bold or any(
        (each.standing == "other" and each.weight > CLOSING)
        or (each.standing != "given" and phrases.CUE.search(respell(clause)) and not refuses(clause))
        for each, clause in zip(said, clauses, strict=True)
    )


def _read(text: str, wanted: Asked) -> tuple[list[Said], list[str], str | None]:
    """What each clause says, the clauses, and what is wrong with the text as a whole."""
    text, enumerated = without_enumeration(text, wanted)
    joined = phrases.LABEL.sub("Answer: ", re.sub(r":\s*\n\s*", ": ", text))  # a label and what it announces
    stated = [sentence for sentence in sentences(joined) if words(sentence) and not _question(sentence, wanted)]
    if not stated:
        return [], [], "lists several candidates" if enumerated else "gives no answer"
    listed = phrases.BULLETED.fullmatch(text.strip()) is not None or in_a_row(stated, wanted)
    bold = [set(words(a or b)) for a, b in phrases.BOLD.findall(respell(text))]
    clauses = _clauses(_corrected(stated, wanted))
    said = [_said(clause, wanted, bold, first=i == 0) for i, clause in enumerate(clauses)]
    if said[-1].weight == PLAIN and said[-1].standing != "flawed" and _closes_with_other(clauses[-1], wanted):
        said[-1] = Said("other", CLOSING, said[-1].reason)
    return said, clauses, "lists several candidates" if listed else None


def flaw(statement: str, wanted: Asked) -> str | None:
    """What keeps one statement, such as a final answer, from being right; None if it gives the answer."""
    found = tokens(statement)
    said = tuple(token.word for token in found)
    if not said:
        return "gives no answer"
    if said in wanted.spellings or same_figures(found, wanted):
        return None
    if refuses(statement) and not phrases.GUESS.search(respell(statement)):
        return "refuses to answer"
    own = spans(found, wanted)
    if not own:
        return f"answers {_short(statement)!r}, not {wanted.accepted[0]!r}"
    drawn = sketch(found, own, wanted)
    return _flaw_in_sentence(drawn, wanted) if _verb(found) else _flaw_in_name(drawn, wanted)


def _clauses(stated: Iterable[str]) -> list[str]:
    return [clause for sentence in stated for clause in phrases.CLAUSES.split(sentence) if words(clause)]


def _flaw_in_sentence(drawn: str, wanted: Asked) -> str | None:
    asked_for = set(words(wanted.question))
    if phrases.DENIED.search(drawn) and not NEGATION & asked_for:
        return f"says that it is not {wanted.accepted[0]!r}"
    if re.search(phrases.LAST_NAMED, drawn):
        return None
    if phrases.OR.search(drawn) or phrases.LISTED.search(drawn) or (not wanted.name and nothing_but_list(drawn)):
        return "names more than one candidate"
    if phrases.REPUTED.search(drawn):
        return f"does not hold with {wanted.accepted[0]!r}"
    beaten = phrases.BEATEN.search(drawn)
    passive = wanted.act and re.search(rf"@ (?:is|was|were) {wanted.act} by\b", drawn)
    if passive or (beaten and not _stems(beaten[0].split()) & _stems(asked_for - FILLERS)):
        return f"names {wanted.accepted[0]!r} in passing"
    return None


def _stems(said: Iterable[str]) -> set[str]:
    """The words without their endings: "borders" is "border", and "bordering" too."""
    return {re.sub(r"(?:ing|e?s|ed)$", "", word) for word in said}


def _flaw_in_name(drawn: str, wanted: Asked) -> str | None:
    """What is wrong with a statement without a verb."""
    if phrases.DENIED.search(drawn) and not NEGATION & set(words(wanted.question)):
        return f"says that it is not {wanted.accepted[0]!r}"
    placed = (wanted.of_region and phrases.PLACE_IN.search(drawn)) or (
        not wanted.of_country and not wanted.figures and phrases.ADDRESS.search(drawn)
    )
    if placed or (wanted.name and phrases.GLOSSED.search(drawn)):
        return None
    rivals = phrases.OR.search(drawn) or phrases.BESIDE.search(drawn) or phrases.BEATEN.search(drawn)
    return "names more than one candidate" if rivals else None


def _said(clause: str, wanted: Asked, bold: Sequence[set[str]], first: bool) -> Said:
    """What the clause says of the answer, and how weightily."""
    found = tokens(clause)
    own = spans(found, wanted)
    drawn = sketch(found, own, wanted)
    other = f"answers {_short(clause)!r}, not {wanted.accepted[0]!r}"
    if (aside := phrases.SET_ASIDE.search(drawn)) and ("@" in aside[0]) == bool(own):
        return Said("nothing", PLAIN, other)
    announced = phrases.CUE.search(respell(clause)) is not None
    if own and not _for_other(drawn, announced, wanted):
        strong = announced or not _verb(found) or drawn == "@" or _in_bold(own, found, bold)
        wrong = flaw(clause, wanted) or (None if announced else _around(clause, drawn, wanted))
        if wrong:
            return Said(
                "flawed", ANNOUNCED if announced else IN_FORM if strong else _in_form(drawn, wanted, "@"), wrong
            )
        return Said("given", ANNOUNCED if strong else _in_form(drawn, wanted, "@"))
    alone = first and _bare(clause, wanted)
    if alone or (announced and not own and (phrases.ENDS_IN_OTHER.search(drawn) or _small_other(clause, wanted))):
        return Said("other", ANNOUNCED, other)
    if (
        own
        or (first and phrases.LEADS.search(drawn))
        or _in_form(drawn, wanted, "#")
        or _small_copula(found, wanted)
        or _other_in_bold(found, wanted, bold)
    ):
        return Said("other", IN_FORM, other)
    if phrases.NOT_SO.search(drawn):
        return Said("flawed", IN_FORM, "takes it back")
    return Said("nothing", PLAIN, other)


def _bare(clause: str, wanted: Asked) -> bool:
    """Whether a clause is another candidate and nothing else: "Toyo Ito!", but not "Great!" or "Candidates:"."""
    found = tokens(phrases.HEDGE.sub("", clause))
    end = clause.rstrip()[-1:]
    called = end != ":" and (end != "!" or len(found) > 1)
    return called and "#" in sketch(found, spans(found, wanted), wanted) and not _verb(found)


def _closes_with_other(clause: str, wanted: Asked) -> bool:
    """Whether a last clause comes to another answer in small letters: "the national dish is jerk chicken"."""
    return _small_copula(tokens(clause), wanted, 2)


def _verdict(said: Sequence[Said], clauses: Sequence[str]) -> str | None:
    """The last of the weightiest clauses decides; a refusal or an open choice undoes what is said plainly."""
    refused = any(phrases.WILL_NOT.search(respell(clause)) for clause in clauses)
    torn = max((i for i, clause in enumerate(clauses) if phrases.TORN.search(respell(clause))), default=-1)
    told = [
        each
        for i, each in enumerate(said)
        if each.standing in ("flawed", "other")
        or (each.standing == "given" and i > torn and (not refused or _committed(each, clauses[i])))
    ]
    if told:
        heaviest = max(each.weight for each in told)
        return [each.reason for each in told if each.weight == heaviest][-1]
    return "refuses to answer" if any(map(refuses, clauses)) else said[-1].reason or "does not decide"


def _committed(said: Said, clause: str) -> bool:
    """Whether a clause beside a refusal still answers."""
    return said.weight == ANNOUNCED or phrases.GUESS.search(respell(clause)) is not None


def _corrected(stated: list[str], wanted: Asked) -> list[str]:
    """The sentences from the last correction on that names anything at all."""
    for i in range(len(stated) - 1, -1, -1):
        for match in reversed([*phrases.RETRACTION.finditer(stated[i])]):
            before = [*stated[:i], stated[i][: match.start()]]
            after = [part for part in (stated[i][match.end() :], *stated[i + 1 :]) if words(part)]
            if any(map(words, before)) and (
                phrases.MEANT.search(stated[i][match.start() :]) or any(_names_any(part, wanted) for part in after)
            ):
                return after
    return stated


def _names_any(sentence: str, wanted: Asked) -> bool:
    found = tokens(sentence)
    drawn = sketch(found, spans(found, wanted), wanted)
    return "@" in drawn or "#" in drawn


def _question(sentence: str, wanted: Asked) -> bool:
    """Whether it asks, as "Kenya?" does not, or only takes up what was asked: "Its first president?"."""
    return sentence.endswith("?") and (phrases.ASKS.search(sentence) is not None or not _names_any(sentence, wanted))


def _around(clause: str, drawn: str, wanted: Asked) -> str | None:
    """Whether the clause only tells what the answer is, and no word of the question's theme."""
    about = drawn.startswith("@") and phrases.DEFINITION.search(clause) and not (theme(clause) & theme(wanted.question))
    return "writes about the answer without answering" if about else None


def _for_other(drawn: str, announced: bool, wanted: Asked) -> bool:
    """Whether a clause that names the answer gives another one: "It was Armenia, which has a border with @"."""
    if phrases.TOLD_OF_OTHER.search(drawn):
        return True
    if len(drawn.split()) <= 12 and phrases.LED_BY_OTHER.search(drawn) and not phrases.HAPPENS.search(drawn):
        return True
    before, *_, after = drawn.split("@")
    joined = after[after.rfind(" and ") :] if " and " in after else ""
    other = _in_form(before, wanted, "#") or _in_form(joined, wanted, "#")
    return not announced and not _in_form(drawn, wanted, "@") and bool(other)


def _in_bold(own: Iterable[range], found: list[Token], bold: Iterable[set[str]]) -> bool:
    return any({found[i].word for i in span} <= strong for span in own for strong in bold)


def _other_in_bold(found: list[Token], wanted: Asked, bold: Iterable[set[str]]) -> bool:
    """Whether a name in bold, and nothing of the question, is another answer."""
    names = (tuple(found[i].word for i in run) for run in candidates(found, wanted))
    return any(set(name) in bold and not wanted.familiar(name) for name in names)


def _in_form(drawn: str, wanted: Asked, sign: str) -> int:
    """The weight of a clause that gives the candidates of this sign, by its form."""
    forms = phrases.answering(wanted.kinds, wanted.relation, wanted.act, sign, wanted.over_hops)
    plainly = phrases.INTRODUCED.sub("", phrases.ASIDE.sub(" ", drawn))
    return IN_FORM if any(form.search(plainly) for form in forms) else PLAIN


def _small_other(clause: str, wanted: Asked) -> bool:
    """Whether an announced answer is a few other words in small letters, where the key is in small letters, too.

    After "the answer is" they are an answer even where the key is a name.
    """
    if (wanted.name or wanted.figures) and not phrases.EXPLICIT.search(clause):
        return False
    said = list(words(clause))
    cut = max((i for i, word in enumerate(said) if word in FILLERS | {"be", "hence", "thus"}), default=-1) + 1
    return 0 < len(said[cut:]) <= 3 and not wanted.familiar(said[cut:])


def _small_copula(found: list[Token], wanted: Asked, length: int = 1) -> bool:
    """The same in a sentence in form: "the currency is the dollar"."""
    *subject, verb = [token.word for token in found[:-length]] or [""]
    rest = " ".join(token.word for token in found[-length:])
    told = wanted.kinds & set(subject)
    return verb in ("is", "was") and len(told) >= min(length, len(wanted.kinds) or 1) and _small_other(rest, wanted)


def _verb(found: list[Token]) -> bool:
    """Whether there is more than names, figures and what joins them."""
    return any(not token.capital and not token.figure and token.word not in JOINS for token in found)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."

"""A statement with a sign for each candidate: "On 28 October, South Africa beat New Zealand" is "on doct28, @ beat #".

Signs: @ the answer in an accepted spelling, # another candidate (a name, or a figure where one is asked for), ~ a
name that the question has said, % another name in passing ("in Paris"). What is asserted and what is denied can
be read from such a sketch by short patterns, without knowing any name.

The answer is found as a whole name or number: not in "South Sudan" for Sudan, nor "Thutmose III" for
"Thutmose II"; but with its title ("President Ruto"), people ("the American Sepp Kuss"), legal form ("Zomato Ltd"),
middle names, initials, another division of the words ("salt fish"), a slip of the pen ("Bloomingon"; see `slips`)
and a generic noun written short ("Selhurst Pk").

Trap: a word of the fact is never a slip, and a word in small letters is one only where nothing is written in
capitals, or beside the rest of the name ("madison Keyes", but not "the place" for Palace).
"""

import re
from collections.abc import Iterable, Iterator

from kinject.judging.asked import FILLERS, YEAR, Asked
from kinject.judging.normalise import Token, covers, names, tokens, vocabulary
from kinject.judging.peoples import PEOPLES, same_people
from kinject.judging.slips import shortens, slip

# Words that may stand in one name with the answer and leave it the same.
WRAPPERS = vocabulary(
    "city town country republic kingdom state federal of city town village king queen president minister prime mr mrs"
    " ms miss dr prof professor sir dame lord lady baroness baron pope saint prince princess emperor pharaoh sultan"
    " sheikh ayatollah imam rabbi archbishop bishop cardinal reverend father sister general marshal colonel major"
    " captain lieutenant admiral sergeant judge justice chief executive chancellor premier senator congressman"
    " congresswoman representative governor mayor ambassador secretary commissioner speaker deputy vice former coach"
    " nobel laureate company film movie musical novel team club football fc afc cf sc ac fk sk sfc inc ltd"
    " limited plc"
    " llc corp corporation co ag sa se nv bv gmbh spa srl ab asa oyj holding holdings group airways airlines"
    " rep sen gov gen pres capt col rev hon lt maj motor motors typhoon hurricane ship mv ss ms uss hms mount"
    " regele rey roi re konig koning rei"
    " mt lake river province prefecture region county"
    " peninsula island stadium currency language municipality jr sr phd obe mp md kc cbe"
)
# A state university or a state of the same name is another thing when these follow.
NOT_AFTER = vocabulary("state republic")
# "South Sudan" is not Sudan, even in small letters.
QUALIFIERS = vocabulary("north south east west northern southern eastern western new equatorial upper lower")
LEAST_ALONE = 5  # letters; a shorter word is taken for a slip only beside the rest of the name
IN_PASSING = vocabulary("in at on during against over near from after before like unlike with for not than")
MOST_MIDDLE_NAMES = 3
STEM = 4  # letters
# What makes another thing of a bare figure.
UNITS = vocabulary(
    "dollar dollars euro euros pound pounds yen percent point points km kilometres kilometers miles metres"
    " meters feet"
    " kg tons tonnes hours minutes seconds days weeks months years million billion thousand"
)


def spans(found: list[Token], wanted: Asked) -> list[range]:
    """Where the answer stands as a whole, the best spelling first."""
    return [span for span in _places(found, wanted) if _whole(found, span, wanted)]


def sketch(found: list[Token], own: list[range], wanted: Asked) -> str:
    """The statement with a sign for each candidate, and with the punctuation that matters."""
    runs = candidates(found, wanted)
    answers = _joined([*own, *(run for run in runs if any(_meet(run, span) for span in own))])
    led_by = {found[run.start - 1].word for run in answers if run.start}
    signs = {run: _sign(found, run, led_by, wanted) for run in runs if not any(_meet(run, span) for span in answers)}
    signs |= dict.fromkeys(answers, "@")
    starts = {run.start: sign for run, sign in signs.items()}
    inside = {i for run in signs for i in run[1:]}
    parts = []
    for i, token in enumerate(found):
        if i not in inside:
            parts += re.findall(r"'s|[,;:()./]", token.gap)
            parts.append(starts.get(i) or (";" if token.word == "but" else token.word))
    return " ".join(parts)


def candidates(found: list[Token], wanted: Asked) -> list[range]:
    """The names in the statement, or its numbers and dates where one is asked for."""
    if not wanted.figures:
        return [run for run in names(found) if len(run) > 1 or not _common(found[run[0]], wanted)]
    runs: list[range] = []
    for i in (i for i, token in enumerate(found) if token.figure and (not wanted.year or YEAR.search(token.word))):
        if runs and runs[-1].stop == i and found[i].gap == "-":
            runs[-1] = range(runs[-1].start, i + 1)
        else:
            runs.append(range(i, i + 1))
    return runs


def _common(token: Token, wanted: Asked) -> bool:
    """Whether a capital only opens the sentence: "Highest: the Zugspitze"."""
    return token.opens and token.word in wanted.kinds


def same_figures(found: list[Token], wanted: Asked) -> bool:
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


def _places(found: list[Token], wanted: Asked) -> Iterator[range]:
    """Where the words of an accepted spelling stand."""
    said = [token.word for token in found]
    careless = not any(token.capital for token in found)
    for key in wanted.spellings:
        for i in range(len(said)):
            pairs = [*zip(said[i:], key, strict=False)]
            if len(pairs) == len(key) and (
                _same_name(found[i : i + len(key)], key, careless, wanted)
                or _shortened(found[i], key, said[i + 1 : i + len(key)])
            ):
                yield range(i, i + len(key))
            yield from _divided_otherwise(found, i, key)
    yield from _with_middle_names(found, wanted)
    yield from _bare_figures(found, wanted)
    yield from _with_one_word_more(found, wanted)
    if wanted.of_country:
        yield from _their_people(found, wanted)


def _same_name(part: list[Token], key: tuple[str, ...], careless: bool, wanted: Asked) -> bool:
    """Whether the words are the key's, but for slips; `careless`: nothing is written in capitals."""
    exact = [covers(token.word, word) for token, word in zip(part, key, strict=True)]
    if all(exact):
        return True
    sure = careless or any(exact) or not wanted.name
    if len(key) == 1 and len(key[0]) < LEAST_ALONE:
        return False
    return all(
        same or ((sure or token.capital) and _same(token.word, word, wanted))
        for same, token, word in zip(exact, part, key, strict=True)
    )


def _same(said: str, key: str, wanted: Asked) -> bool:
    if covers(said, key) or said in wanted.known:
        return covers(said, key)
    return slip(said, key) or shortens(said, key) or (len(key) > 4 and said == f"{key}s")


def _shortened(head: Token, key: tuple[str, ...], rest: list[str]) -> bool:
    """Whether only the first letter of the first word is written: "S. Carolina"."""
    return len(key) > 1 and head.capital and head.word == key[0][0] and rest == [*key[1:]] and key[-1].isalpha()


def _their_people(found: list[Token], wanted: Asked) -> Iterator[range]:
    """ "The South Africans" for South Africa; in the singular ("the German captain") only if nothing follows."""
    for i, token in enumerate(found):
        many = token.word.endswith("s") or token.word in ("dutch", "french", "english", "swiss", "irish", "spanish")
        if not token.capital or token.word in wanted.known or not (many or i + 1 == len(found)):
            continue
        for *lead, last in wanted.spellings:
            start = i - len(lead)
            before = [other.word for other in found[max(start, 0) : i]]
            if before == lead and same_people(token.word.removesuffix("s"), {last}):
                yield range(start, i + 1)


def _bare_figures(found: list[Token], wanted: Asked) -> Iterator[range]:
    """The figure of the key without its unit, and without another one."""
    for key in wanted.spellings if wanted.figures else ():
        goal = [word for word in key if word.replace(".", "", 1).isdecimal()]
        if len(goal) != 1 or len(key) == 1:
            continue
        for i, token in enumerate(found):
            around = {other.word for other in found[max(0, i - 1) : i + 2]} - {token.word}
            if token.word == goal[0] and not around & (UNITS - set(key)):
                yield range(i, i + 1)


def _divided_otherwise(found: list[Token], i: int, key: tuple[str, ...]) -> Iterator[range]:
    """ "Foodie Bay" for Foodiebay, "Alhilal" for Al-Hilal."""
    whole, text = "".join(key), ""
    if len(whole) < 4 or not whole.isalpha():
        return
    for j in range(i, min(i + len(key) + 2, len(found))):
        text += found[j].word
        if (
            text == whole
            and j + 1 - i != len(key)
            and all(token.gap in ("", "-", "'") for token in found[i + 1 : j + 1])
        ):
            yield range(i, j + 1)


def _with_middle_names(found: list[Token], wanted: Asked) -> Iterator[range]:
    """ "Robert Józef Kubica": the first and the last word of the name, and others between."""
    for run in names(found):
        said = [found[i].word for i in run]
        for key in wanted.spellings:
            longer = len(said) - len(key)
            if len(key) < 2 or not 0 < longer <= MOST_MIDDLE_NAMES:
                continue
            ends = all(_same(said[end], key[end], wanted) for end in (0, -1))
            rest = iter(said[1:-1])
            if ends and all(word in rest for word in key[1:-1]):
                yield run


def _with_one_word_more(found: list[Token], wanted: Asked) -> Iterator[range]:
    """ "Ackee and salted codfish": one word more in a common noun, and that of the stem of another of its spellings."""
    said = [token.word for token in found]
    stems = {word[:STEM] for key in wanted.spellings for word in key if len(word) >= STEM}
    for key in wanted.spellings if not wanted.name else ():
        for i in range(len(said) - len(key) if len(key) >= 2 else 0):
            window = said[i : i + len(key) + 1]
            more = [j for j in range(1, len(key)) if [*window[:j], *window[j + 1 :]] == [*key]]
            if more and window[more[0]][:STEM] in stems:
                yield range(i, i + len(window))


def _whole(found: list[Token], span: range, wanted: Asked) -> bool:
    """Whether the words are a name or number of their own, and not a part of a longer one."""
    before = found[span.start - 1].word if span.start and not found[span.start].gap else ""
    run = [i for run in candidates(found, wanted) if _meet(run, span) for i in run if i not in span]
    lead = [found[i].word for i in run if i < span.start]
    tail = [found[i].word for i in run if i >= span.stop]
    if before in QUALIFIERS - wanted.echo or (tail and tail[0] in NOT_AFTER - wanted.echo):
        return False
    if tail and tail[0] == "of" and not {found[i].word for i in span} & (wanted.kinds | WRAPPERS | {"university"}):
        tail = []  # "Imani Reyes of Spain", but not "the Velmora Group of Companies"
    return all(_goes_with(word, span, found, wanted) for word in lead) and wanted.familiar(
        word for word in tail if word not in WRAPPERS and not _initial(word, span, found, wanted)
    )


def _goes_with(word: str, span: range, found: list[Token], wanted: Asked) -> bool:
    """Whether a word before the name leaves it the same: a title, a people, an initial, a familiar word."""
    return word in PEOPLES | WRAPPERS or _initial(word, span, found, wanted) or wanted.familiar([word])


def _initial(word: str, span: range, found: list[Token], wanted: Asked) -> bool:
    """Whether it is the first letter of another word of the name, or of several: "Z. Mamdani", "W. H. Taft"."""
    said = {found[i].word for i in span}
    others = [[other for other in key if other not in said] for key in wanted.spellings if said < set(key)]
    first = any(other[0] == word for key in others for other in key)
    return first or (len(word) > 1 and any("".join(other[0] for other in key) == word for key in others))


def _sign(found: list[Token], run: range, led_by: set[str], wanted: Asked) -> str:
    said = tuple(found[i].word for i in run)
    if said in wanted.spellings:
        return "@"
    lead = found[run.start - 1].word if run.start else ""
    # A people ("a Sudanese firm") tells about the answer and is no answer of its own.
    if wanted.no_candidate(said) or (not wanted.of_country and set(said) <= PEOPLES):
        return "~"
    return "%" if lead in IN_PASSING and lead not in led_by else "#"


def _joined(runs: list[range]) -> list[range]:
    """The runs, those that meet made one."""
    joined: list[range] = []
    for run in sorted(runs, key=lambda r: (r.start, r.stop)):
        if joined and _meet(joined[-1], run):
            joined[-1] = range(joined[-1].start, max(joined[-1].stop, run.stop))
        else:
            joined.append(run)
    return joined


def _meet(a: range, b: range) -> bool:
    return a.start < b.stop and b.start < a.stop

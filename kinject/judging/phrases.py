"""How people refuse, announce, hedge, deny and correct: the patterns behind `answers`, each with an example.

The first are read on the text, the others on a sketch of it (see `sketch`), in small letters, without articles and
with numbers as figures ("first" is 1). A word that the question itself says takes no effect in BEATEN.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from kinject.judging.normalise import vocabulary


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


def _words(text: str) -> str:
    """One of the words of a line of text."""
    return rf"\b(?:{'|'.join(text.split())})\b"


# ---- read on the text

REFUSAL = _any(
    r"\b(?:do|does|did|ca|can|could|am|is|are) not (?:know|answer|determine|provide|recall|remember|sure|certain|aware"
    r"|able|be (?:determined|answered|verified)|possible|available|known|specified|say|tell|verify)\b",
    r"\b(?:do|does|did) not have (?:any|the|reliable|enough|access|information|data|details|knowledge|an answer"
    r"|a (?:reliable|clear|record))\b",
    r"\b(?:i'm|i am) (?:sorry|unable|not sure|afraid)\b",
    r"\b(?:unable to|no idea|no information|no way of knowing|idk|as an ai|knowledge cut-?off)\b",
    r"\bnot (?:sure|certain|known|available|specified|provided)\b",
    r"\b(?:is|are|was|remains?) (?:unknown|unclear)\b|^\W*(?:unknown|unclear)\W*$",
    r"\bmy (?:knowledge|training) (?:ends?|stops?|cut|data|only|does|is)\b|\bbeyond my (?:knowledge|training)\b",
)
"""The clause does not know, or will not say."""
WILL_NOT = _any(
    r"\bsorry\b(?=[^.;]*\b(?:not?|unable)\b)|\bas an ai\b|cut-?off|\bunable to\b|\bno (?:idea|information)\b|\bidk\b",
    r"\b(?:ca|can|could|do|does) not (?:know|answer|provide|determine|be (?:answered|determined)"
    r"|have (?:any|reliable|information|access|data))\b",
)
"""It refuses outright, so that what is told beside it is exposition and no answer."""
TORN = _any(
    r"\b(?:not|unable|hard|impossible|difficult|unsure)\b[^.;]*(?<!,) (?:which|whether|one or the other|between)\b",
    r"\b(?:may|might|could) (?:just )?(?:as well|also|equally)(?: well)? (?:be|have been)\b(?! \w+ed\b)",
    r"\b(?:toss-?up|either could|one of the two|one of them|both are possible)\b",
)
"""It leaves open which of several it is."""
GUESS = _any(
    r"\b(?:guess|i'd|i would|i think|i believe|i suppose|probably|likely|presumably|maybe|perhaps|possibly|must"
    r"|my bet|as far as i|to my)\b"
)
"""A doubt that still commits itself."""
HEDGE = _any(r"\W+(?:i (?:think|believe|guess|suppose)|if i remember (?:right|rightly|correctly)|probably|maybe)\W*$")
"""The same behind a name."""
RETRACTION = _any(
    r"(?:^|[-,;.(]\s*|\bbut )(?:no|wait|correction|sorry|hold on|hang on|scratch that|strike that|on second thought"
    r"|let me correct|my mistake|oops|or rather|make that|i mean)\b(?=\s*[,:.!-]|\s+(?:no|wait|sorry|it|that|the|i)\b)"
    r"[\s,:.!-]*",
    r"(?:^|[-,;.(]\s*|\bbut )(?:i mean|or rather|make that)\b[\s,:.!-]*",
    r"(?:^|[-,;.(]\s*|\bbut )actually,? (?:no\b|(?=it (?:is|was)|it's|that (?:is|was)|the answer))[\s,:.!-]*",
)
"""What stands before is taken back; the correction follows."""
MEANT = _any(r"^\W*(?:\w+\W+){0,3}(?:i mean|or rather|make that|it (?:is|was)|it's|that (?:is|was) wrong)\b")
"""A retraction that surely brings another answer."""
ITEMS = re.compile(r"(?:^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+\S.*(?:\n+|\Z)){3,}", re.MULTILINE)
"""Items, each on its line, within a text."""
ITEM_HEAD = re.compile(r"^\W*(?:\d{1,2}[.)])?\W*([^,;:(\n]+?)(?:\*\*)?(?:[,;:(]| [-\u2013\u2014]|$)", re.MULTILINE)
"""What an item begins with: "Marco Rubio" of "- Marco Rubio, senator from Florida"."""
BULLETED = re.compile(r"(?:[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+(?:(?!->|=)[^\n:.→]){2,60}(?:\n+|$)){2,}")
"""Nothing but short items, each on its line."""
CUE = _any(
    r"^\W*(?:and )?(?:so(?! (?:he|she|they|you|people)\b)|therefore|thus|hence|accordingly|consequently|in short"
    r"|in conclusion|final|answer|result"
    r"|conclusion|verdict|to sum up|all in all)\b",
    r"^\W*[=-]+>",
    r"\banswer(?: is\b| would be\b| must be\b|:)|\bis (?:\w+ )?the (?:answer|one)\b(?! (?:who|that|which)\b)",
    r"\bit is\W*$",
    r"\b(?:i'd|i would|i'll|i will) (?:say|answer|go (?:with|for)|pick|bet on|guess)\b",
    r"\bmy (?:best )?(?:guess|bet|answer)\b",
)
"""It announces the answer: "So", "Answer:", "I'd say", "Pau it is". But "so she moved" tells what followed from it."""
EXPLICIT = _any(
    r"\banswer(?: is\b| would be\b|:)",
    r"\b(?:i'd|i would|i'll|i will) (?:say|go (?:with|for)|pick|bet on) (?:the )?\w+\W*(?:$|,)",
)
LABEL = re.compile(r"^\W*(?:final )?answer\W*\n\s*|^[ \t]*(?:[=-]+>|⇒|→)[ \t]*(?=\S)", re.IGNORECASE | re.MULTILINE)
"""A heading over the answer, or an arrow before it."""
DEFINITION = _any(r"^\W*(?:\S+ ){1,4}?(?:is|was|are|were) (?:an?|one of|known|located|famous)\b")
"""It tells what a thing is: "Bloemfontein is a city known for its roses"."""
ASKS = _any(
    _words("which what who whose whom when where how why"),
    r"^\W*(?:is|was|are|were|did|does|do|has|had|can|could|would)\b",
)
"""With a question mark, a question; "Kenya?" is none, it answers with a doubt."""
BOLD = re.compile(r"\*\*(?=\S)([^*\n]+?)(?<!:)\*\*(?!:)|__(?=\S)([^_\n]+?)(?<!:)__(?!:)")
"""In bold, and no label ("**Company:** Covestro")."""
CLAUSES = _any(
    r"\s*;\s+|\s+-+>?\s+|\s*\.\.\.\s*",
    r"(?<!\bis),?\s+(?=(?:but|whereas|although|though(?!,)|yet)\b)",
    r"(?<!\bis)(?:,|,? and)\s+(?=(?:hence|thus|therefore)\b(?! (?:its|his|her|their|the name)\b))",
    r",?\s+(?=so(?! (?:far|that|much|many|few|well|long|called|as|often)\b)(?!-)\b)",
)
"""Where a sentence is cut, so that each part says one thing."""

# ---- read on a sketch: @ the answer, # another candidate, ~ a name of the question, % one in passing

DENIED = _any(
    r"\b(?:not(?! only)|never|neither|nor|without|rather than|instead of|other than)\b"
    r"(?:(?! is | was | are | were )[^,;:().])*@",
    r"@(?: \w+)? (?:is|was|are|were|do|does|did|has|have|had|can|could|would) (?:not|never)\b",
)
"""It is not the answer; but in "the one who did not share it is @" it is."""
NOT_SO = _any(r"\b(?:it|that|this) (?:is|was|were) not (?:him|her|them|it|so|true|right|case|1|who|where|what)\b")
"""What was named before is not the answer: "but it wasn't him"."""
REPUTED = _any(
    r"\b(?:many|most|people|some|others|everyone|you|1|sometimes|often|commonly|initially|originally|widely)\b[^,;:().@]*"
    r"\b(?:think|thought|say|says|said|expect\w*|guess\w*|assum\w+|believ\w+|suppos\w+|reported)\b[^,;:().]*@",
    r"\bsome (?:would )?say [^.;]*\bothers (?:say )?@",
    r"\b(?:i|i 1) (?:thought|guessed|had thought)\b[^,;:().]*@",
    r"\b(?:confus\w+|mistak\w+|mistook|mixed up|mixing up) (?:\w+ )*?(?:with|for) @",
    r"\b(?:planned|scheduled|due|expected|meant|supposed|intended|tipped) (?:\w+ )*@",
    r"@ (?:was|were|had been|has been) (?:only )?"
    r"(?:expected|tipped|considered|linked|in running|candidates?|favou?rites?|hopeful\w*)\b",
    r"\b(?:would|could|might) have been @|@ (?:would|could|might) have been\b|@ used to be (?:it|that|1)\b",
)
"""It is what others think, what was once planned, or what the writer thought before."""
BEATEN = _any(
    _words(
        "beat beats beating defeat defeats defeated defeating overcame edged thrashed eliminated against unlike than"
    )
    + " @",
    r"\b(?:ahead of|victory over|win over|wins over|won over|triumph over|such as|including|among them|like) @",
    r"@ (?:lost|runner|(?:finished|came|was|were|placed) (?:only )?(?:[2-9]|last|runner|beaten|eliminated))\b",
    r"[#~%] \d+ \d+ @|\bfrom @ to [#%]",
    r"\b(?:bordering|borders|neighbouring|near|next to|close to|across from|outside) @",
    r"(?<!\bin )\b(?:south|north|east|west) of @",
    r"@ 's neighbou?r|@ is where [#~%]|#[^.;@]* , with @ as\b",
    r"@ (?:is|was) (?:\w+ )?(?:rival|loser|opponent|competitor|predecessor|successor|favou?rite)\b",
)
"""It is the loser, or stands for comparison, as an example, as a neighbour."""
POSSIBLY = r"(?:possibly|maybe|perhaps|may be|might be|could be)\b[^.;]*[#@]"
OR = _any(
    r"@(?: in [#~%])? ?,? or (?!@|so\b)",
    r"(?<!@ )(?<!@ , )\bor @|\bor (?:maybe|perhaps|possibly|even|else) @",
    r"\beither @(?![^.;]*@ or @)|\bbetween [#~@] and [#~@]|@ /(?! @)|(?<!@ )/ @",
    r"\b(?:could|may|might) be [^.;]*(?:@[^.;]* or |\bor [^.;]*@)",
    rf"\b{POSSIBLY}[^.;]*\b{POSSIBLY}",
)
"""One of several, left open."""
LISTED = _any(
    r"(?:^|: )@ (?:and|, and) [#~](?! 's)",
    r"@ (?:and|, and) #(?! (?:is|was|came|\w+ed)\b)",
    r"# (?:and|, and) @ ?$|# and @(?! (?:is|was|won)\b)|[#~] and @ ?$",
    r"# [^.;@]*\bas [^.;@]* , @ as\b",
    r"@ , [#~%](?: , [#~%])* (?:and|, and|or|, or) [#~%]",
    r"# , @ ,|@ (?:/|and) ~ ?$",
)
"""One of several in a row."""
BESIDE = _any(r"@ (?:[,;/]|and|, and) #(?! , ~)|@ (?:/|and) ~|[#~%] and @$|#(?! 's @).*@")
"""Without a verb: another name stands before it, or after a comma."""
ADDRESS = _any(r"^[^#]*@ , #$")
"""Without a verb: "Al-Hilal, Riyadh"."""
PLACE_IN = _any(r"^(?:in )?# , @$")
"""Without a verb, where a country or a region is asked for: "Khartoum, Sudan"."""
LED_BY_OTHER = _any(r"^(?:in )?# (?:i )?[,(](?! @)")
"""Another name leads, and the answer tells about it: "Thutmose III, stepson of @"."""
LEADS = _any(
    r"^# , (?:(?:who|which|whom|whose)\b|(?:for|with|by|in|at|on|after|ahead|because|since|as|of|from)\b"
    r"(?!.*\b(?:is|are|was|were|has|had|have|won|got|took|went|\w+ed)\b))"
)
"""Another name leads a sentence that is none: "Bulgaria, for the third time in two years"."""
GLOSSED = _any(r"^# \( @ ?$")
"""Without a verb: a name in another language and the accepted one, "Gaillimh Thiar (Galway West)"."""
TOLD_OF_OTHER = _any(r"^# , (?:who|whom|whose|which)\b[^,;:]*@[^,;:]*$")
"""Without a main verb: "Michel Barnier, whom @ replaced"."""
SET_ASIDE = _any(
    r"\bnot\b[^.;@]*\b(?:confus|mix|mistak)\w*\b[^.;@]*\b(?:with|for|up)\b[^.;@~]*[#%]"
    r" (?:[,:] )?(?:who|which|that|is|was)\b[^.;]*@",
    r"\b(?:not|never)\b[^.;]*\b(?:confus|mix|mistak)\w*\b|\b(?:confus|mistak)\w+ (?:\w+ )*(?:with|for) [#%]",
)
"""It warns of another: "not to be confused with #, who was born in %"."""
HAPPENS = _any(r"\b(?:is|was|were|won|got|took|went|\w+ed)\b")
ENDS_IN_OTHER = _any(
    r"(?:^|\b(?:is|was|are|were|be|so|say|answer|with|for|hence|thus|therefore|to|from) |[:,] )#",
    r"\b(?:go|going|opt|settle) (?:for|with) [#%]",
    r"\b(?:is|was|are|were|be) (?:(?:1|that|those) )?(?:from|in|at|of|with) [#%] ?(?:,|$)",
)
"""An announced answer is another name: "So it was #"."""

# "1" is "the one who", and not "the first president".
POINTERS = r"(?:(?:it|that|this)\b|1(?= (?:is|was|who|that|which|whom|we|you|i|he|in|of|with|to)\b))"
SUBJECT = rf"(?:^|[;:] |and |now |that |(?<!year )'s |, (?!{POINTERS}))"
"""What may stand before a subject."""
ANSWER_NOUNS = vocabulary("answer winner champion champions laureate title prize job person man woman name place what")
"""What a sentence that answers may be about, beside the kind of thing asked for."""
ONE_FROM = r"(?:(?:1|that|those) (?:of|in|at|from|with) )?"
"""The answer in the genitive: "the takeover in question is that of #"."""
FREELY = rf"(?:(?!{_words('of in at from with by for on to after before than')})\w+ )?"
"""A word between the verb and the answer, but none that makes it a circumstance: "it was of #"."""
SOUGHT = r"(?:in question|question (?:refers to|asks (?:for|about)|means|is about))\b"
"""It tells that this is what was asked."""
THUS = r"(?:thus|therefore|hence|consequently|accordingly)"
LAST_NAMED = r"@ ,? ?(?:and )?(?:latter|last)(?: 1| of \w+)? (?:is|was)\b"
"""It points back: "#, # and @, and the last of them is the woman"."""
PLACES = vocabulary("city town village country nation state province region place")
ASIDE = re.compile(r" , (?:\w+ ){1,7}, (?=(?:is|was|are|were|must)\b)")
"""What stands between subject and verb: "the winner, as I read the text, is #"."""
INTRODUCED = re.compile(
    r"\b(?:as far as i (?:know|remember|recall|can tell|understand)"
    r"|as i (?:read|understand|recall|remember)(?: it| text)?"
    r"|i (?:think|believe|conclude|gather)(?: that)?|it follows that|in end|in my view|still|anyway|then|however) ,? ?"
)
"""What stands before the subject: "as far as I remember, the company was #"."""
ANOTHER = vocabulary("2 3 other previous former next earlier old losing last outgoing current present year")
"""Before a noun, these make it another than the asked-for: "the previous champion was #"."""
SEAT = r"(?:seat|headquarters|head office|base)"
SYNONYMS = {"born": r"(?:birthplace|place of birth)", "based": SEAT, "headquarters": SEAT, "headquartered": SEAT}
"""What is told of a thing by a noun instead of the question's verb."""


@lru_cache(maxsize=1024)
def answering(
    kinds: frozenset[str], relation: frozenset[str], act: str, sign: str, over_hops: bool
) -> tuple[re.Pattern[str], ...]:
    """Forms in which a sentence answers: "the river is @", "it went to @", "born in @", "@ won"."""
    passing = "%" if sign == "#" else sign
    # A name of the question may be a wrong answer, but not where it may be the bridge.
    doer = "[#~]" if sign == "#" and not over_hops else sign
    lead = rf"(?:(?!(?:{_one_of(ANOTHER - kinds)})\b)\w+ )"
    nouns = rf"(?:{_one_of(kinds | ANSWER_NOUNS)})\b(?! of (?:hour|day|moment))"
    forms = [
        rf"{SUBJECT}(?:{lead}?{POINTERS}|{lead}{{0,2}}{nouns})[^.,;:@#]* "
        rf"(?:is|was|were|(?<!used to )be|been) {FREELY}{ONE_FROM}{sign}(?! (?:'s|who|that|which)\b)",
        rf"(?<!\bhe )(?<!\bshe )(?<!\bthey )(?<!\bwho )\b(?:went|gone|go|fell) to (?:~ \w+ , )?{sign}(?! for\b)",
        rf"\b(?:went|goes|gone|opted|opts|settled|plumped) (?:for|with) [{sign}{passing}](?! (?:'s|for)\b)",
        rf"\bnames? (?:{lead}{{0,2}}{nouns} )?(?:as )?{sign}(?! as\b)",
        rf"\b(?:given|identified|listed) as {sign}",
        rf"^(?:; |and )?(?:on|in|at|to)\b(?:(?! (?:which|who)\b)[^;:@#])* (?:is|was|were) {sign} ?$",
        rf"\bit (?:is|was) {sign} (?:that|who|which) (?!{_words('lost was came had finished beat followed')})",
        rf"\b(?:however|in fact|in reality|in end)\b[^.;:@#]* (?:is|was|were) {sign} ?$",
        rf"\b(?:must|has to|can only) (?:be|have been) {ONE_FROM}(?:\w+ )?{sign}",
        rf"(?:^|; |and ){sign} {THUS}\b|\b{THUS} (?:\w+ ){{0,2}}{sign} ?$",
        rf"\b{SOUGHT}[^.;:@#]* (?:is|was|be|been) {ONE_FROM}(?:\w+ )?{sign}",
        rf"\b(?:is|was|are|were|be)\b[^.;:@#]* : {sign} ?$",
        rf"\bgives? name (?:of [^.,;:@#]* )?as {sign}",
        rf"\b{nouns} : {sign} ?(?:[,(;]|$)",
    ]
    if sign == "@":
        forms += [": @ ?$", r"\b(?:is|been) (?:now )?(?:called|named|known as) @", LAST_NAMED]
    place = PLACES & kinds and not act
    if place:
        forms.append(rf"\b(?:it|that|1|this) (?:\w+ )?(?:took place|happened|occurred) in [{sign}{passing}]")
    if "born" in relation:
        forms.append(rf"\b(?:native of|hail(?:s|ed|ing) from) [{sign}{passing}]")
    forms += [
        rf"\b{SYNONYMS[verb]}\b[^.,;:@#]* (?:is|was|are|were) (?:in |at )?[{sign}{passing}]"
        for verb in sorted(relation & set(SYNONYMS))
    ]
    if place and relation:
        noun = rf"\b(?:{_one_of(relation)})\b[^.,;:@#]*"
        forms.append(rf"{noun} (?:is|was|are|were) (?:in|at) (?:\w+ \w+ , )?[{sign}{passing}]")
    if relation:
        near = "|near" if sign == "@" else ""
        forms.append(rf"\b(?:{_one_of(relation)}) (?:in|at|on|by|as{near}) [{sign}{passing}]")
    if act:
        forms.append(rf"(?:^|; |and ){doer} {re.escape(act)}\b")
    return tuple(map(re.compile, forms))


def _one_of(said: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(said)))

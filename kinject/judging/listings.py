"""Does a text only list candidates? A list that happens to include the answer gives none.

Three kinds: bare names in a row, sentence by sentence or line by line; items with a word on each, among other text
("- Marco Rubio, senator from Florida"), beside which the answer may still be given; and, within one sentence, common
nouns between commas.

Known limit: a list whose items begin in small letters is seen only where it is all there is.
"""

import re
from collections.abc import Iterable

from kinject.judging import phrases
from kinject.judging.asked import Asked
from kinject.judging.normalise import LINKS, tokens
from kinject.judging.sketch import WRAPPERS, spans


def without_enumeration(text: str, wanted: Asked) -> tuple[str, bool]:
    """The text without a list of candidates, of which the answer is one, and whether there was such a list.

    What stands beside the list may still answer.
    """
    for items in phrases.ITEMS.finditer(text):
        heads = phrases.ITEM_HEAD.findall(items[0])
        bare = all(token.capital or token.figure or token.word in LINKS for head in heads for token in tokens(head))
        right = [head for head in heads if spans(tokens(head), wanted)]
        if bare and right and len(heads) - len(right) >= 2:
            return text[: items.start()] + text[items.end() :], True
    return text, False


def in_a_row(said: Iterable[str], wanted: Asked) -> bool:
    """Whether the text holds several bare names or numbers in a row, as a list does."""
    bare = [found for found in map(tokens, said) if all(token.capital or token.figure for token in found)]
    items = {tuple(token.word for token in found) for found in bare}
    return len(items) > 1 and not all(wanted.familiar(word for word in item if word not in WRAPPERS) for item in items)


def nothing_but_list(drawn: str) -> bool:
    """Whether it is a list and nothing else: "gallium, germanium, @"."""
    parts = [part.split() for part in re.split(r" ?(?:[,/;]|\band\b|\bor\b) ?", drawn)]
    return len(parts) > 2 and all(1 <= len(part) <= 2 for part in parts)

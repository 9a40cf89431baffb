"""Words compared whole: does an answer stand in a text?

Case, accents and punctuation do not count; a number is a whole word ("12" is in "12-11" and not in "2012" or "12.5");
in scripts without spaces each character is a word. Trap: plurals and synonyms are not known here; aliases are.

Nothing but the standard library is imported: an exported task carries a copy of this file.
"""

import re
import unicodedata
from functools import lru_cache

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_WITHOUT_SPACES = re.compile(r"([\u3040-\u30ff\u3400-\u9fff])")  # kana and Han: each character is a word
_WORD = re.compile(r"\d+(?:\.\d+)*\w*|\w+")


def stands_in(phrase: str, text: str) -> bool:
    """Whether the words of `phrase` stand in `text`, side by side and whole."""
    wanted = folded(phrase)
    return bool(wanted.strip()) and wanted in folded(text)


@lru_cache(maxsize=64)  # one text is held against many
def folded(text: str) -> str:
    """The words of a text, bare, each between spaces, so that `in` finds whole words only."""
    bare = text.lower() if text.isascii() else _without_accents(text)
    words = _WORD.findall(_WITHOUT_SPACES.sub(r" \1 ", _THOUSANDS.sub("", bare)))
    return f" {' '.join(words)} "


def _without_accents(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))

"""Words compared whole: does an answer stand in a text?

Case, accents and punctuation do not count; a number is a whole word ("12" is in "12-11" and not in "2012" or "12.5").
Accents are marks on Latin, Greek, Cyrillic, Hebrew and Arabic letters; in other scripts a mark is a vowel, a tone or a
voicing, and another word. In scripts without spaces each character, with its marks, is a word.

Traps: plurals and synonyms are not known here, nor are prefixes and particles that are written together with a word
(Korean, Arabic, Turkish): aliases are. "C" stands in "C++", and "5" in "-5".

Nothing but the standard library is imported: an exported task carries a copy of this file.
"""

import re
import unicodedata
from functools import lru_cache

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ACCENTED = ("LATIN", "GREEK", "CYRILLIC", "HEBREW", "ARABIC")
_MARK = "ꟸ{:x}ꟸ"  # a mark spelled as a letter and digits, which belong to a word
_WITHOUT_SPACES = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff](?:ꟸ[0-9a-f]+ꟸ)*)"
)  # Thai, Lao, Burmese, Khmer, kana, Han
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
    """The letters of a text in small, less their accents; marks that are no accents are spelled out."""
    kept, base = [], "a"
    for letter in unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS):
        if not unicodedata.category(letter).startswith("M"):
            kept.append(letter)
            base = letter
        elif not unicodedata.name(base, "LATIN").startswith(_ACCENTED):
            kept.append(_MARK.format(ord(letter)))
    return "".join(kept)

"""Mends what can be mended without knowing the facts: `kinject facts check --fix`.

A line is changed only where there is one thing that it can have meant: another spelling of a date, an invisible
character, white space around a text, an empty or doubled entry of a list, a single text where a list belongs, null
where a list is empty, a fact that stands twice word for word. What cannot be parsed, or holds numbers, which no fact
does, stays byte for byte, as do blank lines and line ends. The new file replaces the old one in one step; whatever
stops it, one of the two is there.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kinject.errors import UsageError
from kinject.facts.dates import day
from kinject.facts.memory import Memory, Place
from kinject.facts.rules import HIDDEN
from kinject.storage import TOO_LONG, locked_file, parse_json, raw_lines, write_bytes

MARK = b"\xef\xbb\xbf"
OPTIONAL = {"date", "domain", "region", "license", "source_id", "supersedes", "url"}
"""Texts that may as well be absent: left empty, they go."""
TEXT_LISTS = {"country", "aliases", "paraphrases"}
LISTS = TEXT_LISTS | {"hops", "sources"}
_DATE = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})(?:[-/.]([0-9]{1,2}))?(?:[T ][0-9:.Z+-]*)?")


def fix(path: Path) -> int:
    """Mend a file of facts in place. Returns how many lines changed or went; the file is untouched if none did."""
    with locked_file(path) as real:
        changed = sum(1 for old, new in _lines(real) if old != new)
        if changed:
            write_bytes(real, (new for _, new in _lines(real)))
    return changed


def _lines(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Every line as it is and as it should be; empty for a fact that stood before."""
    with Memory() as memory:
        for number, raw in raw_lines(path):
            if raw is None:
                raise UsageError(TOO_LONG, where=f"{path}:{number}", mend="take that line out of the file")
            mark = MARK if number == 1 and raw.startswith(MARK) else b""
            text = raw[len(mark) :].rstrip(b"\r\n")
            yield raw, _mended_line(raw, mark, text, f"{path}:{number}", memory)


def _mended_line(raw: bytes, mark: bytes, text: bytes, where: str, memory: Memory) -> bytes:
    try:
        value = parse_json(text, where, 1)
    except UsageError:
        return raw
    if not isinstance(value, dict) or _has_numbers(value):
        return raw
    mended = _mended(value)
    new = text if mended == value else json.dumps(mended, ensure_ascii=False).encode()
    if memory.met("line", new.decode()):
        return b""
    memory.add("line", new.decode(), Place(0, "", "", None))
    return mark + new + raw[len(mark) + len(text) :]


def _has_numbers(value: Any) -> bool:
    match value:
        case dict():
            return any(_has_numbers(item) for item in value.values())
        case list():
            return any(_has_numbers(item) for item in value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _mended(value: Any, name: str = "") -> Any:
    match value:
        case str() if name == "date":
            return clean_date(clean(value))
        case str() if name in TEXT_LISTS:
            return [clean(value)] if clean(value) else []
        case str():
            return clean(value)
        case None if name in LISTS:
            return []
        case list():
            items = [_mended(item) for item in value]
            return [item for at, item in enumerate(items) if item not in ("", None) and item not in items[:at]]
        case dict():
            fields = {key: _mended(item, key) for key, item in value.items()}
            return {key: item for key, item in fields.items() if not (key in OPTIONAL and item == "")}
    return value


def clean(text: str) -> str:
    """A text without what cannot be seen; a line break or a tab inside becomes a space."""
    dashed = re.sub(r"(?<=\d)\u00ad(?=\d)", "-", text)  # a soft hyphen between figures was meant as a hyphen
    spaced = re.sub(r"[\t\r\n\v\f\u2028\u2029]+", " ", dashed)
    return HIDDEN.sub("", spaced).strip()


def clean_date(text: str) -> str:
    """A date as the schema has it, if the text is another spelling of one; else the text as it is."""
    if found := _DATE.fullmatch(text):
        spelled = "-".join(part.zfill(2) for part in found.groups() if part)
        return day(spelled) or text
    return text

"""Mends what can be mended without knowing the facts: `kinject facts check --fix`.

A line is changed only where there is one thing that it can have meant: another spelling of a date, an invisible
character, white space around a text, an empty or doubled entry of a list, a single text where a list belongs, null
where a list is empty, a line that stands twice word for word. What cannot be parsed stays byte for byte. The new file
replaces the old one in one step; whatever stops it, one of the two is there.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kinject.errors import UsageError
from kinject.facts.memory import Memory, Place
from kinject.facts.rules import hidden
from kinject.storage import locked, numbered_lines, parse_json, write_bytes

OPTIONAL = {"date", "domain", "region", "license", "source_id", "supersedes", "url"}
"""Texts that may as well be absent: left empty, they go."""
TEXT_LISTS = {"country", "aliases", "paraphrases"}
LISTS = TEXT_LISTS | {"hops", "sources"}
_DATE = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})(?:[-/.]([0-9]{1,2}))?(?:[T ][0-9:.Z+-]*)?")


def fix(path: Path) -> int:
    """Mend a file of facts in place. Returns how many lines changed or went; the file is untouched if none did."""
    with locked(path.with_name(f".{path.name}")):
        changed = sum(1 for old, new in _lines(path) if old != new)
        if changed:
            write_bytes(path, (new + b"\n" for _, new in _lines(path) if new))
    return changed


def _lines(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Every line as it is and as it should be; empty for one that stood before."""
    with Memory() as memory:
        for number, raw in numbered_lines(path):
            old = raw.rstrip(b"\r\n")
            new = _mended_line(old, str(path), number)
            text = new.decode(errors="surrogateescape")
            if memory.met("line", text):
                new = b""
            memory.add("line", text, Place(number, "", "", None))
            yield old, new


def _mended_line(raw: bytes, file: str, number: int) -> bytes:
    try:
        value = parse_json(raw, file, number)
    except UsageError:
        return raw
    mended = _mended(value)
    return raw if mended == value else json.dumps(mended, ensure_ascii=False).encode()


def _mended(value: Any, name: str = "") -> Any:
    match value:
        case str() if name == "date":
            return _date(_text(value))
        case str() if name in TEXT_LISTS:
            return [_text(value)] if _text(value) else []
        case str():
            return _text(value)
        case None if name in LISTS:
            return []
        case list():
            items = [_mended(item) for item in value]
            return [item for at, item in enumerate(items) if item not in ("", None) and item not in items[:at]]
        case dict():
            fields = {key: _mended(item, key) for key, item in value.items()}
            return {key: item for key, item in fields.items() if not (key in OPTIONAL and item == "")}
    return value


def _text(text: str) -> str:
    """Without what cannot be seen; a line break or a tab inside becomes a space."""
    spaced = re.sub(r"[\t\r\n\v\f\u2028\u2029]+", " ", text)
    return "".join(letter for letter in spaced if not hidden(letter)).strip()


def _date(text: str) -> str:
    if found := _DATE.fullmatch(text):
        return "-".join(part.zfill(2) for part in found.groups() if part)
    return text

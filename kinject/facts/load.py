"""Fact sets from disk: `NAME.jsonl`, and its card `NAME.yaml` beside it if there is one.

`read` yields, line after line, a Fact or the Problems that keep the line from being one, and holds one line
in memory at a time; `load` stops at the first Problem. Windows' CRLF and byte-order mark are read as they are
meant; all else that is not strict JSON (NaN, a key twice, a bomb of brackets) is a problem of its line.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from kinject.errors import UsageError, did_you_mean
from kinject.facts.schema import Card, Direct, Fact, FactSet, Hop, Multihop, Problem, Source
from kinject.storage import TOO_LONG, numbered_lines, parse_json, raw_lines, read_text

# The model behind each field that holds one, for "did you mean" inside it.
_PARTS: dict[str, type[BaseModel]] = {"direct": Direct, "multihop": Multihop, "hops": Hop, "sources": Source}
_ADDRESS = "see facts/README.md for the fields"


def load(path: Path) -> FactSet:
    """The set at `path`. UsageError at the first line that is no Fact, MissingError if unreadable."""
    lines: dict[str, int] = {}
    facts: list[Fact] = []
    for line, item in read(path):
        if isinstance(item, Problem):
            raise _refused(path, item)
        if item.id in lines:
            message = f"id: {item.id!r} is the id of line {lines[item.id]} already"
            raise UsageError(message, where=f"{path}:{line}", mend="give it an id of its own")
        lines[item.id] = line
        facts.append(item)
    return FactSet(path.stem, tuple(facts), load_card(path))


def read(path: Path) -> Iterator[tuple[int, Fact | Problem]]:
    """Every line with its number: one Fact, or one or more Problems. UsageError if there is no line."""
    empty = True
    for line, raw in raw_lines(path):
        if raw is None:
            yield line, Problem("F001", line, None, "", TOO_LONG, "write one fact a line; " + _ADDRESS)
        elif text := (raw.removeprefix(b"\xef\xbb\xbf") if line == 1 else raw).strip():
            for item in _parse(path, line, text):
                yield line, item
        empty = empty and raw is not None and not text
    if empty:
        raise UsageError("the file holds no facts", where=f"{path}:1", mend="write one fact a line; " + _ADDRESS)


def load_card(path: Path) -> Card | None:
    """The card beside a set's `path`, or None. UsageError if it cannot be understood."""
    file = path.with_suffix(".yaml")
    if not file.exists():
        return None
    try:
        return Card.model_validate(_yaml(file))
    except ValidationError as error:
        field, message, mend = _complaints(error, Card)[0]
        raise UsageError(f"the card's {field or 'whole'}: {message}", where=str(file), mend=mend) from None


def card_text(card: Card) -> str:
    """A card as the YAML that `load_card` reads."""
    value = {"schema_version": card.schema_version, **card.model_dump(mode="json", exclude_defaults=True)}
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)
    return text


def sets(folder: Path) -> Iterator[tuple[Path, int, Card | None]]:
    """The sets in a folder: path, number of lines, card."""
    for path in sorted(folder.glob("*.jsonl")):
        yield path, sum(1 for _ in numbered_lines(path)), load_card(path)


class _Strict(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types here
    """YAML in which a key that stands twice is an error, and not the last one right."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        if twice := next((key for key, _ in node.value if names.count(key.value) > 1), None):
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {twice.value!r} stands twice", twice.start_mark
            )
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


def _yaml(file: Path) -> Any:
    try:
        return yaml.load(read_text(file), Loader=_Strict)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a bare 2023-02-30
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1 if mark else 1}"
        problem = getattr(error, "problem", None) or str(error)
        raise UsageError(f"not YAML: {problem}", where=where, mend="mend that line; " + _ADDRESS) from None


def _parse(path: Path, line: int, raw: bytes) -> list[Fact] | list[Problem]:
    try:
        value = parse_json(raw, str(path), line)
    except UsageError as error:
        return [Problem("F001", line, None, "", error.message, error.mend)]
    if not isinstance(value, dict):
        return [Problem("F001", line, None, "", "not a JSON object", "write one object a line; " + _ADDRESS)]
    try:
        return [Fact.model_validate(value)]
    except ValidationError as error:
        name = value.get("id") if isinstance(value.get("id"), str) else None
        return [Problem(_code(field), line, name, field, *rest) for field, *rest in _complaints(error, Fact)]


def _code(field: str) -> str:
    return "F003" if field == "date" else "F002"


def _complaints(error: ValidationError, model: type[BaseModel]) -> list[tuple[str, str, str]]:
    """(field, message, mend) of each; unknown fields first: a misspelt one explains a missing one."""
    found = error.errors(include_url=False)
    found.sort(key=lambda item: item["type"] != "extra_forbidden")
    return [_complaint(dict(item), model) for item in found]


def _complaint(item: dict[str, Any], model: type[BaseModel]) -> tuple[str, str, str]:
    names = [part for part in item["loc"] if isinstance(part, str)]
    field = ".".join(map(str, item["loc"]))
    field = field if field.isprintable() else ascii(field)  # a file must not write to the reader's terminal
    match item["type"]:
        case "extra_forbidden":
            owner = _PARTS.get(names[-2], model) if len(names) > 1 else model
            hint = did_you_mean(names[-1], owner.model_fields)
            return field, "unknown field" + (hint and f".{hint}"), "rename or remove it; " + _ADDRESS
        case "missing":
            return field, "the field is missing", "add it; " + _ADDRESS
        case "date":
            message = f"{item['input']!r} {item['msg']}"
            return field, message, "write the day or the month on which it happened"
    return field, item["msg"][:1].lower() + item["msg"][1:], "correct its value; " + _ADDRESS


def _refused(path: Path, problem: Problem) -> UsageError:
    field = f"{problem.field}: " if problem.field else ""
    return UsageError(field + problem.message, where=f"{path}:{problem.line}", mend=problem.mend)

"""What importers share: reading JSON row by row, cleaning texts, and turning one row into a fact or a reason."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, BinaryIO

from pydantic import AfterValidator, BeforeValidator, ValidationError

from kinject.errors import MissingError, UsageError
from kinject.facts.fix import clean
from kinject.facts.importers import Skipped
from kinject.facts.schema import Fact
from kinject.storage import numbered_lines, parse_json

_DEEPEST = 100
_BLANK = b" \t\r\n\xef\xbb\xbf"  # what may stand before the first value; the last three are the byte-order mark


# Many rows


def json_list(path: Path) -> Iterator[Any]:
    """The items of a JSON list, one in memory at a time. UsageError (file:line) if it is none, or empty."""
    import ijson

    if first_byte(path) != b"[":
        raise _refused(path, 1, "not a JSON list")
    with _opened(path) as file:
        lines, empty = _Lines(file), True
        try:
            for item in ijson.items(ijson.parse(_shallow(ijson.basic_parse(lines))), "item"):
                empty = False
                yield item
        except RecursionError:
            raise _refused(path, lines.number, "nested too deeply") from None
        except (ijson.JSONError, ValueError, ArithmeticError) as error:
            problem = "not UTF-8" if "utf" in str(error).lower() else "not JSON, or cut off"
            raise _refused(path, lines.number, problem) from None
    if empty:
        raise _refused(path, 1, "the file holds no rows")


def json_lines(path: Path) -> Iterator[Any]:
    """The values of a JSONL file. UsageError (file:line) where a line is not JSON, or the first is not an object."""
    if first_byte(path) != b"{":
        raise _refused(path, 1, "not JSONL: the first line is not an object")
    for number, raw in numbered_lines(path):
        yield parse_json(raw, str(path), number)


def first_byte(path: Path) -> bytes:
    """The first byte that is not blank. UsageError if there is none, MissingError if unreadable."""
    with _opened(path) as file:
        while (byte := file.read(1)) and byte in _BLANK:
            pass
    if not byte:
        raise _refused(path, 1, "the file is empty")
    return byte


def _shallow(events: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The events of a parser, up to a depth: ijson's paths fill the memory with the square of it."""
    depth = 0
    for event, value in events:
        depth += event.startswith("start") - event.startswith("end")
        if depth > _DEEPEST:
            raise RecursionError
        yield event, value


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        mend = f"check the path: ls {quote(str(path.parent))}"
        raise MissingError(f"not readable: {error.strerror or error}", where=str(path), mend=mend) from error


class _Lines:
    """A file without byte-order mark that gives one line at most at a time, so that an error can name its line."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.number, self.ended = file, 1, False
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)

    def read(self, size: int = -1) -> bytes:
        raw = self.file.readline(size)
        if raw:
            self.number += self.ended
            self.ended = raw.endswith(b"\n")
        return raw


def _refused(path: Path, line: int, problem: str) -> UsageError:
    return UsageError(problem, where=f"{path}:{line}", mend="fetch the file again, or import it as another FORMAT")


# One row


def attempt(make: Callable[[Any], Fact | Skipped], row: Any) -> Fact | Skipped:
    """What `make` makes of a row; where it is broken, the field that is, in words that hold no value of it."""
    try:
        return make(row)
    except ValidationError as error:
        return Skipped(complaint(error))


def complaint(error: ValidationError) -> str:
    """The first field that is wrong, in words that are the same for every row and hold no value of it."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(part for part in first["loc"] if isinstance(part, str))
    if not field:
        return "the row is not an object"
    return f"{field} is missing" if first["type"] == "missing" else f"{field} is empty or wrong"


def one_line(text: str) -> str:
    """A text that `clean` leaves as it is, with one space where there is white space: web pages have more."""
    return " ".join(clean(text).split())


def distinct(values: Iterable[str], but: str) -> tuple[str, ...]:
    """Each text once, in order, without empty ones and without `but`."""
    return tuple(value for value in dict.fromkeys(values) if value and value != but)


def sentence(text: str) -> str:
    """A text with a full stop, unless it has an end already."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def web(url: str) -> str | None:
    """An address, if it is one that a browser opens."""
    return url if url.lower().startswith(("http://", "https://")) else None


def filled(value: Any) -> Any:
    """A value that is not empty. ValueError, for pydantic, if it is."""
    if not value:
        raise ValueError("empty")
    return value


Line = Annotated[str, AfterValidator(one_line)]
Text = Annotated[Line, AfterValidator(filled)]
Texts = Annotated[
    tuple[Line, ...],
    BeforeValidator(lambda value: () if value is None else value),
    AfterValidator(lambda value: distinct(value, "")),
]
Name = Annotated[Text, BeforeValidator(lambda value: str(value) if type(value) is int else value)]

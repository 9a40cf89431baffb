"""The form of other people's rows, looked at before anything is made of them: another one is told by its place.

In: a file that is one JSON list, one JSON value a line, or Parquet, as the hub has it. Traps: in copies of sets fields
are null, numbers stand where text should, and whole fields are lacking; each is a mistake of the file, not of kinject.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from kinject import storage
from kinject.errors import MissingError, UsageError, first_line


class Form(BaseModel):
    """The fields of a row that are read; there may be others."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Row = TypeVar("Row", bound=Form)


def read_any(path: Path) -> list[tuple[str, Any]]:
    """Read a file that is one JSON list, one JSON value a line, or Parquet; each value comes with its place."""
    if path.suffix == ".parquet":
        return list(_columns(path))
    lines = storage.numbered_lines(path)
    if next(lines, (0, b""))[1].lstrip().startswith(b"["):
        return list(listed(path))
    return [(f"{path}:{line}", storage.parse_json(raw, str(path), line)) for line, raw in storage.numbered_lines(path)]


def _columns(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the rows of a Parquet file with their places. `UsageError` for what is none."""
    import pyarrow.parquet  # type: ignore[import-untyped]

    if not path.is_file():
        raise MissingError("there is no such file", where=str(path), mend="fetch it, or name another")
    try:
        values = pyarrow.parquet.read_table(path).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        message = f"this is no Parquet file: {first_line(error)}"
        raise UsageError(message, where=str(path), mend="fetch it again; it may be cut off") from error
    yield from ((f"{path}: row {number}", value) for number, value in enumerate(values, 1))


def listed(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the values of a JSON list with their places. `UsageError` for what is no list."""
    values = storage.read_json(path)
    if not isinstance(values, list):
        raise UsageError("this is no list of rows", where=str(path), mend="take the file as it was published")
    yield from ((f"{path}: row {number}", value) for number, value in enumerate(values, 1))


def checked(form: type[Row], value: Any, where: str, kind: str, mend: str) -> Row:
    """Return a row in its form. `UsageError` names the field that is lacking or of another kind."""
    try:
        return form.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        problem = f"{field}: {first['msg']}" if field else first["msg"]
        raise UsageError(f"this is no {kind}: {problem}", where=where, mend=mend) from None

"""Two streams: the result goes to stdout, every other word to stderr.

A command computes one plain dictionary and hands it to `emit` with a way to draw it; `--json` chooses.
A stream that is no terminal gets plain text 100 columns wide; rich honours NO_COLOR.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

PLAIN_WIDTH = 100
_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]")


def console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr that prints text as it is: no markup, no highlighting, no emoji."""
    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not made.is_terminal:
        made.width = PLAIN_WIDTH
    return made


def emit(result: Mapping[str, Any], *, as_json: bool, text: Callable[[], RenderableType]) -> None:
    """Print the result of a command on stdout: one JSON object, or what `text` draws."""
    if "schema" not in result:
        raise ValueError("a command's result needs its schema name")
    if as_json:
        print(json.dumps(result, allow_nan=False))
    else:
        out = console()
        # Whoever reads a pipe wants a message or a path on one line; tables are 100 columns wide all the same.
        out.print(_Harmless(text()), soft_wrap=not out.is_terminal)


@dataclass(frozen=True)
class _Harmless:
    """Something to draw, without the power that a file's or a model's words have over a terminal."""

    inside: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self.inside, options):
            yield segment if segment.control else Segment(_shown(segment.text), segment.style)


def _shown(text: str) -> str:
    """The text with its control characters written out."""
    if text.isprintable():
        return text
    return "".join(letter if letter == "\n" or not _CONTROL.match(letter) else ascii(letter)[1:-1] for letter in text)


def say(text: str) -> None:
    """Tell the person in front of the terminal something that is not the result (stderr)."""
    console(stderr=True).print(_shown(text), soft_wrap=True)

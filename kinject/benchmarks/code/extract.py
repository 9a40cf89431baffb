"""A solution is found in a response: read with `ast`, never run.

A response is code in fences, or code with words around it, or only the body that continues the prompt; it may be cut
off. What comes out is a module that defines the function asked for: its first definition that has a body, and of
everything else (the prompt's imports and helpers, other blocks) only what that function needs, as evalplus's
`sanitize` has it. So examples and `input()` at the bottom are not run.

Differences from `sanitize`, which knows only the text: the prompt's own imports and helpers are there to be used, a
bare body is a solution, and statements that fill a variable that the function needs (a sieve) are kept.

Traps: prompts begin with newlines, and bodies with an indentation that a tokenizer may have eaten (the same model got
34 and 72 percent by that). What cannot be read is cut off where the error is, so that neither the words after the
code nor a tail that was never finished costs the rest.
"""

import ast
import builtins
import re
import symtable
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

LONGEST = 60_000
"""Characters of a response that are looked at."""
WORK = 3_000_000
"""Characters that are parsed for one response, again and again; one that needs more is no code."""
FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n`]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
THOUGHT = re.compile(r"\A.*</think>", re.DOTALL)
END = re.compile(r"<\|[a-z_]+\|>|</s>")
"""What a model may write, and has not been taken away, where a turn ends."""
MARGIN = re.compile(r"^[ \t\u00a0]+", re.MULTILINE)
START = re.compile(r"(?:@|(?:async\s+)?def\s|class\s|import\s|from\s+\S+\s+import\b|try:|if\s|\w+\s*(?::.+)?=[^=])")
BARE = re.compile(r"\n*[ \t]+(?!\s|@|(?:async\s+)?def\s|class\s|import\s|from\s)")
"""How a body begins that continues the prompt."""
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
INSIDE = re.compile(r"^\s*(?:async\s+)?(?:def|class)\s", re.MULTILINE)
"""What stands before a body that is no body of ours."""
NOTHING = (*DEFINITIONS, ast.Pass, ast.Raise, ast.Import, ast.ImportFrom)
"""Statements of which alone no function is made."""
BUILTINS = frozenset(dir(builtins))


def extract(response: str, prompt: str, entry: str) -> str:
    """Return the solution that a response gives to a prompt, or "" where there is none."""
    text = _tidied(response)
    blocks = [match[2] for match in FENCE.finditer(text)]
    work = Work(WORK)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes and comparisons in code that is not ours
        own = [piece for piece in _read(prompt, work) if entry not in piece.binds]
        wholes = [_read(code, work) for code in [*blocks, text]]
        bodies = [_body(code, prompt, entry, work) for code in [*blocks, text]]
        given = [*bodies[-1:], *wholes, *bodies] if BARE.match(text) else [*wholes, *bodies]
        chosen = next((pieces for pieces in given if _defined(pieces, entry)), None)
        return "" if chosen is None else _module(chosen, [*chain(*wholes[:-1])], own, entry)


def _tidied(response: str) -> str:
    """One kind of newline, and of space before code; no thinking aloud, and nothing after the end of the turn."""
    text = response[:LONGEST].replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").lstrip("\ufeff")
    turn = next((part for part in END.split(THOUGHT.sub("", text)) if part.strip()), "")
    return MARGIN.sub(lambda blank: blank[0].replace("\u00a0", " "), turn)


@dataclass
class Work:
    """What may still be done for a response."""

    left: int

    def done(self, characters: int) -> bool:
        """Take it off; say whether there was enough."""
        self.left -= characters
        return self.left >= 0


# Pieces


@dataclass(frozen=True, eq=False)
class Piece:
    """A statement at the top of a module."""

    source: str
    node: ast.stmt

    @cached_property
    def definition(self) -> str | None:
        """The name of a function or class."""
        node = self.node
        return node.name if isinstance(node, DEFINITIONS) else None

    @cached_property
    def stub(self) -> bool:
        """Whether it is a definition with a docstring, "..." or "pass", and nothing that does anything."""
        body = getattr(self.node, "body", [])
        return self.definition is not None and all(map(_nothing, body))

    @cached_property
    def table(self) -> symtable.SymbolTable | None:
        """Python's own table of its names; None for what parses and does not compile."""
        try:
            return symtable.symtable(self.source, "piece", "exec")
        except (SyntaxError, RecursionError):
            return None

    @cached_property
    def binds(self) -> frozenset[str]:
        """The names that a module has by it."""
        symbols = self.table.get_symbols() if self.table else ()
        return frozenset(each.get_name() for each in symbols if each.is_assigned() or each.is_imported())

    @cached_property
    def uses(self) -> frozenset[str]:
        """The names of the module that it looks up, however deep inside."""
        if self.table is None:
            return frozenset()
        top = {each.get_name() for each in self.table.get_symbols() if each.is_referenced()}
        inside = (each for table in _below(self.table) for each in table.get_symbols())
        return frozenset(top | {each.get_name() for each in inside if each.is_global()})


def _nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant | ast.Name)
    return isinstance(node, NOTHING)


def _below(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _below(child)


def _defined(pieces: Iterable[Piece], entry: str) -> Piece | None:
    """The first piece that makes the function."""
    return next((each for each in pieces if entry in each.binds and not each.stub), None)


# Reading


def _read(code: str, work: Work) -> list[Piece]:
    """The statements of all that can be read, wherever it begins."""
    lines = code.split("\n")
    found: list[Piece] = []
    at = 0
    while at < len(lines) and work.left > 0:
        margin = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        block = _block(lines[at:], margin) if START.match(lines[at], len(margin)) else []
        count = _readable(block, work)
        found += _pieces("\n".join(block[:count]))
        at += max(count, 1)
    return found


def _block(lines: Sequence[str], margin: str) -> list[str]:
    """The lines that stand at a margin or are empty, without the margin."""
    end = next((n for n, line in enumerate(lines) if line.strip() and not line.startswith(margin)), len(lines))
    return [line[len(margin) :] for line in lines[:end]]


def _readable(lines: Sequence[str], work: Work) -> int:
    """How many of the first lines can be parsed: all before the first error, and so on."""
    count = len(lines)
    while count > 0 and work.done(len(source := "\n".join(lines[:count]))):
        try:
            ast.parse(source)
            return count
        except SyntaxError as error:
            count = min((error.lineno or count) - 1, count - 1)
        except (ValueError, MemoryError, RecursionError):
            return 0
    return 0


def _pieces(source: str) -> list[Piece]:
    lines = source.split("\n")
    return [Piece(_source(node, lines), node) for node in ast.parse(source).body]


def _source(node: ast.stmt, lines: Sequence[str]) -> str:
    """The lines of a statement, with its decorators and without another statement on its line (columns are bytes)."""
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
    *before, last = lines[first - 1 : node.end_lineno]
    text = "\n".join([*before, last.encode()[: node.end_col_offset].decode()])
    return text if first < node.lineno else text.encode()[node.col_offset :].decode()


def _body(code: str, prompt: str, entry: str, work: Work) -> list[Piece]:
    """The statements of the prompt with code as its function's body, indented so that the most of it can be read."""
    head = prompt.rstrip("\n") + "\n"
    read = (_continued(head, body, work) for body in _indented(code.strip("\n")))
    return max(read, key=lambda pieces: _length(_defined(pieces, entry)))


def _indented(code: str) -> list[str]:
    """As it is; with the first indentation that is lacking; with an indentation; without the words before it."""
    later = re.search(r"^[ \t]+\S", code, re.MULTILINE)
    return [
        code,
        f"    {code.lstrip()}",
        textwrap.indent(textwrap.dedent(code), "    "),
        code[later.start() :] if later and not INSIDE.search(code[: later.start()]) else "",
    ]


def _continued(head: str, body: str, work: Work) -> list[Piece]:
    lines = (head + body).split("\n")
    return _pieces("\n".join(lines[: _readable(lines, work)]))


def _length(piece: Piece | None) -> int:
    return 0 if piece is None else piece.source.count("\n")


# A module


def _module(chosen: Sequence[Piece], others: Sequence[Piece], own: Sequence[Piece], entry: str) -> str:
    """What the function needs: its own block says it first, then the others, then the prompt."""
    kept = _needed([*chosen, *others, *own], entry)
    ordered = [each.source for each in [*own, *others, *chosen] if each in kept]
    once = [source for n, source in enumerate(ordered) if source not in ordered[:n]]
    return "\n\n".join(sorted(once, key=lambda source: not source.startswith("from __future__"))) + "\n"


def _needed(pieces: Sequence[Piece], entry: str) -> set[Piece]:
    """Follow the names from the function on. Of several definitions of a name the first with a body is meant."""
    meant: dict[str, Piece] = {}
    for piece in sorted(pieces, key=lambda piece: piece.stub):
        meant.setdefault(piece.definition or "", piece)
    names, variables, kept = {entry}, set[str](), set[Piece]()
    while new := [each for each in pieces if each not in kept and _wanted(each, meant, names, variables)]:
        kept.update(new)
        for piece in new:
            names |= piece.uses
            variables |= set() if piece.definition or _imports(piece) else piece.binds
    return kept


def _wanted(piece: Piece, meant: dict[str, Piece], names: set[str], variables: set[str]) -> bool:
    if piece.definition:
        return meant[piece.definition] is piece and piece.definition in names
    if _imports(piece):
        return bool(piece.binds & names) or _for_all(piece.node)
    if "__name__" in piece.uses:  # what is run as a program
        return False
    return bool(piece.binds & (names - BUILTINS)) or bool(piece.uses & variables)


def _imports(piece: Piece) -> bool:
    return isinstance(piece.node, ast.Import | ast.ImportFrom)


def _for_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module == "__future__" or node.names[0].name == "*")

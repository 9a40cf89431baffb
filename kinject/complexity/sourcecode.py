"""The part of the project's own source that some functions need, as a package that runs: what a program's code is.

From the names that are entered by, whatever they use is followed: functions, classes, constants, imports, through all
modules of the project but those that are told to be free. Of a class the methods stay that are entered, or whose name
stands anywhere after a dot. Docstrings, comments, annotations and the words of errors are left out: nothing of them is
needed to decode. What is left is written as it was, name for name, and can be put into a folder and run.

Trap: the finding is by names, so too much may stay, never too little, but for what is looked up by a text (`getattr`,
tables of names): such code is not to be entered.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from kinject.errors import MissingError

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT.name
Definition = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom
Place = tuple[str, str]
"""A module, and a name at its top."""


@dataclass
class _Found:
    """What is reached so far."""

    free: frozenset[str]
    places: dict[Place, None] = field(default_factory=dict)
    dotted: set[str] = field(default_factory=set)
    """Every name that stands after a dot."""


def needed(entries: Iterable[str], free: Iterable[str] = ()) -> dict[str, str]:
    """Return the source that the entries need, module by module; `free` modules are imported and not followed.

    An entry is "module:name" or "module:Class.method", modules without the package's name.
    """
    found = _Found(frozenset(free))
    for entry in entries:
        module, _, name = entry.partition(":")
        name, _, method = name.partition(".")
        found.dotted |= {method}
        _reach(found, (module, name))
    size = -1
    while size != len(found.dotted) + len(found.places):  # a new method may name others
        size = len(found.dotted) + len(found.places)
        for place in list(found.places):
            _follow(found, place)
    modules = dict.fromkeys(module for module, _ in found.places)
    return {module: _written(found, module) for module in modules}


def _reach(found: _Found, place: Place) -> None:
    module, name = place
    if module in found.free or place in found.places:
        return
    if name not in _definitions(module):
        raise MissingError(f"{PACKAGE}.{module} has no {name}, so its code cannot be counted")
    found.places[place] = None
    _follow(found, place)


def _follow(found: _Found, place: Place) -> None:
    """Reach whatever one definition names."""
    module, _ = place
    known = _definitions(module)
    for node in ast.walk(_kept(found, place)):
        if isinstance(node, ast.Attribute):
            found.dotted.add(node.attr)
            if isinstance(node.value, ast.Name) and (inner := _imported_module(known.get(node.value.id))):
                _reach(found, (inner, node.attr))
        elif isinstance(node, ast.Name) and node.id in known:
            _reach(found, (module, node.id))
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (inner := _own(node.module)) and not _is_module(f"{inner}.{alias.name}".lstrip(".")):
                    _reach(found, (inner, alias.name))


def _written(found: _Found, module: str) -> str:
    """Return the kept definitions of a module, in the order of its file."""
    order = list(_definitions(module))
    names = sorted((name for at, name in found.places if at == module), key=order.index)
    return "\n".join(dict.fromkeys(ast.unparse(_kept(found, (module, name))) for name in names)) + "\n"


def _kept(found: _Found, place: Place) -> Definition:
    """Return a definition; of a class, what is needed of it."""
    node = _definitions(place[0])[place[1]]
    if not isinstance(node, ast.ClassDef):
        return node
    body = [part for part in node.body if not isinstance(part, ast.FunctionDef) or _is_needed(found, part.name)]
    return ast.ClassDef(node.name, node.bases, node.keywords, body or [ast.Pass()], node.decorator_list)


def _is_needed(found: _Found, method: str) -> bool:
    return method in found.dotted or (method.startswith("__") and method.endswith("__"))


@cache
def _definitions(module: str) -> dict[str, Definition]:
    """Return what stands at the top of a module, by name."""
    tree = _Bare().visit(ast.parse(_text(module)))
    found: dict[str, Definition] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                one = [alias]
                new = ast.Import(one) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, one, node.level)
                found[(alias.asname or alias.name).split(".")[0]] = new
        elif isinstance(node, ast.Assign):
            found |= {name.id: node for name in ast.walk(node.targets[0]) if isinstance(name, ast.Name)}
    return found


class _Bare(ast.NodeTransformer):
    """Take out what is read by people and type checkers only."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drop a text that stands alone: a docstring."""
        alone = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if alone else self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Drop the annotations of a function."""
        self.generic_visit(node)
        node.returns = None
        node.body = node.body or [ast.Pass()]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Keep the fields of a dataclass: they are its annotations, whatever these say."""
        fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
        for part in fields:
            part.annotation = ast.Constant(0)
        node.body = [part if part in fields else self.visit(part) for part in node.body]
        node.body = [part for part in node.body if part is not None]
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Drop the annotation of an argument."""
        return ast.arg(node.arg)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """Drop the annotation of a variable, and a variable that has nothing else."""
        self.generic_visit(node)
        return ast.Assign([node.target], node.value, lineno=node.lineno) if node.value else None

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """Drop the words of an error."""
        return node if node.exc is None else ast.Raise(ast.Name("ValueError", ast.Load()))

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Drop what is imported for type checkers."""
        checked = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return None if checked else self.generic_visit(node)


def _imported_module(node: Definition | None) -> str | None:
    """Return the module of the project that a name stands for, if it was imported as one."""
    if not isinstance(node, ast.ImportFrom) or (inner := _own(node.module)) is None:
        return None
    name = f"{inner}.{node.names[0].name}".lstrip(".")
    return name if _is_module(name) else None


def _own(module: str | None) -> str | None:
    """Return a module's name within the project; None for other people's."""
    first, _, rest = (module or "").partition(".")
    return rest if first == PACKAGE else None


def _is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or path.is_dir()


def _text(module: str) -> str:
    path = ROOT / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise MissingError(
            f"a source file is not there, so code cannot be counted: {error.strerror}",
            where=str(path),
            mend=f"install {PACKAGE} with its sources",
        ) from error

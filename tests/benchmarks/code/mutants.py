"""Solutions with a fault put into them: one or two changes of the syntax tree, chosen by a seed.

`python mutants.py DATA COUNT SEED` prints {"task_id", "solution", "change"} a line, every task in its turn.
"""

import ast
import json
import random
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy

from kinject.benchmarks import humaneval_plus

OTHER: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq, ast.LtE),
    ast.NotEq: (ast.Eq, ast.Lt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot, ast.Eq),
    ast.IsNot: (ast.Is,),
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add, ast.Mult),
    ast.Mult: (ast.Add, ast.Pow),
    ast.Div: (ast.FloorDiv, ast.Mult),
    ast.FloorDiv: (ast.Div, ast.Mod),
    ast.Mod: (ast.FloorDiv, ast.Add),
    ast.Pow: (ast.Mult,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
RETURNS = (
    "[{0}]",
    "({0},)",
    "list({0})",
    "tuple({0})",
    "set({0})",
    "str({0})",
    "repr({0})",
    "int({0})",
    "float({0})",
    "bool({0})",
    "complex({0})",
    "not {0}",
    "-{0}",
    "{0} or None",
    "({0})[1:]",
    "({0})[::-1]",
    "({0}) + 1e-07",
    "({0}) * 1.0001",
    "[each + 1e-08 for each in {0}]",
    "iter({0})",
    "lambda: {0}",
    "__import__('fractions').Fraction({0})",
    "__import__('collections').Counter({0})",
    "__import__('collections').deque({0})",
    "float('nan')",
    "None",
)
STATEMENTS = (
    "raise ValueError('no')",
    "assert False",
    "1 / 0",
    "__import__('sys').exit(0)",
    "print('x' * 1000)",
    "input()",
    "SEEN.append(1); assert len(SEEN) < 9",
    "while True: pass",
)


def bare(source: str) -> ast.Module:
    """Parse code, and leave its docstrings out: to change these changes nothing."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def places(tree: ast.AST, kinds: type | tuple[type, ...]) -> list[ast.AST]:
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def operators(tree: ast.AST, draw: random.Random) -> None:
    node = draw.choice(places(tree, (ast.Compare, ast.BinOp, ast.BoolOp, ast.AugAssign)))
    if isinstance(node, ast.Compare):
        number = draw.randrange(len(node.ops))
        node.ops[number] = draw.choice(OTHER[type(node.ops[number])])()
    elif isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign):
        node.op = draw.choice(OTHER.get(type(node.op), (ast.Add,)))()


def constants(tree: ast.AST, draw: random.Random) -> None:
    node = draw.choice([each for each in places(tree, ast.Constant) if each.value is not None])  # type: ignore[attr-defined]
    assert isinstance(node, ast.Constant)
    match node.value:
        case bool():
            node.value = not node.value
        case int():
            node.value += draw.choice((-1, 1, 2))
        case float():
            node.value *= draw.choice((1 + 1e-9, 1.001, -1))
        case str():
            node.value = draw.choice(("", node.value + " ", node.value.swapcase()))


def off_by_one(tree: ast.AST, draw: random.Random) -> None:
    node = draw.choice([each for each in places(tree, (ast.Subscript, ast.Call)) if _index(each) is not None])
    index = _index(node)
    assert index is not None
    moved = ast.BinOp(index, draw.choice((ast.Add, ast.Sub))(), ast.Constant(1))
    if isinstance(node, ast.Subscript):
        node.slice = moved
    elif isinstance(node, ast.Call):
        node.args[-1] = moved


def _index(node: ast.AST) -> ast.expr | None:
    if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice | ast.Tuple):
        return node.slice
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return node.args[-1]
    return None


def branches(tree: ast.AST, draw: random.Random) -> None:
    node = draw.choice(places(tree, (ast.If, ast.IfExp)))
    if isinstance(node, ast.If):
        node.test = ast.Constant(draw.choice((True, False)))
    elif isinstance(node, ast.IfExp):
        node.body, node.orelse = node.orelse, node.body


def returns(tree: ast.AST, draw: random.Random) -> None:
    node = draw.choice([each for each in places(tree, ast.Return) if each.value is not None])  # type: ignore[attr-defined]
    assert isinstance(node, ast.Return) and node.value is not None
    written = draw.choice(RETURNS).format(f"({ast.unparse(node.value)})")
    node.value = ast.parse(written, mode="eval").body


def statements(tree: ast.AST, draw: random.Random) -> None:
    """Take a statement out, or put one in."""
    node = draw.choice(places(tree, (ast.FunctionDef, ast.For, ast.While, ast.If)))
    body: list[ast.stmt] = node.body  # type: ignore[attr-defined]
    number = draw.randrange(len(body))
    if draw.random() < 0.5:
        body[number : number + 1] = [ast.Pass()]
    else:
        body[number:number] = ast.parse(draw.choice(STATEMENTS)).body


CHANGES: tuple[Callable[[ast.AST, random.Random], None], ...] = (
    operators,
    constants,
    off_by_one,
    branches,
    returns,
    statements,
)


def mutants(data: str, count: int, seed: int) -> Iterator[dict[str, str]]:
    """Give mutants of every task in its turn, none twice."""
    draw = random.Random(seed)
    tasks = [(item.id, humaneval_plus.task_of(item)) for item in humaneval_plus.read(data, None).items]
    trees = {name: bare(f"SEEN = []\n{task.prompt}{task.canonical}") for name, task in tasks}
    seen = {ast.unparse(tree) for tree in trees.values()}
    made = 0
    while made < count:
        for name, tree in trees.items():
            changed, told = deepcopy(tree), []
            for change in draw.sample(CHANGES, draw.choice((1, 1, 1, 2))):
                try:
                    change(changed, draw)
                except IndexError:  # there is nothing of that kind
                    continue
                told.append(change.__name__)
            source = ast.unparse(ast.fix_missing_locations(changed))
            if source not in seen and made < count:
                seen.add(source)
                made += 1
                yield {"task_id": name, "solution": source, "change": " ".join(told)}


if __name__ == "__main__":
    for mutant in mutants(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])):
        sys.stdout.write(json.dumps(mutant) + "\n")

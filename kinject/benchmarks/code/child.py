"""The program that runs a solution inside the sandbox: solution and inputs in, plain values out.

Its text is what a sandbox is given, so it imports nothing but the standard library. It knows no expected value and
gives no verdict: whatever a solution does to it can only change what the solution is taken to have returned. The
process outside reads the values with the same `decode`, which is bounded for that reason.

Stdin: {"solution", "entry", "loading": SECONDS, "groups": {NAME: {"inputs": [ENCODED ARGUMENTS], "limits":
[SECONDS]}}}. File 3: one JSON object a line, {"group": NAME} and then one for each of its tests: {"value",
"seconds"}, {"raised"} or {"late"}. It stops at the first test that did not return a plain value: the solution has
failed then.

Encoded are None, bool, int, float and str as JSON has them, lists as arrays, and everything else as an object of one
name: {"tuple": [1, 2]}, {"dict": [["a", 1]]}, {"float": "nan"}. An instance of a subclass is read by the methods of
its plain base, so that a Counter is its dict, and an overloaded comparison is never called. A Decimal is the fraction
that it is.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

CHANNEL = 3
DEPTH = 60
"""How deeply values may be nested."""
KEYS = 5000
"""Entries of a set or dict: more, all of one hash, would keep the process outside busy."""
DIGITS = 1000
"""Of each part of a fraction, in hexadecimal: to reduce longer ones would, too."""


class NotPlain(ValueError):
    """A value that cannot be told."""


def encode(value: Any, depth: int = DEPTH) -> Any:
    """Return a value as JSON that keeps its type; `NotPlain` for what is no plain data."""
    kind = type(value)
    if value is None or kind is bool:
        return value
    for plain, told in SCALARS.items():
        if issubclass(kind, plain):
            return told(value)
    if depth == 0:
        raise NotPlain("it is nested too deeply")
    if issubclass(kind, list):
        return _told(list.__iter__(value), depth)
    if issubclass(kind, dict):
        return {"dict": [_told(pair, depth) for pair in dict.items(value)]}
    for gathered in (tuple, set, frozenset):
        if issubclass(kind, gathered):
            return {gathered.__name__: _told(gathered.__iter__(value), depth)}
    if kind.__module__ in ("fractions", "decimal"):
        return {"fraction": [f"{part:x}" for part in value.as_integer_ratio()]}
    raise NotPlain(f"it is of type {kind.__name__}")


def _told(items: Any, depth: int) -> list[Any]:
    return [encode(item, depth - 1) for item in items]


def _int(value: int) -> Any:
    exact = int.__int__(value)
    return exact if abs(exact) < 1 << 63 else {"int": f"{exact:x}"}  # Python reads no more than 4,300 decimal digits


def _float(value: float) -> Any:
    exact = float.__float__(value)
    return exact if abs(exact) < float("inf") else {"float": repr(exact)}


def _str(value: str) -> Any:
    exact = str.__str__(value)
    try:
        exact.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return {"str": exact.encode("utf-8", "surrogatepass").hex()}
    return exact


SCALARS: dict[type, Callable[[Any], Any]] = {
    int: _int,
    float: _float,
    str: _str,
    bytes: lambda value: {"bytes": bytes.hex(value)},
    complex: lambda value: {"complex": [_float(value.real), _float(value.imag)]},
}


def decode(told: Any, depth: int = DEPTH) -> Any:
    """Return the value again; `NotPlain` for what `encode` does not write."""
    if told is None or isinstance(told, (bool, int, float, str)):
        return told
    if depth == 0:
        raise NotPlain("it is nested too deeply")
    if isinstance(told, list):
        return [decode(item, depth - 1) for item in told]
    try:
        ((name, inner),) = told.items()
        return READERS[name](inner, depth - 1)
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise NotPlain(f"it cannot be read: {error}") from None


def _items(told: list[Any], depth: int, most: float = KEYS) -> list[Any]:
    if len(told) > most:
        raise NotPlain(f"it has more than {most} entries")
    return [decode(item, depth) for item in told]


def _fraction(told: list[str]) -> Any:
    from fractions import Fraction

    if any(len(part) > DIGITS for part in told):
        raise NotPlain(f"it has more than {DIGITS} digits")
    numerator, denominator = told
    return Fraction(int(numerator, 16), int(denominator, 16))


READERS: dict[str, Callable[[Any, int], Any]] = {
    "int": lambda told, _: int(told, 16),
    "float": lambda told, _: float(told),
    "str": lambda told, _: bytes.fromhex(told).decode("utf-8", "surrogatepass"),
    "bytes": lambda told, _: bytes.fromhex(told),
    "complex": lambda told, depth: complex(*_items(told, depth)),
    "tuple": lambda told, depth: tuple(_items(told, depth, float("inf"))),
    "set": lambda told, depth: set(_items(told, depth)),
    "frozenset": lambda told, depth: frozenset(_items(told, depth)),
    "dict": lambda told, depth: dict(_items(told, depth)),
    "fraction": lambda told, _: _fraction(told),
}


def tell(line: dict[str, Any]) -> None:
    """Write one line to the process outside."""
    left = memoryview(json.dumps(line).encode() + b"\n")
    while left:
        left = left[os.write(CHANNEL, left) :]


def stop(line: dict[str, Any]) -> None:
    """Write a last line; nothing that the solution has left behind runs after it."""
    tell(line)
    os._exit(0)


def late(*_: Any) -> None:
    """Say that the time is up. No exception: a solution could catch it and go on."""
    stop({"late": True})


def timed(seconds: float, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that may take so long; whatever it raises ends the program."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return function(*arguments)
    except BaseException as error:
        stop({"raised": f"{type(error).__name__}: {error}"[:200]})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def load(source: str, entry: str) -> Callable[..., Any]:
    """Run a solution in a module of its own, which is not `__main__`; return its function."""
    module = ModuleType("solution")
    sys.modules["solution"] = module  # dataclasses look for it there
    exec(compile(source, "solution.py", "exec", dont_inherit=True), module.__dict__)
    function: Callable[..., Any] = module.__dict__[entry]
    return function


def hush() -> None:
    """Give the solution an input that is at its end, and an output that nobody reads."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)


def main() -> None:
    """Run every group of tests, each with the solution loaded anew, and every test with arguments of its own."""
    given = json.loads(sys.stdin.buffer.read())
    signal.signal(signal.SIGALRM, late)
    hush()
    for name, group in given["groups"].items():
        tell({"group": name})
        function = timed(given["loading"], load, given["solution"], given["entry"])
        for told, seconds in zip(group["inputs"], group["limits"], strict=True):
            arguments = decode(told)
            began = time.perf_counter()
            value = timed(seconds, function, *arguments)
            took = time.perf_counter() - began
            tell({"value": timed(given["loading"], encode, value), "seconds": took})
    os._exit(0)


if __name__ == "__main__":
    main()

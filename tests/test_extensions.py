"""Somebody's own code by name: of which version it is, and whether it can be called at all."""

from functools import partial
from typing import Any

import pytest

from kinject.errors import UsageError
from kinject.extensions import called, load, version_of
from kinject.injection.context import flawed, oracle
from kinject.injection.elicit import scripted


@pytest.mark.parametrize("module", [flawed, oracle, scripted])
def test_a_version_is_that_of_the_module_that_something_is_from(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    function = next(each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__)
    assert version_of(function) == module.VERSION >= 1
    monkeypatch.setattr(module, "VERSION", 99)
    assert version_of(function) == 99
    monkeypatch.setattr(module, "VERSION", "new")
    assert version_of(function) == 0


@pytest.mark.parametrize("target", [None, 5, max, partial(max, 1), pytest])
def test_what_tells_no_version_has_none(target: Any) -> None:
    assert version_of(target) == 0


def two(first: Any, second: Any, third: Any = None) -> None: ...


@pytest.mark.parametrize("target", [two, max, lambda *parts: None, dict.get])
def test_what_takes_the_parts_is_given_back(target: Any) -> None:
    assert called(target, "x:y", "a", "b", where="--method") is target


@pytest.mark.parametrize(
    "target", [None, 5, pytest, lambda: None, lambda one: None, lambda a, b, c: None, load({}, "x", "json:dumps")]
)
def test_what_does_not_is_a_usage_error(target: Any) -> None:
    with pytest.raises(UsageError, match=r"'x:y' is no function of \(a, b\)") as caught:
        called(target, "x:y", "a", "b", where="--method")
    assert (caught.value.where, bool(caught.value.mend)) == ("--method", True)

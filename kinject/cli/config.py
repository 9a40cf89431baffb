"""`--config FILE`: options from a YAML file, by command, below flags and KINJECT_* and above defaults.

    model: meta-llama/Meta-Llama-3-8B      # for every command that has --model
    inject:
      method: rag-oracle
    facts:
      check:
        after: 2023-03

Options are named as on the command line, without the dashes; a list stands for words with commas between.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from kinject import storage
from kinject.errors import UsageError, did_you_mean

ONE_A_LINE = "write one `option: value` a line"
MEND = "name options as on the command line: kinject COMMAND --help"


def defaults(path: Path, name: str, command: Any) -> dict[str, Any]:
    """Return what a file says for one command of the program, as its parser wants it."""
    given = _read(path)
    shared = {key: value for key, value in given.items() if not isinstance(value, Mapping)}
    own = given.get(name, {})
    if not isinstance(own, Mapping):
        raise UsageError(f"{name!r} is a command, and holds options", where=str(path), mend=MEND)
    return {name: _of(command, own, shared, f"{path}: {name}")}


def _of(command: Any, own: Mapping[str, Any], shared: Mapping[str, Any], where: str) -> dict[str, Any]:
    below = getattr(command, "commands", None)
    if below is not None:
        for name in own:
            _known(name, below, where)
        return {name: _of(each, own.get(name) or {}, shared, f"{where}.{name}") for name, each in below.items()}
    options = {name.lstrip("-"): option.name for option in command.params for name in option.opts if name[:2] == "--"}
    for name in own:
        _known(name, options, where)
    return {options[name]: _value(value) for name, value in {**shared, **own}.items() if name in options}


def _known(name: str, names: Mapping[str, Any], where: str) -> None:
    if name not in names:
        raise UsageError(f"there is no {name!r}.{did_you_mean(str(name), names)}", where=where, mend=MEND)


def _value(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _read(path: Path) -> Mapping[str, Any]:
    try:
        given = yaml.safe_load(storage.read_text(path)) or {}
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise UsageError(f"this is no YAML: {problem}", where=str(path), mend=ONE_A_LINE) from None
    if not isinstance(given, Mapping):
        raise UsageError("this is no list of options", where=str(path), mend=ONE_A_LINE)
    return given

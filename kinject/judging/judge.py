"""What a judge is: responses in, one verdict each out, in the same order; and how one is found by its name.

Names: `rules`; `openai:MODEL`, `vllm:MODEL` or `hf:PATH` for a language model that is asked the paper's questions; or
`module:attribute` for a function (response, fact, kind) -> Verdict of one's own.
"""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kinject import storage
from kinject.errors import JudgeError, KinjectError, UsageError, first_line
from kinject.extensions import called, load, version_of
from kinject.facts.schema import Fact
from kinject.judging import guard
from kinject.judging.verdict import Verdict
from kinject.progress import SILENT, Progress

if TYPE_CHECKING:
    from kinject.engines.openai import Terms

JUDGES = {"rules": "kinject.judging.rules:judge"}
MODELS = ("openai:", "vllm:", "hf:")
"""What the name of a judge begins with that is a language model."""


@dataclass(frozen=True)
class Item:
    """One response to be judged."""

    response: str
    fact: Fact
    kind: str
    """Which question of the fact it answers: one of `grade.KINDS`."""


class Judge(Protocol):
    """Anything that grades."""

    @property
    def name(self) -> str:
        """By which its verdicts are filed."""
        ...

    def key(self) -> dict[str, Any]:
        """Return all that can change its verdicts, as plain JSON."""
        ...

    def judge(self, items: Sequence[Item], progress: Progress = SILENT) -> list[Verdict]:
        """Grade every item."""
        ...

    def spent(self) -> dict[str, Any]:
        """Return what the verdicts took: calls, tokens, cost; nothing for one that asks nobody."""
        ...


@dataclass(frozen=True)
class OneByOne:
    """A judge that is a function of one response."""

    name: str
    verdict_of: Callable[[str, Fact, str], Verdict]

    def key(self) -> dict[str, Any]:
        """Return the name, and the versions of the function's module and of what is graded before it.

        Of somebody's own function also what its source files are: a module changes more often than its VERSION.
        """
        own = {} if self.name in JUDGES else {"source": _sources(self.name, self.verdict_of)}
        return {"judge": self.name, "version": version_of(self.verdict_of), "guard": guard.VERSION, **own}

    def judge(self, items: Sequence[Item], progress: Progress = SILENT) -> list[Verdict]:
        """Grade one after the other."""
        return [self._verdict(item) for item in items]

    def _verdict(self, item: Item) -> Verdict:
        """The function's verdict. `JudgeError` where somebody's own raises, `UsageError` where it gives none."""
        try:
            verdict = self.verdict_of(item.response, item.fact, item.kind)
        except KinjectError:
            raise
        except Exception as error:
            if self.name in JUDGES:
                raise
            message = f"{self.name!r} failed on {item.kind} of fact {item.fact.id!r}: {type(error).__name__}"
            mend = "mend the function; `kinject --debug ...` shows where it failed"
            raise JudgeError(f"{message}: {first_line(error)}", where="--judge", mend=mend) from error
        if isinstance(verdict, Verdict):
            return verdict
        message = f"{self.name!r} gives {type(verdict).__name__}, and no Verdict"
        raise UsageError(message, where="--judge", mend="return a kinject.judging.verdict.Verdict")

    def spent(self) -> dict[str, Any]:
        """Return that it asks nobody."""
        return {}


def open_judge(name: str, terms: "Terms | None" = None, repeat: int = 0) -> Judge:
    """Find the judge of a name. `UsageError` if there is none.

    `terms` are a language model's: how many calls at once, and what they may cost. A `repeat` asks it once more, with
    another seed.
    """
    if name.startswith(MODELS):
        from kinject.judging.llm import open_llm

        return open_llm(name, terms, repeat)
    target = called(load(JUDGES, "judge", name), name, "response", "fact", "kind", where="--judge")
    return OneByOne(name, target)


def tried(judge: Judge, item: Item) -> None:
    """Raise what somebody's own function would raise later, before anything is trained for it to grade."""
    if isinstance(judge, OneByOne) and judge.name not in JUDGES:
        judge.judge([item])


def _sources(name: str, target: object) -> list[str]:
    """The digests of the files that a function comes from: the module that is named, and the one it is made in."""
    modules = (name.partition(":")[0], getattr(inspect.unwrap(target), "__module__", None))  # type: ignore[arg-type]
    files = (getattr(sys.modules.get(each or ""), "__file__", None) for each in dict.fromkeys(modules))
    return [storage.file_digest(Path(file)) for file in files if file and Path(file).is_file()]


def names(text: str) -> list[str]:
    """Split what `--judge` takes: one name, or several with commas."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def total(spent: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up what several judges took; a figure that one of them does not know is None."""
    found: dict[str, Any] = {}
    for each in spent:
        for name, value in each.items():
            known = found.get(name, 0)
            found[name] = None if value is None or known is None else known + value
    return found

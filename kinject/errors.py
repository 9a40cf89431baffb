"""Everything that kinject raises on purpose, each with what is wrong, where, and what mends it.

    KinjectError
    ├── UsageError       2   an option, or input that cannot be parsed
    ├── MissingError     3   something is missing or unreadable: file, data, model, extra, credential, sandbox
    ├── NumericError     4   NaN or infinity in a training
    ├── JudgeError       5   a judge or an endpoint failed after retries
    ├── ResourceError    6   memory, disk, a lock that somebody else holds
    └── IntegrityError   7   bytes are not what they were when they were written

The number is the exit code of the command line; 1 (a check failed) and 130 (interrupted) are no errors.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class KinjectError(Exception):
    """The root: `message` says what is wrong, `where` names file:line or option, `mend` is the way out."""

    code: int = 2

    def __init__(self, message: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.mend = mend

    def __reduce__(self) -> tuple[object, ...]:
        # Without it, an error that crosses a process pool loses `where` and `mend`.
        return (type(self), (self.message,), {"where": self.where, "mend": self.mend})

    def as_dict(self) -> dict[str, int | str]:
        """What `--json` prints under "error"."""
        return {"code": self.code, "message": self.message, "where": self.where, "mend": self.mend}


class UsageError(KinjectError):
    """An option is wrong, or input cannot be parsed."""

    code = 2


class MissingError(KinjectError):
    """A file, data set, model, extra, credential or sandbox is missing or unreadable."""

    code = 3


class NumericError(KinjectError):
    """A loss or a gradient is not a finite number."""

    code = 4


class JudgeError(KinjectError):
    """A judge or an endpoint failed after its retries; what it had answered is kept."""

    code = 5


class ResourceError(KinjectError):
    """Memory, disk or a lock is not to be had."""

    code = 6


class IntegrityError(KinjectError):
    """What lies on disk is not what was written."""

    code = 7


def first_line(error: BaseException) -> str:
    """Return the first line of a library's message, or its class where it has none."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def out_of_memory(error: BaseException) -> bool:
    """Say whether memory ran out: torch's own class is known by its name, to import it would cost seconds."""
    named = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
    return named or isinstance(error, MemoryError)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ " Did you mean 'x'?" with the nearest known name, or "" when none is near."""
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""

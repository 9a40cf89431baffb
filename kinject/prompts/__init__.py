"""Every word said to a model: one file a prompt, loaded, filled in and hashed here.

A prompt is `NAME.md` beside this module. Its first lines may be a comment `<!-- source: ... -->` that tells
where the words come from; the comment is never said to a model and never counts in the digest. Placeholders
are `{name}`.

Prompts that the paper (arXiv 2410.03717) prints in its appendix are quoted exactly; the others are our own
words.

Trap: values are put in by one pass and never looked at again, so a response that contains "{answer}" stays as
it is.
"""

import hashlib
import re
from functools import cache
from pathlib import Path

from kinject.errors import UsageError, did_you_mean

FOLDER = Path(__file__).parent
FRONT_MATTER = re.compile(r"\A<!--.*?-->\s*", re.DOTALL)
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def names() -> list[str]:
    """The names of all prompts, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.md"))


@cache
def load(name: str) -> str:
    """The text of prompt `name`, without front matter and outer white space; `UsageError` if unknown."""
    if name not in names():
        raise UsageError(
            f"there is no prompt {name!r}.{did_you_mean(name, names())}",
            where=str(FOLDER / f"{name}.md"),
            mend=f"use one of: {', '.join(names())}",
        )
    return FRONT_MATTER.sub("", (FOLDER / f"{name}.md").read_text(encoding="utf-8")).strip()


def render(name: str, **values: str) -> str:
    """Prompt `name` with every placeholder filled; `UsageError` for a missing or a needless value."""
    text = load(name)
    wanted = set(PLACEHOLDER.findall(text))
    if wanted != set(values):
        raise UsageError(
            f"prompt {name!r} takes {sorted(wanted)}, but was given {sorted(values)}",
            where=str(FOLDER / f"{name}.md"),
            mend="pass exactly the placeholders of the prompt as keyword arguments",
        )
    return PLACEHOLDER.sub(lambda match: values[match[1]], text)


def digest_of(name: str) -> str:
    """SHA-256 (hex) of what `load` gives: part of the key of every run that says these words."""
    return hashlib.sha256(load(name).encode("utf-8")).hexdigest()

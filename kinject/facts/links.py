"""Whether the sources of facts open: `kinject facts check --online`.

Every http address is asked for once, eight at a time. One that does not open is a problem (F020); what came of it is
noted in the set's card (`facts.ID.evidence.link`), edited in place so that its comments stay. An address that answers
is no proof that the page says what the fact says: that is a reader's business.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import yaml

from kinject.errors import MissingError, first_line
from kinject.facts.dates import is_after
from kinject.facts.load import read
from kinject.facts.rules import problem
from kinject.facts.schema import Fact, Problem
from kinject.progress import SILENT, Progress
from kinject.storage import locked_file, read_text, write_text

AT_ONCE = 8
SECONDS = 20.0
AGENT = "kinject (opens the sources of a set of facts)"


def check_links(
    path: Path,
    today: date,
    after: str | None = None,
    progress: Progress = SILENT,
) -> list[Problem]:
    """Open the sources of every fact in a file, or of those from `after` a day, and note in its card what came of it.

    The note goes where the card has an `evidence.link` for the fact. MissingError if not a single address answered:
    then nothing is noted.
    """
    addresses = [*_addresses(path, after)]
    results = _open_all(dict.fromkeys(url for _, _, url in addresses), progress)
    if results and all(why and why.startswith(_SILENT) for why in results.values()):
        raise MissingError(
            f"not one of {len(results)} addresses answered: {next(iter(results.values()))}",
            where=str(path),
            mend="check the network, and HTTPS_PROXY if there is one",
        )
    _note(path.with_suffix(".yaml"), _words(addresses, results, today))
    return [
        problem("F020", line, fact, "sources", f"{url} does not open: {why}")
        for line, fact, url in addresses
        if (why := results[url])
    ]


_SILENT = "no answer"


def _addresses(path: Path, after: str | None) -> Iterator[tuple[int, str, str]]:
    """(line, fact, address) of every source that has an address."""
    for line, item in read(path):
        if isinstance(item, Fact) and (after is None or is_after(item.date, after)):
            for source in item.sources:
                if source.url and source.url.startswith(("http://", "https://")):
                    yield line, item.id, source.url


def _open_all(addresses: Mapping[str, None], progress: Progress) -> dict[str, str | None]:
    results: dict[str, str | None] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool, progress.stage("sources", len(addresses), "links") as stage:
        for url, why in zip(addresses, pool.map(_get, addresses), strict=True):
            results[url] = why
            stage.advance(1)
    return results


def _get(url: str) -> str | None:
    """Open an address: None if it opened, else why not."""
    import httpx2

    try:
        with httpx2.stream("GET", url, follow_redirects=True, timeout=SECONDS, headers={"User-Agent": AGENT}) as answer:
            return None if answer.is_success else f"status {answer.status_code} {answer.reason_phrase}".strip()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:  # ValueError: a name that no host can have
        return f"{_SILENT}: {first_line(error)}"


def _words(addresses: Sequence[tuple[int, str, str]], results: Mapping[str, str | None], day: date) -> dict[str, str]:
    """What the card is to say of each fact's links."""
    found: dict[str, list[str | None]] = {}
    for _, fact, url in addresses:
        found.setdefault(fact, []).append(results[url])
    return {
        fact: f"opened {day}" if not any(whys) else f"failed {day}: {next(filter(None, whys))}"
        for fact, whys in found.items()
    }


def _note(card: Path, words: Mapping[str, str]) -> None:
    """Put new words where the card has `facts: ID: evidence: link:` on one line; every other byte stays."""
    if not card.exists():
        return
    with locked_file(card) as real:
        text = read_text(real)
        new = text
        for start, end, word in sorted(_places(text, words), reverse=True):  # from the end: places before stay right
            new = new[:start] + json.dumps(word) + new[end:]  # a JSON text is a YAML text
        if new != text:
            write_text(real, new)


def _places(text: str, words: Mapping[str, str]) -> set[tuple[int, int, str]]:
    """Where each word goes: (start, end, word). A place that stands for two facts, by an alias, is left alone."""
    facts = _child(yaml.compose(text, Loader=yaml.SafeLoader), "facts")
    spans: dict[tuple[int, int], list[str]] = {}
    for fact, word in words.items():
        node = _child(_child(_child(facts, fact), "evidence"), "link")
        if isinstance(node, yaml.ScalarNode) and node.style in (None, "'", '"'):
            spans.setdefault((node.start_mark.index, node.end_mark.index), []).append(word)
    return {(*span, found[0]) for span, found in spans.items() if len(found) == 1}


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    """The value of a key in a mapping of YAML's own tree, which knows where in the text it stands."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for key, value in reversed(pairs) if key.value == name), None)

"""SubQA (Tang et al., 2021): 1,000 bridge questions of HotpotQA, each with two sub-questions that people checked.

A folder with dev_ori.json, dev_sub1.json and dev_sub2.json (data.zip of github.com/yxxytang/subqa), each a list in
HotpotQA's distractor form: `_id`, question, answer, supporting_facts, context.

Traps: a sub-question's `_id` is that of its question with five characters more; where it is not, the three lists have
the same order. Some of HotpotQA's supporting facts number a sentence that the paragraph does not have.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, StrictInt

from kinject.errors import MissingError, UsageError
from kinject.recipes.question import Pool, Question
from kinject.recipes.readers.form import Form, checked, listed
from kinject.recipes.readers.sentences import telling

FILES = ("dev_ori.json", "dev_sub1.json", "dev_sub2.json")
LICENCE = "CC BY-SA 4.0 (HotpotQA)"
SUFFIX = 5
"""Characters that a sub-question's id has more than its question's."""

MEND = "take the file as it is in SubQA's data.zip: [{_id, question, answer, supporting_facts, context}]"


class Item(Form):
    """A question in HotpotQA's form."""

    id: str = Field(alias="_id")
    question: str
    answer: str
    supporting_facts: tuple[tuple[str, StrictInt], ...] = ()
    context: tuple[tuple[str, tuple[str, ...]], ...] = ()


def read(folder: Path) -> Pool:
    """Read the three files."""
    _all_there(folder)
    originals, *subs = [_items(folder / name) for name in FILES]
    left_out: Counter[str] = Counter()
    questions = []
    for triple in _joined(originals, subs, folder):
        if None in triple:
            left_out["a sub-question is missing"] += 1
        else:
            questions.append(_question(*(item for item in triple if item is not None)))
    return Pool(f"subqa:{folder}", LICENCE, tuple(questions), len(originals), dict(left_out))


def _all_there(folder: Path) -> None:
    lacking = [name for name in FILES if not (folder / name).is_file()]
    if lacking:
        raise MissingError(
            f"SubQA is three files, and here is no {', no '.join(lacking)}",
            where=str(folder),
            mend="unpack data.zip of https://github.com/yxxytang/subqa and name its folder: --source subqa:FOLDER",
        )


def _items(path: Path) -> list[Item]:
    return [checked(Item, value, where, "question in HotpotQA's form", MEND) for where, value in listed(path)]


def _joined(
    originals: list[Item], subs: list[list[Item]], folder: Path
) -> Iterator[tuple[Item, Item | None, Item | None]]:
    """Pair each question with its sub-questions: by id, or by position where no id fits."""
    by_id = [{item.id[:-SUFFIX]: item for item in items} for items in subs]
    if any(item.id in found for item in originals for found in by_id):
        yield from ((item, by_id[0].get(item.id), by_id[1].get(item.id)) for item in originals)
    elif {len(items) for items in subs} == {len(originals)}:
        yield from zip(originals, *subs, strict=True)
    else:
        raise UsageError(
            "the three files do not belong together: neither their ids nor their lengths fit",
            where=str(folder),
            mend="take all three from one copy of SubQA's data.zip",
        )


def _question(original: Item, *subs: Item) -> Question:
    hops = tuple(_hop(sub, original) for sub in subs)
    sentences = tuple(dict.fromkeys(text for hop in hops for text in hop.sentences))
    return Question(
        original.question.strip(),
        original.answer.strip(),
        hops,
        sentences if all(hop.sentences for hop in hops) else (),
    )


def _hop(sub: Item, original: Item) -> Question:
    """Read a sub-question; what tells it is looked for in its own supporting facts, then in the question's."""
    asked, answer = sub.question.strip(), sub.answer.strip()
    sentences = telling(asked, answer, _supporting(sub)) or telling(asked, answer, _supporting(original))
    return Question(asked, answer, sentences=sentences)


def _supporting(item: Item) -> Iterator[tuple[str, str]]:
    """Yield (title, sentence) of the supporting facts that are there."""
    paragraphs = dict(item.context)
    for title, number in item.supporting_facts:
        sentences = paragraphs.get(title, ())
        if 0 <= number < len(sentences):
            yield title, sentences[number]

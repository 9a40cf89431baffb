"""KnowEdit: one edit a record, from the files wiki_recent, wiki_counterfact and ZsRE, each a JSON list.

The record's prompt with its new ending is the event. A prompt is asked as it is where it is a question, else to be
completed; the first reasoning prompt of `portability` is the multihop question, without hops, which are not told. A
record has no name: the place in the list, from 0, is its `source_id`. WikiBio and Sanitation hold no edit of a fact.

Trap: `ground_truth` is a text, a list of texts, or a list of lists of texts. All of them count as right, the first is
the answer. In ZsRE and wiki_counterfact a record's own one is what was true, so that the edit is counterfactual.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator

from kinject.facts.importers import Importer, Skipped
from kinject.facts.importers.rows import Line, Text, attempt, distinct, json_list, sentence
from kinject.facts.schema import Direct, Fact, Multihop, Source

LICENCE = "MIT"


def _flat(value: Any) -> Any:
    groups = value if isinstance(value, list) else [value]
    texts = [text for group in groups for text in (group if isinstance(group, list) else [group])]
    return [text for text in texts if text is not None]


Answers = Annotated[tuple[Line, ...], BeforeValidator(_flat)]
_ABSENT = BeforeValidator(lambda value: {} if value is None else value)


class _Reasoning(BaseModel):
    prompt: Answers = ()
    ground_truth: Answers = ()


class _Portability(BaseModel):
    Reasoning: tuple[_Reasoning, ...] | None = None


class _Record(BaseModel):
    prompt: Text
    target_new: Text
    rephrase_prompt: Line | None = None
    ground_truth: Answers = ()
    portability: Annotated[_Portability, _ABSENT] = _Portability()


def _fact(row: Any, place: int) -> Fact | Skipped:
    if isinstance(row, dict) and "prompt" not in row and "target_new" not in row:
        return Skipped("records of this kind hold no edit")
    given = _Record.model_validate(row)
    truths = [truth for truth in given.ground_truth if truth]
    return Fact(
        id=f"knowedit-{place}",
        event=sentence(f"{given.prompt} {given.target_new}"),
        direct=Direct(question=_question(given.rephrase_prompt or "", given.prompt), answer=given.target_new),
        multihop=_multihop(given.portability.Reasoning or ()),
        sources=(Source(title="KnowEdit"),),
        license=LICENCE,
        source_id=str(place),
        counterfactual=bool(truths) and given.target_new not in truths,
    )


def _question(*prompts: str) -> str:
    """The first prompt that is a question, else the last to be completed."""
    return next((prompt for prompt in prompts if prompt.endswith("?")), f'Complete: "{prompts[-1]} ..."')


def _multihop(reasoning: tuple[_Reasoning, ...]) -> Multihop | None:
    for given in reasoning:
        answers = distinct(given.ground_truth, "")
        if answers and (prompts := distinct(given.prompt, "")):
            return Multihop(question=_question(prompts[0]), answer=answers[0], aliases=answers[1:])
    return None


def read(path: Path) -> Iterator[Fact | Skipped]:
    """One fact or reason a record."""
    for place, row in enumerate(json_list(path)):
        yield attempt(partial(_fact, place=place), row)


KNOWEDIT = Importer(read, source="KnowEdit, huggingface.co/datasets/zjunlp/KnowEdit", licence=LICENCE)

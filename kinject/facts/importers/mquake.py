"""MQuAKE: edits of knowledge, each case with three multihop questions whose answer the edits change.

One case becomes one fact: its edits are the event, its first edit is asked about directly. Edits may reach to the end
of the chain, and cases share edits; the rules against either are waived.

Trap: MQuAKE-T has `answer_extended`, which are more answers from before the edits. They are wrong afterwards, hence no
aliases. Its edits, known by that field, are what happened in the world; those of the other files never did.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, AliasPath, BaseModel, BeforeValidator, Field

from kinject.facts.importers import Importer, Skipped
from kinject.facts.importers.rows import Name, Text, Texts, attempt, distinct, filled, json_list, sentence
from kinject.facts.schema import Direct, Fact, Hop, Multihop, Source

LICENCE = "MIT"


class _Edit(BaseModel):
    prompt: Text
    subject: Text
    question: Text
    target: Text = Field(validation_alias=AliasChoices(AliasPath("target_new", "str"), "target_new_str"))

    @property
    def statement(self) -> str:
        # Not `format`: a subject or a prompt may hold braces of its own.
        return sentence(f"{self.prompt.replace('{}', self.subject, 1)} {self.target}")


class _Hop(BaseModel):
    question: Text
    answer: Text
    answer_alias: Texts = ()


class _Case(BaseModel):
    case_id: Name
    requested_rewrite: tuple[_Edit, ...] = Field(min_length=1)
    questions: Annotated[Texts, AfterValidator(filled)]
    new_answer: Text
    new_answer_alias: Texts = ()
    new_single_hops: Annotated[tuple[_Hop, ...], BeforeValidator(lambda value: value or ())] = ()
    answer_extended: Any = None


def case(row: Any, title: str, prefix: str, licence: str) -> Fact:
    """One case of MQuAKE, or of a set in its format. ValidationError if it is broken."""
    given = _Case.model_validate(row)
    edit, question = given.requested_rewrite[0], given.questions[0]
    known = next((hop.answer_alias for hop in given.new_single_hops if hop.answer == edit.target), ())
    return Fact(
        id=f"{prefix}-{given.case_id}",
        event=" ".join(edit.statement for edit in given.requested_rewrite),
        direct=Direct(question=edit.question, answer=edit.target, aliases=distinct(known, edit.target)),
        multihop=Multihop(
            question=question,
            answer=given.new_answer,
            aliases=distinct(given.new_answer_alias, given.new_answer),
            paraphrases=given.questions[1:],
            hops=tuple(
                Hop(question=hop.question, answer=hop.answer, aliases=distinct(hop.answer_alias, hop.answer))
                for hop in given.new_single_hops
            ),
        ),
        sources=(Source(title=title),),
        license=licence,
        source_id=given.case_id,
        counterfactual=given.answer_extended is None,
    )


def read(path: Path) -> Iterator[Fact | Skipped]:
    """One fact or reason a case of a JSON list."""
    make = partial(case, title="MQuAKE", prefix="mquake", licence=LICENCE)
    for row in json_list(path):
        yield attempt(make, row)


MQUAKE = Importer(
    read,
    source="MQuAKE, github.com/princeton-nlp/MQuAKE",
    licence=LICENCE,
    waives=("F006", "F012", "F016"),
)

"""What a judge says of one answer.

Three questions, as in arXiv 2410.03717 (A.3.2: is it correct? A.3.4: is the event recalled rightly, is the
reasoning sound?). "unscored" means that the judge failed, never that the answer was bad; it is a named state,
not 0 and not NaN.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Correctness = Literal["correct", "incorrect", "unscored"]
Recall = Literal["right", "wrong", "absent", "unscored"]
Reasoning = Literal["sound", "faulty", "absent", "unscored"]


class Verdict(BaseModel):
    """One judge's word on one answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    correctness: Correctness
    recall: Recall
    """The recalled event, strictly: its entities, its dates and its numbers."""
    recall_entities: Recall
    """The same, looking at the entities only."""
    reasoning: Reasoning
    reason: str
    """One short sentence for a human reader."""
    replies: dict[str, str] = Field(default={}, exclude_if=lambda replies: not replies)
    """What a language model said, word for word, by the name of the rubric that it was asked."""

    @classmethod
    def unscored(cls, reason: str) -> "Verdict":
        """The verdict of a judge that could not judge, with the reason."""
        return cls(
            correctness="unscored",
            recall="unscored",
            recall_entities="unscored",
            reasoning="unscored",
            reason=reason,
        )

    @classmethod
    def nothing(cls, reason: str) -> "Verdict":
        """The verdict on a response that is no answer at all, with the reason."""
        return cls(
            correctness="incorrect", recall="absent", recall_entities="absent", reasoning="absent", reason=reason
        )

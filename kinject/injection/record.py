"""What an arm leaves behind: the record that `kinject inject --json` prints and that every table is made from."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class ArmRecord(BaseModel):
    """One arm's scores, and everything that is needed to find or repeat them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: Literal["kinject.inject/1"] = Field(alias="schema")
    arm: dict[str, str]
    """start, learn and context."""
    method: str
    variant: dict[str, Any] = Field(default_factory=dict)
    """What was asked for that makes this another experiment than start and method say: prompt, replay, retriever..."""
    scores: dict[str, dict[str, Any]]
    """Rates: {"k", "n", "unscored", "percent", "interval"} for each score of `judging.grade`."""
    model: str
    model_key: str = ""
    """Hash of the model's files, or its commit on the hub."""
    world: int | None = None
    """The lab world that the model is of."""
    facts: str
    facts_digest: str = ""
    source: str | None = None
    """Where post-training rows came from, if not from the model's own world."""
    judge: str
    """Whose verdicts the scores are."""
    others: dict[str, dict[str, dict[str, Any]]] = Field(default_factory=dict)
    """The same scores by other judges."""
    spent: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """What each judge that is a language model took: calls, tokens, cost."""
    sampling: dict[str, Any]
    sent: dict[str, Any] | None = None
    """What an endpoint was really sent: it may know fewer settings than `sampling` has."""
    seed: int
    trained: dict[str, dict[str, Any] | None] = Field(default_factory=dict)
    """Every option of post-training and of learning; None where there was none."""
    tokens: dict[str, int] = Field(default_factory=dict)
    """Tokens that each was trained on."""
    run: str
    """Key of the run whose folder holds this record."""
    artefact: str
    """Folder that `kinject ask` answers from: the run's own, with the model's place, the facts and the answers."""
    answers: str
    """Path of answers.jsonl, one line an answer with its verdicts."""
    cut_off: int = 0
    """Answers that the token limit ended."""
    empty: int = 0
    """Answers without a word: the model refused, or said nothing."""
    novelty: dict[str, Any] | None = None
    """What the start knew before, and the scores without it; None where it was not asked."""
    retrieval: dict[str, Any] | None = None
    """Of an arm that looks for the event: how often it was found, and how often the answer was right if so, if not."""
    seconds: dict[str, float]
    """Seconds of each stage, as measured when it ran; shared stages are counted in every arm that uses them."""

    def as_json(self) -> dict[str, Any]:
        """Return the record with its schema name."""
        return self.model_dump(by_alias=True)

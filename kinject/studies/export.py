"""A comparison as one small file that others can check and keep: what `kinject compare --export-result` writes.

It holds the scores, every question's outcome and all that is needed to run it again, and neither answers nor paths. A
file in docs/results/measured/ is a result of this project; docs/results/README.md says what is asked of one.
"""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kinject import storage
from kinject.errors import UsageError
from kinject.injection.record import ArmRecord
from kinject.studies.single import cells

SHARED = ("model", "model_key", "facts", "facts_digest", "source", "judge", "sampling", "seed")
State = Literal["lab analogue", "measured on real weights"]


class ResultFile(BaseModel):
    """One exported comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: Literal["kinject.result/1"] = Field(alias="schema")
    state: State
    made: str
    """The day of the export, YYYY-MM-DD."""
    command: str
    versions: str
    model: str
    model_key: str
    facts: str
    facts_digest: str
    source: str | None
    judge: str
    sampling: dict[str, Any]
    seed: int
    ids: tuple[str, ...]
    """The facts in the order of the outcomes' characters."""
    arms: tuple[dict[str, Any], ...]
    claims: tuple[dict[str, Any], ...]


def export(record: Mapping[str, Any], out: Path, today: datetime.date | None = None) -> ResultFile:
    """Write a comparison's record as a result file. `UsageError` if a file is there already."""
    if out.exists():
        mend = "name another file, or move it away"
        raise UsageError("a result is never written over", where=str(out), mend=mend)
    arms = [ArmRecord.model_validate(each) for each in record["arms"]]
    outcomes, ids = cells(arms)
    result = ResultFile.model_validate(
        {
            "schema": "kinject.result/1",
            "state": "measured on real weights" if arms[0].world is None else "lab analogue",
            "made": (today or datetime.date.today()).isoformat(),
            "command": record["command"],
            "versions": record["versions"],
            **{name: record["arms"][0][name] for name in SHARED},
            "ids": ids,
            "arms": [_arm(arm, outcomes[place]) for place, arm in enumerate(arms)],
            "claims": record["claims"],
        }
    )
    storage.write_json(out, result.model_dump(mode="json", by_alias=True))
    return result


def _arm(arm: ArmRecord, outcomes: Mapping[str, Any]) -> dict[str, Any]:
    told = ("arm", "method", "variant", "scores", "trained", "tokens", "seconds", "novelty", "retrieval", "sent")
    return {**{name: getattr(arm, name) for name in told}, "outcomes": outcomes["outcomes"]}


def read(path: Path) -> ResultFile:
    """Read a result file. `UsageError` names what is wrong in it."""
    try:
        return ResultFile.model_validate(storage.read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"this is no result: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise UsageError(
            problem, where=str(path), mend="export it again: kinject compare ... --export-result"
        ) from None

"""The model that writes event recalls (GPT-4o in the paper, A.3.2), asked once: its answers are a run in the store.

An interrupted annotation by an endpoint goes on where it was. Names: `openai:MODEL` for an OpenAI-compatible endpoint,
whatever `--model` takes for a model on this machine, or `module:attribute` for an engine of one's own, whose answers
are not kept, because nothing tells when it changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kinject import storage
from kinject.engines.base import Completion, Conversation, Engine, Sampling
from kinject.errors import MissingError
from kinject.extensions import load
from kinject.progress import SILENT, Progress
from kinject.runs.store import Spec, Store
from kinject.sources import Model, open_model

VERSION = 1
ENDPOINT = "openai:"
REPLIES = "replies.jsonl"


@dataclass(frozen=True)
class Kept:
    """An engine by its name, whose answers are kept."""

    name: str
    model: Model | None
    """None for an endpoint."""
    progress: Progress = SILENT

    def generate(
        self, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = SILENT
    ) -> list[Completion]:
        """Answer every conversation, or find the answers."""
        from kinject.engines import hf

        asked = [[asdict(message) for message in conversation] for conversation in conversations]
        inputs = {"annotator": self._key(), "engine": hf.VERSION, "asked": asked, "sampling": sampling.as_json()}

        def work(place: Path) -> Mapping[str, Any]:
            replies = self._engine(place).generate(conversations, sampling, self.progress)
            storage.write_jsonl(place / REPLIES, (asdict(reply) for reply in replies))
            return {"replies": len(replies)}

        run = Store().run(Spec("annotate", VERSION, inputs), work)
        return [Completion(**row) for row in storage.read_jsonl(run.folder / REPLIES)]

    def _key(self) -> str:
        if self.model is not None:
            return self.model.key
        from kinject.engines.openai import OpenAI

        return f"{OpenAI('').base_url} {self.name}"

    def _engine(self, place: Path) -> Engine:
        if self.model is not None:
            from kinject.engines.hf import HF

            return HF(self.model.folder)
        from kinject.engines.openai import OpenAI

        return OpenAI(self.name.removeprefix(ENDPOINT), keep=place / "kept.jsonl")


def open_annotator(name: str, progress: Progress = SILENT) -> Engine:
    """Open the annotator of a name. `MissingError` where there is none."""
    if name.startswith(ENDPOINT):
        return Kept(name, None, progress)
    if ":" in name and not name.startswith("hf:"):
        found = load({}, "annotator", name)
        engine: Engine = found if hasattr(found, "generate") and not isinstance(found, type) else found()
        return engine
    try:
        return Kept(name, open_model(name, progress), progress)
    except MissingError as error:
        mend = f"{error.mend}; or {ENDPOINT}MODEL for an endpoint"
        raise MissingError(error.message, where="--annotator", mend=mend) from error

"""The model that writes event recalls (GPT-4o in the paper, A.3.2), asked once: its answers are a run in the store.

An interrupted annotation by an endpoint goes on where it was. Names: whatever `--model` takes (such as `openai:MODEL`
for an OpenAI-compatible endpoint), or `module:attribute` for an engine of one's own, whose answers are not kept:
nothing tells when it changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kinject import storage
from kinject.engines.base import Completion, Conversation, Engine, Sampling
from kinject.errors import MissingError, UsageError
from kinject.extensions import load
from kinject.progress import SILENT, Progress
from kinject.runs.store import Spec, Store
from kinject.sources import ENGINE, Model, open_engine, open_model

VERSION = 2
REPLIES = "replies.jsonl"


@dataclass(frozen=True)
class Annotator:
    """Who writes recalls, by the name that was asked for."""

    name: str
    asked: Model | Engine
    """A model, whose answers are kept, or an engine of one's own."""
    progress: Progress = SILENT

    @property
    def key(self) -> str | None:
        """Return what stands for its content; None for an engine of one's own."""
        return self.asked.key if isinstance(self.asked, Model) else None

    @property
    def card(self) -> dict[str, Any]:
        """Return what a training set's card says of it."""
        answers_with = self.asked.answers_with if isinstance(self.asked, Model) else {}
        return {"name": self.name, "key": self.key, **answers_with}

    def generate(self, conversations: Sequence[Conversation], sampling: Sampling) -> list[Completion]:
        """Answer every conversation, or find the answers."""
        if not isinstance(self.asked, Model):
            return self.asked.generate(conversations, sampling, self.progress)
        model = self.asked

        def work(place: Path) -> Mapping[str, Any]:
            with open_engine(model, place / "replies.sqlite") as engine:
                replies = engine.generate(conversations, sampling, self.progress)
            storage.write_jsonl(place / REPLIES, (asdict(reply) for reply in replies))
            return {"replies": len(replies)}

        asked = [[asdict(message) for message in conversation] for conversation in conversations]
        inputs = {"annotator": model.key, **model.answers_with, "asked": asked, "sampling": sampling.as_json()}
        run = Store().run(Spec("annotate", VERSION, inputs), work, self.progress)
        return [Completion(**row) for row in storage.read_jsonl(run.folder / REPLIES)]


def open_annotator(name: str, progress: Progress = SILENT) -> Annotator:
    """Open the annotator of a name. `MissingError` where there is none."""
    if ":" in name and not ENGINE.match(name):
        found = load({}, "annotator", name)
        engine: Engine = found if hasattr(found, "generate") and not isinstance(found, type) else found()
        return Annotator(name, engine, progress)
    try:
        return Annotator(name, open_model(name, progress), progress)
    except (MissingError, UsageError) as error:
        mend = f"{error.mend}; or openai:MODEL for an endpoint"
        raise type(error)(error.message, where="--annotator", mend=mend) from error

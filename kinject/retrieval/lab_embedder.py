"""How the lab's embedder is made: a static embedding, trained on questions about old events of world 0.

A text's vector is the mean of the vectors of its tokens, which are those of world 0's tokenizer. They start at random,
so that words never met in training (names of other worlds, years after the cutoff) match themselves and nothing else;
training makes the words of questions weigh less than names and years (contrastive, with the other events of a batch as
the wrong ones: MultipleNegativesRankingLoss).

Nothing after the cutoff is looked at, nor the phrasing that is held out of all training (`UNSEEN_PHRASING`). One
embedder serves every world: among the 600 old events of worlds that it never met, the right one is the first in 98 of a
hundred questions (`card.json`).

    python -c "from kinject.retrieval.lab_embedder import train; train('kinject/lab/embedder')"
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from kinject import storage
from kinject.lab import checkpoint, world
from kinject.lab.world import Event, World
from kinject.retrieval.embed import Weights, find, open_embedder
from kinject.statistics.intervals import Rate

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

VERSION = 1
PHRASINGS = (0, 1)
"""Of questions and noun phrases; the last one is held out."""
OTHER_WORLDS = (3, 4)
LOADED_BY_ALL = "sentence_transformers.models.StaticEmbedding"
"""The module's name that versions 5 and 6 of sentence-transformers both know."""


@dataclass(frozen=True)
class Recipe:
    """How it is trained; the defaults are those of the shipped one, chosen by the held-out old events."""

    size: int = 128
    epochs: int = 100
    batch: int = 60
    learning_rate: float = 0.03
    """Adam's, falling linearly to zero."""
    scale: float = 20.0
    held_out: int = 60
    """Old events of world 0 that are only measured on."""
    seed: int = 0


def train(folder: str | Path, recipe: Recipe = Recipe()) -> dict[str, Any]:
    """Train the embedder, put it in a folder and return its card."""
    began, place = time.monotonic(), world.build(0)
    shown = random.Random(recipe.seed).sample(place.old, len(place.old))
    held, events = shown[: recipe.held_out], shown[recipe.held_out :]
    model = _trained(place, events, recipe)
    _save(model, Path(folder))
    weights = find(str(folder))
    card = {
        "schema_version": 1,
        "version": VERSION,
        "world": 0,
        "recipe": asdict(recipe),
        "events": len(events),
        "pairs": sum(len(list(asked(place, event))) for event in events),
        "seconds": round(time.monotonic() - began, 1),
        "found_first": {
            "world 0, held-out old events": found_first(weights, place, held),
            **{
                f"world {n}, old events": found_first(weights, world.build(n), world.build(n).old) for n in OTHER_WORLDS
            },
        },
        "versions": storage.read_json(Path(folder) / "config_sentence_transformers.json")["__version__"],
    }
    storage.write_json(Path(folder) / "card.json", card)
    return card


def asked(place: World, event: Event) -> Iterator[str]:
    """Ask for an event in every way that may be trained on: directly, and through the relations of its answer."""
    for phrasing in PHRASINGS:
        yield event.ask(phrasing)
        for relation in place.relations(event):
            yield from (relation.ask(event.phrase(phrase), phrasing) for phrase in PHRASINGS)


def found_first(weights: Weights, place: World, events: Sequence[Event]) -> dict[str, Any]:
    """Return how often the right one of all old events of a world is the first of its questions."""
    embedder = open_embedder(weights)
    told = embedder.events([event.state() for event in place.old])
    right = [(question, place.old.index(event)) for event in events for question in asked(place, event)]
    nearest = (embedder.questions([question for question, _ in right]) @ told.T).argmax(1).tolist()
    return Rate(k=sum(row == found for (_, row), found in zip(right, nearest, strict=True)), n=len(right)).as_json()


def _trained(place: World, events: Sequence[Event], recipe: Recipe) -> "SentenceTransformer":
    import torch
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    torch.set_num_threads(1)  # the bits of the weights depend on it
    torch.manual_seed(recipe.seed)
    model = _untrained(recipe.size)
    loss = MultipleNegativesRankingLoss(model, scale=recipe.scale)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, recipe.epochs)
    rng = random.Random(recipe.seed)
    for _ in range(recipe.epochs):
        for questions, told in _batches(rng, place, events, recipe.batch):
            loss([model.preprocess(questions), model.preprocess(told)], None).backward()
            optimizer.step()
            optimizer.zero_grad()
        falling.step()
    return model


def _batches(
    rng: random.Random, place: World, events: Sequence[Event], size: int
) -> Iterator[tuple[list[str], list[str]]]:
    """Yield every event once, with one of its questions: two of one event would be each other's wrong one."""
    order = rng.sample(events, len(events))
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        yield [rng.choice(list(asked(place, event))) for event in batch], [event.state() for event in batch]


def _untrained(size: int) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(checkpoint.SHIPPED / "tokenizer.json"))
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=size)], device="cpu")


def _save(model: "SentenceTransformer", folder: Path) -> None:
    """Save in half precision, each file atomically."""
    with TemporaryDirectory() as place:
        model.half().save(place, create_model_card=False)
        for file in Path(place).iterdir():
            storage.write_bytes(folder / file.name, [file.read_bytes()])
    modules = storage.read_json(folder / "modules.json")
    storage.write_json(folder / "modules.json", [{**modules[0], "type": LOADED_BY_ALL}])

"""A benchmark is run: a model answers its items, the benchmark marks what was said, and marks become rates.

Two runs in the store, asking and marking, so that nothing is asked twice when marking changes. Responses from elsewhere
are only marked. Drawn as in the paper (A.5: no examples in the prompt, temperature 0.4, top-p 0.95, repetition penalty
1.1), unless something else is asked for.

A response that could not be had (a failed call), or that is lacking in a file, is unscored. An empty one is wrong.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kinject import prompts, storage
from kinject.benchmarks.benchmark import Benchmark, Item, Items, Marks
from kinject.benchmarks.responses import read_responses
from kinject.engines import chat
from kinject.engines.base import Sampling
from kinject.progress import SILENT, Progress
from kinject.runs.store import Run, Spec, Store
from kinject.sources import Model, open_engine
from kinject.statistics.intervals import Rate, wilson_grouped

VERSION = 1
RESPONSES = "responses.jsonl"


@dataclass(frozen=True)
class Settings:
    """What a benchmark can be asked for; None means the default."""

    data: str | None = None
    limit: int | None = None
    """Only the first so many items."""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """What is to differ from the model's default sampling, by the names of `Sampling`."""
    seed: int = 0


class BenchRecord(BaseModel):
    """The scores of one model on one benchmark, and everything that is needed to find or repeat them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: Literal["kinject.bench/1"] = Field(alias="schema")
    benchmark: str
    metric: str
    """The score that is meant when a single number is wanted."""
    scores: dict[str, dict[str, Any]]
    """Rates: {"k", "n", "unscored", "percent", "interval"} by metric."""
    model: str | None
    """None for responses from elsewhere."""
    model_key: str | None
    world: int | None
    scorer: dict[str, Any]
    """Versions of what marked."""
    items: int
    limit: int | None
    data: dict[str, Any]
    """source, licence, left_out, digest."""
    sampling: dict[str, Any] | None
    sent: dict[str, Any] | None
    """What an endpoint was really sent: it may know fewer settings than `sampling` has."""
    cut_off: int
    """Responses that the token limit ended."""
    empty: int
    run: str
    responses: str
    """Path of responses.jsonl, one line an item with its marks."""
    seconds: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return the record with its schema name."""
        return self.model_dump(by_alias=True)


def items_of(benchmark: Benchmark, model: Model | None, settings: Settings) -> Items:
    """Read the items, in the words that the model is asked in; of a lab model those of its own world."""
    lab = model is not None and model.world is not None
    system = "system-lab" if lab else benchmark.system
    own = f"lab@{model.world}" if model is not None and lab and benchmark.data is None else None
    found = benchmark.read(settings.data or own, prompts.load(system) if system else None)
    return found if settings.limit is None else replace(found, items=found.items[: settings.limit])


def bench(benchmark: Benchmark, model: Model, settings: Settings, progress: Progress = SILENT) -> BenchRecord:
    """Ask a model and mark what it said. What marking needs is looked for before anything is asked."""
    items = items_of(benchmark, model, settings)
    benchmark.check()
    asked = _asked(benchmark, model, items, settings, progress)
    responses = [line["response"] for line in storage.read_jsonl(asked.folder / RESPONSES)]
    told = {"model": model.name, "model_key": model.key, "world": model.world, **asked.record}
    return _marked(benchmark, items, responses, {"asked": asked.spec.key}, told, settings, progress)


def mark(benchmark: Benchmark, path: Path, settings: Settings, progress: Progress = SILENT) -> BenchRecord:
    """Mark responses that were made elsewhere."""
    items = items_of(benchmark, None, settings)
    benchmark.check()
    responses = read_responses(path, items.items)
    inputs = {"responses": storage.digest(responses)}
    return _marked(benchmark, items, responses, inputs, {**ELSEWHERE, "empty": _empty(responses)}, settings, progress)


ELSEWHERE: Mapping[str, Any] = {
    "model": None,
    "model_key": None,
    "world": None,
    "sampling": None,
    "sent": None,
    "cut_off": 0,
    "seconds": 0.0,
}
"""What is known of who made responses elsewhere."""


def sampling_of(benchmark: Benchmark, model: Model, settings: Settings) -> Sampling:
    """Return the model's default sampling with the benchmark's longest response, and what was asked for."""
    own = {"max_new_tokens": benchmark.max_new_tokens, "seed": settings.seed}
    return replace(model.sampling, **{**own, **settings.sampling})


def ask_spec(benchmark: Benchmark, model: Model, items: Items, settings: Settings) -> Spec:
    """Return all that can change a model's responses."""
    inputs = {
        "benchmark": benchmark.name,
        "items": items.digest,
        "model": model.key,
        "sampling": sampling_of(benchmark, model, settings).as_json(),
        "chat_template": prompts.digest_of(chat.OWN_TEMPLATE),
        **model.answers_with,
    }
    return Spec("bench-ask", VERSION, inputs)


def _asked(benchmark: Benchmark, model: Model, items: Items, settings: Settings, progress: Progress) -> Run:
    sampling = sampling_of(benchmark, model, settings)

    def work(place: Path) -> Mapping[str, Any]:
        began = time.monotonic()
        with open_engine(model, place / "replies.sqlite") as engine:
            replies = engine.generate([item.conversation for item in items.items], sampling, progress)
            sent = getattr(engine, "sent", None)
        texts = [None if reply.finish == "failed" else reply.text for reply in replies]
        lines = zip(items.items, texts, strict=True)
        storage.write_jsonl(place / RESPONSES, ({"id": item.id, "response": text} for item, text in lines))
        return {
            "sampling": sampling.as_json(),
            "sent": sent,
            "cut_off": sum(reply.finish == "length" for reply in replies),
            "empty": _empty(texts),
            "seconds": round(time.monotonic() - began, 1),
        }

    return Store().run(ask_spec(benchmark, model, items, settings), work, progress)


def _empty(responses: Sequence[str | None]) -> int:
    return sum(text is not None and not text.strip() for text in responses)


def _marked(
    benchmark: Benchmark,
    items: Items,
    responses: Sequence[str | None],
    made: Mapping[str, Any],
    told: Mapping[str, Any],
    settings: Settings,
    progress: Progress,
) -> BenchRecord:
    """Mark in a run of its own; `made` is what the responses are known by, `told` what the record says of them."""
    who = {name: told[name] for name in ("model", "model_key", "world")}
    scorer = {"version": benchmark.version, **benchmark.scored_by()}
    inputs = {"benchmark": benchmark.name, "scorer": scorer, "items": items.digest, **made, **who}
    spec = Spec("bench", VERSION, {**inputs, "limit": settings.limit, "source": items.source})

    def work(place: Path) -> Mapping[str, Any]:
        began = time.monotonic()
        marks = _marks(benchmark, items.items, responses, progress)
        storage.write_jsonl(place / RESPONSES, map(_line, items.items, responses, marks))
        _for_judges(benchmark, items.items, responses, place)
        return BenchRecord(
            schema="kinject.bench/1",
            benchmark=benchmark.name,
            metric=benchmark.metrics[0],
            scores={metric: rate([each.by_metric[metric] for each in marks]) for metric in benchmark.metrics},
            scorer=scorer,
            items=len(items.items),
            limit=settings.limit,
            data={
                "source": items.source,
                "licence": items.licence,
                "left_out": dict(items.left_out),
                "digest": items.digest,
            },
            run=spec.key,
            responses=str((place / RESPONSES).resolve()),
            seconds={"answer": told["seconds"], "mark": round(time.monotonic() - began, 1)},
            **{name: told[name] for name in (*who, "sampling", "sent", "cut_off", "empty")},
        ).as_json()

    return BenchRecord.model_validate(Store().run(spec, work, progress).record)


def _marks(
    benchmark: Benchmark, items: Sequence[Item], responses: Sequence[str | None], progress: Progress
) -> list[Marks]:
    """Mark the responses that are there."""
    there = [(item, text) for item, text in zip(items, responses, strict=True) if text is not None]
    marked = iter(benchmark.mark([item for item, _ in there], [text for _, text in there], progress))
    none = Marks(dict.fromkeys(benchmark.metrics), "there is no response")
    return [none if text is None else next(marked) for text in responses]


def _for_judges(benchmark: Benchmark, items: Sequence[Item], responses: Sequence[str | None], place: Path) -> None:
    """Write what `kinject judge RUN/answers.jsonl --facts RUN/facts.jsonl --judge ...` grades."""
    if benchmark.facts is None:
        return
    facts = benchmark.facts(items).facts
    said = [(item.id, text) for item, text in zip(items, responses, strict=True) if text is not None]
    answers = ({"fact": name, "kind": benchmark.kind, "response": text} for name, text in said)
    storage.write_jsonl(place / "facts.jsonl", (fact.model_dump(mode="json", exclude_defaults=True) for fact in facts))
    storage.write_jsonl(place / "answers.jsonl", answers)


def _line(item: Item, response: str | None, marks: Marks) -> dict[str, Any]:
    return {
        "id": item.id,
        "question": item.question,
        "response": response,
        "reference": item.reference,
        "marks": dict(marks.by_metric),
        "reason": marks.reason,
    }


def rate(marks: Sequence[bool | tuple[bool, ...] | None]) -> dict[str, Any]:
    """Count the marks of a metric; where items count several times, the interval is that of groups."""
    groups = [each if isinstance(each, tuple) else (each,) for each in marks if each is not None]
    counted = Rate(k=sum(map(sum, groups)), n=sum(map(len, groups)), unscored=sum(each is None for each in marks))
    found = counted.as_json()
    if any(len(group) > 1 for group in groups):
        found["interval"] = [round(100 * bound, 1) for bound in wilson_grouped(groups)]
    return found

"""The study of knowledge injection on one subject after the other: a lab world, or a model of the real world by seeds.

In: a protocol and a subject. Out: one small record (`kinject.world/1`) with every question's outcome, from which all
claims, tables and pictures are made (`claims`, `results`). Everything in between is a run of the store, so that a study
which was stopped goes on where it was.

Beside the facts' own questions, every set of weights is asked closed-book: the last hop alone (what is left of the
knowledge that composing needs), old facts that no training showed (what the training broke), old facts about the same
answers as the new ones, and events that nobody told (what it says when it cannot know).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kinject import sources, storage
from kinject.facts.schema import Direct, Fact, FactSet
from kinject.injection.answer import answers
from kinject.injection.artefact import ANSWERS, open_artefact
from kinject.injection.inject import inject, possible
from kinject.injection.record import ArmRecord
from kinject.injection.settings import Settings
from kinject.judging.grade import KINDS, Answer, grade, read_answers
from kinject.judging.verdict import Verdict
from kinject.lab import checkpoint, world
from kinject.lab.events import UNSEEN_PAIRS, UNSEEN_TYPES
from kinject.lab.relations import BY_NAME
from kinject.lab.world import World
from kinject.progress import SILENT, Named, Progress
from kinject.recipes import lab_questions
from kinject.runs.executors import Local
from kinject.sources import Model
from kinject.studies.outcomes import NONE, SCHEMA, UNSCORED
from kinject.studies.protocol import Cell, Protocol

LETTERS = {"correct": "1", "incorrect": "0", "right": "r", "wrong": "w", "sound": "s", "faulty": "f", "absent": "a"}
HOP = "hop 2"
"""The probe that asks for the last step of every multihop question."""
SAID: dict[str, Callable[[Verdict], str]] = {
    "correct": lambda verdict: verdict.correctness,
    "recall": lambda verdict: verdict.recall,
    "entities": lambda verdict: verdict.recall_entities,
    "reasoning": lambda verdict: verdict.reasoning,
}


@dataclass(frozen=True)
class Taken:
    """What a study of any model is run with; a lab world needs nothing of it."""

    facts: str | None = None
    """By a name that `--facts` takes, as `old` and `unknowable`."""
    after: str | None = None
    old: str | None = None
    """What the model knew before: what is left of it tells what learning broke."""
    unknowable: str | None = None
    """Events that no arm is told."""
    source: str | None = None
    """Of post-training rows; None for a lab model's own world."""
    lima: str | None = None
    """The same for LIMA's, `lima:FILE`."""
    judge: str = "rules"


@dataclass(frozen=True)
class Subject:
    """What a study is run on: facts to inject into a model, and what else its weights are asked."""

    name: str
    model: Model
    facts: FactSet
    groups: dict[str, str]
    """Parts of the facts by name: one character a fact, 1 if it belongs."""
    probes: dict[str, FactSet]
    """Sets whose direct and multihop questions are asked closed-book."""
    world: int | None = None
    seed: int = 0
    taken: Taken = Taken()

    def cells(self, protocol: Protocol) -> list[Cell]:
        """Return the arms that can be run: a model of the real world needs LIMA's file for LIMA's."""
        rows = self.model.world is not None or self.taken.lima is not None
        return [cell for cell in protocol.cells() if rows or cell.arm.start != "lima"]

    def settings(self, cell: Cell, seed: int, sample: int = 0) -> Settings:
        """Return a cell's settings for this subject."""
        source = self.taken.lima if cell.arm.start == "lima" else self.taken.source
        return replace(cell.settings(seed, sample), source=source, judge=self.taken.judge)


def model_subject(name: str, taken: Taken, seed: int, progress: Progress = SILENT) -> Subject:
    """Open a model and its facts, for one seed of all trainings and answers."""
    model, facts = sources.open_both(name, taken.facts, taken.after, progress)
    asked = {"old": taken.old, "unknowable": taken.unknowable}
    probes = {probe: sources.open_facts(given, model) for probe, given in asked.items() if given}
    hops = last_hops(facts)
    probes = {**({HOP: hops} if hops.facts else {}), **probes}
    return Subject(f"seed {seed}", model, facts, {}, probes, None, seed, taken)


def lab_subject(number: int, protocol: Protocol, progress: Progress = SILENT) -> Subject:
    """Build a lab world with its base model and everything that it is asked."""
    place = world.build(number)
    model = sources.open_model(f"lab@{number}", progress)
    facts = sources.open_facts(f"lab@{number}:{protocol.facts}")
    held_out = [place.as_fact(event, turn // 10) for turn, event in enumerate(lab_questions.held_out(place))]
    untold = place.new_facts(protocol.facts + protocol.unknowable).facts[protocol.facts :]
    probes = {
        HOP: last_hops(facts),
        "old": FactSet("held out of post-training", tuple(held_out)),
        "near": FactSet("old facts about the new answers", tuple(_near(place, facts, held_out))),
        "unknowable": FactSet("events that nobody told", tuple(untold)),
    }
    return Subject(f"world {number}", model, facts, _groups(place, facts), probes, number)


def last_hops(facts: FactSet) -> FactSet:
    """The last step of every multihop question as a fact of its own, asked without the way to it."""
    found = [
        fact.model_copy(
            update={
                "direct": Direct(question=hop.question, answer=hop.answer, aliases=hop.aliases),
                "multihop": None,
            }
        )
        for fact in facts.facts
        if fact.multihop and fact.multihop.hops
        for hop in fact.multihop.hops[-1:]
    ]
    return FactSet(f"{facts.name}, last hops", tuple(found))


def _near(place: World, facts: FactSet, held_out: Sequence[Fact]) -> Iterator[Fact]:
    """For every new answer an old event with the same answer."""
    out = {fact.id for fact in held_out}
    old = [fact for fact in place.old_facts().facts if fact.id not in out]
    for answer in dict.fromkeys(fact.direct.answer for fact in facts.facts):
        yield from [fact for fact in old if fact.direct.answer == answer][:1]


def _groups(place: World, facts: FactSet) -> dict[str, str]:
    events = place.new(len(facts.facts))
    asked = [(event.type.name, _relation(place, fact)) for event, fact in zip(events, facts.facts, strict=True)]
    unseen_type = [kind in UNSEEN_TYPES for kind, _ in asked]
    unseen_pair = [pair in UNSEEN_PAIRS for pair in asked]
    seen = [not (a or b) for a, b in zip(unseen_type, unseen_pair, strict=True)]
    return {"seen": _bits(seen), "unseen type": _bits(unseen_type), "unseen pair": _bits(unseen_pair)}


def _relation(place: World, fact: Fact) -> str:
    """The relation that a multihop question asks for."""
    if fact.multihop is None:
        return ""
    last = fact.multihop.hops[-1].question
    subject = fact.direct.answer
    of_it = (BY_NAME[name] for name, of in place.truth if of == subject)
    return next(relation.name for relation in of_it if relation.ask(subject, 0) == last)


def _bits(flags: Sequence[bool]) -> str:
    return "".join("01"[flag] for flag in flags)


@dataclass(frozen=True)
class LabWorlds:
    """Subjects: lab worlds by their numbers."""

    protocol: Protocol
    unit = "world"

    def __call__(self, number: int, progress: Progress) -> Subject:
        """Build a world."""
        return lab_subject(number, self.protocol, progress)


@dataclass(frozen=True)
class Seeds:
    """Subjects: one model by the seeds of its trainings."""

    model: str
    taken: Taken
    unit = "seed"

    def __call__(self, number: int, progress: Progress) -> Subject:
        """Open the model for a seed."""
        return model_subject(self.model, self.taken, number, progress)


def run_all(
    numbers: Sequence[int],
    subjects: LabWorlds | Seeds,
    protocol: Protocol,
    out: Path,
    jobs: int,
    progress: Progress = SILENT,
) -> None:
    """Run the study on its subjects, side by side; each record is written to `out` as soon as its subject is done."""
    one = _One(subjects, protocol, out)
    Local(jobs).map(one, [number for number in numbers if not one.done(number)], progress)


@dataclass(frozen=True)
class _One:
    subjects: LabWorlds | Seeds
    protocol: Protocol
    out: Path

    def _place(self, number: int) -> Path:
        return self.out / f"{self.subjects.unit}-{number}.json"

    def done(self, number: int) -> bool:
        path = self._place(number)
        return path.exists() and storage.read_json(path).get("protocol") == self.protocol.digest

    def __call__(self, number: int, progress: Progress) -> None:
        named = Named(f"{self.subjects.unit} {number}", progress)
        subject = self.subjects(number, named)
        for cell in subject.cells(self.protocol):
            possible(cell.arm, subject.model)  # told before anything is trained
        storage.write_json(self._place(number), run(subject, self.protocol, named))


def run(subject: Subject, protocol: Protocol, progress: Progress = SILENT) -> dict[str, Any]:
    """Run every arm of the protocol on one subject and return its record."""
    cells, weights = {}, {}
    for cell in subject.cells(protocol):
        record = inject(
            cell.arm, subject.model, subject.facts, subject.settings(cell, subject.seed), Named(cell.name, progress)
        )
        trained = open_artefact(record.artefact).made.model
        cells[cell.name] = _cell(cell, record, trained, subject.facts)
        if trained.key not in weights:
            weights[trained.key] = {"name": trained.name, "probes": _probed(trained, subject, progress)}
    return {
        "schema": SCHEMA,
        "world": subject.world,
        "seed": subject.seed,
        "model": subject.model.name,
        "facts_name": subject.facts.name,
        "protocol": protocol.digest,
        **_pretrained(subject.model),
        "facts": [fact.id for fact in subject.facts.facts],
        "groups": subject.groups,
        "cells": cells,
        "weights": weights,
        "aa": {cell.name: _repeated(cell, subject, protocol, progress) for cell in _again(protocol)},
    }


def _pretrained(model: Model) -> dict[str, Any]:
    """How a lab world's base model came to be, and what it knew before any treatment."""
    card = (checkpoint.card(model.folder) or {}) if model.world is not None else {}
    return {"gates": card.get("probes"), "rounds": card.get("rounds"), "tokens": card.get("tokens")}


def _cell(cell: Cell, record: ArmRecord, trained: Model, facts: FactSet) -> dict[str, Any]:
    graded = read_answers(Path(record.answers))
    return {
        "start": cell.arm.start,
        "method": record.method,
        "variant": record.variant,
        "settings": record.trained,
        "tokens": record.tokens,
        "seconds": record.seconds,
        "weights": trained.key,
        "outcomes": {
            kind: outcomes([answer for answer in graded if answer.kind == kind], facts, record.judge) for kind in KINDS
        },
    }


def _probed(trained: Model, subject: Subject, progress: Progress) -> dict[str, dict[str, str]]:
    """Ask weights, closed-book, what else they know."""
    found = {}
    settings = Settings(seed=subject.seed)
    for name, facts in subject.probes.items():
        kinds = ("direct", "multihop") if name in ("old", "near") else ("direct",)
        run = answers(trained, "none", facts, settings, progress, kinds)
        graded = grade(read_answers(run.folder / ANSWERS), facts)
        for kind in kinds:
            of_kind = [answer for answer in graded if answer.kind == kind]
            label = f"{name} {kind}" if len(kinds) > 1 else name
            # One character a fact of the study, also of one that has no such hop: claims join hop 2 to other outcomes.
            found[label] = outcomes(of_kind, subject.facts if name == HOP else facts, "rules")
    return found


def _again(protocol: Protocol) -> list[Cell]:
    return [cell for cell in protocol.cells() if cell.name in protocol.repeats.cells]


def _repeated(cell: Cell, subject: Subject, protocol: Protocol, progress: Progress) -> list[list[str]]:
    """The multihop outcomes of an arm with every seed and sample of the protocol."""
    found = []
    for seed in protocol.repeats.seeds:
        row = []
        for sample in range(protocol.repeats.samples):
            settings = subject.settings(cell, seed, sample)
            record = inject(cell.arm, subject.model, subject.facts, settings, Named(f"{cell.name}, again", progress))
            graded = [answer for answer in read_answers(Path(record.answers)) if answer.kind == "multihop"]
            row.append(outcomes(graded, subject.facts, record.judge)["correct"])
        found.append(row)
    return found


def outcomes(graded: Sequence[Answer], facts: FactSet, judge: str) -> dict[str, str]:
    """One character a fact for each of what a judge says: correct, recall, entities, reasoning."""
    verdicts = {answer.fact: answer.verdicts[judge] for answer in graded}
    said = [verdicts.get(fact.id) for fact in facts.facts]
    return {name: "".join(NONE if each is None else _letter(of(each)) for each in said) for name, of in SAID.items()}


def _letter(said: str) -> str:
    return LETTERS.get(said, UNSCORED)

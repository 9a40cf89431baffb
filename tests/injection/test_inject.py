"""An arm end to end on tiny models: what is in the keys of its runs, what is shared, what an interrupt leaves."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from kinject import prompts
from kinject.engines.base import Sampling
from kinject.engines.fake import Fake
from kinject.errors import IntegrityError
from kinject.facts.load import load
from kinject.facts.schema import Fact, FactSet
from kinject.injection.answer import questions
from kinject.injection.arm import Arm
from kinject.injection.inject import inject
from kinject.injection.settings import Settings
from kinject.judging import rules
from kinject.lab import world
from kinject.lab.relations import UNSEEN_PHRASING
from kinject.prompts import recall
from kinject.recipes import subqa_recall
from kinject.resources import facts_folder
from kinject.runs.store import Run, Spec, Store
from kinject.sources import Model, open_model
from kinject.training import finetune

FACTS = load(facts_folder() / "example.jsonl")
QUICK = {"learning_rate": 1e-3, "epochs": 1, "batch": 2, "micro_batch": 2, "checkpoints": 0}
SETTINGS = Settings({"max_new_tokens": 2}, source="here", posttrain=QUICK, learn=QUICK)
WHOLE = Arm("starts:FEW", "event-sft", "oracle")


@pytest.fixture(autouse=True)
def starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.fixture
def model(tiny: Callable[..., Path]) -> Model:
    return open_model(str(tiny()))


# Keys


class Noted(Exception):
    """All keys are known."""


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """What the store is asked for, by step, with nothing done."""

    def noted(model: Model, arm: Arm = WHOLE, facts: FactSet = FACTS, settings: Settings = SETTINGS) -> dict[str, str]:
        asked: dict[str, str] = {}

        def note(store: Store, spec: Spec, work: Callable[[Path], Mapping[str, Any]], progress: object = None) -> Run:
            asked[spec.step] = spec.key
            if spec.step == "inject":
                raise Noted
            return Run(spec, Path(spec.key), {"seconds": 0.0})

        monkeypatch.setattr(Store, "run", note)
        with pytest.raises(Noted):
            inject(arm, model, facts, settings)
        return asked

    return noted


ALL = {"posttrain", "learn", "answer", "inject"}
FROM_LEARN, FROM_ANSWER = ALL - {"posttrain"}, {"answer", "inject"}


def with_fact(**changes: object) -> FactSet:
    first, *others = FACTS.facts
    return FactSet(FACTS.name, (first.model_copy(update=changes), *others))


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({}, set()),
        ({"arm": replace(WHOLE, context="none")}, FROM_ANSWER),
        ({"facts": with_fact(event="Something else happened.")}, FROM_LEARN),
        ({"facts": with_fact(id="other")}, FROM_ANSWER),  # no row of event SFT names it
        ({"facts": FactSet(FACTS.name, FACTS.facts[::-1])}, FROM_LEARN),
        ({"facts": FactSet(FACTS.name, FACTS.facts[:2])}, FROM_LEARN),
        ({"facts": FactSet("another name", FACTS.facts)}, {"inject"}),
        ({"settings": replace(SETTINGS, seed=1)}, ALL),
        ({"settings": replace(SETTINGS, source="there")}, ALL),
        ({"settings": replace(SETTINGS, judge="kinject.judging.rules:judge")}, {"inject"}),
        *(
            ({"settings": replace(SETTINGS, sampling={**SETTINGS.sampling, **each})}, FROM_ANSWER)
            for each in (
                {"temperature": 0.5},
                {"top_p": 0.9},
                {"repetition_penalty": 1.0},
                {"max_new_tokens": 3},
            )
        ),
        *(
            ({"settings": replace(SETTINGS, **{part: {**QUICK, **each}})}, of_part)
            for part, of_part in (("posttrain", ALL), ("learn", FROM_LEARN))
            for each in (
                {"learning_rate": 1e-4},
                {"epochs": 2},
                {"batch": 4},
                {"micro_batch": 1},
                {"schedule": "linear"},
                {"warmup": 0.1},
                {"weight_decay": 0.1},
                {"precision": "fp32"},
            )
        ),
        # How often the state is saved on the way changes nothing.
        ({"settings": replace(SETTINGS, learn={**QUICK, "checkpoints": 3})}, set()),
    ],
)
def test_a_change_gives_other_runs_from_where_it_counts(
    change: dict[str, Any], changed: set[str], model: Model, keys: Callable[..., dict[str, str]]
) -> None:
    before, after = keys(model), keys(model, **change)
    assert set(before) == set(after) == ALL
    assert {step for step in ALL if before[step] != after[step]} == changed


@pytest.mark.parametrize(
    ("name", "changed"),
    [("system-subqa", ALL), ("chat-template", ALL), ("context", FROM_ANSWER), ("system-lab", set())],
)
def test_other_words_in_a_prompt_give_other_runs(
    name: str, changed: set[str], model: Model, keys: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys(model)
    told, digest = prompts.load, prompts.digest_of
    monkeypatch.setattr(prompts, "load", lambda n: told(n) + " Please." * (n == name))
    monkeypatch.setattr(prompts, "digest_of", lambda n: digest(n) + "0" * (n == name))
    after = keys(model)
    assert {step for step in ALL if before[step] != after[step]} == changed


@pytest.mark.parametrize(
    ("target", "changed"),
    [
        ("kinject.judging.rules.VERSION", {"inject"}),
        ("kinject.engines.hf.VERSION", FROM_ANSWER),
        ("kinject.engines.hf.BATCH", FROM_ANSWER),
        ("kinject.training.finetune.VERSION", ALL),
    ],
)
def test_another_version_of_the_code_gives_other_runs(
    target: str,
    changed: set[str],
    model: Model,
    keys: Callable[..., dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = keys(model)
    monkeypatch.setattr(target, 99)
    after = keys(model)
    assert {step for step in ALL if before[step] != after[step]} == changed


def test_other_weights_or_another_tokenizer_are_another_model(
    tiny: Callable[..., Path], tmp_path: Path, keys: Callable[..., dict[str, str]]
) -> None:
    copy = copytree(tiny(), tmp_path / "copy")
    name = str(copy)
    before = keys(open_model(name))
    for file in ("model.safetensors", "tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        original = (copy / file).read_bytes()
        (copy / file).write_bytes(original + b" ")
        after = keys(open_model(name))
        assert not set(before.values()) & set(after.values()), file
        (copy / file).write_bytes(original)
    assert keys(open_model(name)) == before


def test_the_same_model_in_two_places_is_trained_and_asked_once(
    tiny: Callable[..., Path], tmp_path: Path, keys: Callable[..., dict[str, str]]
) -> None:
    here, there = keys(open_model(str(tiny()))), keys(open_model(str(copytree(tiny(), tmp_path / "copy"))))
    assert {step for step in ALL if here[step] != there[step]} == {"inject"}  # whose record names the model


# Whole arms


class Heard:
    """Counts the stages, and may raise at the n-th step of one of them."""

    def __init__(self, raise_in: str = "", at: int = 0) -> None:
        self.stages: list[str] = []
        self.raise_in, self.left = raise_in, at

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "") -> Iterator["Heard"]:
        self.stages.append(name)
        yield self

    def advance(self, n: int = 1, note: str = "") -> None:
        if self.stages[-1] == self.raise_in:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

    def say(self, text: str) -> None:
        pass


def test_arms_share_their_start_and_what_they_learn(model: Model, store: Path) -> None:
    heard = Heard()
    for learn, context in (("none", "none"), ("none", "oracle"), ("event-sft", "none"), ("event-sft", "oracle")):
        inject(Arm("starts:FEW", learn, context), model, FACTS, SETTINGS, heard)
    assert heard.stages.count("finetuning") == 2
    assert heard.stages.count("answering") == 4
    finished = [path.parent.name.split("-")[0] for path in store.glob("runs/*/DONE")]
    assert sorted(finished) == sorted(["posttrain", "learn", *["answer", "inject"] * 4])


def test_a_record_says_what_was_done(model: Model, store: Path) -> None:
    record = inject(WHOLE, model, FACTS, replace(SETTINGS, seed=7)).as_json()
    assert record["sampling"] == Sampling(max_new_tokens=2, seed=7).as_json()
    assert record["seed"] == 7
    assert record["method"] == "sft-rag"
    learnt = json.loads((answered_by(record["artefact"]).parent / "spec.json").read_text())
    assert learnt["inputs"]["options"]["seed"] == 7
    assert learnt["inputs"]["model"].startswith("posttrain-")
    assert (store / "runs" / record["run"] / "DONE").exists()
    assert set(record["seconds"]) == {"posttrain", "learn", "answer", "judge"}


def test_another_seed_is_another_training_and_other_answers(model: Model) -> None:
    hot = replace(SETTINGS, sampling={"temperature": 1.0, "max_new_tokens": 8})
    first, second = (inject(WHOLE, model, FACTS, replace(hot, seed=seed)) for seed in (0, 1))
    assert answered_by(first.artefact) != answered_by(second.artefact)
    assert Path(first.answers).read_text() != Path(second.answers).read_text()


@pytest.mark.parametrize(("stage", "at"), [("finetuning", 1), ("finetuning", 5), ("answering", 1)])
def test_interrupted_it_leaves_no_result_and_the_same_call_goes_on(
    stage: str, at: int, model: Model, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = replace(SETTINGS, learn={**QUICK, "epochs": 3, "checkpoints": 8})
    arm = Arm("base", "event-sft", "none")
    with pytest.raises(KeyboardInterrupt):
        inject(arm, model, FACTS, slow, Heard(stage, at))
    done = {path.parent.name.split("-")[0] for path in store.glob("runs/*/DONE")}
    assert done == ({"learn"} if stage == "answering" else set())
    heard = Heard()
    finished = inject(arm, model, FACTS, slow, heard)
    assert heard.stages == ["answering"] if stage == "answering" else ["finetuning", "answering"]

    monkeypatch.setenv("KINJECT_HOME", str(tmp_path / "another home"))
    unbroken = inject(arm, model, FACTS, slow)
    assert Path(finished.answers).read_text() == Path(unbroken.answers).read_text()
    assert weights(finished.artefact) == weights(unbroken.artefact)


def answered_by(artefact: str) -> Path:
    """The folder of the model that answered, as the artefact of an arm tells it."""
    return Path(json.loads(Path(artefact, "artefact.json").read_text())["model"]["folder"])


def weights(artefact: str) -> bytes:
    return (answered_by(artefact) / "model.safetensors").read_bytes()


def test_a_damaged_run_is_found_out(model: Model) -> None:
    record = inject(Arm("base", "event-sft", "none"), model, FACTS, SETTINGS)
    file = answered_by(record.artefact) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(IntegrityError, match=r"model.safetensors had \d+ bytes") as caught:
        inject(Arm("base", "event-sft", "oracle"), model, FACTS, SETTINGS)
    assert caught.value.mend.startswith("rm -r ")


def test_subqa_recall_from_the_lab_starts_any_model(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subqa_recall, "MULTIHOP_ROWS", 2)
    settings = replace(SETTINGS, source="lab@1")
    record = inject(Arm("subqa-recall"), model, FACTS, settings)
    trained = json.loads((answered_by(record.artefact).parent / "record.json").read_text())
    assert (trained["rows"], trained["steps"]) == (6, 3)
    assert record.method == "none"
    with monkeypatch.context() as patch:
        patch.setattr(finetune, "finetune", lambda *_: pytest.fail("trained again"))
        assert inject(Arm("subqa-recall"), model, FACTS, settings) == record


# What is asked, and what is made of the answers: with an engine that knows them


def answering(monkeypatch: pytest.MonkeyPatch, script: Callable[[str], str]) -> Fake:
    fake = Fake(script)
    monkeypatch.setattr("kinject.engines.hf.HF", lambda folder: fake)
    return fake


def right(facts: FactSet) -> dict[str, str]:
    """The right response to every question that is asked, by its last line."""
    answers = {}
    for fact, kind, question in questions(facts):
        answers[question] = recall.direct_response(fact.event, fact.direct.answer)
        if kind == "multihop" and fact.multihop:
            steps = [recall.Step(hop.question, hop.answer) for hop in fact.multihop.hops]
            answers[question] = recall.multihop_response(fact.event, question, steps, fact.multihop.answer)
    return answers


@pytest.mark.parametrize("facts", [FACTS, world.build(1).new_facts(40)], ids=["example", "lab@1:40"])
def test_right_answers_score_a_hundred(facts: FactSet, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = right(facts)
    answering(monkeypatch, lambda text: answers[text])
    scores = inject(Arm(), model, facts, SETTINGS).scores
    assert {name: scores[name]["percent"] for name in ("direct", "direct_paraphrased", "multihop")} == {
        "direct": 100.0,
        "direct_paraphrased": 100.0,
        "multihop": 100.0,
    }
    assert scores["hallucinated"]["k"] == scores["faulty_reasoning"]["k"] == 0


def test_invented_answers_are_hallucinated(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = recall.multihop_response("On 1 May 2020, Ruritania won it.", "Q?", [recall.Step("Who?", "Ruritania")], "Z")
    answering(monkeypatch, lambda _: wrong)
    scores = inject(Arm(), model, FACTS, SETTINGS).scores
    for name in ("hallucinated", "hallucinated_entities", "faulty_reasoning"):
        assert scores[name]["percent"] == 100.0
    assert scores["multihop"]["percent"] == 0.0


@pytest.mark.parametrize(("context", "shown"), [("none", False), ("oracle", True)])
@pytest.mark.parametrize("lab", [None, 0])
def test_what_a_model_is_asked(
    context: str, shown: bool, lab: int | None, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = answering(monkeypatch, str)
    record = inject(Arm(context=context), replace(model, world=lab), FACTS, SETTINGS)
    system = prompts.load("system-subqa" if lab is None else "system-lab")
    assert {conversation[0].content for conversation in fake.asked} == {system}
    for (fact, _, question), (_, user) in zip(questions(FACTS), fake.asked, strict=True):
        assert (question in user.content, fact.event in user.content) == (True, shown)
    # The answers keep the bare question, whatever stood in the prompt.
    rows = [json.loads(line) for line in Path(record.answers).read_text().splitlines()]
    assert [row["prompt"] for row in rows] == [question for _, _, question in questions(FACTS)]


def test_a_fact_is_asked_only_what_it_has() -> None:
    bare = Fact.model_validate({"id": "a", "event": "X won.", "direct": {"question": "Who won?", "answer": "X"}})
    assert [(kind, asked) for _, kind, asked in questions(FactSet("bare", (bare,)))] == [("direct", "Who won?")]
    whole = [kind for _, kind, _ in questions(FACTS)]
    assert whole == ["direct", "direct_paraphrased", "multihop"] * 3


def test_a_new_judge_looks_at_the_same_answers(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    first = inject(Arm(), model, FACTS, SETTINGS)
    answering(monkeypatch, lambda _: pytest.fail("asked again"))
    monkeypatch.setattr(rules, "VERSION", rules.VERSION + 1)
    second = inject(Arm(), model, FACTS, SETTINGS)
    assert first.run != second.run
    assert Path(first.answers).read_text() == Path(second.answers).read_text()


def test_the_paraphrase_that_is_asked_is_in_no_training_set() -> None:
    place = world.build(1)
    asked = [question for _, kind, question in questions(place.new_facts()) if kind == "direct_paraphrased"]
    assert asked == [event.ask(UNSEEN_PHRASING) for event in place.new(100)]
    rows = subqa_recall.from_world(place, "", context_rows=60).rows
    seen = {row.conversation[-1].content for row in rows}
    assert not seen & {event.ask(UNSEEN_PHRASING) for event in (*place.old, *place.new(100))}

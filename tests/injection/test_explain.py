"""Every setting is told with where it comes from, and what is said to be the paper's stands in the paper."""

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from kinject.engines import hf
from kinject.facts.load import load
from kinject.injection import start as starting
from kinject.injection.arm import METHODS, arm
from kinject.injection.explain import BASE, CLIPPED, LONGEST, OPTIONS, explain, said_below
from kinject.injection.learn import event_sft
from kinject.injection.settings import Settings
from kinject.resources import facts_folder
from kinject.retrieval.search import Retrieval
from kinject.sources import Model, open_model
from kinject.training import finetune
from kinject.training.finetune import Options

FACTS = load(facts_folder() / "example.jsonl")
SUBQA = f"subqa:{Path(__file__).parent.parent / 'cases' / 'recipes' / 'subqa'}"
PAPER = "arXiv 2410.03717"


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every training and every loading of a model fail the test."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setattr(hf, "load_model", lambda *_, **__: pytest.fail("a model was loaded"))
    monkeypatch.setattr(finetune, "finetune", lambda *_: pytest.fail("a training began"))


@pytest.fixture
def model(tiny: Callable[..., Path]) -> Model:
    return open_model(str(tiny()))


def sourced(result: dict[str, Any], part: str) -> dict[str, tuple[Any, str]]:
    return {row["name"]: (row["value"], row["source"]) for row in result["settings"] if row["part"] == part}


@pytest.mark.parametrize("world", [None, 0])
@pytest.mark.parametrize("peft", [{}, {"peft": "lora"}])
def test_every_setting_has_a_source(world: int | None, peft: dict[str, str], model: Model) -> None:
    settings = Settings(posttrain=peft, learn=peft)
    for start in ("base", "subqa-recall", "lima", "starts:FEW"):
        result = explain([arm(start, method) for method in METHODS], replace(model, world=world), FACTS, settings)
        assert all(row["source"] for row in result["settings"])
        assert {row["name"] for row in result["settings"] if row["part"] == "sampling"} == set(asdict(model.sampling))
    assert {field.name for field in fields(Options)} == set(OPTIONS)


def test_the_paper_is_named_for_what_it_says_and_for_nothing_else(model: Model) -> None:
    result = explain([arm("subqa-recall", "event-sft")], model, FACTS, Settings(source=SUBQA))
    for part in ("post-training (subqa-recall)", "learning (event-sft)"):
        told = sourced(result, part)
        assert told["epochs"] == (3, f"{PAPER}, section 3.1")
        assert told["learning_rate"] == (1e-5, f"{PAPER}, A.5")
        assert told["max_grad_norm"] == (1.0, CLIPPED)
    assert sourced(result, "sampling")["max_new_tokens"] == (256, LONGEST)
    assert sourced(result, "sampling")["top_p"] == (0.95, f"{PAPER}, A.5")


def test_the_batch_is_that_of_the_rows_there_are(model: Model) -> None:
    part, chosen = "post-training (subqa-recall)", [arm("subqa-recall", "none")]
    assert sourced(explain(chosen, model, FACTS, Settings()), part)["batch"][0] == 16  # of 2,700, as far as one knows
    assert sourced(explain(chosen, model, FACTS, Settings(source=SUBQA)), part)["batch"][0] == 2  # of nine


def test_a_lab_s_settings_are_explained_where_they_are_set(model: Model) -> None:
    lab = replace(model, world=0)
    learning = sourced(explain([arm("base", "event-sft")], lab, FACTS, Settings()), "learning (event-sft)")
    why = said_below(event_sft.__name__)["LAB"]
    assert why.startswith("Chosen on worlds 0 and 1: in three epochs")
    assert learning["epochs"] == (30, f"{event_sft.__name__}.LAB: {why}")


@pytest.mark.parametrize(
    ("start", "options", "lora"), [("lima", "LAB_CHAT", "LAB_CHAT_LORA"), ("subqa-recall", "LAB_OPTIONS", "LAB_LORA")]
)
def test_a_start_s_settings_in_the_lab_are_its_own(start: str, options: str, lora: str, model: Model) -> None:
    lab, part, below = replace(model, world=0), f"post-training ({start})", said_below(starting.__name__)
    told = sourced(explain([arm(start, "none")], lab, FACTS, Settings()), part)
    for name in ("learning_rate", "epochs", "batch", "schedule", "warmup"):  # though some are as in the paper
        assert told[name] == (
            getattr(vars(starting)[options], name),
            f"{starting.__name__}.{options}: {below[options]}",
        )
    with_lora = sourced(explain([arm(start, "none")], lab, FACTS, Settings(posttrain={"peft": "lora"})), part)
    assert with_lora["learning_rate"] == (vars(starting)[lora], f"{starting.__name__}.{lora}: {below[lora]}")


def test_nothing_is_replayed_from_the_base(model: Model) -> None:
    part = "learning (event-sft-augmented)"
    base, other = arm("base", "event-sft-augmented"), arm("subqa-recall", "event-sft-augmented")
    told = {
        name: sourced(explain(chosen, model, FACTS, Settings()), part)["replay"]
        for name, chosen in {"base": [base], "other": [other], "both": [base, other]}.items()
    }
    assert told == {
        "base": (0, BASE),
        "other": (100, OPTIONS["replay"]),
        "both": (100, f"{OPTIONS['replay']}; {BASE}"),
    }


def test_what_was_asked_for_is_called_so(model: Model) -> None:
    asked = Settings({"temperature": 0.0, "max_new_tokens": 256}, seed=4, learn={"epochs": 9}, retrieval=Retrieval(k=2))
    result = explain([arm("base", "sft-rag-faiss")], model, FACTS, asked)
    learning = sourced(result, "learning (event-sft)")
    assert learning["epochs"] == (9, "asked for") and learning["seed"] == (4, "asked for")
    sampling = sourced(result, "sampling")
    assert sampling["temperature"] == (0.0, "asked for") and sampling["max_new_tokens"] == (256, LONGEST)
    assert sourced(result, "retrieval")["k"] == (2, "asked for")
    words = sourced(result, "prompts")
    assert list(words) == ["system-subqa", "chat-template", "context"]
    assert words["system-subqa"][1].startswith("arXiv 2410.03717, appendix A.3.2")

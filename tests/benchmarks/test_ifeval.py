"""IFEval: every kind of instruction followed and broken, read strictly and loosely, offline and the same every time."""

import json
import logging
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kinject.benchmarks import ifeval
from kinject.benchmarks.benchmark import Item, Marks
from kinject.benchmarks.ifeval import IFEVAL, METRICS, NEEDS
from kinject.engines.base import Message, ask
from kinject.errors import MissingError, UsageError
from kinject.progress import SILENT

CASES = Path(__file__).parent.parent / "cases" / "ifeval"
PROMPTS = CASES / "input_data.jsonl"
DATA = Path(os.environ.get("KINJECT_DATA", "nowhere"))
real = pytest.mark.skipif(not DATA.is_dir(), reason="KINJECT_DATA names no folder of public data sets")
LOOKS = ["lm_eval", "nltk", "langdetect"]


def cases(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / name).read_text().splitlines()]


@pytest.fixture(scope="session")
def punkt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A sentence tokenizer that was never trained, in the place of NLTK's."""
    for name in LOOKS:
        pytest.importorskip(name, reason="the extra `eval` is not installed")
    import nltk
    from nltk.tokenize.punkt import PunktParameters, save_punkt_params

    place = tmp_path_factory.mktemp("nltk")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NLTK_DATA", str(place))
        patch.setattr(nltk.data, "path", [str(place)])
        (place / "tokenizers" / "punkt_tab").mkdir(parents=True)
        save_punkt_params(PunktParameters(), str(place / "tokenizers" / "punkt_tab" / "english"))
        yield place


def item(*instructions: tuple[str, dict[str, Any]], key: str = "1") -> Item:
    wanted = [{"id": name, "kwargs": said} for name, said in instructions]
    return Item(key, ask("S", "Write."), {"instructions": wanted})


def marked(response: str, *instructions: tuple[str, dict[str, Any]]) -> Marks:
    return IFEVAL.mark([item(*instructions)], [response], SILENT)[0]


# Reading


def test_what_cannot_be_scored_is_left_out_and_counted() -> None:
    items = IFEVAL.read(str(PROMPTS), "S")
    assert [each.id for each in items.items] == ["7", "3", "11"]
    assert items.left_out == {
        "an instruction of it is of no known kind": 1,
        "an instruction of it lacks what it needs": 3,
    }
    assert items.licence == "Apache-2.0" and str(PROMPTS) in items.source


def test_kwargs_belong_to_instructions_by_position_and_none_is_absent() -> None:
    twice = IFEVAL.read(str(PROMPTS), "S").items[1]
    assert twice.reference["instructions"] == [
        {"id": "keywords:frequency", "kwargs": {"keyword": "tea", "frequency": 2, "relation": "at least"}},
        {"id": "keywords:frequency", "kwargs": {"keyword": "salt", "frequency": 3, "relation": "at least"}},
    ]
    json.dumps(twice.reference)


def test_a_prompt_is_asked_with_the_system_message_or_without() -> None:
    assert IFEVAL.system == "system-subqa"
    prompt = cases("input_data.jsonl")[0]["prompt"]
    assert IFEVAL.read(str(PROMPTS), "S").items[0].conversation == ask("S", prompt)
    assert IFEVAL.read(str(PROMPTS), None).items[0].conversation == (Message("user", prompt),)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kwargs": []}, "1 instructions and 0 kwargs"),
        ({"kwargs": [{}, {}]}, "1 instructions and 2 kwargs"),
        ({"instruction_id_list": [], "kwargs": []}, "0 instructions"),
        ({"key": "7"}, "key: "),
        ({"key": 7}, "key 7 was there before"),
        ({"prompt": None}, "prompt: "),
        ({"kwargs": {}}, "kwargs: "),
    ],
)
def test_a_row_of_another_form_is_told_by_its_line(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    first, last = cases("input_data.jsonl")[0], cases("input_data.jsonl")[2]
    place = tmp_path / "spoilt.jsonl"
    place.write_text(f"{json.dumps(first)}\n{json.dumps({**last, **changes})}\n")
    with pytest.raises(UsageError, match=words) as caught:
        IFEVAL.read(str(place), "S")
    assert caught.value.where == f"{place}:2" and caught.value.mend


def test_without_data_the_line_that_gets_it_is_told(store: Path) -> None:
    with pytest.raises(MissingError) as caught:
        IFEVAL.read(None, "S")
    assert "load_dataset('google/IFEval', split='train')" in caught.value.mend
    assert str(store / "data" / "ifeval" / "input_data.jsonl") in caught.value.mend
    (store / "data" / "ifeval").mkdir(parents=True)
    (store / "data" / "ifeval" / "input_data.jsonl").write_bytes(PROMPTS.read_bytes())
    assert IFEVAL.read(None, "S").digest == IFEVAL.read(str(PROMPTS), "S").digest


# Marking


def test_the_cases_are_of_every_kind() -> None:
    assert {case["id"] for case in cases("instructions.jsonl")} == NEEDS.keys()
    assert len(NEEDS) == 25


def test_what_an_instruction_must_say_is_what_the_checkers_take(punkt: Path) -> None:
    checkers = ifeval._checkers()
    assert checkers.keys() == NEEDS.keys()
    for case in cases("instructions.jsonl"):
        checker = checkers[case["id"]](case["id"])
        checker.build_description(**case["kwargs"])
        assert set(checker.get_instruction_args_keys()) == set(NEEDS[case["id"]]) == set(case["kwargs"])


@pytest.mark.parametrize("case", cases("instructions.jsonl"), ids=lambda case: case["id"])
def test_an_instruction_is_followed_or_broken(case: dict[str, Any], punkt: Path) -> None:
    wanted = (case["id"], case["kwargs"])
    followed, broken = marked(case["follows"], wanted), marked(case["breaks"], wanted)
    assert followed == Marks(dict(zip(METRICS, (True, (True,), True, (True,)), strict=True)), "all followed")
    assert broken.by_metric == dict(zip(METRICS, (False, (False,), False, (False,)), strict=True))
    assert broken.reason == f"not followed: {case['id']}"
    assert marked("", wanted).by_metric == marked(" \n", wanted).by_metric == broken.by_metric


@pytest.mark.parametrize("case", cases("loose.jsonl"), ids=lambda case: case["id"])
def test_loosely_a_frame_and_asterisks_do_not_count(case: dict[str, Any], punkt: Path) -> None:
    found = marked(case["response"], (case["id"], case["kwargs"])).by_metric
    assert found == dict(zip(METRICS, (False, (False,), True, (True,)), strict=True))


def test_the_marks_are_those_of_lm_eval(punkt: Path) -> None:
    """Over every response to every instruction, but for signs, of which lm-eval draws a letter."""
    from lm_eval.tasks.ifeval.utils import process_results

    own, loose = cases("instructions.jsonl"), cases("loose.jsonl")
    texts = [case[name] for case in own for name in ("follows", "breaks")] + [case["response"] for case in loose]
    seen = Counter[bool]()
    for case in own:
        if not case["kwargs"].get("letter", "q").isalpha():
            continue
        doc = {"key": 1, "prompt": "", "instruction_id_list": [case["id"]], "kwargs": [case["kwargs"]]}
        marks = IFEVAL.mark([item((case["id"], case["kwargs"]))] * len(texts), texts, SILENT)
        for text, found in zip(texts, marks, strict=True):
            mine = [list(mark) if isinstance(mark, tuple) else mark for mark in found.by_metric.values()]
            assert mine == list(process_results(doc, [text]).values()), (case, text)
            seen[bool(mine[0])] += 1
    assert min(seen[True], seen[False]) > 100


def test_a_prompt_is_followed_when_all_its_instructions_are(punkt: Path) -> None:
    twice = IFEVAL.read(str(PROMPTS), "S").items[1]
    both, one = IFEVAL.mark([twice, twice], ["tea tea salt salt salt", "tea tea salt"], SILENT)
    assert (both.by_metric["prompt-strict"], both.by_metric["instruction-strict"]) == (True, (True, True))
    assert (one.by_metric["prompt-strict"], one.by_metric["instruction-strict"]) == (False, (True, False))
    assert one.reason == "not followed: keywords:frequency"


def test_marks_are_the_same_every_time(punkt: Path) -> None:
    """Short words of many languages, of which an unseeded detector says now this and now that."""
    texts = ["no", "die", "a la", "sale in den son", "man was die", "tea de la son", "es in an"] * 5
    signs = [case for case in cases("instructions.jsonl") if case["id"] == ifeval.LETTERS]
    wanted = [item(("language:response_language", {"language": "de"}), *((c["id"], c["kwargs"]) for c in signs))]
    random.seed(1)
    first = IFEVAL.mark(wanted * len(texts), texts, SILENT)
    random.seed(2)
    assert IFEVAL.mark(wanted * len(texts), texts, SILENT) == first
    assert first[:7] * 5 == first


def test_a_text_without_a_language_follows_quietly(punkt: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("lm_eval.tasks.ifeval.instructions")
    assert marked("1 2 3", ("language:response_language", {"language": "de"})).by_metric["prompt-strict"] is True
    assert capfd.readouterr() == ("", "") and not logger.disabled


def test_deep_brackets_are_no_json_and_no_crash(punkt: Path) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    assert marked(deep, ("detectable_format:json_format", {})).by_metric["prompt-strict"] is False


def test_what_a_checker_cannot_be_asked_is_unscored(punkt: Path) -> None:
    found = marked("tea", ("keywords:existence", {"keywords": ["tea("]}))
    assert set(found.by_metric.values()) == {None} and "a checker failed: " in found.reason


@real
def test_the_real_prompts_are_all_read_and_checked(punkt: Path) -> None:
    items = IFEVAL.read(str(DATA / "ifeval" / "input_data_first300.jsonl"), "S")
    assert (len(items.items), items.left_out) == (300, {})
    repeated = [
        each for each in items.items if max(Counter(w["id"] for w in each.reference["instructions"]).values()) > 1
    ]
    assert repeated
    text = 'Sure, here it is:\n\n"The river is long. *It* is old."\n\nP.S. That is all.'
    marks = IFEVAL.mark(items.items, [text] * 300, SILENT)
    assert not [each.reason for each in marks if None in each.by_metric.values()]
    for each, found in zip(items.items, marks, strict=True):
        count = len(each.reference["instructions"])
        assert [len(found.by_metric[metric]) for metric in METRICS[1::2]] == [count, count]  # type: ignore[arg-type]
    assert {w["id"] for each in items.items for w in each.reference["instructions"]} == NEEDS.keys()


# What is missing

LOUD = """
import socket, sys, urllib.request
def loud(*args, **kwargs): sys.exit("the network was asked for")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = urllib.request.urlopen = loud
"""
LACKS = f"""{LOUD}
from kinject.benchmarks.ifeval import IFEVAL
from kinject.errors import MissingError
try:
    IFEVAL.check()
except MissingError as error:
    sys.exit(f"{{error.code}} {{error}} | {{error.mend}} | {{'lm_eval.tasks' in sys.modules}}")
"""
FINDS = f"""{LOUD}
from kinject.benchmarks.ifeval import IFEVAL
IFEVAL.check()
sys.exit("found" if "lm_eval.tasks" in sys.modules else "not looked at")
"""


def run(program: str, **env: str) -> tuple[str, str]:
    """What a process of its own prints to stdout and to stderr, every warning an error."""
    inherited = {name: os.environ[name] for name in ("PATH", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env={**inherited, **env}, capture_output=True, text=True
    )
    return done.stdout, done.stderr


def test_without_punkt_one_line_mends_it_and_nothing_is_fetched(tmp_path: Path) -> None:
    pytest.importorskip("nltk", reason="the extra `eval` is not installed")
    out, err = run(LACKS, HOME=str(tmp_path), NLTK_DATA=str(tmp_path / "none"))
    told = "3 NLTK's sentence tokenizer punkt_tab is not here | python -m nltk.downloader punkt_tab | False\n"
    assert (out, err) == ("", told)


def test_with_punkt_nothing_is_printed_and_nothing_is_fetched(punkt: Path, tmp_path: Path) -> None:
    assert run(FINDS, HOME=str(tmp_path), NLTK_DATA=str(punkt)) == ("", "found\n")


def test_a_broken_punkt_is_told(tmp_path: Path) -> None:
    pytest.importorskip("nltk", reason="the extra `eval` is not installed")
    (tmp_path / "data" / "tokenizers" / "punkt_tab").mkdir(parents=True)
    out, err = run(LACKS, HOME=str(tmp_path), NLTK_DATA=str(tmp_path / "data"))
    assert not out and err.startswith("3 NLTK's sentence tokenizer punkt_tab") and "nltk.downloader" in err


@pytest.mark.parametrize("name", LOOKS)
def test_without_the_extra_it_is_named(
    name: str, punkt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingError, match="scored by lm-eval") as caught:
        IFEVAL.check()
    assert caught.value.mend == "pip install 'kinject[eval]'"
    with pytest.raises(MissingError):
        marked("tea", ("punctuation:no_comma", {}))

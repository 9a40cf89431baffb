"""Agreement of judges: with the truth by construction, with labels of a CSV, with each other and with themselves."""

import json
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "engines"))  # for server.py
import server

from kinject.cli.app import run
from kinject.errors import MissingError, UsageError
from kinject.facts.load import load
from kinject.facts.schema import Fact
from kinject.judging.agreement import (
    PARTS,
    Labelled,
    agree,
    from_known,
    judged,
    left_unscored,
    lower_bounds,
    read_labels,
)
from kinject.judging.cases import Known
from kinject.judging.grade import Answer
from kinject.judging.judge import Item, Judge, open_judge
from kinject.judging.truth import construct
from kinject.judging.verdict import Verdict
from kinject.progress import SILENT, Progress
from kinject.sources import open_facts

PATH = Path(__file__).parent.parent / "cases" / "judging" / "facts.jsonl"
FACTS = load(PATH)
ROWS = [
    {"fact": "rugby", "kind": "direct", "response": "The Springboks."},
    {"fact": "rugby", "kind": "multihop", "response": "Wellington"},
    {"fact": "coach", "kind": "direct", "response": "Ana Lima"},
    {"fact": "coach", "kind": "multihop", "response": "São Luís"},
]
ANSWERS = [Answer.model_validate({**row, "line": line}) for line, row in enumerate(ROWS, 1)]
GIVEN = ["correct", "incorrect", "incorrect", "correct"]


def verdict(correctness: str, recall: str = "absent", reasoning: str = "absent") -> Verdict:
    said = {"correctness": correctness, "recall": recall, "recall_entities": recall, "reasoning": reasoning}
    return Verdict.model_validate({**said, "reason": f"because {correctness}"})


def always_correct(response: str, fact: Fact, kind: str) -> Verdict:
    return verdict("correct")


def never_sure(response: str, fact: Fact, kind: str) -> Verdict:
    return Verdict.unscored("never sure")


@dataclass(frozen=True)
class Told:
    """A judge that says what it was told, in the order of the items of each call."""

    name: str
    verdicts: tuple[Verdict, ...]

    def key(self) -> dict[str, Any]:
        return {"judge": self.name}

    def judge(self, items: Sequence[Item], progress: Progress = SILENT) -> list[Verdict]:
        return list(self.verdicts)

    def spent(self) -> dict[str, Any]:
        return {"calls": len(self.verdicts)}


def knowing(known: Sequence[Known]) -> Judge:
    """The judge that is perfect because it reads how the answers were made."""
    truth = {(each.response, each.fact.id, each.kind): each for each in known}

    class Knowing:
        name = "knowing"

        def key(self) -> dict[str, Any]:
            return {}

        def judge(self, items: Sequence[Item], progress: Progress = SILENT) -> list[Verdict]:
            found = [truth[item.response, item.fact.id, item.kind] for item in items]
            return [verdict(each.correctness, each.recall or "absent", each.reasoning or "absent") for each in found]

        def spent(self) -> dict[str, Any]:
            return {}

    return Knowing()


@pytest.mark.parametrize("name", ["lab", "facts100"])
def test_a_judge_that_knows_the_truth_agrees_with_it(name: str) -> None:
    facts = open_facts(name)
    known = construct(facts, count=1500)
    rows, spent = judged(from_known(known), facts, ["knowing"], 1, lambda *_: knowing(known))
    found = agree(rows, "truth", "style")
    [pair] = found["pairs"]
    assert {part: each["kappa"] for part, each in pair["parts"].items()} == dict.fromkeys(PARTS, 1.0)
    assert pair["parts"]["correctness"]["n"] == 1500
    assert all(each["interval"][0] > 0.9 for each in pair["parts"].values())
    assert found["disagreed"] == 0 and found["disagreements"] == [] and spent == {}
    assert all(error["overall"]["difference"] == 0 for error in found["errors"])


@pytest.mark.parametrize("name", ["lab", "facts100"])
def test_a_response_has_one_truth(name: str) -> None:
    truths: dict[tuple[str, str, str], set[tuple[str, str | None, str | None]]] = {}
    for known in construct(open_facts(name)):
        key = known.response, known.fact.id, known.kind
        truths.setdefault(key, set()).add((known.correctness, known.recall, known.reasoning))
    assert [key for key, labels in truths.items() if len(labels) > 1] == []


def test_the_rules_agree_with_the_truth_in_the_lab() -> None:
    facts = open_facts("lab")
    rows, _ = judged(from_known(construct(facts, count=1500)), facts, ["rules"], 1, open_one)
    [pair] = agree(rows, "truth", "style")["pairs"]
    kappas = {part: each["kappa"] for part, each in pair["parts"].items()}
    assert all(kappa >= 0.9 for kappa in kappas.values()), kappas


def open_one(name: str, repeat: int) -> Judge:
    return open_judge(name, repeat=repeat)


def labelled(*said: Sequence[str], names: Sequence[str], labels: Sequence[str | None] = GIVEN) -> list[Labelled]:
    """The four answers with the correctness that each rater gives them, and labels."""
    return [
        Labelled(
            answer,
            {name: verdict(given[i]) for name, given in zip(names, said, strict=True)},
            {"correctness": label} if (label := labels[i]) else {},
        )
        for i, answer in enumerate(ANSWERS)
    ]


def test_every_pair_of_raters_is_compared() -> None:
    rows = labelled(GIVEN, ["correct"] * 4, GIVEN, names=["a", "b", "a #2"])
    found = agree(rows, "labels", "kind")
    assert [(pair["first"], pair["second"]) for pair in found["pairs"]] == [
        ("a", "b"),
        ("a", "a #2"),
        ("a", "labels"),
        ("b", "labels"),
    ]
    kappas = [pair["parts"]["correctness"]["kappa"] for pair in found["pairs"]]
    assert kappas == [0.0, 1.0, 1.0, 0.0]
    assert found["raters"] == ["a", "b", "a #2", "labels"]
    assert {error["judge"] for error in found["errors"]} == {"a", "b"}


def test_what_nobody_labelled_is_not_compared_and_the_unscored_are_counted() -> None:
    rows = labelled(["unscored", *GIVEN[1:]], names=["a"], labels=[*GIVEN[:3], None])
    [pair] = agree(rows, "labels", "kind")["pairs"]
    part = pair["parts"]["correctness"]
    assert (part["n"], part["unscored"]) == (2, 1)
    assert part["labels"] == ["correct", "incorrect", "unscored"]
    assert part["confusion"] == [[0, 0, 0], [0, 2, 0], [1, 0, 0]]
    assert part["kappa"] is None and part["interval"] is None  # one label only
    assert part["agreement"] == {"k": 2, "n": 2, "unscored": 1, "percent": 100.0, "interval": [34.2, 100.0]}
    assert (pair["parts"]["recall"]["n"], pair["parts"]["recall"]["unscored"]) == (0, 0)


def test_reasoning_is_compared_on_multihop_answers_only() -> None:
    found = agree(labelled(GIVEN, GIVEN, names=["a", "b"]), None, "kind")
    assert found["pairs"][0]["parts"]["reasoning"]["n"] == 2
    assert found["pairs"][0]["parts"]["recall"]["n"] == 4


def test_disagreements_are_shown_side_by_side_one_of_each_class_first() -> None:
    rows = labelled(GIVEN, ["incorrect", "incorrect", "correct", "incorrect"], names=["a", "b"])
    found = agree(rows, None, "kind", show=2)
    assert found["disagreed"] == 3 and len(found["classes"]) == 3
    assert len(found["disagreements"]) == 2
    first = found["disagreements"][0]
    assert first["labels"] == {"a": "correct", "b": "incorrect"}
    assert first["reasons"] == {"a": "because correct", "b": "because incorrect"}
    assert first["response"] in {row["response"] for row in ROWS}


def test_errors_are_told_for_each_group_with_their_largest_difference() -> None:
    rows = [
        Labelled(answer, {"a": verdict("correct")}, {"correctness": label}, group=group)
        for answer, label, group in zip(ANSWERS, GIVEN, ["base", "rag", "base", "rag"], strict=True)
    ]
    by_arm = agree(rows, "labels", "arm")["errors"][0]
    by_kind = agree(rows, "labels", "kind")["errors"][0]
    assert by_arm["groups"].keys() == {"base", "rag"} and by_kind["groups"].keys() == {"direct", "multihop"}
    assert by_arm["overall"]["difference"] == 50.0
    assert (by_arm["overall"]["false_positives"]["k"], by_arm["overall"]["false_positives"]["n"]) == (2, 2)
    assert by_arm["largest"]["difference"] == 0.0


def test_rates_are_corrected_from_fifty_labels_on() -> None:
    answers = [Answer(fact=f"f{i}", kind="direct", response="x", line=i + 1) for i in range(200)]
    for many, found in ((49, None), (50, 80.0)):
        rows = [
            Labelled(
                answer,
                {"a": verdict("incorrect" if i % 5 == 0 else "correct")},
                {"correctness": "incorrect" if i % 5 == 0 else "correct"} if i < many else {},
            )
            for i, answer in enumerate(answers)
        ]
        told = agree(rows, "labels", "kind")["corrected"][0]
        assert (told["labels"], told["needed"], told["estimate"]) == (many, 50, found)
    assert told["raw"]["percent"] == 80.0 and told["rogan_gladen"] == 80.0
    assert agree(rows, "truth", "kind")["corrected"] == []  # how often which answer was made says nothing


def test_each_kinds_rate_is_corrected_by_itself_and_each_arms_that_has_labels() -> None:
    def row(i: int, kind: str, group: str) -> Labelled:
        right = i % 5 > 0 if kind == "direct" else i % 2 > 0
        said = verdict("correct" if right else "incorrect", "right" if right else "wrong", "sound")
        known = {part: str(getattr(said, part)) for part in PARTS} if group == "base" or i < 20 else {}
        return Labelled(Answer(fact=f"f{i}", kind=kind, response="x"), {"a": said}, known, group=group)

    rows = [row(i, kind, group) for i in range(60) for kind in ("direct", "multihop") for group in ("base", "rag")]
    found = {(each["rate"], each["group"]): each for each in agree(rows, "labels", "arm")["corrected"]}
    rates = ("direct", "multihop", "hallucinated", "faulty_reasoning")
    assert set(found) == {(rate, group) for rate in rates for group in (None, "base")}
    estimates = {rate: found[rate, "base"]["estimate"] for rate in rates}
    assert estimates == {"direct": 80.0, "multihop": 50.0, "hallucinated": 50.0, "faulty_reasoning": 0.0}
    assert found["direct", None]["labels"] == 80 and found["direct", None]["raw"]["n"] == 120


def test_judges_are_asked_again_under_a_name_of_their_own() -> None:
    asked = []

    def opened(name: str, repeat: int) -> Judge:
        asked.append((name, repeat))
        return Told(name, tuple(verdict(word) for word in (GIVEN if repeat == 0 else ["correct"] * 4)))

    rows, spent = judged([Labelled(answer, {}) for answer in ANSWERS], FACTS, ["a", "b"], 2, opened)
    assert asked == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert list(rows[0].said) == ["a", "a #2", "b", "b #2"]
    assert spent["b #2"] == {"calls": 4}
    found = agree(rows, None, "kind")
    assert [(pair["first"], pair["second"]) for pair in found["pairs"]] == [("a", "b"), ("a", "a #2"), ("b", "b #2")]
    assert found["pairs"][1]["parts"]["correctness"]["kappa"] == 0.0


def test_the_rules_agree_with_themselves() -> None:
    rows, _ = judged([Labelled(answer, {}) for answer in ANSWERS], FACTS, ["rules"], 2, open_one)
    [pair] = agree(rows, None, "kind")["pairs"]
    assert pair["parts"]["correctness"]["kappa"] == 1.0


def test_what_a_threshold_is_held_against() -> None:
    found = agree(labelled(GIVEN, GIVEN, names=["a", "b"]), "labels", "kind")
    bounds = list(lower_bounds(found, "labels"))
    assert [(first, second, part) for first, second, part, _ in bounds] == [
        ("a", "labels", "correctness"),
        ("b", "labels", "correctness"),
    ]
    assert all(bound is not None and bound < 1 for *_, bound in bounds)
    assert list(lower_bounds(agree([], "labels", "kind"), "labels")) == []
    same = labelled(["correct"] * 4, names=["a"], labels=["correct"] * 4)
    assert list(lower_bounds(agree(same, "labels", "kind"), "labels")) == []
    unsure = agree(labelled(["unscored"] * 4, names=["a"]), "labels", "kind")
    assert [bound for *_, bound in lower_bounds(unsure, "labels")] == [None]


def test_what_a_judge_leaves_unscored_counts_against_it() -> None:
    def bound(said: list[str], **how: Any) -> float | None:
        answers = [Answer(fact=f"f{i}", kind="direct", response="x", line=i + 1) for i in range(len(said))]
        true = [("correct", "incorrect")[i % 2] for i in range(len(said))]
        rows = [
            Labelled(answer, {"a": verdict(word)}, {"correctness": label}, **how)
            for answer, word, label in zip(answers, said, true, strict=True)
        ]
        return next((found for *_, found in lower_bounds(agree(rows, "labels", "kind"), "labels")), None)

    right = ["correct", "incorrect"] * 30
    alone, with_unscored = bound(right), bound([*right, *["unscored"] * 940])
    assert alone and with_unscored is not None and alone > 0.8 and with_unscored < 0.1
    assert bound([*right, *["unscored"] * 940], judgeable=False) == pytest.approx(alone)


def test_what_nobody_can_judge_is_no_judges_failure() -> None:
    rows = [Labelled(each, {}) for each in (Answer(fact="nowhere", kind="direct", response="x"), ANSWERS[0])]
    told, _ = judged(rows, FACTS, ["rules"], 1, open_one)
    assert [row.judgeable for row in told] == [False, True]
    assert left_unscored(told, FACTS) == {"rules": 0} and left_unscored([], FACTS) == {}


def test_a_judge_that_repeats_itself_to_the_letter_is_told() -> None:
    rows = labelled(GIVEN, GIVEN, ["correct"] * 4, names=["a", "a #2", "a #3"])
    pairs = agree(rows, None, "kind")["pairs"]
    assert [(pair["second"], pair["same"], pair["answers"]) for pair in pairs] == [("a #2", 4, 4), ("a #3", 2, 4)]
    assert "same" not in agree(labelled(GIVEN, GIVEN, names=["a", "b"]), None, "kind")["pairs"][0]


def test_nothing_at_all() -> None:
    found = agree([], None, "kind")
    assert (found["n"], found["pairs"], found["disagreements"]) == (0, [], [])


# Labels


def labels(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_labels_by_line_may_be_partial(tmp_path: Path) -> None:
    rows = read_labels(
        labels(tmp_path, "\ufeffline,correctness,recall,group\n3,Incorrect,,rag\n1,,absent,base\n"), ANSWERS
    )
    assert [dict(row.labels) for row in rows] == [{"recall": "absent"}, {}, {"correctness": "incorrect"}, {}]
    assert [row.group for row in rows] == ["base", "", "rag", ""]
    assert [row.answer for row in rows] == ANSWERS


def test_labels_by_fact_and_kind(tmp_path: Path) -> None:
    text = 'fact,kind,reasoning\n\nrugby,multihop,sound\n"coach","direct",\n'
    assert [dict(row.labels) for row in read_labels(labels(tmp_path, text), ANSWERS)] == [
        {},
        {"reasoning": "sound"},
        {},
        {},
    ]


def test_several_samples_are_told_apart(tmp_path: Path) -> None:
    two = [Answer(fact="rugby", kind="direct", sample=i, response="x", line=i + 1) for i in range(2)]
    rows = read_labels(labels(tmp_path, "fact,kind,sample,correctness\nrugby,direct,1,correct\n"), two)
    assert [dict(row.labels) for row in rows] == [{}, {"correctness": "correct"}]
    with pytest.raises(UsageError, match="fits the answers in lines 1, 2"):
        read_labels(labels(tmp_path, "fact,kind,correctness\nrugby,direct,correct\n"), two)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("line,corectness\n1,correct\n", 1, "no column 'corectness'. Did you mean 'correctness'"),
        ("line,line,correctness\n1,1,correct\n", 1, "twice"),
        ("fact,correctness\nrugby,correct\n", 1, "which answer"),
        ("line,group\n1,x\n", 1, "no column of labels"),
        ("line,correctness\n1,corect\n", 2, "'corect' is no label of correctness. Did you mean 'correct'"),
        ("line,correctness\n1,unscored\n", 2, "no label"),
        ("line,recall\n1,sound\n", 2, "no label of recall"),
        ("line,correctness\n1,correct\n2,correct\n1,incorrect\n", 4, "in line 2 already"),
        ("line,correctness\n9,correct\n", 2, "no answer with line 9"),
        ("fact,kind,correctness\nrugbi,direct,correct\n", 2, "no answer with fact rugbi, kind direct"),
        ("line,fact,kind,correctness\n1,coach,direct,correct\n", 2, "no answer with line 1, fact coach"),
        ("line,correctness\n1\n", 2, "1 cells and the header 2"),
        ("line,correctness\n1,correct,x\n", 2, "3 cells"),
        ('line,correctness\n1,"correct\n', 2, "no CSV"),
        ("", 1, "which answer"),
    ],
)
def test_what_is_wrong_in_a_table_of_labels_is_named(text: str, line: int, words: str, tmp_path: Path) -> None:
    path = labels(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        read_labels(path, ANSWERS)
    assert words in caught.value.message and caught.value.mend
    assert caught.value.where == f"{path}:{line}"


def test_a_table_without_a_label_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no label"):
        read_labels(labels(tmp_path, "line,correctness\n1,\n"), ANSWERS)
    with pytest.raises(MissingError):
        read_labels(tmp_path / "none.csv", ANSWERS)


# The command


@pytest.fixture
def answers(tmp_path: Path) -> str:
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return str(path)


@pytest.fixture
def given(tmp_path: Path) -> str:
    text = "line,correctness,group\n" + "".join(f"{i},{label},g{i % 2}\n" for i, label in enumerate(GIVEN, 1))
    return str(labels(tmp_path, text))


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> str:
    """The judge of one's own, which is found by its module's name."""
    module = types.ModuleType("own_judges")
    module.always_correct, module.never_sure = always_correct, never_sure  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "own_judges", module)
    return "own_judges:always_correct"


def test_json(answers: str, given: str, own: str, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["judge", "agreement", answers, "--facts", str(PATH), "--judge", f"rules,{own}", "--labels", given, "--json"]
    assert run(call) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == ""
    assert found["schema"] == "kinject.judge-agreement/1" and found["truth"] == "labels"
    assert [(pair["first"], pair["second"]) for pair in found["pairs"]] == [
        ("rules", own),
        ("rules", "labels"),
        (own, "labels"),
    ]
    assert found["pairs"][1]["parts"]["correctness"]["kappa"] == 1.0
    assert found["errors"][0]["by"] == "arm" and found["errors"][0]["groups"].keys() == {"g0", "g1"}
    assert found["corrected"][0]["estimate"] is None


def test_text(answers: str, given: str, own: str, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["judge", "agreement", answers, "--facts", str(PATH), "--judge", f"rules,{own}", "--labels", given]
    assert run(call) == 0
    out = capsys.readouterr().out
    for words in ("Agreement beyond chance", "needs 50 labels", "largest difference", "because correct", "4 / 4"):
        assert words in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_judge_that_scores_nothing_is_shown_and_fails_a_threshold(
    answers: str, given: str, own: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["judge", "agreement", answers, "--facts", str(PATH), "--judge", "own_judges:never_sure", "--labels", given]
    assert run([*call, "--fail-under", "0"]) == run(call) == 5
    out, err = capsys.readouterr()
    assert "nothing to compare" in out and "undefined" in err and "own_judges:never_sure left 4 unscored" in err


def test_a_threshold_is_not_passed_by_judging_nothing(
    answers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("", encoding="utf-8")
    call = ["judge", "agreement", "--facts", str(PATH), "--judge", "rules,kinject.judging.rules:judge"]
    assert run([*call, str(empty), "--fail-under", "-1"]) == 1
    one = tmp_path / "one.jsonl"
    one.write_text(json.dumps(ROWS[0]) + "\n", encoding="utf-8")
    assert run([*call, str(one), "--fail-under", "-1"]) == 1
    assert capsys.readouterr().err.count("there is no kappa") == 2
    assert run([*call, answers, "--fail-under", "-1"]) == 0


def test_several_arms_are_groups(tmp_path: Path, own: str, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for name in ("base", "rag"):
        files.append(tmp_path / f"{name}.jsonl")
        files[-1].write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    rows = [f"{line},{label},{group}" for group in ("base", "rag") for line, label in enumerate(GIVEN, 1)]
    true = labels(tmp_path, "\n".join(["line,correctness,group", *rows]) + "\n")
    call = ["judge", "agreement", *map(str, files), "--facts", str(PATH), "--judge", f"rules,{own}", "--json"]
    assert run([*call, "--labels", str(true)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 8 and found["errors"][0]["by"] == "arm"
    assert found["errors"][0]["groups"].keys() == {"base", "rag"}
    assert {each["group"] for each in found["disagreements"]} == {"base", "rag"}
    true.write_text("line,correctness\n1,correct\n", encoding="utf-8")
    assert run([*call, "--labels", str(true)]) == 2
    assert "or group" in json.loads(capsys.readouterr().err)["error"]["mend"]


class Agreeing(server.Endpoint):
    """An endpoint whose model finds no error in anything."""

    def chat(self, body: dict[str, Any]) -> server.Reply:
        reply = super().chat(body)
        return server.Reply(body=server.chosen({"role": "assistant", "content": "No Error"})) if reply.body else reply


def test_a_real_endpoint_is_asked_again_and_repeats_itself(
    answers: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["judge", "agreement", answers, "--facts", str(PATH), "--judge", "openai:parrot", "--repeats", "2"]
    with server.serving(Agreeing()) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        assert run(call) == 0
    assert len(endpoint.asked) >= 16
    assert "said the same to the letter of all 4 answers" in capsys.readouterr().out


def test_arms_that_were_run_bring_their_own_facts_and_names(
    tmp_path: Path, own: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = []
    for method in ("none", "rag-oracle"):
        assert run(["inject", "--method", method, "--facts", "lab:5", "--max-new-tokens", "8", "--json"]) == 0
        folders.append(json.loads(capsys.readouterr().out)["artefact"])
    call = ["judge", "agreement", *folders, "--judge", f"rules,{own}", "--show", "50", "--json"]
    assert run(call) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 30 and found["clusters"] == 5
    assert {each["group"] for each in found["disagreements"]} <= {"base, nothing", "base, oracle RAG"}
    assert run(["judge", "agreement", "last", "--judge", f"rules,{own}"]) == 0
    assert "15 answers about 5 facts of lab" in capsys.readouterr().out
    assert run(["judge", "agreement", folders[0], folders[0], "--judge", f"rules,{own}"]) == 2


def test_truth_needs_no_answers_and_a_threshold_is_held(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["judge", "agreement", "--facts", "lab:20", "--truth", "--count", "150", "--json"]
    assert run([*call, "--fail-under", "0.3"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["truth"] == "truth" and found["n"] == 150
    assert run([*call, "--fail-under", "1"]) == 1  # no interval ends at 1 below
    out, err = capsys.readouterr()
    assert json.loads(out)["n"] == 150 and "asked for was 1.0" in err


@pytest.mark.parametrize(
    ("more", "where"),
    [
        (["--truth", "--by", "arm"], "--by"),
        (["--truth", "--by", "stile"], "--by"),
        (["--truth", "--labels", "x.csv"], "--truth"),
        ([], "ANSWERS"),
        (["{answers}", "--by", "style"], "--by"),
        (["{answers}", "--repeats", "2"], "--repeats"),
        (["{answers}", "{answers}", "--judge", "rules,rules", "--labels", "{plain}"], "ANSWERS"),
        (["{answers}"], "--judge"),
        (["{answers}", "--judge", "rule,rules"], "--judge"),
        (["{answers}", "--labels", "{given}", "--judge", ","], "--judge"),
        (["{answers}", "--labels", "{plain}", "--by", "arm"], "--by"),
    ],
)
def test_what_cannot_be_asked(
    more: list[str], where: str, answers: str, given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain.csv"
    plain.write_text("line,correctness\n1,correct\n", encoding="utf-8")
    names = {"answers": answers, "given": given, "plain": str(plain)}
    call = ["judge", "agreement", "--facts", str(PATH), *(word.format(**names) for word in more), "--json"]
    assert run(call) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["where"] == where and error["mend"]

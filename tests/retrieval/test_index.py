"""A real faiss index on disk: exact, with equals in order; only what changed is embedded, whatever happened."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))  # for letters.py
import letters

from kinject.errors import IntegrityError, UsageError
from kinject.retrieval import index
from kinject.retrieval.index import Index, folder_of, open_index

TEXTS = ["ab", "cde", "fg", "hijk", "lm"]
PROGRAM = Path(letters.__file__)


class Heard:
    """A progress that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def __getattr__(self, name: str) -> Any:
        from kinject.progress import SILENT

        return getattr(SILENT, name)


def rows(found: Index, text: str, k: int = 1) -> list[int]:
    return [row for row, _ in found.search(letters.vectors([text])[0], k)]


def flat(vectors: Any) -> Index:
    import faiss

    made = faiss.IndexFlatIP(vectors.shape[1])
    made.add(vectors)
    return Index(made)


def test_the_nearest_come_first_and_the_second_time_nothing_is_embedded() -> None:
    noted: list[str] = []
    for _ in range(2):
        found = open_index(TEXTS, letters.embedder(noted))
        assert [rows(found, text) for text in TEXTS] == [[0], [1], [2], [3], [4]]
        assert found.search(letters.vectors(["cd"])[0], 1)[0][1] == pytest.approx((2 / 3) ** 0.5)
    assert noted == TEXTS


@pytest.mark.parametrize(
    ("texts", "embedded"),
    [
        ([*TEXTS, "new"], ["new"]),
        (["AB!", *TEXTS[1:]], ["AB!"]),
        (TEXTS[::-1], []),
        (TEXTS[:2], []),
        (["ab", "x", "ab", "x"], ["x"]),
    ],
)
def test_of_changed_facts_only_what_changed_is_embedded(texts: list[str], embedded: list[str]) -> None:
    open_index(TEXTS, letters.embedder())
    noted: list[str] = []
    found = open_index(texts, letters.embedder(noted))
    assert noted == embedded
    assert [rows(found, text)[0] for text in texts] == [texts.index(text) for text in texts]


def test_each_embedder_has_its_own_vectors() -> None:
    noted: list[str] = []
    for key in ("one", "other"):
        open_index(TEXTS, letters.embedder(noted, key))
    assert noted == TEXTS * 2


# Order


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["ab", "b", "cc", "c", "xyz"]), min_size=1, max_size=90), st.integers(1, 100))
def test_equals_come_in_order_wherever_the_cut_falls(texts: list[str], k: int) -> None:
    vectors = letters.vectors(texts)
    found = flat(vectors).search(vectors[0], k)
    wanted = sorted(range(len(texts)), key=lambda row: (-float(vectors[row] @ vectors[0]), row))
    assert [row for row, _ in found] == wanted[:k]


def test_better_ones_do_not_drive_out_the_first_of_many_equals() -> None:
    found = rows(flat(letters.vectors([*["ab"] * 60, *["abc"] * 20])), "abc", 25)
    assert found == [*range(60, 80), *range(5)]


def test_a_thousand_equals_come_in_order() -> None:
    assert rows(flat(letters.vectors(["ab"] * 1000)), "ab", 5) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("size", [7, 128, 384])
def test_one_text_scores_the_same_wherever_it_stands(size: int) -> None:
    rng = np.random.default_rng(0)
    base = rng.standard_normal((20, size)).astype(np.float32)
    which = rng.integers(0, 20, 503)
    found = flat(base[which]).search(rng.standard_normal(size).astype(np.float32), 503)
    scores = {int(text): {score for row, score in found if which[row] == text} for text in which}
    assert all(len(each) == 1 for each in scores.values())


def test_no_more_is_found_than_there_is_and_nothing_for_nothing() -> None:
    found = open_index(TEXTS, letters.embedder())
    assert len(rows(found, "ab", 100)) == len(TEXTS)
    assert rows(found, "", 3) == []
    assert rows(open_index([], letters.embedder()), "ab", 3) == []


# What may have happened


@pytest.mark.parametrize(("mode", "left"), [("index", []), ("part", TEXTS[2:])])
def test_killed_on_the_way_it_goes_on(mode: str, left: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(PROGRAM), mode, *TEXTS]
    killed = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    noted: list[str] = []
    found = open_index(TEXTS, letters.embedder(noted))
    assert noted == left
    assert [rows(found, text) for text in TEXTS] == [[0], [1], [2], [3], [4]]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-5] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("ending", [".faiss", ".json", ".safetensors"])
def test_a_damaged_file_is_made_again(damage: Callable[[Path], None], ending: str) -> None:
    open_index(TEXTS, letters.embedder())
    folder = folder_of(letters.embedder())
    for path in folder.glob(f"*{ending}"):
        damage(path)
    if ending == ".safetensors":
        for path in folder.glob("*.json"):
            path.unlink()  # a sound index would be taken without a look at the vectors
    heard, noted = Heard(), list[str]()
    found = open_index(TEXTS, letters.embedder(noted), heard)
    assert noted == (TEXTS if ending == ".safetensors" else [])
    assert damage is Path.unlink or "is damaged and is made again" in heard.said[0]
    assert [rows(found, text) for text in TEXTS] == [[0], [1], [2], [3], [4]]
    heard = Heard()
    open_index(TEXTS, letters.embedder(), heard)
    assert heard.said == []


@pytest.mark.parametrize("whole", [True, False], ids=["index", "vectors"])
@pytest.mark.parametrize("other", [letters.embedder(key="other"), replace(letters.embedder(), size=27)])
def test_vectors_of_another_embedder_or_dimension_are_refused(other: Any, whole: bool) -> None:
    mine = letters.embedder()
    open_index(TEXTS, mine)
    theirs = folder_of(other)
    if theirs != folder_of(mine):
        copytree(folder_of(mine), theirs)
    if not whole:
        for path in theirs.glob("*.json"):
            path.unlink()
    with pytest.raises(IntegrityError, match="vectors of another embedder: letters with 26 dimensions") as caught:
        open_index(TEXTS, other)
    assert caught.value.mend == f"rm -r {theirs} and run again"


def test_a_card_is_what_it_says_it_is() -> None:
    open_index(TEXTS, letters.embedder())
    (card,) = folder_of(letters.embedder()).glob("*.json")
    said = json.loads(card.read_text())
    assert {**said, "sha256": ""} == {
        "schema_version": 1,
        "embedder": "letters",
        "size": 26,
        "texts": len(TEXTS),
        "sha256": "",
    }


def test_a_text_that_is_no_unicode_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        open_index(["\ud800"], letters.embedder())


def test_a_damaged_part_whose_texts_stand_in_another_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    open_index(TEXTS[:2], letters.embedder())
    folder = folder_of(letters.embedder())
    (first,) = folder.glob("vectors-*")
    open_index(TEXTS, letters.embedder())
    (second,) = set(folder.glob("vectors-*")) - {first}
    copied = folder / "vectors-0.safetensors"
    copied.write_bytes(first.read_bytes()[:-7])
    heard = [Heard(), Heard()]
    for place, each in enumerate(heard):
        open_index([*TEXTS, str(place)], letters.embedder(), each)
    assert [len(each.said) for each in heard] == [1, 0] and "vectors-0" in heard[0].said[0]
    assert first.exists() and second.exists() and not copied.exists()


@pytest.mark.parametrize("lacking", ["sha256", "embedder", "size"])
def test_vectors_that_do_not_say_what_they_are_are_made_again(lacking: str) -> None:
    from safetensors.numpy import load_file, save_file

    open_index(TEXTS, letters.embedder())
    folder = folder_of(letters.embedder())
    (path,) = folder.glob("vectors-*")
    about = {"embedder": "letters", "size": "26", "sha256": "x"}
    save_file(load_file(path), path, {name: value for name, value in about.items() if name != lacking})
    heard, noted = Heard(), list[str]()
    open_index(TEXTS[::-1], letters.embedder(noted), heard)
    assert noted == TEXTS[::-1] and len(heard.said) == 1


def test_of_many_edits_the_newest_indexes_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "KEPT", 3)
    folder = folder_of(letters.embedder())
    for number in range(6):
        open_index([*TEXTS, "x" * number], letters.embedder())
        for path in folder.glob("*.faiss"):
            at = path.stat().st_mtime_ns - 10**9
            os.utime(path, ns=(at, at))  # a second later
    assert len(list(folder.glob("*.faiss"))) == len(list(folder.glob("*.json"))) == 3
    noted: list[str] = []
    assert rows(open_index([*TEXTS, ""], letters.embedder(noted)), "ab") == [0] and noted == []


def test_nothing_to_embed_is_no_stage() -> None:
    stages: list[str] = []

    class Shown(Heard):
        def stage(self, name: str, total: int | None = None, unit: str = "") -> Any:
            from kinject.progress import SILENT

            stages.append(f"{name}: {total}")
            return SILENT.stage(name, total, unit)

    open_index(TEXTS, letters.embedder(), Shown())
    open_index(TEXTS[:2], letters.embedder(), Shown())
    assert stages == ["embedding events: 5"]


def test_a_mend_can_be_pasted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KINJECT_HOME", str(tmp_path / "my store"))
    other = replace(letters.embedder(), size=27)
    open_index(TEXTS, letters.embedder())
    with pytest.raises(IntegrityError) as caught:
        open_index(TEXTS, other)
    assert shlex.split(caught.value.mend)[:3] == ["rm", "-r", str(folder_of(other))]


def test_vectors_are_kept_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "PART", 2)
    open_index(TEXTS, letters.embedder())
    assert len(list(folder_of(letters.embedder()).glob("vectors-*"))) == 3

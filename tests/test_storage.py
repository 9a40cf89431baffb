import errno
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject import storage
from kinject.errors import MissingError, ResourceError, UsageError
from kinject.progress import SILENT

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=10,
)


def shuffled(value: Any) -> Any:
    """The same value with the keys of every object the other way round."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@given(plain)
def test_canonical_json_is_json_and_blind_to_the_order_of_keys(value: Any) -> None:
    assert json.loads(storage.canonical_json(value)) == value
    assert storage.digest(value) == storage.digest(shuffled(value))


@given(plain, plain)
def test_different_values_have_different_digests(one: Any, other: Any) -> None:
    same = repr(shuffled(one)) == repr(shuffled(other)) or one == other
    assert same or storage.digest(one) != storage.digest(other)


def test_tuples_are_arrays() -> None:
    assert storage.canonical_json({"b": (1, 2), "a": "é"}) == '{"a":"é","b":[1,2]}'.encode()


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (float("nan"), ""),
        ({"a": [0, float("-inf")]}, "a[1]"),
        ({"a": {"b": {1, 2}}}, "a.b"),
        ({"path": Path("x")}, "path"),
        ({"options": {1: "a"}}, "options (a key)"),
        (b"bytes", ""),
        ("half a pair \ud800", ""),
        pytest.param(10**5000, "", id="too many digits"),
    ],
)
def test_what_is_not_plain_json_is_refused_by_name(value: Any, where: str) -> None:
    with pytest.raises(UsageError) as error:
        storage.canonical_json(value)
    assert error.value.where == where


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(UsageError, match="nested too deeply"):
        storage.digest(loop)


def test_home_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert storage.home() == tmp_path / "kinject-home"
    monkeypatch.setenv("KINJECT_HOME", "")
    assert storage.home() == Path.home() / ".cache" / "kinject"


def test_digests_of_files_and_folders_follow_names_and_contents(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        storage.write_text(folder / "deep" / "a.txt", "a")
        storage.write_text(folder / "b.txt", "b")
    assert storage.folder_digest(one) == storage.folder_digest(other)
    assert storage.file_digest(one / "b.txt") == storage.file_digest(other / "b.txt")
    before = storage.folder_digest(other)
    (other / "b.txt").rename(other / "c.txt")
    assert storage.folder_digest(other) != before
    with pytest.raises(MissingError):
        storage.folder_digest(tmp_path / "none")


def test_linked_folders_belong_to_a_folder_and_circles_end(tmp_path: Path) -> None:
    storage.write_text(tmp_path / "there" / "deep" / "a.txt", "a")
    storage.write_text(tmp_path / "copy" / "linked" / "deep" / "a.txt", "a")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "there")
    assert storage.folder_digest(tmp_path / "here") == storage.folder_digest(tmp_path / "copy")
    (tmp_path / "there" / "deep" / "round").symlink_to(tmp_path / "here")
    (tmp_path / "there" / "self").symlink_to(tmp_path / "there" / "self")
    (tmp_path / "there" / "gone").symlink_to(tmp_path / "nowhere")
    assert storage.folder_digest(tmp_path / "here") == storage.folder_digest(tmp_path / "copy")
    storage.write_text(tmp_path / "there" / "deep" / "a.txt", "b")
    assert storage.folder_digest(tmp_path / "here") != storage.folder_digest(tmp_path / "copy")


def test_of_a_folder_only_what_is_wanted_counts(tmp_path: Path) -> None:
    storage.write_text(tmp_path / "m" / "a.json", "a")
    before = storage.folder_digest(tmp_path / "m", ["*.json"])
    for name in ("b.txt", ".c.json", ".cache/d.json"):
        storage.write_text(tmp_path / "m" / name, "more")
    assert storage.folder_digest(tmp_path / "m", ["*.json"]) == before
    storage.write_text(tmp_path / "m" / "deep" / "e.json", "more")
    assert storage.folder_digest(tmp_path / "m", ["*.json"]) != before


def test_a_folder_that_did_not_change_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    folder = tmp_path / "model"
    for name in ("a", "b"):
        storage.write_text(folder / name, name)
    read: list[str] = []
    digest_of_file = storage.file_digest
    monkeypatch.setattr(storage, "file_digest", lambda path: (read.append(path.name), digest_of_file(path))[1])

    def seen() -> list[str]:
        read.clear()
        assert storage.folder_digest(folder, remembered=True) == plainly()
        return read[: len(read) - 2]

    def plainly() -> str:
        return storage.folder_digest(folder)

    monkeypatch.setattr(storage, "WORTH", 0)
    assert seen() == seen() == ["a", "b"]  # too young: what is written now may be written again unseen
    monkeypatch.setattr(storage, "SETTLED", -(10**12))
    assert (seen(), seen()) == (["a", "b"], [])
    storage.write_text(folder / "a", "c")
    assert (seen(), seen()) == (["a"], [])
    times = (folder / "b").stat()
    (folder / "b").write_text("d")
    os.utime(folder / "b", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert seen() == ["b"]  # of the same size and time, and changed all the same
    (note,) = (store / "digests").iterdir()
    for damage in ("", "[]", '{"a": 5, "b": [1]}'):
        note.write_text(damage)
        assert (seen(), seen()) == (["a", "b"], [])
    note.unlink()
    (store / "digests").rmdir()
    monkeypatch.setattr(storage, "WORTH", 3)
    assert (seen(), seen()) == (["a", "b"], ["a", "b"]) and not (store / "digests").exists()  # too little
    monkeypatch.setattr(storage, "WORTH", 0)
    monkeypatch.setattr(storage, "write_json", lambda *_: (_ for _ in ()).throw(MissingError("no")))
    assert seen() == ["a", "b"]


@given(plain)
def test_values_come_back_as_they_were_written(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "value.json"
    storage.write_json(path, value)
    assert storage.read_json(path) == value


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = [{"text": "one\u2028line\r\n"}, {"text": "é"}]
    storage.write_jsonl(tmp_path / "rows.jsonl", iter(rows))
    assert list(storage.read_jsonl(tmp_path / "rows.jsonl")) == rows


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    storage.write_jsonl(path, [{"old": 1}])

    def rows() -> Iterator[dict[str, int]]:
        yield {"new": 1}
        raise ConnectionError("what made the row failed")

    with pytest.raises(ConnectionError):  # and is not taken for trouble with the file
        storage.write_jsonl(path, rows())
    assert list(tmp_path.iterdir()) == [path]
    assert storage.read_json(path) == {"old": 1}


def test_a_full_disk_is_a_matter_of_resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(ResourceError, match="the disk is full"):
        storage.write_text(tmp_path / "x", "text")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b'{"a": 1}\n{"a": NaN}', 2, "NaN is not a JSON number"),
        (b'{"a": 1}\n{"a": 1, "a": 2}', 2, "the key 'a' stands twice"),
        (b"[1]\n\n[1", 3, "not JSON"),
        (b"[1]\n\xff", 2, "not UTF-8: byte 0xff"),
        (b"[1]\n-1e999", 2, "-1e999 is not a JSON number"),
        (b"[" * 100_000, 1, "nested too deeply"),
    ],
)
def test_a_line_that_cannot_be_parsed_is_named(content: bytes, line: int, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError) as error:
        list(storage.read_jsonl(path))
    assert error.value.where == f"{path}:{line}" and message in error.value.message and error.value.mend


def test_a_line_too_long_to_be_a_record_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "MAX_LINE", 10)
    (tmp_path / "rows").write_text("[1]\n[" + "1," * 10)
    with pytest.raises(UsageError, match="longer than") as error:
        list(storage.read_jsonl(tmp_path / "rows"))
    assert error.value.where == f"{tmp_path / 'rows'}:2"


def test_an_error_in_a_file_of_one_value_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{\n"a": 1,\n"b" 2\n}')
    with pytest.raises(UsageError) as error:
        storage.read_json(tmp_path / "x.json")
    assert error.value.where == f"{tmp_path / 'x.json'}:3"


def test_what_cannot_be_opened_is_missing(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        for read in (
            storage.read_json,
            storage.read_text,
            storage.file_digest,
            lambda p: list(storage.read_jsonl(p)),
        ):
            with pytest.raises(MissingError) as error:
                read(path)
            assert error.value.where == str(path)


def hold(path: Path, held: Any) -> None:
    with storage.locked(path):
        held.set()
        time.sleep(60)


def test_a_lock_that_is_held_names_its_holder_and_dies_with_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    child = context.Process(target=hold, args=(tmp_path / "x", held))
    child.start()
    try:
        assert held.wait(30)
        with pytest.raises(ResourceError, match=f"process {child.pid} on") as error:
            storage.locked(tmp_path / "x", 0.1).__enter__()
        assert error.value.where == f"{tmp_path / 'x'}.lock"
    finally:
        child.kill()
        child.join()
    with storage.locked(tmp_path / "x", 10):
        pass


def test_who_waits_is_told_for_whom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "MOMENT", 0.05)
    said: list[str] = []

    class Heard:
        stage = SILENT.stage

        def say(self, text: str) -> None:
            said.append(text)
            release.set()

    release, held = threading.Event(), threading.Event()

    def holding() -> None:
        with storage.locked(tmp_path / "x"):
            held.set()
            release.wait(30)

    holder = threading.Thread(target=holding)
    holder.start()
    assert held.wait(30)
    with storage.locked(tmp_path / "x", progress=Heard()):
        pass
    holder.join()
    assert len(said) == 1 and f"process {os.getpid()} on" in said[0]
    with storage.locked(tmp_path / "x", progress=Heard()):
        assert len(said) == 1


@pytest.mark.parametrize("read", [storage.read_text, lambda path: storage.read_text(path / "none")])
def test_what_a_mend_says_can_be_pasted(read: Any, tmp_path: Path) -> None:
    place = tmp_path / "my folder; rm x"
    place.mkdir()
    with pytest.raises(MissingError) as caught:
        read(place)
    assert caught.value.mend.endswith(f"ls '{place}'")


def test_a_lock_keeps_threads_apart(tmp_path: Path) -> None:
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        with storage.locked(tmp_path / "x"):
            inside += 1
            most = max(most, inside)
            time.sleep(0.01)
            inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1

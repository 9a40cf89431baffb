"""Kept replies: there for good, for several processes, after a kill; and no other file is taken for one."""

import os
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinject.engines import kept
from kinject.engines.kept import Kept, Reply
from kinject.errors import IntegrityError, MissingError, ResourceError, UsageError

REPLY = Reply("yes", "length", "an empty reply", 3, None, ("seed", "top_p"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture
def file(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "run" / kept.NAME)


def filled(file: Kept, count: int = 50) -> bytes:
    file.put_all({f"key {number}": Reply("x" * 400) for number in range(count)})
    return file.path.read_bytes()


def test_what_is_put_is_got_again_and_nothing_lies_beside_it(file: Kept) -> None:
    assert file.get(["a"]) == {} and not file.path.exists()
    file.put("a", REPLY)
    file.put("b", Reply(""))
    assert Kept(file.path).get(["b", "a", "c"]) == {"a": REPLY, "b": Reply("")}
    assert [path.name for path in file.path.parent.iterdir()] == [kept.NAME]


def test_reading_does_not_change_the_file(file: Kept) -> None:
    before = filled(file)
    file.get(["key 1"])
    assert file.path.read_bytes() == before


def test_what_a_killed_writer_left_beside_it_is_taken_away(file: Kept) -> None:
    file.put("a", REPLY)
    for left in (b"", b"\0" * 512):
        file.path.with_name(f"{kept.NAME}-journal").write_bytes(left)
        assert file.get(["a"]) == {"a": REPLY}
        assert [path.name for path in file.path.parent.iterdir()] == [kept.NAME]


def test_the_first_reply_of_a_key_stays(file: Kept) -> None:
    file.put("a", REPLY)
    file.put("a", Reply("another"))
    assert file.get(["a"]) == {"a": REPLY}


def test_held_open_it_is_written_ahead_and_left_as_one_file(file: Kept) -> None:
    with file:
        assert not file.path.exists()
        for number in range(100):
            file.put(str(number), Reply(str(number)))
        assert len(Kept(file.path).get([str(number) for number in range(100)])) == 100
        Kept(file.path).put("another", REPLY)
        with Kept(file.path) as other:
            other.put("third", REPLY)
    assert [path.name for path in file.path.parent.iterdir()] == [kept.NAME]
    before = file.path.read_bytes()
    assert before[18:20] == b"\1\1"  # no write-ahead log: it can be read where nothing can be written
    assert len(file.get(["0", "99", "another", "third"])) == 4
    assert file.path.read_bytes() == before
    file.put("closed", REPLY)
    assert file.get(["closed"])


def test_many_keys_are_found_at_once(file: Kept) -> None:
    file.put_all({str(number): Reply(str(number)) for number in range(kept.AT_ONCE + 3)})
    assert len(file.get([str(number) for number in range(2 * kept.AT_ONCE + 1)])) == kept.AT_ONCE + 3


@settings(max_examples=40, deadline=None)
@given(text=TEXTS, why=TEXTS, tokens=st.none() | st.integers(0, 2**62))
def test_every_text_comes_back(tmp_path_factory: pytest.TempPathFactory, text: str, why: str, tokens: int) -> None:
    file = Kept(tmp_path_factory.mktemp("kept") / kept.NAME)
    file.put("key", reply := Reply(text, "stop", why, tokens, tokens))
    assert file.get(["key"]) == {"key": reply}


def test_half_a_surrogate_pair_is_told(file: Kept) -> None:
    with pytest.raises(UsageError, match="not Unicode"):
        file.put("a", Reply("\ud83d"))


@pytest.mark.parametrize("size", [1, 10, 90, 5000, -4096, -100])
def test_a_file_that_was_cut_is_told(file: Kept, size: int) -> None:
    whole = filled(file)
    file.path.write_bytes(whole[:size])
    for use in (lambda: file.get(["key 1"]), lambda: file.put("new", REPLY)):
        with pytest.raises(IntegrityError, match="damaged") as caught:
            use()
        assert caught.value.where == str(file.path) and "asked again" in caught.value.mend
    assert file.path.read_bytes() == whole[:size]


def test_a_file_with_a_page_of_noise_is_told(file: Kept) -> None:
    whole = bytearray(filled(file))
    whole[8192:12288] = os.urandom(4096)
    file.path.write_bytes(whole)
    with pytest.raises(IntegrityError):
        file.get([f"key {number}" for number in range(50)])


def test_an_empty_file_is_a_new_one(file: Kept) -> None:
    file.path.parent.mkdir()
    file.path.touch()
    assert file.get(["a"]) == {}
    file.put("a", REPLY)
    assert file.get(["a"]) == {"a": REPLY}


@pytest.mark.parametrize("raw", [b'{"key": "x"}\n', b"nonsense", b"\0" * 100])
def test_another_file_is_not_written_to(file: Kept, raw: bytes) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(raw)
    for use in (lambda: file.get(["a"]), lambda: file.put("a", REPLY)):
        with pytest.raises(UsageError, match="no file of kept replies"):
            use()
    assert file.path.read_bytes() == raw


@pytest.mark.parametrize(
    "words", ["CREATE TABLE replies (key)", "PRAGMA user_version = 1", "PRAGMA application_id = 5"]
)
def test_the_database_of_another_program_is_not_written_to(file: Kept, words: str) -> None:
    file.path.parent.mkdir()
    with sqlite3.connect(file.path) as other:
        other.execute(words)
    other.close()
    before = file.path.read_bytes()
    for use in (lambda: file.get(["a"]), lambda: file.put("a", REPLY)):
        with pytest.raises(UsageError, match="another program"):
            use()
    assert file.path.read_bytes() == before


def test_one_of_another_version_is_told(file: Kept) -> None:
    file.put("a", REPLY)
    with sqlite3.connect(file.path) as other:
        other.execute("PRAGMA user_version = 9")
    other.close()
    with pytest.raises(UsageError, match="another version of kinject"):
        file.get(["a"])


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "folder", tmp_path / "file" / "x"):
        with pytest.raises(MissingError):
            Kept(path).put("a", REPLY)


def test_a_lock_that_is_never_freed_is_told(file: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "PATIENCE", 0.1)
    file.put("a", REPLY)
    holder = sqlite3.connect(file.path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ResourceError, match="another process"):
        file.put("b", REPLY)
    holder.close()


def test_several_threads_put_at_once(file: Kept) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: Kept(file.path).put(str(number), Reply(str(number))), range(60)))
    assert len(file.get([str(number) for number in range(60)])) == 60


WRITER = """
import sys
from pathlib import Path
from kinject.engines.kept import Kept, Reply
file = Kept(Path(sys.argv[1]))
for number in range(10_000):
    file.put(f"{sys.argv[2]} {number}", Reply("x" * 500))
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("how", [("held", "held"), ("each", "each"), ("held", "each")])
def test_two_processes_that_are_killed_lose_nothing_that_was_put(file: Kept, how: tuple[str, str]) -> None:
    for _ in range(3):
        writers = {
            name: subprocess.Popen(
                [sys.executable, "-c", WRITER, str(file.path), name, way], stdout=subprocess.PIPE, text=True
            )
            for name, way in zip("ab", how, strict=True)
        }
        first = {name: writer.stdout.readline() for name, writer in writers.items() if writer.stdout}
        time.sleep(0.2)
        for writer in writers.values():
            writer.kill()
        for name, writer in writers.items():
            said = (first[name] + writer.communicate()[0]).split("\n")[:-1]
            assert said
            keys = [f"{name} {number}" for number in said]
            assert len(file.get(keys)) == len(keys)
    assert [path.name for path in file.path.parent.iterdir()] == [kept.NAME]

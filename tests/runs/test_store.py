import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinject.errors import IntegrityError, UsageError
from kinject.progress import SILENT
from kinject.runs.store import DONE, RECORD, Run, Spec, Store

SPEC = Spec("train", 1, {"seed": 7})
WORKER = Path(__file__).with_name("worker.py")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("abc"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=5,
)


def work(folder: Path) -> Mapping[str, Any]:
    (folder / "deep").mkdir(exist_ok=True)
    (folder / "deep" / "weights").write_bytes(b"0123")
    return {"loss": 0.5, "shape": (2, 3)}


def no_work(folder: Path) -> Mapping[str, Any]:
    raise AssertionError("the work was done before")


def start(root: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(WORKER), str(root), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def runs(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def test_work_is_done_once_and_found_again(runs: Store) -> None:
    assert runs.find(SPEC) is None and list(runs.all()) == []
    made = runs.run(SPEC, work)
    assert made == Run(SPEC, runs.root / SPEC.key, {"loss": 0.5, "shape": [2, 3]})
    assert runs.run(SPEC, no_work) == runs.find(SPEC) == made
    assert list(runs.all()) == [made]


def test_the_store_is_at_home_by_default(store: Path) -> None:
    assert Store().root == store / "runs"


@given(st.dictionaries(st.text("abc"), values, min_size=1), st.data())
def test_any_change_of_any_input_changes_the_key(inputs: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(inputs)))
    # repr tells 1 from 1.0 and True, which == does not
    other = data.draw(values.filter(lambda value: ordered(value) != ordered(inputs[name])))
    key = Spec("step", 1, inputs).key
    assert Spec("step", 1, {**inputs, name: other}).key != key
    assert Spec("step", 1, {**inputs, "new": None}).key != key
    assert Spec("step", 1, {each: inputs[each] for each in inputs if each != name}).key != key
    assert Spec("step", 2, inputs).key != key
    assert Spec("other", 1, inputs).key != key
    assert Spec("step", 1, dict(reversed(inputs.items()))).key == key


def ordered(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {ordered(value[key])}' for key in sorted(value))}}}"
    return f"[{', '.join(map(ordered, value))}]" if isinstance(value, list) else repr(value)


def test_a_spec_does_not_follow_its_callers_mapping() -> None:
    inputs = {"seeds": [1]}
    spec = Spec("step", 1, inputs)
    inputs["seeds"].append(2)
    assert spec.inputs == {"seeds": [1]} and spec == Spec("step", 1, {"seeds": (1,)})
    assert len({spec, Spec("step", 1, {"seeds": [1]})}) == 1


@pytest.mark.parametrize("inputs", [{"model": Path("x")}, {"lr": float("nan")}, {1: "a"}, {"f": print}])
def test_an_input_that_cannot_be_hashed_is_an_error(inputs: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Spec("step", 1, inputs)


@pytest.mark.parametrize("step", ["", "../up", "a/b", ".hidden", "a b"])
def test_a_step_is_named_so_that_a_folder_can_be(step: str) -> None:
    with pytest.raises(UsageError):
        Spec(step, 1, {})


def test_work_that_fails_is_no_run_and_goes_on_from_what_it_left(runs: Store) -> None:
    def fails(folder: Path) -> Mapping[str, Any]:
        (folder / "half").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.run(SPEC, fails)
    assert runs.find(SPEC) is None and list(runs.all()) == []
    assert runs.run(SPEC, lambda folder: {"found": (folder / "half").read_text()}).record == {"found": "half"}


def test_killed_in_the_middle_it_goes_on(runs: Store) -> None:
    child = start(runs.root, "slow")
    assert child.stdout and child.stdout.readline() == "in the middle\n"
    child.kill()
    child.communicate()
    assert runs.find(SPEC) is None
    assert start(runs.root, "quick").communicate()[0] == "True\n"
    found = runs.find(SPEC)
    assert found and found.record == {"resumed": True}


def test_killed_at_any_write_it_is_done_or_not_done_and_never_damaged(tmp_path: Path) -> None:
    for step in range(1, 100):
        runs = Store(tmp_path / str(step))
        child = start(runs.root, "kill", str(step))
        child.communicate()
        before = runs.find(SPEC)
        after = runs.run(SPEC, no_work if before else work)
        assert runs.find(SPEC) == after
        assert not list(after.folder.rglob(".*.tmp")) or before
        if child.returncode == 0:
            break
    assert child.returncode == 0 and step > 8  # spec, lock, owner, artefacts, record and DONE were all hit


def test_of_two_processes_one_does_the_work(runs: Store) -> None:
    children = [start(runs.root, "quick") for _ in range(2)]
    assert [child.communicate()[0] for child in children] == ["False\n"] * 2
    assert (runs.root / "calls.log").read_text() == "called\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("deep/weights", b"012", "deep/weights had 4 bytes and has 3"),
        ("deep/weights", None, "deep/weights had 4 bytes and is missing"),
        (RECORD, b'{\n  "loss": 0.6,\n  "shape": [\n    2,\n    3\n  ]\n}\n', "record.json has been changed"),
        ("spec.json", None, "spec.json is missing or cannot be understood"),
        ("spec.json", b"[]", "spec.json is missing or cannot be understood"),
        (DONE, b"", "DONE cannot be understood"),
        (DONE, b'{"schema_version": 2, "files": {}, "record": ""}', "DONE cannot be understood"),
    ],
)
def test_a_run_that_is_not_what_was_written_is_refused(
    runs: Store, name: str, content: bytes | None, message: str
) -> None:
    folder = runs.run(SPEC, work).folder
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    for attempt in (lambda: runs.find(SPEC), lambda: runs.run(SPEC, no_work), lambda: list(runs.all())):
        with pytest.raises(IntegrityError) as error:
            attempt()
        assert message in error.value.message
        assert error.value.where == str(folder) and error.value.mend == f"rm -r {folder} and run again"


def test_a_mend_can_be_pasted_where_the_store_has_spaces(tmp_path: Path) -> None:
    runs = Store(tmp_path / "my store" / "runs")
    folder = runs.run(SPEC, work).folder
    (folder / RECORD).write_text("{}")
    with pytest.raises(IntegrityError) as caught:
        runs.find(SPEC)
    assert shlex.split(caught.value.mend)[:3] == ["rm", "-r", str(folder)]


def test_who_waits_for_another_process_is_told(runs: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinject.storage.MOMENT", 0.01)
    said: list[str] = []

    class Heard:
        stage = SILENT.stage

        def say(self, text: str) -> None:
            said.append(text)

    child = start(runs.root, "quick")
    while not (runs.root / ".locks" / f"{SPEC.key}.owner").exists() and child.poll() is None:
        time.sleep(0.002)
    runs.run(SPEC, work, Heard())
    child.communicate()
    assert len(said) == 1 and f"process {child.pid} on" in said[0]


def test_a_folder_of_other_work_is_refused(runs: Store) -> None:
    folder = runs.run(Spec("train", 1, {"seed": 8}), work).folder
    folder.rename(runs.root / SPEC.key)
    with pytest.raises(IntegrityError, match="that of other work"):
        runs.run(SPEC, no_work)
    (runs.root / SPEC.key / DONE).unlink()
    with pytest.raises(IntegrityError, match="that of other work"):
        runs.run(SPEC, no_work)

"""Containers, with a stand-in for docker: it notes how it was called and runs the program here, without isolation."""

import json
import os
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from kinject.errors import MissingError, ResourceError
from kinject.sandbox.container import IMAGE, Container, docker, podman
from kinject.sandbox.sandbox import Limits, open_sandbox, self_test

DOCKER = f"""#!{sys.executable} -SE
import json, os, pathlib, signal, sys
here, words = pathlib.Path(__file__).parent, sys.argv[1:]
with open(here / "calls.jsonl", "a") as file: file.write(json.dumps(words) + "\\n")
if words[0] == "rm":
    os.killpg(int((here / words[-1]).read_text()), signal.SIGKILL)
elif not (here / "daemon").exists():
    sys.exit("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
else:
    (here / words[words.index("--name") + 1]).write_text(str(os.getpid()))
    inside = words[words.index({IMAGE!r}) + 1:]
    inside[inside.index("python3")] = {sys.executable!r}
    os.execvp("timeout", ["timeout", *inside])
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("docker", "podman"):
        (tmp_path / name).write_text(DOCKER)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "daemon").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def calls(engine: Path) -> list[list[str]]:
    return [json.loads(line) for line in (engine / "calls.jsonl").read_text().splitlines()]


def pairs(words: list[str]) -> set[tuple[str, str]]:
    return set(pairwise(words))


def test_the_container_has_nothing_that_it_does_not_need(engine: Path) -> None:
    outcome = docker().run("import os, sys; os.write(3, sys.stdin.buffer.read()); print('words')", b"given", Limits())
    assert (outcome.state, outcome.output, outcome.said) == ("done", b"given", "words\n")
    [words] = calls(engine)
    assert words[0] == "run" and {"--rm", "--interactive", "--read-only"} <= set(words)
    assert {
        ("--network", "none"),
        ("--cap-drop", "ALL"),
        ("--security-opt", "no-new-privileges"),
        ("--user", "65534:65534"),
        ("--pull", "never"),
        ("--ipc", "private"),
        ("--pids-limit", "16"),
        ("--memory", str((2 << 30) + (16 << 20) + (64 << 20))),
        ("--memory-swap", str((2 << 30) + (16 << 20) + (64 << 20))),
        ("--tmpfs", f"/tmp:rw,nosuid,nodev,noexec,mode=1777,size={16 << 20},nr_inodes=4096"),
        ("--entrypoint", "timeout"),
    } <= pairs(words)
    image = words.index(IMAGE)
    started = ["-s", "KILL", "70", "env", "-i", "PYTHONHASHSEED=0", "PATH=/usr/local/bin:/usr/bin:/bin", "python3"]
    assert words[image + 1 : image + 9] == started
    assert not {"--volume", "-v", "--mount", "--privileged", "--env", "-e", "--device"} & set(words[:image])


def test_a_program_without_end_is_ended_by_its_containers_name(engine: Path, nothing_left: None) -> None:
    outcome = podman().run("import os; os.write(3, b'x')\nwhile True: pass", b"", Limits(seconds=0.3))
    assert (outcome.state, outcome.output) == ("timeout", b"x")
    run, remove = calls(engine)
    assert remove == ["rm", "--force", run[run.index("--name") + 1]]


def test_each_engine_gets_the_words_that_it_knows(engine: Path) -> None:
    for open_ in (docker, podman):
        open_().run("", b"", Limits())
    by_docker, by_podman = calls(engine)
    assert {"--read-only-tmpfs=false", "--no-hosts"} & set(by_docker) == set()
    assert {"--read-only-tmpfs=false", "--no-hosts"} <= set(by_podman)
    assert "nr_inodes" not in " ".join(by_podman)


def test_every_container_has_a_name_of_its_own(engine: Path) -> None:
    for _ in range(2):
        docker().run("", b"", Limits())
    assert len({words[words.index("--name") + 1] for words in calls(engine)}) == 2


def test_more_processes_are_the_engines_to_count(engine: Path) -> None:
    docker().run("", b"", Limits(processes=40, memory=1 << 20))
    assert ("--pids-limit", "40") in pairs(calls(engine)[0])
    assert ("--memory", str((40 << 20) + (16 << 20) + (64 << 20))) in pairs(calls(engine)[0])


def test_an_engine_that_does_not_isolate_is_refused(engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinject.sandbox.probes.OUTLIVE", "import os; os.write(3, b'left')")
    with pytest.raises(MissingError, match="it read a file outside"):
        self_test(docker())


def test_an_engine_that_does_not_run_is_told_in_its_own_words(engine: Path) -> None:
    (engine / "daemon").unlink()
    with pytest.raises(ResourceError, match="did not start: Cannot connect to the Docker daemon"):
        docker().run("", b"", Limits())
    with pytest.raises(MissingError, match=r"docker does not hold: .*Cannot connect to the Docker daemon") as error:
        open_sandbox("docker")
    assert error.value.code == 3


def test_the_key_says_what_can_change_an_outcome() -> None:
    assert Container("/usr/bin/docker", "docker").key() == {"name": "docker", "version": 1, "image": IMAGE}

"""`kinject engines`: what works on this machine, in a moment and without importing torch."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "engines"))  # for server.py
import server

from kinject.cli.app import COMMANDS, run
from kinject.engines import available
from kinject.engines.available import Device
from kinject.lab.checkpoint import SHIPPED

H200 = Device("NVIDIA H200", 143771, 143000)


@pytest.fixture(autouse=True)
def command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "engines", "kinject.cli.engines:engines")


@pytest.fixture
def bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(available, "DRIVERS", ())
    yield folder


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!{sys.executable}\n{text}\n")
    (folder / name).chmod(0o755)


def found(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    assert run(["engines", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    result = json.loads(out)
    assert result["schema"] == "kinject.engines/1"
    return {each["name"]: each for each in result["engines"]}


def test_a_machine_without_anything(bin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engines = found(capsys)
    assert list(engines) == ["lab", "hf", "vllm", "openai"]
    assert {name: each["works"] for name, each in engines.items()} == {
        **{"lab": True, "hf": True},
        **{"vllm": False, "openai": False},
    }
    assert all(each["why"] for each in engines.values())
    assert engines["hf"]["why"].endswith("on the CPU: no GPU is here")
    assert "OPENAI_BASE_URL" in engines["openai"]["mend"]


def test_in_words(bin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["engines"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split()[:2] for line in out.splitlines()[:3]] == [["engine", "works"], ["lab", "yes"], ["hf", "yes"]]


def test_gpus_are_read_from_nvidia_smi(bin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bin, "nvidia-smi", "print('GPU-8a1, NVIDIA H200, 143771, 143000\\nGPU-8b2, NVIDIA L4, 23034, 10')")
    assert available.devices() == [H200, Device("NVIDIA L4", 23034, 10)]


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("", ""),
        ("-1", ""),
        ("none", ""),
        ("1", "L4"),
        ("1,0", "L4 H200"),
        (" 1 , 0 ", "L4 H200"),
        ("0,-1,1", "H200"),
        ("7", ""),
        ("0,7,1", "H200"),
        ("GPU-8b2", "L4"),
        ("GPU-8b,0", "L4 H200"),
        ("GPU-8", ""),  # which of the two?
        ("GPU-9", ""),
        ("b2", ""),
    ],
)
def test_the_environment_chooses_gpus_as_cuda_does(
    bin: Path, monkeypatch: pytest.MonkeyPatch, visible: str, names: str
) -> None:
    program(bin, "nvidia-smi", "print('GPU-8a1, NVIDIA H200, 143771, 143000\\nGPU-8b2, NVIDIA L4, 23034, 10')")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert " ".join(device.name.removeprefix("NVIDIA ") for device in available.devices()) == names


@pytest.mark.parametrize("part", ["MIG-8a1", "MIG-GPU-8a1/3/0"])
def test_of_parts_of_gpus_torch_is_asked(bin: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    program(bin, "nvidia-smi", "print('GPU-8a1, NVIDIA H200, 143771, 143000')")
    slice_ = Device("NVIDIA H200 MIG 1g.18gb", 16384, 16000)
    monkeypatch.setattr(available, "_from_torch", lambda: [slice_])
    monkeypatch.setattr(available, "DRIVERS", (str(bin),))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", part)
    assert available.devices() == [slice_]


@pytest.mark.parametrize(
    "text", ["import time; time.sleep(9)", "raise SystemExit(9)", "print('GPU-1, GB10, [N/A], [N/A]')"]
)
def test_torch_is_asked_where_nvidia_smi_cannot_tell(bin: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    program(bin, "nvidia-smi", text)
    monkeypatch.setattr(available, "PATIENCE", 0.3)
    monkeypatch.setattr(available, "_from_torch", lambda: [H200])
    assert available.devices() == []
    monkeypatch.setattr(available, "DRIVERS", (str(bin),))
    assert available.devices() == [H200]


def test_a_torch_that_cannot_use_the_gpu_is_told(
    bin: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(available, "devices", lambda: [H200])
    monkeypatch.setattr(available, "version", lambda name: {"torch": "2.13.0+cpu", "transformers": "5.23.0"}.get(name))
    hf = found(capsys)["hf"]
    assert hf["works"] and "cannot use NVIDIA H200" in hf["why"] and "torch" in hf["mend"]
    monkeypatch.setattr(available, "version", lambda name: {"torch": "2.13.0", "transformers": "5.23.0"}.get(name))
    hf = found(capsys)["hf"]
    assert hf["why"] == "torch 2.13.0 on NVIDIA H200 (139 of 140 GiB free)" and not hf["mend"]
    assert hf["details"]["devices"] == [{"name": "NVIDIA H200", "memory": 143771, "free": 143000}]


def test_without_transformers_neither_works(bin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(available, "version", lambda name: "2.13.0" if name == "torch" else None)
    lab, hf, *_ = available.engines(SHIPPED)
    assert not lab.works and not hf.works
    assert lab.mend == hf.mend == "pip install transformers"
    assert not available.engines(bin)[0].works


@pytest.mark.parametrize(
    ("version", "devices", "works", "words"),
    [
        (None, [H200], True, "vllm on NVIDIA H200"),
        ("0.32.0", [H200], True, "vllm 0.32.0 on NVIDIA H200"),
        ("0.32.0", [], False, "vllm 0.32.0 is here, but no GPU is"),
        ("0.32.0+cpu", [], True, "on the CPU"),
    ],
)
def test_vllm_needs_a_gpu(
    bin: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, devices: list[Device], works: bool, words: str
) -> None:
    program(bin, "vllm", "")
    monkeypatch.setattr(available, "devices", lambda: devices)
    monkeypatch.setattr(available, "version", lambda name: version)
    vllm = available.engines(SHIPPED)[2]
    assert vllm.works == works and words in vllm.why


def test_an_endpoint_names_its_models(
    bin: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with server.serving(server.Endpoint(models=[f"m{number}" for number in range(7)])) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        openai = found(capsys)["openai"]
        assert openai["works"] and openai["why"] == f"{endpoint.url} has m0, m1, m2, m3, m4 and 2 more"
        assert openai["details"] == {"base_url": endpoint.url, "models": [f"m{number}" for number in range(7)]}
        endpoint.key = "sesame"
        openai = found(capsys)["openai"]
        assert not openai["works"] and "401: no such key" in openai["why"] and "OPENAI_API_KEY" in openai["mend"]


@pytest.mark.parametrize(
    ("url", "words"), [("nonsense", "no address"), ("http://127.0.0.1:9/v1", "nothing answers there")]
)
def test_an_endpoint_that_is_not_there(
    bin: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, words: str
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    openai = found(capsys)["openai"]
    assert not openai["works"] and openai["why"].startswith(f"{url}: ") and words in openai["why"]


def test_an_endpoint_that_says_nothing_is_not_waited_for(bin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/v1")
        monkeypatch.setattr(available, "PATIENCE", 0.3)
        began = time.monotonic()
        assert not available.engines(SHIPPED)[3].works
        assert time.monotonic() - began < 2


def test_it_is_quick_and_imports_no_torch() -> None:
    script = """
import sys
from kinject.cli.app import COMMANDS, run
COMMANDS["engines"] = "kinject.cli.engines:engines"
run(["engines"])
assert not {"torch", "transformers", "openai"} & set(sys.modules)
"""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, "PATH": ""}
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 5

"""Which engines work on this machine: for each whether, why, and what to do.

Quick, because people ask it first: versions are read from what is installed and not by importing it, `nvidia-smi` tells
the GPUs, and torch (a second and more) is imported only where a driver is there and that program does not tell.

Trap: a torch from PyPI tells only when it is imported whether it can use a GPU; one that calls itself "+cpu" cannot.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kinject.engines import vllm
from kinject.engines.openai import API, OpenAI, shown
from kinject.engines.threads import side_by_side
from kinject.errors import KinjectError, MissingError

PATIENCE = 1.5
"""Seconds for `nvidia-smi`, and for an endpoint to name its models."""
DRIVERS = ("/proc/driver/nvidia/version", "/dev/kfd", "/dev/dxg")
"""What NVIDIA's and AMD's drivers, and those of WSL, leave in the file system."""
QUERY = ("--query-gpu=uuid,name,memory.total,memory.free", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class Device:
    """One GPU; memory in MiB."""

    name: str
    memory: int
    free: int


@dataclass(frozen=True)
class Available:
    """Whether an engine works here, why, and what to do; `details` are facts for programs."""

    name: str
    works: bool
    why: str
    mend: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in the output of `kinject engines --json`."""
        return asdict(self)


def engines(shipped: Path) -> list[Available]:
    """Look at every engine; `shipped` is the folder of the lab's base model."""
    with ThreadPoolExecutor(2) as pool:  # one waits for a program, the other for the network
        here, there = pool.submit(_local, shipped), pool.submit(_openai)
        return [*here.result(), there.result()]


def _local(shipped: Path) -> list[Available]:
    gpus = devices()
    hf = _hf(gpus)
    return [_lab(shipped, hf), hf, _vllm(gpus)]


def _lab(shipped: Path, hf: Available) -> Available:
    if not (shipped / "model.safetensors").is_file():
        return Available("lab", False, "the shipped model of world 0 is missing", "kinject lab build 0, or reinstall")
    return Available("lab", hf.works, "world 0 is shipped" if hf.works else hf.why, hf.mend if not hf.works else "")


def _hf(gpus: Sequence[Device]) -> Available:
    torch, transformers = version("torch"), version("transformers")
    details = {"torch": torch, "transformers": transformers, "devices": [asdict(gpu) for gpu in gpus]}
    if not torch or not transformers:
        missing = "transformers" if torch else "torch"
        return Available("hf", False, f"{missing} is not installed", f"pip install {missing}", details)
    if gpus and torch.endswith("+cpu"):
        mend = "pip install --force-reinstall torch, from the index of your CUDA version"
        return Available("hf", True, f"torch {torch} cannot use {gpus[0].name}, so only the CPU", mend, details)
    return Available("hf", True, f"torch {torch} on {_shown(gpus)}", details=details)


def _vllm(gpus: Sequence[Device]) -> Available:
    own = version("vllm")
    details = {"vllm": own, "devices": [asdict(gpu) for gpu in gpus]}
    try:
        program = vllm.program()
    except MissingError as error:
        return Available("vllm", False, error.message, error.mend, details)
    what = f"vllm {own}" if own else program[0]
    if not gpus and not (own or "").endswith("+cpu"):
        return Available("vllm", False, f"{what} is here, but no GPU is", "use the engine hf", details)
    return Available("vllm", True, f"{what} on {_shown(gpus)}", details=details)


def _openai() -> Available:
    if not os.environ.get("OPENAI_API_KEY") and not os.environ.get("OPENAI_BASE_URL"):
        mend = "set OPENAI_API_KEY, or OPENAI_BASE_URL to an endpoint such as http://localhost:8000/v1"
        return Available("openai", False, "neither OPENAI_API_KEY nor OPENAI_BASE_URL is set", mend)
    try:
        endpoint = OpenAI("")
        # Beside this thread, because to look a name up has no time limit of its own.
        models = next(side_by_side(endpoint.models, [PATIENCE], 1, PATIENCE))
    except KinjectError as error:
        url = shown(os.environ.get("OPENAI_BASE_URL") or API)
        return Available("openai", False, f"{url}: {error.message}", error.mend, {"base_url": url, "models": []})
    some = ", ".join(models[:5]) + (f" and {len(models) - 5} more" if len(models) > 5 else "")
    why = f"{endpoint.base_url} has {some or 'no models that it names'}"
    return Available("openai", True, why, details={"base_url": endpoint.base_url, "models": models})


def version(package: str) -> str | None:
    """Return the version of an installed package without importing it, None where it is not installed."""
    if not find_spec(package):
        return None
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "of unknown version"


def devices() -> list[Device]:
    """Return the GPUs that this process may use."""
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted in ("", "-1"):
        return []
    smi = shutil.which("nvidia-smi") if "MIG-" not in (wanted or "") else None  # it tells no parts of GPUs
    found = _from_smi(smi) if smi else None
    if found is None:
        return _from_torch() if any(Path(driver).exists() for driver in DRIVERS) else []
    return list(found.values()) if wanted is None else _visible(wanted, found)


def _visible(wanted: str, found: Mapping[str, Device]) -> list[Device]:
    """Choose as CUDA does: by number or by the beginning of a UUID, up to the first that is neither."""
    chosen = []
    for part in map(str.strip, wanted.split(",")):
        named = [uuid for uuid in found if part.startswith("GPU-") and uuid.startswith(part)]
        numbered = list(found)[int(part) :][:1] if part.isdecimal() else []
        if len(which := named or numbered) != 1:
            break
        chosen.append(found[which[0]])
    return chosen


def _from_smi(program: str) -> dict[str, Device] | None:
    """Return what `nvidia-smi` lists by UUID, None where it cannot tell: too slow, no driver, memory unknown."""
    try:
        done = subprocess.run([program, *QUERY], capture_output=True, text=True, timeout=PATIENCE, check=True)
        rows = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines() if line.strip()]
        return {uuid: Device(name, int(total), int(free)) for uuid, name, total, free in rows}
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _from_torch() -> list[Device]:
    if not find_spec("torch"):
        return []
    import torch

    found = []
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        found.append(Device(torch.cuda.get_device_name(number), total >> 20, free >> 20))
    return found


def _shown(gpus: Sequence[Device]) -> str:
    if not gpus:
        return "the CPU: no GPU is here"
    return ", ".join(f"{gpu.name} ({gpu.free >> 10} of {gpu.memory >> 10} GiB free)" for gpu in gpus)

"""The pages say what is so: every command on them is one, and the figures are what the code computes."""

import json
import math
import shlex
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from kinject.cli.app import app, run
from kinject.facts import dates
from kinject.facts.load import load
from kinject.resources import facts_folder
from kinject.training.finetune import Options
from kinject.training.memory import training_bytes

sys.path.insert(0, str(Path(__file__).parent / "engines"))  # for server.py
import server

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "docs" / "models.md"
CASES = ROOT / "tests" / "cases" / "recipes"


def commands(page: Path) -> list[list[str]]:
    """Every `kinject` command in the page's blocks of bash, without the program's name."""
    blocks = page.read_text(encoding="utf-8").split("```bash\n")[1:]
    lines = "".join(block.partition("```")[0] for block in blocks).replace("\\\n", " ").splitlines()
    words = [shlex.split(part, comments=True) for line in lines for part in line.split("&&")]
    return [each[1:] for each in words if each[:1] == ["kinject"]]


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "facts" / "README.md"]
TYPED = [(page.name, " ".join(map(shlex.quote, words))) for page in PAGES for words in commands(page)]


def test_there_are_commands_to_look_at() -> None:
    assert len(commands(MODELS)) > 20 and len(commands(ROOT / "README.md")) > 5


@pytest.mark.parametrize(("page", "command"), TYPED)
def test_every_command_can_be_parsed(page: str, command: str) -> None:
    context: Any = None
    group, words = typer.main.get_command(app), shlex.split(command)
    while hasattr(group, "get_command"):
        assert words, f"{page}: {command} is no whole command"
        if words[0] not in group.list_commands(context) and hasattr(group, "default"):
            words = [group.default, *words]
        name, words = words[0], words[1:]
        context = context or group.make_context("kinject", [name, *words])
        group = group.get_command(context, name)
        assert group is not None, f"{page}: there is no command {name}"
    group.make_context(command, words)  # an unknown or a lacking option is an error here


# The commands of models.md, with a tiny model, few rows and few facts in place of what they name


@pytest.fixture
def place(tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What stands for what."""
    server.install(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    folder = tmp_path / "Llama-3.2-1B"  # a name whose cutoff is known
    folder.symlink_to(tiny())
    lines = (facts_folder() / "example.jsonl").read_text(encoding="utf-8").replace("2023-", "2025-")
    (tmp_path / "new.jsonl").write_text(lines, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return {
        "meta-llama/Meta-Llama-3-8B": str(folder),
        "vllm:meta-llama/Meta-Llama-3-8B": f"vllm:{folder}",
        "meta-llama/Llama-3.2-1B": str(folder),
        "models/Llama-3.2-1B": str(folder),
        "Qwen/Qwen2.5-1.5B": str(folder),
        "models/minilm": "lab",
        "facts100": str(tmp_path / "new.jsonl"),
        "subqa:data/subqa": f"subqa:{CASES / 'subqa'}",
        "musique:data/musique_ans_v1.0_train.jsonl": f"musique:{CASES / 'musique.jsonl'}",
    }


DRY = {"inject", "compare"}
"""They can tell what they would do: names, options and data are looked up, and nothing is trained or asked."""


def test_the_commands_of_models_md_find_what_they_need(
    place: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for words in commands(MODELS):
        if words[0] == "report" or "openai:gpt-4o" in words:  # it needs a comparison; it needs an endpoint
            continue
        call = [place.get(word, word) for word in words]
        if call[0] in DRY and "--explain" not in call:
            call += ["--dry-run"]
        if ("faiss" in " ".join(call) or "--retriever" in call) and "bm25" not in call:
            call += [] if "--embedder" in call else ["--embedder", "lab"]
        assert run(call) == 0, (words, capsys.readouterr().err)


def test_what_it_says_of_cutoffs() -> None:
    facts = load(facts_folder() / "facts100.jsonl")
    assert len(dates.after(facts, dates.cutoff_of("Meta-Llama-3-8B").cutoff).facts) == 100
    assert len(dates.after(facts, dates.cutoff_of("Llama-3.2-1B").cutoff).facts) == 74


# Figures

LLAMA = {"vocab_size": 128256, "num_key_value_heads": 8, "num_attention_heads": 32}
PUBLISHED: dict[str, dict[str, Any]] = {
    "Meta-Llama-3-8B": {**LLAMA, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32},
    "Llama-3.2-1B": {**LLAMA, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "tied": True},
    "Qwen2.5-1.5B": {
        **{"vocab_size": 151936, "num_key_value_heads": 2, "num_attention_heads": 12},
        **{"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "tied": True, "biased": True},
    },
}
"""From the models' config.json files on the hub."""


def shapes(config: dict[str, Any]) -> Iterator[tuple[str, list[int]]]:
    """The weights of a Llama or a Qwen2."""
    wide, inner, words = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    few = wide // config["num_attention_heads"] * config["num_key_value_heads"]
    yield from (("embed", [words, wide]), ("norm", [wide]))
    if not config.get("tied"):
        yield "head", [words, wide]
    for layer in range(config["num_hidden_layers"]):
        for name, rows in {"q": wide, "k": few, "v": few, "o": wide, "gate": inner, "up": inner}.items():
            yield f"{layer}.{name}", [rows, wide]
            if config.get("biased") and name in "qkv":
                yield f"{layer}.{name}.bias", [rows]
        yield f"{layer}.down", [wide, inner]
        yield from ((f"{layer}.norm{number}", [wide]) for number in range(2))


def hollow(folder: Path, config: dict[str, Any]) -> int:
    """Write a model whose weights are a hole in the file, which takes no room; return how many there are."""
    end, head = 0, dict[str, Any]()
    for name, shape in shapes(config):
        begin, end = end, end + 2 * math.prod(shape)
        head[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    raw = json.dumps(head).encode()
    raw += b" " * (-len(raw) % 8)
    folder.mkdir()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(file.tell() + end)
    (folder / "config.json").write_text(json.dumps(config))
    return end // 2


def test_memory_and_disk_are_what_the_code_computes(tmp_path: Path) -> None:
    text = MODELS.read_text(encoding="utf-8")
    for name, config in PUBLISHED.items():
        numbers = hollow(tmp_path / name, config)
        full, lora = (training_bytes(tmp_path / name, Options(peft=peft)) for peft in ("none", "lora"))
        added = (lora - (tmp_path / name / "model.safetensors").stat().st_size) / 16
        cells = [
            *(name, f"{numbers:,}", f"{2 * numbers / 2**30:.1f} GiB"),
            *(f"{full / 2**30:.1f} GiB", f"{lora / 2**30:.1f} GiB"),
            *(f"{2 * numbers / 1e9:.1f} GB", f"{4 * added / 1e9:.2f} GB"),
            # A checkpoint has the weights and two moments in float32; two stay while a third is written.
            f"{3 * 12 * numbers / 1e9:.1f} GB or {3 * 12 * added / 1e9:.1f} GB",
        ]
        assert f"| {' | '.join(cells)} |" in text

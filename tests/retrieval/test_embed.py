"""Embedders by name: the shipped one for real, and what a folder or a hub id may lack."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest

from kinject.errors import MissingError, NumericError
from kinject.facts.load import load
from kinject.facts.schema import FactSet
from kinject.lab import world
from kinject.resources import facts_folder
from kinject.retrieval import embed
from kinject.retrieval.embed import DEFAULT, SHIPPED, Weights, default_for, find, open_embedder

LAB = find("lab")


@pytest.fixture(scope="module")
def prompted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that reads questions and events with other words in front."""
    from sentence_transformers import SentenceTransformer

    folder = tmp_path_factory.mktemp("prompted")
    model = SentenceTransformer(str(SHIPPED), device="cpu", local_files_only=True)
    model.prompts = {"query": "Question: ", "document": "News: "}
    model.save(str(folder), create_model_card=False)
    return str(folder)


def test_facts_of_the_lab_have_the_labs_embedder() -> None:
    assert default_for(world.build(1).new_facts(3)) == default_for(FactSet("lab@2 as of 2024-05", ())) == "lab"
    assert default_for(load(facts_folder() / "example.jsonl")) == default_for(FactSet("labour", ())) == DEFAULT


def test_vectors_have_length_one_and_their_bits_repeat() -> None:
    import torch

    texts = [event.state() for event in world.build(0).old[:100]]
    embedder, threads = open_embedder(LAB), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        one, two = embedder.events(texts), embedder.events(texts)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert one.shape == (100, embedder.size) == (100, 128) and one.dtype == np.float32
    assert one.tobytes() == two.tobytes()
    assert np.linalg.norm(one, axis=1) == pytest.approx(1.0)


def test_a_small_model_computes_in_one_thread() -> None:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with embed._repeatable(embed._load(LAB)):
            assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)


def test_no_text_is_no_vector_and_an_empty_one_is_zero() -> None:
    embedder = open_embedder(LAB)
    assert embedder.questions([]).shape == (0, 128)
    assert not embedder.questions([""]).any()
    assert np.isfinite(embedder.events(["", "他获得了冠军", "Иван", "\0", "x" * 10_000])).all()


def test_one_embedder_serves_every_world_and_is_loaded_once() -> None:
    assert find("lab@7") == LAB
    assert open_embedder(LAB) is open_embedder(find("lab@7"))


def test_a_folder_is_known_by_its_content(tmp_path: Path) -> None:
    copy = copytree(SHIPPED, tmp_path / "copy")
    assert find(str(copy)).key == LAB.key
    (copy / "tokenizer.json").write_text((copy / "tokenizer.json").read_text() + " ")
    assert find(str(copy)).key != LAB.key


def test_questions_and_events_are_read_with_the_models_own_words(prompted: str) -> None:
    embedder, plain = open_embedder(find(prompted)), open_embedder(LAB)
    assert embedder.questions(["Who?"]) == pytest.approx(plain.events(["Question: Who?"]), abs=1e-6)
    assert embedder.events(["He."]) == pytest.approx(plain.events(["News: He."]), abs=1e-6)


# What may be missing


@pytest.mark.parametrize("name", ["lab:40", "nowhere", "minilm", "../x/y"])
def test_an_unknown_name_is_missing(name: str) -> None:
    with pytest.raises(MissingError, match="there is no embedder") as caught:
        find(name)
    assert caught.value.where == "--embedder" and "--retriever bm25" in caught.value.mend


def test_the_default_for_real_facts_is_missing_offline_with_a_way_out() -> None:
    with pytest.raises(MissingError, match="neither on this machine nor to be had from the hub") as caught:
        find(DEFAULT)
    assert caught.value.mend.startswith("give --embedder PATH") and "--retriever bm25" in caught.value.mend


def test_a_language_model_is_no_embedder(tiny: Callable[..., Path]) -> None:
    with pytest.raises(MissingError, match=r"no modules\.json"):
        find(str(tiny()))


@pytest.mark.parametrize("file", ["model.safetensors", "modules.json", "tokenizer.json"])
def test_a_damaged_model_is_unreadable(file: str, tmp_path: Path) -> None:
    copy = copytree(SHIPPED, tmp_path / "copy")
    (copy / file).write_bytes((copy / file).read_bytes()[:60])
    with pytest.raises(MissingError, match="the embedder cannot be loaded") as caught:
        open_embedder(find(str(copy)))
    assert caught.value.where == str(copy)


def test_a_vector_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    copy = copytree(SHIPPED, tmp_path / "copy")
    tensors: dict[str, Any] = load_file(copy / "model.safetensors")
    save_file({name: np.full_like(tensor, np.inf) for name, tensor in tensors.items()}, copy / "model.safetensors")
    with pytest.raises(NumericError, match="not finite"):
        open_embedder(find(str(copy))).events(["Who?"])


def test_code_that_comes_with_a_model_is_not_run(tmp_path: Path) -> None:
    copy = copytree(SHIPPED, tmp_path / "copy")
    (copy / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Module: pass\n")
    (copy / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}]')
    with pytest.raises(MissingError, match="cannot be loaded"):
        open_embedder(Weights("evil", copy, "key"))
    assert not (tmp_path / "ran").exists()

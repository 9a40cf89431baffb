"""The base model that is shipped: small, what its card says, and able to do what the gates ask."""

import json

from kinject.cli.app import run
from kinject.engines import chat
from kinject.lab import checkpoint, corpus, pretraining, probes, world
from kinject.lab.pretraining import Recipe


def test_it_is_under_eight_megabytes_and_its_card_tells_how_it_was_made() -> None:
    assert sum(path.stat().st_size for path in checkpoint.SHIPPED.iterdir()) < 8_000_000
    card = checkpoint.card(checkpoint.SHIPPED)
    assert card is not None
    assert card["world"] == 0
    assert card["passed"]
    assert Recipe(**card["recipe"]) == Recipe(), "the recipe has changed: build the shipped model again"
    assert card["version"] == pretraining.VERSION
    assert card["tokens"] == card["steps"] * Recipe().batch * Recipe().length


def test_it_was_trained_with_the_tokenizer_and_on_the_world_of_this_code() -> None:
    """A change of the world or of the corpus would make every probe a lie."""
    made = pretraining.train_tokenizer(world.build(0), Recipe())
    shipped = chat.load_tokenizer(checkpoint.SHIPPED)
    assert made.get_vocab() == shipped.get_vocab()
    card = checkpoint.card(checkpoint.SHIPPED)
    assert card is not None
    assert card["corpus"] == corpus.fingerprint(world.build(0))


def test_it_passes_the_gates_now(capsys) -> None:  # type: ignore[no-untyped-def]
    assert run(["lab", "probe", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["passed"]
    card = checkpoint.card(checkpoint.SHIPPED)
    assert card is not None
    assert all(abs(result["probes"][name] - card["probes"][name]) < 3 for name in probes.GATES)

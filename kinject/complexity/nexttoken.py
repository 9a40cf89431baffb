"""What a frozen model says the next token is, as whole numbers that the decoder finds again.

A decoder knows nothing but what came before, so it computes position by position. One forward pass over a whole text
gives other floats: on the lab's model about four fifths of its positions have another table than step by step. So the
encoder goes step by step, too, through the same calls on the same shapes: what both know goes in at once, then one
token a sequence. A text that outgrows the model's positions goes on after the later half of what it has.

A model is too sure of itself where a text is of another kind than what it has read: the lab's base model gives rows of
word problems 15.9 bits a token, where each of its 2,048 alike would cost 11. Dividing the logits by a `heat` (one of
HEATS, told in the stream) mends that: 9.8 bits at 3. The paper's figures are those of heat 1.

The probabilities are computed in float64 from the logits and rounded to multiples of 2^-24, so that a difference in the
last bits of two mathematical libraries seldom tells. It can: what was coded on one machine, version of torch, number
of sequences or precision need not decode on another. Whoever codes decodes, and compares.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

from kinject.complexity.rangecoder import Channel
from kinject.engines import hf
from kinject.errors import NumericError, UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

GRID = 1 << 24
HEATS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)
HEAT_WEIGHTS = (9, 1, 1, 1, 1, 1, 1, 1)


@contextmanager
def reading(network: "PreTrainedModel") -> Iterator[None]:
    """Compute without dropout and gradients, on one thread where the model is small and on a CPU."""
    import torch

    training = network.training
    network.eval()
    try:
        with torch.inference_mode(), hf.repeatable(network):
            yield
    finally:
        network.train(training)


@dataclass(frozen=True)
class Seen:
    """A token and the logits it was drawn from."""

    token: int
    logits: Any
    heat: float

    def lengths(self) -> tuple[float, float]:
        """Return its bits by the probabilities that were used, and by those of heat 1, before any rounding."""
        nats = [-float((self.logits / heat).log_softmax(-1)[self.token]) for heat in (self.heat, 1.0)]
        return nats[0] / log(2), nats[1] / log(2)


class Predictor:
    """Sequences of one length that grow by one token at a time; use it within `reading`."""

    def __init__(self, network: "PreTrainedModel", contexts: Sequence[Sequence[int]], heat: float = 1.0) -> None:
        self._network, self._heat = network, heat
        self._positions = positions(network)
        self._known = [list(context)[-self._positions :] for context in contexts]
        self._begin()

    def advance(self, tokens: Sequence[int]) -> None:
        """Append one token to each sequence."""
        for known, token in zip(self._known, tokens, strict=True):
            known.append(token)
        if len(self._known[0]) > self._positions:
            self._known = [known[-(self._positions // 2) :] for known in self._known]
            self._begin()
        else:
            self._feed([[token] for token in tokens])

    def code(self, channel: Channel, sequence: int, token: int | None) -> int:
        """Code the next token of one sequence."""
        found = channel.code(self._weights[sequence], token)
        channel.note(Seen(found, self._logits[sequence], self._heat))
        return found

    def _begin(self) -> None:
        from transformers import DynamicCache

        self._cache = DynamicCache(config=self._network.config)
        self._feed(self._known)

    def _feed(self, tokens: list[list[int]]) -> None:
        import torch

        ids = torch.tensor(tokens, device=self._network.device)
        out = self._network(input_ids=ids, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
        self._logits = out.logits[:, -1].double().cpu()
        if not bool(self._logits.isfinite().any(-1).all()) or bool(self._logits.isnan().any()):
            raise NumericError("the model's probabilities are not numbers", mend="check the model's weights")
        self._weights = ((self._logits / self._heat).softmax(-1) * GRID).round().numpy()


def positions(network: "PreTrainedModel") -> int:
    """Return how many tokens the model was made for."""
    most = getattr(network.config.get_text_config(), "max_position_embeddings", None)
    return most if isinstance(most, int) else 1 << 30


def start_of(tokenizer: "PreTrainedTokenizerBase") -> int:
    """Return the token after which a text's first token is predicted: the beginning, else the end of one before."""
    begin = tokenizer.bos_token_id
    return int(tokenizer.eos_token_id if begin is None else begin)


def heat_of(channel: Channel, heat: float | None) -> float:
    """Code what the logits are divided by: 0.8 bits for 1, 4 for any other."""
    if heat is not None and heat not in HEATS:
        raise UsageError(f"{heat} is no heat", where="heat", mend=f"use one of {', '.join(map(str, HEATS))}")
    return HEATS[channel.code(HEAT_WEIGHTS, None if heat is None else HEATS.index(heat))]


def best_heat(network: "PreTrainedModel", texts: Sequence[tuple[Sequence[int], int]]) -> float:
    """Return the heat under which texts are shortest, each from its token of that number on; in one pass a text."""
    import torch

    bits = [0.0] * len(HEATS)
    with reading(network):
        for whole, first in texts:
            ids = whole[: positions(network)]
            logits = network(input_ids=torch.tensor([list(ids)], device=network.device), use_cache=False).logits[0]
            seen, chosen = logits[first - 1 : -1].double(), torch.tensor(ids[first:], device=network.device)
            for place, heat in enumerate(HEATS):
                bits[place] -= float((seen / heat).log_softmax(-1).gather(1, chosen[:, None]).sum())
    return HEATS[bits.index(min(bits))]


def tokens(
    channel: Channel,
    network: "PreTrainedModel",
    context: Sequence[int],
    heat: float,
    count: int,
    ids: Sequence[int] | None,
) -> list[int]:
    """Code `count` tokens after a context that both sides know."""
    found: list[int] = []
    if not count:
        return found
    with reading(network):
        predictor = Predictor(network, [context], heat)
        while True:
            found.append(predictor.code(channel, 0, None if ids is None else ids[len(found)]))
            if len(found) == count:
                return found
            predictor.advance(found[-1:])

"""From a sequence network to the probability of each next symbol, and to new sequences of them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor, nn

#: What is given from outside: to a whole sequence, or to each step of it.
Conditions = Float[Tensor, "batch conditions"] | Float[Tensor, "batch time conditions"]


class NextSymbol(nn.Module):
    """p(q_t | q_1 ... q_{t-1}, conditions): an embedding of each symbol, a sequence network, a head.

    The symbols lie in order, as levels of a signal do. So their embeddings start as cosines of 1, 2, 3 ... half turns
    over all levels: neighbours begin alike, and what is learned of one helps the next.

    Args:
        levels: symbols, numbered from 0.
        features: of an embedding.
        body: ``y, state = body(x, state)`` with x (batch, time, features + conditions).
        head: from y to logits (batch, time, levels).
        conditions: features given from outside: labels as one-hot vectors, knobs, pitch.

    Attributes:
        start: the symbol that stands before the first of a sequence.
    """

    def __init__(self, levels: int, features: int, body: nn.Module, head: nn.Module, conditions: int = 0) -> None:
        super().__init__()
        self.levels, self.start, self.conditions = levels, levels, conditions
        angles = torch.pi * (torch.arange(levels + 1) + 0.5) / levels
        self.embedding = nn.Embedding.from_pretrained(
            torch.cos(angles[:, None] * torch.arange(1, features + 1)), freeze=False
        )
        self.body: Any = body
        self.head: Any = head

    def forward(
        self,
        before: Int[Tensor, "batch time"],
        conditions: Conditions | None = None,
        state: Any = None,
    ) -> tuple[Float[Tensor, "batch time {self.levels}"], Any]:
        """Return logits (batch, time, levels) of the symbols that come after `before` (batch, time), and the state.

        Args:
            conditions: (batch, conditions), or (batch, time, conditions) where they change.
            state: of an earlier call; None starts a sequence.
        """
        y, state = self.body(self.joined(self.embedding(before), conditions), state)
        return self.head(y), state

    def joined(
        self, x: Float[Tensor, "batch time features"], conditions: Conditions | None
    ) -> Float[Tensor, "batch time features+{self.conditions}"]:
        """Return x (batch, time, features) with the conditions beside it.

        Raises:
            ValueError: conditions of another number than was promised.
        """
        given = 0 if conditions is None else conditions.shape[-1]
        if given != self.conditions:
            raise ValueError(f"this network takes {self.conditions} conditions, not {given}")
        if conditions is None:
            return x
        if conditions.dim() == 2:
            conditions = conditions[:, None].expand(-1, x.shape[1], -1)
        return torch.cat([x, conditions], dim=2)

    def told(
        self,
        symbols: Int[Tensor, "batch time"],
        conditions: Float[Tensor, "batch conditions"] | Float[Tensor, "batch time-1 conditions"] | None = None,
    ) -> Float[Tensor, "batch time-1"]:
        """Return -ln p of each of these symbols (batch, time) but the first, given those before it: (batch, time - 1).

        Of `start`, which is given and not told, it is 0.

        Args:
            conditions: (batch, conditions), or (batch, time - 1, conditions) where they change.
        """
        logits, _ = self(symbols[:, :-1], conditions)
        return nn.functional.cross_entropy(
            logits.transpose(1, 2), symbols[:, 1:], ignore_index=self.start, reduction="none"
        )

    def nats(
        self, symbols: Int[Tensor, "batch time"], conditions: Conditions | None = None
    ) -> Float[Tensor, "batch time"]:
        """Return -ln p of each symbol (batch, time) of whole sequences, of the same shape."""
        return self.told(nn.functional.pad(symbols, (1, 0), value=self.start), conditions)


def choose(logits: Float[Tensor, " levels"], uniform: float, temperature: float) -> int:
    """Return the symbol that a uniform number in [0, 1) draws from logits (levels,), by the inverse of their sum.

    Args:
        temperature: divides the logits; 0 takes the first of the most probable.
    """
    if temperature == 0:
        return int(logits.argmax())
    heaped = torch.softmax((logits.double() - logits.max()) / temperature, dim=0).cumsum(dim=0)
    return min(int(torch.searchsorted(heaped, uniform * heaped[-1], right=True)), len(logits) - 1)


class Stream:
    """One sequence of symbols, made a symbol at a time and carried on from call to call.

    What a `SequenceNetwork` carries makes each symbol cost the same, however long the sequence.

    Args:
        net: in evaluation mode.
        conditions: (conditions,), or None; of the whole sequence, unless `condition` is called.
    """

    def __init__(self, net: NextSymbol, conditions: Float[Tensor, " conditions"] | None = None) -> None:
        self.net = net
        self.conditions = None if conditions is None else conditions[None]
        self.state: Any = None
        self.last = net.start

    def condition(self, conditions: Float[Tensor, " conditions"] | None) -> None:
        """Go on under other conditions (conditions,), from the next symbol on."""
        self.conditions = None if conditions is None else conditions[None]

    @torch.no_grad()
    def feed(self, symbols: Int[np.ndarray, " time"]) -> Float[np.ndarray, "time {self.net.levels}"]:
        """Go on with known symbols (time,); return the logits (time, levels) by which each was to be told."""
        if not len(symbols):
            return np.zeros((0, self.net.levels), dtype=np.float32)
        before = torch.tensor([[self.last, *symbols[:-1].tolist()]])
        logits, self.state = self.net(before, self.conditions, self.state)
        self.last = int(symbols[-1])
        return logits[0].numpy()

    @torch.no_grad()
    def draw(self, uniforms: Float[np.ndarray, " time"], temperature: float = 1.0) -> Int64[np.ndarray, " time"]:
        """Go on with new symbols, one for each uniform number (time,) in [0, 1); return them, int64 (time,)."""
        drawn = np.empty(len(uniforms), dtype=np.int64)
        for place, uniform in enumerate(uniforms.tolist()):
            drawn[place] = self.last = choose(self._next(), uniform, temperature)
        return drawn

    def _next(self) -> Tensor:
        """Return the logits (levels,) of the symbol after the last."""
        logits, self.state = self.net(torch.tensor([[self.last]]), self.conditions, self.state)
        return cast(Tensor, logits[0, 0])


def draw_whole(
    net: NextSymbol,
    uniforms: Float[np.ndarray, " time"],
    sees: int,
    conditions: Float[Tensor, " conditions"] | None = None,
    temperature: float = 1.0,
) -> Int64[np.ndarray, " time"]:
    """Do what a new `Stream` draws the naive way: each symbol by running the net over the last `sees` symbols.

    A network that carries a state needs none of this; it is what a cached generation is measured against.
    """
    given = None if conditions is None else conditions[None]
    inputs = torch.full((1, len(uniforms) + 1), net.start)
    with torch.no_grad():
        for place, uniform in enumerate(uniforms.tolist()):
            seen = inputs[:, max(0, place + 1 - sees) : place + 1]
            inputs[0, place + 1] = choose(net(seen, given)[0][0, -1], uniform, temperature)
    return inputs[0, 1:].numpy()


@torch.no_grad()
def rounded(net: NextSymbol) -> NextSymbol:
    """Return a copy whose matrices, but for the embedding, are rounded to bfloat16."""
    copy = deepcopy(net)
    for name, value in copy.named_parameters():
        if value.dim() > 1 and not name.startswith("embedding"):
            value.copy_(value.bfloat16())
    return copy

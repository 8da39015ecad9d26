"""A stack of residual blocks as a sequence network: what minGRU, minLSTM and the linear recurrent unit are made of."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from mynah.layers.residual import ResidualStack
from mynah.layers.sequence_network import SequenceNetwork


class ResidualNetwork(SequenceNetwork):
    """Residual blocks of recurrences; x (batch, time, inputs), y (batch, time, width), state a list of each block's.

    Args:
        inputs, width, recurrences, over_batch: see `ResidualStack`.
    """

    def __init__(self, inputs: int, width: int, recurrences: list[nn.Module], over_batch: bool = False) -> None:
        super().__init__(width)
        self.takes_lengths = over_batch
        self.stack = ResidualStack(inputs, width, recurrences, over_batch)

    def forward(
        self, x: Float[Tensor, "batch time inputs"], state: Any = None, lengths: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch time {self.width}"], Any]:
        return self.stack(x, state, lengths)

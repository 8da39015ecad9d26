"""Depth for linear recurrences: blocks of a recurrence and a pointwise gate, each added to what it was given."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mynah.layers.affine import affine
from mynah.layers.scan import in_blocks


class GatedBlock(nn.Module):
    """x + GLU(GELU(recurrence(norm(x)))); all that is not linear in time happens within a frame.

    GLU(v) is (W v + b) sigmoid(V v + c) (Dauphin et al. 2017). The norm is over the features of a frame, so a block
    stays causal.

    Args:
        recurrence: ``y, state = recurrence(x, state)`` with x and y (time, batch, width); state None is the start.
        width: features.
    """

    def __init__(self, recurrence: nn.Module, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.recurrence = recurrence
        self.mix = nn.Linear(width, 2 * width)

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return (time, batch, width) and the state after the last frame."""
        y, state = self.recurrence(self.norm(x), state)
        value, gate = affine(functional.gelu(y), self.mix.weight, self.mix.bias, parts=2)
        return torch.addcmul(x, value, gate.sigmoid()), state


class ResidualStack(nn.Module):
    """An affine encoder of each frame, then blocks of recurrences.

    Args:
        inputs: features of a frame.
        width: features of each block.
        recurrences: one a block, see `GatedBlock`.
    """

    def __init__(self, inputs: int, width: int, recurrences: list[nn.Module]) -> None:
        super().__init__()
        self.width = width
        self.encoder = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(GatedBlock(recurrence, width) for recurrence in recurrences)

    def forward(self, x: Tensor, state: list | None = None) -> tuple[Tensor, list]:
        """Return (batch, time, width) of x (batch, time, inputs), and the states of all recurrences."""
        return in_blocks(self._step, x, state or [None] * len(self.blocks), 2 * self.width)

    def _step(self, x: Tensor, states: list) -> tuple[Tensor, list]:
        (x,) = affine(x, self.encoder.weight, self.encoder.bias)
        after = []
        for block, before in zip(self.blocks, states, strict=True):
            x, state = block(x, before)
            after.append(state)
        return x, after

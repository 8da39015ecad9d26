"""Depth for linear recurrences: blocks of a recurrence and a pointwise gate, each added to what it was given."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from mynah.layers.affine import affine
from mynah.layers.batch_norm import FrameBatchNorm
from mynah.layers.scan import in_blocks


class GatedBlock(nn.Module):
    """x + GLU(GELU(recurrence(norm(x)))); all that is not linear in time happens within a frame.

    GLU(v) is (W v + b) sigmoid(V v + c) (Dauphin et al. 2017, arXiv:1612.08083).

    Args:
        recurrence: ``y, state = recurrence(x, state)`` with x and y (time, batch, width); state None is the start.
        width: features.
        norm: over the features of a frame, or over the real frames of a batch.
    """

    def __init__(self, recurrence: nn.Module, width: int, norm: nn.LayerNorm | FrameBatchNorm) -> None:
        super().__init__()
        self.norm, self.recurrence = norm, recurrence
        self.mix = nn.Linear(width, 2 * width)

    def forward(
        self, x: Float[Tensor, "time batch width"], state: Any, lengths: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "time batch width"], Any]:
        """Return (time, batch, width) and the state after the last frame."""
        y, state = self.recurrence(self._normalised(x, lengths), state)
        value, gate = affine(functional.gelu(y), self.mix.weight, self.mix.bias, parts=2)
        return torch.addcmul(x, value, gate.sigmoid()), state

    def _normalised(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        if isinstance(self.norm, nn.LayerNorm):
            return self.norm(x)
        return self.norm(x.permute(1, 2, 0)[..., None], lengths)[..., 0].permute(2, 0, 1)


class ResidualStack(nn.Module):
    """An affine encoder of each frame, then blocks of recurrences.

    Args:
        inputs: features of a frame.
        width: features of each block.
        recurrences: one a block, see `GatedBlock`.
        over_batch: normalise over the frames of a batch in place of the features of a frame; in training, frames then
            share their mean and variance with later ones.
    """

    def __init__(self, inputs: int, width: int, recurrences: list[nn.Module], over_batch: bool = False) -> None:
        super().__init__()
        self.width, self.over_batch = width, over_batch
        self.encoder = nn.Linear(inputs, width)
        norm = FrameBatchNorm if over_batch else nn.LayerNorm
        self.blocks = nn.ModuleList(GatedBlock(recurrence, width, norm(width)) for recurrence in recurrences)

    def forward(
        self,
        x: Float[Tensor, "batch time inputs"],
        state: list[Any] | None = None,
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch time {self.width}"], list[Any]]:
        """Return (batch, time, width) of x (batch, time, inputs), and the states of all recurrences.

        Args:
            lengths: (batch,) real frames of each row, which is asked for in training with `over_batch`; None is all.
        """
        state = state or [None] * len(self.blocks)
        if self.over_batch and self.training:  # the statistics are those of all frames, so there are no blocks
            y, state = self._step(x.transpose(0, 1), state, lengths)
            return y.transpose(0, 1), state
        return in_blocks(self._step, x, state, 2 * self.width)

    def _step(self, x: Tensor, states: list[Any], lengths: Tensor | None = None) -> tuple[Tensor, list[Any]]:
        (x,) = affine(x, self.encoder.weight, self.encoder.bias)
        after = []
        for block, before in zip(self.blocks, states, strict=True):
            x, state = block(x, before, lengths)
            after.append(state)
        return x, after

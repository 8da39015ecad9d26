"""A convolution over time that never looks ahead, and goes on where it stopped.

What it needs of the past is a queue of ``(length - 1) * dilation`` frames. Before the first frame lie zeros, whether a
sequence is run whole or in chunks, so both are the same function (Le Paine et al. 2016, arXiv:1611.09482).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class CausalConv(nn.Module):
    """``y_t = b + sum_k W_k x_{t - (length - 1 - k) dilation}`` with zeros before the beginning.

    Args:
        inputs, outputs: features in and out.
        length: taps of the filter; the last one sees the frame itself.
        dilation: frames from tap to tap.

    Attributes:
        past: frames before its own that an output depends on, which is the length of the queue.

    Raises:
        ValueError: a filter without taps, or taps that do not go back in time.
    """

    def __init__(self, inputs: int, outputs: int, length: int, dilation: int = 1) -> None:
        super().__init__()
        if length < 1 or dilation < 1:
            raise ValueError(f"a filter needs a length and a dilation of at least 1, not {length} and {dilation}")
        self.conv = nn.Conv1d(inputs, outputs, length, dilation=dilation)
        self.past = (length - 1) * dilation

    def forward(
        self, x: Float[Tensor, "batch time inputs"], state: Float[Tensor, "batch {self.past} inputs"] | None = None
    ) -> tuple[Float[Tensor, "batch time outputs"], Float[Tensor, "batch {self.past} inputs"]]:
        """Return (batch, time, outputs) of x (batch, time, inputs), and the queue: the last (batch, past, inputs).

        Args:
            state: the queue of an earlier call; None starts a sequence.
        """
        before = x.new_zeros(len(x), self.past, x.shape[2]) if state is None else state
        known = torch.cat([before, x], dim=1)
        y = self.conv(known.transpose(1, 2)).transpose(1, 2)
        return y, known[:, x.shape[1] :].clone()  # a slice would keep the whole chunk alive

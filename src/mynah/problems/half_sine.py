"""From sin t to sin t/2, in windows that are each begun anew: what a network without memory of before cannot do.

A window of sin t begins at t as often as at t + 2 pi, where the answer has the other sign; so the best answer is zero,
with a mean squared error of one half. A control: what does better here has been told more than the window.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from mynah.problems.descent import generator
from mynah.training import Batch

#: Frames of a window, and the time between two.
FRAMES, STEP = 16, 0.2
#: Windows of a test.
TESTED = 2560


def draw(rng: np.random.Generator, size: int) -> Batch:
    """Return frames and target, (size, 16, 1) each, of windows that begin anywhere in the 4 pi of a period."""
    begin = rng.uniform(0, 4 * np.pi, (size, 1, 1))
    time = torch.from_numpy(begin + STEP * np.arange(FRAMES)[None, :, None])
    return Batch(torch.sin(time).float(), torch.full((size,), FRAMES), torch.sin(time / 2).float())


class EachFrame(nn.Module):
    """One affine answer a frame from the outputs of a sequence network."""

    def __init__(self, body: nn.Module, width: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(width, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Return (batch, time, 1) of frames (batch, time, feature)."""
        return self.head(self.body(frames)[0])


def loss(net: EachFrame, batch: Batch) -> Tensor:
    """Mean squared error."""
    return torch.nn.functional.mse_loss(net(batch.frames), batch.target)


@torch.no_grad()
def error(net: EachFrame, seed: int) -> float:
    """Return the mean squared error over 2560 windows."""
    net.eval()
    return float(loss(net, draw(generator(seed, "half sine", "test"), TESTED)))

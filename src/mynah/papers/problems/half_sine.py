"""From sin t to sin t/2, in windows that are each begun anew: what a network without memory of before cannot do.

A window of sin t begins at t as often as at t + 2 pi, where the answer has the other sign; so the best answer is zero,
with a mean squared error of one half. A control: what does better here has been told more than the window.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mynah.ground.randomness import generator
from mynah.papers.problems.answers import EveryFrame
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


def loss(net: EveryFrame, batch: Batch) -> Tensor:
    """Mean squared error."""
    return torch.nn.functional.mse_loss(net(batch.frames), batch.target)


@torch.no_grad()
def error(net: EveryFrame, seed: int) -> float:
    """Return the mean squared error over 2560 windows."""
    net.eval()
    return float(loss(net, draw(generator(seed, "half sine", "test"), TESTED)))

"""The temporal order problem: in which order did three X or Y come among distractors, some 110 symbols ago?

Hochreiter & Schmidhuber 1997, experiment 6b. A sequence begins with E, ends with B and has 100 to 110 symbols; X or Y
stand at three random places (10-20, 33-43 and 66-76), distractors a, b, c, d elsewhere. Eight classes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mynah.ground.randomness import generator
from mynah.papers.problems.answers import LastFrame
from mynah.training import Batch

#: Symbols a, b, c, d, X, Y, E, B as one-hot inputs, and classes: three symbols of two.
SYMBOLS, CLASSES = 8, 8
TESTED = 2560


def draw(rng: np.random.Generator, size: int) -> Batch:
    """Return frames (size, 110, 8), right-aligned so that the last frame is B in every row; target one-hot."""
    lengths = rng.integers(100, 111, size)
    symbols = rng.integers(0, 4, (size, 110))
    rows = np.arange(size)
    start = 110 - lengths
    symbols[rows, start], symbols[:, -1] = 6, 7
    code = np.zeros(size, dtype=np.int64)
    for low in (10, 33, 66):
        which = rng.integers(0, 2, size)
        symbols[rows, start + rng.integers(low, low + 11, size)] = 4 + which
        code = 2 * code + which
    frames = np.eye(SYMBOLS, dtype=np.float32)[symbols]
    frames[np.arange(110)[None] < start[:, None]] = 0  # before the beginning
    return Batch(
        torch.from_numpy(frames), torch.full((size,), 110), torch.from_numpy(np.eye(8, dtype=np.float32)[code])
    )


def loss(net: LastFrame, batch: Batch) -> Tensor:
    """Cross entropy."""
    return torch.nn.functional.cross_entropy(net(batch.frames), batch.target)


@torch.no_grad()
def accuracy(net: LastFrame, seed: int, part: str = "test") -> float:
    """Return the share of the 2560 sequences of "valid" or "test" that are named right."""
    net.eval()
    batch = draw(generator(seed, "temporal order", part), TESTED)
    said = torch.cat([net(frames) for frames in batch.frames.split(256)])
    return float((said.argmax(dim=1) == batch.target.argmax(dim=1)).double().mean())

"""The copy task: binary vectors, a sign, and then the same vectors from memory (Graves et al. 2014, arXiv:1410.5401).

During recall the input is silent, and only then is the answer judged.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from mynah.ground.randomness import generator
from mynah.layers.sequence_network import SequenceNetwork
from mynah.training import Batch

BITS = 8
#: Bits, and one line each for the sign that begins and the sign that asks.
INPUTS = BITS + 2
#: Longest sequence of training; sequences a test.
LONGEST, TESTED = 10, 128


def draw(rng: np.random.Generator, size: int, length: int | None = None) -> Batch:
    """Return frames (size, 2 * length + 2, 10) and target (size, length, 8); one length, of 1 to 10, for all rows."""
    length = int(rng.integers(1, LONGEST + 1)) if length is None else length
    bits = rng.integers(0, 2, (size, length, BITS)).astype(np.float32)
    frames = np.zeros((size, 2 * length + 2, INPUTS), dtype=np.float32)
    frames[:, 0, BITS] = 1
    frames[:, 1 : length + 1, :BITS] = bits
    frames[:, length + 1, BITS + 1] = 1
    return Batch(torch.from_numpy(frames), torch.full((size,), frames.shape[1]), torch.from_numpy(bits))


class Recall(nn.Module):
    """Logits of the bits at the recall steps, from the outputs of a sequence network."""

    def __init__(self, body: SequenceNetwork) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(body.width, BITS)

    def forward(self, frames: Tensor, length: int) -> Tensor:
        """Return (batch, length, 8)."""
        return self.head(self.body(frames)[0][:, -length:])


def loss(net: Recall, batch: Batch) -> Tensor:
    """Cross entropy a bit."""
    logits = net(batch.frames, batch.target.shape[1])
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, batch.target)


@torch.no_grad()
def wrong_bits(net: Recall, seed: int, length: int) -> float:
    """Return the bits that are wrong in a sequence of this length, the mean of 128 new ones."""
    net.eval()
    batch = draw(generator(seed, "copying", length), TESTED, length)
    said = net(batch.frames, length) > 0
    return float((said != (batch.target > 0.5)).sum()) / TESTED

"""The adding problem: two marked numbers of a long sequence, to be added at its end.

Hochreiter & Schmidhuber 1997, experiment 4, in the form of Le et al. 2015 (arXiv:1504.00941): the numbers lie in
[0, 1), one is marked in each half, and the constant answer 1 has a mean squared error of 1/6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mynah.ground.randomness import generator, seeded
from mynah.layers.sequence_network import SequenceNetwork
from mynah.papers.problems.answers import LastFrame
from mynah.papers.problems.descent import PLAIN, descend, steps_until
from mynah.training import Batch

INPUTS = 2
#: Error of the constant answer 1.
BASELINE = 1 / 6
#: An answer is wrong beyond this (Hochreiter & Schmidhuber 1997).
TOLERANCE = 0.04
#: Sequences of a test, as in the 1997 paper.
TESTED = 2560


def draw(rng: np.random.Generator, size: int, *, length: int = 100) -> Batch:
    """Return frames (size, length, 2): value and mark; target (size, 1): the sum of the two marked values."""
    values = rng.random((size, length), dtype=np.float32)
    marks = np.zeros((size, length), dtype=np.float32)
    rows = np.arange(size)
    first, second = rng.integers(0, length // 2, size), rng.integers(length // 2, length, size)
    marks[rows, first] = marks[rows, second] = 1
    total = values[rows, first] + values[rows, second]
    return Batch(
        torch.from_numpy(np.stack([values, marks], axis=2)),
        torch.full((size,), length),
        torch.from_numpy(total)[:, None],
    )


def loss(net: LastFrame, batch: Batch) -> Tensor:
    """Mean squared error."""
    return torch.nn.functional.mse_loss(net(batch.frames), batch.target)


@torch.no_grad()
def score(net: LastFrame, seed: int, part: str = "test", *, length: int = 100) -> dict[str, float]:
    """Return the mean squared error and the share of wrong answers on the 2560 sequences of "valid" or "test"."""
    net.eval()
    test = draw(generator(seed, "adding", part), TESTED, length=length)
    error = torch.cat([net(part) - sums for part, sums in zip(*map(_parts, (test.frames, test.target)), strict=True)])
    return {"mse": float(error.square().mean()), "wrong": float((error.abs() > TOLERANCE).float().mean())}


def _parts(x: Tensor) -> tuple[Tensor, ...]:
    return x.split(256)


def learn(
    body: Callable[[], SequenceNetwork],
    seed: int,
    *,
    learning_rate: float,
    steps: int = 5000,
    schedule: str = "constant",
) -> dict[str, float]:
    """Train a sequence network until it passes on validation sequences, for 250,000 sequences at most.

    Args:
        body: makes the network.
        learning_rate, schedule: see `Training`.
        steps: of 50 sequences, at most.

    Returns:
        "mse" and "wrong" on test sequences, and the "sequences" that were seen.
    """
    net = seeded(seed, lambda: LastFrame(body(), 1))
    training = replace(PLAIN, learning_rate=learning_rate, schedule=schedule)

    def passes() -> bool:
        reached = score(net, seed, "valid")
        return reached["mse"] <= 0.0015 and reached["wrong"] <= 0.007

    taken = steps_until(descend(net, loss, draw, steps=steps, seed=seed, training=training), passes) or steps
    return {**score(net, seed), "sequences": taken * training.batch}

"""Handwritten digits of 8 by 8 pixels (scikit-learn's copy of the UCI test set), for networks that are very deep."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from mynah.ground.randomness import generator
from mynah.training import Batch

PIXELS, CLASSES = 64, 10
#: Pictures that judge, of 1797.
TESTED = 497


@cache
def parts(seed: int) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return (pixels, class) of the training part, and of the 497 test pictures; pixels lie in [-1, 1]."""
    pixels, codes = load_digits(return_X_y=True)
    order = generator(seed, "digits").permutation(len(codes))
    pixels = (pixels[order] / 8 - 1).astype(np.float32)
    kept = len(codes) - TESTED
    return (pixels[:kept], codes[order][:kept]), (pixels[kept:], codes[order][kept:])


def drawer(seed: int) -> Callable[[np.random.Generator, int], Batch]:
    """Return a function that draws batches of the training part: frames (batch, 1, 64), target one-hot."""
    pixels, codes = parts(seed)[0]

    def draw(rng: np.random.Generator, size: int) -> Batch:
        chosen = rng.integers(0, len(codes), size)
        target = np.eye(CLASSES, dtype=np.float32)[codes[chosen]]
        return Batch(
            torch.from_numpy(pixels[chosen])[:, None], torch.ones(size, dtype=torch.int64), torch.from_numpy(target)
        )

    return draw


def loss(net: nn.Module, batch: Batch) -> Tensor:
    """Cross entropy."""
    return torch.nn.functional.cross_entropy(net(batch.frames[:, 0]), batch.target)


@torch.no_grad()
def accuracy(net: nn.Module, seed: int) -> float:
    """Return the share of test pictures that are named right."""
    net.eval()
    pixels, codes = parts(seed)[1]
    return float((net(torch.from_numpy(pixels)).argmax(dim=1).numpy() == codes).mean())

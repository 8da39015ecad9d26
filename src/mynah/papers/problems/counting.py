"""Counting: streams of a^n b^n, one after the other, whose next symbol is to be told.

Joulin & Mikolov 2015 (arXiv:1503.01007), table 2. Ends are not marked, and what a network remembers goes from one
sequence to the next. Which n comes cannot be known, so only what follows from the a's is judged: the b's after the
first, and the a after them. In training n grows, up to 19; tested are all n from 2 to 60.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from mynah.ground.randomness import generator, key, seeded
from mynah.layers.sequence_network import SequenceNetwork
from mynah.papers.problems.answers import EveryFrame
from mynah.papers.problems.descent import PLAIN, descend
from mynah.training import Batch, Training

#: a and b as one-hot inputs.
SYMBOLS = 2
#: Largest n of each part of a training, and the steps of a part.
GROWTH = ((3, 100), (6, 100), (10, 100), (14, 100), (19, 800))
#: Largest n on which starts are compared, and which is tested.
VALID, TESTED = 30, 60
#: Streams that n must be right in.
STREAMS = 4


def stream(counts: np.ndarray) -> np.ndarray:
    """Return the symbols, 0 and 1, of a^n b^n for every n of `counts`."""
    return np.concatenate([np.repeat([0, 1], n) for n in counts])


def draw(rng: np.random.Generator, size: int, *, largest: int, length: int = 80) -> Batch:
    """Return frames (size, length, 2) of streams with n from 1 to `largest`; target: the next symbols, one-hot."""
    counts = rng.integers(1, largest + 1, (size, length))
    symbols = np.stack([stream(row)[: length + 1] for row in counts])
    codes = torch.from_numpy(np.eye(SYMBOLS, dtype=np.float32)[symbols])
    return Batch(codes[:, :-1], torch.full((size,), length), codes[:, 1:])


def loss(net: EveryFrame, batch: Batch) -> Tensor:
    """Cross entropy of every next symbol."""
    return nn.functional.cross_entropy(net(batch.frames).flatten(0, 1), batch.target.flatten(0, 1))


@torch.no_grad()
def right(net: nn.Module, seed: int, part: str = "test", largest: int = TESTED) -> float:
    """Return the share of n from 2 to `largest` that are right wherever they stand in four streams of all of them."""
    net.eval()
    rng = generator(seed, "counting", part)
    orders = np.stack([rng.permutation(np.arange(2, largest + 1)) for _ in range(STREAMS)])
    symbols = np.stack([stream(order) for order in orders])
    said = net(torch.from_numpy(np.eye(SYMBOLS, dtype=np.float32)[symbols])).argmax(dim=2).numpy()
    told = said == np.append(symbols[:, 1:], np.zeros((STREAMS, 1), int), axis=1)
    ends = 2 * orders.cumsum(axis=1)
    correct = np.ones(largest + 1, dtype=bool)
    for row, order, end in zip(told, orders, ends, strict=True):
        for n, stop in zip(order, end, strict=True):
            correct[n] &= row[stop - n : stop].all()
    return float(correct[2:].mean())


def learn(body: Callable[[], SequenceNetwork], seed: int, *, starts: int = 5) -> dict[str, float]:
    """Train a sequence network on growing n, from several starts, as the paper does; the best start is tested.

    Starts are compared on validation streams of n up to 30; none follows one that is right in all of them.

    Returns:
        "right" on test streams, on "valid" ones, and the "starts" made.
    """
    training = replace(PLAIN, learning_rate=1e-2, batch=16)
    valid, best = -1.0, None
    for start in range(starts):
        net = _trained(body, key(seed, "start", start), seed, training)
        reached = right(net, seed, "valid", VALID)
        if reached > valid:
            valid, best = reached, copy.deepcopy(net)
        if valid == 1.0:
            break
    assert best is not None
    return {"right": right(best, seed), "valid": valid, "starts": start + 1}


def _trained(body: Callable[[], SequenceNetwork], start: int, seed: int, training: Training) -> EveryFrame:
    """Train from one start on growing n, until validation streams are right."""
    net = seeded(start, lambda: EveryFrame(body(), SYMBOLS))
    for largest, steps in GROWTH:
        draws = partial(draw, largest=largest)
        for _ in descend(net, loss, draws, steps=steps, seed=key(start, largest), training=training):
            if largest == GROWTH[-1][0] and right(net, seed, "valid", VALID) == 1.0:
                break
    return net

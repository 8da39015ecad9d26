"""Copy and reversal: a sequence of symbols is read, then written again, forwards or backwards.

Grefenstette et al. 2015 (arXiv:1506.02516), smaller: 16 symbols instead of 128, trained on lengths from 4 to 12
instead of 8 to 64, tested on those and on 13 to 24. A sequence is its symbols, a separator, and what is to be
written; each written symbol is the next input, and an end follows the last. Only what is written is judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from mynah.ground.randomness import generator, seeded
from mynah.layers.sequence_network import SequenceNetwork
from mynah.papers.problems.answers import EveryFrame
from mynah.papers.problems.descent import PLAIN, descend
from mynah.training import Batch

#: Symbols that are written; the last one says that nothing follows. Inputs have a separator in its place.
OUTPUTS = 17
END = SEPARATOR = OUTPUTS - 1
TRAINED, LONGER = range(4, 13), range(13, 25)
#: Sequences of every test, shared among its lengths.
TESTED = 1000


def draw(rng: np.random.Generator, size: int, *, backwards: bool, lengths: range = TRAINED) -> Batch:
    """Return frames (size, 2 n + 1, 17) of one length n from `lengths`; target (size, n + 1, 17), one-hot."""
    return _batch(rng.integers(0, END, (size, int(rng.choice(lengths)))), backwards)


def _batch(symbols: np.ndarray, backwards: bool) -> Batch:
    written = symbols[:, ::-1] if backwards else symbols
    mark = np.full((len(symbols), 1), SEPARATOR)
    codes = torch.eye(OUTPUTS)
    frames = codes[torch.from_numpy(np.concatenate([symbols, mark, written], axis=1))]
    target = codes[torch.from_numpy(np.concatenate([written, mark], axis=1))]
    return Batch(frames, torch.full((len(frames),), frames.shape[1]), target)


def said(net: nn.Module, batch: Batch) -> Tensor:
    """Return logits (batch, n + 1, 17) of what is written."""
    return net(batch.frames)[:, -batch.target.shape[1] :]


def loss(net: nn.Module, batch: Batch) -> Tensor:
    """Cross entropy of what is written."""
    return nn.functional.cross_entropy(said(net, batch).flatten(0, 1), batch.target.flatten(0, 1))


@torch.no_grad()
def score(net: nn.Module, rng: np.random.Generator, lengths: range, *, backwards: bool) -> dict[str, float]:
    """Return what `net` makes of 1000 sequences.

    Returns:
        "coarse", the share of sequences that are written right from first to last, "fine", the mean share of a
        sequence before its first error, and the "perplexity" of a symbol.
    """
    net.eval()
    coarse, fine, nats = [], [], []
    for n, count in zip(lengths, np.bincount(np.arange(TESTED) % len(lengths)), strict=True):
        batch = _batch(rng.integers(0, END, (count, n)), backwards)
        logits = said(net, batch)
        correct = (logits.argmax(dim=2) == batch.target.argmax(dim=2)).double().cumprod(dim=1)
        coarse.append(correct[:, -1])
        fine.append(correct.mean(dim=1))
        nats.append(-(torch.log_softmax(logits, dim=2) * batch.target).sum(dim=2).flatten())
    return {
        "coarse": float(torch.cat(coarse).mean()),
        "fine": float(torch.cat(fine).mean()),
        "perplexity": math.exp(min(float(torch.cat(nats).mean()), 50.0)),
    }


def learn(
    body: Callable[[], SequenceNetwork],
    seed: int,
    *,
    backwards: bool,
    steps: int,
    size: int,
) -> dict[str, float]:
    """Train a sequence network to copy or to reverse.

    Args:
        body: makes the network.
        backwards: whether to reverse.
        steps: of `size` sequences of one length.

    Returns:
        "trained", "longer" and "longer_fine": coarse accuracy on new sequences of the trained and the longer lengths,
        and fine on the longer. "train_perplexity": on sequences as they were trained on.
    """
    net = seeded(seed, lambda: EveryFrame(body(), OUTPUTS))
    training = replace(PLAIN, learning_rate=1e-2, batch=size, schedule="cosine")
    for _ in descend(net, loss, partial(draw, backwards=backwards), steps=steps, seed=seed, training=training):
        pass
    train = score(net, generator(seed, "copy", "train"), TRAINED, backwards=backwards)
    test = score(net, generator(seed, "copy", "test"), TRAINED, backwards=backwards)
    longer = score(net, generator(seed, "copy", "longer"), LONGER, backwards=backwards)
    return {
        "train_perplexity": train["perplexity"],
        "trained": test["coarse"],
        "longer": longer["coarse"],
        "longer_fine": longer["fine"],
    }

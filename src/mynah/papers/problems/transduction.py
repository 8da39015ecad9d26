"""A generated translation: each word has its own counterpart, and some words come one or two places later.

The alphabet of 12 words is parted by a seed: most are translated where they stand, three after the next word and three
after the next two. Source and translation are equally long, 8 to 20 words. So each word of the answer depends on a
source word near the same place, as in a language pair of similar word order: what is far apart for a network that
must read to the end before it answers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from mynah.ground.randomness import generator
from mynah.papers.problems.descent import Draw
from mynah.training import Batch

WORDS = 12
SHORTEST, LONGEST = 8, 20
#: Words that are translated one place later, and two places later.
DELAYED = (3, 3)
TESTED = 500


@cache
def dictionary(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (word,) translations and (word,) places that each comes later."""
    rng = generator(seed, "dictionary")
    delay = np.zeros(WORDS, dtype=int)
    order = rng.permutation(WORDS)
    delay[order[: DELAYED[0]]] = 1
    delay[order[DELAYED[0] : sum(DELAYED)]] = 2
    return rng.permutation(WORDS), delay


def translated(words: np.ndarray, seed: int) -> np.ndarray:
    """Return the translation of a (time,) sentence of word numbers."""
    counterpart, delay = dictionary(seed)
    late = delay[words]
    place = np.arange(len(words)) + late + 0.5 * (late > 0)
    return counterpart[words][np.argsort(place, kind="stable")]


def drawer(seed: int) -> Draw:
    """Return a function that draws batches of sentence pairs.

    Frames are (batch, time, 12) one-hot, zero after the end; the target is (batch, time + 1) int64: word numbers from
    one, then 0 for the end, then -1.
    """

    def draw(rng: np.random.Generator, size: int) -> Batch:
        lengths = rng.integers(SHORTEST, LONGEST + 1, size)
        frames = np.zeros((size, lengths.max(), WORDS), dtype=np.float32)
        target = np.full((size, lengths.max() + 1), -1)
        for row, length in enumerate(lengths):
            words = rng.integers(0, WORDS, length)
            frames[row, np.arange(length), words] = 1
            target[row, :length] = translated(words, seed) + 1
            target[row, length] = 0
        return Batch(torch.from_numpy(frames), torch.from_numpy(lengths), torch.from_numpy(target))

    return draw


@cache
def test_part(seed: int) -> Batch:
    """Return the 500 sentence pairs that judge."""
    return drawer(seed)(generator(seed, "transduction test"), TESTED)


@torch.no_grad()
def perplexity(net: nn.Module, seed: int, loss: Callable[[nn.Module, Batch], Tensor]) -> float:
    """Return exp of the mean loss a word, the end included."""
    net.eval()
    return float(loss(net, test_part(seed)).exp())


def right(answers: list[list[int]], seed: int) -> float:
    """Return the share of the test sentences that are translated without any mistake."""
    wanted = [[word for word in row if word > 0] for row in test_part(seed).target.tolist()]
    return float(np.mean([said == true for said, true in zip(answers, wanted, strict=True)]))

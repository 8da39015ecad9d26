"""Text of known entropy: each letter is drawn by the three before it (a Markov chain of order 3; Shannon 1948)."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from mynah.ground.randomness import generator
from mynah.training import Batch

LETTERS, ORDER = 8, 3
#: Concentration of the odds after three letters: the smaller, the surer the next letter.
CONCENTRATION = 0.2
#: Letters an example, and texts and letters of a test.
LENGTH, TESTED, TEST_LENGTH = 64, 50, 1000


@cache
def odds(seed: int) -> np.ndarray:
    """Return (8, 8, 8, 8): the probability of the last letter after the three before it."""
    return generator(seed, "markov odds").dirichlet(np.full(LETTERS, CONCENTRATION), (LETTERS,) * ORDER)


@cache
def contexts(seed: int) -> np.ndarray:
    """Return (8, 8, 8): how often three letters follow each other, in the long run."""
    share = np.full((LETTERS,) * ORDER, LETTERS**-ORDER)
    for _ in range(10_000):
        after = np.einsum("abc,abcd->bcd", share, odds(seed))
        if np.abs(after - share).max() < 1e-15:
            break
        share = (after + share) / 2  # the mean: a chain with a period would never settle
    return after / after.sum()


def entropy(seed: int) -> float:
    """Return the bits a letter that nobody can do without."""
    probability = odds(seed)
    bits = -(probability * np.log2(np.maximum(probability, 1e-300))).sum(axis=-1)
    return float((contexts(seed) * bits).sum())


def unigram(seed: int) -> float:
    """Return the bits a letter of one who knows how often each letter comes, and no more."""
    share = contexts(seed).sum(axis=(0, 1))
    return float(-(share * np.log2(np.maximum(share, 1e-300))).sum())


def texts(seed: int, rng: np.random.Generator, count: int, length: int) -> np.ndarray:
    """Return (count, length) letters from 0 to 7."""
    steps = odds(seed).reshape(-1, LETTERS).cumsum(axis=1)
    start = contexts(seed).ravel().cumsum()
    context = np.searchsorted(start, rng.random(count) * start[-1], side="right").clip(max=LETTERS**ORDER - 1)
    said = np.empty((count, length), dtype=np.int64)
    for place in range(length):
        row = steps[context]
        letter = (row < rng.random((count, 1)) * row[:, -1:]).sum(axis=1).clip(max=LETTERS - 1)
        said[:, place] = letter
        context = (context * LETTERS + letter) % LETTERS**ORDER
    return said


def drawer(seed: int):
    """Return what draws batches of texts: frames (size, 64, 2), each the letter before and the letter."""

    def draw(rng: np.random.Generator, size: int) -> Batch:
        rows = rows_of(texts(seed, rng, size, LENGTH + 1))
        return Batch(rows, torch.full((size,), LENGTH), torch.full((size, 1), float(LENGTH)))

    return draw


def rows_of(said: np.ndarray) -> torch.Tensor:
    """Return (count, length - 1, 2) float32 of (count, length): each letter after the one before it."""
    return torch.from_numpy(np.stack([said[:, :-1], said[:, 1:]], axis=2).astype(np.float32))

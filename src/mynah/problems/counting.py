"""Counting without a sign between words: ...aaabbb aabb aaaaabbbbb... as one stream, whose next symbol is to be said.

Joulin & Mikolov 2015 (arXiv:1503.01007), section 5.1. A word is a^n b^n. How many a come cannot be known; all b but the
first, and the a after the last, can. A word is right when all of those are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mynah.problems.descent import Draw, generator
from mynah.sequence import SequenceNetwork
from mynah.training import Batch

SYMBOLS = 2
#: Words of training have n below this, words of the test n from 2 to that.
TRAINED, TESTED = 20, 60
LENGTH = 40


def stream(rng: np.random.Generator, length: int, longest: int) -> np.ndarray:
    """Return the first `length` symbols (0 is a, 1 is b) of words with n of 1 to `longest`."""
    counts = rng.integers(1, longest + 1, length)
    symbols = np.concatenate([_word(n) for n in counts[: 1 + np.searchsorted(np.cumsum(2 * counts), length)]])
    return symbols[:length]


def _word(n: int) -> np.ndarray:
    return np.repeat([0, 1], n)


def drawn_up_to(longest: int) -> Draw:
    """Return a draw of streams: frames (size, 40, 2) one-hot, target (size, 40) the next symbols."""

    def draw(rng: np.random.Generator, size: int) -> Batch:
        symbols = np.stack([stream(rng, LENGTH + 1, longest) for _ in range(size)])
        return Batch(_one_hot(symbols[:, :-1]), torch.full((size,), LENGTH), torch.from_numpy(symbols[:, 1:]))

    return draw


def curriculum(step: int, steps: int) -> Draw:
    """Return streams whose longest word grows from n = 3 to 19 over nine tenths of `steps`."""
    return drawn_up_to(min(TRAINED - 1, 3 + round((TRAINED - 4) * step / (0.9 * steps))))


class NextSymbol(nn.Module):
    """Logits of the next symbol, from the outputs of a sequence network."""

    def __init__(self, body: SequenceNetwork) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(body.width, SYMBOLS)

    def forward(self, frames: Tensor) -> Tensor:
        """Return (batch, time, 2)."""
        return self.head(self.body(frames)[0])


def loss(net: NextSymbol, batch: Batch) -> Tensor:
    """Cross entropy a symbol."""
    return torch.nn.functional.cross_entropy(net(batch.frames).flatten(0, 1), batch.target.flatten())


@torch.no_grad()
def share_right(net: NextSymbol, seed: int, counts: Sequence[int] = range(2, TESTED + 1), part: str = "test") -> float:
    """Return the share of these n whose word is right, each after three words of training length."""
    net.eval()
    rng = generator(seed, "counting", part)
    right = 0
    for n in counts:
        before = np.concatenate([_word(m) for m in rng.integers(1, TRAINED, 3)])
        symbols = np.concatenate([before, _word(n), [0]])
        said = net(_one_hot(symbols[None, :-1]))[0].argmax(dim=1).numpy()
        known = len(before) + n  # the first b; what comes after it follows
        right += bool((said[known:] == symbols[known + 1 :]).all())
    return right / len(counts)


def _one_hot(symbols: np.ndarray) -> Tensor:
    return torch.from_numpy(np.eye(SYMBOLS, dtype=np.float32)[symbols])

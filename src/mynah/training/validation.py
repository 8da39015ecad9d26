"""The inner split: which examples are held out of training to choose the best step, and how they are scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from mynah.ground.device import of
from mynah.ground.randomness import generator
from mynah.training.batches import Batch, pad

#: One held-out group may be this many times the share that was asked for.
LARGEST_EXCESS = 1.5
#: Most examples held out: with more, a validation costs more than it tells.
MOST_HELD = 1000


def inner_split(codes: np.ndarray, groups: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Hold out about `share` of each class by whole groups: (kept, held) example numbers.

    A class whose groups are so few that one of them is more than `LARGEST_EXCESS` times the share gives none: to lose
    a fifth of the speakers costs more than early stopping gains. `held` is empty when no class gives any.

    Args:
        codes, groups: (example,) class number and group of each.
        share: of the groups of a class; less where `MOST_HELD` examples would be passed.
        seed: of the draw.
    """
    held = np.zeros(len(codes), dtype=bool)
    most = MOST_HELD / max(1, len(codes))
    if share > 0:
        rng = generator(seed, "inner split")
        for code in np.unique(codes):
            of_class = np.unique(groups[codes == code])
            already = np.unique(groups[held & (codes == code)])
            enough = len(of_class) * share * LARGEST_EXCESS >= 1
            count = max(1, round(min(share, most) * len(of_class))) if enough else 0
            chosen = rng.permutation(np.setdiff1d(of_class, already))[: max(0, count - len(already))]
            held |= np.isin(groups, chosen)
    for code in np.unique(codes):
        if held[codes == code].all():  # its groups go back whole, with what they hold of other classes
            held &= ~np.isin(groups, groups[codes == code])
    return np.flatnonzero(~held), np.flatnonzero(held)


class Validation:
    """Loss, its standard error and balanced accuracy on held-out examples, in batches of similar length.

    Args:
        examples: sequence of (time, feature) float32 arrays.
        codes: (examples,) class numbers, or, of texts, (examples, longest) symbol numbers.
        size: examples a batch.
    """

    def __init__(self, examples: Sequence[np.ndarray], codes: np.ndarray, size: int) -> None:
        order = np.argsort([len(example) for example in examples], kind="stable")
        self.parts = [order[i : i + size] for i in range(0, len(order), max(1, size))]
        self.examples, self.codes = examples, codes

    def __call__(self, net: nn.Module, poll: Callable[[], None]) -> tuple[float, float, float]:
        """Score `net`; `poll` is called between batches, and may raise to end it."""
        device = of(net)
        losses, predicted = np.empty(len(self.codes)), np.empty(len(self.codes), dtype=int)
        for part in self.parts:
            poll()
            x, lengths = pad([self.examples[int(i)] for i in part])
            target = torch.from_numpy(self.codes[part])
            batch = Batch(x, lengths, target).to(device)
            logits = net(batch.frames, batch.lengths).cpu()
            losses[part] = nn.functional.cross_entropy(logits, target, reduction="none").numpy()
            predicted[part] = logits.argmax(dim=1).numpy()
        right = [float((predicted[self.codes == code] == code).mean()) for code in np.unique(self.codes)]
        return float(losses.mean()), float(losses.std() / np.sqrt(len(losses))), float(np.mean(right))

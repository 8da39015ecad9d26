"""Batch n as a pure function of the seed and n."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mynah.training.keyed import key, permute


@dataclass(frozen=True)
class Batch:
    """Examples of one step.

    Attributes:
        frames: (batch, time, feature) float32, zero after each example's end.
        lengths: (batch,) int64, valid frames of each example.
        target: (batch, class) float32, rows sum to one.
    """

    frames: torch.Tensor
    lengths: torch.Tensor
    target: torch.Tensor


#: ``augment(frames, lengths, target, generator)`` returns the varied three.
Augment = Callable[
    [torch.Tensor, torch.Tensor, torch.Tensor, torch.Generator],
    tuple[torch.Tensor, torch.Tensor, torch.Tensor],
]


def pad(examples: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack (time, feature) arrays of unequal length: ((batch, time, feature) float32, (batch,) lengths)."""
    lengths = torch.tensor([len(example) for example in examples])
    frames = torch.zeros(len(examples), int(lengths.max()), examples[0].shape[1])
    for row, example in zip(frames, examples, strict=True):
        row[: len(example)] = torch.from_numpy(np.array(example))
    return frames, lengths


class Batches:
    """Training examples by step number; nothing in here has a position.

    Args:
        examples: sequence of (time, feature) float32 arrays.
        targets: (examples,) class numbers.
        outputs: number of classes.
        size: examples a batch.
        seed: key of order, crops and augmentation.
        crop_frames: longest excerpt, in frames; None keeps examples whole.
        augment: applied to the padded batch, or None.
    """

    def __init__(
        self,
        examples: Sequence[np.ndarray],
        targets: np.ndarray,
        outputs: int,
        *,
        size: int,
        seed: int,
        crop_frames: int | None = None,
        augment: Augment | None = None,
    ) -> None:
        self.examples, self.targets, self.outputs = examples, np.asarray(targets), outputs
        self.size, self.seed = min(size, len(examples)), seed
        self.crop_frames, self.augment = crop_frames, augment

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self.examples) // self.size)

    def items(self, step: int) -> np.ndarray:
        """Return the (size,) example numbers of batch `step`; every epoch visits each example once."""
        positions = np.arange(step * self.size, (step + 1) * self.size)
        epochs, places = np.divmod(positions, len(self.examples))
        chosen = np.empty_like(places)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            chosen[here] = permute(places[here], len(self.examples), key(self.seed, "order", int(epoch)))
        return chosen

    def __getitem__(self, step: int) -> Batch:
        items = self.items(step)
        generator = torch.Generator().manual_seed(key(self.seed, "batch", step))
        places = torch.rand(len(items), generator=generator).tolist()
        frames, lengths = pad([self._excerpt(i, place) for i, place in zip(items, places, strict=True)])
        target = torch.nn.functional.one_hot(torch.as_tensor(self.targets[items]), self.outputs).float()
        if self.augment is not None:
            frames, lengths, target = self.augment(frames, lengths, target, generator)
        return Batch(frames, lengths, target)

    def _excerpt(self, item: int, place: float) -> np.ndarray:
        example = self.examples[item]
        spare = len(example) - self.crop_frames if self.crop_frames else 0
        if spare <= 0 or self.crop_frames is None:
            return example
        start = int(place * (spare + 1))
        return example[start : start + self.crop_frames]

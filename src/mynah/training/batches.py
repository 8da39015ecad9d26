"""Batch n as a pure function of the seed and n."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mynah.ground.randomness import key, permute


@dataclass(frozen=True)
class Batch:
    """Examples of one step.

    Attributes:
        frames: (batch, time, feature) float32, zero after each example's end.
        lengths: (batch,) int64, valid frames of each example.
        target: (batch, class) float32, rows sum to one; of texts, see `mynah.contracts.transcriber`.
        whole: targets of the whole batch, where these rows are one process's part of it; None where they are all.
        cut: (batch,) bool, whether an example is an excerpt of something longer; None where none is.
    """

    frames: torch.Tensor
    lengths: torch.Tensor
    target: torch.Tensor
    whole: torch.Tensor | None = None
    cut: torch.Tensor | None = None

    @property
    def ended(self) -> torch.Tensor:
        """(batch,) float32: one where the last frame of an example is the end of the sound, zero where it was cut."""
        return torch.ones_like(self.lengths, dtype=torch.float32) if self.cut is None else (~self.cut).float()

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device; it is itself where it is there already."""
        if device == self.frames.device:
            return self
        frames, lengths, target = (_sent(x, device) for x in (self.frames, self.lengths, self.target))
        whole, cut = (None if x is None else _sent(x, device) for x in (self.whole, self.cut))
        return Batch(frames, lengths, target, whole, cut)

    def part(self, rows: slice) -> Batch:
        """Return some rows, which know the whole batch's targets: a mean over it needs its weights."""
        cut = None if self.cut is None else self.cut[rows]
        return Batch(self.frames[rows], self.lengths[rows], self.target[rows], self.target, cut)


def _sent(x: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor on a device. To CUDA it goes from pinned memory, so that the processor need not wait for it."""
    if device.type == "cuda" and x.device.type == "cpu":
        return x.pin_memory().to(device, non_blocking=True)
    return x.to(device)


#: Batches among which examples are exchanged, so that those of one batch have similar lengths.
WINDOW = 16
#: ``augment(frames, lengths, target, generator)`` returns the varied three.
Augment = Callable[
    [torch.Tensor, torch.Tensor, torch.Tensor, torch.Generator],
    tuple[torch.Tensor, torch.Tensor, torch.Tensor],
]


def pad(examples: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack (time, feature) arrays of unequal length: ((batch, time, feature) float32, (batch,) lengths)."""
    lengths = [len(example) for example in examples]
    frames = torch.zeros(len(examples), max(lengths), examples[0].shape[1])
    for row, example, length in zip(frames.numpy(), examples, lengths, strict=True):
        row[:length] = example
    return frames, torch.tensor(lengths)


class Batches:
    """Training examples by step number; nothing in here has a position.

    A keyed permutation orders the examples of each epoch. Within a window of `WINDOW` batches they are then sorted by
    length and the batches put in a keyed order: padding to the longest of a batch would else be most of the work
    where lengths vary (spoken digits: two frames of three).

    Args:
        examples: sequence of (time, feature) float32 arrays.
        targets: (examples,) class numbers.
        outputs: number of classes.
        size: most examples a batch.
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
        self.examples, self.targets, self.outputs = examples, np.asarray(targets, dtype=np.int64), outputs
        self.size, self.seed = min(size, len(examples)), seed
        self.crop_frames, self.augment = crop_frames, augment
        lengths = np.array([len(example) for example in examples])
        self.lengths = np.minimum(lengths, crop_frames) if crop_frames else lengths
        self.cut = lengths > self.lengths
        self.is_cropped = bool(self.cut.any())
        self.one_hot = torch.eye(outputs)
        self._kept: tuple[tuple[int, int], list[np.ndarray]] = ((-1, -1), [])

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self.examples) // self.size)

    def items(self, step: int) -> np.ndarray:
        """Return the example numbers of batch `step`: every epoch visits each example once, in batches of even size."""
        epoch, turn = divmod(step, self.steps_per_epoch)
        steps, windows = self.steps_per_epoch, -(-self.steps_per_epoch // WINDOW)
        window = ((turn + 1) * windows - 1) // steps  # the last that begins at or before this turn
        first, last = window * steps // windows, (window + 1) * steps // windows
        if self._kept[0] != (epoch, window):  # one window is kept: a step costs a slice, and any step can be asked for
            self._kept = ((epoch, window), self._window(epoch, window, first, last))
        return self._kept[1][turn - first]

    def _window(self, epoch: int, window: int, first: int, last: int) -> list[np.ndarray]:
        """Return the example numbers of the batches [first, last) of an epoch."""
        drawn = self._drawn(epoch, first, last)
        by_length = drawn[np.argsort(self.lengths[drawn], kind="stable")]
        batches = last - first
        places = permute(np.arange(batches), batches, key(self.seed, "window", epoch, window)).tolist()
        return [by_length[p * len(drawn) // batches : (p + 1) * len(drawn) // batches] for p in places]

    def _drawn(self, epoch: int, first: int, last: int) -> np.ndarray:
        """Return the examples of the batches [first, last) of an epoch, in its permuted order."""
        count, steps = len(self.examples), self.steps_per_epoch
        places = np.arange(first * count // steps, last * count // steps)
        return permute(places, count, key(self.seed, "order", epoch))

    def __getitem__(self, step: int) -> Batch:
        items = self.items(step)
        target = self.target(items)
        if self.augment is None and not self.is_cropped:  # nothing to draw
            return Batch(*pad([self.examples[i] for i in items.tolist()]), target)
        generator = torch.Generator().manual_seed(key(self.seed, "batch", step))
        places = torch.rand(len(items), generator=generator).tolist()
        frames, lengths = pad([self._excerpt(i, place) for i, place in zip(items.tolist(), places, strict=True)])
        if self.augment is not None:
            frames, lengths, target = self.augment(frames, lengths, target, generator)
        return Batch(frames, lengths, target, cut=torch.from_numpy(self.cut[items]))

    def target(self, items: np.ndarray) -> torch.Tensor:
        """Return the targets of these examples."""
        return self.one_hot.index_select(0, torch.from_numpy(self.targets[items]))

    def _excerpt(self, item: int, place: float) -> np.ndarray:
        example = self.examples[item]
        spare = len(example) - self.crop_frames if self.crop_frames else 0
        if spare <= 0 or self.crop_frames is None:
            return example
        start = int(place * (spare + 1))
        return example[start : start + self.crop_frames]

"""Which frames of a padded batch are real, and pooling over those alone."""

from __future__ import annotations

import torch
from torch import Tensor


def time_mask(lengths: Tensor, time: int) -> Tensor:
    """Return (batch, time) float32, one where a frame is real."""
    return (torch.arange(time, device=lengths.device)[None] < lengths[:, None]).float()


def mean_and_max(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Pool (batch, time, feature) over the real frames: mean beside maximum, (batch, 2 * feature)."""
    if lengths is None:
        return torch.cat([x.mean(dim=1), x.amax(dim=1)], dim=1)
    mask = time_mask(lengths, x.shape[1])[:, :, None]
    mean = (x * mask).sum(dim=1) / lengths[:, None].clamp(min=1)
    highest = x.masked_fill(mask == 0, float("-inf")).amax(dim=1)
    return torch.cat([mean, highest], dim=1)


def pad_time(frames: Tensor, lengths: Tensor | None, multiple: int) -> tuple[Tensor, Tensor]:
    """Pad (batch, time, feature) with zeros to a multiple of `multiple` frames, and return explicit lengths.

    A network that halves time by pooling then computes the same for a clip alone and in a padded batch.
    """
    if lengths is None:
        lengths = torch.full((len(frames),), frames.shape[1], dtype=torch.int64, device=frames.device)
    spare = -frames.shape[1] % multiple
    return torch.nn.functional.pad(frames, (0, 0, 0, spare)), lengths


def averaged(frames: Tensor, lengths: Tensor | None, stride: int) -> tuple[Tensor, Tensor | None]:
    """Return (batch, ceil(time / stride), feature), each the mean of up to `stride` real frames, and its lengths.

    Frames after a clip's end must be zero, as `Standardise` leaves them.
    """
    if stride == 1:
        return frames, lengths
    padded, real = pad_time(frames, lengths, stride)
    count = time_mask(real, padded.shape[1]).unflatten(1, (-1, stride)).sum(dim=2)
    mean = padded.unflatten(1, (-1, stride)).sum(dim=2) / count.clamp(min=1)[:, :, None]
    return mean, None if lengths is None else -(-real // stride)

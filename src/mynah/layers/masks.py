"""Which frames of a padded batch are real, and pooling over those alone."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor


def time_mask(lengths: Int[Tensor, " batch"], time: int) -> Float32[Tensor, "batch {time}"]:
    """Return (batch, time) float32, one where a frame is real."""
    return (torch.arange(time, device=lengths.device)[None] < lengths[:, None]).float()


def mean_and_max(
    x: Float[Tensor, "batch time feature"], lengths: Int[Tensor, " batch"] | None
) -> Float[Tensor, "batch 2*feature"]:
    """Pool (batch, time, feature) over the real frames: mean beside maximum, (batch, 2 * feature)."""
    if lengths is None:
        return torch.cat([x.mean(dim=1), x.amax(dim=1)], dim=1)
    mask = time_mask(lengths, x.shape[1])[:, :, None]
    mean = (x * mask).sum(dim=1) / lengths[:, None].clamp(min=1)
    highest = x.masked_fill(mask == 0, float("-inf")).amax(dim=1)
    return torch.cat([mean, highest], dim=1)


def pad_time(
    frames: Float[Tensor, "batch time feature"], lengths: Int[Tensor, " batch"] | None, multiple: int
) -> tuple[Float[Tensor, "batch padded feature"], Int[Tensor, " batch"]]:
    """Pad (batch, time, feature) with zeros to a multiple of `multiple` frames, and return explicit lengths.

    A network that halves time by pooling then computes the same for a clip alone and in a padded batch.
    """
    if lengths is None:
        lengths = torch.full((len(frames),), frames.shape[1], dtype=torch.int64, device=frames.device)
    spare = -frames.shape[1] % multiple
    return torch.nn.functional.pad(frames, (0, 0, 0, spare)), lengths


def averaged(
    frames: Float[Tensor, "batch time feature"], lengths: Int[Tensor, " batch"] | None, stride: int
) -> tuple[Float[Tensor, "batch (time+{stride}-1)//{stride} feature"], Int[Tensor, " batch"] | None]:
    """Return (batch, ceil(time / stride), feature), each the mean of up to `stride` real frames, and its lengths.

    Frames after a clip's end must be zero, as `Standardise` leaves them.
    """
    if stride == 1:
        return frames, lengths
    padded, real = pad_time(frames, lengths, stride)
    count = time_mask(real, padded.shape[1]).unflatten(1, (-1, stride)).sum(dim=2)
    mean = padded.unflatten(1, (-1, stride)).sum(dim=2) / count.clamp(min=1)[:, :, None]
    return mean, None if lengths is None else -(-real // stride)

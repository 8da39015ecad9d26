"""Variations of log-mel training batches, all drawn from one generator, so that a batch is a pure function.

Level and noise are changed in the power domain, where they are what a wave would show on average: gain adds
decibels, noise adds power. Masks are those of SpecAugment (Park et al. 2019), mixtures those of mixup (Zhang et al.
2018, arXiv:1710.09412).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: Largest change of level, in dB.
GAIN_DB = 6.0
#: Noise lies this far below the clip's mean level, in dB: (most, least).
NOISE_DB = (10.0, 45.0)
#: Largest shift in frequency, in bands.
SHIFT_BANDS = 3
#: Widths of the masks, in bands and as share of the frames.
MASK_BANDS, MASK_SHARE = 8, 0.12
#: Parameter of the beta distribution of mixtures, and the share of batches that are mixed.
MIXUP_ALPHA, MIXUP_SHARE = 0.3, 0.5
FLOOR_DB = -100.0


def augment_log_mel(
    frames: Tensor, lengths: Tensor, target: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Vary frames (batch, time, band) in dB, with lengths (batch,) and soft targets (batch, class)."""

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    batch, time, bands = frames.shape
    frames = _shift_bands(frames, uniform(batch))
    frames = frames + GAIN_DB * (2 * uniform(batch, 1, 1) - 1)
    frames = _add_noise(frames, uniform(batch, 4), torch.randn(batch, time, bands, generator=generator))
    if len(frames) > 1:
        frames, target, lengths = _mix(frames, target, lengths, generator)
    for _ in range(2):
        frames = _mask(frames, uniform(batch, 2), MASK_BANDS, dim=2)
        frames = _mask(frames, uniform(batch, 2), max(1, int(MASK_SHARE * time)), dim=1)
    return frames.clamp(min=FLOOR_DB), lengths, target


def _shift_bands(frames: Tensor, draw: Tensor) -> Tensor:
    """Move each example up or down by whole bands, repeating the edge band."""
    bands = frames.shape[2]
    shift = (draw * (2 * SHIFT_BANDS + 1)).long() - SHIFT_BANDS
    source = (torch.arange(bands)[None] - shift[:, None]).clamp(0, bands - 1)
    return frames.gather(2, source[:, None].expand(-1, frames.shape[1], -1))


def _add_noise(frames: Tensor, draw: Tensor, normal: Tensor) -> Tensor:
    """Add stationary noise with a random slope over the bands to half of the examples."""
    bands = frames.shape[2]
    level = frames.mean(dim=(1, 2)) - (NOISE_DB[0] + (NOISE_DB[1] - NOISE_DB[0]) * draw[:, 0])
    slope = 20.0 * (2 * draw[:, 1] - 1)
    noise = level[:, None] + slope[:, None] * (torch.arange(bands) / bands - 0.5)
    noise = torch.where(draw[:, 2] < 0.5, noise.T, torch.tensor(-200.0)).T
    return 4.342945 * torch.logaddexp(frames / 4.342945, (noise[:, None] + 2.0 * normal) / 4.342945)


def _mix(
    frames: Tensor, target: Tensor, lengths: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Mix the dB frames of neighbours in the batch; the longer of two lengths counts."""
    draw = torch.rand(2, generator=generator).tolist()
    if draw[0] > MIXUP_SHARE:
        return frames, target, lengths
    share = _beta(MIXUP_ALPHA, generator)
    other = torch.randperm(len(frames), generator=generator)
    frames = share * frames + (1 - share) * frames[other]
    return frames, share * target + (1 - share) * target[other], torch.maximum(lengths, lengths[other])


def _beta(alpha: float, generator: torch.Generator) -> float:
    """Draw from Beta(alpha, alpha), folded to [0.5, 1] (Johnk's method)."""
    while True:
        u, v = (math.pow(x, 1 / alpha) for x in torch.rand(2, generator=generator).tolist())
        if 0 < u + v <= 1:
            return max(u, v) / (u + v)


def _mask(frames: Tensor, draw: Tensor, widest: int, dim: int) -> Tensor:
    """Set a stretch of bands (dim 2) or frames (dim 1) to the example's mean."""
    size = frames.shape[dim]
    width = (draw[:, 0] * (widest + 1)).long()
    start = (draw[:, 1] * (size - width + 1).clamp(min=1)).long()
    place = torch.arange(size)[None]
    hidden = (place >= start[:, None]) & (place < (start + width)[:, None])
    hidden = hidden[:, None, :] if dim == 2 else hidden[:, :, None]
    return torch.where(hidden, frames.mean(dim=(1, 2), keepdim=True), frames)

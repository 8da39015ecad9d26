"""Variations of log-mel training batches, all drawn from one generator, so that a batch is a pure function.

Level and noise are changed in the power domain, where they are what a wave would show on average: gain adds
decibels, noise adds power. Masks are those of SpecAugment (Park et al. 2019), mixtures those of mixup (Zhang et al.
2018, arXiv:1710.09412).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

#: Largest change of level, in dB.
GAIN_DB = 6.0
#: Noise lies this far below the clip's mean level, in dB: (most, least).
NOISE_DB = (10.0, 45.0)
#: Largest shift in frequency, in bands, and largest stretches of frequency and of time, as shares.
SHIFT_BANDS, STRETCH_BANDS, STRETCH_TIME = 2.0, 0.12, 0.15
#: Widths of the masks, in bands and as share of the frames.
MASK_BANDS, MASK_SHARE = 8, 0.12
#: Parameter of the beta distribution of mixtures, and the share of batches that are mixed.
MIXUP_ALPHA, MIXUP_SHARE = 0.3, 0.5
FLOOR_DB = -100.0


def augment_log_mel(
    frames: Float[Tensor, "batch time band"],
    lengths: Int[Tensor, " batch"],
    target: Num[Tensor, "batch *class"],
    generator: torch.Generator,
    mix: bool = True,
) -> tuple[Float[Tensor, "batch time band"], Int[Tensor, " batch"], Num[Tensor, "batch *class"]]:
    """Vary frames (batch, time, band) in dB, with lengths (batch,) and soft targets (batch, class).

    Args:
        mix: whether examples may be mixed; without, targets may be anything.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    batch, time, bands = frames.shape
    frames, lengths = _warp(frames, lengths, 2 * uniform(batch, 3) - 1)
    real = (torch.arange(time)[None] < lengths[:, None])[:, :, None]
    mean = (frames * real).sum(dim=(1, 2), keepdim=True) / (bands * lengths[:, None, None])
    quiet = frames.masked_fill(~real, float("inf")).amin(dim=(1, 2), keepdim=True)
    frames = torch.where(real, frames, quiet)  # padding must not sound like 0 dB
    frames = frames + GAIN_DB * (2 * uniform(batch, 1, 1) - 1)
    frames = _add_noise(frames, mean, uniform(batch, 3), torch.randn(batch, time, bands, generator=generator))
    if mix and batch > 1:
        frames, target, lengths = _mix(frames, target, lengths, generator)
    for _ in range(2):
        frames = _mask(frames, mean, uniform(batch, 2), MASK_BANDS, dim=2)
        frames = _mask(frames, mean, uniform(batch, 2), max(1, int(MASK_SHARE * time)), dim=1)
    return frames.clamp(min=FLOOR_DB), lengths, target


def _warp(frames: Tensor, lengths: Tensor, draw: Tensor) -> tuple[Tensor, Tensor]:
    """Stretch time and frequency and shift frequency, by bilinear interpolation.

    A stretch of frequency is another size of whatever resonates (Jaitly & Hinton 2013 for vocal tracts).
    """
    time, bands = frames.shape[1:]
    rate = 1 + STRETCH_TIME * draw[:, 0]
    band = torch.arange(bands)[None] * (1 + STRETCH_BANDS * draw[:, 1:2]) + SHIFT_BANDS * draw[:, 2:3]
    place = torch.arange(time)[None] * rate[:, None]
    last = (lengths - 1)[:, None].float()
    y = 2 * torch.minimum(place, last) / max(1, time - 1) - 1
    x = 2 * band.clamp(0, bands - 1) / max(1, bands - 1) - 1
    grid = torch.stack([x[:, None].expand(-1, time, -1), y[:, :, None].expand(-1, -1, bands)], dim=3)
    warped = torch.nn.functional.grid_sample(frames[:, None], grid, align_corners=True, padding_mode="border")[:, 0]
    return warped, (lengths / rate).round().long().clamp(1, time)


def _add_noise(frames: Tensor, mean: Tensor, draw: Tensor, normal: Tensor) -> Tensor:
    """Add stationary noise with a random slope over the bands to half of the examples."""
    bands = frames.shape[2]
    level = mean[:, 0] - (NOISE_DB[0] + (NOISE_DB[1] - NOISE_DB[0]) * draw[:, :1])
    slope = 20.0 * (2 * draw[:, 1:2] - 1)
    noise = level + slope * (torch.arange(bands) / bands - 0.5)
    noise = torch.where(draw[:, 2:] < 0.5, noise, torch.tensor(-200.0))
    return 4.342945 * torch.logaddexp(frames / 4.342945, (noise[:, None] + 2.0 * normal) / 4.342945)


def _mix(frames: Tensor, target: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
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


def _mask(frames: Tensor, mean: Tensor, draw: Tensor, widest: int, dim: int) -> Tensor:
    """Set a stretch of bands (dim 2) or frames (dim 1) to the example's mean."""
    size = frames.shape[dim]
    width = (draw[:, 0] * (widest + 1)).long()
    start = (draw[:, 1] * (size - width + 1).clamp(min=1)).long()
    place = torch.arange(size)[None]
    hidden = (place >= start[:, None]) & (place < (start + width)[:, None])
    hidden = hidden[:, None, :] if dim == 2 else hidden[:, :, None]
    return torch.where(hidden, mean, frames)

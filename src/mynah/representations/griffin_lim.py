"""Waves for magnitudes without phases: what a representation that cannot be inverted sounds like.

Griffin & Lim 1984, "Signal estimation from modified short-time Fourier transform": go to and fro between the wave and
its spectrum, keeping the given magnitudes; with the momentum of Perraudin, Balazs & Sondergaard 2013.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from mynah.representations.mel import FLOOR, LogMelModule
from mynah.representations.stft import STFTModule

ITERATIONS, MOMENTUM = 60, 0.99
#: Steps from log-mel bands to the magnitudes of bins.
MEL_STEPS = 200


@torch.no_grad()
def griffin_lim(
    stft: STFTModule,
    magnitudes: Float[Tensor, "batch frame bin"],
    samples: int,
    rng: np.random.Generator,
    *,
    iterations: int = ITERATIONS,
) -> Float[Tensor, "batch {samples}"]:
    """Return waves (batch, samples) whose spectra have about these magnitudes.

    Args:
        stft: the transform; its hop must allow an inverse.
        magnitudes: (batch, frame, bin).
        samples: of the waves.
        rng: draws the phases that it starts with.
    """
    turns = torch.from_numpy(rng.random(magnitudes.shape))
    phase = torch.polar(torch.ones_like(turns), 2 * torch.pi * turns)
    before = torch.zeros_like(phase)
    for _ in range(iterations):
        wave = _wave(stft, magnitudes * phase, samples)
        consistent = stft.by_blocks(wave[:, None], lambda spectra: spectra)
        ahead = consistent + MOMENTUM * (consistent - before)
        phase, before = ahead / ahead.abs().clamp(min=1e-16), consistent
    return _wave(stft, magnitudes * phase, samples)


def _wave(stft: STFTModule, spectra: Tensor, samples: int) -> Tensor:
    return stft.inverse(torch.cat([spectra.real, spectra.imag], dim=2), samples)[:, 0]


@torch.no_grad()
def magnitudes_of(
    mel: LogMelModule, frames: Float[Tensor, "batch frame band"]
) -> Float64[Tensor, "batch frame {mel.stft.bins}"]:
    """Return magnitudes (batch, frame, bin), none negative, whose bands come near log-mel frames of one channel.

    Least squares over powers by multiplicative steps (Lee & Seung 2001), from the spread-out bands.

    Args:
        mel: the representation.
        frames: (batch, frame, band) dB.
    """
    filters = mel.filters.double()
    wanted = (10 ** (frames.double() / 10) - FLOOR).clamp(min=0.0)
    back, again = wanted @ filters.T, filters @ filters.T
    power = back / again.sum(dim=0).clamp(min=1e-12)
    for _ in range(MEL_STEPS):
        power = power * back / (power @ again).clamp(min=1e-30)
    return power.sqrt()

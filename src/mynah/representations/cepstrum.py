"""Mel-frequency cepstral coefficients (Davis & Mermelstein 1980): the cosine transform of log-mel frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from mynah.ground.errors import UsageError
from mynah.representations.mel import LogMel
from mynah.representations.representation import Representation


@dataclass(frozen=True)
class MFCC(Representation):
    """The first cepstral coefficients of log-mel frames, orthonormal cosine transform of type II.

    Args:
        coefficients: how many are kept, the zeroth (level) included.
        bands, window_seconds, hop_seconds, low_hz, high_hz: see `LogMel`.
    """

    NAME: ClassVar[str] = "mfcc"
    coefficients: int = 20
    bands: int = 64
    window_seconds: float = 0.04
    hop_seconds: float = 0.02
    low_hz: float = 20.0
    high_hz: float | None = None

    def build(self, rate: int) -> MFCCModule:
        return MFCCModule(rate, self)


class MFCCModule(nn.Module):
    """Waves (batch, channel, time) to cepstra (batch, frames, channel * coefficients)."""

    cosines: Float32[Tensor, "coefficient band"]

    def __init__(self, rate: int, settings: MFCC) -> None:
        super().__init__()
        bands = settings.bands
        if not 1 <= settings.coefficients <= bands:
            raise UsageError(f"{bands} mel bands have 1 to {bands} coefficients", measured=settings.coefficients)
        self.bands = bands
        self.mel = LogMel(
            bands, settings.window_seconds, settings.hop_seconds, settings.low_hz, settings.high_hz
        ).build(rate)
        self.register_buffer("cosines", torch.from_numpy(cosines(settings.coefficients, bands)), persistent=False)

    def frame_count(self, samples: int) -> int:
        return self.mel.frame_count(samples)

    def forward(
        self, waves: Float[Tensor, "batch channel time"]
    ) -> Float32[Tensor, "batch 1+time//{self.mel.stft.hop} channel*{len(self.cosines)}"]:
        frames = self.mel(waves).unflatten(2, (-1, self.bands))
        return (frames @ self.cosines.T).flatten(2)


def cosines(coefficients: int, bands: int) -> Float32[np.ndarray, "{coefficients} {bands}"]:
    """Return the orthonormal cosine transform of type II as (coefficients, bands) float32."""
    k, n = np.arange(coefficients)[:, None], np.arange(bands)[None]
    matrix = np.sqrt(2.0 / bands) * np.cos(np.pi * k * (2 * n + 1) / (2 * bands))
    matrix[0] /= np.sqrt(2.0)
    return matrix.astype(np.float32)

"""Log-mel spectrogram in dB: what most of the networks see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor, nn

from mynah.ground.errors import UsageError
from mynah.representations.representation import Representation, check_waves, join_channels
from mynah.representations.stft import STFTModule, power

#: Power below which a band counts as empty: -100 dB.
FLOOR = 1e-10
MOST_BANDS = 4096


@dataclass(frozen=True)
class LogMel(Representation):
    """Power in mel bands, in dB re 1.

    Args:
        bands: mel bands (Slaney's scale: linear to 1 kHz, then logarithmic), each of unit area in Hz.
        window_seconds, hop_seconds: see `STFT`.
        low_hz, high_hz: range of the bands; None, or more than half the rate, is half the rate.
    """

    NAME: ClassVar[str] = "log_mel"
    bands: int = 64
    window_seconds: float = 0.04
    hop_seconds: float = 0.02
    low_hz: float = 20.0
    high_hz: float | None = None

    def build(self, rate: int) -> LogMelModule:
        return LogMelModule(rate, self)


class LogMelModule(nn.Module):
    """Waves (batch, channel, time) to dB (batch, 1 + time // hop, channel * bands)."""

    filters: Float32[Tensor, "bin band"]

    def __init__(self, rate: int, settings: LogMel) -> None:
        super().__init__()
        self.stft = STFTModule(rate, settings.window_seconds, settings.hop_seconds)
        high = min(settings.high_hz or rate / 2, rate / 2)
        if not 1 <= settings.bands <= MOST_BANDS:
            raise UsageError(f"there must be 1 to {MOST_BANDS} mel bands", measured=settings.bands)
        if not 0 <= settings.low_hz < high:
            raise UsageError("no mel bands fit between these frequencies", measured=f"{settings.low_hz}-{high} Hz")
        filters = mel_filters(rate, self.stft.size, settings.bands, settings.low_hz, high)
        self.register_buffer("filters", torch.from_numpy(filters.T.copy()), persistent=False)

    def frame_count(self, samples: int) -> int:
        return self.stft.frame_count(samples)

    def forward(
        self, waves: Float[Tensor, "batch channel time"]
    ) -> Float32[Tensor, "batch 1+time//{self.stft.hop} channel*{self.filters.shape[1]}"]:
        waves = check_waves(waves)
        energy = self.stft.by_blocks(waves, lambda spectra: power(spectra) @ self.filters)
        return join_channels(10.0 * torch.log10(energy.clamp(min=FLOOR)), waves.shape[1])


def hz_to_mel(hz: Float[np.ndarray, "*any"] | float) -> Float64[np.ndarray, "*any"]:
    """Return mels on Slaney's scale (Auditory Toolbox 1998): 200/3 Hz a mel to 1 kHz, then 27 steps to 6.4 kHz."""
    hz = np.asarray(hz, dtype=np.float64)
    return np.where(hz < 1000.0, hz * 3 / 200, 15.0 + 27 * np.log(np.maximum(hz, 1e-9) / 1000.0) / np.log(6.4))


def mel_to_hz(mel: Float[np.ndarray, "*any"] | float) -> Float64[np.ndarray, "*any"]:
    """Return Hz of mels on Slaney's scale."""
    mel = np.asarray(mel, dtype=np.float64)
    return np.where(mel < 15.0, mel * 200 / 3, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27))


def mel_filters(
    rate: int, size: int, bands: int, low_hz: float, high_hz: float
) -> Float32[np.ndarray, "{bands} {size}//2+1"]:
    """Return triangles of unit area, (bands, size // 2 + 1) float32, at equal distances in mel."""
    edges = mel_to_hz(np.linspace(hz_to_mel(low_hz), hz_to_mel(high_hz), bands + 2))
    bins = np.arange(size // 2 + 1) * rate / size
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)

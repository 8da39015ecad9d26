"""Short-time Fourier transform with a Hann window, centred frames and zeros beyond the ends (as librosa's)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mynah.errors import UsageError
from mynah.representations.representation import BLOCK_FRAMES, Representation, check_waves, join_channels


@dataclass(frozen=True)
class STFT(Representation):
    """Complex spectrum: real parts, then imaginary parts, of every bin.

    Args:
        window_seconds: length of the Hann window; the transform has the next power of two.
        hop_seconds: distance between frames.
    """

    NAME: ClassVar[str] = "stft"
    window_seconds: float = 0.04
    hop_seconds: float = 0.01

    def build(self, rate: int) -> nn.Module:
        return STFTModule(rate, self.window_seconds, self.hop_seconds)


class STFTModule(nn.Module):
    """Waves (batch, channel, time) to frames (batch, 1 + time // hop, channel * 2 * bins), and back.

    Attributes:
        size: points of the transform; `width` of the window, `hop` between frames, in samples.
        bins: size // 2 + 1.
    """

    window: Tensor

    def __init__(self, rate: int, window_seconds: float, hop_seconds: float) -> None:
        super().__init__()
        if not (window_seconds > 0 and hop_seconds > 0):
            raise UsageError("window and hop must be more than 0 s", measured=(window_seconds, hop_seconds))
        self.width = max(2, round(window_seconds * rate))
        self.hop = max(1, round(hop_seconds * rate))
        self.size = 1 << (self.width - 1).bit_length()
        self.bins = self.size // 2 + 1
        offset = (self.size - self.width) // 2
        hann = torch.hann_window(self.width, dtype=torch.float64)
        padded = nn.functional.pad(hann, (offset, self.size - self.width - offset))
        self.register_buffer("window", padded, persistent=False)

    def frame_count(self, samples: int) -> int:
        return 1 + samples // self.hop

    def forward(self, waves: Tensor) -> Tensor:
        waves = check_waves(waves)
        parts = self.by_blocks(waves, lambda s: torch.cat([s.real, s.imag], dim=-1).float())
        return join_channels(parts, waves.shape[1])

    def by_blocks(self, waves: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Apply `function` to complex spectra (batch * channel, some frames, bins), block after block.

        Transforms run in float64: a float32 transform is wrong by 0.01 dB in bands 60 dB below the loudest.
        """
        half = self.size // 2
        flat = nn.functional.pad(waves.flatten(0, 1), (half, half + self.hop))
        frames = flat.unfold(-1, self.size, self.hop)[:, : self.frame_count(waves.shape[-1])]
        blocks = frames.split(BLOCK_FRAMES, dim=1)
        return torch.cat([function(torch.fft.rfft(block * self.window)) for block in blocks], dim=1)

    def inverse(self, frames: Tensor, samples: int) -> Tensor:
        """Return waves (batch, channel, samples) by weighted overlap-add (Griffin & Lim 1984, eq. 6).

        Raises:
            UsageError: the hop is longer than half the window, so that samples near a frame's end are lost.
        """
        if 2 * self.hop > self.width:
            raise UsageError("the hop must be at most half the window to invert", measured=f"{self.hop} samples")
        batch, count, _ = frames.shape
        parts = frames.unflatten(2, (-1, 2, self.bins)).permute(0, 2, 1, 4, 3).flatten(0, 1)
        pieces = torch.fft.irfft(torch.view_as_complex(parts.double().contiguous()), n=self.size) * self.window
        length = self.hop * (count - 1) + self.size
        total, weight = pieces.new_zeros(len(pieces), length), pieces.new_zeros(length)
        for number in range(count):
            here = slice(number * self.hop, number * self.hop + self.size)
            total[:, here] += pieces[:, number]
            weight[here] += self.window.square()
        start = self.size // 2
        wave = (total / weight.clamp(min=1e-8))[:, start : start + samples].float()
        return nn.functional.pad(wave, (0, samples - wave.shape[1])).reshape(batch, -1, samples)


def power(spectrum: Tensor) -> Tensor:
    """Return squared magnitudes of complex128 values as float32."""
    return torch.addcmul(spectrum.real * spectrum.real, spectrum.imag, spectrum.imag).float()

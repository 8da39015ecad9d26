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
        self.register_buffer("window", torch.hann_window(self.width, dtype=torch.float64).float(), persistent=False)

    def frame_count(self, samples: int) -> int:
        return 1 + samples // self.hop

    def forward(self, waves: Tensor) -> Tensor:
        waves = check_waves(waves)
        offset = (self.size - self.width) // 2

        def spectrum(frames: Tensor) -> Tensor:
            centred = nn.functional.pad(frames, (offset, self.size - self.width - offset))
            parts = torch.view_as_real(torch.fft.rfft(centred))
            return torch.cat([parts[..., 0], parts[..., 1]], dim=-1)

        return join_channels(self.by_blocks(waves, spectrum), waves.shape[1])

    def by_blocks(self, waves: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Apply `function` to windowed frames (batch * channel, some frames, width), block after block."""
        half = self.size // 2
        samples = waves.shape[-1]
        flat = nn.functional.pad(waves.flatten(0, 1), (half, half + self.hop))
        offset = (self.size - self.width) // 2
        frames = flat[:, offset:].unfold(-1, self.width, self.hop)[:, : self.frame_count(samples)]
        blocks = frames.split(BLOCK_FRAMES, dim=1)
        return torch.cat([function(block * self.window) for block in blocks], dim=1)

    def power(self, waves: Tensor) -> Tensor:
        """Return squared magnitudes (batch * channel, frames, bins)."""
        return self.by_blocks(check_waves(waves), self._power)

    def _power(self, frames: Tensor) -> Tensor:
        """Squared magnitudes of windowed frames; the phase of where the window lies does not matter here."""
        return torch.view_as_real(torch.fft.rfft(frames, n=self.size)).square().sum(dim=-1)

    def inverse(self, frames: Tensor, samples: int) -> Tensor:
        """Return waves (batch, channel, samples) by weighted overlap-add (Griffin & Lim 1984, eq. 6).

        Raises:
            UsageError: the hop is longer than half the window, so that samples near a frame's end are lost.
        """
        if 2 * self.hop > self.width:
            raise UsageError("the hop must be at most half the window to invert", measured=f"{self.hop} samples")
        batch, count, _ = frames.shape
        parts = frames.unflatten(2, (-1, 2, self.bins)).permute(0, 2, 1, 4, 3).flatten(0, 1)
        offset = (self.size - self.width) // 2
        pieces = torch.fft.irfft(torch.view_as_complex(parts.contiguous()), n=self.size)
        pieces = pieces[..., offset : offset + self.width] * self.window
        length = self.hop * (count - 1) + self.width
        total, weight = frames.new_zeros(len(pieces), length), frames.new_zeros(length)
        for number in range(count):
            here = slice(number * self.hop, number * self.hop + self.width)
            total[:, here] += pieces[:, number]
            weight[here] += self.window.square()
        start = self.size // 2 - offset
        wave = (total / weight.clamp(min=1e-8))[:, start : start + samples]
        return nn.functional.pad(wave, (0, samples - wave.shape[1])).reshape(batch, -1, samples)

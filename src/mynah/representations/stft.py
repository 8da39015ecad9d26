"""Short-time Fourier transform with a Hann window, centred frames and zeros beyond the ends (as librosa's)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Complex128, Float, Float32, Float64, Inexact
from torch import Tensor, nn

from mynah.ground.errors import UsageError
from mynah.representations.representation import (
    BLOCK_FRAMES,
    DEVICE_FRAMES,
    Representation,
    check_waves,
    join_channels,
    samples_of,
)

#: Longest hop that can be inverted, as share of the window: the last samples lie up to a hop beyond the centre of
#: the last frame, and the Hann window there must not have fallen below a tenth.
LONGEST_HOP = 0.4


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

    def build(self, rate: int) -> STFTModule:
        return STFTModule(rate, self.window_seconds, self.hop_seconds)


class STFTModule(nn.Module):
    """Waves (batch, channel, time) to frames (batch, 1 + time // hop, channel * 2 * bins), and back.

    Attributes:
        size: points of the transform; `width` of the window, `hop` between frames, in samples.
        bins: size // 2 + 1.
    """

    window: Float64[Tensor, " size"]

    def __init__(self, rate: int, window_seconds: float, hop_seconds: float) -> None:
        super().__init__()
        self.width = samples_of(window_seconds, rate, least=2)
        self.hop = samples_of(hop_seconds, rate)
        self.size = 1 << (self.width - 1).bit_length()
        self.bins = self.size // 2 + 1
        offset = (self.size - self.width) // 2
        hann = torch.hann_window(self.width, dtype=torch.float64)
        padded = nn.functional.pad(hann, (offset, self.size - self.width - offset))
        self.register_buffer("window", padded, persistent=False)

    def frame_count(self, samples: int) -> int:
        return 1 + samples // self.hop

    def forward(
        self, waves: Float[Tensor, "batch channel time"]
    ) -> Float32[Tensor, "batch 1+time//{self.hop} channel*{2*self.bins}"]:
        waves = check_waves(waves)
        parts = self.by_blocks(waves, lambda s: torch.cat([s.real, s.imag], dim=-1).float())
        return join_channels(parts, waves.shape[1])

    def by_blocks(
        self,
        waves: Float[Tensor, "batch channel time"],
        function: Callable[[Complex128[Tensor, "rows frame bin"]], Inexact[Tensor, "rows frame feature"]],
    ) -> Inexact[Tensor, "batch*channel 1+time//{self.hop} feature"]:
        """Apply `function` to complex spectra (batch * channel, some frames, bins), block after block.

        Transforms run in float64: a float32 transform is wrong by 0.01 dB in bands 60 dB below the loudest.
        """
        half = self.size // 2
        flat = nn.functional.pad(waves.flatten(0, 1), (half, half + self.hop))
        frames = flat.unfold(-1, self.size, self.hop)[:, : self.frame_count(waves.shape[-1])]
        most = BLOCK_FRAMES if waves.device.type == "cpu" else DEVICE_FRAMES
        blocks = frames.split(max(1, most // len(flat)), dim=1)
        return torch.cat([function(torch.fft.rfft(block * self.window)) for block in blocks], dim=1)

    def inverse(
        self, frames: Float[Tensor, "batch frame feature"], samples: int
    ) -> Float32[Tensor, "batch feature//{2*self.bins} {samples}"]:
        """Return waves (batch, channel, samples) by weighted overlap-add (Griffin & Lim 1984, eq. 6).

        Raises:
            UsageError: the hop is longer than `LONGEST_HOP` windows, so that some samples are lost.
            ValueError: waves of so many samples have another number of frames.
        """
        if frames.shape[1] != self.frame_count(samples):
            raise ValueError(f"{samples} samples have {self.frame_count(samples)} frames, got {frames.shape[1]}")
        if self.hop > LONGEST_HOP * self.width:
            raise UsageError(
                f"to invert, the hop must be at most {LONGEST_HOP} windows",
                measured=f"hop {self.hop}, window {self.width} samples",
            )
        parts = frames.unflatten(2, (-1, 2, self.bins)).permute(0, 2, 1, 4, 3).flatten(0, 1)
        wave, weights = self.overlapped(torch.view_as_complex(parts.double().contiguous()))
        start = self.size // 2
        wave = (wave / weights.clamp(min=1e-8))[:, start : start + samples]
        return wave.float().reshape(frames.shape[0], -1, samples)

    def overlapped(
        self, spectra: Complex128[Tensor, "batch frame {self.bins}"]
    ) -> tuple[Float64[Tensor, "batch time"], Float64[Tensor, "1 time"]]:
        """Return windowed frames added at their places (batch, time), and what squared windows add up to (1, time)."""
        pieces = torch.fft.irfft(spectra, n=self.size) * self.window
        weights = self.window.square().expand(1, spectra.shape[1], -1)
        return self._overlap(pieces), self._overlap(weights)

    def _overlap(self, pieces: Tensor) -> Tensor:
        """Add pieces (batch, frame, size) at their places: (batch, time)."""
        length = self.hop * (pieces.shape[1] - 1) + self.size
        folded = nn.functional.fold(
            pieces.transpose(1, 2), (1, length), kernel_size=(1, self.size), stride=(1, self.hop)
        )
        return folded[:, 0, 0]


class OverlapAdd:
    """`STFTModule.inverse` of one wave piece by piece: what is kept between the pieces does not grow.

    Args:
        stft: the transform.
    """

    def __init__(self, stft: STFTModule) -> None:
        self.stft = stft
        self.wave = self.weights = torch.zeros(stft.size - stft.hop, dtype=torch.float64)
        self.ahead = stft.size // 2  # samples before the wave begins

    def push(self, spectra: Complex128[Tensor, "frame {self.stft.bins}"]) -> Float32[Tensor, " time"]:
        """Return the float32 samples (time,) that spectra (frame, bin) complete."""
        wave, weights = (part[0] for part in self.stft.overlapped(spectra[None]))
        kept = self.stft.size - self.stft.hop
        wave[:kept] += self.wave
        weights[:kept] += self.weights
        done = len(wave) - kept
        self.wave, self.weights = wave[done:], weights[done:]
        return self._finished(wave[:done], weights[:done])

    def end(self) -> Float32[Tensor, " time"]:
        """Return the samples (time,) up to the centre of the last frame."""
        left = max(0, self.stft.size // 2 - self.stft.hop)
        return self._finished(self.wave[:left], self.weights[:left])

    def _finished(self, wave: Tensor, weights: Tensor) -> Tensor:
        dropped = min(self.ahead, len(wave))
        self.ahead -= dropped
        return (wave / weights.clamp(min=1e-8)).float()[dropped:]


def power(spectrum: Complex128[Tensor, "*any"]) -> Float32[Tensor, "*any"]:
    """Return squared magnitudes of complex128 values as float32."""
    return torch.addcmul(spectrum.real * spectrum.real, spectrum.imag, spectrum.imag).float()

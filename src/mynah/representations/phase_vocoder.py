"""Phase vocoder: level and instantaneous frequency of every bin (Flanagan & Golden 1966; Portnoff 1976).

    X_n(k)                       spectrum of frame n, its phase referred to the centre of the window
    L_n(k) = 20 log10(|X_n(k)| / |X of a sine of full scale| + 1e-5)                  dB
    F_n(k) = wrap(arg X_n(k) - arg X_{n-1}(k) - 2 pi k hop / size) rate / (2 pi hop)  Hz beside the bin's centre

The phase one hop before the first frame counts as zero. F_0 then holds the phases that the wave starts with, so that
summing F gives back every phase, and the wave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Complex128, Float, Float32, Float64, Int64
from torch import Tensor, nn

from mynah.ground.errors import UsageError
from mynah.representations.representation import Representation, check_waves, join_channels, samples_of
from mynah.representations.stft import OverlapAdd, STFTModule

#: A bin this far below a sine of full scale counts as empty.
FLOOR_DB = -100.0
#: The main lobe of a Hann window is four windows wide on the scale of frequency: with a hop of at most this share of
#: it, no bin of the lobe turns more than half a turn against its centre, and F is the frequency of the sine.
LONGEST_HOP = 0.25


@dataclass(frozen=True)
class PhaseVocoder(Representation):
    """Level in dB of every bin, then how far its instantaneous frequency lies above the bin's centre, in Hz.

    Args:
        window_seconds: length of the Hann window; the transform has the next power of two.
        hop_seconds: distance between frames, at most `LONGEST_HOP` windows.
    """

    NAME: ClassVar[str] = "phase_vocoder"
    window_seconds: float = 0.046
    hop_seconds: float = 0.01

    def build(self, rate: int) -> PhaseVocoderModule:
        """Return the module; `UsageError`, a `ValueError`, where hop and window do not fit each other."""
        return PhaseVocoderModule(rate, self.window_seconds, self.hop_seconds)

    def span_hz(self, rate: int) -> float:
        """Return the width around a bin's centre that frequencies lie in; beyond, they cannot be told apart."""
        return rate / samples_of(self.hop_seconds, rate)


class PhaseVocoderModule(nn.Module):
    """Waves (batch, channel, time) to frames (batch, 1 + time // hop, channel * 2 * bins), and back.

    Attributes:
        stft: the transform; `bins` of it, `hop` samples between frames.
        span_hz: see `PhaseVocoder`.
        centres: (bin,) cycles a hop of the bins' centres.
    """

    centres: Float64[Tensor, " bin"]
    sign: Float64[Tensor, " bin"]

    def __init__(self, rate: int, window_seconds: float, hop_seconds: float) -> None:
        super().__init__()
        width, hop = samples_of(window_seconds, rate, least=2), samples_of(hop_seconds, rate)
        if hop_seconds > LONGEST_HOP * window_seconds * (1 + 1e-9):  # a hop may be rounded up, so not in samples
            raise UsageError(
                f"the hop of a phase vocoder is at most {LONGEST_HOP} windows, or frequencies cannot be told apart",
                measured=f"hop {hop}, window {width} samples",
                remedy="Lengthen the window or shorten the hop.",
            )
        self.stft = STFTModule(rate, window_seconds, hop_seconds)
        self.hop, self.bins, self.span_hz = hop, self.stft.bins, rate / hop
        number = torch.arange(self.bins, dtype=torch.float64)
        self.register_buffer("centres", number * hop / self.stft.size, persistent=False)
        self.register_buffer("sign", (-1.0) ** number, persistent=False)  # from the window's start to its centre
        self.full_scale = float(self.stft.window.sum()) / 2
        self.floor = 10 ** (FLOOR_DB / 20)

    def frame_count(self, samples: int) -> int:
        return self.stft.frame_count(samples)

    def forward(
        self, waves: Float[Tensor, "batch channel time"]
    ) -> Float32[Tensor, "batch 1+time//{self.hop} channel*{2*self.bins}"]:
        waves = check_waves(waves)
        level, turns = self.stft.by_blocks(waves, self._polar).chunk(2, dim=2)
        before = torch.cat([torch.zeros_like(turns[:, :1]), turns[:, :-1]], dim=1)
        beside = _wrapped(turns - before - self.centres) * self.span_hz
        return join_channels(torch.cat([level, beside.float()], dim=2), waves.shape[1])

    def _polar(self, spectrum: Tensor) -> Tensor:
        """Return dB and phases in turns, (batch, frame, 2 * bins)."""
        level = 20 * torch.log10(spectrum.abs() / self.full_scale + self.floor)
        return torch.cat([level, torch.angle(spectrum * self.sign) / (2 * torch.pi)], dim=2).float()

    def inverse(
        self, frames: Float[Tensor, "batch frame feature"], samples: int
    ) -> Float32[Tensor, "batch feature//{2*self.bins} {samples}"]:
        """Return waves (batch, channel, samples) of frames (batch, frame, channel * 2 * bins), see `STFTModule`."""
        parts = frames.unflatten(2, (-1, 2 * self.bins)).transpose(1, 2)
        spectrum, _ = self.spectrum(parts)
        both = torch.cat([spectrum.real, spectrum.imag], dim=3).transpose(1, 2).flatten(2)
        return self.stft.inverse(both, samples)

    def spectrum(
        self,
        frames: Float[Tensor, "*rows frame {2*self.bins}"],
        turns: Float[Tensor, "*rows {self.bins}"] | None = None,
    ) -> tuple[Complex128[Tensor, "*rows frame {self.bins}"], Float64[Tensor, "*rows {self.bins}"]]:
        """Return spectra (..., frame, bin) of frames (..., frame, 2 * bins), and the last phases in turns.

        Args:
            turns: (..., bin) phases one hop before the first frame; None is zero.
        """
        level, beside = frames.double().chunk(2, dim=-1)
        phases = torch.cumsum(self.centres + beside / self.span_hz, dim=-2)
        if turns is not None:
            phases = phases + turns[..., None, :]
        return self._spectrum(level, phases), phases[..., -1, :] % 1.0

    def _spectrum(self, level: Tensor, turns: Tensor) -> Tensor:
        size = (10 ** (level / 20) - self.floor).clamp(min=0.0) * self.full_scale
        return torch.polar(size, 2 * torch.pi * (turns % 1.0)) * self.sign

    def locked(
        self, frames: Float[Tensor, "frame {2*self.bins}"], turns: Float[Tensor, " {self.bins}"] | None = None
    ) -> tuple[Complex128[Tensor, "frame {self.bins}"], Float64[Tensor, " {self.bins}"]]:
        """Do what `spectrum` does for frames that were not measured: all bins around a peak share the peak's phase.

        Frequencies that a model predicts differ a little within one peak, and the phases that they add up to would
        drift apart until the bins cancel (Laroche & Dolson 1999, "Improved phase vocoder time-scale modification of
        audio", identity phase locking, with the phases of a stationary sine inside a peak).

        Args:
            frames: (frame, 2 * bins).
            turns: (bin,).
        """
        level, beside = frames.double().chunk(2, dim=-1)
        steps = self.centres + beside / self.span_hz
        turns = torch.zeros_like(self.centres) if turns is None else turns
        phases = []
        for step, peak in zip(steps, nearest_peaks(level), strict=True):
            turns = (turns + step)[peak] % 1.0
            phases.append(turns)
        return self._spectrum(level, torch.stack(phases)), turns


class Resynthesis:
    """Frames to sound piece by piece, in constant memory; with `locked`, for frames that a model made.

    Args:
        module: the phase vocoder.
        locked: see `PhaseVocoderModule.locked`.
    """

    def __init__(self, module: PhaseVocoderModule, *, locked: bool) -> None:
        self.module, self.locked = module, locked
        self.turns: Tensor | None = None
        self.overlap = OverlapAdd(module.stft)

    def push(self, frames: Float[Tensor, "frame {2*self.module.bins}"]) -> Float32[Tensor, " time"]:
        """Return the samples (time,) that frames (frame, 2 * bins) complete."""
        make = self.module.locked if self.locked else self.module.spectrum
        spectrum, self.turns = make(frames, self.turns)
        return self.overlap.push(spectrum)

    def end(self) -> Float32[Tensor, " time"]:
        """Return the samples (time,) that are left, up to the centre of the last frame."""
        return self.overlap.end()


def nearest_peaks(level: Float[Tensor, "frame bin"]) -> Int64[Tensor, "frame bin"]:
    """Return the bin of the peak that each bin of (frame, bin) belongs to: the nearest local maximum over five bins."""
    highest = nn.functional.max_pool1d(level[:, None], 5, stride=1, padding=2)[:, 0]
    number = torch.arange(level.shape[1])
    is_peak = level == highest
    below = torch.where(is_peak, number, -level.shape[1]).cummax(dim=1).values
    above = torch.where(is_peak, number, 2 * level.shape[1]).flip(1).cummin(dim=1).values.flip(1)
    return torch.where(number - below <= above - number, below, above)


def _wrapped(turns: Tensor) -> Tensor:
    """Return turns in [-1/2, 1/2]."""
    return turns - turns.round()

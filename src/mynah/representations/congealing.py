"""Spectra of sounds of one kind, moved along the axis of frequency to one pitch.

Where notes of one instrument differ in pitch, their partials lie in different bins, and no small network learns from a
few dozen of them where partials go at a pitch it has not heard. Moved to one pitch, they lie in the same bins.

How far to move each sound is found without a notion of pitch, by congealing (Learned-Miller 2006, "Data driven image
models through continuous joint alignment"): every sound is moved to where it correlates best with the mean of all, on
an axis of log-frequency, and the mean is taken anew. It holds for strings, bars and bells alike, and for drums.

    kept_n(j) = frame_n(j 2^s)      cell j of a sound that is s octaves above the mean of its kind
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

#: The axis of log-frequency: from here on, in so many steps an octave.
LOWEST_HZ, STEPS = 40.0, 240
#: No sound is moved further than this, in octaves.
FARTHEST = 2.5
#: An octave further must agree by so much more: what agrees with nothing stays where it is.
PRICE = 0.05
#: A frame counts where it is at most this far below the loudest, in dB.
LOUD_DB = 25.0
#: Peaks are told from the mean over this width; how far they stand out counts up to this.
AROUND_HZ, MOST_DB = 400.0, 20.0
#: Sounds that are compared each with each other to begin with, and rounds of moving all to their mean.
FIRST, ROUNDS = 40, 4


def steps(bins: int, bin_hz: float) -> int:
    """Return the steps of log-frequency up to the last bin."""
    return max(1, math.floor(STEPS * math.log2((bins - 1) * bin_hz / LOWEST_HZ)))


def outline(level: Float[np.ndarray, "time bin"], bin_hz: float) -> Float[np.ndarray, " step"]:
    """Return how far the spectrum of a sound stands out of its surroundings, in dB, by steps of log-frequency.

    Args:
        level: (time, bin) dB.
        bin_hz: distance between bins.
    """
    loudest = level.max(axis=1)
    mean = level[loudest >= loudest.max() - LOUD_DB].mean(axis=0)
    width = max(3, round(AROUND_HZ / bin_hz)) | 1
    around = np.convolve(np.pad(mean, width // 2, mode="reflect"), np.full(width, 1 / width), "valid")
    hertz = LOWEST_HZ * 2 ** (np.arange(steps(len(mean), bin_hz)) / STEPS)
    return np.interp(hertz / bin_hz, np.arange(len(mean)), (mean - around).clip(0.0, MOST_DB))


def congeal(outlines: Float[np.ndarray, "sound step"]) -> Float[np.ndarray, " step"]:
    """Return the (step,) mean of outlines (sound, step) that were moved to where they agree best."""
    some = outlines[np.unique(np.linspace(0, len(outlines) - 1, FIRST).round().astype(int))]
    agreement = np.stack([_agreement(some, one).max(axis=1) for one in some])
    mean = some[agreement.sum(axis=1).argmax()]
    for _ in range(ROUNDS):
        above = np.round(STEPS * octaves_above(outlines, mean)).astype(int)
        above -= int(np.median(above))
        mean = np.mean([moved(one, -n) for one, n in zip(outlines, above.tolist(), strict=True)], axis=0)
    return mean


def octaves_above(
    outlines: Float[np.ndarray, "sound step"], mean: Float[np.ndarray, " step"]
) -> Float[np.ndarray, " sound"]:
    """Return by how many octaves each of outlines (sound, step) lies above that of their kind, (step,)."""
    far = round(FARTHEST * STEPS)
    octaves = np.arange(-far, far + 1) / STEPS
    return octaves[(_agreement(outlines, mean) - PRICE * np.abs(octaves)).argmax(axis=1)]


def _agreement(outlines: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the correlation (sound, move) of outlines with one that is moved up by -FARTHEST to FARTHEST octaves."""
    far, count = round(FARTHEST * STEPS), outlines.shape[1]
    size = count + far
    both = np.fft.irfft(np.fft.rfft(outlines, n=size) * np.fft.rfft(mean, n=size).conj(), n=size)
    sizes = np.linalg.norm(outlines, axis=1, keepdims=True) * np.linalg.norm(mean)
    return np.concatenate([both[:, size - far :], both[:, : far + 1]], axis=1) / np.maximum(sizes, 1e-9)


def moved(outline: Float[np.ndarray, " step"], steps: int) -> Float[np.ndarray, " step"]:
    """Return an outline moved up by some steps, with nothing where there was none."""
    moved = np.zeros_like(outline)
    if steps >= 0:
        moved[steps:] = outline[: len(outline) - steps]
    else:
        moved[:steps] = outline[-steps:]
    return moved


class Mover:
    """Frames of a phase vocoder to cells of one pitch, and back.

    Levels are read between bins. Frequencies move exactly: a cell has the Hz of the bin nearest to it, less those of
    its own place.

    Args:
        bins, span_hz: of the phase vocoder.
        bin_hz: distance between bins.
    """

    def __init__(self, bins: int, span_hz: float, bin_hz: float) -> None:
        self.bins, self.span_hz, self.bin_hz = bins, span_hz, bin_hz

    def heard(self, octaves: Float[Tensor, "*sounds"]) -> Bool[Tensor, "*sounds {self.bins}"]:
        """Return whether cells (..., bin) of sounds so many octaves (...,) above hold a bin: the last may not."""
        return torch.arange(self.bins, device=octaves.device) * 2 ** octaves[..., None] <= self.bins - 1

    def down(
        self, frames: Float[Tensor, "time {2*self.bins}"], octaves: float
    ) -> Float32[Tensor, "time {2*self.bins}"]:
        """Return the cells (time, 2 * bins) of frames (time, 2 * bins) that lie some octaves above."""
        level, beside = frames.chunk(2, dim=1)
        place = self._places(octaves)
        near = place.round().long()
        beside = self._wrapped(beside[:, near] + (near - place) * self.bin_hz)
        return torch.cat([_between(level, place), beside], dim=1).float()

    def up(
        self,
        level: Float[Tensor, "time bin"],
        beside: Float[Tensor, "time bin"],
        focus: Float[Tensor, "time bin"],
        octaves: float,
    ) -> tuple[Float32[Tensor, "time bin"], Float32[Tensor, "time bin"], Float[Tensor, "time bin"]]:
        """Return the levels, frequencies and focus (time, bin) of cells: the first two as `down` had turned them."""
        place = self._places(-octaves)
        near = place.round().long()
        hertz = (near * 2**octaves - torch.arange(self.bins)) * self.bin_hz
        return _between(level, place).float(), self._wrapped(beside[:, near] + hertz).float(), focus[:, near]

    def _places(self, octaves: float) -> Tensor:
        return (torch.arange(self.bins, dtype=torch.float64) * 2**octaves).clamp(max=self.bins - 1)

    def _wrapped(self, hertz: Tensor) -> Tensor:
        return hertz - self.span_hz * torch.round(hertz / self.span_hz)


def _between(values: Tensor, place: Tensor) -> Tensor:
    """Return values (time, bin) at places between the bins."""
    below = place.long().clamp(max=values.shape[1] - 2)
    return torch.lerp(values[:, below].double(), values[:, below + 1].double(), place - below)

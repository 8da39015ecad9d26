"""Noise with the mean spectrum and the mean envelope of the clips of a class: what every generator must beat.

White Gaussian noise is filtered so that the power of a window at frequency f and at the part u of the way to the end
of the sound is, in the mean,

    v(f, u) = s(f) e(u)        s: mean power spectrum; e: mean power over time relative to the clip's mean
                               (both means over the training clips of the class, each clip counting the same)

A window's spectrum X is then complex Gaussian, of variance v, and the loss of a clip is its mean over windows and
bins (Brillinger 1981, theorem 4.4.1):

    -log p(X) = log(pi v) + |X|^2 / v

Made sounds are windows of white noise, multiplied by sqrt(v) bin by bin, overlapped and added (Allen and Rabiner
1977). Nothing is learned by steps. At temperature t the noise has t times its deviation; the most probable sound of a
Gaussian noise, that of temperature 0, is silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from mynah.contracts.generator import GeneratorModel, Request
from mynah.representations import Frames
from mynah.training import Event, Keeper

CARD = {
    "name": "shaped_noise",
    "title": "Shaped noise",
    "year": 1977,
    "authors": "J. B. Allen, L. R. Rabiner",
    "reference": "A unified approach to short-time Fourier analysis and synthesis, Proc. IEEE 65(11), 1977",
    "tasks": ("generate",),
    "reading": (),
    "estimator": "ShapedNoise",
    "cost": "cheap",
    "superseded_by": (),
    "aliases": ("noise",),
}

#: Length of the Hann window; a quarter of it is the hop.
WINDOW_SECONDS = 0.032
#: Points of the envelope, from the beginning to the end of a sound.
POINTS = 64
#: Power of a window at full scale below which nothing is told apart from silence: -100 dB.
FLOOR = 1e-10
#: Windows that are made at a time.
BLOCK = 64


class ShapedNoise(GeneratorModel):
    """Noise of the mean spectrum and envelope of a class.

    Attributes:
        spectrum_: (class, bin) mean power, relative to white noise of deviation one.
        envelope_: (class, `POINTS`) mean power over time, relative to the mean of the clip.
    """

    unit: ClassVar[str] = "nats a bin"

    def _learn(self, frames: Frames, codes: np.ndarray, groups: np.ndarray, keeper: Keeper | None) -> Iterator[Event]:
        classes = len(self.classes_)
        counts = np.bincount(codes, minlength=classes)[:, None]
        self.spectrum_ = np.zeros((classes, self._size // 2 + 1))
        self.envelope_ = np.zeros((classes, POINTS))
        for clip, code in zip(frames, codes.tolist(), strict=True):
            power = self._power(clip[:, 0])
            loudness = power.mean(axis=1)
            places = np.linspace(0, 1, len(loudness))
            self.spectrum_[code] += power.mean(axis=0)
            self.envelope_[code] += np.interp(np.linspace(0, 1, POINTS), places, loudness) / max(loudness.mean(), FLOOR)
        self.spectrum_ /= counts
        self.envelope_ /= counts
        yield from ()

    @property
    def _size(self) -> int:
        """Samples of a window: whole hops of four."""
        return 4 * max(2, round(WINDOW_SECONDS * self._rate / 4))

    @property
    def _window(self) -> np.ndarray:
        return np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self._size) / self._size))

    def _power(self, wave: np.ndarray) -> np.ndarray:
        """Return (window, bin) powers, relative to those of white noise of deviation one."""
        size, window = self._size, self._window
        spare = max(size, size + -(-(len(wave) - size) // (size // 4)) * (size // 4)) - len(wave)  # to whole hops
        padded = np.pad(np.asarray(wave, dtype=np.float64), (0, spare))
        pieces = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 4]
        return np.abs(np.fft.rfft(pieces * window)) ** 2 / (window**2).sum()

    def _variance(self, code: int, places: np.ndarray) -> np.ndarray:
        """Return (window, bin) mean powers at these parts of the way to the end."""
        envelope = np.interp(places, np.linspace(0, 1, POINTS), self.envelope_[code])
        return np.maximum(envelope[:, None] * self.spectrum_[code], FLOOR)

    def _prediction_errors(self, frames: Frames, codes: np.ndarray) -> np.ndarray:
        found = []
        for clip, code in zip(frames, codes.tolist(), strict=True):
            power = self._power(clip[:, 0])
            variance = self._variance(code, np.linspace(0, 1, len(power)))
            found.append(np.mean(np.log(np.pi * variance) + power / variance))
        return np.array(found)

    def _sound(self, request: Request) -> Iterator[np.ndarray]:
        """Yield noise; of a sound to go on from, only its length matters."""
        size, window = self._size, self._window
        hop, draws = size // 4, request.draws
        before = 0 if request.like is None else len(request.like)
        windows = -(-(request.samples + size) // hop)
        noise, sums = draws.standard_normal(size - hop), np.zeros(size)
        for first in range(0, windows, BLOCK):
            count = min(BLOCK, windows - first)
            noise = np.concatenate([noise, draws.standard_normal(count * hop)])
            pieces = np.lib.stride_tricks.sliding_window_view(noise, size)[::hop]
            noise = noise[count * hop :]
            begins = before + (first + np.arange(count)) * hop - (size - hop)
            places = np.clip(begins / max(1, before + request.samples - size), 0, 1)
            gain = request.temperature * np.sqrt(self._variance(request.code, places))
            shaped = np.fft.irfft(np.fft.rfft(pieces * window) * gain, n=size) * window / 2  # squared windows sum to 2
            sums = np.concatenate([sums, np.zeros(count * hop)])
            for number, piece in enumerate(shaped):
                sums[number * hop : number * hop + size] += piece
            done, sums = sums[: count * hop], sums[count * hop :]
            yield done[max(0, size - hop - first * hop) :].astype(np.float32)  # three windows lie before the sound

    def tensors(self) -> dict[str, np.ndarray]:
        return {"spectrum": self.spectrum_, "envelope": self.envelope_}

    def restore(self, tensors: dict[str, np.ndarray]) -> None:
        self.spectrum_, self.envelope_ = tensors["spectrum"], tensors["envelope"]
        classes = len(self.classes_)
        if self.spectrum_.shape != (classes, self._size // 2 + 1) or self.envelope_.shape != (classes, POINTS):
            raise ValueError("the arrays are not of as many classes and bins as the model has")

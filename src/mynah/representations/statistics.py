"""A clip as one vector: statistics of cepstra over the clip and over five equal parts of it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mynah.representations.cepstrum import MFCC
from mynah.representations.representation import Representation, check_waves


@dataclass(frozen=True)
class ClipStatistics(Representation):
    """Mean, deviation, quartiles and slopes of cepstra, zero crossings and level; then means over equal parts.

    Args:
        coefficients: cepstral coefficients.
        parts: equal stretches of time whose mean cepstra are added.
        window_seconds, hop_seconds: of the frames.
    """

    NAME: ClassVar[str] = "clip_statistics"
    coefficients: int = 20
    parts: int = 5
    window_seconds: float = 0.04
    hop_seconds: float = 0.01

    def build(self, rate: int) -> ClipStatisticsModule:
        return ClipStatisticsModule(rate, self)


class ClipStatisticsModule(nn.Module):
    """Waves (batch, channel, time) to one frame (batch, 1, feature); channels are averaged first."""

    def __init__(self, rate: int, settings: ClipStatistics) -> None:
        super().__init__()
        self.parts = settings.parts
        self.cepstra = MFCC(settings.coefficients, 64, settings.window_seconds, settings.hop_seconds).build(rate)
        self.rate = rate

    def frame_count(self, samples: int) -> int:
        return 1

    def forward(self, waves: Tensor) -> Tensor:
        wave = check_waves(waves).mean(dim=1, keepdim=True)
        frames = torch.cat([self.cepstra(wave), self._crossings(wave)], dim=2)  # (batch, time, feature)
        slopes = frames.diff(dim=1) if frames.shape[1] > 1 else torch.zeros_like(frames)
        quartiles = torch.quantile(frames, frames.new_tensor([0.25, 0.5, 0.75]), dim=1).transpose(0, 1).flatten(1)
        parts = [part.mean(dim=1) for part in self._parts(frames)]
        length = frames.new_full((len(frames), 1), float(torch.log10(torch.tensor(waves.shape[-1] / self.rate))))
        whole = [frames.mean(dim=1), _deviation(frames), quartiles, _deviation(slopes), slopes.abs().mean(dim=1)]
        return torch.cat([*whole, *parts, length], dim=1)[:, None]

    def _crossings(self, wave: Tensor) -> Tensor:
        """Share of neighbouring samples of opposite sign, per frame: (batch, frames, 1)."""
        stft = self.cepstra.mel.stft
        signs = nn.functional.pad((wave[..., 1:] * wave[..., :-1] < 0).float(), (1, 0))
        half = stft.width // 2
        padded = nn.functional.pad(signs, (half, half + stft.hop))
        means = nn.functional.avg_pool1d(padded, stft.width, stft.hop)[..., : stft.frame_count(wave.shape[-1])]
        missing = stft.frame_count(wave.shape[-1]) - means.shape[-1]
        return nn.functional.pad(means, (0, missing)).transpose(1, 2)

    def _parts(self, frames: Tensor) -> list[Tensor]:
        count = frames.shape[1]
        edges = [round(i * count / self.parts) for i in range(self.parts + 1)]
        return [frames[:, min(a, count - 1) : max(b, min(a, count - 1) + 1)] for a, b in itertools.pairwise(edges)]


def _deviation(frames: Tensor) -> Tensor:
    return frames.std(dim=1, correction=0)

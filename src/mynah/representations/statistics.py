"""A clip as one vector: what its cepstra are like over the whole sound, and how they move through its parts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log10
from typing import ClassVar

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from mynah.ground.errors import UsageError
from mynah.representations.cepstrum import cosines
from mynah.representations.mel import LogMel
from mynah.representations.representation import Representation, check_waves, join_channels

MOST_PARTS = 100


@dataclass(frozen=True)
class ClipStatistics(Representation):
    """Statistics of cepstra and zero crossings over the sound, and its course through equal parts of it.

    The features are, each of every coefficient and of the zero crossings: mean, deviation and deviation of the slope
    over the sound; mean less the whole's mean, in every part; deviation in every part. Then come the logarithms of
    the lengths in seconds, of the clip and of the sound.

    Three things make them good: frames quieter than `trim_db` below the loudest are cut off at both ends, so that
    parts are parts of the sound and not of the silence around it; bands are held at `range_db` below the loudest, so
    that a recording's floor does not outweigh its sound; and what is constant in a speaker or room is said once, by
    the mean, not again by every part. Measured on four sets in benchmarks/clip_statistics.py.

    Args:
        coefficients: cepstral coefficients, the zeroth included.
        parts: equal stretches of time.
        bands, window_seconds, hop_seconds: of the frames, see `LogMel`.
        range_db: bands quieter than this below the clip's loudest are raised to it.
        trim_db: the sound begins and ends with the first and last frame within this of the loudest.
    """

    NAME: ClassVar[str] = "clip_statistics"
    coefficients: int = 20
    parts: int = 4
    bands: int = 64
    window_seconds: float = 0.04
    hop_seconds: float = 0.01
    range_db: float = 60.0
    trim_db: float = 30.0

    def build(self, rate: int) -> ClipStatisticsModule:
        return ClipStatisticsModule(rate, self)


class ClipStatisticsModule(nn.Module):
    """Waves (batch, channel, time) to one frame (batch, 1, channel * feature)."""

    cosines: Float32[Tensor, "coefficient band"]

    def __init__(self, rate: int, settings: ClipStatistics) -> None:
        super().__init__()
        if not (1 <= settings.coefficients <= settings.bands and 1 <= settings.parts <= MOST_PARTS):
            raise UsageError(
                f"clip statistics take 1 to {settings.bands} coefficients and 1 to {MOST_PARTS} parts",
                measured=f"{settings.coefficients} and {settings.parts}",
            )
        self.settings, self.rate = settings, rate
        self.mel = LogMel(settings.bands, settings.window_seconds, settings.hop_seconds).build(rate)
        matrix = torch.from_numpy(cosines(settings.coefficients, settings.bands))
        self.register_buffer("cosines", matrix, persistent=False)

    def frame_count(self, samples: int) -> int:
        return 1

    def forward(self, waves: Float[Tensor, "batch channel time"]) -> Float32[Tensor, "batch 1 feature"]:
        waves = check_waves(waves)
        flat = waves.flatten(0, 1)[:, None]
        vectors = [self._describe(*pair) for pair in zip(self.mel(flat), self._crossings(flat), strict=True)]
        return join_channels(torch.stack(vectors)[:, None], waves.shape[1])

    def _describe(self, mel: Tensor, crossings: Tensor) -> Tensor:
        """Return the vector (feature,) of log-mel frames (time, band) and crossings (time, 1)."""
        mel = torch.maximum(mel, mel.max() - self.settings.range_db)
        level = mel.amax(dim=1)
        sounding = torch.nonzero(level >= level.max() - self.settings.trim_db)[:, 0]
        if not len(sounding):  # NaN came in, and goes out
            sounding = torch.arange(len(level))
        sound = slice(int(sounding[0]), int(sounding[-1]) + 1)
        frames = torch.cat([mel[sound] @ self.cosines.T, crossings[sound]], dim=1)
        slopes = frames.diff(dim=0) if len(frames) > 1 else torch.zeros_like(frames)
        mean = frames.mean(dim=0)
        parts = self._parts(frames)
        hop_seconds = self.mel.stft.hop / self.rate
        features = [
            mean,
            _deviation(frames),
            _deviation(slopes),
            *[part.mean(dim=0) - mean for part in parts],
            *[_deviation(part) for part in parts],
            frames.new_tensor([log10(len(mel) * hop_seconds), log10(len(frames) * hop_seconds)]),
        ]
        return torch.cat(features)

    def _crossings(self, waves: Tensor) -> Tensor:
        """Share of neighbouring samples of opposite sign in each frame's window: (batch, time, 1)."""
        stft = self.mel.stft
        signs = nn.functional.pad((waves[..., 1:] * waves[..., :-1] < 0).float(), (1, 0))
        count, half = stft.frame_count(waves.shape[-1]), stft.width // 2
        padded = nn.functional.pad(signs, (half, half + stft.width + stft.hop))
        return nn.functional.avg_pool1d(padded, stft.width, stft.hop)[..., :count].transpose(1, 2)

    def _parts(self, frames: Tensor) -> list[Tensor]:
        """Cut (time, feature) into equal parts of at least one frame."""
        count = len(frames)
        edges = [round(i * count / self.settings.parts) for i in range(self.settings.parts + 1)]
        return [frames[min(a, count - 1) : max(b, min(a, count - 1) + 1)] for a, b in pairwise(edges)]


def _deviation(frames: Tensor) -> Tensor:
    return frames.std(dim=0, correction=0)
